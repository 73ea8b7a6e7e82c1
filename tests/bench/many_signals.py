"""A journal with millions of judgements: python -m tests.bench.many_signals [--signals 3000000] [--folder
DIR]

How long the report takes, what a button press costs then, the queue, *forget me*; how much memory the report
needs. The rows are made up in bulk before the counting step of the schema, which is measured as well: it is
what an old journal goes through once. The bars: the report within 300 ms, tune's reading
within 60 s.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database

from engine import migrations
from engine.journal import Fact, Journal
from engine.journal_judged import judged_sample
from engine.liked import feedback_report
from engine.reviewing import agreement, review_queue
from engine.tune import MOST
from tests.replies import draft, reply

BAR, READ = 0.3, 60.0
GUILDS, CHANNELS, PEOPLE = 200, 8, 40_000
TASKS = ("chat", "poem", "ask", "continue", "post", "translate")


def fill(path: Path, signals: int) -> None:
    """Three judgements a reply; two years; some people judge a hundred times as often as others."""
    rng = random.Random(1)
    body = reply("g", drafts=(draft(score=0.9), draft("另一个", score=0.5))).to_json()
    with Database(path) as db:
        migrations.apply(db, stop_before="0008_tallies")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("INSERT INTO secret (id, key) VALUES (1, ?)", (b"k" * 32,))
        replies = max(1, signals // 3)
        names = [column.name for column in db.table("generations").columns]
        row = dict.fromkeys(names, "") | {"options": "{}", "body": body, "own_text": "云来云去"}
        row |= {name: 0 for name in names if name == "control"}
        marks = ",".join(f":{name}" for name in names)

        def generations() -> object:
            for number in range(replies):
                guild = int(GUILDS * rng.random() ** 2)
                yield row | {
                    "id": f"g{number:08x}",
                    "at": 1.7e9 + 6e7 * number / replies,
                    "person": f"{rng.randrange(PEOPLE):032x}",
                    "guild": f"{guild:032x}",
                    "channel": f"{guild * CHANNELS + rng.randrange(CHANNELS):032x}",
                    "task": rng.choice(TASKS),
                    "model": f"talk@{12 * number // replies:012x}",
                    "origin": rng.choice(("generated", "book", "edited")),
                }

        db.conn.executemany(f"INSERT INTO generations ({','.join(names)}) VALUES ({marks})", generations())

        def facts() -> object:
            for number in range(signals):
                place = number // 3
                person = int(PEOPLE * rng.random() ** 3)
                liked = 1.0 if rng.random() < 0.6 else -1.0
                at = 1.7e9 + 6e7 * place / replies
                yield f"f{number:08x}", f"g{place % replies:08x}", f"{person:032x}", liked, at

        db.conn.executemany(
            "INSERT INTO facts (id, generation, person, kind, label, value, reason, at, withdrawn) "
            "VALUES (?, ?, ?, 'reaction', '👍', ?, '', ?, 0)",
            facts(),
        )
        db.conn.commit()


def timed(name: str, work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the median run; printed, with those of the processor beside them."""
    taken = []
    for _ in range(times):
        begun, busy = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - begun, time.process_time() - busy))
    seconds, cpu = sorted(taken)[len(taken) // 2]
    print(json.dumps({"name": name, "seconds": round(seconds, 4), "cpu": round(cpu, 4)}), flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=3_000_000)
    parser.add_argument("--folder", type=Path, help="where the journal is made; otherwise it is temporary")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (asked.folder or Path(temporary)) / "many.db"
        timed("made up", lambda: fill(path, asked.signals), 1)
        timed("counted once", lambda: Journal(path).close(), 1)
        with Journal(path) as journal:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            report = timed("report", lambda: feedback_report(journal))
            guild = journal._db.execute("SELECT guild FROM generations LIMIT 1").fetchone()[0]
            journal._hash = lambda kind, text, inner=journal._hash: (
                guild if text == "1" else inner(kind, text)
            )  # type: ignore
            timed("report of a server", lambda: feedback_report(journal, "1"))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            reading = timed("tune reads", lambda: judged_sample(journal, MOST), 1)
            read = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            timed("review queue", lambda: review_queue(journal, "mo"))
            timed("agreement", lambda: agreement(journal))
            numbers = iter(range(10_000))
            timed(
                "a judgement",
                lambda: journal.react(Fact(f"g{next(numbers):08x}", "p", "button", 1.0, "up")),
                25,
            )
            timed("one person's judgement of a reply", lambda: journal.signal("g00000001", "p"), 25)
            journal.react(Fact("g00000001", "somebody", "button", 1.0, "up"))
            timed("forget a person", lambda: journal.forget("somebody"), 1)
        print(
            json.dumps({"name": "bar", "report": report, "bar": BAR, "ok": report <= BAR, "grown_kb": grown})
        )
        print(
            json.dumps({"name": "bar", "tune": reading, "bar": READ, "ok": reading <= READ, "grown_kb": read})
        )


if __name__ == "__main__":
    main()
