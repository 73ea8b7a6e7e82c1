"""A model's weights as the compiled step wants them: rounded, padded, packed.

Knows: the model's matrices, which of them a step multiplies, sizes that lanes divide.
Does not know: how they are multiplied (`engine.native`), rows.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.model import ConditionalVAE
from engine.native import PANEL, Model, Packed, PackedFloats
from engine.products import UNIT, whole_numbers
from engine.vocabulary import END, LINE

_ORDER = (0, 1, 3, 2)  # of the gates: the three sigmoids together


class Weights:
    """For `moyou_step` and `moyou_begin`. `hidden`, `embedding` and `memory` are the padded sizes: units
    beyond a model's own stay at zero. Not for a `lexical` model, whose features know no bounds."""

    @torch.no_grad()
    def __init__(self, model: ConditionalVAE, banned: Tensor) -> None:
        """banned (V,) bool: what no text holds."""
        config = model.config
        e, h, c = config.embedding, config.hidden, 2 * config.condition_hidden
        self.embedding, self.hidden, self.memory = even(e, 32), even(h, 16), even(c, 16)
        self.vocabulary, self.copies = config.vocabulary, config.copy
        inputs, recurrent, *biases = model.decoder.parameters()
        scale, combine = e**-0.5, model.combine.weight
        four = [self.hidden] * 4
        bias = (biases[0] + biases[1])[:, None]
        nothing = torch.zeros(4 * self.hidden)
        self.after = _rounded(
            [*gates_of(recurrent), model.query.weight * scale, combine[:, :h]],
            [*four, self.embedding, self.embedding],
            self.hidden,
            torch.cat([nothing, wide(model.query.bias * scale, 2 * self.embedding)]),
        )
        self.words = _rounded(gates_of(inputs[:, :e]), four, self.embedding)
        self.context = _rounded([combine[:, h : h + c]], [self.embedding], self.memory)
        table = model.embed.weight
        never = torch.full((-len(table) % PANEL,), -torch.inf)
        self.output = _rounded([table], [len(table)], self.embedding, torch.cat([model.bias, never]))
        self._worth = table.abs().amax(dim=1).clamp_min(1e-12)
        self._table = wide(torch.round(table / self._worth[:, None] * UNIT).to(torch.int8), self.embedding)
        gate = model.copy_gate.gate if config.copy else None
        self._gate = None if gate is None else wide(gate.weight[0].clone(), self.embedding)
        self._forbidden = torch.nonzero(banned).squeeze(1).to(torch.int32)
        starts, start_bias = model.first.weight.view(2, h, -1), model.first.bias.view(2, h, 1)
        self.first = floats(below(starts, [self.hidden] * 2), below(start_bias, [self.hidden] * 2).flatten())
        self.extra = floats(below(gates_of(inputs[:, e:]), four), below(gates_of(bias), four).flatten())
        self.above = floats(
            below([combine[:, h + c :]], [self.embedding]), wide(model.combine.bias, self.embedding)
        )
        whole = (part.product for part in (self.words, self.after, self.context, self.output))
        whole_floats = (part.product for part in (self.first, self.extra, self.above))
        held = (self._table, self._worth, self._gate, self._forbidden)
        self._model = Model(
            *whole,
            *whole_floats,
            *map(address, held),
            len(self._forbidden),
            self.hidden,
            self.embedding,
            self.memory,
            END,
            LINE,
            0.0 if gate is None else float(gate.bias),
            config.copy,
        )

    @property
    def address(self) -> int:
        return ctypes.addressof(self._model)


def even(size: int, lanes: int) -> int:
    return -(-size // lanes) * lanes


def gates_of(weight: Tensor) -> list[Tensor]:
    """(4H, K) as torch orders an LSTM's gates → four of (H, K)."""
    parts = weight.view(4, len(weight) // 4, -1)
    return [parts[gate] for gate in _ORDER]


def below(parts: Sequence[Tensor] | Tensor, sizes: Sequence[int]) -> Tensor:
    """Weights (O, K) below each other, each with rows of zeros up to its size."""
    padded = zip(parts, sizes, strict=True)
    return torch.cat([torch.constant_pad_nd(part, [0, 0, 0, size - len(part)]) for part, size in padded])


def _rounded(parts: Sequence[Tensor], sizes: Sequence[int], depth: int, bias: Tensor | None = None) -> Packed:
    whole, scale = whole_numbers(wide(below(parts, sizes), depth))
    return Packed(whole.numpy(), (scale / UNIT).numpy(), None if bias is None else bias.numpy())


def floats(weight: Tensor, bias: Tensor) -> PackedFloats:
    return PackedFloats(weight.numpy(), bias.numpy())


def address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def wide(tensor: Tensor, width: int) -> Tensor:
    """(..., W) → (..., width) contiguous, zeros behind; itself where it is so wide already."""
    short = width - tensor.shape[-1]
    return (torch.constant_pad_nd(tensor, [0, short]) if short else tensor).contiguous()
