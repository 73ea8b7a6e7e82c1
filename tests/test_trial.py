"""The live test: arms by chance that replay, a rule that acts as it said."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest
import torch

from bot.__main__ import serve
from bot.settings import Settings
from engine import trial, tuned
from engine.errors import InForceAlready, ModelMissing
from engine.journal import Fact, Journal, Place
from engine.reward import Example, RewardConfig, RewardModel
from engine.trial import Arms, Trial
from engine.trial_people import Judged
from engine.tuned import CurrentReward
from engine.values import Draft, Reply, Request
from tests.tiny import tiny_models

TINY = RewardConfig(embedding=4, units=4, epochs=1, folds=2)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two versions of a reward model, the older one in force."""
    torch.set_num_threads(1)
    rows = [Example("chat", f"{'春江'[n % 2]}花{n % 7}", float(n % 2)) for n in range(30)]
    for seed in (1, 2):
        model = RewardModel.fit(rows, TINY, seed)
        draft = tmp_path / "reward" / f"draft{seed}"
        version = model.save(draft, f"# {seed}\n")
        draft.rename(draft.with_name(version))
        if seed == 1:
            tuned.promote(tmp_path, "reward", version)
    return tmp_path


def other(models: Path) -> str:
    return next(name for name in tuned.versions(models, "reward") if name != tuned.current(models, "reward"))


def stream(seed: int, gain: float, number: int) -> list[Judged]:
    """Replies of which most get no reaction; the new model's are liked more often by `gain`."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        new, opinions = rng.random() < 0.5, ()
        if rng.random() < 0.4:
            value = 1.0 if rng.random() < 0.6 + (gain / 0.8 if new else 0.0) else -1.0
            opinions = ((f"p{rng.randrange(30)}", value),)  # type: ignore[assignment]
        found.append(Judged(new, opinions))
    return found


def tried(live: Trial, file: Path, replies: int = 400) -> Journal:
    """A journal with replies of both arms, of which the new one's are liked more."""
    journal = Journal(file, clock=lambda: 100.0)
    journal._db.execute("PRAGMA synchronous = OFF")
    for number in range(replies):
        version = live.arm(number)
        draft = Draft("好", "好", "generated", (), 0.0, {}, 0.5)
        reply = Reply(
            f"g{number:03d}", "chat", "好", "generated", "talk@0", number, {}, (draft,), 0, 1.0, version
        )
        journal.record(Request("chat", "hi"), reply, "asker", Place("console"))
        value = 1.0 if version == live.version or number % 3 == 0 else -1.0
        journal.react(Fact(reply.generation, f"p{number % 20}", "button", value))
    return journal


def test_a_real_gain_is_found_and_a_loss_is_dropped() -> None:
    live = Trial("new", "", 0.0, 3000)
    better = [trial.decide(live, stream(seed, 0.2, 3000)) for seed in range(10)]
    worse = [trial.decide(live, stream(seed, -0.2, 3000)) for seed in range(10)]
    assert sum(found.verdict == "promote" for found in better) >= 9
    assert all(found.verdict == "drop" for found in worse)
    assert all(found.looked_at < 3000 for found in better if found.verdict == "promote")


def test_a_trial_that_shows_nothing_ends_when_it_said() -> None:
    live = Trial("new", "", 0.0, 500)
    rows = stream(3, 0.0, 500)
    assert trial.decide(live, rows[:499]).verdict == "running"
    assert trial.decide(live, rows).verdict == "drop"
    assert trial.decide(live, []).verdict == "running"


def test_an_arm_is_the_seeds_and_as_likely_as_the_other() -> None:
    live = Trial("new", "old", 0.0)
    arms = [live.arm(seed) for seed in range(2000)]
    assert arms == [live.arm(seed) for seed in range(2000)]
    assert 900 < arms.count("new") < 1100


def test_a_running_engine_takes_up_a_trial_and_lets_go_of_it(models: Path) -> None:
    arms = Arms(models, CurrentReward(models))
    usual, new = tuned.current(models, "reward"), other(models)

    def seen() -> set[str]:
        return {"" if model is None else model.hash for model in map(arms.model, range(40))}

    assert seen() == {usual}
    live = trial.begin(models, new)
    assert seen() == {usual, new}
    assert all(arms.model(seed).hash == live.arm(seed) for seed in range(40))  # type: ignore[union-attr]
    tuned.rollback(models, "reward")  # the model it is held against is gone: so is the trial
    assert trial.running(models) is None
    assert seen() == {""}


def test_a_version_that_is_broken_is_not_tried(models: Path) -> None:
    new = other(models)
    trial.begin(models, new)
    (models / "reward" / new / "model.safetensors").write_bytes(b"broken")
    arms = Arms(models, CurrentReward(models))
    assert {arms.model(seed).hash for seed in range(20)} == {tuned.current(models, "reward")}  # type: ignore[union-attr]


def test_only_what_is_there_can_be_tried(models: Path) -> None:
    with pytest.raises(ModelMissing):
        trial.begin(models, "nothing")
    with pytest.raises(InForceAlready, match="is in force already"):
        trial.begin(models, tuned.current(models, "reward"))
    assert trial.running(models) is None


def test_one_person_promotes_nothing(models: Path, tmp_path: Path) -> None:
    """A third of the replies is judged by one person, all for the new model; a third by forty others, who
    like the one in force a little more."""
    live, rng = trial.begin(models, other(models), now=0.0), random.Random(5)
    with Journal(tmp_path / "journal.db", clock=lambda: 100.0) as journal:
        journal._db.execute("PRAGMA synchronous = OFF")
        for number in range(900):
            version = live.arm(number)
            draft = Draft("好", "好", "generated", (), 0.0, {}, 0.5)
            reply = Reply(
                f"g{number:03d}", "chat", "好", "generated", "talk@0", number, {}, (draft,), 0, 1.0, version
            )
            journal.record(Request("chat", "hi"), reply, "asker", Place("console"))
            new = version == live.version
            if number % 3 == 0:
                journal.react(Fact(reply.generation, "zealot", "button", 1.0 if new else -1.0))
            elif number % 3 == 1:
                value = 1.0 if rng.random() < (0.45 if new else 0.55) else -1.0
                journal.react(Fact(reply.generation, f"p{number % 40}", "button", value))
        found = trial.settle_trial(journal, models, now=100.0 + trial.SETTLED)
    assert found is not None
    assert found.new_value > found.old_value  # counted by vote
    assert found.verdict == "running"
    assert tuned.current(models, "reward") == live.against


def test_what_nobody_judged_ends_as_plain_json(models: Path) -> None:
    live = trial.begin(models, other(models), most=100, now=0.0)
    assert trial.conclude(models, trial.decide(live, [Judged(False)] * 100)) == "drop"
    line = json.loads((models / "reward" / trial.ENDED).read_text(), parse_constant=pytest.fail)
    assert line["gain"] == {"value": 0.0, "low": None, "high": None}


def test_a_trial_reads_the_journal_and_its_rule_acts(models: Path, tmp_path: Path) -> None:
    usual, new = tuned.current(models, "reward"), other(models)
    live = trial.begin(models, new, most=400, now=0.0)
    with tried(live, tmp_path / "journal.db") as journal:
        early = trial.standing(journal, live, now=200.0)
        assert (early.new, early.old, early.verdict) == (0, 0, "running")  # nothing is a day old
        assert trial.conclude(models, early) == "running"
        found = trial.standing(journal, live, now=100.0 + trial.SETTLED)
    assert found.new_value == 1.0
    assert found.old_value < 0
    assert found.gain.low > 0
    assert trial.conclude(models, found) == "promote"
    assert tuned.current(models, "reward") == new
    assert trial.running(models) is None
    line = json.loads((models / "reward" / trial.ENDED).read_text().splitlines()[-1])
    assert line["verdict"] == "promote"
    assert line["trial"]["against"] == usual
    assert tuned.rollback(models, "reward") == usual


def test_a_trial_is_settled_once(models: Path, tmp_path: Path) -> None:
    new = other(models)
    live = trial.begin(models, new, most=400, now=0.0)
    with tried(live, tmp_path / "journal.db") as journal:
        first = trial.settle_trial(journal, models, now=100.0 + trial.SETTLED)
        assert first is not None
        assert first.verdict == "promote"
        assert trial.settle_trial(journal, models) is None
        again = trial.begin(models, first.trial.against)
        trial.conclude(models, first)  # a slower process: the trial that runs now is another one
    assert trial.running(models) == again
    assert len((models / "reward" / trial.ENDED).read_text().splitlines()) == 1


def test_a_better_model_that_is_broken_is_dropped(models: Path, tmp_path: Path) -> None:
    usual, new = tuned.current(models, "reward"), other(models)
    live = trial.begin(models, new, most=400, now=0.0)
    (models / "reward" / new / "model.safetensors").write_bytes(b"broken")
    with tried(live, tmp_path / "journal.db") as journal:
        found = trial.settle_trial(journal, models, now=100.0 + trial.SETTLED)
    assert found is not None
    assert (found.verdict, tuned.current(models, "reward")) == ("drop", usual)
    assert trial.running(models) is None


def test_what_was_put_in_force_meanwhile_ends_a_trial_for_good(models: Path) -> None:
    usual, new = tuned.current(models, "reward"), other(models)
    ways = (
        [lambda: tuned.promote(models, "reward", new), lambda: tuned.rollback(models, "reward")],
        [lambda: tuned.rollback(models, "reward"), lambda: tuned.promote(models, "reward", usual)],
        [lambda: tuned.promote(models, "reward", usual)],  # as it is: somebody decided
    )
    arms = Arms(models, CurrentReward(models))
    for number, changes in enumerate(ways, 1):
        live = trial.begin(models, new, now=0.0)
        for change in changes:
            change()
            assert trial.running(models) is None
        assert tuned.current(models, "reward") == usual
        assert {arms.model(seed).hash for seed in range(20)} == {usual}  # type: ignore[union-attr]
        assert not (models / "reward" / trial.FILE).exists()
        lines = list(map(json.loads, (models / "reward" / trial.ENDED).read_text().splitlines()))
        assert len(lines) == number
        assert (lines[-1]["verdict"], Trial(**lines[-1]["trial"])) == ("stopped", live)
    late = [Judged(number % 2 == 0, ((f"p{number}", 1.0 - number % 2 * 2),)) for number in range(400)]
    found = trial.decide(live, late)
    assert found.verdict == "promote"
    trial.conclude(models, found)  # a process that had looked before
    assert tuned.current(models, "reward") == usual


def test_a_trial_does_not_come_back_where_a_promotion_was_killed_before_it_had_ended_it(models: Path) -> None:
    usual, new = tuned.current(models, "reward"), other(models)
    trial.begin(models, new)
    arms, file = Arms(models, CurrentReward(models)), models / "reward" / trial.FILE
    assert len({arms.model(seed).hash for seed in range(20)}) == 2  # type: ignore[union-attr]
    left, line = file.read_bytes(), models / "reward" / tuned.HISTORY
    before = line.read_bytes()
    tuned.promote(models, "reward", new)
    file.write_bytes(left)
    line.write_bytes(before)  # killed after the switch, before its line in the history
    assert trial.running(models) is None
    tuned.promote(models, "reward", usual)
    file.write_bytes(left)  # and again, after the line
    assert tuned.current(models, "reward") == usual
    assert trial.running(models) is None
    assert {arms.model(seed).hash for seed in range(20)} == {usual}  # type: ignore[union-attr]
    assert trial.begin(models, new) == trial.running(models)


def test_broken_files_stop_no_reply(models: Path) -> None:
    trial.begin(models, other(models))
    arms = Arms(models, CurrentReward(models))
    (models / "reward" / tuned.CURRENT).write_bytes(b"\xff\xfe")
    assert arms.model(1) is None
    assert trial.running(models) is None


async def test_a_running_bot_ends_a_trial_by_itself(models: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    settings = Settings(models=tiny_models(shipped), data=tmp_path / "data", port=0, locale="en", keep_days=0)
    settings.tuned.mkdir(parents=True)
    (models / "reward").rename(settings.tuned / "reward")
    live = trial.begin(settings.tuned, other(settings.tuned), most=400, now=0.0)
    tried(live, settings.journal).close()
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, stop))
    for _ in range(3000):
        if trial.running(settings.tuned) is None or serving.done():
            break
        await asyncio.sleep(0.02)
    stop.set()
    await serving
    assert tuned.current(settings.tuned, "reward") == live.version
