"""Makes the book from our own written rows, and measures it: python -m engine.book_making make|measure|rows

Knows: the written files (`talk-*`, `intent-*`, `continue-*`, `post-*`, `ad-*`, `ask-*`, `story-*`), which
statements about the bot are not true (`facts/book-corrections.jsonl` replaces them, a filter drops the
rest), what was added later (`facts/more-askings.jsonl`: other words for the intents of the rows, written by
hands that saw neither what is kept aside nor each other; `facts/more-intents-*.jsonl`,
`facts/more-openings-*.jsonl` and `facts/more-questions-*.jsonl` by such hands too;
`facts/book-additions.jsonl`), which rows are kept aside for development.
Does not know: how likeness is computed (`engine.likeness`, `engine.meaning`).

Askings of danger never enter: `engine.danger` answers them before a book is opened.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from engine import danger, held_out, reading
from engine.book import Book, Entry
from engine.danger_texts import is_dangerous
from engine.likeness import plain
from engine.openings import break_of
from engine.written_later import facts, less, more_askings, more_entries, more_intents

COMMANDS = (
    "chat", "continue", "poem", "summary", "privacy", "ask", "post", "ad", "story",
    "vary", "blend", "translate", "chat", "help", "settings",
)  # fmt: skip
_COMMAND = re.compile(r"(?<![\w.])/([a-z]+)")
# statements about storage that do not hold for the bot as it is built
_UNTRUE = re.compile(
    r"导出一份|先导出|I keep (?:ratings|nothing)|don'?t store your"
    r"|aren'?t kept|我(?:没存|不存|什么都不存|不会保存|不保存)|不会留下你的"
    r"|\bI don'?t (?:keep|save|store) (?:what|any|your|messages)|只留自己(?:写|的)|不进抽屉"
    r"|我不留[你稿，]|不会留着，这场|只有我写的话和大家|常用的就八个|反应也留"
    r"|I only keep my own|I keep only what|I don'?t keep it\b",
    re.IGNORECASE,
)


def is_true(text: str) -> bool:
    """Whether a reply names only commands that exist and nothing that `_UNTRUE` knows."""
    return not _UNTRUE.search(text) and all(name in COMMANDS for name in _COMMAND.findall(text))


def _corrections() -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["locale"], row["intent"]): row for row in facts("book-corrections.jsonl")}


def kept_aside(written: Path) -> frozenset[str]:
    """The askings, as `plain` leaves them, that a measurement asks and so nobody may learn from."""
    return frozenset(
        plain(ask)
        for path in sorted(written.glob("intent-*.jsonl"))
        for row in reading.rows(path)
        for ask in (held_out.held_out_part(path.stem, row) or {}).get("asks", ())
    )


def entries(written: Path, *, without_held_out: bool = False) -> list[Entry]:
    """All entries of the book in the order of the files. Names are those of intents and dialogues.

    `without_held_out` leaves out what no model was trained on, for a book to measure with.
    """
    found: list[Entry] = []
    corrections = _corrections()
    more = more_askings(kept_aside(written) if without_held_out else ())
    for path in sorted(written.glob("*.jsonl")):
        kind, locale = path.stem.split("-")[:2]
        for number, record in enumerate(reading.rows(path)):
            row = held_out.training_part(path.stem, record) if without_held_out else record
            if row is None:
                continue
            if kind == "intent" and not is_dangerous(row["intent"]):
                row = {**row, **corrections.get((locale, row["intent"]), {})}
                row = {**row, "asks": [*row["asks"], *more.get((locale, row["intent"]), ())]}
                found += _of_intent(row, f"{locale} {row['intent']}")
            elif kind == "talk":
                found += _of_dialogue(row["turns"], f"{path.stem} {number}")
            elif kind in ("continue", "post", "ad", "ask", "story"):
                for task in tasks_of(kind):
                    found += _kept(Entry(task, f"{path.stem} {number}", (row["src"],), (row["tgt"],)))
    return found


def tasks_of(kind: str) -> tuple[str, ...]:
    """An answer to a question is one more thing to say in a conversation."""
    return (kind, "chat") if kind == "ask" else (kind,)


def additions(without: Collection[str] = ()) -> Iterable[Entry]:
    """Entries written later than the rows, kept beside the book; no asking that is one of `without`."""
    for row in facts("book-additions.jsonl"):
        asks = less(row["asks"], without)
        yield from _kept(Entry(row["task"], row["name"], tuple(asks), tuple(row["replies"])))
    for locale, task, row in more_entries():
        name, asks = f"more {task} {row['name']} {locale}", less(row["asks"], without)
        for one in tasks_of(task):
            yield from _kept(Entry(one, name, tuple(asks), tuple(row["replies"])))
    for locale, row in more_intents(without):
        yield from _kept(
            Entry("chat", f"{locale} {row['intent']}", tuple(row["asks"]), tuple(row["replies"]))
        )


def whole(written: Path) -> list[Entry]:
    """All that ships."""
    return [*entries(written), *additions()]


def to_measure_with(written: Path) -> list[Entry]:
    """What ships less everything that is kept aside."""
    return [*entries(written, without_held_out=True), *additions(kept_aside(written))]


def training_rows(written: Path) -> Iterable[dict[str, Any]]:
    """What was written later as rows that `engine train` reads: askings and replies of one intent."""
    aside = kept_aside(written)
    more = more_askings(aside)
    for path in sorted(written.glob("intent-*.jsonl")):
        locale = path.stem.split("-")[1]
        for row in reading.rows(path):
            asks = more.get((locale, row["intent"]), [])
            if asks and not is_dangerous(row["intent"]) and held_out.training_part(path.stem, row):
                yield {"intent": f"{locale} {row['intent']}", "asks": asks, "replies": row["replies"]}
    for locale, row in more_intents(aside):
        yield {"intent": f"{locale} {row['intent']}", "asks": row["asks"], "replies": row["replies"]}


def _of_intent(row: dict[str, Any], name: str) -> Iterable[Entry]:
    yield from _kept(Entry("chat", name, tuple(row["asks"]), tuple(row["replies"])))
    for follow in row["follow"]:
        before = tuple(reply for reply in row["replies"] if is_true(reply))
        yield from _kept(Entry("chat", name, (follow["ask"],), (follow["reply"],), before))


def _of_dialogue(turns: Sequence[str], name: str) -> Iterable[Entry]:
    for index in range(0, len(turns) - 1, 2):
        before = (turns[index - 1],) if index else ()
        yield from _kept(Entry("chat", name, (turns[index],), (turns[index + 1],), before))


def _kept(entry: Entry) -> Iterable[Entry]:
    """The entry without untrue replies and dangerous askings; nothing when none are left."""
    replies = tuple(reply for reply in entry.replies if is_true(reply))
    safe = [ask for ask in entry.asks if not any(map(danger.by_rules, danger.pieces(ask)))]
    asks = tuple(dict.fromkeys(text for text in map(plain, safe) if text))
    if asks and replies:
        kinds = [break_of(ask) for ask in safe] if entry.task == "continue" else [""]
        breaks = max(dict.fromkeys(kinds), key=kinds.count)
        yield Entry(entry.task, entry.name, asks, replies, tuple(map(plain, entry.before)), breaks)


def write(found: Sequence[Entry], path: Path) -> None:
    """Writes the same bytes for the same entries."""
    text = "".join(entry.to_json() + "\n" for entry in found)
    path.write_bytes(gzip.compress(text.encode("utf-8"), 9, mtime=0))


def measure(written: Path) -> dict[str, Any]:
    """How often the book finds the right intent for an asking that it lacks.

    known: the asking of each known intent that is held out. unknown: the intents held out whole; no
    entry is right for them, so their likeness says where a caller should abstain.
    """
    book = Book(to_measure_with(written))
    right, known, unknown = [], [], []
    for path in sorted(written.glob("intent-*.jsonl")):
        locale = path.stem.split("-")[1]
        for row in reading.rows(path):
            part = held_out.held_out_part(path.stem, row)
            if part is None or is_dangerous(row["intent"]):
                continue
            whole = held_out.intent_is_held_out(locale, row["intent"])
            for ask in part["asks"]:
                likeness = book.likenesses(ask)
                best = int(likeness.argmax())
                if whole:
                    unknown.append(float(likeness[best]))
                else:
                    known.append(float(likeness[best]))
                    right.append(book.entries[best].name == f"{locale} {row['intent']}")
    at = {
        str(level): {
            "known_answered": round(float(np.mean(np.array(known) >= level)), 3),
            "known_right_if_answered": round(
                float(np.mean([r for r, k in zip(right, known, strict=True) if k >= level] or [False])), 3
            ),
            "unknown_answered": round(float(np.mean(np.array(unknown) >= level)), 3),
        }
        for level in (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)
    }
    return {"askings": len(known), "right_intent": round(float(np.mean(right)), 4), "at_likeness": at}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.book_making", description=__doc__)
    parser.add_argument("action", choices=("make", "measure", "rows"), help="rows: for `engine train`")
    parser.add_argument("--written", type=Path, required=True, help="folder with the written rows")
    parser.add_argument("--out", type=Path, help="where make and rows write (make: default engine/facts)")
    options = parser.parse_args(arguments)
    if options.action == "measure":
        print(json.dumps(measure(options.written)))
        return 0
    if options.action == "rows":
        if options.out is None:
            parser.error("rows needs a file to write: --out FILE")
        rows = (json.dumps(row, ensure_ascii=False) + "\n" for row in training_rows(options.written))
        options.out.write_text("".join(rows), "utf-8")
        return 0
    found = whole(options.written)
    out = options.out or Path(str(resources.files("engine.facts"))) / "book.jsonl.gz"
    write(found, out)
    print(f"{out}: {out.stat().st_size} bytes, {len(found)} entries", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
