"""Makes drafts-zh.txt, drafts-en.txt and reply-heads.txt: what the texts and heads of replies have in common.

    python -m engine.facts.make_drafts write REPLIES --replies 1500 --talk DIALOGUES...
    python -m engine.facts.make_drafts choose REPLIES... --to FOLDER

`write` has the shipped models reply to askings of the book, to our own dialogues (the catalogue's
written/talk-*.jsonl) and to themes, a row of JSON each; another --seed asks otherwise, and a fifth of all
askings is asked with --held-out alone. `choose` reads such rows, or anybody's of `Reply.to_json`, and says
how many bytes texts and heads take before and after for every tenth reply, which it does not choose from.

The files in this folder are what journals are read with and never change: new ones are for a new form.

Passages are chosen one after another, the one first whose groups of characters most replies have that none
chosen has (as zstd's trainer does). The first come last: near ones take fewer bits.

Knows: how they are chosen. Nothing imports this module at run time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import json
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from engine import book, draft_bytes, draft_texts, journal_body
from engine.errors import MoyouError
from engine.facts import read_text
from engine.journal_rows import without_copies
from engine.prompt import load_tasks
from engine.values import Reply, Request
from engine.writer import Engine

_AT_ONCE = 12
_USUAL_FORMS = ("qijue", "wujue")
_OTHERS = ("ask", "post", "ad", "story")
_HELD_OUT = 10


class Shape(NamedTuple):
    """Characters of a group and of a passage, bytes of a dictionary."""

    group: int
    passage: int
    size: int


SHAPES = {
    draft_texts.CHINESE: Shape(4, 24, draft_texts.WINDOW),
    draft_texts.ENGLISH: Shape(12, 100, draft_texts.WINDOW),
    journal_body.HEADS: Shape(12, 400, 4_000),
}


def chosen(documents: Sequence[Sequence[str]], shape: Shape, encode: Callable[[str], bytes]) -> str:
    """The passages that these documents, each of some texts, have most in common."""
    counts: Counter[str] = Counter()
    for texts in documents:
        counts.update({group for text in texts for group in _groups(text, shape.group)})
    worth = {group: count for group, count in counts.items() if count > 1}

    def value(passage: str) -> float:
        return sum(worth.get(group, 0) for group in _groups(passage, shape.group)) / len(encode(passage))

    candidates = dict.fromkeys(
        part for texts in documents for text in texts for part in _parts(text, shape) if part
    )
    heap = [(-value(passage), passage) for passage in candidates]
    heapq.heapify(heap)
    found: list[str] = []
    size = 0
    while heap and size < shape.size:
        _, passage = heapq.heappop(heap)
        now = -value(passage)  # less than it was, where one chosen since has a part of it
        if now < 0 and heap and now > heap[0][0]:
            heapq.heappush(heap, (now, passage))
        elif now < 0:
            found.append(_trimmed(passage, shape.group, worth))
            size += len(encode(found[-1]))
            for group in _groups(found[-1], shape.group):
                worth.pop(group, None)
    text = "".join(reversed(found))
    while len(encode(text)) > shape.size:
        text = text[1:]
    return text


def _groups(text: str, length: int) -> Iterator[str]:
    return (text[start : start + length] for start in range(len(text) - length + 1))


def _parts(text: str, shape: Shape) -> Iterator[str]:
    last = max(0, len(text) - shape.passage)
    for start in (*range(0, last, max(1, shape.passage // 4)), last):
        yield text[start : start + shape.passage]


def _trimmed(passage: str, length: int, worth: dict[str, int]) -> str:
    groups = [place for place, group in enumerate(_groups(passage, length)) if group in worth]
    return passage[groups[0] : groups[-1] + length]


def documents(replies: Iterable[Reply]) -> dict[str, list[list[str]]]:
    """What each dictionary is chosen from."""
    found: dict[str, list[list[str]]] = {name: [] for name in SHAPES}
    for reply in replies:
        texts = [f"{draft.text}\0" for place, draft in enumerate(reply.drafts) if place != reply.chosen]
        chinese = draft_texts.is_chinese("".join(texts))
        found[draft_texts.CHINESE if chinese else draft_texts.ENGLISH].append(texts)
        beside = journal_body.Beside(
            reply.generation,
            reply.task,
            reply.origin,
            reply.model,
            reply.reward_model,
            reply.text,
            draft_bytes.floats(reply.latent),
        )
        with contextlib.suppress(draft_bytes.Unusual):
            found[journal_body.HEADS].append([journal_body.head(reply, beside)])
    return found


def choose(files: Sequence[Path], folder: Path) -> None:
    replies = [Reply.from_json(line) for file in files for line in file.read_text("utf-8").splitlines()]
    learnt = documents(reply for place, reply in enumerate(replies) if place % _HELD_OUT)
    left_out = documents(replies[::_HELD_OUT])
    for name, shape in SHAPES.items():
        heads = name == journal_body.HEADS
        encode = _utf8 if heads else lambda text, name=name: draft_texts.encoded(text, name)
        text = chosen(learnt[name], shape, encode)
        file = folder / name
        file.write_bytes((text if heads else draft_texts.written(text)).encode("utf-8"))
        packed = ["".join(texts).rstrip("\0") for texts in left_out[name]]
        before = _mean(_deflated(encode(one)) for one in packed)
        after = _mean(_deflated(encode(one), encode(text)) for one in packed)
        print(f"{name}: {len(encode(text))} bytes; {len(packed)} left out: {before:.1f}, with it {after:.1f}")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _mean(sizes: Iterable[int]) -> float:
    listed = list(sizes)
    return sum(listed) / max(1, len(listed))


def _deflated(data: bytes, dictionary: bytes = b"") -> int:
    press = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=dictionary)
    return len(press.compress(data) + press.flush())


def askings(count: int, seed: str, held_out: bool, talk: Sequence[Path]) -> Iterator[Request]:
    """In the shares of ordinary use: mostly chat."""
    draw = random.Random(seed)
    by_task: dict[str, list[tuple[str, ...]]] = {}
    for entry in book.read():
        if not entry.before and _is_held_out(entry.name) == held_out:
            by_task.setdefault(entry.task, []).append(entry.asks)
    turns: list[tuple[str, tuple[str, ...]]] = [
        (turns[at], tuple(turns[:at]))
        for file in talk
        for turns in (json.loads(line)["turns"] for line in file.read_text("utf-8").splitlines())
        if _is_held_out(turns[0]) == held_out
        for at in (0, 2)
        if at < len(turns)
    ] or [(asks[0], ()) for asks in by_task["chat"]]
    rows = (line.split("\t") for line in read_text("themes.tsv").splitlines())
    themes = [name for name, *images in rows if images and _is_held_out(name) == held_out]
    form = next(option for option in load_tasks()["poem"].options if option.name == "form")
    forms = [choice.value for choice in form.choices]
    for _ in range(count):
        share, own_seed = draw.random(), draw.getrandbits(31)
        context: tuple[str, ...] = ()
        options: dict[str, str] = {}
        if 0.35 <= share < 0.6:
            task = "chat"
            text, context = draw.choice(turns)
        elif 0.75 <= share < 0.87:
            task = "poem"
            options["form"] = draw.choice(forms if draw.random() < 0.5 else _USUAL_FORMS)
            text = draw.choice(themes)
        else:
            task = "chat" if share < 0.35 else "continue" if share < 0.75 else draw.choice(_OTHERS)
            text = draw.choice(draw.choice(by_task[task]))
        yield Request(task, text, options, context=context, seed=own_seed)


def _is_held_out(name: str) -> bool:
    return zlib.crc32(name.encode("utf-8")) % 10 >= 8


async def write(requests: Iterable[Request], file: Path) -> None:
    """The replies, in the order that they are ready in; no row where there was nothing good to say."""
    turn = asyncio.Semaphore(_AT_ONCE)
    with file.open("w", encoding="utf-8") as rows:
        async with Engine() as engine:

            async def one(request: Request) -> None:
                async with turn:
                    try:
                        reply = await engine.write(request)
                    except MoyouError:
                        return
                rows.write(f"{without_copies(reply).to_json()}\n")

            await asyncio.gather(*map(one, requests))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.facts.make_drafts")
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("file", type=Path)
    writing.add_argument("--replies", type=int, default=1_500)
    writing.add_argument("--seed", default="train")
    writing.add_argument("--held-out", action="store_true")
    writing.add_argument("--talk", type=Path, nargs="*", default=[])
    choosing = commands.add_parser("choose")
    choosing.add_argument("files", type=Path, nargs="+")
    choosing.add_argument("--to", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.command == "write":
        requests = askings(given.replies, given.seed, given.held_out, given.talk)
        asyncio.run(write(requests, given.file))
    else:
        choose(given.files, given.to)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
