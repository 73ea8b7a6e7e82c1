"""The journal behind an event loop: one thread that opens it, uses it and closes it.

Knows: how to run a Journal's methods on its own thread and erase expired words while nothing happens.
Does not know: what the methods do.

    async with JournalThread(path, keep_words_hours=24) as journal:
        await journal(Journal.record, request, reply, person, place)   # returned: committed, on disk
        counts = await journal(Journal.counts)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from engine.errors import ShuttingDown
from engine.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

EXPIRY_SECONDS = 300.0
"""How often expired words are looked for when nobody asks for anything."""

SETTLE_SECONDS = 0.02
"""How long a reply's row may be committed and not on the disk: while it is sent, and others with it."""


class JournalThread:
    """Opens `path` with the first call, with `open()`, or on entering `async with`.

    Parameters as Journal's. Calls run one after the other in the order they were made. What a call
    raises reaches its caller; JournalUnreadable comes from whichever call opens the file.
    """

    def __init__(
        self,
        path: Path | str,
        keep_words_hours: float = 24.0,
        *,
        closed_options: Mapping[str, Collection[str]] | None = None,
        expiry_seconds: float = EXPIRY_SECONDS,
    ) -> None:
        self.path = Path(path)
        self._keep_words_hours = keep_words_hours
        self._closed_options = closed_options
        self._expiry_seconds = expiry_seconds
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._journal: Journal | None = None
        self._expiry: asyncio.Task[None] | None = None
        self._settling: asyncio.TimerHandle | None = None
        self._closing: asyncio.Future[None] | None = None

    def __call__(
        self, method: Callable[Concatenate[Journal, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Run `method(journal, *args, **kwargs)` on the journal's thread, from now on, awaited or not.

        An iterator comes back with its rows already read. Raises ShuttingDown after `close`.
        """
        if self._closing is not None:
            raise ShuttingDown()
        if self._expiry is None:
            self._expiry = asyncio.create_task(self._erase_now_and_then(), name="journal expiry")

        def run() -> T:
            result = method(self._opened(), *args, **kwargs)
            if isinstance(result, Iterator):  # its rows can only be read on this thread
                return cast(T, iter(tuple(result)))
            return result

        return self._on_thread(run)

    def settle_soon(self) -> None:
        """Asks for what is committed by now to be brought to the disk after SETTLE_SECONDS, or by `close`;
        see `Journal.record`."""
        if self._settling is None and self._closing is None:
            self._settling = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle)

    def _settle(self) -> None:
        self._settling = None
        if self._closing is None:
            self._calls.put(self._to_disk)

    def _to_disk(self) -> None:
        try:
            self._opened().to_disk()
        except Exception:
            log.exception("what the journal holds may not be on the disk")

    async def beside(
        self, method: Callable[Concatenate[Journal, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `method` on another thread, with the file opened once more: for what reads so long that the
        journal's other calls should not wait for it. Raises ShuttingDown after `close`."""
        if self._closing is not None:
            raise ShuttingDown()

        def run() -> T:
            with Journal(self.path, self._keep_words_hours, closed_options=self._closed_options) as journal:
                return method(journal, *args, **kwargs)

        return await asyncio.to_thread(run)

    async def open(self) -> None:
        """Open the file now. Raises JournalUnreadable."""
        await self(_nothing)

    async def close(self) -> None:
        """Finish the calls already made, then close the file. May be called twice; who is cancelled while it
        ends leaves it to end by itself."""
        if self._closing is None:
            if self._expiry is not None:
                self._expiry.cancel()
            if self._settling is not None:
                self._settling.cancel()
            self._closing = self._on_thread(self._shut)
            self._calls.put(None)
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _on_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        # an executor's futures, locks and counters would be half of what a short call takes
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        future = waiting

        def call() -> None:
            nonlocal work, waiting
            if waiting.cancelled():  # before its turn
                return
            try:
                tell = functools.partial(_tell, waiting.set_result, waiting, work())
            except StopIteration as error:  # which no future may hold
                tell = functools.partial(_tell, waiting.set_exception, waiting, RuntimeError(repr(error)))
            except BaseException as error:  # noqa: BLE001  it is the caller's
                tell = functools.partial(_tell, waiting.set_exception, waiting, error)
            with contextlib.suppress(RuntimeError):  # nobody waits any more: the loop is closed
                loop.call_soon_threadsafe(tell)
            # an error holds this frame: the call's words would stay until the collector comes
            del tell, work, waiting

        self._calls.put(call)
        return future

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # with the words it holds, while nothing else comes

    def _opened(self) -> Journal:
        if self._journal is None:
            self._journal = Journal(self.path, self._keep_words_hours, closed_options=self._closed_options)
            self._journal.shorten_words()
        return self._journal

    def _shut(self) -> None:
        if self._journal is not None:
            self._to_disk()  # another process may have the file open: then closing does not
            self._journal.close()
            self._journal = None

    async def _erase_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._expiry_seconds)
            try:
                await self(Journal.expire_words)
            except sqlite3.Error:
                log.exception("expired words could not be erased; trying again in %g s", self._expiry_seconds)


def _tell(how: Callable[[Any], None], future: asyncio.Future[Any], what: object) -> None:
    if not future.done():  # its caller may be gone
        how(what)


def _nothing(journal: Journal) -> Any:
    return None
