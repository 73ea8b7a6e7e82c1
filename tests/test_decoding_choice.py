"""The choice of decoding: drawn as likely as it says, logged, replayed; without signals nothing changes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from engine import Engine, Request, tuned
from engine.decoding_choice import (
    ARMS,
    CONTROL,
    OWN,
    Choices,
    arms_of,
)
from engine.errors import ModelBroken
from engine.prompt import load_tasks
from engine.values import Reply
from tests import tiny

TASKS = load_tasks()
CHAT = TASKS["chat"]


def test_the_draw_is_fixed_by_the_seed_and_as_likely_as_it_says() -> None:
    weights = {arm: 0.0 for arm in ARMS} | {"warmer": 0.7, OWN: 0.3}
    choices = Choices({"chat": {"": weights}})
    count: Counter[tuple[str, bool]] = Counter()
    said: dict[str, float] = {}
    draws = 20_000
    for seed in range(draws):
        chosen = choices.draw(CHAT, Request("chat"), seed)
        assert chosen is not None
        assert chosen == choices.draw(CHAT, Request("chat"), seed)
        count[chosen.arm, chosen.control] += 1
        said[chosen.arm] = chosen.propensity
    for arm in ARMS:
        both = (count[arm, True] + count[arm, False]) / draws
        assert both == pytest.approx(said[arm], abs=0.012)
        assert count[arm, True] / draws == pytest.approx(CONTROL / len(ARMS), abs=0.005)
    assert sum(said.values()) == pytest.approx(1)
    assert said["warmer"] == pytest.approx((1 - CONTROL) * 0.7 + CONTROL / len(ARMS))


def test_what_people_chose_goes_before() -> None:
    choices = Choices({"chat": {"": {arm: 1.0 for arm in ARMS}}})
    assert choices.draw(CHAT, Request("chat"), 1) is not None
    assert choices.draw(CHAT, Request("chat", tone="lively"), 1) is None
    assert choices.draw(CHAT, Request("chat", length="short"), 1) is None


def test_settings_lie_near_the_prompt_files_own_and_leave_verse_its_length() -> None:
    assert ARMS[OWN].of(CHAT.decoding) == {
        "temperature": CHAT.decoding.temperature,
        "nucleus": CHAT.decoding.nucleus,
    }
    for task in TASKS.values():
        for arm in arms_of(task):
            values = ARMS[arm].of(task.decoding)
            assert 0.7 <= values["temperature"] / task.decoding.temperature <= 1.35
            assert abs(values["nucleus"] - task.decoding.nucleus) <= 0.1
            assert "ending" not in values or task.model == "talk"
    assert arms_of(TASKS["translate"]) == arms_of(TASKS["vary"]) == arms_of(TASKS["summary"]) == ()


# --- in the engine


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


def plain(written: Reply) -> str:
    return dataclasses.replace(written, generation="", milliseconds=0.0).to_json()


def put_in_force(folder: Path, choices: Choices) -> str:
    draft = folder / "decoding" / "draft"
    draft.mkdir(parents=True)
    choices.save(draft)
    (draft / "CARD.md").write_text("# A card\n")
    version = tuned.hash_of(draft, "decoding")
    draft.rename(folder / "decoding" / version)
    return tuned.promote(folder, "decoding", version)


REQUESTS = [
    Request("continue", "今天第3次见面，你好吗？", seed=5, channel="c"),
    Request("poem", "秋夜", {"form": "wujue"}, seed=9, channel="c"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=["prose", "verse"])
def test_without_signals_replies_are_todays_bit_for_bit(
    models: Path, tmp_path: Path, request_: Request
) -> None:
    today = Engine(models=models, book=False)
    today.tasks["continue"] = easy(today)
    alone = today.write_now(dataclasses.replace(request_, channel=""))
    engine = Engine(models=models, tuned=tmp_path, book=False)
    engine.tasks["continue"] = easy(engine)
    assert plain(engine.write_now(request_)) == plain(alone)
    assert "choice" not in alone.decoding
    put_in_force(tmp_path, Choices({"chat": {"": {"warmer": 1.0}}}))  # of another task
    assert plain(engine.write_now(request_)) == plain(alone)


def easy(engine: Engine) -> object:
    """Models that learnt nothing write nothing good."""
    task = engine.tasks["continue"]
    return dataclasses.replace(task, decoding=dataclasses.replace(task.decoding, abstain=-1.0))


@pytest.mark.parametrize("request_", REQUESTS, ids=["prose", "verse"])
def test_a_drawn_setting_is_logged_replays_and_is_taken_back(
    models: Path, tmp_path: Path, request_: Request
) -> None:
    engine = Engine(models=models, tuned=tmp_path, book=False)
    engine.tasks["continue"] = easy(engine)
    before = engine.write_now(request_)
    arms = {"warmer": 1.0}
    put_in_force(tmp_path, Choices({request_.task: {"": arms}}, control=0.0))
    written = engine.write_now(request_)
    own = engine.tasks[request_.task].decoding.temperature
    assert written.decoding["choice"] == {"arm": "warmer", "control": False, "propensity": 1.0}
    assert written.decoding["temperature"] == pytest.approx(1.3 * own)
    assert written.text != before.text
    if written.form is not None:
        assert written.form.ok
    tuned.rollback(tmp_path, "decoding")
    assert plain(engine.replay(request_, written)) == plain(written)
    assert plain(engine.write_now(request_)) == plain(before)


def test_a_reply_near_another_draws_nothing_anew(models: Path, tmp_path: Path) -> None:
    async def near() -> Reply:
        async with Engine(models=models, tuned=tmp_path, book=False) as engine:
            engine.tasks["continue"] = easy(engine)
            first = await engine.write(REQUESTS[0])
            assert first.decoding["choice"]["arm"] == "longer"
            assert first.decoding["ending"] == -1.0
            return await engine.vary(REQUESTS[0], first)

    put_in_force(tmp_path, Choices({"continue": {"": {"longer": 1.0}}}, control=0.0))
    written = asyncio.run(near())
    assert "choice" not in written.decoding
    assert written.decoding["ending"] == -1.0


def test_danger_is_never_drawn_for(models: Path, tmp_path: Path) -> None:
    put_in_force(tmp_path, Choices({"chat": {"": {"warmer": 1.0}}}))
    written = Engine(models=models, tuned=tmp_path).write_now(Request("chat", "我不想活了", seed=1))
    assert written.origin == "fixed"
    assert set(written.decoding) == {"intent"}


def test_a_file_that_is_not_the_one_its_name_promises_is_refused(tmp_path: Path) -> None:
    version = put_in_force(tmp_path, Choices({"chat": {"": {"warmer": 1.0}}}))
    folder = tmp_path / "decoding" / version
    assert Choices.load(folder).tasks == {"chat": {"": {"warmer": 1.0}}}
    for text in ("[]", "{", '{"tasks": {"chat": {}}, "control": 0.1}', '{"tasks": {}, "control": 0.5}'):
        (folder / "choices.json").write_text(text)
        with pytest.raises(ModelBroken):
            Choices.load(folder)
    by_hand = tmp_path / "by-hand"
    folder.rename(by_hand)
    (by_hand / "choices.json").write_text('{"tasks": {}}')
    with pytest.raises(ModelBroken):
        Choices.load(by_hand)
