"""How well conversations are told apart: a partition against gold topics, and what pauses alone reach.

Knows: the adjusted Rand index, conversations cut at pauses, a choice judged on logs it was not made on.
Does not know: how `summary_threads` tells conversations apart, what is printed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.channel_logs import ChannelLog
from engine.summary_signals import Numbers

GAPS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
"""Pauses in minutes that a baseline may choose from."""


def by_gap(log: ChannelLog, gap: float) -> list[int]:
    minutes = [message.minute for message in log.messages]
    breaks = [later - earlier > gap for earlier, later in itertools.pairwise(minutes)]
    return [int(label) for label in np.cumsum([0, *breaks])]


def out_of_fold(scores: Numbers, folds: Sequence[int]) -> float:
    """(choices, logs) → the mean over logs when for each log the choice is taken that is best on the logs
    of the other folds; where there is but one fold, the first choice."""
    fold = np.array(folds)
    found = [
        scores[int(scores[:, fold != own].sum(1).argmax()), place] for place, own in enumerate(fold.tolist())
    ]
    return float(np.mean(found))


def against_topics(labels: Sequence[int], log: ChannelLog) -> float:
    """Of the messages that have a topic: a message of none speaks neither for nor against."""
    known = [
        (log.topics[m.id], label) for m, label in zip(log.messages, labels, strict=True) if m.id in log.topics
    ]
    return adjusted_rand([topic for topic, _ in known], [label for _, label in known])


def adjusted_rand(one: Sequence[int], other: Sequence[int]) -> float:
    """Hubert and Arabie's index: 1 for the same partition, about 0 for chance."""
    table = np.zeros((max(one, default=0) + 1, max(other, default=0) + 1))
    np.add.at(table, (np.array(one, int), np.array(other, int)), 1)

    def couples(counts: Any) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, first, second = couples(table), couples(table.sum(1)), couples(table.sum(0))
    expected = first * second / max(1.0, couples(np.array([len(one)])))
    most = (first + second) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
