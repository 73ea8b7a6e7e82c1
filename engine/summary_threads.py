"""Disentangles a channel: which messages belong to one conversation.

Knows: how likely breaks, what two messages share and a second look at the company that each keeps make
probabilities, and these a partition. The weights were fitted on our own annotated logs by
`python -m engine.summary_training` and stand in `facts/summary-threads.json`.
Does not know: what is important, what the signals are (`summary_breaks`, `summary_pairs`).

A long log is disentangled block by block, so that time and memory grow linearly.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from engine.summary_breaks import BOUNDARY, boundaries
from engine.summary_log import Labels, Log, Vectors
from engine.summary_pairs import COMPANY, PAIR, company, pairs
from engine.summary_partition import partition
from engine.summary_signals import Numbers
from engine.values import Message

BLOCK = 80  # messages that are disentangled together
_ODDS = 7.0  # no log-odds are further from 0


class Weights(NamedTuple):
    """Of a boundary, of a pair at first sight and at the second; each with its bias at the end."""

    boundary: Numbers
    pair: Numbers
    again: Numbers


NAMES = {
    "boundary": (*BOUNDARY, "bias"),
    "pair": (*PAIR, "bias"),
    "again": (*PAIR, *COMPANY, "bias"),
}
"""What each weight is for, by the field of `Weights`."""


def threads(
    messages: Sequence[Message],
    latents: Vectors | None = None,
    fitted: Mapping[str, Sequence[Weights]] | None = None,
    wanted: Collection[int] | None = None,
) -> Labels:
    """The conversation of each message, as numbers in order of first appearance. Messages in order of time.

    `fitted` takes the place of the shipped weights. `wanted`: positions that matter; a block of a long
    log that holds fewer than two of them counts as one conversation.
    """
    kind = "plain" if latents is None else "latent"
    found: list[Labels] = []
    used = 0
    for start, end in _blocks(messages):
        part = slice(start, end)
        if wanted is not None and sum(start <= position < end for position in set(wanted)) < 2:
            found.append(np.full(end - start, used))
        else:
            log = Log(messages[part], None if latents is None else latents[part])
            found.append(partition(same(log, (fitted or weights())[kind])) + used)
        used += end - start
    labels = np.concatenate(found) if found else np.zeros(0, np.int64)
    order: dict[int, int] = {}
    return np.array([order.setdefault(int(label), len(order)) for label in labels], np.int64)


def same(log: Log, views: Sequence[Weights]) -> Numbers:
    """(N, N): the probability that two messages belong together; 0 for a message and itself.

    Each view looks at other signals of a break; their log-odds are averaged.
    """
    odds = np.zeros((len(log.messages), len(log.messages)))
    signs = boundaries(log)
    for view in views:
        table = pairs(log, probability(signs, view.boundary))
        first = both_ways(probability(table, view.pair))
        odds += log_odds(np.concatenate([table, company(log, first)], axis=-1), view.again) / len(views)
    return both_ways(1 / (1 + np.exp(-odds)))


def both_ways(chance: Numbers) -> Numbers:
    """What stands above the diagonal, below it too."""
    upper = np.triu(chance, 1)
    return np.asarray(upper + upper.T)


def probability(table: Numbers, weights_: Numbers) -> Numbers:
    """Logistic regression; the last weight is the bias."""
    return np.asarray(1 / (1 + np.exp(-log_odds(table, weights_))))


def log_odds(table: Numbers, weights_: Numbers) -> Numbers:
    return np.asarray((table @ weights_[:-1] + weights_[-1]).clip(-_ODDS, _ODDS))


@cache
def weights() -> dict[str, list[Weights]]:
    """For "plain" and "latent" the weights of each view."""
    saved = json.loads((resources.files("engine.facts") / "summary-threads.json").read_text("utf-8"))
    return {
        kind: [
            Weights(*(np.array([view[of][name] for name in names]) for of, names in NAMES.items()))
            for view in saved[kind]
        ]
        for kind in ("plain", "latent")
    }


def _blocks(messages: Sequence[Message]) -> list[tuple[int, int]]:
    """At most BLOCK messages each, cut where the pause is longest in the last half of a block."""
    found = []
    start = 0
    while len(messages) - start > BLOCK:
        gaps = [
            messages[row].minute - messages[row - 1].minute
            for row in range(start + BLOCK // 2, start + BLOCK)
        ]
        end = start + BLOCK // 2 + max(range(len(gaps)), key=lambda place: gaps[place])
        found.append((start, end))
        start = end
    if start < len(messages):
        found.append((start, len(messages)))
    return found
