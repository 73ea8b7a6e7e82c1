"""Conditions read by the compiled encoder, several at a time.

Knows: the encoder's matrices, what a decoder wants of a condition. Does not know: how ids come about, how
they are read (`kernels/read.c`), what is written.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from engine.model import ConditionalVAE, Encoded
from engine.native import Conditions, PackedFloats, Reader
from engine.native_weights import address, below, even, floats, gates_of


class NativeReader:
    """The encoder of a model, which keeps its embeddings. A copy of the rest is made, 3 MB of `talk`."""

    @torch.no_grad()
    def __init__(self, model: ConditionalVAE, library: ctypes.CDLL) -> None:
        config = model.config
        c, self._hidden = config.condition_hidden, even(config.condition_hidden, 16)
        self._model, self._library, self._own = model, library, c
        four = [self._hidden] * 4
        inputs, recurrent = [], []
        for lstm in (model.condition.forwards, model.condition.backwards):
            weight, again, *biases = lstm.parameters()
            bias = below(gates_of((biases[0] + biases[1])[:, None]), four).flatten()
            inputs.append(floats(below(gates_of(weight), four), bias))
            deep = torch.constant_pad_nd(below(gates_of(again), four), [0, self._hidden - c])
            recurrent.append(floats(deep, torch.zeros(len(deep))))
        self._key = floats(self._both(model.key.weight), model.key.bias)
        self._held = [*inputs, *recurrent, self._key]
        self._meant: PackedFloats | None = None
        if config.meaning:
            first, last = (cast("nn.Linear", model.meaning[place]) for place in (0, 2))
            self._meant = floats(first.weight * config.meaning**0.5, first.bias)
            deep = last.weight.new_zeros(len(last.weight), self._meant.outputs)
            deep[:, : last.weight.shape[1]] = last.weight
            rows = self._both(torch.cat([deep, last.bias[:, None]], dim=1).T).T
            self._heard = floats(rows[:, :-1], rows[:, -1].contiguous())
            self._held += [self._meant, self._heard]
        nothing = self._key.product
        self._reader = Reader(
            tuple(part.product for part in inputs),
            tuple(part.product for part in recurrent),
            nothing,
            self._meant.product if self._meant else nothing,
            self._heard.product if self._meant else nothing,
            self._hidden,
            self._meant is not None,
        )

    def _both(self, weight: Tensor) -> Tensor:
        """(O, 2C) → (O, both directions' padded units)."""
        parts = weight.view(len(weight), 2, self._own)
        return torch.constant_pad_nd(parts, [0, self._hidden - self._own]).flatten(1)

    @torch.inference_mode()
    def read(self, conditions: Sequence[Sequence[int]], meaning: Tensor | None = None) -> list[Encoded]:
        """Each of N conditions, of one id at least; meaning (N, M) unit vectors, for a model that is told."""
        count, h = len(conditions), self._hidden
        lengths = list(map(len, conditions))
        ids = torch.tensor([token for condition in conditions for token in condition])
        starts = torch.tensor([0, *lengths]).cumsum(0)
        words = self._model.vectors(ids).contiguous()
        total = len(ids)
        gates, cells = torch.empty(total, self._held[0].outputs), torch.empty(count, h)
        memory, keys = torch.empty(total, 2 * h), torch.empty(total, self._key.outputs)
        summary = torch.empty(count, 2 * h)
        within = added = None
        if self._meant is not None:
            if meaning is None:
                meaning = torch.zeros(count, self._model.config.meaning)
            meaning = meaning.float().contiguous()
            within, added = torch.empty(count, self._meant.outputs), torch.empty(count, self._heard.outputs)
        given = (starts, words, meaning, gates, cells, within, memory, keys, summary, added)
        told = Conditions(*map(address, given), count)
        self._library.moyou_read(ctypes.addressof(self._reader), ctypes.addressof(told))
        keys = keys[:, : self._model.config.embedding]
        if h != self._own:
            memory, summary = (
                part.view(len(part), 2, h)[:, :, : self._own].flatten(1) for part in (memory, summary)
            )
        found, first = [], 0
        for number, length in enumerate(lengths):
            own = slice(first, first + length)
            parts = (memory[own], keys[own], torch.ones(length, dtype=torch.bool), summary[number])
            found.append(Encoded(*(part[None] for part in (*parts, ids[own], words[own]))))
            first += length
        return found
