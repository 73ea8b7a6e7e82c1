"""Estimates of what was not sent: right in the mean, intervals that hold the truth, nothing from nothing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.estimates import Replies, doubly_robust, on_policy, snips


def logged(seed: int, number: int = 400, *, known: bool = True) -> tuple[Replies, float]:
    """Replies of three drafts with known worth; the other way likes the best one. And the true gain.

    `known`: whether the model that expects knows the worth.
    """
    draw = np.random.default_rng(seed)
    worth = np.array([0.1, 0.2, 0.6])
    usual, other = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.7])
    chosen = draw.choice(3, number, p=usual)
    values = (draw.random(number) < worth[chosen]).astype(float)
    expected = worth if known else np.array([0.6, 0.1, 0.3])
    replies = Replies(
        values,
        usual[chosen],
        [other] * number,
        [expected] * number,
        chosen,
        [f"p{n % 40}" for n in range(number)],
    )
    return replies, float((other - usual) @ worth)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("estimate", [snips, doubly_robust])
def test_intervals_hold_the_truth_as_often_as_they_say(estimate, known: bool) -> None:  # type: ignore[no-untyped-def]
    held, values = 0, []
    for seed in range(300):
        replies, truth = logged(seed, known=known)
        found = estimate(replies)
        held += found.low <= truth <= found.high
        values.append(found.value)
    assert 0.9 * 300 <= held <= 0.99 * 300
    assert np.mean(values) == pytest.approx(truth, abs=0.01)


def test_a_model_that_is_wrong_costs_width_and_not_truth() -> None:
    widths = [
        [
            found.high - found.low
            for found in (doubly_robust(logged(seed, known=known)[0]) for seed in range(40))
        ]
        for known in (True, False)
    ]
    assert np.mean(widths[0]) < np.mean(widths[1])


def test_the_same_way_gains_nothing() -> None:
    replies, _ = logged(2)
    same = Replies(
        replies.values,
        replies.logged,
        [np.array([0.5, 0.3, 0.2])] * len(replies.values),
        replies.expected,
        replies.chosen,
        replies.askers,
    )
    assert snips(same).value == pytest.approx(0, abs=1e-9)
    assert doubly_robust(same).value == pytest.approx(0, abs=0.01)
    assert on_policy(same).value == replies.values.mean()


def test_where_one_person_asked_everything_little_is_shown() -> None:
    replies, _ = logged(3)
    alone = Replies(
        replies.values, replies.logged, replies.wanted, replies.expected, replies.chosen, ["p"] * 400
    )
    assert snips(alone).high - snips(alone).low > 2 * (snips(replies).high - snips(replies).low)


def test_a_way_that_was_never_taken_shows_nothing() -> None:
    replies = Replies(
        np.ones(40),
        np.ones(40),
        [np.array([0.0, 1.0])] * 40,
        [np.zeros(2)] * 40,
        np.zeros(40, int),
        ["p"] * 40,
    )
    found = snips(replies)
    assert (found.low, found.high) == (-1.0, 1.0)
