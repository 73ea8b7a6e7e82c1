"""Judgements as files for other tools, without people and without requests' words.

    kto   JSON lines {"prompt", "completion", "label"}: one a judgement (TRL's unpaired preference)
    dpo   JSON lines {"prompt", "chosen", "rejected"}: a liked and a disliked text of the same prompt
    csv   prompt, completion, likes, dislikes, mean, model: one line a reply

`prompt` is the task's name with those options whose values come from a closed list ("poem form=wujue");
`completion` is the bot's own text with passages copied from the request as □. No file holds who
judged, where, when or why, nor ids of replies; lines are in the order of their content, not of time.
Beside the file a data card says what is in it, what is not, and what it may be used for.

Knows: the three formats, the card. Does not know: where judgements come from, requests' words.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
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


def export(
    journal: Path,
    format: Format,
    out: Path,
    *,
    guild: str | None = None,
    channels: Collection[str] | None = None,
) -> int:
    """Write `out` and its card (each replaced in one step); returns how many lines of data `out` has.

    `guild`: the id of a server whose replies alone are wanted; None: all. `channels`: ids of that server's
    channels whose replies alone are wanted; None: all of them. Raises JournalUnreadable,
    ValueError (an unknown format), OSError (`out` cannot be written).
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format}; choose one of: {', '.join(FORMATS)}")
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    with Journal(journal) as opened:
        judged: Iterable[JudgedText] = opened.judged()
        if guild is not None:
            where = (opened._hash("guild", guild),)
            rows = opened._db.execute("SELECT id, channel FROM generations WHERE guild = ?", where)
            known = None if channels is None else {"", *(opened._hash("channel", each) for each in channels)}
            here = {row[0] for row in rows if known is None or row[1] in known}
            judged = (one for one in judged if one.generation in here)
        replies = _by_reply(judged)
    lines = {"kto": _kto, "dpo": _dpo, "csv": _csv}[format](replies)
    count = _replace(out, lines) - (format == "csv")  # its first line is the header
    _replace(card_of(out), [data_card(format, out.name, count, replies)])
    return count


def card_of(out: Path) -> Path:
    """Where the card of an export lies."""
    return out.with_name(f"{out.name}.md")


def _replace(out: Path, lines: Iterable[str]) -> int:
    """Writes the lines beside `out` and puts them in its place; how many there were."""
    handle, draft = tempfile.mkstemp(prefix=f".{out.name}-", dir=out.parent)
    count = 0
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


_COLUMNS: Mapping[str, str] = {
    "kto": "`prompt` (string), `completion` (string), `label` (boolean: liked). One line a judgement.",
    "dpo": "`prompt` (string), `chosen` (string), `rejected` (string). One line a pair: a text that was "
    "liked and one that was not, of the same prompt; each text stands in one pair at most.",
    "csv": "prompt, completion, likes, dislikes, mean (of values from -1 to 1), model. One line a reply.",
}
_LOADED: Mapping[str, str] = {
    "kto": 'load_dataset("json", data_files="{name}")  # TRL: KTOTrainer, unpaired preference',
    "dpo": 'load_dataset("json", data_files="{name}")  # TRL: DPOTrainer, preference with a prompt',
    "csv": 'load_dataset("csv", data_files="{name}")',
}


def data_card(format: Format, name: str, count: int, replies: list[_Judged]) -> str:
    """The card of an export: numbers, columns, what was left out, what it may be used for."""
    likes = sum(value > 0 for row in replies for value in row.values)
    dislikes = sum(value < 0 for row in replies for value in row.values)
    tasks = Counter(row.prompt.partition(" ")[0] for row in replies)
    models = sorted({row.model for row in replies})
    table = "\n".join(f"| {task} | {number} |" for task, number in sorted(tasks.items()))
    return f"""# Judgements of Moyou's replies: {name}

{count} lines about {len(replies)} replies: {likes} likes, {dislikes} dislikes.
Written by: {", ".join(models) or "-"}.

| task | replies |
|---|---|
{table or "| - | 0 |"}

## Columns

{_COLUMNS[format]}

```python
from datasets import load_dataset
{_LOADED[format].format(name=name)}
```

## Where it comes from

People on Discord and in the console judged replies with 👍 and 👎, by reaction or button; moderators reviewed
some. Each person's last judgement of a reply counts. Who judges does so unasked: this is no random sample of
replies or of people, and some people judge far more than others.

`prompt` is the name of the task with those options whose values come from a closed list or are numbers.
It is not what anybody wrote: requests are no part of this file. `completion` is what Moyou wrote, with every
passage that it copied from a request as □; fixed sentences and extracts are left out.

## What is not in it

No person, server, channel or message, no id or hash of one, no time, no reason that somebody gave, no
rewrite by a moderator. Lines are in the order of their content.

## What it may be used for

The texts are a model's output, the labels are judgements without their people. Discord's Developer Policy
(July 2024), rule 21: “Do not use message content obtained through the APIs to train machine learning or AI
models (including large language models) unless express permission is granted by Discord.” No message
content is in this file; whoever trains on it still answers for that rule and for rule 15, by which data from
the API may improve an application only when it is aggregated or de-identified. Somebody who has Moyou forget
them after this file was written is still counted in it: write it anew and delete the old one.

隐私：没有人、服务器、频道、时间、理由，也没有任何人说过的话；有人让墨友忘记他之后，请重新导出并删掉旧文件。
"""
