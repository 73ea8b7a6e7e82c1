"""The live test's gain: bounds that hold at every look, and nobody who decides alone."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import trial
from engine.people import CAP
from engine.trial import Trial
from engine.trial_people import LEAST, Judged, Shares, sequence

LIVE = Trial("new", "old", 0.0, 3000)
Likes = Callable[[random.Random, bool], float | None]


def stream(seed: int, replies: int, likes: Likes, people: int = 40) -> list[Judged]:
    """Replies of which about two in five get a judgement, by people of whom some judge far more."""
    rng = random.Random(seed)
    found = []
    for _ in range(replies):
        new, who = rng.random() < 0.5, int(people * rng.random() ** 2)
        value = likes(rng, new) if rng.random() < 0.4 else None
        found.append(Judged(new, () if value is None else ((f"p{who}", value),)))
    return found


def liking(gain: float) -> Likes:
    return lambda rng, new: 1.0 if rng.random() < 0.5 + (gain if new else -gain) / 2 else -1.0


def with_zealot(replies: list[Judged], every: int, side: float = 1.0) -> list[Judged]:
    """One person more, who is for the new arm whatever it says (`side` -1: against it)."""
    mine = (("zealot", side), ("zealot", -side))
    return [
        Judged(one.new, (*one.opinions, mine[0] if one.new else mine[1])) if number % every == 0 else one
        for number, one in enumerate(replies)
    ]


def decided(replies: list[Judged]) -> str:
    return trial.decide(LIVE, replies).verdict


def test_the_bounds_hold_at_every_look() -> None:
    """200 streams without a gain, looked at after each of 1,000 replies: at most 5 % ever leave it out."""
    wrong = 0
    for seed in range(200):
        wrong += any(look.low > 0 or look.high < 0 for look in sequence(stream(seed, 1000, liking(0.0))))
    assert wrong <= 10


def test_a_gain_that_many_see_is_found() -> None:
    assert sum(decided(stream(seed, 3000, liking(0.3))) == "promote" for seed in range(10)) >= 9


@pytest.mark.parametrize("every", [1, 3])
def test_one_person_promotes_nothing(every: int) -> None:
    """Who judges every reply for the new arm, among others who think nothing of it or a little less."""
    alike = [decided(with_zealot(stream(seed, 1500, liking(0.0)), every)) for seed in range(40)]
    assert alike.count("promote") <= 2
    worse = [decided(with_zealot(stream(seed, 1500, liking(-0.1)), every)) for seed in range(20)]
    assert "promote" not in worse


def test_one_person_stops_nothing() -> None:
    """Who is against a model that all others like does not keep it out, nor has it dropped."""
    found = [decided(with_zealot(stream(seed, 3000, liking(0.4)), 3, -1.0)) for seed in range(10)]
    assert found.count("promote") >= 9


def test_a_few_people_decide_when_they_agree_and_two_never() -> None:
    assert decided(stream(1, 3000, liking(0.8), people=6)) == "promote"
    assert decided(stream(1, 2999, liking(0.8), people=2)) == "running"


def test_who_likes_everything_fades_away() -> None:
    shares, sums = Shares(), [0.0]
    for _ in range(9):
        shares.add(Judged(True, (("all", 1.0),)))
        sums.append(shares.by_person()["all"][1])
    steps = [after - before for before, after in itertools.pairwise(sums)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < 0.25 * steps[0]


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(0, 30), max_size=4, unique=True)),
        min_size=1,
        max_size=400,
    )
)
def test_nobody_counts_for_more_than_a_tenth_once_anything_can_be_decided(
    replies: list[tuple[bool, list[int]]],
) -> None:
    shares = Shares()
    for new, people in replies:
        # one who judges everything beside those who come by
        shares.add(Judged(new, ((99, 1.0), *((who, 1.0) for who in people))))
        found = {name: counted for name, (counted, _) in shares.by_person().items()}
        whole, most = sum(found.values()), max(found.values())
        assert most <= max(CAP * LEAST, CAP / (1 - CAP) * (whole - most), whole / len(found) + 1) + 1e-9
        if len(found) >= 1 / CAP + 2 and whole >= LEAST:
            assert most <= CAP * whole + 1e-9


def test_what_is_decided_holds_without_any_one_person() -> None:
    tried = 0
    for seed in range(30):
        shares = Shares()
        for reply in with_zealot(stream(seed, 1500, liking(0.1 * (seed % 4)), people=12), 2):
            shares.add(reply)
            found = shares.bounds()
            if found.low > 0 or found.high < 0:
                alone = [share for _, share in shares.by_person().values()]
                assert all((sum(alone) - one > 0) == (found.low > 0) for one in alone)
                tried += 1
                break
    assert tried > 5


def test_too_little_is_unbounded() -> None:
    assert sequence([]) == []
    looks = sequence(stream(1, 99, liking(1.0)))
    assert {(look.low, look.high) for look in looks} == {(-math.inf, math.inf)}
