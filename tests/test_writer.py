"""The engine through its one door, with real models that are tiny."""

import asyncio
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine import (
    AnotherModel,
    BadOption,
    Engine,
    Message,
    ModelMissing,
    NothingGood,
    NothingToSummarize,
    Reply,
    Request,
    UnknownTask,
    load_tasks,
)
from engine.errors import HeadMissing
from engine.forms import FORMS
from engine.talk_task import conversation, words_of
from engine.text import han_only
from tests import tiny

PROGRAM = """
import json, sys
from pathlib import Path
from engine import Engine, Request
engine = Engine(models=Path(sys.argv[1]))
reply = engine.write_now(Request("poem", "秋夜", seed=11))
print(json.dumps([reply.text, list(reply.latent), [d.log_probability for d in reply.drafts]]))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def engine(models: Path) -> Engine:
    return Engine(models=models)


def test_a_poem_keeps_its_form_and_says_everything_needed_to_replay_it(engine: Engine) -> None:
    request = Request("poem", "秋夜", {"form": "五绝"}, seed=5)
    reply = engine.write_now(request)
    assert reply.form is not None
    assert reply.form.ok or reply.form.relaxed
    assert reply.lines is not None
    assert [len(line) for line in reply.lines] == [5] * 4
    assert len(reply.latent) == 4
    assert 0 < reply.propensity <= 1
    again = engine.replay(request, Reply.from_json(reply.to_json()))
    assert (again.text, again.latent, again.chosen) == (reply.text, reply.latent, reply.chosen)
    assert again.drafts == reply.drafts


def test_a_replay_uses_the_book_as_the_reply_did_and_refuses_another_model(
    models: Path, tmp_path: Path
) -> None:
    request = Request("chat", "你好", seed=2)
    with_book = Engine(models=models).write_now(request)
    without = Engine(models=models, book=False)
    chat = without.tasks["chat"]
    always = dataclasses.replace(chat, decoding=dataclasses.replace(chat.decoding, abstain=0.0))
    without.tasks["chat"] = always
    again = without.replay(request, with_book)
    assert (again.text, again.drafts) == (with_book.text, with_book.drafts)
    assert "book" not in {draft.origin for draft in without.write_now(request).drafts}
    with pytest.raises(AnotherModel, match="put that model back"):
        without.replay(request, dataclasses.replace(with_book, model="talk@000000000000"))


def test_every_draft_keeps_the_latent_it_was_decoded_from(engine: Engine) -> None:
    from engine import decode

    reply = engine.write_now(Request("chat", "你好", seed=21))
    spread = engine.tasks["chat"].decoding.spread
    drawn = [tuple(row) for row in (spread * decode.latents(21, 8, 4)).tolist()]
    assert 0 < spread < 1
    generated = [draft for draft in reply.drafts if draft.origin == "generated"]
    assert {draft.latent for draft in generated} <= set(drawn)
    assert all(draft.text for draft in generated)


def test_words_of_every_free_option_are_blanked(engine: Engine) -> None:
    task = dataclasses.replace(
        engine.tasks["continue"],
        name="post",
        options=(
            *engine.tasks["continue"].options,
            dataclasses.replace(engine.tasks["poem"].options[0], name="mood", main=False),
        ),
    )
    words = words_of(task, Request("post", "開頭是這樣的", {"mood": "我的秘密心情"}, context=("前一句",)))
    for part in ("開頭是這樣的", "开头是这样的", "我的秘密心情", "前一句"):
        assert part in words


def test_the_same_seed_gives_the_same_reply_in_another_process(engine: Engine, models: Path) -> None:
    reply = engine.write_now(Request("poem", "秋夜", seed=11))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(models)], capture_output=True, text=True, check=True
    )
    other = json.loads(done.stdout)
    assert other == [reply.text, list(reply.latent), [d.log_probability for d in reply.drafts]]


def test_no_seed_draws_a_new_one(engine: Engine) -> None:
    assert engine.write_now(Request("poem")).seed != engine.write_now(Request("poem")).seed


def test_talk_answers_with_judged_drafts(engine: Engine) -> None:
    reply = engine.write_now(Request("chat", "你好", seed=1))
    assert reply.text
    assert {draft.origin for draft in reply.drafts} <= {"generated", "book"}
    assert "book" in {draft.origin for draft in reply.drafts}
    assert all("repetition" in draft.scores for draft in reply.drafts)
    assert engine.replay(Request("chat", "你好"), reply).text == reply.text


@pytest.mark.parametrize("task", ["chat", "continue", "poem"])
def test_danger_is_answered_before_anything_is_generated(models: Path, task: str) -> None:
    fresh = Engine(models=models)
    reply = fresh.write_now(Request(task, "我不想活了"))
    assert reply.origin == "fixed"
    assert fresh.status()["models"]["talk"]["loaded"] is False
    assert reply.draft.own_text == ""
    assert len({fresh.write_now(Request(task, "我不想活了", seed=seed)).text for seed in range(5)}) == 1


async def test_varying_stays_near_and_is_replayable(engine: Engine) -> None:
    request = Request("poem", "月", seed=3)
    first = engine.write_now(request)
    varied = await engine.vary(Request("poem", "月", seed=4), first)
    assert varied.decoding["near"] == list(first.latent)
    again = engine.replay(Request("poem", "月"), varied)
    assert (again.text, again.latent) == (varied.text, varied.latent)


async def test_many_at_once_are_all_answered_as_they_are_alone(engine: Engine) -> None:
    requests = [Request("poem", "山", seed=seed) for seed in range(6)]
    together = await asyncio.gather(*(engine.write(request) for request in requests))
    assert [reply.text for reply in together] == [engine.write_now(request).text for request in requests]


async def test_an_unknown_task_gets_a_sentence_that_names_the_others(engine: Engine) -> None:
    with pytest.raises(UnknownTask, match="chat"):
        await engine.write(Request("song", "x"))


def test_a_model_that_is_nowhere_is_missing(tmp_path: Path) -> None:
    from engine.weights import folder_of

    with pytest.raises(ModelMissing, match="python -m engine train"):
        folder_of("absent", tmp_path)


async def test_summaries_quote_their_sources(engine: Engine) -> None:
    messages = [
        Message("1", "甲", "周六下午三点在图书馆开会，讨论下个月的诗会。", 0),
        Message("2", "乙", "好的，我来负责订场地，预算是三百元。", 2),
        Message("3", "丙", "我负责写海报，周五之前交给大家看。", 5),
        Message("4", "甲", "那就这么定了：周六下午三点，图书馆二楼。", 7),
    ]
    summary = await engine.summarize(messages, points=2)
    assert summary.points
    texts = {message.id: message.text for message in messages}
    for point in summary.points:
        assert any(point.text.strip("。") in texts[source] for source in point.sources)
    with pytest.raises(NothingToSummarize):
        await engine.summarize([Message("1", "甲", "  ")])


def test_every_form_that_a_poem_may_have_keeps_itself_and_replays(models: Path) -> None:
    engine = Engine(models=models)
    option = engine.tasks["poem"].option("form")
    assert option is not None
    known = [choice.value for choice in option.choices if choice.value in FORMS]
    assert known == list(FORMS)
    for number, form in enumerate(known):
        head = letters_of(engine) if form == "cangtou" else ""
        request = Request("poem", "秋夜", {"form": form, "head": head}, seed=number)
        reply = engine.write_now(request)
        assert reply.form is not None
        assert reply.lines is not None
        assert (reply.form.name, reply.form.ok or bool(reply.form.relaxed)) == (form, True)
        assert "".join(reply.lines) == han_only(reply.text)
        assert not head or [line[0] for line in reply.lines] == list(head)
        assert ("parallel" in reply.draft.scores) == (form in ("wulv", "qilv", "duilian"))
        assert "\n\n" in reply.text or not reply.form.stanza
        again = engine.replay(request, reply)
        assert (again.text, again.form) == (reply.text, reply.form)


def letters_of(engine: Engine) -> str:
    """Four characters that the tiny model knows, from a poem of its own."""
    return han_only(engine.write_now(Request("poem", "", {"form": "qijue"}, seed=3)).text)[:4]


def test_a_given_first_line_is_answered_and_never_learnt_from(models: Path) -> None:
    first = "风雨山水"
    reply = Engine(models=models).write_now(Request("poem", first, {"form": "duilian"}, seed=1))
    assert reply.lines is not None
    assert reply.lines[0] == first
    assert len(reply.lines[1]) == len(first)
    assert all(draft.text.startswith(first) for draft in reply.drafts)
    assert all(draft.own_text.startswith("□" * len(first) + "，") for draft in reply.drafts)


def test_a_name_that_heads_the_lines_is_not_moyous_own(engine: Engine) -> None:
    head = letters_of(engine)
    reply = engine.write_now(Request("poem", "", {"form": "wujue", "head": head}, seed=9))
    assert [line[0] for line in reply.lines or ()] == list(head)
    for draft in reply.drafts:
        own = "".join(c for c in draft.own_text if c.isalnum() or c == "□")
        assert own[::5] == "□□□□"
        assert "□" not in own.replace("□", "", 4)


def test_what_a_head_lacks_is_said(models: Path) -> None:
    with pytest.raises(HeadMissing, match="4 Chinese characters"):
        Engine(models=models).write_now(Request("poem", "", {"form": "cangtou"}))


def test_a_conversation_is_its_turns_then_the_text() -> None:
    task = load_tasks()["chat"]
    assert conversation(task, Request("chat", "第三句", context=("第一句", "第二句"))) == [
        "第一句",
        "第二句",
        "第三句",
    ]


def test_what_is_not_good_enough_is_not_sent(models: Path) -> None:
    strict = Engine(models=models, book=False)
    chat = strict.tasks["chat"]
    strict.tasks["chat"] = dataclasses.replace(chat, decoding=dataclasses.replace(chat.decoding, abstain=1.0))
    with pytest.raises(NothingGood, match="another way"):
        strict.write_now(Request("chat", "你好", seed=1))


def test_a_translation_is_decoded_at_the_middle_and_replays(engine: Engine) -> None:
    request = Request("translate", "I have red books. I have blue cups.", seed=1)
    reply = engine.write_now(request)
    assert not any(reply.latent)
    assert reply.score == reply.draft.scores["confidence"] == max(d.score for d in reply.drafts[:1])
    assert 0 < reply.score <= 1
    assert (reply.chosen, reply.propensity) == (0, 1.0)
    assert engine.write_now(Request("translate", request.text, seed=2)).text == reply.text
    assert engine.replay(request, Reply.from_json(reply.to_json())).drafts == reply.drafts


async def test_a_translation_varies_around_the_middle(engine: Engine) -> None:
    request = Request("translate", "我有红书。", seed=1)
    reply = await engine.vary(request, engine.write_now(request))
    assert any(reply.latent)
    assert reply.origin == "generated"


def test_a_text_in_the_language_asked_for_is_refused(engine: Engine) -> None:
    with pytest.raises(BadOption):
        engine.write_now(Request("translate", "hello", {"to": "英文"}))
