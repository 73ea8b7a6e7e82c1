"""The draw of a draft: probabilities that are true, a veto that stays one, the same for the same seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.choice import FLOOR, REACH, blended, draw, propensities

scores = st.lists(st.floats(0, 1), min_size=1, max_size=10)


@given(scores, st.data())
def test_probabilities_sum_to_one_and_none_that_may_be_sent_is_without(
    values: list[float], data: st.DataObject
) -> None:
    allowed = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)).filter(any))
    found = propensities(values, allowed)
    assert found.sum() == pytest.approx(1)
    best = max(value for value, may in zip(values, allowed, strict=True) if may)
    sent = [may and value >= best - REACH for value, may in zip(values, allowed, strict=True)]
    assert all((chance > 0) == may for chance, may in zip(found, sent, strict=True))
    assert min(chance for chance in found if chance) >= FLOOR / sum(sent) - 1e-12


@given(scores)
def test_a_better_draft_is_never_less_likely(values: list[float]) -> None:
    found = propensities(values)
    order = np.argsort(values, kind="stable")
    assert all(found[low] <= found[high] + 1e-12 for low, high in pairwise(order))


def test_what_is_drawn_is_drawn_as_often_as_is_logged() -> None:
    chances = propensities([0.5, 0.56, 0.6, 0.2], [True, True, True, False])
    counts = np.zeros(4)
    for seed in range(4000):
        chosen, logged = draw(chances, seed)
        assert logged == chances[chosen]
        counts[chosen] += 1
    assert counts[3] == 0
    assert counts / 4000 == pytest.approx(chances, abs=0.03)


@given(scores, st.integers(0, 2**63 - 1))
def test_the_same_seed_draws_the_same(values: list[float], seed: int) -> None:
    chances = propensities(values)
    assert draw(chances, seed) == draw(chances, seed)


def test_what_people_like_does_not_lift_a_veto() -> None:
    """The draft that the judge vetoes is the best liked by far."""
    found = propensities([blended(0.1, 1.0), blended(0.6, 0.0)], [False, True])
    assert found.tolist() == [0.0, 1.0]
