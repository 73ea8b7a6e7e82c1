"""On whose behalf a thread works: a server or a person, until when, and whether it is still wanted.

Knows: giving up, deadlines, turns at computing. Does not know: what is done, queues.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


class GivenUp(Exception):
    """The work's result is not wanted any more. Nobody sees it: who would have has gone."""


_GROUP: ContextVar[str] = ContextVar("group", default="")
_CURRENT: ContextVar[Ticket | None] = ContextVar("ticket", default=None)


@dataclass(eq=False, slots=True)
class Ticket:
    """`group`: whoever shares a fair share with others of it. `deadline`: by time.monotonic().

    `turn`: held while the work computes, given away while it waits; None: nobody else waits for it.
    """

    group: str = ""
    deadline: float = float("inf")
    turn: threading.Semaphore | None = None
    _given_up: threading.Event = field(default_factory=threading.Event)

    def give_up(self) -> None:
        """Nobody wants the result any more."""
        self._given_up.set()

    @property
    def over(self) -> bool:
        return self._given_up.is_set() or time.monotonic() > self.deadline

    @contextmanager
    def held(self) -> Iterator[None]:
        """The block's work is this ticket's, and has the turn."""
        token = _CURRENT.set(self)
        if self.turn is not None:
            self.turn.acquire()
        try:
            yield
        finally:
            if self.turn is not None:
                self.turn.release()
            _CURRENT.reset(token)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Others may compute while the block waits."""
        if self.turn is not None:
            self.turn.release()
        try:
            yield
        finally:
            if self.turn is not None:
                self.turn.acquire()


@contextmanager
def on_behalf_of(group: str) -> Iterator[None]:
    """What the block asks of the engine takes this group's fair share: a server's, or a person's."""
    token = _GROUP.set(group)
    try:
        yield
    finally:
        _GROUP.reset(token)


def group() -> str:
    """Whom the calling task asks for; "" where nobody said."""
    return _GROUP.get()


def current() -> Ticket:
    """The ticket of the calling thread's work; one that nothing limits where there is none."""
    return _CURRENT.get() or Ticket()
