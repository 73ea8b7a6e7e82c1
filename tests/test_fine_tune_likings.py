"""What teaches a writing model: people's weights, and a cap that no number of votes gets past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fine_tune import Row
from engine.fine_tune_likings import likings_of, pulls, teaching
from engine.journal_rows import JudgedText
from engine.people import CAP
from tests.test_people import crowd, votes

BLANK = Row((1,), (2,), (0.0,))


def judged(person: str, texts: list[str], first: int = 0) -> list[JudgedText]:
    """Half likes, half dislikes."""
    return [
        JudgedText(text, "chat", text, 1.0 if (place + first) % 2 else -1.0, person, float(place))
        for place, text in enumerate(texts)
    ]


def shares(rows: list[JudgedText]) -> dict[str, float]:
    """How much of all that pulls at the model is each person's."""
    likings = likings_of(rows)
    found = pulls(rows, likings)
    sums: dict[str, float] = {}
    for (generation, person), weight in found.items():
        sums[person] = sums.get(person, 0.0) + abs(likings[generation, person][0]) * weight
    return {person: value / sum(sums.values()) for person, value in sums.items()}


def test_ten_thousand_votes_of_one_person_are_a_tenth_of_the_teaching() -> None:
    others = [one for who in range(20) for one in judged(f"p{who}", [f"{who}-{n}" for n in range(5)], who)]
    zealot = judged("zealot", [f"z{n}" for n in range(10_000)])
    rows = others + zealot
    assert shares(rows)["zealot"] <= CAP + 1e-9
    taught = teaching({one.generation: BLANK for one in rows}, rows, likings_of(rows))
    assert len(taught) <= 2 * len(others)  # nor do they make it last a hundred times as long


def test_a_troll_teaches_as_little_here_as_elsewhere() -> None:
    found = shares(crowd() + votes("troll", 300, 99, "frost"))
    assert found["troll"] < 0.02
    assert found["fair01"] > 0.04


def test_who_likes_everything_teaches_nothing() -> None:
    assert shares(crowd() + votes("always", 300, 99, "everything"))["always"] < 0.01


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 40), st.sampled_from([-1.0, 1.0])),
        min_size=1,
        max_size=200,
        unique_by=lambda one: one[:2],
    )
)
def test_nobody_is_more_than_a_tenth_or_an_even_share(marks: list[tuple[int, int, float]]) -> None:
    rows = [
        JudgedText(f"g{text}", "chat", f"字{text}", value, f"p{person}", float(place))
        for place, (person, text, value) in enumerate(marks)
    ]
    likings = likings_of(rows)
    found = pulls(rows, likings)
    assert all(weight >= 0 for weight in found.values())
    sums: dict[str, float] = {}
    for (generation, person), weight in found.items():
        sums[person] = sums.get(person, 0.0) + abs(likings[generation, person][0]) * weight
    there = [value for value in sums.values() if value > 1e-12]
    if there:
        assert max(there) <= max(CAP, 1 / len(there)) * sum(there) * (1 + 1e-6)


def test_a_text_that_many_judged_is_one_row_and_weighs_more_than_one_of_one() -> None:
    rows = [
        one for who in range(12) for one in judged(f"p{who}", ["together", f"alone{who}", f"else{who}"], 1)
    ]
    [many] = teaching(
        {"together": BLANK}, [one for one in rows if one.generation == "together"], likings_of(rows)
    )
    [few] = teaching({"alone3": BLANK}, [one for one in rows if one.generation == "alone3"], likings_of(rows))
    assert many.liking == pytest.approx(-few.liking, abs=0.5)
    assert many.weight > few.weight
