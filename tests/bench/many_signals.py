"""A journal with millions of judgements: python -m tests.bench.many_signals [--signals N]... [--folder DIR]

How long the report takes, what a button press costs then, the queue, *forget me*, how long all that tuning
reads takes; and how much memory each needs, in a process of its own (what that needs before it reads is told
too), beside a journal a tenth as large. The rows are made up in bulk; indices and counts follow. The bars:
the report within 300 ms; what tuning reads of judgements and of places within 60 s together; all in memory
that does not grow with the judgements.

    --old N    instead: how long a journal of N judgements in the tables of step 0008 takes to today's
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from sqlite_utils import Database

from engine import decoding_learning, migrations
from engine.decoding_choice import arms_of
from engine.decoding_judged import JudgedArms
from engine.journal import Fact, Journal
from engine.journal_body import packed
from engine.journal_choices import LoggedChoice, choices, values_of
from engine.journal_judged import judged_sample
from engine.journal_personal import learn_tastes
from engine.journal_tables import ID_BYTES
from engine.liked import feedback_report
from engine.people import weights_by_person
from engine.prompt import load_tasks
from engine.reviewing import agreement, review_queue
from engine.speed_journal import filling, insert, named
from engine.tune import MOST, MOST_CHOICES, split
from tests.replies import draft, reply

SIZES = (300_000, 3_000_000)
BAR, READ, GROWN = 0.3, 60.0, 1.2
GUILDS, CHANNELS, PEOPLE = 200, 8, 40_000
TASKS = ("chat", "poem", "ask", "continue", "post", "translate")
MODELS, ORIGINS, ARMS = 12, ("generated", "book", "edited"), ("own", "cooler", "warmer", "wider", "longer")
BEGAN, LASTED = 1.7e9, 6e7
BODY = packed(reply("g", propensity=0.5, drafts=(draft(score=0.9), draft("另一个", score=0.5))))
AT_ONCE = 20_000
Answer = SimpleQueue[tuple[float, int]]  # of seconds and megabytes
Work = Callable[[Path, Answer], None]


def fill(path: Path, signals: int) -> None:
    """Three judgements a reply; two years; some people judge a hundred times as often as others."""
    rng = random.Random(1)
    Journal(path).close()
    count = max(1, signals // 3)
    with Database(path) as db, filling(db):
        people = named(db, "persons", ((f"{number:032x}",) for number in range(PEOPLE)))
        rooms = [("discord", f"{n // CHANNELS:032x}", f"{n:032x}") for n in range(GUILDS * CHANNELS)]
        places = named(db, "places", rooms)
        kinds = [
            (task, f"talk@{m:012x}", "", origin)
            for m in range(MODELS)
            for task in TASKS
            for origin in ORIGINS
        ]
        sorts = named(db, "sorts", kinds)
        draws = named(db, "draws", [("{}", "zh-CN", arm, control) for arm in ARMS for control in (0, 1)])
        hashed = bytes(ID_BYTES)
        latents = [rng.randbytes(4) * 32 for _ in range(50)]
        each = len(sorts) // MODELS

        def replies(start: int) -> Iterator[dict[str, object]]:
            for number in range(start, min(start + AT_ONCE, count + 1)):
                room = int(GUILDS * rng.random() ** 2) * CHANNELS + rng.randrange(CHANNELS)
                yield {
                    "number": number,
                    "id": f"g{number:08x}",
                    "at": BEGAN + LASTED * number / count,
                    "who": rng.choice(people),
                    "place": places[room],
                    "sort": sorts[MODELS * number // (count + 1) * each + rng.randrange(each)],
                    "draw": rng.choice(draws),
                    "own_text": "云来云去",
                    "request_hash": hashed,
                    "text_hash": hashed,
                    "latent": rng.choice(latents),
                    "body": BODY,
                }

        def facts(start: int) -> Iterator[dict[str, object]]:
            for number in range(start, min(start + AT_ONCE, count + 1)):
                for sequence, person in enumerate({int(PEOPLE * rng.random() ** 3) for _ in range(3)}, 1):
                    yield {
                        "generation": number,
                        "sequence": sequence,
                        "id": rng.randbytes(ID_BYTES),
                        "who": people[person],
                        "kind": 0,
                        "label": "👍",
                        "value": 1.0 if rng.random() < 0.6 else -1.0,
                        "at": BEGAN + LASTED * number / count,
                        "withdrawn": 0,
                    }

        for start in range(1, count + 1, AT_ONCE):
            with db.conn:
                insert(db, "replies", list(replies(start)))
                insert(db, "judgements", list(facts(start)))


def fill_old(path: Path, signals: int) -> None:
    """The same in the tables of step 0008."""
    rng = random.Random(1)
    with Database(path) as db:
        migrations.apply(db, stop_before="0008_tallies")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("INSERT INTO secret (id, key) VALUES (1, ?)", (b"k" * 32,))
        count = max(1, signals // 3)
        names = [column.name for column in db.table("generations").columns]
        row = dict.fromkeys(names, "") | {"options": "{}", "body": BODY, "own_text": "云来云去", "control": 0}
        generations = (
            row
            | {
                "id": f"g{number:08x}",
                "at": BEGAN + LASTED * number / count,
                "person": f"{rng.randrange(PEOPLE):032x}",
                "guild": f"{number % GUILDS:032x}",
                "channel": f"{number % (GUILDS * CHANNELS):032x}",
                "task": rng.choice(TASKS),
                "model": f"talk@{MODELS * number // count:012x}",
                "origin": rng.choice(ORIGINS),
            }
            for number in range(count)
        )
        for chunk in chunks(generations):
            insert(db, "generations", chunk)
        facts = (
            {
                "id": f"{rng.getrandbits(128):032x}",
                "generation": f"g{number // 3:08x}",
                "person": f"{int(PEOPLE * rng.random() ** 3):032x}",
                "kind": "reaction",
                "label": "👍",
                "value": 1.0 if rng.random() < 0.6 else -1.0,
                "reason": "",
                "at": BEGAN + LASTED * number / signals,
                "withdrawn": 0,
            }
            for number in range(3 * count)
        )
        for chunk in chunks(facts):
            insert(db, "facts", chunk)
        db.conn.commit()


def chunks(rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    held: list[dict[str, object]] = []
    for row in rows:
        held.append(row)
        if len(held) == AT_ONCE:
            yield held
            held = []
    if held:
        yield held


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


def report(path: Path, answer: Answer) -> None:
    with Journal(path) as journal:
        seconds = timed("report", lambda: feedback_report(journal))
        timed("counts", journal.counts)
    answer.put((seconds, peak()))


def reading(path: Path, answer: Answer) -> None:
    """What `tune` reads: judgements, how their people weigh, what was not sent."""
    tasks = list(load_tasks())
    began = time.perf_counter()
    with Journal(path) as journal:
        judged = judged_sample(journal, MOST)
        print(
            json.dumps({"name": "judgements", "seconds": round(time.perf_counter() - began, 2)}), flush=True
        )
        timed("weights", lambda: weights_by_person(judged), 1)
        logged: list[LoggedChoice] = []
        since = split(judged).since
        timed("choices", lambda: logged.extend(choices(journal, since, MOST_CHOICES, tasks)), 1)
        timed("values", lambda: values_of(journal, logged), 1)
    answer.put((time.perf_counter() - began, peak()))


def learning(path: Path, answer: Answer) -> None:
    """What `tune_places` learns of all judgements there are."""
    arms = {name: arms_of(task) for name, task in load_tasks().items()}
    began = time.perf_counter()
    with Journal(path) as journal:
        timed("tastes", lambda: learn_tastes(journal, dry_run=True), 1)
        timed("settings", lambda: decoding_learning.learn(JudgedArms(journal), arms), 1)
    answer.put((time.perf_counter() - began, peak()))


def peak() -> int:
    """Megabytes of this process at its largest. Of a child `getrusage` says no less than its parent had."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def begin(work: Work, path: Path, answer: Answer) -> None:
    print(json.dumps({"name": f"{work.__name__} begins", "mb": peak()}), flush=True)
    work(path, answer)


def alone(work: Work, path: Path) -> tuple[float, int]:
    """Seconds and megabytes, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer: Answer = context.SimpleQueue()
    process = context.Process(target=begin, args=(work, path, answer))
    process.start()
    found = answer.get()
    process.join()
    return found


def measure(path: Path, signals: int) -> dict[str, tuple[float, int]]:
    timed("made up", lambda: fill(path, signals), 1)
    print(json.dumps({"name": "bytes a reply", "bytes": 3 * path.stat().st_size // signals}))
    found = {"report": alone(report, path), "tune": alone(reading, path), "places": alone(learning, path)}
    with Journal(path) as journal:
        guild = journal._db.execute("SELECT guild FROM places LIMIT 1").fetchone()[0]
        journal._hash = lambda kind, text, inner=journal._hash: guild if text == "1" else inner(kind, text)  # type: ignore
        timed("report of a server", lambda: feedback_report(journal, "1"))
        timed("review queue", lambda: review_queue(journal, "mo"))
        timed("agreement", lambda: agreement(journal))
        numbers = iter(range(1, 10_000))
        timed(
            "a judgement", lambda: journal.react(Fact(f"g{next(numbers):08x}", "p", "button", 1.0, "up")), 25
        )
        timed("one person's judgement of a reply", lambda: journal.signal("g00000001", "p"), 25)
        journal.react(Fact("g00000001", "somebody", "button", 1.0, "up"))
        timed("forget a person", lambda: journal.forget("somebody"), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, action="append", help=f"repeatable; otherwise {SIZES}")
    parser.add_argument("--old", type=int, help="judgements in a journal of step 0008")
    parser.add_argument("--folder", type=Path, help="where journals are made; otherwise they are temporary")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as temporary:
        if asked.old:
            path = Path(temporary) / "old.db"
            timed("made up", lambda: fill_old(path, asked.old), 1)
            before = peak()
            timed("brought to today's tables", lambda: Journal(path).close(), 1)
            print(json.dumps({"name": "memory", "before_mb": before, "peak_mb": peak()}))
            return
        found = {
            signals: measure(Path(temporary) / f"{signals}.db", signals) for signals in asked.signals or SIZES
        }
    least, most = min(found), max(found)
    for name, bar in (("report", BAR), ("tune", READ), ("places", READ)):
        seconds, memory = found[most][name]
        grown = memory / found[least][name][1]
        ok = seconds <= bar and grown <= GROWN
        row = {"name": name, "signals": most, "seconds": round(seconds, 3), "bar": bar, "ok": ok}
        print(json.dumps({**row, "mb": memory, "mb_before": found[least][name][1], "grown": round(grown, 2)}))
    both = found[most]["tune"][0] + found[most]["places"][0]
    whole = {"name": "tune and places", "signals": most, "seconds": round(both, 3)}
    print(json.dumps({**whole, "bar": READ, "ok": both <= READ}))


if __name__ == "__main__":
    main()
