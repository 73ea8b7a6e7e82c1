"""The journal when it is large: how long a report and a reaction take, how many bytes a reply is.

Knows: how to fill a journal with what Moyou really wrote, many times over under other names.
Does not know: the other benches.

A few replies are written by the shipped models and recorded as the bot records them. The rest are copies of
their rows with ids, people, places and hashes of their own, so rows have the size that they have in use. The
words of requests are long expired, as they are for all but a day's replies.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine import disputes, journal_closed, journal_tables, tallies
from engine.errors import MoyouError
from engine.journal import Journal
from engine.journal_reports import REPORT, reports
from engine.journal_rows import Fact, Place
from engine.journal_tables import ID_BYTES
from engine.summary_bench import Measurement
from engine.values import Reply, Request
from engine.writer import Engine

GENERATIONS, QUICK_GENERATIONS = 1_000_000, 50_000
SIGNALS = 3  # of each reply
REPORTED = 0.0005  # of all replies
_SAMPLES, _PEOPLE, _PLACES, _AT_ONCE = 40, 20_000, 5_000, 5_000
_REACTIONS, _REPEATS = 60, 5
_ASKINGS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("chat", "今天下班路上看到一只橘猫，蹲在便利店门口等人。", {}),
    ("chat", "I am so tired of my job.", {}),
    ("chat", "晚饭吃什么好", {}),
    ("continue", "老房子的门吱呀一声开了，", {}),
    ("poem", "秋夜思乡", {}),
)


def samples(count: int) -> list[tuple[Request, Reply]]:
    """Replies of the shipped models."""
    engine, found = Engine(), list[tuple[Request, Reply]]()
    for seed in range(2 * count):
        task, words, options = _ASKINGS[seed % len(_ASKINGS)]
        request = Request(task, words, options, seed=seed)
        try:
            found.append((request, engine.write_now(request)))
        except MoyouError:  # it may well have nothing good to say
            continue
        if len(found) == count:
            break
    return found


def fill(file: Path, written: Sequence[tuple[Request, Reply]], generations: int) -> None:
    """Makes a journal of so many replies, three judgements and one message each."""
    with Journal(file, keep_words_hours=0) as journal:
        for number, (request, reply) in enumerate(written):
            journal.record(request, reply, f"{number % 7}", Place("discord", "1", f"{number % 3}"))
            journal.react(Fact(reply.generation, "1", "reaction", 1.0, "👍"))
            journal.attach(reply.generation, 1_310_000_000_000_000_000 + number)
    draw = random.Random(0)
    with Database(file, execute_plugins=False) as db, filling(db):
        people = named(db, "persons", [(f"{draw.getrandbits(128):032x}",) for _ in range(_PEOPLE)])
        guilds = [f"{draw.getrandbits(128):032x}" for _ in range(_PLACES // 2)]
        rooms = [("discord", guild, f"{draw.getrandbits(128):032x}") for guild in guilds for _ in range(2)]
        places = named(db, "places", rooms)
        models = [dict(row) for row in db.table("replies").rows]
        now, first = time.time(), len(models) + 1
        for start in range(first, generations + 1, _AT_ONCE):
            replies, facts, messages = [], [], []
            for number in range(start, min(start + _AT_ONCE, generations + 1)):
                at = now - (generations - number)
                own = {
                    "number": number,
                    "id": f"{int(at * 1000):x}{draw.getrandbits(40):010x}",
                    "at": at,
                    "who": people[int(_PEOPLE * draw.random() ** 3)],
                    "place": draw.choice(places),
                    "request_hash": draw.randbytes(ID_BYTES),
                    "text_hash": draw.randbytes(ID_BYTES),
                }
                replies.append(models[number % len(models)] | own)
                messages.append({"id": (int(at * 1000) << 22) + number % 4096, "generation": number})
                for sequence, person in enumerate(draw.sample(people, SIGNALS), 1):
                    facts.append(_fact(draw, number, sequence, person, at))
            with db.conn:
                insert(db, "replies", replies)
                insert(db, "sent", messages)
                insert(db, "judgements", facts)


@contextmanager
def filling(db: Database) -> Iterator[None]:
    """While it lasts rows come many at once: without indices, counts and triggers, which follow then."""
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA foreign_keys = OFF")
    for kind, name in db.execute(
        "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL "
        "AND tbl_name IN ('replies', 'judgements', 'sent')"
    ).fetchall():
        db.execute(f"DROP {kind} {name}")
    yield
    for name in ("replies", "judgements", "sent"):
        for sql in (sql for sql in journal_tables.INDICES if f" ON {name} " in sql):
            db.execute(sql)
    journal_tables.count_replies(db)
    for counts in (tallies, disputes):
        counts.count_anew(db)
        counts.create_triggers(db)
    journal_tables.create_row_triggers(db)
    journal_closed.create_trigger(db)


def named(db: Database, table: str, rows: Iterable[tuple[object, ...]]) -> list[int]:
    """Names put into a table that numbers them; their numbers."""
    names = ", ".join(journal_tables.NAMES[table])
    numbers = []
    for row in rows:
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING number"
        numbers.append(int(db.conn.execute(sql, row).fetchone()[0]))
    db.conn.commit()
    return numbers


def _fact(draw: random.Random, generation: int, sequence: int, person: int, at: float) -> dict[str, Any]:
    value = 1.0 if draw.random() < 0.7 else -1.0
    made = {"kind": 0, "label": "👍" if value > 0 else "👎", "value": value, "reason": None}
    if draw.random() < REPORTED / SIGNALS:
        made = {"kind": 1, "label": REPORT, "value": -1.0, "reason": "rude"}
    own = {"generation": generation, "sequence": sequence, "id": draw.randbytes(ID_BYTES), "who": person}
    return {**own, **made, "at": at + 60, "withdrawn": 0}


def insert(db: Database, table: str, rows: Sequence[dict[str, Any]]) -> None:
    columns = list(rows[0])
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    db.conn.executemany(sql, [tuple(row.values()) for row in rows])


def journal(generations: int, folder: Path | None = None) -> Iterator[Measurement]:
    """All rows. The file is made in `folder`, or in one that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="moyou-bench-", dir=folder) as scratch:
        file = Path(scratch) / "journal.db"
        written = samples(_SAMPLES)
        began = time.perf_counter()
        fill(file, written, generations)
        yield Measurement("journal_filled", generations / (time.perf_counter() - began), "replies/s")
        with Journal(file) as opened:
            size = file.stat().st_size / generations
            yield Measurement("journal_bytes", size, "bytes a reply", bar="<= 1200", ok=size <= 1200)
            counted = _median(opened.counts)
            yield Measurement("journal_counts", counted, "ms", bar="<= 300", ok=counted <= 300)
            listed = _median(lambda: reports(opened))
            yield Measurement("journal_reports", listed, "ms", bar="<= 300", ok=listed <= 300)
            names = iter(
                opened._db.execute("SELECT id FROM generations ORDER BY text_hash LIMIT 1000").fetchall()
            )

            def react() -> object:
                return opened.react(Fact(next(names)[0], "9", "reaction", 1.0, "👍"))

            # of the processor's own time the disk that it waits for is no part
            own = _median(react, _REACTIONS, time.process_time)
            yield Measurement("journal_reaction_processor", own, "ms")
            once = _median(react, _REACTIONS)
            yield Measurement("journal_reaction", once, "ms", bar="<= 3", ok=once <= 3)


def _median(
    work: Callable[[], object], repeats: int = _REPEATS, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Milliseconds."""
    spent = []
    for _ in range(repeats):
        began = clock()
        work()
        spent.append(1000 * (clock() - began))
    return statistics.median(spent)
