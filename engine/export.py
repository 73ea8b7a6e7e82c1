"""Judgements as files for other tools, without people and without requests' words.

    kto   JSON lines {"prompt", "completion", "label"}: one a judgement (TRL's unpaired preference)
    dpo   JSON lines {"prompt", "chosen", "rejected"}: a liked and a disliked text of the same prompt
    csv   prompt, completion, likes, dislikes, mean, model: one line a reply

`prompt` is the task's name with those options whose values come from a closed list ("poem form=wujue");
`completion` is the bot's own text with passages copied from the request as □. No file holds who
judged, where, when or why, nor ids of replies; lines are in the order of their content, not of time.

Knows: the three formats. Does not know: where judgements come from, requests' words.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from engine.errors import JournalUnreadable
from engine.journal import Journal
from engine.journal_rows import JudgedText

Format = Literal["kto", "dpo", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(slots=True)
class _Judged:
    """One reply with all that stands about it."""

    prompt: str
    completion: str
    model: str
    values: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)


def export(journal: Path, format: Format, out: Path) -> int:
    """Write `out` (replaced in one step); returns how many lines of data it has. Raises
    JournalUnreadable, ValueError (an unknown format), OSError (`out` cannot be written)."""
    if format not in FORMATS:
        raise ValueError(f"unknown format {format}; choose one of: {', '.join(FORMATS)}")
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    with Journal(journal) as opened:
        replies = _by_reply(opened.judged())
    lines = {"kto": _kto, "dpo": _dpo, "csv": _csv}[format](replies)
    handle, draft = tempfile.mkstemp(prefix=f".{out.name}-", dir=out.parent)
    count = -1 if format == "csv" else 0  # its first line is the header
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            for line in lines:
                file.write(line)
                count += 1
        os.replace(draft, out)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return count


def prompt_of(task: str, options: Mapping[str, str]) -> str:
    return " ".join([task, *(f"{name}={value}" for name, value in sorted(options.items()))])


def _by_reply(judged: Iterable[JudgedText]) -> list[_Judged]:
    found: dict[str, _Judged] = {}
    for one in judged:
        row = _Judged(prompt_of(one.task, one.options), one.own_text, one.model)
        found.setdefault(one.generation, row).values.append(one.value)
    return sorted(found.values(), key=lambda row: (row.prompt, row.completion, row.model, sorted(row.values)))


def _kto(replies: list[_Judged]) -> Iterator[str]:
    for row in replies:
        for value in sorted(row.values):
            if value:
                yield _line({"prompt": row.prompt, "completion": row.completion, "label": value > 0})


def _dpo(replies: list[_Judged]) -> Iterator[str]:
    """Each text stands in one pair at most, the best with the worst, so that no text weighs more."""
    prompts: dict[str, list[_Judged]] = {}
    for row in replies:
        prompts.setdefault(row.prompt, []).append(row)
    for prompt, rows in prompts.items():
        liked = sorted((row for row in rows if row.mean > 0), key=lambda row: -row.mean)
        disliked = sorted((row for row in rows if row.mean < 0), key=lambda row: row.mean)
        for good, bad in zip(liked, disliked, strict=False):
            if good.completion != bad.completion:
                yield _line({"prompt": prompt, "chosen": good.completion, "rejected": bad.completion})


def _csv(replies: list[_Judged]) -> Iterator[str]:
    yield _row("prompt", "completion", "likes", "dislikes", "mean", "model")
    for row in replies:
        likes = sum(value > 0 for value in row.values)
        dislikes = sum(value < 0 for value in row.values)
        yield _row(row.prompt, row.completion, likes, dislikes, round(row.mean, 3), row.model)


def _line(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


def _row(*cells: object) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_cell(cell) for cell in cells])
    return buffer.getvalue()


def _cell(cell: object) -> object:
    # A spreadsheet would take such a text for a formula and run it.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
