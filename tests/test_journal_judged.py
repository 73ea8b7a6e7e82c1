"""Tuning's reading: what stands, in order of time, of many the same few, nothing that teaches nothing."""

from __future__ import annotations

from pathlib import Path

from engine.journal import Fact, Journal, Place
from engine.journal_judged import judged_sample
from engine.values import Draft, Reply, Request


def write(path: Path, replies: int) -> Journal:
    """Three people judge each reply; every fifth is a fixed sentence, every seventh judgement withdrawn."""
    journal = Journal(path, clock=lambda: 0.0)
    journal._db.execute("PRAGMA synchronous = OFF")
    for number in range(replies):
        origin = "fixed" if number % 5 == 0 else "generated"
        draft = Draft(f"第{number}", f"第{number}", "generated", (), 0.0, {}, 0.5)
        reply = Reply(f"g{number:04d}", "chat", draft.text, origin, "t@0", 1, {}, (draft,), 0)  # type: ignore[arg-type]
        journal.record(Request("chat", "hi"), reply, "asker", Place("console"))
        for person in range(3):
            place = 3 * number + person
            fact = Fact(
                reply.generation,
                f"p{person}",
                "reaction",
                (-1.0) ** place,
                "👍",
                at=float((place * 7919) % 1000),
            )
            journal.react(fact)
            if place % 7 == 0:
                journal.react(Fact(reply.generation, f"p{person}", "reaction", 0.0, "👍", withdrawn=True))
    return journal


def test_it_reads_what_judged_reads(tmp_path: Path) -> None:
    with write(tmp_path / "journal.db", 60) as journal:
        assert judged_sample(journal, 10_000) == list(journal.judged())
        assert judged_sample(journal, 10_000)[0].at <= judged_sample(journal, 10_000)[-1].at


def test_a_judgement_of_nothing_is_none(tmp_path: Path) -> None:
    with write(tmp_path / "journal.db", 6) as journal:
        before = judged_sample(journal, 100)
        journal.react(Fact("g0001", "p1", "button", 0.0, "meh"))
        after = judged_sample(journal, 100)
        assert len(after) == len(before) - 1


def test_of_many_the_same_few_are_taken(tmp_path: Path) -> None:
    with write(tmp_path / "journal.db", 100) as journal:
        few = judged_sample(journal, 60)
        every = judged_sample(journal, 10_000)
        assert 30 < len(few) <= 60
        assert few == [one for one in every if one in few]
        for number in range(40):  # others come; those taken stay or give way to others, nobody else comes in
            journal.react(Fact(f"g{number:04d}", "new", "reaction", 1.0, "👍", at=2000.0 + number))
        again = judged_sample(journal, 60)
        new = journal._hash("person", "new")
        assert all(one in few for one in again if one.person != new)
