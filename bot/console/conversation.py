"""The conversations that are open in browsers, in memory only.

Knows: the turns of each visitor, which of them travel as context, and when to let go of them.
Does not know: the journal (which keeps replies) or how a turn is shown.

Nothing here outlives the process, and a conversation left alone is dropped: what people type stays
in one place, the journal, under its own rule of how long.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from engine import Reply

TURNS_KEPT = 15
"""Turns of one conversation that the page shows again after a reload."""
TURNS_AS_CONTEXT = 6
"""Turns that travel with the next request."""
CONVERSATIONS_KEPT = 200


@dataclass(slots=True)
class Turn:
    """What a person said and the replies to it; more than one when another was asked for."""

    said: str
    replies: list[Reply]


@dataclass(slots=True)
class Conversation:
    """The turns of one visitor, oldest first."""

    turns: list[Turn] = field(default_factory=list)
    touched: float = 0.0

    def context(self) -> tuple[str, ...]:
        """The last turns as `Request.context` wants them: person and Moyou in alternation."""
        return tuple(
            text for turn in self.turns[-TURNS_AS_CONTEXT:] for text in (turn.said, turn.replies[-1].text)
        )

    def add(self, said: str, reply: Reply) -> Turn:
        turn = Turn(said, [reply])
        self.turns.append(turn)
        del self.turns[:-TURNS_KEPT]
        return turn

    def turn_of(self, generation: str) -> Turn | None:
        """The turn that holds this reply."""
        for turn in self.turns:
            if any(reply.generation == generation for reply in turn.replies):
                return turn
        return None


class Conversations:
    """Conversations by visitor; the one left alone longest goes first.

    `idle`: seconds after which an untouched conversation is dropped.
    """

    def __init__(self, idle: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._clock = clock
        self._by_visitor: OrderedDict[str, Conversation] = OrderedDict()

    def of(self, visitor: str) -> Conversation:
        """The visitor's conversation, a new one where there is none or it was left alone too long."""
        now = self._clock()
        while self._by_visitor:
            oldest = next(iter(self._by_visitor.values()))
            if now - oldest.touched <= self._idle:
                break
            self._by_visitor.popitem(last=False)
        conversation = self._by_visitor.setdefault(visitor, Conversation())
        conversation.touched = now
        self._by_visitor.move_to_end(visitor)
        if len(self._by_visitor) > CONVERSATIONS_KEPT:
            self._by_visitor.popitem(last=False)
        return conversation

    def peek(self, visitor: str) -> Conversation:
        """The same for a reader: a visitor who has said nothing takes no place."""
        return self.of(visitor) if visitor in self._by_visitor else Conversation()

    def drop(self, visitor: str) -> None:
        self._by_visitor.pop(visitor, None)
