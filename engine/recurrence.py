"""LSTMs as training reads them: on a processor without the products that need not be made.

Knows: rows of tokens of different lengths, a layer's weights, what a step needs going back.
Does not know: embeddings, what rows mean. Outside training, in bfloat16 and on a GPU, torch reads.

Of a layer's products a training step asks for three things more than it must, and this one leaves them out:

- what a token gives to the gates is the same wherever it stands in the batch, so it is multiplied once for
  each token that occurs (a third of them, in a batch of talk), and so are its gradients;
- what a whole row gives to them (a condition, a latent) is multiplied once a row, not once a token;
- a row that has ended is multiplied no more: rows are sorted by length and each step takes those still there
  ("packed", as `nn.utils.rnn.pack_padded_sequence` has it).

The recurrence is Hochreiter & Schmidhuber's (1997) with forget gates (Gers et al. 2000), as torch writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Packing(NamedTuple):
    """The N tokens of B rows, step after step: `order` (B,) rows from the longest to the shortest, `counts`
    rows at each step, `real` (B, T) which places hold a token, `ahead` and `back` (N,) which of the N tokens,
    counted row by row, each step reads when rows are read forwards and backwards."""

    order: Tensor
    counts: list[int]
    real: Tensor
    ahead: Tensor
    back: Tensor


def pack(lengths: Tensor, longest: int) -> Packing:
    """lengths (B,) from 1 to `longest`, which is T: the width of what will be read."""
    order = lengths.argsort(descending=True, stable=True)
    long, begins = lengths[order], (lengths.cumsum(0) - lengths)[order]
    steps = torch.arange(longest, device=lengths.device)
    there = steps[:, None] < long
    step, row = there.nonzero(as_tuple=True)
    counts = [count for count in there.sum(dim=1).tolist() if count]
    ahead = begins[row] + step
    return Packing(order, counts, steps < lengths[:, None], ahead, begins[row] + long[row] - 1 - step)


class _Layer(torch.autograd.Function):
    """The recurrence alone. Gates come in torch's order: input, forget, cell, output."""

    @staticmethod
    def forward(
        ctx: Any,
        gates_of: Tensor,
        extra: Tensor | None,
        weight: Tensor,
        hidden: Tensor | None,
        cell: Tensor | None,
        tokens: Tensor,
        places: Tensor,
        order: Tensor,
        counts: list[int],
    ) -> Tensor:
        """gates_of (U, 4H), extra (B, 4H), weight (4H, H), hidden and cell (B, H), tokens (N,) rows of
        `gates_of`, step after step, places (N,) where their states go, order (B,) of rows → (N, H)."""
        wide = weight.shape[1]
        gates = gates_of.new_empty(len(tokens), 4 * wide)
        cells, before, squashed, found = (gates_of.new_empty(len(tokens), wide) for _ in range(4))
        rows = None if extra is None else extra[order]
        state = gates_of.new_zeros(counts[0], wide) if hidden is None else hidden[order]
        carried = first = gates_of.new_zeros(counts[0], wide) if cell is None else cell[order]
        turned, known = weight.t(), hidden is not None
        steps = _steps(
            counts,
            tokens,
            gates,
            gates[:, : 2 * wide],
            *gates.chunk(4, dim=1),
            cells,
            before,
            squashed,
            found,
        )
        for count, ids, now, both, came, kept, new, out, after, old, bent, said in steps:
            old.copy_(state[:count])
            torch.index_select(gates_of, 0, ids, out=now)
            if rows is not None:
                now.add_(rows[:count])
            if known:
                now.addmm_(old, turned)
            both.sigmoid_()
            new.tanh_()
            out.sigmoid_()
            carried = torch.mul(carried[:count], kept, out=after).addcmul_(came, new)
            torch.tanh(carried, out=bent)
            state, known = torch.mul(bent, out, out=said), True
        ctx.save_for_backward(weight, tokens, places, order, gates, cells, before, squashed, first)
        ctx.counts, ctx.types = counts, len(gates_of)
        ctx.given = (extra is not None, hidden is not None, cell is not None)
        return torch.empty_like(found).index_copy_(0, places, found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outward: Tensor) -> tuple[Tensor | None, ...]:
        weight, tokens, places, order, gates, cells, before, squashed, first = ctx.saved_tensors
        wide, counts = weight.shape[1], ctx.counts
        backward_sigmoid = torch.ops.aten.sigmoid_backward.grad_input
        backward_tanh = torch.ops.aten.tanh_backward.grad_input
        by_state = outward.index_select(0, places)
        by_rows = gates.new_zeros(len(order), 4 * wide) if ctx.given[0] else None
        by_cell, spare = gates.new_zeros(counts[0], wide), gates.new_empty(3, counts[0], wide)
        steps = list(_steps(counts, cells, by_state, squashed, gates, *gates.chunk(4, dim=1)))
        olds = [first, *(after for _, after, *_ in steps[:-1])]
        above: Tensor | None = None
        for (count, _, given, bent, by_all, came, kept, new, out), old in zip(
            reversed(steps), reversed(olds), strict=True
        ):
            if above is not None:
                given[: len(above)].addmm_(above, weight)
            one, other, third = spare[:, :count]
            carry = by_cell[:count]
            carry.add_(backward_tanh(torch.mul(given, out, out=one), bent, grad_input=other))
            # The gates' gradients take their places: a second backward is refused, by torch's own check.
            backward_sigmoid(torch.mul(given, bent, out=one), out, grad_input=out)
            torch.mul(carry, new, out=one)
            torch.mul(carry, came, out=other)
            torch.mul(carry, old[:count], out=third)
            carry.mul_(kept)
            backward_sigmoid(one, came, grad_input=came)
            backward_tanh(other, new, grad_input=new)
            backward_sigmoid(third, kept, grad_input=kept)
            if by_rows is not None:
                by_rows[:count].add_(by_all)
            above = by_all
        return (
            gates.new_zeros(ctx.types, 4 * wide).index_add_(0, tokens, gates),
            None if by_rows is None else _unsorted(by_rows, order),
            gates.t() @ before,
            _unsorted(gates[: counts[0]] @ weight, order) if ctx.given[1] else None,
            _unsorted(by_cell, order) if ctx.given[2] else None,
            None, None, None, None,
        )  # fmt: skip


def _steps(counts: list[int], *parts: Tensor) -> Iterator[tuple[Any, ...]]:
    """Of each step its count, and its rows of each of `parts` (N, ...)."""
    return zip(counts, *(part.split_with_sizes(counts) for part in parts), strict=True)


def _unsorted(sorted_rows: Tensor, order: Tensor) -> Tensor:
    return torch.empty_like(sorted_rows).index_copy_(0, order, sorted_rows)


def read(
    lstm: nn.LSTM,
    types: Tensor,
    ids: Tensor,
    packing: Packing,
    *,
    backwards: bool = False,
    rows: Tensor | None = None,
    state: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """What `lstm`, of one layer, says of the N tokens of rows, row by row: (N, H).

    types (U, I), vectors of the tokens that occur; ids (B, T), which of them stands where; rows (B, R), the
    rest of the layer's inputs, which are the same at every step of a row; state, (B, H) each, zeros where
    there is none. `backwards` reads each row from its end.
    """
    inputs, weight, bias, more_bias = lstm.parameters()
    own, *rest = (
        (inputs,) if rows is None else inputs.split_with_sizes([types.shape[1], rows.shape[1]], dim=1)
    )
    gates_of = nn.functional.linear(types, own, bias + more_bias)
    extra = None if rows is None else nn.functional.linear(rows, *rest)
    places = packing.back if backwards else packing.ahead
    hidden, cell = (None, None) if state is None else state
    tokens = ids[packing.real][places]
    states: Tensor = _Layer.apply(  # type: ignore[no-untyped-call]
        gates_of, extra, weight, hidden, cell, tokens, places, packing.order, packing.counts
    )
    return states


class Words(NamedTuple):
    """Rows of tokens as a layer reads them: their vectors (B, T, E), or, for `read`, those of the U
    tokens that occur, (U, E), with `ids` (B, T): which of them stands where."""

    types: Tensor
    ids: Tensor | None = None

    def vectors(self) -> Tensor:
        """(B, T, E)."""
        return self.types if self.ids is None else nn.functional.embedding(self.ids, self.types)


class Bidirectional(nn.Module):
    """A bidirectional LSTM whose output does not depend on how far a row is padded."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inputs, hidden, batch_first=True)
        self.backwards = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, words: Words, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """words (B, T), lengths (B,) ≥ 1 → outputs (B, T, 2H) and both final states joined (B, 2H)."""
        if words.ids is not None:
            packing = pack(lengths, words.ids.shape[1])
            ahead = read(self.forwards, words.types, words.ids, packing)
            back = read(self.backwards, words.types, words.ids, packing, backwards=True)
            ends = lengths.cumsum(0)
            final = torch.cat([ahead[ends - 1], back[ends - lengths]], dim=1)
            both = torch.cat([ahead, back], dim=1)
            places = packing.real.flatten().nonzero().squeeze(1)
            filled = both.new_zeros(packing.real.numel(), both.shape[1]).index_copy(0, places, both)
            return filled.view(*words.ids.shape, -1), final
        x = words.vectors()
        positions = torch.arange(x.shape[1], device=x.device).expand(x.shape[0], -1)
        # Each row is reversed within its own length, so padding always comes last.
        index = torch.where(positions < lengths[:, None], lengths[:, None] - 1 - positions, positions)
        ahead, _ = self.forwards(x)
        back, _ = self.backwards(x.gather(1, index[..., None].expand(-1, -1, x.shape[2])))
        last = (lengths - 1)[:, None, None].expand(-1, 1, ahead.shape[2])
        final = torch.cat([ahead.gather(1, last), back.gather(1, last)], dim=2).squeeze(1)
        back = back.gather(1, index[..., None].expand(-1, -1, back.shape[2]))
        return torch.cat([ahead, back], dim=2), final
