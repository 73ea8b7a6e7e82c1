"""Batches of several models, stepped by whichever thread waits for one of their rows.

Knows: who leads, fair turns between groups, rows that nobody wants any more, how many rows at most.
Does not know: what the rows are for, worker threads, event loops.

The first to wait leads: all batches are stepped until its own rows are written, and then another that waits
leads. So one batch decodes, whoever asks, and nothing has to be started or ended. Steps are begun by one
thread and conditions are read by another, whoever leads: MKL keeps eight megabytes for every thread that
multiplied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from engine import native, ticket
from engine.fair import FairQueue
from engine.rows import Asked, Batch
from engine.ticket import GivenUp, Ticket

T = TypeVar("T")

MOST_ROWS = 256
"""From there on a step of twice as many rows takes twice as long, and twice the memory."""


@dataclass(slots=True, eq=False)
class _Work:
    batch: Batch
    asked: Asked
    ticket: Ticket
    done: bool = False
    error: BaseException | None = None


def _all_done(works: Sequence[_Work]) -> bool:
    return all(work.done for work in works)


class Pool:
    """`most`: rows in flight, beyond which requests wait; one request may have more. `cores`: that step."""

    def __init__(self, most: int = MOST_ROWS, cores: int | None = None) -> None:
        self._most = most
        self.cores = cores or native.cores()
        self._changed = threading.Condition()
        self._waiting: FairQueue[_Work] = FairQueue()
        self._flying: list[_Work] = []
        self._led = False
        self._stepping = ThreadPoolExecutor(1, "moyou-batch")
        self._reading = ThreadPoolExecutor(1, "moyou-reading")

    def read(self, work: Callable[[], T]) -> T:
        """What `work` makes of conditions, on the thread for that."""
        return self._reading.submit(work).result()

    def write(self, asked: Sequence[tuple[Batch, Asked]]) -> None:
        """Returns when all rows of all `asked` are written, each in its batch. Raises GivenUp, or what a
        plan or pull raised."""
        mine = ticket.current()
        works = [_Work(batch, each, mine) for batch, each in asked]
        with mine.aside():
            with self._changed:
                for work in works:
                    self._waiting.put(mine.group, work)
                while self._led and not _all_done(works):
                    self._changed.wait()
                leads = not _all_done(works)
                self._led |= leads
            if leads:
                try:
                    self._stepping.submit(self._lead, works).result()
                finally:
                    with self._changed:
                        self._led = False
                        self._changed.notify_all()
        for work in works:
            if work.error is not None:
                raise work.error

    def _lead(self, own: Sequence[_Work]) -> None:
        while not _all_done(own):
            with self._changed:
                gone = self._waiting.drop(lambda work: work.ticket.over)
                joining = self._admitted()
            self._end(gone, GivenUp())
            for work in joining:
                try:
                    work.batch.join(work.asked)
                except Exception as error:  # noqa: BLE001  it is this one's own, whoever leads
                    self._end([work], error)
                else:
                    self._flying.append(work)
            given_up = [work for work in self._flying if work.ticket.over]
            for work in given_up:
                work.batch.leave(work.asked)
            self._end(given_up, GivenUp())
            for batch in {id(work.batch): work.batch for work in self._flying}.values():
                self._step(batch)

    def _admitted(self) -> list[_Work]:
        rows = sum(len(work.asked) for work in self._flying)
        found: list[_Work] = []
        while self._waiting and (rows == 0 or rows + len(self._waiting.first().asked) <= self._most):
            found.append(self._waiting.take())
            rows += len(found[-1].asked)
        return found

    def _step(self, batch: Batch) -> None:
        try:
            batch.step()
        except BaseException as error:
            # What went wrong may be any row's: all of the batch are told, and it begins anew.
            concerned = [work for work in self._flying if work.batch is batch]
            for work in concerned:
                batch.leave(work.asked)
            self._end(concerned, error)
            if not isinstance(error, Exception):
                raise
            return
        for work in [work for work in self._flying if work.batch is batch and work.asked.done]:
            self._end([work], work.asked.error)

    def _end(self, ended: list[_Work], error: BaseException | None) -> None:
        if not ended:
            return
        self._flying = [work for work in self._flying if work not in ended]
        with self._changed:
            for work in ended:
                work.done, work.error = True, error
            self._changed.notify_all()
