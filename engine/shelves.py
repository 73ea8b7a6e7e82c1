"""Where the conditions of the rows in flight lie: memories of one size side by side, as a step wants them.

Knows: padding, which rows share a memory, how a place is taken and given back. Does not know: rows' texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.cell import Cell
from engine.model import Encoded
from engine.vocabulary import LINE

SEATS = 8
"""Rows that share one condition's memory in a product of attention."""
_PLACES = 32  # memories are padded to a multiple of this, so that few sizes are in use at a time


@dataclass(slots=True, eq=False)
class Seat:
    """A condition's memory and the rows that look at it, on a shelf with others of its size.

    `encoded`: what the shelf takes over; None once it has.
    """

    encoded: Encoded | None
    width: int
    slots: list[int] = field(default_factory=list)
    tokens: int = 0

    def __post_init__(self) -> None:
        if self.encoded is not None:
            self.tokens = self.encoded.tokens.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        return self.width, -(-self.tokens // _PLACES) * _PLACES


class Shelf:
    """The memories of one size: tensors whose first `count` entries are in use."""

    def __init__(self, size: tuple[int, int], cell: Cell) -> None:
        self.width, self.places = size
        self._lexical = cell.lexical
        self.owners: list[tuple[Seat, int]] = []
        self._tensors: list[Tensor] = []
        wide = cell.memory + (cell.embedding if cell.lexical else 0)
        self._padding = cell.padding
        self._shapes: list[tuple[int, ...]] = [(self.places, cell.embedding), (self.places, wide)]
        self._shapes += [(1, self.places)]
        self._shapes += [(self.places,), (self.places,), (self.width, self.places)]

    def tensors(self) -> list[Tensor]:
        """keys, values, places, sources, copyable, attended: (S, ...) each."""
        return [tensor[: len(self.owners)] for tensor in self._tensors]

    def add(self, seat: Seat, slots: int) -> None:
        encoded, used = seat.encoded, seat.tokens
        assert encoded is not None  # noqa: S101  a seat is added once
        for part in range(slots):
            index = len(self.owners)
            if not self._tensors or index == len(self._tensors[0]):
                self._grow()
            for tensor in self._tensors:
                tensor[index].zero_()
            keys, values, places, sources, copyable, _ = (tensor[index] for tensor in self._tensors)
            memory = encoded.memory[0]
            keys[:used] = encoded.keys[0]
            values[:used] = torch.cat([memory, encoded.words[0]], dim=1) if self._lexical else memory
            places.fill_(-torch.inf)
            places[:, :used] = 0
            sources.fill_(self._padding)
            sources[:used] = encoded.tokens[0]
            copyable[:used] = encoded.tokens[0] > LINE
            self.owners.append((seat, part))
            seat.slots.append(index)
        seat.encoded = None

    def remove(self, seat: Seat) -> None:
        for slot in sorted(seat.slots, reverse=True):
            last = len(self.owners) - 1
            if slot != last:
                for tensor in self._tensors:
                    tensor[slot] = tensor[last]
                owner, part = self.owners[slot] = self.owners[last]
                owner.slots[part] = slot
            self.owners.pop()
        seat.slots.clear()

    def attention(self, seat: Seat, number: int) -> Tensor:
        """(X,) the sum over all steps so far of a row's attention."""
        slot = seat.slots[number // self.width]
        return self._tensors[5][slot, number % self.width, : seat.tokens]

    def _grow(self) -> None:
        room = max(4, 2 * len(self.owners))
        kinds = [torch.float32, torch.float32, torch.float32, torch.long, torch.float32, torch.float32]
        fresh = [
            torch.zeros(room, *shape, dtype=kind) for shape, kind in zip(self._shapes, kinds, strict=True)
        ]
        for new, old in zip(fresh, self._tensors, strict=False):
            new[: len(old)] = old
        self._tensors = fresh
