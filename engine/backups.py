"""Copies of the journal in a folder: how one is made while the journal is in use, and when it ends.

    file = back_up(Path("moyou-data/journal.db"), Path("moyou-data/backups"))
    erase_old(Path("moyou-data/backups"), days=30)

A copy is consistent and complete but for the words of requests: they have a shorter time than copies have.
It holds who was forgotten since, so it has an end: its name says when it was made, whatever a file system
makes of its dates, and what lies in the folder under such a name goes when that is too long ago.

Knows: names, how a copy is made whole or not at all, its end. Does not know: the setting, who asks for a
copy, copies that somebody made by other means.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from calendar import timegm
from collections.abc import Iterator
from pathlib import Path

from engine.errors import BadFile, JournalUnreadable
from engine.journal import Journal
from engine.journal_guilds import DAY

_FORM = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"journal-(\d{8}T\d{6}Z)\.db(?:[.-].*)?"
)  # and what SQLite has beside it, and what was cut off


def back_up(journal: Path, folder: Path, now: float | None = None) -> Path:
    """A copy of the journal as it is now, in `folder`. Raises JournalUnreadable, BadFile."""
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    made = time.strftime(_FORM, time.gmtime(now))
    file = folder / f"journal-{made}.db"
    draft = folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)  # others on the machine do not read it
        with Journal(journal) as opened:
            opened._db.execute("VACUUM INTO ?", (str(draft),))
        Journal(draft, keep_words_hours=0).close()
        return draft.replace(file)
    except (sqlite3.Error, OSError) as error:
        raise BadFile(file=str(file), reason=str(error)) from error
    finally:
        with contextlib.suppress(OSError):  # what was cut off holds people too
            draft.unlink()


def erase_old(folder: Path, days: float, now: float | None = None) -> int:
    """Erase the copies of more than `days` days ago; how many files that were."""
    latest = (time.time() if now is None else now) - days * DAY
    old = [file for file, made in _copies(folder) if made < latest]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def held_until(folder: Path, days: float) -> float | None:
    """When the last of the copies there are now will be erased, seconds since 1970; None: there are none."""
    times = [made for _, made in _copies(folder)]
    return max(times) + days * DAY if times else None


def _copies(folder: Path) -> Iterator[tuple[Path, float]]:
    """Every file of a copy and when that was made."""
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = _NAME.fullmatch(file.name)
        if found is not None:
            try:
                yield file, float(timegm(time.strptime(found[1], _FORM)))
            except ValueError:  # a name of somebody's own
                continue
