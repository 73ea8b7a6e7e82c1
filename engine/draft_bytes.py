"""The scores of a reply's drafts as bytes.

Scores are whole numbers of ten-thousandths in two bytes, log-probabilities of hundredths. A score that all
drafts have at 1 takes one bit; of the others only what differs from the draft before. What the chosen draft
has in more digits follows exactly: in four bytes each where all of it came from a model, whose numbers have
no more, and in eight where it did not.

Knows: this form, both ways. Does not know: what a score means, what else a reply has.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from engine.values import Draft

_FINE = 10_000
_ONE, _NONE = _FINE, -32_768
_MISSING = _NONE / _FINE
_COARSE = 100
_MOST = 32_767


class Unusual(Exception):
    """These drafts do not go into this form."""


class Numbers(NamedTuple):
    """What was read. `whole`: the whole numbers beside those of drafts; `end`: where the next byte is."""

    chosen: int
    propensity: float
    whole: list[int]
    log_probabilities: list[float]
    scores: list[dict[str, float]]
    score: list[float]
    end: int


def numbers(
    drafts: Sequence[Draft], names: Sequence[str], chosen: int, propensity: float, whole: Sequence[int]
) -> tuple[bytes, bool]:
    """All numbers of the drafts, whose scores have these names, and some more; whether those that are exact
    have four bytes. Raises Unusual."""
    logs = _wholes([-draft.log_probability for draft in drafts], _COARSE)
    if min(logs) < 0 or max(logs) > 2 * _MOST:
        raise Unusual
    exact_rows = [[*map(draft.scores.get, names, repeat(_MISSING)), draft.score] for draft in drafts]
    rows = [_wholes(row, _FINE) for row in exact_rows]
    varied, missing, changes = 0, 0, []
    for place, column in enumerate(zip(*rows, strict=True)):
        if column.count(_ONE) == len(column):
            continue
        if min(column) < _NONE or max(column) > _MOST:
            raise Unusual
        varied |= 1 << place
        missing += column.count(_NONE)
        changes.append(_changes(column))
    if missing != len(drafts) * len(names) - sum(len(draft.scores) for draft in drafts):
        raise Unusual  # a score has the value that says there is none
    best = drafts[chosen]
    more, digits = 0, [propensity, best.log_probability]
    for place, (value, whole_value) in enumerate(zip(exact_rows[chosen], rows[chosen], strict=True)):
        if whole_value != _NONE and _bits(value) != _bits(whole_value / _FINE):
            more |= 1 << place
            digits.append(value)
    size = _size(names)
    narrow = floats(digits)
    exact, first = (struct.pack(f"<{len(digits)}d", *digits), 16) if narrow is None else (narrow, 8)
    data = b"".join(
        (
            bytes((chosen,)),
            *map(_short, whole),
            exact[:first],
            struct.pack(f"<{len(logs)}H", *logs),
            varied.to_bytes(size, "little"),
            more.to_bytes(size, "little"),
            *changes,
            exact[first:],
        )
    )
    return data, narrow is not None


def read_numbers(
    data: bytes, at: int, count: int, names: Sequence[str], wholes: int, narrow: bool
) -> Numbers:
    """Of `count` drafts, from the byte `at` on; `wholes`: how many whole numbers there are beside; `narrow`:
    those that are exact have four bytes."""
    chosen, at, whole = data[at], at + 1, []
    for _ in range(wholes):
        number, at = _read_short(data, at)
        whole.append(number)
    exact, width = ("f", 4) if narrow else ("d", 8)
    propensity, best = struct.unpack_from(f"<2{exact}", data, at)
    at += 2 * width
    logs = [-value / _COARSE for value in struct.unpack_from(f"<{count}H", data, at)]
    logs[chosen] = best
    at += 2 * count
    size = _size(names)
    varied = int.from_bytes(data[at : at + size], "little")
    more = int.from_bytes(data[at + size : at + 2 * size], "little")
    at += 2 * size
    columns: list[list[float | None]] = []
    for place in range(len(names) + 1):
        whole_column = [_ONE] * count
        if varied >> place & 1:
            whole_column, at = _read_changes(data, at, count)
        columns.append([None if value == _NONE else value / _FINE for value in whole_column])
    for place, column in enumerate(columns):
        if more >> place & 1:
            column[chosen] = struct.unpack_from(f"<{exact}", data, at)[0]
            at += width
    *by_name, score = columns
    scores: list[dict[str, float]] = [
        {name: value for name, column in zip(names, by_name, strict=True) if (value := column[n]) is not None}
        for n in range(count)
    ]
    return Numbers(chosen, propensity, whole, logs, scores, [value or 0.0 for value in score], at)


def floats(latent: Sequence[float]) -> bytes | None:
    """As the four bytes each that a model's numbers have, None where that loses something."""
    try:
        data = struct.pack(f"<{len(latent)}f", *latent)
    except OverflowError:
        return None
    return data if struct.unpack(f"<{len(latent)}f", data) == tuple(latent) else None


def read_floats(data: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(data) // 4}f", data)


def _wholes(values: Sequence[float], parts: int) -> list[int]:
    try:
        return [round(value * parts) for value in values]
    except (OverflowError, ValueError) as error:  # infinite or none
        raise Unusual from error


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def _size(names: Sequence[str]) -> int:
    return (len(names) + 1 + 7) // 8


def _changes(column: Sequence[int]) -> bytes:
    """Where it is not as the one before, and what it is there."""
    bits, held, last = 0, [], _ONE
    for place, value in enumerate(column):
        if value != last:
            bits |= 1 << place
            held.append(value)
            last = value
    return bits.to_bytes((len(column) + 7) // 8, "little") + struct.pack(f"<{len(held)}h", *held)


def _read_changes(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    size = (count + 7) // 8
    bits = int.from_bytes(data[at : at + size], "little")
    at += size
    column, last = [], _ONE
    for place in range(count):
        if bits >> place & 1:
            last = struct.unpack_from("<h", data, at)[0]
            at += 2
        column.append(last)
    return column, at


def _short(number: int) -> bytes:
    """Seven bits a byte, the last one below 128."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)
    return bytes(data)


def _read_short(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
