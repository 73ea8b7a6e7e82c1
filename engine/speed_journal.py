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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from engine.errors import MoyouError
from engine.journal import Journal
from engine.journal_reports import REPORT, reports
from engine.journal_rows import Fact, Place
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
    people = [f"{draw.getrandbits(128):032x}" for _ in range(_PEOPLE)]
    channels = [f"{draw.getrandbits(128):032x}" for _ in range(_PLACES)]
    guilds = [f"{draw.getrandbits(128):032x}" for _ in range(_PLACES // 2)]
    with Database(file, execute_plugins=False) as db:
        db.execute("PRAGMA synchronous = OFF")
        models = list(db.table("generations").rows)
        fact = next(db.table("facts").rows)
        now = time.time()
        for start in range(0, generations - len(models), _AT_ONCE):
            count = min(_AT_ONCE, generations - len(models) - start)
            rows, facts, messages = [], [], []
            for number in range(start, start + count):
                at = now - (generations - number)
                name = f"{int(at * 1000):x}{draw.getrandbits(40):010x}"
                place = draw.randrange(_PLACES)
                rows.append(
                    models[number % len(models)]
                    | {
                        "id": name,
                        "at": at,
                        "person": people[int(_PEOPLE * draw.random() ** 3)],
                        "channel": channels[place],
                        "guild": guilds[place // 2],
                        "request_hash": f"{draw.getrandbits(128):032x}",
                        "text_hash": f"{draw.getrandbits(128):032x}",
                    }
                )
                messages.append({"id": str((int(at * 1000) << 22) + number % 4096), "generation": name})
                for person in draw.sample(people, SIGNALS):
                    facts.append(_fact(fact, draw, name, person, at))
            with db.conn:
                _insert(db, "generations", rows)
                _insert(db, "messages", messages)
                _insert(db, "facts", facts)


def _fact(
    model: dict[str, Any], draw: random.Random, generation: str, person: str, at: float
) -> dict[str, Any]:
    liked = draw.random() < 0.7
    made = {
        "label": "👍" if liked else "👎",
        "value": 1.0 if liked else -1.0,
        "kind": "reaction",
        "reason": "",
    }
    if draw.random() < REPORTED / SIGNALS:
        made = {"label": REPORT, "value": -1.0, "kind": "button", "reason": "rude"}
    own = {"id": f"{draw.getrandbits(128):032x}", "generation": generation, "person": person, "at": at + 60}
    return {key: value for key, value in (model | made | own).items() if key != "sequence"}


def _insert(db: Database, table: str, rows: Sequence[dict[str, Any]]) -> None:
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
            once = _median(lambda: opened.react(Fact(next(names)[0], "9", "reaction", 1.0, "👍")), _REACTIONS)
            yield Measurement("journal_reaction", once, "ms", bar="<= 3", ok=once <= 3)


def _median(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Milliseconds."""
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - began))
    return statistics.median(spent)
