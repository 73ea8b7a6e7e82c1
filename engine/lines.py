"""Lines of a text as one block of UTF-8, each decoded when it is asked for.

Knows: where lines begin, how the one that begins with a word is found where they are sorted.
Does not know: what the lines say.

A string of Python costs 49 bytes beside its letters, a list's and a dictionary's place 8 and 100 more: a
dictionary of 124,000 English words took 27 MB that is 3.8 MB so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

import numpy as np


class Lines(Sequence[str]):
    """The lines of `block`: less than 4 GB of UTF-8 with an end after each line or between lines."""

    def __init__(self, block: bytes) -> None:
        self._block = block if not block or block.endswith(b"\n") else block + b"\n"
        ends = np.flatnonzero(np.frombuffer(self._block, np.uint8) == ord("\n")) + 1
        self._starts = np.concatenate([[0], ends]).astype(np.uint32)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._bytes(place % len(self)).decode("utf-8")

    def _bytes(self, place: int) -> bytes:
        return self._block[self._starts[place] : self._starts[place + 1] - 1]

    def beginning(self, word: str) -> str | None:
        """The line whose first column, ended by a tab, is `word`; None where there is none.

        Lines must be sorted by their bytes, and no two have the same first column.
        """
        wanted = word.encode("utf-8", "surrogatepass") + b"\t"
        place = bisect_left(range(len(self)), wanted, key=self._bytes)
        if place < len(self) and self._bytes(place).startswith(wanted):
            return self[place]
        return None
