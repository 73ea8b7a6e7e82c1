"""The rows of a batch: what each has still to write, its plan, pull and seed, and what it has written.

Knows: how a text grows by a token, what may not follow it, when it is over. Does not know: tensors of many
rows, models, threads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from engine.model import Encoded
from engine.shelves import SEATS, Seat
from engine.vocabulary import END, LINE

FLOAT32, INT8, NATIVE = "float32", "int8", "native"


@dataclass(frozen=True, slots=True)
class Sampling:
    """temperature > 0; nucleus in (0, 1]; no_repeat is the n-gram size that may not come twice (0: off).

    `arithmetic` decides a text's bits: NATIVE, whole numbers by the compiled step (as INT8 where there is
    none); INT8, the same numbers by torch's calls; FLOAT32, as in replies older than that choice.
    """

    temperature: float = 0.8
    nucleus: float = 0.9
    max_tokens: int = 60
    no_repeat: int = 3
    arithmetic: str = NATIVE


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
    """What draws a text towards given words, such as `pull.Pull`. It holds no state, and what it returned
    once never changes."""

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
class Written:
    """A row in the batch. `partner`: the row whose tokens it repeats, under another condition."""

    row: Row
    seat: Seat
    number: int  # of the row among those of its seat
    sampling: Sampling
    asked: Asked | None = None
    uniform: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0))  # (most,): fixes its draws
    plan: Plan | None = None
    pull: Words | None = None
    repeats: Repeats = field(default_factory=lambda: Repeats(0))
    partner: Written | None = None
    nats: float = 0.0  # log p of all its tokens, <end> included
    judged: bool = False  # whether <end> is wanted even where the limit comes first
    over: bool = False

    @property
    def chair(self) -> int:
        """Where it sits among all the chairs of its shelf."""
        width = self.seat.width
        return self.seat.slots[self.number // width] * width + self.number % width

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
        tokens, most = self.row.tokens, self.sampling.max_tokens
        if len(tokens) >= most:
            self.over = True
        else:
            self.row.log_probability += log_p
            if token == END:
                self.row.finished = self.over = True
            else:
                if self.plan is not None and self.form_says < 0:
                    self.plan.advance(token)
                tokens.append(token)
                self.repeats.note(tokens)
                self.over = len(tokens) >= most and not self.judged
        if self.over:
            self.row.relaxed = self.plan.relaxed if self.plan is not None else ()
            if self.judged:
                self.row.under = (self.nats,)


class Asked:
    """Rows to be written for one condition. `rows` holds what was written once it is `done`.

    `error`: what a plan or a pull of one of them raised; nothing more is written then.
    """

    def __init__(self, writing: Sequence[Written], seats: Sequence[Seat], z: Tensor) -> None:
        """z (N, Z): the latents of each seat's rows."""
        self.rows = [one.row for one in writing if one.partner is None]
        self.error: Exception | None = None
        self._writing, self._seats, self._z = list(writing), list(seats), z
        for one in writing:
            one.asked = self

    @property
    def done(self) -> bool:
        return all(one.over for one in self._writing)

    def __len__(self) -> int:
        return len(self._writing)

    def let_go(self) -> None:
        """Only `rows` are wanted any more. Rows and requests know one another: without this they would lie
        about with their conditions until Python looks for circles."""
        self._writing, self._seats = [], []

    def give_up(self, error: Exception | None = None) -> None:
        """The batch takes its rows out after the step that is under way."""
        self.error = error
        for one in self._writing:
            one.over = True


class Batch(Protocol):
    """The rows in flight of one model, by whatever steps them. One thread at a time; `ask` from any."""

    def __len__(self) -> int:
        """Rows in flight."""
        ...

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
        writing: list[Written] = []
        seat = Seat(encoded, SEATS if len(z) > 2 else 1)
        for number in range(len(z)):
            draw = np.random.Generator(np.random.Philox(key=[seed % 2**64, 2 * number + 1]))
            one = Written(Row(), seat, number, sampling)
            one.uniform = draw.random(sampling.max_tokens)
            one.plan = plans[number] if plans else None
            one.pull = pulls[number] if pulls else None
            one.repeats = Repeats(0 if plans else sampling.no_repeat)
            one.judged = bool(beside)
            writing.append(one)
        drawing, seats = list(writing), [seat]
        for other in beside:
            seats.append(Seat(other, seat.width))
            writing += [Written(own.row, seats[-1], own.number, sampling, partner=own) for own in drawing]
        return Asked(writing, seats, z)

    def join(self, asked: Asked) -> None:
        """From the next step on."""

    def leave(self, asked: Asked) -> None:
        """What it has not finished is given up."""

    def step(self) -> list[Asked]:
        """One more token in every row; those that are done now, whose rows have left."""
        ...

    def products(self, rows: int) -> Callable[[], object]:
        """All products of a step of so many rows and nothing else, for who measures."""
        ...


def alone(batch: Batch, asked: Asked) -> list[Row]:
    """The rows of a request that has the batch to itself."""
    batch.join(asked)
    while not asked.done:
        batch.step()
    return asked.rows
