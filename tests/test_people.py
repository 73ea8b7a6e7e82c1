"""People's weights: volume, leniency, agreement, and the cap that no number of votes gets past."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.journal_rows import JudgedText
from engine.people import CAP, capped, leniency, weights_by_person
from engine.reward import RewardConfig, RewardModel
from engine.tune import examples
from tests import population

TINY = RewardConfig(embedding=8, units=8, epochs=1, folds=3)


def share_of(judged: list[JudgedText], person: str) -> float:
    """Of all weight."""
    weights = weights_by_person(judged)
    return float(
        sum(w for w, one in zip(weights, judged, strict=True) if one.person == person) / weights.sum()
    )


def votes(person: str, number: int, seed: int, liked: str) -> list[JudgedText]:
    """Somebody's votes on texts with and without the moon. `liked`: moon, frost, everything, anything."""
    rng = random.Random(seed)
    found = []
    for count in range(number):
        moon = rng.random() < 0.5
        text = population.text(rng).replace("月", "山").replace("霜", "山") + ("月" if moon else "霜")
        likes = {"moon": moon, "frost": not moon, "everything": True, "anything": rng.random() < 0.5}[liked]
        found.append(
            JudgedText(f"{person}-{count}", "poem", text, 1.0 if likes else -1.0, person, float(count))
        )
    return found


def crowd(people: int = 12, each: int = 20) -> list[JudgedText]:
    return [one for who in range(people) for one in votes(f"fair{who:02d}", each, who, "moon")]


@pytest.mark.parametrize("kind", ["frost", "anything", "everything"])
def test_trolls_and_always_likers_lose_all_influence(kind: str) -> None:
    shares = [share_of(crowd() + votes("other", number, 99, kind), "other") for number in (4, 30, 300)]
    fair = share_of(crowd() + votes("other", 300, 99, "moon"), "other")
    assert shares[2] <= shares[1]
    assert shares[2] < 0.1 * fair


def test_who_judges_as_the_others_do_keeps_their_weight() -> None:
    judged = crowd()
    shares = [share_of(judged, f"fair{who:02d}") for who in range(12)]
    assert max(shares) < 1.3 * min(shares)


def test_little_is_not_enough_to_tell_a_troll() -> None:
    """Two votes against the others cost little: everybody is allowed a taste."""
    assert share_of(crowd() + votes("other", 2, 99, "frost"), "other") > 0.25 * share_of(
        crowd() + votes("other", 2, 99, "moon"), "other"
    )


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60))
def test_nobody_is_more_than_a_tenth_of_the_whole(totals: list[float]) -> None:
    found = capped(np.array(totals))
    assert found.max() <= max(CAP, 1 / len(totals)) * found.sum() * (1 + 1e-9)
    assert all(found <= np.array(totals) * (1 + 1e-9))


def test_one_person_cannot_move_a_model_however_often_they_vote() -> None:
    """Ten fair people and one who votes a thousand times for frost, as a fair judge of it would."""
    fair = crowd(people=10, each=15)
    texts = ["江花山水月", "江花山水霜"]
    for number in (0, 1000):
        model = RewardModel.fit(examples(fair + votes("zeal", number, 7, "frost")), TINY, seed=1)
        moon, frost = model.score(texts, "poem")
        assert moon - frost > 0.3, number


def test_leniency_is_told_from_votes_and_few_say_little() -> None:
    judged = crowd(4, 40) + votes("kind", 40, 1, "everything") + votes("new", 1, 2, "everything")
    found = dict(zip([one.person for one in judged], leniency(judged), strict=True))
    assert found["kind"] > 1.5
    assert 0 < found["new"] < 0.5
    assert abs(found["fair00"]) < 0.7


def test_nobody_judged() -> None:
    assert len(weights_by_person([])) == 0
