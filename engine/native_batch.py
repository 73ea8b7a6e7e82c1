"""Continuous batching by the compiled step: what `engine.batching` does with torch, in one call a step.

Knows: where rows lie that C writes, what a row must be told before a step, what it has written after one.
Does not know: threads, queues, who asked, how a token is chosen (`kernels/step.c`).

C keeps a row's tokens, its repeats, its likelihood and whether it is over. Python looks at a row when it
joins and when it is over, and between only at those with a plan or a pull. A row keeps its place from its
first token to its last: joining copies nothing of others.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.model import ConditionalVAE, Encoded
from engine.native import BLOCK, GROUP, Room, Row
from engine.native_weights import Weights, wide
from engine.rows import Asked, Batch, Written
from engine.vocabulary import BEGIN, LINE

_ROOM = 16  # rows and places that there is room for at first
_LANES = 16
_NICE = 5
_COLDEST = 1e38  # 1 / temperature, as float32 holds it
SHARED = 16
"""Rows from which a second core is worth being woken for."""


def _second() -> ThreadPoolExecutor:
    """A thread that steps half of the rows, after whatever else wants its core: the event loop above all."""

    def last() -> None:
        if sys.platform == "linux":  # where threads have an order of their own
            own = os.getpriority(os.PRIO_PROCESS, 0)
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, own + _NICE))

    return ThreadPoolExecutor(1, "moyou-batch-beside", last)


@dataclass(slots=True, eq=False)
class _Placed:
    """A row in flight: where C finds it, and what must live as long as it is there."""

    one: Written
    place: int
    attended: Tensor  # (X,)
    tokens: np.ndarray[Any, Any]  # (most,)
    held: list[Any]
    allowed: np.ndarray[Any, Any] | None = None  # (outputs,) uint8
    told: object = None  # the last bias of its pull
    raised: list[Any] = field(default_factory=list)


class NativeBatch(Batch):
    """The rows in flight of one model. One thread at a time steps it; `ask` may be called from any."""

    def __init__(self, model: ConditionalVAE, banned: Tensor, library: ctypes.CDLL, cores: int = 1) -> None:
        """`cores`: how many may step at a time, 1 or 2."""
        self.weights, self._config = Weights(model, banned), model.config
        self._library = library
        self._asked: list[Asked] = []
        self._joining: list[Asked] = []
        self._placed: dict[Written, _Placed] = {}
        self._steered: list[_Placed] = []  # those with a plan or a pull
        self._orders: list[np.ndarray[Any, Any]] = []  # rows of each part of a step
        self._inside: list[_Placed] = []  # in the order in which they are stepped
        self._rows: Any = (Row * 0)()
        self._free: list[int] = []
        self._raises = 0
        self._rooms: list[Room] = []
        self._held: list[Tensor] = []
        self._beside = _second() if cores > 1 else None
        self._make_room(_ROOM, _ROOM)
        self._more_rows()

    def __len__(self) -> int:
        return len(self._inside) + sum(map(len, self._joining))

    def join(self, asked: Asked) -> None:
        """From the next step on. What joins before it begins together; 30 KB a row are made only then.

        Raises ValueError for what is none of this model's: C would read beyond it.
        """
        self._belongs(asked)
        self._asked.append(asked)
        self._joining.append(asked)

    def _belongs(self, asked: Asked) -> None:
        config = self._config
        memory = 2 * config.condition_hidden
        for seat in asked._seats:
            encoded = seat.encoded
            if encoded is None:
                raise ValueError("a request joins once")
            floats = (asked._z, encoded.summary, encoded.memory, encoded.keys)
            widths = (config.latent, memory, memory, config.embedding)
            if any(part.shape[-1] != width for part, width in zip(floats, widths, strict=True)):
                raise ValueError("this condition or latent is not of the model that writes")
            tokens = encoded.tokens[0]
            places = (len(tokens), encoded.memory.shape[1], encoded.keys.shape[1])
            if any(part.dtype != torch.float32 for part in floats) or len(set(places)) > 1 or not places[0]:
                raise ValueError("conditions and latents are float32, conditions of one token at least")
            if not 0 <= int(tokens.min()) <= int(tokens.max()) < config.vocabulary:
                raise ValueError("this condition has tokens that there are not")

    def leave(self, asked: Asked) -> None:
        for one in asked._writing:
            if one in self._placed and one.partner is None:
                self._read(self._placed[one])
        asked.give_up()
        self._clear()

    def step(self) -> list[Asked]:
        if self._joining:
            self._begin()
        for placed in self._steered:
            self._tell(placed)
        over = self._stepped()
        for placed in self._steered:
            self._hear(placed)
        if over or any(placed.one.over for placed in self._steered):
            for placed in self._inside:
                if self._rows[placed.place].over and not placed.one.over:
                    self._finish(placed)
            return self._clear()
        return []

    def _stepped(self) -> int:
        """How many rows are over after this step. Rows know nothing of each other, so halves may be stepped
        side by side."""
        weights, rows = self.weights.address, ctypes.addressof(self._rows)
        given = [
            (weights, rows, order.ctypes.data, len(order), ctypes.addressof(room))
            for order, room in zip(self._orders, self._rooms, strict=False)
        ]
        step = self._library.moyou_step
        others = [self._beside.submit(step, *each) for each in given[1:]] if self._beside else []
        return int(step(*given[0])) + sum(int(other.result()) for other in others)

    def products(self, rows: int) -> Callable[[], object]:
        weights = self.weights
        work = [
            (part, np.ones((rows, part.depth), np.int8))
            for part in (weights.words, weights.after, weights.context, weights.output)
        ]
        return lambda: [part.multiply(self._library, x) for part, x in work]

    def _tell(self, placed: _Placed) -> None:
        """What must come now, what may, what is raised."""
        one, row = placed.one, self._rows[placed.place]
        if one.closing:
            return
        try:
            if one.pull is not None and (bias := one.pull.bias(one.row.tokens)) is not placed.told:
                placed.told = bias
                ids, nats = np.fromiter(bias, np.int32), np.fromiter(bias.values(), np.float32)
                if len(ids) and not 0 <= ids.min() <= ids.max() < self.weights.vocabulary:
                    raise ValueError("a pull raises tokens that there are not")
                if len(ids) > self._raises:
                    self._raises = len(ids)
                    self._make_room(self._places, len(ids))
                placed.raised = [ids, nats]
                row.raised, row.nats, row.raises = ids.ctypes.data, nats.ctypes.data, len(ids)
            if one.plan is not None:
                row.forced = due = one.form_says
                if due < 0:
                    mask = one.plan.mask().numpy()
                    assert placed.allowed is not None  # noqa: S101  made with the plan's row
                    placed.allowed[: len(mask)] = mask
        except Exception as error:  # noqa: BLE001  it is its request's, not its neighbours'
            one.fail(error)

    def _hear(self, placed: _Placed) -> None:
        """What a row that Python steers has written."""
        one, row = placed.one, self._rows[placed.place]
        tokens = one.row.tokens
        if one.over or row.count == len(tokens):
            return
        try:
            if one.plan is not None and one.form_says < 0:
                one.plan.advance(row.last)
        except Exception as error:  # noqa: BLE001  it is its request's, not its neighbours'
            one.fail(error)
        tokens.append(row.last)

    def _read(self, placed: _Placed) -> None:
        """Takes over what a row has written so far."""
        one, row = placed.one, self._rows[placed.place]
        one.row.tokens = placed.tokens[: row.count].tolist()
        one.row.log_probability = row.log_p
        one.row.finished = bool(row.finished)

    def _finish(self, placed: _Placed) -> None:
        one, row = placed.one, self._rows[placed.place]
        one.over = True
        if one.partner is not None:
            one.row.under += (row.nats_in_all,)
            return
        self._read(placed)
        one.row.attention = (placed.attended / max(1, len(one.row.tokens) + 1)).tolist()
        one.row.relaxed = one.plan.relaxed if one.plan is not None else ()
        if one.judged:
            one.row.under = (row.nats_in_all,)

    def _clear(self) -> list[Asked]:
        """Takes out what is over."""
        done = [asked for asked in self._asked if asked.done]
        for asked in done:
            for one in asked._writing:
                if (placed := self._placed.pop(one, None)) is not None:
                    self._free.append(placed.place)
            asked.let_go()
        if done:
            self._asked = [asked for asked in self._asked if not asked.done]
            self._joining = [asked for asked in self._joining if not asked.done]
        self._arrange()
        return done

    def _arrange(self) -> None:
        live = [placed for placed in self._placed.values() if not placed.one.over]
        # A row that follows another comes after it.
        live.sort(key=lambda placed: placed.one.partner is not None)
        self._inside = live
        parts: list[list[int]] = [[], []] if self._beside and len(live) >= SHARED else [[]]
        mine: dict[Written, int] = {}
        for number, placed in enumerate(live):
            partner = placed.one.partner
            mine[placed.one] = own = number % len(parts) if partner is None else mine[partner]
            parts[own].append(placed.place)
        self._orders = [np.array(part, np.int64) for part in parts]
        self._steered = [p for p in live if p.one.plan is not None or p.one.pull is not None]

    @torch.inference_mode()
    def _begin(self) -> None:
        """Gives those that joined their places and what they begin with."""
        joining, self._joining = self._joining, []
        parts: list[tuple[Sequence[Written], Encoded, Tensor]] = []
        for asked in joining:
            count = len(asked._z)
            for number, seat in enumerate(asked._seats):
                assert seat.encoded is not None  # noqa: S101  a request joins once
                parts.append((asked._writing[number * count : (number + 1) * count], seat.encoded, asked._z))
                seat.encoded = None
        weights = self.weights
        summaries = [encoded.summary.expand(len(z), -1) for _, encoded, z in parts]
        z = torch.cat([z for _, _, z in parts])
        known, count = torch.cat([torch.cat(summaries), z], dim=1), len(z)
        cell, hidden = torch.empty(count, weights.hidden), torch.empty(count, weights.first.outputs)
        rest, extra, above = (
            torch.empty(count, part.outputs) for part in (weights.after, weights.extra, weights.above)
        )
        wholes = torch.empty(count, weights.hidden, dtype=torch.int8)
        given = (known, z, hidden, wholes, cell, rest, extra, above)
        self._library.moyou_begin(weights.address, count, *(part.data_ptr() for part in given))
        first = 0
        for writing, encoded, own in parts:
            last = first + len(own)
            self._place(writing, encoded, [part[first:last] for part in (cell, rest, extra, above)])
            first = last
        self._arrange()

    def _place(self, writing: Sequence[Written], encoded: Encoded, state: Sequence[Tensor]) -> None:
        """Rows of one condition."""
        weights = self.weights
        ids = encoded.tokens[0].numpy()
        if len(ids) > self._places:
            self._make_room(len(ids), self._raises)
        keys, values = wide(encoded.keys[0], weights.embedding), wide(encoded.memory[0], weights.memory)
        attended = torch.zeros(len(writing), len(ids))
        may = ids > LINE
        distinct, among = np.unique(ids[may].astype(np.int32), return_inverse=True)
        place = np.full(len(ids), -1, np.int32)
        place[may] = among
        condition = (keys.data_ptr(), values.data_ptr(), distinct.ctypes.data, place.ctypes.data)
        for number, one in enumerate(writing):
            if not self._free:
                self._more_rows()
            where, sampling = self._free.pop(), one.sampling
            tokens = np.zeros(sampling.max_tokens, np.int32)
            held = [keys, values, distinct, place, *state]
            placed = self._placed[one] = _Placed(one, where, attended[number], tokens, held)
            row = Row()
            row.cell, row.rest, row.extra, row.above = (part[number].data_ptr() for part in state)
            row.keys, row.values, row.distinct, row.place = condition
            row.attended, row.places, row.kinds = placed.attended.data_ptr(), len(ids), len(distinct)
            row.uniform, row.tokens, row.most = (
                one.uniform.ctypes.data,
                tokens.ctypes.data,
                sampling.max_tokens,
            )
            row.coldness = min(1 / sampling.temperature, _COLDEST)
            row.nucleus = sampling.nucleus
            row.last, row.forced, row.judged = BEGIN, -1, one.judged
            row.partner = -1 if one.partner is None else self._placed[one.partner].place
            if one.plan is None:
                row.no_repeat = sampling.no_repeat
            else:
                placed.allowed = np.zeros(weights.output.outputs, np.uint8)
                row.planned, row.allowed = True, placed.allowed.ctypes.data
            self._rows[where] = row

    def _more_rows(self) -> None:
        """Room for twice as many. Rows are where they are by number, so they may all move."""
        have = len(self._rows)
        more = (Row * max(_ROOM, 2 * have))()
        ctypes.memmove(more, self._rows, ctypes.sizeof(self._rows))
        self._rows = more
        self._free += range(len(more) - 1, have - 1, -1)

    def _make_room(self, places: int, raises: int) -> None:
        """What a step works in, for conditions of so many places and so many raised tokens."""
        weights = self.weights
        self._places = -(-places // _LANES) * _LANES
        widest = max(weights.hidden, weights.embedding, weights.memory)
        outputs = weights.output.outputs
        sizes = [
            GROUP * part.outputs for part in (weights.words, weights.after, weights.context, weights.output)
        ]
        sizes += [GROUP * self._places, outputs, outputs // BLOCK + 1, self._places + _LANES, max(1, raises)]
        self._held, self._rooms = [], []
        for _ in range(2 if self._beside else 1):
            held = [torch.zeros(size) for size in sizes]
            held.append(torch.zeros(GROUP * widest, dtype=torch.int8))
            self._held += held
            self._rooms.append(Room(*(part.data_ptr() for part in held), self._places, widest))
