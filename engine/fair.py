"""A queue in which those who ask much wait for themselves, and others not for them.

Knows: groups and their order. Does not know: what waits, threads (its owner holds a lock).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Groups are served in turn, one item each; items of one group in the order they came."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def put(self, group: str, item: T) -> None:
        self._groups.setdefault(group, deque()).append(item)

    def first(self) -> T:
        """What `take` would give. Raises IndexError."""
        for waiting in self._groups.values():
            return waiting[0]
        raise IndexError("nothing waits")

    def take(self) -> T:
        """The next item; its group comes last now. Raises IndexError."""
        if not self._groups:
            raise IndexError("nothing waits")
        group, waiting = self._groups.popitem(last=False)
        item = waiting.popleft()
        if waiting:
            self._groups[group] = waiting
        return item

    def displaced_by(self, group: str) -> T | None:
        """Takes out the newest item of the group with the most, for one of `group` to come in its place.

        None where `group` would have as many then: nobody gives way to those who have their share.
        """
        if not self._groups:
            return None
        greediest = max(self._groups, key=lambda name: len(self._groups[name]))
        if len(self._groups[greediest]) <= len(self._groups.get(group, ())) + 1:
            return None
        waiting = self._groups[greediest]
        item = waiting.pop()
        if not waiting:
            del self._groups[greediest]
        return item

    def drop(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Takes out the items that are unwanted."""
        gone: list[T] = []
        for group, waiting in list(self._groups.items()):
            kept = deque(item for item in waiting if not unwanted(item))
            if len(kept) < len(waiting):
                gone += [item for item in waiting if unwanted(item)]
                if kept:
                    self._groups[group] = kept
                else:
                    del self._groups[group]
        return gone
