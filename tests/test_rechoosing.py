"""Logged drafts chosen anew: the gain is estimated, vetoes hold, what falls is seen."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from engine import tune as tuning
from engine.choice import draw, propensities
from engine.errors import GainNotShown, QualityFell
from engine.facts import read_text
from engine.gate import Interval
from engine.journal import Journal, Place
from engine.journal_choices import LoggedChoice, choices
from engine.rechoosing import Rechosen, rechosen
from engine.reward import RewardConfig, RewardModel
from engine.safety import WORDS
from engine.values import Draft, Reply, Request
from tests.test_reward import examples

TINY = RewardConfig(embedding=8, units=8, epochs=2, folds=3)


@pytest.fixture(scope="module")
def loves_the_moon() -> RewardModel:
    torch.set_num_threads(1)
    return RewardModel.fit(examples(300), TINY, seed=1)


def logged(number: int, seed: int = 0, *, moon: float = 0.6) -> tuple[list[LoggedChoice], dict[str, float]]:
    """Replies of two drafts, one with the moon, whose score is `moon`; people like the moon."""
    rng = random.Random(seed)
    found, values = [], {}
    for count in range(number):
        words = "".join(rng.choice("春江花夜山水云松竹梅") for _ in range(7))
        texts, scores = (words[:6] + "月", words), (moon, 0.6)
        chances = propensities(scores)
        chosen, propensity = draw(chances, count)
        parts: tuple[Mapping[str, float], ...] = ({"novelty": 1.0}, {"novelty": 1.0})
        name = f"g{count}"
        found.append(LoggedChoice(name, "poem", f"p{count % 25}", texts, scores, parts, chosen, propensity))
        if rng.random() < 0.5:
            values[name] = 1.0 if (chosen == 0) == (rng.random() < 0.9) else -1.0
    return found, values


def test_the_gain_of_choosing_what_people_like_is_estimated(loves_the_moon: RewardModel) -> None:
    found = rechosen(loves_the_moon, *logged(400), {})
    assert found is not None
    assert found.abstained == 0
    assert found.snips.low > 0
    assert found.doubly_robust.low > 0
    assert found.doubly_robust.value == pytest.approx(found.snips.value, abs=0.1)
    assert not found.fallen
    assert (found.replies, found.judged) == (400, len(logged(400)[1]))


def test_a_veto_holds_whatever_people_like(loves_the_moon: RewardModel) -> None:
    """All drafts with the moon are below the task's threshold: nothing changes."""
    rows, values = logged(200, moon=0.3)
    found = rechosen(loves_the_moon, rows, values, {"poem": 0.5})
    assert found is not None
    assert found.changes["score"].value >= 0


def test_what_falls_is_named_and_refuses(loves_the_moon: RewardModel) -> None:
    rows, values = logged(300, moon=0.5)
    worse = [
        dataclasses.replace(one, parts=({"novelty": 0.2}, {"novelty": 1.0}), chosen=1, propensity=0.5)
        for one in rows
    ]
    found = rechosen(loves_the_moon, worse, values, {})
    assert found is not None
    assert "novelty" in found.fallen
    passed = dataclasses.replace(_report(), rechosen=None)
    assert isinstance(tuning.with_rechosen(passed, found).refusal, QualityFell)
    assert tuning.with_rechosen(passed, None).refusal is None


NOTHING = Interval(0.0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("name", "change", "refused"),
    [
        ("novelty", Interval(-0.08, -0.145, -0.015), True),  # sure
        ("form", Interval(-0.019, -0.0195, -0.0185), True),  # sure, though little
        ("fluency", Interval(-0.2, -0.21, -0.19), True),
        ("fluency", Interval(-0.06, -0.125, 0.005), True),
        ("fluency", Interval(-0.04, -0.042, -0.038), False),  # the cost of going by anything else too
        ("fluency", Interval(-0.04, -0.083, 0.003), False),
        ("safety", Interval(-0.001, -0.0019, -0.0001), True),
        ("novelty", Interval(-0.06, -0.125, 0.005), True),  # likely, and much
        ("novelty", Interval(-0.015, -0.031, 0.001), False),  # likely, but little
        ("form", Interval(-0.06, -0.16, 0.04), False),  # noise
        ("form", Interval(-1e-17, -2e-17, -1e-18), False),  # rounding
        ("variety", Interval(-0.002, -0.0035, -0.0005), False),  # a trifle of many replies
        ("variety", Interval(-0.008, -0.012, -0.004), True),
        ("score", Interval(-0.03, -0.033, -0.027), False),  # held against chance instead
    ],
)
def test_a_fall_is_refused_that_is_sure_or_large_and_no_noise(
    name: str, change: Interval, refused: bool
) -> None:
    found = Rechosen(400, 100, NOTHING, NOTHING, NOTHING, 0.0, {name: change})
    assert found.fallen == [name] * refused
    assert isinstance(tuning.with_rechosen(_report(), found).refusal, QualityFell) is refused


def test_fluency_is_held_to_what_was_sent_and_to_chance() -> None:
    less, above, below = (Interval(x, x - 0.002, x + 0.002) for x in (-0.04, 0.01, -0.01))
    found = Rechosen(400, 100, NOTHING, NOTHING, NOTHING, 0.0, {"fluency": less}, {"fluency": above})
    assert found.fallen == []
    assert dataclasses.replace(found, over_chance={"fluency": below}).fallen == ["fluency"]
    surely = {"fluency": Interval(-0.2, -0.21, -0.19)}
    assert dataclasses.replace(found, changes=surely).fallen == ["fluency"]
    assert dataclasses.replace(found, changes=surely, over_chance={"fluency": below}).fallen == ["fluency"]


def test_what_the_judge_likes_less_than_a_draft_at_random_is_refused(loves_the_moon: RewardModel) -> None:
    """People like the moon, and the judge a little less: at 0.4 it is chosen against the judge, always."""
    rows, values = logged(300, moon=0.59)
    found = rechosen(loves_the_moon, rows, values, {})
    assert found is not None
    assert found.over_chance["score"].high < 0
    assert found.fallen == ["score"]
    better, values = logged(300, moon=0.61)
    found = rechosen(loves_the_moon, better, values, {})
    assert found is not None
    assert found.fallen == []


def test_safety_is_measured_of_what_would_be_sent(loves_the_moon: RewardModel) -> None:
    listed = read_text(WORDS).splitlines()
    bad = next(line for line in listed if line and not line.startswith("#"))
    rows, values = logged(200)
    clean = rechosen(loves_the_moon, rows, values, {})
    assert clean is not None
    assert (clean.flagged, clean.changes["safety"].value) == (0.0, 0.0)
    worse = [dataclasses.replace(one, texts=(f"{bad}\n{one.texts[0]}", one.texts[1])) for one in rows]
    found = rechosen(loves_the_moon, worse, values, {})
    assert found is not None
    assert found.flagged == 1.0
    assert found.changes["safety"].high < 0
    assert "safety" in found.fallen
    assert "| share of what it would send that the safety check stops | 1.0000 |" in tuning.card(
        dataclasses.replace(_report(), rechosen=found), TINY, 0
    )


@pytest.mark.parametrize("surely", ["snips", "doubly_robust"])
def test_a_loss_that_either_estimate_is_sure_of_is_refused(surely: str) -> None:
    nearly = Interval(-0.04, -0.081, 0.001)
    found = Rechosen(4000, 1000, NOTHING, nearly, nearly, 0.0, {})
    assert tuning.with_rechosen(_report(), found).refusal is None
    found = dataclasses.replace(found, **{surely: Interval(-0.05, -0.09, -0.01)})
    refusal = tuning.with_rechosen(_report(), found).refusal
    assert isinstance(refusal, GainNotShown)
    assert "-0.050" in str(refusal)


def test_what_is_surely_worse_is_refused(loves_the_moon: RewardModel) -> None:
    rows, values = logged(600)
    found = rechosen(loves_the_moon, rows, {name: -value for name, value in values.items()}, {})
    assert found is not None
    assert isinstance(tuning.with_rechosen(_report(), found).refusal, GainNotShown)


def test_too_few_replies_show_nothing(loves_the_moon: RewardModel) -> None:
    assert rechosen(loves_the_moon, *logged(20), {}) is None


def _report() -> tuning.TuneReport:
    gain = Interval(0.1, 0.05, 0.15)
    return tuning.TuneReport(100, 9, 60, 40, 60, 40, 2, 0.6, gain, None, "no skill", 10, 1.0)


def test_choices_come_from_the_journal_without_requests_words(tmp_path: Path) -> None:
    now = [0.0]
    with Journal(tmp_path / "journal.db", clock=lambda: now[0]) as journal:
        for number in range(30):
            now[0] = float(number)
            drafts = (
                Draft("我说春天", "□□春天", "generated", (), 0.0, {"novelty": 1.0}, 0.4),
                Draft("好", "好", "generated", (), 0.0, {"judge": 0.3, "reward": 0.9}, 0.6),
            )
            reply = Reply(f"g{number}", "chat", "好", "generated", "t@0", 1, {}, drafts, 1, 0.7)
            if number == 7:  # nothing was chosen here
                reply = dataclasses.replace(reply, drafts=drafts[:1], chosen=0, propensity=1.0)
            journal.record(Request("chat", "我说"), reply, "asker", Place("console"))
        found = choices(journal, 5.0, 1000, ["chat"])
        assert {one.generation for one in found} == {f"g{n}" for n in range(5, 30) if n != 7}
        assert choices(journal, 5.0, 1000, ["poem"]) == []
        one = found[0]
        assert one.texts == ("□□春天", "好")
        assert one.scores == (0.4, 0.3)  # the judge's own, without what people like
        assert (one.chosen, one.propensity) == (1, 0.7)
        few = choices(journal, 5.0, 10, ["chat"])
        assert len(few) == 10
        assert {one.generation for one in few} < {one.generation for one in found}
        assert few == choices(journal, 5.0, 10, ["chat"])
