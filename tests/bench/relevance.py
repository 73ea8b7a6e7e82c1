"""Do replies fit? python -m tests.bench.relevance sheet --written DIR --out DIR | score --out DIR

Knows: which askings nobody learnt from (engine.held_out), how replies of several kinds are mixed on one
sheet without their origin, how ratings are counted.
Does not know: who rates. A rater sees sheet.jsonl and RULES.txt only, and writes ratings.jsonl with one
{"id", "fits"} a row; key.json is for `score`.

Half of the askings are new ones of known intents, half are of intents held back whole. Kinds: `sent` is
what Moyou would send, an abstaining sentence counts as not fitting; `free` is the best of what the model
writes without the book, sent or not; `edited` is the best edited draft, `book` the first of the book,
`random` any reply of the book.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine import corpus, held_out
from engine.book import Book
from engine.book_making import to_measure_with
from engine.compose import Composer
from engine.danger_texts import is_dangerous
from engine.errors import NothingGood
from engine.prompt import load_tasks
from engine.text import locale_of
from engine.values import Request

KINDS = ("sent", "free", "edited", "book", "random")
RULES = """Each row has something said to Moyou, a writing companion in a chat, and a reply.
fits = true when all of this holds:
1. It answers what was said: its topic, question, wish or mood. A reply that would suit nearly anything
   ("tell me more") fits only where the asker left nothing more specific to answer.
2. It is understandable and grammatical enough that a friend could have said it.
3. It is in the language of the asking and contradicts nothing in it.
4. It does not claim what a small program in a chat cannot do, unless as an evident joke.
Judge each row alone, without guessing where it comes from. When in doubt, fits = false.
"""


def unseen(written: Path, count: int, seed: int) -> list[tuple[str, str]]:
    """(part, asking): half `known` (a new asking of a known intent), half `new` (an intent held back)."""
    known: list[str] = []
    new: list[list[str]] = []
    for path in sorted(written.glob("intent-*.jsonl")):
        locale = path.stem.split("-")[1]
        for row in corpus.rows(path):
            if is_dangerous(row["intent"]):
                continue
            part = held_out.held_out_part(path.stem, row)
            if part and held_out.intent_is_held_out(locale, row["intent"]):
                new.append(list(part["asks"]))
            elif part:
                known += part["asks"]
    draw = random.Random(seed)
    half = count // 2
    chosen = [("known", ask) for ask in draw.sample(known, min(half, len(known)))]
    for asks in new:
        draw.shuffle(asks)
    # every intent held back speaks, the largest most
    turns = [ask for row in zip(*(asks * 8 for asks in new), strict=False) for ask in row]
    return chosen + [("new", ask) for ask in list(dict.fromkeys(turns))[:half]]


def replies(
    written: Path, models: Path | None, asked: Sequence[tuple[str, str]], seed: int
) -> Iterator[dict[str, Any]]:
    """For each asking one reply of each kind, and the likeness and scores it had."""
    book = Book(to_measure_with(written))
    everything = sorted({reply for entry in book.entries if entry.task == "chat" for reply in entry.replies})
    task = load_tasks(None)["chat"]
    with_book = Composer(models, None, use_book=True, book=book)
    without = Composer(models, None, use_book=False)
    never_silent = dataclasses.replace(task, decoding=dataclasses.replace(task.decoding, abstain=-1.0))
    draw = random.Random(seed)
    for number, (part, ask) in enumerate(asked):
        request = task.validate(Request("chat", ask, locale=locale_of(ask)))
        found: dict[str, str] = {}
        for kind, composer, how in (("sent", with_book, task), ("free", without, never_silent)):
            try:
                reply = composer.compose(how, request, seed + number)
            except NothingGood:
                found[kind] = ""
                continue
            found[kind] = reply.text
            edited = [draft for draft in reply.drafts if draft.origin == "edited"]
            if kind == "sent" and edited:
                found["edited"] = max(edited, key=lambda draft: draft.score).text
        nearest = book.nearest(ask, n=1)
        found["book"] = nearest[0][0] if nearest else ""
        found["random"] = draw.choice([r for r in everything if locale_of(r) == locale_of(ask)])
        for kind, text in found.items():
            yield {"part": part, "kind": kind, "ask": ask, "reply": text}


def write_sheet(rows: Sequence[dict[str, Any]], out: Path, seed: int) -> None:
    """sheet.jsonl, each (asking, reply) once in random order, and key.json."""
    out.mkdir(parents=True, exist_ok=True)
    pairs = sorted({(row["ask"], row["reply"]) for row in rows if row["reply"]})
    random.Random(seed).shuffle(pairs)
    numbers = {pair: number for number, pair in enumerate(pairs)}
    sheet = [{"id": number, "ask": ask, "reply": reply} for (ask, reply), number in numbers.items()]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in sheet)
    (out / "sheet.jsonl").write_text(text, "utf-8")
    key = [{**row, "id": numbers.get((row["ask"], row["reply"]))} for row in rows]
    (out / "key.json").write_text(json.dumps(key, ensure_ascii=False), "utf-8")
    (out / "RULES.txt").write_text(RULES, "utf-8")


def score(out: Path) -> list[dict[str, Any]]:
    """The share that fits by kind and part, with its 95 % Wilson interval."""
    ratings = {}
    for row in corpus.rows(out / "ratings.jsonl"):
        ratings[int(row["id"])] = bool(row["fits"])
    results = []
    key = json.loads((out / "key.json").read_text("utf-8"))
    for kind in KINDS:
        for part in ("known", "new"):
            rows = [row for row in key if row["kind"] == kind and row["part"] == part]
            if not rows:
                continue
            sent = [row for row in rows if row["id"] is not None]
            fitting = sum(ratings[row["id"]] for row in sent)
            low, high = wilson(fitting, len(rows))
            results.append(
                {
                    "kind": kind,
                    "part": part,
                    "asked": len(rows),
                    "answered": len(sent),
                    "fits": round(fitting / len(rows), 3),
                    "low": round(low, 3),
                    "high": round(high, 3),
                    "fits_if_answered": round(fitting / max(1, len(sent)), 3),
                }
            )
    return results


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share."""
    if not count:
        return 0.0, 1.0
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle - half, middle + half


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.relevance", description=__doc__)
    parser.add_argument("action", choices=("sheet", "score"))
    parser.add_argument("--written", type=Path, help="folder with the written rows")
    parser.add_argument("--models", type=Path, help="folder of models in place of the shipped ones")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--asks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.action == "score":
        for row in score(options.out):
            print(json.dumps(row))
        return 0
    if options.written is None or not options.written.is_dir():
        print("give the folder with the written rows: --written DIR", file=sys.stderr)
        return 2
    asked = unseen(options.written, options.asks, options.seed)
    rows = list(replies(options.written, options.models, asked, options.seed))
    write_sheet(rows, options.out, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
