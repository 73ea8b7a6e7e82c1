"""Distances of texts, points between latents, and paths that never go back."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.between import POINT, Variant, distance, path, slerp

LETTERS = st.text(alphabet="春夏秋冬", min_size=1, max_size=8)


def by_the_book(a: str, b: str) -> int:
    """Levenshtein's recurrence as it is usually written."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        below = [i]
        for j, y in enumerate(b, 1):
            below.append(min(row[j] + 1, below[-1] + 1, row[j - 1] + (x != y)))
        row = below
    return row[-1]


@given(LETTERS, LETTERS)
def test_distance_is_levenshteins(a: str, b: str) -> None:
    assert distance(a, b) == pytest.approx(by_the_book(a, b) / max(len(a), len(b)))
    assert distance(a, b) == distance(b, a)


def test_distance_counts_words_and_neither_case_nor_punctuation() -> None:
    assert distance("The old cat sleeps.", "the young cat sleeps") == 0.25
    assert distance("春风，又绿！", "春风又绿") == 0
    assert (distance("", ""), distance("", "春"), distance("🌙", "🌙")) == (0.0, 1.0, 0.0)


def test_slerp_keeps_the_length_and_ends_at_its_ends() -> None:
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    assert torch.allclose(slerp(a, b, 0.0), a)
    assert torch.allclose(slerp(a, b, 1.0), b, atol=1e-6)
    assert slerp(a, b, 0.3).norm().item() == pytest.approx(3.0)
    assert torch.allclose(slerp(a, a, 0.4), a)


def variant(words: str, score: float = 1.0) -> Variant:
    return Variant(words, (0.0,), -1.0, {"sense": 1.0, "quality": score}, score)


def test_the_path_goes_from_one_text_to_the_other_whatever_order_its_pool_has() -> None:
    pool = [variant(words) for words in ("甲丙乙乙", "甲甲乙乙", "乙甲乙乙", "甲甲甲乙")]
    found = path(pool, [0.25, 0.5, 0.75], ("甲甲甲甲", "乙乙乙乙"))
    points = found.words.split(POINT)
    assert points[:2] == ["甲甲甲乙", "甲甲乙乙"]
    assert found.scores["order"] == 1.0
    assert len(found.latent) == 3


@given(st.lists(LETTERS, min_size=1, max_size=6), LETTERS, LETTERS, st.integers(1, 3))
def test_order_is_said_as_it_is(words: list[str], first: str, second: str, steps: int) -> None:
    shares = [(step + 1) / (steps + 1) for step in range(steps)]
    found = path([variant(one) for one in words], shares, (first, second))
    points = [first, *found.words.split(POINT), second]
    assert len(points) == steps + 2
    away = [(distance(one, first), distance(one, second)) for one in points]
    rises = all(x[0] <= y[0] and x[1] >= y[1] for x, y in itertools.pairwise(away))
    assert found.scores["order"] == float(rises)


def test_a_path_that_goes_back_is_taken_only_where_there_is_no_other() -> None:
    ends = ("甲甲乙", "甲乙乙")
    near, far = variant("甲乙", 0.1), variant("丙丙", 1.0)
    assert path([far, near], [0.5], ends).words == near.words
    assert path([far], [0.5], ends).scores["order"] == 0.0
    assert path([variant("甲甲乙", 1.0), near], [0.5], ends).words == near.words  # an end is no point
