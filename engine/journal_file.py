"""The journal's file: how it is opened, with which guarantees, by how many processes at once.

Knows: SQLite's settings, that a file of an earlier version is brought to today's, what an unreadable one is.
Does not know: the rows.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlite_utils import Database

from engine import migrations
from engine.errors import JournalUnreadable
from engine.journal_body import as_json

BUSY_MILLISECONDS = 30_000
"""How long one write waits for another process (the command line beside the bot)."""

PAGE_BYTES = 8192
"""Replies are some 700 bytes and do not stretch over pages: of smaller ones more would stay empty."""


def opened(path: Path) -> Database:
    """Open the file with today's schema. Raises JournalUnreadable."""
    connection: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # others on the machine do not read it
        connection = sqlite3.connect(path, timeout=BUSY_MILLISECONDS / 1000)
        connection.create_function("reply_json", -1, as_json, deterministic=True)
        db = Database(connection, execute_plugins=False)
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file; another's stays what it is
        _enable_wal(db)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            db.execute(f"PRAGMA {pragma}")
        newer = migrations.unknown_to_us(db)
        if newer:
            raise sqlite3.DatabaseError(f"a newer Moyou wrote it: {newer[-1]}")
        migrations.apply(db)
        db.execute("BEGIN IMMEDIATE")  # whether it can be written shows here, not at the first reply
        db.rollback()
        return db
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise JournalUnreadable(file=path, reason=reason) from error


def _enable_wal(db: Database) -> None:
    # Two processes that open a new file at once: SQLite refuses this one at once instead of waiting.
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            return db.enable_wal()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
