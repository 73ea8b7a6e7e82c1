"""The batches of an epoch, one a step, made here or by processes beside the training one.

Knows: which rows and draws belong to a step, so that a step's batch is the same whoever makes it.
Does not know: the model, devices, the schedule.

A processor makes a batch in a tenth of the time it learns from it; a GPU learns from it sooner than it is
made. `loaders` processes then work ahead (torch.utils.data.DataLoader).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from engine import corpus
from engine.corpus import Batch, CorpusConfig, Encoded, Meant

AHEAD = 4
"""Batches that each process makes ahead."""


class Fed(NamedTuple):
    """A step's batch; `rows` and target `tokens` of all processes that share the step."""

    batch: Batch
    rows: int
    tokens: int


@dataclass(frozen=True)
class Feed:
    """How examples become a step's batch. `part` of `world` processes is made."""

    data: Sequence[Encoded]
    config: CorpusConfig
    seed: int
    ends: frozenset[int] = frozenset()
    meant: Meant | None = None
    world: int = 1
    part: slice = field(default_factory=lambda: slice(None))

    def step(self, rows: Sequence[int], step: int) -> Fed:
        chosen = [self.data[index] for index in rows]
        while len(chosen) < self.world:  # a row for each process
            chosen += chosen
        draw = random.Random(self.seed * 1_000_003 + step)
        batch = corpus.batch_of(chosen, self.config, draw, part=self.part, ends=self.ends, meant=self.meant)
        return Fed(batch, len(chosen), sum(len(example.target) for example in chosen))

    def epoch(self, order: Sequence[list[int]], begin: int, step: int, loaders: int = 0) -> Iterator[Fed]:
        """The batches `begin`, begin + 1, … of an epoch; the first of them is that of `step`."""
        rows = _Rows(self, order, step - begin)
        if not loaders or begin >= len(order):
            return (rows[number] for number in range(begin, len(order)))
        return iter(
            DataLoader(
                rows,
                batch_size=None,
                sampler=range(begin, len(order)),
                num_workers=loaders,
                prefetch_factor=AHEAD,
                generator=torch.Generator(),  # the run's own numbers are drawn as without loaders
            )
        )


class _Rows(Dataset[Fed]):
    """Batches by their number in an epoch whose number 0 is that of step `first`."""

    def __init__(self, feed: Feed, order: Sequence[list[int]], first: int) -> None:
        self._feed, self._order, self._first = feed, order, first

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Fed:
        return self._feed.step(self._order[number], self._first + number)
