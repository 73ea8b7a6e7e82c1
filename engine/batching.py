"""Continuous batching: the rows of many requests decoded side by side, joining and leaving at every step.

Knows: where rows lie in the tensors that a `Cell` steps, what a step must be told of them.
Does not know: threads, queues, who asked.

An LSTM's state is one row, so a request needs no place of its own size: its rows stand at the end of the
batch when it joins and are gone when they are finished. A row's text does not depend on its neighbours
(`Cell`), nor on when it joined: its draws are fixed by its seed and number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.cell import Cell, compiled
from engine.model import ConditionalVAE
from engine.rows import Asked, Batch, Written
from engine.shelves import Shelf
from engine.vocabulary import BEGIN, END, LINE


class TorchBatch(Batch):
    """By torch's calls: where no step was compiled, and for what was written so."""

    def __init__(self, model: ConditionalVAE, banned: Tensor, kernels: list[str]) -> None:
        self._cell = Cell(model, banned, kernels)
        self._step = compiled(self._cell)
        self._shelves: dict[tuple[int, int], Shelf] = {}
        self._asked: list[Asked] = []
        self._rows: list[Written] = []  # those that draw, then those that follow
        self._draws = 0
        self._tokens = torch.zeros(0, dtype=torch.long)  # what each row wrote last
        self._state: list[Tensor] = []
        self._conditions: list[list[Tensor]] = []
        self._steady: list[Tensor] = []
        self._nothing = torch.zeros(0, dtype=torch.long)

    def __len__(self) -> int:
        return len(self._rows)

    @torch.inference_mode()
    def join(self, asked: Asked) -> None:
        """From the next step on. The rows' state, 25 KB each, is made only now: many may wait."""
        states = []
        for seat in asked._seats:
            assert seat.encoded is not None  # noqa: S101  a request joins once
            states.append(self._cell.begin(seat.encoded.summary.expand(len(asked._z), -1), asked._z))
            shelf = self._shelves.setdefault(seat.size, Shelf(seat.size, self._cell))
            rows = len(asked.rows)
            shelf.add(seat, -(-rows // seat.width))
        self._asked.append(asked)
        fresh = [torch.cat(parts) for parts in zip(*states, strict=True)]
        self._arrange(self._rows + asked._writing, fresh)

    @torch.inference_mode()
    def leave(self, asked: Asked) -> None:
        asked.give_up()
        self._clear()

    @torch.inference_mode()
    def step(self) -> list[Asked]:
        now = self._wanted(self._rows[: self._draws])
        self._tokens, log_p = self._step(
            self._tokens, self._state, *self._conditions, self._steady, self._draws, now
        )
        over = False
        for one, token, value in zip(self._rows, self._tokens.tolist(), log_p.tolist(), strict=True):
            over |= self._written(one, token, value)
        return self._clear() if over else []

    def products(self, rows: int) -> Callable[[], object]:
        cell = self._cell
        h, e, c = cell.size, cell.embedding, cell.memory
        work = [
            (getattr(product, "shifted", product), torch.full((rows, depth), 128, dtype=torch.uint8))
            for product, depth in ((cell.words, e), (cell.after, h), (cell.context, c), (cell.output, e))
        ]
        return torch.inference_mode()(lambda: [product(x) for product, x in work])

    def _wanted(self, drawing: Sequence[Written]) -> list[Tensor]:
        """What must come, what may not, what is raised, what plans forbid: `now` of `Cell.forward`."""
        uniform: list[float] = []
        forced: dict[int, int] = {}
        bans: dict[int, Sequence[int]] = {}
        raises: dict[int, Mapping[int, float]] = {}
        masks: dict[int, Tensor] = {}
        for number, one in enumerate(drawing):
            tokens = one.row.tokens
            if one.closing:
                forced[number] = END
                uniform.append(0.0)
                continue
            uniform.append(float(one.uniform[len(tokens)]))
            banned = one.repeats.now(tokens) if tokens or one.plan is not None else (END, LINE)
            if banned:
                bans[number] = banned
            try:
                if one.pull is not None and (bias := one.pull.bias(tokens)):
                    raises[number] = bias
                if one.plan is not None:
                    if (due := one.form_says) >= 0:
                        forced[number] = due
                    else:
                        masks[number] = one.plan.mask()
            except Exception as error:  # noqa: BLE001  it is its request's, not its neighbours'
                one.fail(error)
                forced[number] = END
        nothing, padding, count = self._nothing, self._cell.padding, len(drawing)
        ids = nats = must = masked = nothing
        if raises:
            ids = _padded(raises, count, padding)
            values = {number: list(bias.values()) for number, bias in raises.items()}
            nats = _padded(values, count, 0.0).mul_(self._steady[0])
        if forced:
            must = torch.tensor([forced.get(number, -1) for number in range(count)])
        if masks:
            masked = torch.zeros(count, len(self._cell.bias), dtype=torch.bool)
            for number, mask in masks.items():
                torch.logical_not(mask, out=masked[number, : len(mask)])
        draws = torch.tensor(uniform, dtype=torch.float64)[:, None]
        return [draws, must, _padded(bans, count, padding) if bans else nothing, ids, nats, masked]

    def _written(self, one: Written, token: int, log_p: float) -> bool:
        """Notes a row's token; whether the row is over."""
        if one.over:
            return True
        try:
            one.write(token, log_p)
        except Exception as error:  # noqa: BLE001  it is its request's, not its neighbours'
            one.fail(error)
        if not one.over:
            return False
        if one.partner is None:
            weights = self._shelves[one.seat.size].attention(one.seat, one.number)
            one.row.attention = (weights / max(1, len(one.row.tokens) + 1)).tolist()
        return True

    def _clear(self) -> list[Asked]:
        """Takes out what is over."""
        done = [asked for asked in self._asked if asked.done]
        for asked in done:
            for seat in asked._seats:
                shelf = self._shelves[seat.size]
                shelf.remove(seat)
                if not shelf.owners:
                    del self._shelves[seat.size]
        if done:
            self._asked = [asked for asked in self._asked if not asked.done]
        self._arrange(self._rows, [])
        for asked in done:
            asked.let_go()
        return done

    def _arrange(self, rows: Sequence[Written], joining: Sequence[Tensor]) -> None:
        """Puts the rows that are not over in order: `rows` lie in the state, then in `joining`."""
        live = [number for number, one in enumerate(rows) if not one.over]
        # In the order in which they sit: where all chairs are taken nothing has to be looked up.
        drawing = [number for number in live if rows[number].partner is None]
        order = sorted(drawing, key=lambda number: rows[number].chair)
        self._draws = len(order)
        order += [number for number in live if rows[number].partner is not None]
        index = torch.tensor(order, dtype=torch.long)
        fresh = torch.full((len(rows) - len(self._rows),), BEGIN)
        if joining and len(self._rows):
            whole: Sequence[Tensor] = [torch.cat(pair) for pair in zip(self._state, joining, strict=True)]
        else:
            whole = joining or self._state
        self._tokens = torch.cat([self._tokens, fresh])[index]
        self._rows = [rows[number] for number in order]
        self._state = [part[index] for part in whole]
        self._settle()

    def _settle(self) -> None:
        """Notes what changes only when rows come or go."""
        drawing = self._rows[: self._draws]
        place = {id(one): number for number, one in enumerate(drawing)}
        partners = [place[id(one.partner)] for one in self._rows[self._draws :]]
        seated: dict[tuple[int, int], tuple[list[int], list[int]]]
        seated = {size: ([], []) for size in self._shelves}
        for number, one in enumerate(self._rows):
            chairs, rows = seated[one.seat.size]
            chairs.append(one.chair)
            rows.append(number)
        parts = [shelf.tensors() for shelf in self._shelves.values()]
        keys, values, hidden, sources, copyable, attended = (
            [part[kind] for part in parts] for kind in range(6)
        )
        chairs_of, rows_of = [], []
        for (chairs, rows), sums in zip(seated.values(), attended, strict=True):
            full = chairs == list(range(sums.shape[0] * sums.shape[1]))
            chairs_of.append(self._nothing if full else torch.tensor(chairs, dtype=torch.long))
            rows_of.append(self._nothing if len(parts) == 1 else torch.tensor(rows, dtype=torch.long))
        self._conditions = [keys, values, hidden, attended, chairs_of, rows_of]
        source = shown = self._nothing
        if self._cell.copies:
            widest = max((shelf.places for shelf in self._shelves.values()), default=0)
            source = torch.full((len(self._rows), widest), self._cell.padding)
            shown = torch.zeros(len(self._rows), widest)
            for (chairs, rows), shelf, ids, may in zip(
                seated.values(), self._shelves.values(), sources, copyable, strict=True
            ):
                slots = torch.tensor(chairs, dtype=torch.long) // shelf.width
                source[rows, : shelf.places] = ids[slots]
                shown[rows, : shelf.places] = may[slots]
        self._steady = [
            torch.tensor([[1 / one.sampling.temperature] for one in drawing]),
            torch.tensor([[one.sampling.nucleus] for one in drawing]),
            torch.tensor(partners, dtype=torch.long),
            source,
            shown,
        ]


def _padded(rows: Mapping[int, Collection[Any]], count: int, padding: Any) -> Tensor:
    """(count, longest) of some of the rows, the others empty."""
    longest = max(map(len, rows.values()))
    empty = [padding] * longest
    return torch.tensor(
        [[*row, *empty[len(row) :]] if (row := rows.get(number)) else empty for number in range(count)]
    )
