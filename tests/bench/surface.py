"""How do sampled replies look? python -m tests.bench.surface --written DIR [--models DIR] [--count N]

Knows: askings that nobody learnt from, the judge's tests for a repeated 4-gram, unbalanced quotes, mixed
languages and a cut sentence, how often the same reply comes.
Does not know: whether a reply fits (`tests.bench.relevance`).

`sampled` is one row of the model, decoded as the chat task decodes, before any judge chooses; `sent` is what
Moyou sends with its book. One JSON line each.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine import decode, judge
from engine.compose import Composer
from engine.decode import Decoder, Sampling
from engine.errors import NothingGood
from engine.prompt import load_tasks
from engine.task import Task
from engine.text import clean, locale_of, simplify
from engine.values import Request
from tests.bench.relevance import unseen

BARS = {"faulty": 0.02, "top_ten": 0.10}
_TOP = 10


class Said(NamedTuple):
    """`finished`: it ended of itself rather than by the limit."""

    asking: str
    reply: str
    finished: bool = True


def faults(said: Said) -> list[str]:
    """Which of the four faults a reply has."""
    asking, reply, finished = said
    tokens = judge.tokens_of(reply)
    grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
    tests = {
        "repeated 4-gram": len(set(grams)) == len(grams),
        "unbalanced": judge.balance(reply) == 1,
        "mixed languages": judge.language(reply, asking, (), locale_of(asking)) == 1,
        "cut sentence": judge.ending(reply) > 0.1 and finished,  # a chat needs no full stop
    }
    return [name for name, passed in tests.items() if not passed]


def report(kind: str, pairs: Sequence[Said]) -> dict[str, Any]:
    """Shares of replies."""
    found = [faults(said) for said in pairs]
    common = collections.Counter(said.reply for said in pairs).most_common(_TOP)
    count = max(1, len(pairs))
    result: dict[str, Any] = {
        "kind": kind,
        "replies": len(pairs),
        "faulty": round(sum(map(bool, found)) / count, 4),
        "faults": dict(collections.Counter(name for names in found for name in names)),
        "top_ten": round(sum(times for _, times in common) / count, 4),
        "bars": BARS,
    }
    result["ok"] = all(result[name] <= bar for name, bar in BARS.items())
    return result


def sampled(decoder: Decoder, task: Task, asking: str, seed: int) -> Said:
    """One row, as the task decodes it."""
    plain = Sampling()
    names = [field.name for field in dataclasses.fields(Sampling)]
    sampling = Sampling(**{name: getattr(task.decoding, name, getattr(plain, name)) for name in names})
    language = "zh" if locale_of(asking) == "zh-CN" else "en"
    condition = decoder.condition((task.name, "own", language), [simplify(clean(asking))])
    latents = task.decoding.spread * decode.latents(seed, 1, decoder.latent_size)
    row = decoder.sample(condition, latents, seed, sampling)[0]
    return Said(asking, row.text.strip(), row.finished)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.surface", description=__doc__)
    parser.add_argument("--written", type=Path, required=True)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    task = load_tasks(None)["chat"]
    composer = Composer(options.models, None, use_book=True)
    decoder = composer.decoder(task.model)
    asked = [asking for _, asking in unseen(options.written, options.count, options.seed)]
    drawn = [sampled(decoder, task, asking, options.seed + n) for n, asking in enumerate(asked)]
    sent = []
    for number, asking in enumerate(asked):
        request = task.validate(Request(task.name, asking, locale=locale_of(asking)))
        try:
            sent.append(Said(asking, composer.compose(task, request, options.seed + number).text))
        except NothingGood:
            continue
    for kind, pairs in (("sampled", drawn), ("sent", sent)):
        print(json.dumps({**report(kind, pairs), "model": decoder.checkpoint.identity}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
