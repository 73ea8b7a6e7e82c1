"""Does what `/continue` sends go on with what was begun? python -m tests.bench.openings sheet|score --out DIR

Knows: `tests/openings_fresh.txt`, eighty beginnings by a hand that saw neither the book nor its openings;
how texts of several books are mixed on one sheet without their origin (`sheet --book NAME=FILE`, repeated),
how ratings are counted. Does not know: who rates. A rater sees sheet.jsonl and RULES.txt only, and writes
ratings.jsonl with one {"id", "fits"} a row.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import corpus
from engine.book import Book
from engine.compose import Composer
from engine.errors import NothingGood
from engine.prompt import load_tasks
from engine.text import locale_of
from engine.values import Request
from tests.bench.relevance import wilson, write_sheet

FRESH = Path(__file__).resolve().parents[1] / "openings_fresh.txt"
SEED = 11
RULES = """Each row has the beginning of a text and a continuation that a small program gave ("reply").
fits = true when both hold:
1. Read on aloud, the continuation joins the opening: grammar (subject, tense, an unfinished phrase is
   finished) with at most a small bump such as a repeated subject.
2. In sense it goes on with the opening: same situation or a natural next step; a surprising turn is fine, a
   change of subject is not.
Judge each row alone, without guessing where it comes from. When in doubt, fits = false.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.openings", description=__doc__)
    parser.add_argument("action", choices=("sheet", "score"))
    parser.add_argument("--book", action="append", default=[], help="NAME=FILE; the shipped one is there too")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.action == "score":
        for row in score(options.out):
            print(json.dumps(row))
        return 0
    task, rows = load_tasks(None)["continue"], []
    others = dict(one.split("=", 1) for one in options.book)
    books = {"shipped": None, **{name: Path(file) for name, file in others.items()}}
    for kind, file in books.items():
        composer = Composer(None, None, use_book=True, book=Book.load(file))
        for opening in FRESH.read_text("utf-8").splitlines():
            request = task.validate(Request("continue", opening, locale=locale_of(opening)))
            try:
                reply = composer.compose(task, request, SEED).text
            except NothingGood:
                reply = ""
            rows.append({"part": locale_of(opening), "kind": kind, "ask": opening, "reply": reply})
    write_sheet(rows, options.out, SEED)
    (options.out / "RULES.txt").write_text(RULES, "utf-8")
    return 0


def score(out: Path) -> list[dict[str, object]]:
    """The share that fits by book and language, silences counted as not fitting, with Wilson's interval."""
    ratings = {int(row["id"]): bool(row["fits"]) for row in corpus.rows(out / "ratings.jsonl")}
    key = json.loads((out / "key.json").read_text("utf-8"))
    results: list[dict[str, object]] = []
    for kind, part in dict.fromkeys((row["kind"], row["part"]) for row in key):
        rows = [row for row in key if (row["kind"], row["part"]) == (kind, part)]
        fitting = sum(ratings[row["id"]] for row in rows if row["id"] is not None)
        low, high = wilson(fitting, len(rows))
        share = {"fits": round(fitting / len(rows), 3), "low": round(low, 3), "high": round(high, 3)}
        results.append({"book": kind, "locale": part, "openings": len(rows), **share})
    return results


if __name__ == "__main__":
    sys.exit(main())
