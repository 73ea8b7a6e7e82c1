"""Messages that were answered lately or are being answered: once each, cancelled with their prompt.

Knows: which prompts were seen, the work for each, what it was answered with, whether its words changed.
Does not know: how a message is read, answered or edited.

Nothing here outlives the process, and nothing has to: work that a deletion would cancel ends with the
process, and the next one reads again only messages that are still there (`bot.catching_up`); which
answer an edited prompt had, Discord itself remembers (`bot.answered`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

REMEMBERED = 4096
"""Prompts remembered, so that an event delivered twice is answered once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The message with an answer's buttons, and what they are for; no generation: a mere sentence."""

    message_id: int
    generation: str = ""
    locale: str = "zh-CN"
    can_vary: bool = False


@dataclass(slots=True)
class Prompt:
    """One message that speaks to Moyou. Of its words only a digest is held."""

    digest: bytes
    work: asyncio.Task[object] | None = None
    withdrawn: bool = False
    edited: bool = False
    shown: Shown | None = None


class Underway:
    """The prompts by message id, the newest REMEMBERED of them."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[int, Prompt] = OrderedDict()

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._prompts

    def begin(self, message_id: int, content: str) -> Prompt | None:
        """A prompt that was not seen before; None for one that was."""
        if message_id in self._prompts:
            return None
        prompt = self._prompts[message_id] = Prompt(_digest(content))
        if len(self._prompts) > REMEMBERED:
            self._prompts.popitem(last=False)
        return prompt

    def deleted(self, message_id: int) -> None:
        """The prompt is gone: work for it ends, unless its answer is being sent already."""
        prompt = self._prompts.get(message_id)
        if prompt is not None and not prompt.withdrawn:
            prompt.withdrawn = True
            if prompt.work is not None:
                prompt.work.cancel()

    def edited(self, message_id: int, content: str) -> Prompt | None:
        """The prompt whose words are others now; None where nothing changed or it is unknown."""
        prompt = self._prompts.get(message_id)
        if prompt is None or prompt.withdrawn or prompt.digest == _digest(content):
            return None
        prompt.digest = _digest(content)
        prompt.edited = True
        return prompt


@contextmanager
def cancelled_with(prompt: Prompt) -> Iterator[None]:
    """While the block runs, deleting the prompt cancels the task that runs it; the block ends quietly."""
    task = asyncio.current_task()
    prompt.work = task
    try:
        yield
    except asyncio.CancelledError:
        # cancelled by somebody else as well: that is theirs to see
        if not prompt.withdrawn or task is None or task.uncancel():
            raise
    finally:
        prompt.work = None


def _digest(content: str) -> bytes:
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
