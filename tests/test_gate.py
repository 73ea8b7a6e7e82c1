"""The gate: pairwise accuracy within tasks, people's weights, and an interval that is not fooled."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import gate
from engine.journal import JudgedText


def one(person: str, value: float, text: str = "x", task: str = "chat") -> JudgedText:
    return JudgedText("g", task, text, value, person, 0.0)


rows = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from(["chat", "poem"]), st.integers(0, 3)),
    max_size=12,
)


@given(rows)
def test_pairwise_accuracy_is_what_counting_pairs_gives(rows: list[tuple[int, bool, str, int]]) -> None:
    right = pairs = 0.0
    for (a, liked_a, task_a, weight_a), (b, liked_b, task_b, weight_b) in product(rows, rows):
        if liked_a and not liked_b and task_a == task_b:
            pairs += weight_a * weight_b
            right += weight_a * weight_b * ((a > b) + 0.5 * (a == b))
    scores, liked, tasks, weights = zip(*rows, strict=True) if rows else ((), (), (), ())
    (found,) = gate.pairwise_accuracy(scores, liked, tasks, np.array([weights], float))
    assert found == pytest.approx(right / pairs if pairs else float("nan"), nan_ok=True)


def test_knowing_which_task_is_liked_is_no_skill() -> None:
    rows = [
        one("a", 1, task="poem"),
        one("a", -1, task="chat"),
        one("b", -1, task="poem"),
        one("b", 1, task="chat"),
    ]
    scores = [0.9, 0.1, 0.9, 0.1]
    (found,) = gate.pairwise_accuracy(
        scores, [r.value > 0 for r in rows], [r.task for r in rows], np.ones((1, 4))
    )
    assert found == 0.5


def test_people_weigh_by_the_root_of_their_votes_and_blind_likers_fade() -> None:
    def weight(votes: list[JudgedText]) -> float:
        reference = [one("r", 1), one("r", -1)]
        found = gate.weights_by_person([*votes, *reference])
        return float(found[:-2].sum() / found[-2:].sum())

    balanced = [one("a", 1 if number % 2 else -1) for number in range(200)]
    assert weight(balanced) == pytest.approx(10.0, rel=1e-6)  # 100 times the votes, 10 times the weight
    always = [weight([one("a", 1.0)] * number) for number in (5, 50, 500, 5000)]
    assert always[0] > always[1] > always[2] > always[3]
    assert always[3] < 0.04
    assert weight([one("a", -1.0)] * 50) == pytest.approx(always[1])


def judged(seed: int, people: int, each: int) -> list[JudgedText]:
    rng = random.Random(seed)
    return [
        one(f"p{person}", rng.choice((-1.0, 1.0)), text=f"t{rng.randrange(people * each)}")
        for person in range(people)
        for _ in range(each)
    ]


def test_a_scorer_that_knows_is_shown_to_be_better_and_one_that_guesses_is_not() -> None:
    rows = judged(1, people=12, each=10)
    rng = random.Random(2)
    guesses = [rng.random() for _ in rows]
    knows = [row.value + rng.gauss(0, 0.8) for row in rows]
    assert gate.gain(knows, None, rows, seed=0).low > 0.2
    assert gate.gain(guesses, None, rows, seed=0).low < 0
    assert gate.gain(knows, guesses, rows, seed=0).low > 0.1
    same = gate.gain(knows, knows, rows, seed=0)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_one_persons_many_votes_are_not_many_witnesses() -> None:
    """The same skill on the same number of judgements: shown by many people, not by two."""
    rng = random.Random(3)
    many, few = judged(4, people=30, each=4), judged(4, people=2, each=60)
    intervals = [
        gate.gain([r.value + rng.gauss(0, 1.5) for r in rows], None, rows, seed=0) for rows in (many, few)
    ]
    assert intervals[0].low > 0
    assert intervals[1].low < 0 < intervals[1].value


def test_one_person_shows_nothing() -> None:
    rows = [one("a", value, text=f"{n}{value}") for n in range(200) for value in (1.0, -1.0)]
    rows += [one("b", 1.0, text="other")]
    assert gate.gain([row.value for row in rows], None, rows, seed=0).low <= -1
    perfect_against_wrong = gate.gain([r.value for r in rows], [-r.value for r in rows], rows, seed=0)
    assert perfect_against_wrong.low <= -1


def test_one_text_judged_by_many_is_not_many_texts() -> None:
    """A scorer that is right about two texts, each judged by forty people, has shown nothing."""
    rows = [one(f"p{n}", value, text=text) for n in range(40) for text, value in (("好", 1.0), ("坏", -1.0))]
    scores = [row.value for row in rows]
    assert gate.gain(scores, None, rows, seed=0).low < 0
    distinct = [one(f"p{n}", value, text=f"{n}{value}") for n in range(40) for value in (1.0, -1.0)]
    assert gate.gain(scores, None, distinct, seed=0).low > 0


@pytest.mark.parametrize(("people", "each"), [(4, 12), (25, 8)])
def test_the_interval_covers_no_gain_where_there_is_none(people: int, each: int) -> None:
    """200 scorers that guess: of a one-sided 2.5 % at most 5 % may be taken for better."""
    fooled = 0
    for seed in range(200):
        rows = judged(seed, people, each)
        rng = random.Random(seed + 10_000)
        fooled += gate.gain([rng.random() for _ in rows], None, rows, seed=seed, resamples=200).low > 0
    assert fooled <= 10


def test_one_sided_judgements_show_nothing() -> None:
    rows = [one(f"p{n}", 1.0, text=str(n)) for n in range(30)]
    found = gate.gain([0.5] * 30, None, rows, seed=0)
    assert not found.low > 0


def test_student_is_the_table_and_never_narrower_than_the_truth() -> None:
    assert [gate.student(n) for n in (0.3, 1, 2, 2.9, 30)] == [12.706, 12.706, 4.303, 4.303, 2.042]
    for freedom, truth in ((31, 2.0395), (60, 2.0003), (120, 1.9799), (1000, 1.9623)):
        assert truth <= gate.student(freedom) <= truth + 0.005
