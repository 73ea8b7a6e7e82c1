"""Work that comes again for as long as a client runs.

Knows: the pause between two times, that an error is logged and the next time comes all the same.
Does not know: what the work is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bot.answering import trace_of

log = logging.getLogger(__name__)


class Tending:
    """`work`, now and every so many seconds; `name` says in the log what it is."""

    def __init__(self, name: str, every: float, work: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._every = every
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on. May be called again."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._again_and_again(), name=self._name)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _again_and_again(self) -> None:
        while True:
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001  the next time tries again
                log.error("%s could not be looked after\n%s", self._name, trace_of(error))
            await asyncio.sleep(self._every)
