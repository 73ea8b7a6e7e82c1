"""What may not be sent is no draft, and an asking in danger reaches nothing that writes, keeps or learns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine import Engine, Fact, Journal, NothingGood, Reply, Request, safety
from engine.book import Book
from engine.compose import Composer
from engine.passages import FILE, Passages
from tests import tiny
from tests.replies import HERE, reply


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


def test_an_unsafe_draft_is_dropped_and_without_any_there_is_nothing_good(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(models=models, book=False)
    request = Request("poem", "秋夜", {"form": "wujue"}, seed=3)
    before = engine.write_now(request)
    banned = before.drafts[before.chosen].text

    def unless_first(texts: Sequence[str]) -> list[bool]:
        first = "".join(character for character in banned if character not in "，。\n")
        return ["".join(text.split()) != first for text in texts]

    monkeypatch.setattr(safety, "safe", unless_first)
    after = engine.write_now(request)
    assert banned not in [draft.text for draft in after.drafts]
    assert len(after.drafts) == len(before.drafts) - 1
    monkeypatch.setattr(safety, "safe", lambda texts: [False] * len(texts))
    for one in (request, Request("chat", "你好", seed=3)):
        with pytest.raises(NothingGood):
            engine.write_now(one)
    with pytest.raises(NothingGood):  # a page of the book is checked as well
        Engine(models=models).write_now(Request("chat", "你好", seed=3))


def test_a_draft_that_copies_somebody_elses_passage_is_dropped(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "talk").mkdir()
    for file in (models / "talk").iterdir():
        (tmp_path / "talk" / file.name).write_bytes(file.read_bytes())
    Passages.build(["图书馆的窗外下着很大的雨没有人说话"]).save(tmp_path / "talk" / FILE)
    asked: list[str] = []

    def copies(self: Passages, text: str, prompt: str = "") -> bool:
        asked.append(prompt)
        return True

    monkeypatch.setattr(Passages, "copies", copies)
    with pytest.raises(NothingGood):
        Engine(models=tmp_path, book=False).write_now(Request("chat", "你好呀", seed=3))
    assert asked
    assert all("你好呀" in prompt for prompt in asked)


DANGER = ("不想活了", "我不想活了", "不 想 活 了", "i want to kill myself", "想4了", "kms")


@pytest.mark.parametrize("words", DANGER)
def test_danger_reaches_nothing_that_writes_varies_keeps_or_learns(
    words: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("danger came this far")

    monkeypatch.setattr(Composer, "compose", never)
    monkeypatch.setattr(Book, "nearest", never)
    engine = Engine(models=models)
    locale = "en" if words.isascii() else "zh-CN"
    requests = [Request(task, words, locale=locale) for task in ("chat", "continue", "poem")]
    requests.append(Request("poem", "秋夜", {"form": words}, locale=locale))
    earlier = reply()
    for request in requests:
        answer = engine.write_now(request)
        varied = asyncio.run(_vary(models, request, earlier))
        for fixed in (answer, varied):
            assert fixed.origin == "fixed"
            assert fixed.latent == ()
            assert [draft.own_text for draft in fixed.drafts] == [""]
        assert engine.replay(request, answer) is answer
    with Journal(tmp_path / "journal.db") as journal:
        journal.record(requests[0], answer, "person", HERE)
        journal.react(Fact(answer.generation, "person", "button", 1.0, "up"))
        assert list(journal.judged()) == []


async def _vary(models: Path, request: Request, earlier: Reply) -> Reply:
    async with Engine(models=models) as engine:
        return await engine.vary(request, earlier)
