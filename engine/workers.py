"""A bounded queue in front of worker threads: generation never runs on the event loop.

Knows: waiting, deadlines, cancellation, an orderly end.
Does not know: what the work is.
"""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.errors import QueueFull, ShuttingDown, TooSlow

T = TypeVar("T")


@dataclass(slots=True)
class _Job:
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    deadline: float


class Workers:
    """`count` threads and at most `size` jobs waiting. Threads start with the first job."""

    def __init__(self, count: int, size: int, deadline: float) -> None:
        self.count, self.size, self.deadline = count, size, deadline
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Jobs accepted and not finished, those whose caller gave up among them, until a worker
        has passed over them. Only the event loop's thread changes it."""
        return self._waiting

    async def run(self, work: Callable[[], T], *, patient: bool = False) -> T:
        """The result of `work`, done on a worker thread.

        Raises QueueFull at once, TooSlow when the deadline passes first, ShuttingDown. A caller that
        is cancelled, or too late, costs no work if it had not begun. `patient` work has no deadline.
        """
        if self._closed:
            raise ShuttingDown()
        if self._waiting >= self.size:
            raise QueueFull(waiting=self._waiting)
        self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting += 1
        limit = None if patient else self.deadline
        last = math.inf if limit is None else time.monotonic() + limit
        self._jobs.put(_Job(work, loop, future, last))
        try:
            async with asyncio.timeout(limit):
                return await future
        except TimeoutError as error:
            raise TooSlow(seconds=self.deadline) from error

    def _start(self) -> None:
        while len(self._threads) < self.count:
            name = f"moyou-worker-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result: Any = None
            error: Exception | None = None
            if not job.future.cancelled() and time.monotonic() <= job.deadline:
                try:
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
        try:
            while (job := self._jobs.get_nowait()) is not None:
                self._finish(job, None, ShuttingDown())
        except queue.Empty:
            pass
        for _ in self._threads:
            self._jobs.put(None)
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
