"""A bounded queue in front of worker threads: generation never runs on the event loop.

Knows: waiting, fair turns between groups, deadlines, cancellation, an orderly end.
Does not know: what the work is.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from engine import ticket
from engine.errors import QueueFull, ShuttingDown, TooSlow
from engine.fair import FairQueue
from engine.ticket import Ticket

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    ticket: Ticket


class Workers:
    """`count` threads and at most `size` jobs accepted and not finished.

    Threads start with `begin`, or as jobs come. However many jobs are begun, one computes at a time; the
    others wait for rows that are written in one batch (`pool`). More would only take Python's lock from one
    another and from the event loop.
    """

    def __init__(self, count: int, size: int, deadline: float) -> None:
        self.count, self.size, self.deadline = count, size, deadline
        self._jobs: FairQueue[_Job] = FairQueue()
        self._changed = threading.Condition()
        self._turn = threading.Semaphore()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Jobs accepted and not finished, those whose caller gave up among them, until a worker
        has passed over them. Only the event loop's thread changes it."""
        return self._waiting

    async def run(self, work: Callable[[], T], *, patient: bool = False) -> T:
        """The result of `work`, done on a worker thread.

        Groups (`ticket.on_behalf_of`) take turns. When the queue is full, the newest job of the group with
        the most gives way to one of a group with fewer. Raises QueueFull at once, TooSlow when the deadline
        passes first, ShuttingDown. A caller that is cancelled, or too late, costs no work if it had not
        begun, and no more rows if it had. `patient` work has no deadline.
        """
        if self._closed:
            raise ShuttingDown()
        loop, group = asyncio.get_running_loop(), ticket.group()
        if self._waiting >= self.size:
            with self._changed:
                displaced = self._jobs.displaced_by(group)
            if displaced is None:
                raise QueueFull(waiting=self._waiting)
            self._finish(displaced, None, QueueFull(waiting=self._waiting))
        future: asyncio.Future[T] = loop.create_future()
        self._waiting += 1
        limit = None if patient else self.deadline
        last = math.inf if limit is None else time.monotonic() + limit
        mine = Ticket(group, last, self._turn)
        with self._changed:
            self._jobs.put(group, _Job(work, loop, future, mine))
            self._changed.notify()
            if len(self._jobs) > self._idle and len(self._threads) < self.count:
                self._start()
        try:
            async with asyncio.timeout(limit):
                return await future
        except TimeoutError as error:
            raise TooSlow(seconds=self.deadline) from error
        finally:
            if not future.done() or future.cancelled():
                mine.give_up()

    def begin(self) -> None:
        """Starts all threads. A start waits until its thread runs, which while others write takes an event
        loop's tenth of a second."""
        with self._changed:
            while len(self._threads) < self.count and not self._closed:
                self._start()

    def _start(self) -> None:
        name = f"moyou-worker-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _next(self) -> _Job | None:
        """Waits for a job; None once there is nothing to do and there will be nothing."""
        with self._changed:
            self._idle += 1
            while not len(self._jobs) and not self._closed:
                self._changed.wait()
            self._idle -= 1
            return self._jobs.take() if len(self._jobs) else None

    def _work(self) -> None:
        while (job := self._next()) is not None:
            result: Any = None
            error: Exception | None = None
            if not job.future.cancelled() and not job.ticket.over:
                try:
                    with job.ticket.held():
                        result = job.work()
                except Exception as problem:  # noqa: BLE001  it belongs to whoever waits for the result
                    error = problem
            try:
                job.loop.call_soon_threadsafe(self._finish, job, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    async def close(self) -> None:
        """Accepts no more; what has begun is finished, what waits gets ShuttingDown."""
        self._closed = True
        with self._changed:
            waiting = self._jobs.drop(lambda job: True)
            self._changed.notify_all()
        for job in waiting:
            self._finish(job, None, ShuttingDown())
        for thread in self._threads:
            await asyncio.to_thread(thread.join, self.deadline)
        self._threads.clear()

    def _finish(self, job: _Job, result: Any, error: Exception | None) -> None:
        self._waiting -= 1
        if job.future.done():
            return
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)
