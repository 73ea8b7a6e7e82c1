"""Judgements of settings: the journal counts them as plain counting does, and numbers say the same."""

from __future__ import annotations

import dataclasses
import io
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Request
from engine.decoding_judged import AT_ONCE, HeldArms, JudgedArm, JudgedArms
from engine.journal import Fact, Journal, Place
from tests.replies import reply

PLACES = (Place("d", "1", "2"), Place("d", "1", "3"), Place("e", "4", "2"), Place("console"))
MODELS, ARMS, TASKS = ("talk@a", "talk@b"), ("", "own", "warmer"), ("chat", "poem")


def filled(path: Path, replies: int = 250) -> Journal:
    """Judgements that were taken back, made anew, worth nothing; replies that nobody wrote."""
    draw = random.Random(3)
    journal = Journal(path)
    journal._db.execute("PRAGMA synchronous = OFF")  # a test may lose power
    for n in range(replies):
        arm, task = draw.choice(ARMS), draw.choice(TASKS)
        decoding = {"choice": {"arm": arm, "control": n % 5 == 0}} if arm else {}
        origin = draw.choice(["generated"] * 4 + ["book", "fixed", "extract"])
        made = reply(f"g{n}", decoding=decoding, model=draw.choice(MODELS))
        made = dataclasses.replace(made, task=task, origin=origin)
        journal.record(Request(task), made, "asker", draw.choice(PLACES))
        for _ in range(draw.randrange(6)):
            value = draw.choice([1.0, -1.0, 0.5, 0.0])
            fact = Fact(f"g{n}", str(draw.randrange(6)), "button", value, draw.choice("xy"))
            journal.react(dataclasses.replace(fact, withdrawn=draw.random() < 0.2))
    return journal


def plainly(journal: Journal) -> dict[tuple[str, str, str, str, bool], list[float]]:
    """By task, channel, person, setting and side: the values of what stands, one by one."""
    columns = "SELECT id, task, channel, arm, control, origin FROM generations"
    known = {row[0]: row[1:] for row in journal._db.execute(columns)}
    found: dict[tuple[str, str, str, str, bool], list[float]] = defaultdict(list)
    for signal in journal.signals():
        task, channel, arm, control, origin = known[signal.generation]
        if origin not in ("fixed", "extract") and signal.value:
            found[task, channel, signal.person, arm, bool(control)].append(signal.value)
    return found


def test_the_journal_tells_what_plain_counting_does_and_a_channel_once(tmp_path: Path) -> None:
    with filled(tmp_path / "j.db") as journal:
        rows = list(JudgedArms(journal))
        names = dict(journal._db.execute("SELECT number, person FROM persons").fetchall())
        found = {(row.task, row.channel, names[row.person], row.arm, row.control): row for row in rows}
        plain = plainly(journal)
        assert len(rows) == len(found) > 100
        assert found.keys() == plain.keys()
        for key, values in plain.items():
            row = found[key]
            likes = sum(value > 0 for value in values)
            assert (row.judgements, row.likes) == (len(values), likes)
            assert row.total == pytest.approx(sum(values))
        # one channel has places on two surfaces
        held = HeldArms(rows, {"chat": ARMS[1:]}, io.BytesIO())
        assert len(list(held)) == len({row.channel for row in rows}) == 3
        assert rows == list(JudgedArms(journal))


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["chat", "poem", "other"]),
        st.sampled_from(["", "a", "b"]),
        st.integers(0, 4),
        st.sampled_from(["", "own", "warmer", "gone"]),
        st.booleans(),
        st.floats(-9, 9),
        st.integers(1, 9),
        st.integers(0, 9),
    ),
    max_size=40,
)


@given(ROWS)
def test_what_is_held_says_the_same_in_numbers_and_as_often_as_wanted(drawn: list[tuple]) -> None:  # type: ignore[type-arg]
    rows = sorted((JudgedArm(*row) for row in drawn), key=lambda row: row.channel)
    tasks = {"poem": ["own"], "chat": ["warmer", "own"]}
    held = HeldArms(rows, tasks, io.BytesIO())
    places = {"poem": {"": -1, "own": 0}, "chat": {"": -1, "warmer": 0, "own": 1}}
    kept = [row for row in rows if row.task in tasks]
    assert held.people == len({row.person for row in kept})
    for _ in range(2):
        said = [(channel, one) for channel, part in held for one in part]
        assert [channel for channel, _ in said] == [row.channel for row in kept]
        numbers: dict[object, int] = {}
        for row, (_, one) in zip(kept, said, strict=True):
            assert list(tasks)[one["task"]] == row.task
            assert one["arm"] == places[row.task].get(row.arm, len(tasks[row.task]))
            assert numbers.setdefault(row.person, int(one["person"])) == one["person"] < held.people
            assert (bool(one["control"]), one["total"]) == (row.control, row.total)
            assert (one["judgements"], one["likes"]) == (row.judgements, row.likes)
        assert len(set(numbers.values())) == len(numbers)


def test_a_channel_larger_than_what_is_brought_in_at_a_time_is_whole() -> None:
    rows = [JudgedArm("chat", "c", n, "own", False, 1.0, 1, 1) for n in range(2 * AT_ONCE + 3)]
    [(channel, part)] = HeldArms(rows, {"chat": ["own"]}, io.BytesIO())
    assert channel == "c"
    assert np.array_equal(part["person"], np.arange(len(rows)))


def test_a_channel_that_comes_back_is_no_order_to_learn_from() -> None:
    rows = [JudgedArm("chat", channel, "p", "own", False, 1.0, 1, 1) for channel in "cdc"]
    with pytest.raises(ValueError, match="channel by channel"):
        HeldArms(rows, {"chat": ["own"]}, io.BytesIO())
