"""Continuous batching: the rows of many requests decoded side by side, joining and leaving at every step.

Knows: what each row still has to write, its plan, pull and seed; where rows and conditions lie in the
tensors that a `Cell` steps. Does not know: threads, queues, who asked.

An LSTM's state is one row, so a request needs no place of its own size: its rows stand at the end of the
batch when it joins and are gone when they are finished. A row's text does not depend on its neighbours
(`Cell`), nor on when it joined: its draws are fixed by its seed and number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.cell import Cell, compiled
from engine.model import ConditionalVAE, Encoded
from engine.vocabulary import BEGIN, END, LINE

_SEATS = 8  # rows that share one condition's memory in a product of attention
_PLACES = 32  # memories are padded to a multiple of this, so that few sizes are in use at a time


@dataclass(frozen=True, slots=True)
class Sampling:
    """temperature > 0; nucleus in (0, 1]; no_repeat is the n-gram size that may not come twice (0: off).

    `arithmetic`: how the weights are multiplied, which decides a text's bits: "int8", or "float32" as in
    replies that were written before there was a choice.
    """

    temperature: float = 0.8
    nucleus: float = 0.9
    max_tokens: int = 60
    no_repeat: int = 3
    arithmetic: str = "int8"


class Plan(Protocol):
    """A form that text must keep, such as `verse.VersePlan`. One a row; it is used up by decoding."""

    @property
    def done(self) -> bool: ...
    @property
    def at_line_end(self) -> bool: ...
    @property
    def relaxed(self) -> tuple[str, ...]: ...
    def mask(self) -> Tensor: ...
    def advance(self, token: int) -> None: ...


class Words(Protocol):
    """What draws a text towards given words, such as `pull.Pull`. It holds no state."""

    def bias(self, written: Sequence[int]) -> Mapping[int, float]: ...


@dataclass(slots=True)
class Row:
    """One decoded row. `log_probability` is log p(y|x,z) in nats by the model itself, no mask, T = 1.

    `finished`: it ended by <end> or by its plan rather than by the token limit. `attention` (X,) is
    the mean weight of each condition token. `under`: where other conditions were given as well, log p
    of the text and its <end> under its own and each of them.
    """

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    log_probability: float = 0.0
    finished: bool = False
    relaxed: tuple[str, ...] = ()
    attention: list[float] = field(default_factory=list)
    under: tuple[float, ...] = ()

    @property
    def fluency(self) -> float:
        """The mean log-probability of a token, 0 at -7 nats and 1 at -2 and above."""
        return min(1.0, max(0.0, (self.log_probability / (len(self.tokens) + 1) + 7) / 5))


class Repeats:
    """Which tokens would complete an n-gram that a text holds already."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._after: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)

    def note(self, tokens: Sequence[int]) -> None:
        """The last token of `tokens` was just written."""
        if self._size and len(tokens) >= self._size:
            self._after[tuple(tokens[-self._size : -1])].append(tokens[-1])

    def now(self, tokens: Sequence[int]) -> list[int]:
        """The tokens that may not follow."""
        if not self._size or len(tokens) < self._size:
            return []
        return self._after.get(tuple(tokens[len(tokens) - self._size + 1 :]), [])


@dataclass(slots=True, eq=False)
class _Written:
    """A row in the batch. `partner`: the row whose tokens it repeats, under another condition."""

    row: Row
    seat: _Seat
    number: int  # of the row among those of its seat
    sampling: Sampling
    asked: Asked | None = None
    uniform: list[float] = field(default_factory=list)
    plan: Plan | None = None
    pull: Words | None = None
    repeats: Repeats = field(default_factory=lambda: Repeats(0))
    partner: _Written | None = None
    last: int = BEGIN
    nats: float = 0.0  # log p of all its tokens, <end> included
    judged: bool = False  # whether <end> is wanted even where the limit comes first
    over: bool = False

    @property
    def closing(self) -> bool:
        """Whether nothing is left to do but to ask what <end> is worth."""
        return len(self.row.tokens) >= self.sampling.max_tokens

    @property
    def form_says(self) -> int:
        """A line's end and the poem's end are the form's to say, not the model's. -1: the model's turn."""
        assert self.plan is not None  # noqa: S101  asked of those that have one
        if self.plan.done:
            return END
        if self.plan.at_line_end and self.row.tokens and self.row.tokens[-1] != LINE:
            return LINE
        return -1

    def fail(self, error: Exception) -> None:
        assert self.asked is not None  # noqa: S101  every row is of a request
        self.asked.give_up(error)

    def write(self, token: int, log_p: float) -> None:
        """What was chosen, with its log p. May raise what its plan raises."""
        self.nats += log_p
        if self.partner is not None:
            self.over = self.partner.over
            if self.over:
                self.row.under += (self.nats,)
            return
        if self.closing:
            self.over = True
        else:
            self.row.log_probability += log_p
            if token == END:
                self.row.finished = self.over = True
            else:
                if self.plan is not None and self.form_says < 0:
                    self.plan.advance(token)
                self.row.tokens.append(token)
                self.repeats.note(self.row.tokens)
                self.over = self.closing and not self.judged
        if self.over:
            self.row.relaxed = self.plan.relaxed if self.plan is not None else ()
            if self.judged:
                self.row.under = (self.nats,)


class Asked:
    """Rows to be written for one condition. `rows` holds what was written once it is `done`.

    `error`: what a plan or a pull of one of them raised; nothing more is written then.
    """

    def __init__(self, writing: Sequence[_Written], seats: Sequence[_Seat], state: Sequence[Tensor]) -> None:
        self.rows = [one.row for one in writing if one.partner is None]
        self.error: Exception | None = None
        self._writing, self._seats, self._state = list(writing), list(seats), list(state)
        for one in writing:
            one.asked = self

    @property
    def done(self) -> bool:
        return all(one.over for one in self._writing)

    def __len__(self) -> int:
        return len(self._writing)

    def give_up(self, error: Exception | None = None) -> None:
        """The batch takes its rows out after the step that is under way."""
        self.error = error
        for one in self._writing:
            one.over = True


@dataclass(slots=True, eq=False)
class _Seat:
    """A condition's memory and the rows that look at it, on a shelf with others of its size."""

    encoded: Encoded
    width: int
    slots: list[int] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, -(-self.encoded.tokens.shape[1] // _PLACES) * _PLACES


class _Shelf:
    """The memories of one size: tensors whose first `count` entries are in use."""

    def __init__(self, size: tuple[int, int], cell: Cell) -> None:
        self.width, self.places = size
        self._lexical = cell.lexical
        self.owners: list[tuple[_Seat, int]] = []
        self._tensors: list[Tensor] = []
        wide = cell.memory + (cell.embedding if cell.lexical else 0)
        self._padding = cell.padding
        self._shapes: list[tuple[int, ...]] = [(self.places, cell.embedding), (self.places, wide)]
        self._shapes += [(1, self.places)]
        self._shapes += [(self.places,), (self.places,), (self.width, self.places)]

    def tensors(self) -> list[Tensor]:
        """keys, values, places, sources, copyable, attended: (S, ...) each."""
        return [tensor[: len(self.owners)] for tensor in self._tensors]

    def add(self, seat: _Seat, slots: int) -> None:
        encoded, used = seat.encoded, seat.encoded.tokens.shape[1]
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

    def remove(self, seat: _Seat) -> None:
        for slot in sorted(seat.slots, reverse=True):
            last = len(self.owners) - 1
            if slot != last:
                for tensor in self._tensors:
                    tensor[slot] = tensor[last]
                owner, part = self.owners[slot] = self.owners[last]
                owner.slots[part] = slot
            self.owners.pop()
        seat.slots.clear()

    def attention(self, seat: _Seat, number: int) -> Tensor:
        """(X,) the sum over all steps so far of a row's attention."""
        slot = seat.slots[number // self.width]
        return self._tensors[5][slot, number % self.width, : seat.encoded.tokens.shape[1]]

    def _grow(self) -> None:
        room = max(4, 2 * len(self.owners))
        kinds = [torch.float32, torch.float32, torch.float32, torch.long, torch.float32, torch.float32]
        fresh = [
            torch.zeros(room, *shape, dtype=kind) for shape, kind in zip(self._shapes, kinds, strict=True)
        ]
        for new, old in zip(fresh, self._tensors, strict=False):
            new[: len(old)] = old
        self._tensors = fresh


class Batch:
    """The rows in flight of one model. One thread at a time steps it; `ask` may be called from any."""

    def __init__(self, model: ConditionalVAE, banned: Tensor, kernels: list[str]) -> None:
        self._cell = Cell(model, banned, kernels)
        self._step = compiled(self._cell)
        self._shelves: dict[tuple[int, int], _Shelf] = {}
        self._asked: list[Asked] = []
        self._rows: list[_Written] = []  # those that draw, then those that follow
        self._draws = 0
        self._state: list[Tensor] = []
        self._fixed: tuple[Any, ...] = ()

    def __len__(self) -> int:
        """Rows in flight."""
        return len(self._rows)

    @torch.inference_mode()
    def ask(
        self,
        encoded: Encoded,
        z: Tensor,
        seed: int,
        sampling: Sampling,
        plans: Sequence[Plan] | None = None,
        pulls: Sequence[Words] | None = None,
        beside: Sequence[Encoded] = (),
    ) -> Asked:
        """Rows that may `join`: encoded (1, ...), z (N, Z). `beside`: the conditions of `Row.under`."""
        writing: list[_Written] = []
        seat = _Seat(encoded, _SEATS if len(z) > 2 else 1)
        for number in range(len(z)):
            draw = np.random.Generator(np.random.Philox(key=[seed % 2**64, 2 * number + 1]))
            one = _Written(Row(), seat, number, sampling)
            one.uniform = draw.random(sampling.max_tokens).tolist()
            one.plan = plans[number] if plans else None
            one.pull = pulls[number] if pulls else None
            one.repeats = Repeats(0 if plans else sampling.no_repeat)
            one.judged = bool(beside)
            writing.append(one)
        drawing, seats = list(writing), [seat]
        for other in beside:
            seats.append(_Seat(other, seat.width))
            writing += [_Written(own.row, seats[-1], own.number, sampling, partner=own) for own in drawing]
        states = [self._cell.begin(each.encoded.summary.expand(len(z), -1), z) for each in seats]
        return Asked(writing, seats, [torch.cat(parts) for parts in zip(*states, strict=True)])

    @torch.inference_mode()
    def join(self, asked: Asked) -> None:
        """From the next step on."""
        for seat in asked._seats:
            shelf = self._shelves.setdefault(seat.size, _Shelf(seat.size, self._cell))
            rows = len(asked.rows)
            shelf.add(seat, -(-rows // seat.width))
        self._asked.append(asked)
        self._arrange(self._rows + asked._writing, asked._state)
        asked._state = []

    @torch.inference_mode()
    def leave(self, asked: Asked) -> None:
        """What it has not finished is given up."""
        asked.give_up()
        self._clear()

    @torch.inference_mode()
    def step(self) -> list[Asked]:
        """One more token in every row; those that are done now, whose rows have left."""
        drawing = self._rows[: self._draws]
        forced, bans, raised, masks = self._wanted(drawing)
        inverse, nucleus, partner, seats, rows = self._fixed
        uniform = [one.uniform[len(one.row.tokens)] if not one.closing else 0.0 for one in drawing]
        drawn = [inverse, nucleus, torch.tensor(uniform, dtype=torch.float64), partner, forced]
        parts = [shelf.tensors() for shelf in self._shelves.values()]
        tokens, log_p = self._step(
            torch.tensor([one.last for one in self._rows]),
            self._state,
            *([part[number] for part in parts] for number in range(6)),
            seats,
            rows,
            drawn,
            self._draws,
            bans,
            *raised,
            masks,
        )
        over = False
        for one, token, value in zip(self._rows, tokens.tolist(), log_p.tolist(), strict=True):
            over |= self._written(one, token, value)
        return self._clear() if over else []

    def _wanted(self, drawing: Sequence[_Written]) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor]:
        """What must come, what may not, what is raised, what plans forbid: as `Cell.forward` wants them."""
        forced = [-1] * len(self._rows)
        bans: list[Sequence[int]] = [()] * len(drawing)
        raises: list[Mapping[int, float]] = [{}] * len(drawing)
        masks: dict[int, Tensor] = {}
        for number, one in enumerate(drawing):
            tokens = one.row.tokens
            if one.closing:
                forced[number] = END
                continue
            bans[number] = one.repeats.now(tokens)
            if one.plan is None:
                bans[number] = bans[number] if tokens else (END, LINE)
            try:
                if one.pull is not None:
                    raises[number] = one.pull.bias(tokens)
                if one.plan is not None:
                    forced[number] = one.form_says
                    if forced[number] < 0:
                        masks[number] = one.plan.mask()
            except Exception as error:  # noqa: BLE001  it is its request's, not its neighbours'
                one.fail(error)
                forced[number] = END
        padding, masked = self._cell.padding, torch.zeros(0, 0, dtype=torch.bool)
        if masks:
            masked = torch.zeros(len(drawing), len(self._cell.bias), dtype=torch.bool)
            for number, mask in masks.items():
                torch.logical_not(mask, out=masked[number, : len(mask)])
        ids = _padded([list(bias) for bias in raises], padding)
        nats = _padded([list(bias.values()) for bias in raises], 0.0).float() * self._fixed[0]
        return torch.tensor(forced), _padded(bans, padding), (ids, nats), masked

    def _written(self, one: _Written, token: int, log_p: float) -> bool:
        """Notes a row's token; whether the row is over."""
        if one.over:
            return True
        one.last = token
        try:
            one.write(token, log_p)
        except Exception as error:  # noqa: BLE001  it is its request's, not its neighbours'
            one.fail(error)
        if one.over and one.partner is None:
            weights = self._shelves[one.seat.size].attention(one.seat, one.number)
            one.row.attention = (weights / max(1, len(one.row.tokens) + 1)).tolist()
        return one.over

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
        return done

    def _arrange(self, rows: Sequence[_Written], joining: Sequence[Tensor]) -> None:
        """Puts the rows that are not over in order: `rows` lie in the state, then in `joining`."""
        live = [number for number, one in enumerate(rows) if not one.over]
        order = [number for number in live if rows[number].partner is None]
        self._draws = len(order)
        order += [number for number in live if rows[number].partner is not None]
        index = torch.tensor(order, dtype=torch.long)
        if joining and len(self._rows):
            whole: Sequence[Tensor] = [torch.cat(pair) for pair in zip(self._state, joining, strict=True)]
        else:
            whole = joining or self._state
        self._rows = [rows[number] for number in order]
        self._state = [part[index] for part in whole]
        self._fixed = self._steady()

    def _steady(self) -> tuple[Any, ...]:
        """What changes only when rows come or go."""
        drawing = self._rows[: self._draws]
        inverse = torch.tensor([[1 / one.sampling.temperature] for one in drawing])
        nucleus = torch.tensor([one.sampling.nucleus for one in drawing])
        place = {id(one): number for number, one in enumerate(drawing)}
        partners = [place[id(one.partner)] for one in self._rows[self._draws :]]
        seats: dict[tuple[int, int], tuple[list[int], list[int]]] = {size: ([], []) for size in self._shelves}
        for number, one in enumerate(self._rows):
            width = one.seat.width
            chairs, rows = seats[one.seat.size]
            chairs.append(one.seat.slots[one.number // width] * width + one.number % width)
            rows.append(number)
        return (
            inverse,
            nucleus,
            torch.tensor(partners, dtype=torch.long),
            [torch.tensor(chairs, dtype=torch.long) for chairs, _ in seats.values()],
            [torch.tensor(rows, dtype=torch.long) for _, rows in seats.values()],
        )


def _padded(rows: Sequence[Sequence[Any]], padding: Any) -> Tensor:
    """(N, longest), one column at least."""
    longest = max(1, max(map(len, rows), default=0))
    return torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])


def alone(batch: Batch, asked: Asked) -> list[Row]:
    """The rows of a request that has the batch to itself."""
    batch.join(asked)
    while not asked.done:
        batch.step()
    return asked.rows
