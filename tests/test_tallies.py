"""Counts that triggers keep: after anything that writes or erases facts they are what counting anew gives."""

from __future__ import annotations

import random
from pathlib import Path

from engine import disputes, tallies
from engine.journal import Fact, Journal, Place
from engine.journal_guilds import forget_guild, settle_reactions
from engine.journal_union import merge
from engine.values import Request
from tests.replies import reply

NAME = (  # a sort's number is its file's own
    "CASE by WHEN 'sort' THEN (SELECT task || model || origin || reward_model FROM sorts "
    "WHERE number = name) ELSE name END"
)
CELLS = f"SELECT guild, by, {NAME}, people, judged, liked, judged2, both, liked2 FROM cells WHERE judged > 0"
TALLIES = (
    f"SELECT guild, by, {NAME}, person, t.judged, t.liked FROM tallies AS t JOIN cells AS c ON c.id = t.cell "
    "JOIN persons AS p ON p.number = t.who"
)
SORTS = (
    "SELECT task, model, reward_model, origin, replies, signals, likes, dislikes FROM sorts WHERE replies > 0"
)
PERSONS = "SELECT person, judged FROM persons"
OPINIONS = (
    "SELECT r.id, p.channel, likes, dislikes FROM opinions AS o JOIN replies AS r ON r.number = "
    "o.generation JOIN places AS p ON p.number = o.place"
)


def counted(journal: Journal) -> tuple[list[object], ...]:
    return tuple(
        sorted(journal._db.execute(sql).fetchall()) for sql in (CELLS, TALLIES, SORTS, PERSONS, OPINIONS)
    )  # type: ignore[return-value]


def same_as_counting_anew(journal: Journal) -> bool:
    before = counted(journal)
    with journal._writing():
        tallies.count_anew(journal._db)
        disputes.count_anew(journal._db)
    return before == counted(journal)


def test_counts_follow_everything_that_writes_or_erases_facts(tmp_path: Path) -> None:
    rng = random.Random(7)
    with Journal(tmp_path / "j.db") as journal:
        for number in range(30):
            journal.record(
                Request("chat"),
                reply(f"g{number}", task=rng.choice(["chat", "poem"])),
                f"asker{number % 4}",
                Place("discord", f"{number % 2}", f"{number % 3}"),
            )
        for _ in range(600):
            fact = Fact(
                f"g{rng.randrange(30)}",
                f"p{rng.randrange(6)}",
                rng.choice(["reaction", "button", "review"]),
                rng.choice([-1.0, 0.0, 0.5, 1.0]),
                rng.choice(["👍", "👎"]),
                at=rng.random() * 5e6,
                withdrawn=rng.random() < 0.3,
            )
            journal.react(fact)
        journal.clear("g1")
        journal.clear_all("g2")
        settle_reactions(journal, "g3", {"👍": ["p1", "new"]}, {"👍": 1.0})
        names = {row[0] for row in journal._db.execute("SELECT DISTINCT by FROM cells")}
        assert names == set(tallies.WAYS)
        assert same_as_counting_anew(journal)
        journal.forget("p1")
        journal.forget("asker2")
        assert same_as_counting_anew(journal)
        forget_guild(journal, "1")
        assert same_as_counting_anew(journal)
        assert all(counted(journal))
    for _ in range(2):  # what is there already is not counted out by coming again
        merge(tmp_path / "other.db", tmp_path / "j.db")
    with Journal(tmp_path / "j.db") as journal, Journal(tmp_path / "other.db") as other:
        assert counted(other) == counted(journal)
        assert same_as_counting_anew(other)


def test_the_only_judgement_leaves_nothing_of_its_person(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        journal.record(Request("chat"), reply("g"), "asker", Place("console"))
        journal.react(Fact("g", "p", "button", 1.0, "up"))
        assert len(counted(journal)[1]) == len(tallies.KEPT)
        journal.react(Fact("g", "p", "button", 1.0, "up", withdrawn=True))
        assert counted(journal)[:2] == ([], [])
