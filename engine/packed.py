"""Encoded examples in flat arrays: a hundred bytes each instead of a thousand, spilt to a file if large.

Knows: how an example lies in a row of integers, when the row is moved from memory to a mapped file.
Does not know: text, vocabularies, batches.

An example is [hint + 1 or 0, contexts, prototypes, length of each part, tokens of each part]; its parts
are head, target, the contexts, the prototypes.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, overload

import numpy as np

from engine.corpus import Encoded

SPILL = 1 << 28
"""Bytes of tokens held in memory while there is a folder to move them to."""
_KEYWORDS, _DROPPABLE = 1, 2
_COUNTS = 3  # numbers before the lengths

Integers = np.ndarray[Any, Any]


class Packed(Sequence[Encoded]):
    """Examples by index. `lengths` (N,): target tokens of each, for batches of near-equal length."""

    def __init__(self, tokens: Integers, starts: Integers, flags: Integers, lengths: Integers) -> None:
        self._tokens, self._starts, self._flags, self.lengths = tokens, starts, flags, lengths

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> list[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | list[Encoded]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        start = int(self._starts[index])  # raises IndexError as a sequence must
        hint, contexts, prototypes = self._tokens[start : start + _COUNTS].tolist()
        row = self._tokens[start + _COUNTS :]
        parts = 2 + contexts + prototypes
        ends = np.cumsum(row[:parts], dtype=np.int64)
        head, target, *others = np.split(row[parts : parts + ends[-1]], ends[:-1])
        flags = int(self._flags[index])
        return Encoded(
            head,
            tuple(others[:contexts]),
            target,
            bool(flags & _KEYWORDS),
            bool(flags & _DROPPABLE),
            tuple(others[contexts:]),
            hint - 1 if hint else None,
        )

    def __iter__(self) -> Iterator[Encoded]:
        return (self[number] for number in range(len(self)))

    def columns(self) -> dict[str, Integers]:
        """The arrays that `Packed` is made of, by the names of its parameters."""
        return {
            "tokens": self._tokens,
            "starts": self._starts,
            "flags": self._flags,
            "lengths": self.lengths,
        }

    def where(self, chosen: Integers) -> Packed:
        """The examples of a mask (N,) or of indices; the tokens themselves are shared."""
        return Packed(self._tokens, self._starts[chosen], self._flags[chosen], self.lengths[chosen])


class Packer:
    """Takes examples one by one. `largest`: no token and no length is above it.

    A context part keeps its last `longest_context` tokens, more than that no condition holds. With
    `scratch`, tokens beyond `SPILL` bytes go to a file without a name in that folder.
    """

    def __init__(self, largest: int, longest_context: int, scratch: Path | None = None) -> None:
        self._tokens = array("H" if max(largest, longest_context) < 1 << 16 else "I")
        self._longest_context, self._scratch = longest_context, scratch
        self._file: IO[bytes] | None = None
        self._spilt = 0  # tokens
        self._starts, self._flags, self._lengths = array("q"), array("B"), array("I")

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, example: Encoded) -> None:
        context = [part[-self._longest_context :] for part in example.context]
        parts = [part.tolist() for part in (example.head, example.target, *context, *example.prototypes)]
        self._starts.append(self._spilt + len(self._tokens))
        self._flags.append(_KEYWORDS * example.keywords | _DROPPABLE * example.droppable)
        self._lengths.append(len(example.target))
        hint = 0 if example.hint is None else example.hint + 1
        self._tokens.extend((hint, len(context), len(example.prototypes), *map(len, parts)))
        for part in parts:
            self._tokens.extend(part)
        if self._scratch is not None and len(self._tokens) * self._tokens.itemsize >= SPILL:
            self._spill(self._scratch)

    def _spill(self, folder: Path) -> None:
        if self._file is None:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._tokens.tofile(self._file)
        self._spilt += len(self._tokens)
        self._tokens = array(self._tokens.typecode)

    def finish(self) -> Packed:
        tokens: Integers
        if self._file is None:
            tokens = _viewed(self._tokens)
        else:
            self._tokens.tofile(self._file)
            self._file.flush()
            tokens = np.memmap(self._file, dtype=self._tokens.typecode, mode="r")
            self._file.close()  # the mapping keeps what has no name any more
        columns = (self._starts, self._flags, self._lengths)
        return Packed(tokens, *map(_viewed, columns))


def _viewed(column: array[Any]) -> Integers:
    """An array's numbers, not copied. (NumPy takes no view of nothing.)"""
    return np.frombuffer(column, column.typecode) if column else np.zeros(0, column.typecode)
