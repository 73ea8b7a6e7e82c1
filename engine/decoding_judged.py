"""Judgements of replies whose setting of decoding was drawn: out of the journal, and held in numbers.

    for row in JudgedArms(journal): …           a channel after the other
    held = HeldArms(rows, tasks, file)          read once, from then on as often as wanted
    for channel, rows in held: …                as numbers

However many there are, memory holds one channel's: `HeldArms` keeps them in a file, which names nobody.

Knows: the query, the form of the rows. Does not know: what is learnt from them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.journal import Journal
from engine.journal_guilds import places_by_channel

Rows = NDArray[np.void]
"""Of the type `ROW`: (N,)."""
ROW = np.dtype(
    [
        ("task", "<i2"),
        ("person", "<i4"),
        ("arm", "<i2"),
        ("control", "<i1"),
        ("total", "<f8"),
        ("judgements", "<i4"),
        ("likes", "<i4"),
    ]
)
AT_ONCE = 5_000
"""Rows brought into numbers at a time."""


class JudgedArm(NamedTuple):
    """What one person in one channel thinks of a task's replies that were drawn with one setting, "" where
    none was drawn: the sum of their judgements, how many there are and how many are likes.

    `person`: whatever tells people apart. `since` and `until`: of these judgements, seconds since 1970.
    """

    task: str
    channel: str
    person: Hashable
    arm: str
    control: bool
    total: float
    judgements: int
    likes: int
    since: float = 0.0
    until: float = 0.0


_IN_PLACES = """
WITH kinds AS MATERIALIZED (
    SELECT number, min(number) OVER (PARTITION BY task) AS first_sort FROM sorts
    WHERE origin NOT IN ('fixed', 'extract')
),
arms AS MATERIALIZED (SELECT number, control, min(number) OVER (PARTITION BY arm) AS first_draw FROM draws)
SELECT first_sort, s.who, first_draw, control, sum(value), count(*), sum(value > 0), min(s.at), max(s.at)
FROM replies AS r CROSS JOIN kinds ON kinds.number = r.sort CROSS JOIN arms ON arms.number = r.draw
CROSS JOIN standing AS s ON s.generation = r.number
WHERE r.place IN ({places}) AND value <> 0 GROUP BY first_sort, s.who, first_draw, control
"""
"""Numbers sort faster than names: a task and a setting is the first row that has its name."""


@dataclass(frozen=True, slots=True)
class JudgedArms:
    """What stands of judgements, with hashes in place of channels and numbers in place of people; may be read
    again and again. A channel after the other.

    To read all at once would take a quarter less, but who erases something meanwhile would wait for its end.
    """

    journal: Journal

    def __iter__(self) -> Iterator[JudgedArm]:
        read = self.journal._db.execute
        for channel, places in places_by_channel(self.journal):
            rows = read(_IN_PLACES.format(places=places))
            # read while the rows are, so of the same state of the file
            tasks = dict(read("SELECT number, task FROM sorts").fetchall())
            arms = dict(read("SELECT number, arm FROM draws").fetchall())
            for task, who, arm, control, *judged in rows:
                yield JudgedArm(tasks[task], channel, who, arms[arm], bool(control), *judged)


class HeldArms:
    """Rows in numbers, a channel's at a time, as often as wanted, while the (empty) file is open.

    `tasks`: their settings; rows of others are left out. Of a task its number is the place among them, of a
    setting that among the task's: -1 where none was drawn, their number for one that the task has no more.
    `people`: how many there are; each has a number below that. `times`: of each task's judgements, by its
    number, the first and the last, seconds since 1970. Raises ValueError where a channel comes back.
    """

    def __init__(
        self, rows: Iterable[JudgedArm], tasks: Mapping[str, Sequence[str]], file: IO[bytes]
    ) -> None:
        self._file = file
        self._sizes: dict[str, int] = {}
        self._people: dict[Hashable, int] = {}
        self.times: dict[int, tuple[float, float]] = {}
        self._tasks = {name: number for number, name in enumerate(tasks)}
        self._arms = {name: {arm: place for place, arm in enumerate(arms)} for name, arms in tasks.items()}
        for channel, here in groupby(rows, itemgetter(1)):
            if channel in self._sizes:
                raise ValueError("judgements must come channel by channel")
            self._sizes[channel] = 0
            ours = (row for row in here if row.task in self._tasks)
            while some := list(islice(ours, AT_ONCE)):
                self._sizes[channel] += len(some)
                file.write(self._numbers(some).tobytes())

    def _numbers(self, rows: Sequence[JudgedArm]) -> Rows:
        task, _, person, arm, *rest, since, until = zip(*rows, strict=True)
        arms = self._arms
        columns: tuple[Any, ...] = (
            [self._tasks[each] for each in task],
            [self._people.setdefault(each, len(self._people)) for each in person],
            [
                arms[name].get(each, len(arms[name])) if each else -1
                for name, each in zip(task, arm, strict=True)
            ],
            *rest,
        )
        found = np.empty(len(rows), ROW)
        for name, column in zip(ROW.names or (), columns, strict=True):
            found[name] = column
        first, last = np.array(since), np.array(until)
        for number in np.unique(found["task"]).tolist():
            here = found["task"] == number
            begun, ended = float(first[here].min()), float(last[here].max())
            before = self.times.get(number, (begun, ended))
            self.times[number] = min(before[0], begun), max(before[1], ended)
        return found

    @property
    def people(self) -> int:
        return len(self._people)

    def __iter__(self) -> Iterator[tuple[str, Rows]]:
        self._file.seek(0)
        for channel, size in self._sizes.items():
            yield channel, np.frombuffer(self._file.read(size * ROW.itemsize), ROW)
