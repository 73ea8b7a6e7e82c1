"""The journal: every reply and every judgement, in one SQLite file that other tools can open.

Knows: how replies, the words of requests and people's judgements are kept, for how long, and how
everything of a person is erased. Does not know: Discord, models, what a judgement is used for.

Facts are appended as they happened; the view `current_signals` says what stands. Rows hold numbers in place
of names (engine/journal_tables.py); the views `generations` and `facts` read with names. Requests' words
(and passages that a reply copied from them) live only in the table `words` and are erased after
`keep_words_hours`; from then on a keyed hash is left, enough to tell that a request is given again.

People, guilds and channels are stored as hashes under a key that lies in the same file, so that one
file is the whole backup. This keeps ids out of sight, exports and pictures; it does not withstand
somebody who holds the file and tries out ids. Erased bytes are overwritten (`secure_delete`, and
the write-ahead log is emptied).

A call that has returned is committed and on disk (WAL, `synchronous=FULL`): neither SIGKILL nor a
power cut takes it back. `record` can be asked to wait for the commit alone, for somebody waits for the
reply: `to_disk` brings it there, or the next write that does wait for the disk. A Journal belongs to the
thread that opened it; `JournalThread` (engine/journal_thread.py) gives it one of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from engine.discretion import without_danger
from engine.errors import JournalUnreadable
from engine.journal_body import COLUMNS, Beside, packed, unpacked
from engine.journal_closed import close_judged
from engine.journal_file import opened
from engine.journal_rows import (
    REASON_LIMIT,
    Counts,
    Fact,
    Forgotten,
    JudgedText,
    Place,
    TaskCounts,
    drawn_columns,
    people_tables,
    without_copies,
)
from engine.journal_tables import ID_BYTES, message_key
from engine.journal_words import HELD, all_let_keep, all_there, forgettings_in, note_voices, voices_of
from engine.values import Reply, Request, Signal

__all__ = ["REASON_LIMIT", "Counts", "Fact", "Forgotten", "Journal", "JudgedText", "Place", "TaskCounts"]

EXPIRY_SECONDS = 60.0
"""While replies are recorded, expired words are looked for this often at most."""


class Journal:
    """The journal in the file `path`, which is made where it is missing.

    `keep_words_hours`: how long requests' words are kept; 0 keeps none and erases those still there.
    `closed_options`: for each task the options whose values come from a closed list or are numbers;
    only these may stand in exports, all others are the request's words. `clock`: seconds since 1970.
    Raises JournalUnreadable. A context manager.
    """

    def __init__(
        self,
        path: Path | str,
        keep_words_hours: float = 24.0,
        *,
        closed_options: Mapping[str, Collection[str]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self._keep_seconds = keep_words_hours * 3600.0
        self._closed_options = closed_options or {}
        self._clock = clock
        self._db = opened(self.path)
        try:
            self._key = self._secret()
            # where SQLite itself sees the file, which may be a link
            self._log_file = f"{self._db.execute('PRAGMA database_list').fetchone()[2]}-wal"
            self._last_expiry = -math.inf
            self._log_holds_erased = False
            self.expire_words(math.inf if keep_words_hours <= 0 else None)
        except sqlite3.Error as error:
            self._db.close()
            raise JournalUnreadable(file=self.path, reason=error) from error

    def close(self) -> None:
        """Close the file; the last process to close it also folds the write-ahead log into it."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # Replies

    def record(
        self,
        request: Request,
        reply: Reply,
        person: str,
        place: Place,
        *,
        others: Collection[str] = (),
        holds: Collection[str] = (),
        repeats: str = "",
        since: tuple[object, ...] | None = None,
        on_disk: bool = True,
    ) -> bool:
        """Keep a reply. False: nothing was kept, because this person asked for that.

        The request's words go to their own table, less the turns that a fixed sentence answered; or
        nowhere, with `keep_words_hours` 0 or when one of those whose words stand in it asked for nothing
        to be kept: the `others`, and whoever's stand in the requests of replies that it `holds` (quotes,
        with what they copied). Nowhere either where the words of one of these are gone, as are those of a
        reply that is not here: nobody knows then whose they are. `repeats`: the reply whose request is given
        once more. Its words stay no longer than there, and nowhere once they are gone. `since`: what
        `forgettings` said before any of the words were read; who was forgotten since then may have said them,
        and they go nowhere. `on_disk` False: it returns once this is committed, which SIGKILL does not take
        back; a power cut may until `to_disk`.
        """
        now = self._clock()
        if now - self._last_expiry >= EXPIRY_SECONDS:
            self.expire_words()
        closed = self._closed_options.get(request.task, ())
        kept = without_copies(reply)
        row: dict[str, Any] = {
            "id": reply.generation,
            "at": now,
            "person": self._hash("person", person),
            "surface": place.surface,
            "guild": self._hash("guild", place.guild) if place.guild else "",
            "channel": self._hash("channel", place.channel) if place.channel else "",
            "task": reply.task,
            "options": _json({name: request.options[name] for name in closed if name in request.options}),
            "locale": request.locale,
            "model": reply.model,
            "reward_model": reply.reward_model,
            "origin": reply.origin,
            "own_text": _plain(kept.text),
            "request_hash": self._request_hash(request),
            "text_hash": self._few("text", reply.text),
            **drawn_columns(reply),
        }
        beside = Beside(*(row[name] for name in COLUMNS.split(", ")))
        row["body"] = packed(kept, beside)
        with self._writing(on_disk=on_disk):
            lets = "NOT EXISTS (SELECT 1 FROM people WHERE people.person = :person AND keep = 0)"
            if not self._write(_insertion("generations", row, lets), row):
                return False
            expires = now + self._keep_seconds
            if repeats:
                expires = min(expires, self._words_end(repeats))
            voices = {self._hash("person", other) for other in others}
            voices |= voices_of(self._db, {*holds, repeats} - {""})
            known = expires > now and all_there(self._db, holds, now)
            known = known and since in (None, forgettings_in(self._db))
            if known and all_let_keep(self._db, voices):
                words = {
                    "generation": reply.generation,
                    "request": _storable(without_danger(request).to_json()),
                    "body": None if kept == reply else packed(reply, beside),
                    "expires": expires,
                }
                self._db.execute(_insertion("words", words), words)
                note_voices(self._db, reply.generation, voices - {row["person"]})
        return True

    def to_disk(self) -> None:
        """Waits until everything committed so far is on the disk."""
        with contextlib.suppress(FileNotFoundError), open(self._log_file, "r+b") as log:
            os.fsync(log.fileno())

    def attach(self, generation: str, message_id: int | str) -> bool:
        """Remember the message (or one of the messages) a reply was sent as. False: no such reply."""
        return self._write(
            "INSERT OR REPLACE INTO sent (id, generation) SELECT ?, number FROM replies WHERE id = ?",
            (message_key(message_id), generation),
        )

    def generation_of(self, message_id: int | str) -> str | None:
        row = self._row(
            "SELECT replies.id FROM sent JOIN replies ON number = generation WHERE sent.id = ?",
            (message_key(message_id),),
        )
        return None if row is None else str(row[0])

    def reply(self, generation: str) -> Reply | None:
        """The reply as `journal_body` keeps it; once its request's words are erased, with copied passages
        blanked."""
        row = self._row(
            "SELECT coalesce((SELECT words.body FROM words WHERE words.generation = id AND expires > ?), "
            f"body), {COLUMNS} FROM generations WHERE id = ?",
            (self._clock(), generation),
        )
        return None if row is None else unpacked(row[0], Beside(*row[1:]))

    def request(self, generation: str) -> Request | None:
        """The request, or None once its words were erased (or never kept)."""
        row = self._row(
            "SELECT request FROM words WHERE generation = ? AND expires > ?", (generation, self._clock())
        )
        return None if row is None else Request.from_json(row[0])

    def written_for(self, generation: str, person: str) -> bool:
        """Whether the journal holds this reply and it was this person who asked for it."""
        row = self._row(
            "SELECT 1 FROM generations WHERE id = ? AND person = ?",
            (generation, self._hash("person", person)),
        )
        return row is not None

    def given_again(self, generation: str, request: Request) -> bool:
        """Whether this is the request of that reply, whatever its seed; works when its words are gone."""
        row = self._row("SELECT request_hash FROM generations WHERE id = ?", (generation,))
        return row is not None and secrets.compare_digest(row[0], self._request_hash(request))

    def same_text(self, generation: str, text: str) -> bool:
        """Whether this is the text that was sent, to the letter; works when copied passages are gone."""
        row = self._row("SELECT text_hash FROM generations WHERE id = ?", (generation,))
        return row is not None and secrets.compare_digest(row[0], self._few("text", text))

    def expire_words(self, now: float | None = None) -> int:
        """Erase the words whose time is over at `now` (seconds; None: the clock); how many there were."""
        self._last_expiry = self._clock()
        time_is_over = self._last_expiry if now is None else now
        cursor = self._db.execute("DELETE FROM words WHERE expires <= ?", (time_is_over,))
        if cursor.rowcount or self._log_holds_erased:
            self._empty_log()
        return cursor.rowcount

    def shorten_words(self) -> int:
        """Words kept under an earlier, longer `keep_words_hours` are kept no longer than today's from now
        on; how many there were. For the process that records: others do not know the setting."""
        latest = self._clock() + self._keep_seconds
        return self._db.execute("UPDATE words SET expires = ? WHERE expires > ?", (latest, latest)).rowcount

    def _words_end(self, generation: str) -> float:
        """When the words of this reply's request expire; -inf: they are gone."""
        row = self._row("SELECT expires FROM words WHERE generation = ?", (generation,))
        return -math.inf if row is None else float(row[0])

    # Judgements

    def react(self, fact: Fact) -> bool:
        """Append a fact; the last one written counts.

        False: nothing changed, because the reply is not here (any more), this person asked that nothing
        be kept, or there is nothing of theirs to withdraw.
        """
        values: dict[str, Any] = {
            "id": secrets.token_bytes(ID_BYTES),
            "generation": fact.generation,
            "person": self._hash("person", fact.person),
            "kind": fact.kind,
            "label": _plain(fact.label),
            "value": float(fact.value),
            "reason": "" if fact.withdrawn else _plain(fact.reason),
            "at": self._clock() if fact.at is None else float(fact.at),
            "withdrawn": int(fact.withdrawn),
        }
        # One statement, so that the conditions still hold when it writes.
        return self._write(
            "INSERT INTO facts (id, generation, person, kind, label, value, reason, at, withdrawn) "
            "SELECT :id, :generation, :person, :kind, :label, :value, :reason, :at, :withdrawn "
            "WHERE EXISTS (SELECT 1 FROM replies WHERE id = :generation) AND CASE :withdrawn "
            "WHEN 0 THEN NOT EXISTS (SELECT 1 FROM people WHERE person = :person AND keep = 0) "
            "ELSE EXISTS (SELECT 1 FROM facts WHERE generation = :generation AND person = :person "
            "AND kind = :kind AND label = :label) END",
            values,
        )

    def clear(self, generation: str, label: str | None = None, at: float | None = None) -> int:
        """A moderator cleared a message's reactions (all, or those of one emoji): withdraw each person's.

        Buttons and reviews stand. Returns how many were withdrawn.
        """
        reactions = "kind = 'reaction' AND (:label IS NULL OR label = :label)"
        return self._withdraw(generation, reactions, label, at)

    def clear_all(self, generation: str, at: float | None = None) -> int:
        """The reply was taken away: withdraw every judgement of it, of any kind. Returns how many."""
        return self._withdraw(generation, "1", None, at)

    def _withdraw(self, generation: str, which: str, label: str | None, at: float | None) -> int:
        with self._writing():
            standing = self._db.execute(
                "SELECT person, kind, label FROM (SELECT max(sequence), person, kind, label, withdrawn "
                f"FROM facts WHERE generation = :generation AND {which} "
                "GROUP BY person, kind, label) WHERE withdrawn = 0",
                {"generation": generation, "label": label},
            ).fetchall()
            when = self._clock() if at is None else at
            for person, kind, known_as in standing:
                self._append(generation, person, kind, known_as, 0.0, when, withdrawn=True)
        return len(standing)

    def signals(self) -> Iterator[Signal]:
        """Every standing judgement, oldest first; `person` is a hash."""
        rows = self._db.execute(
            "SELECT generation, person, kind, value, reason, at FROM current_signals "
            "ORDER BY at, reply, sequence"
        )
        for generation, person, kind, value, reason, at in rows:
            yield Signal(generation, person, kind, value, reason, at)

    def signal(self, generation: str, person: str) -> Signal | None:
        """This person's standing judgement of a reply; `person` in it is a hash."""
        row = self._row(
            "SELECT generation, person, kind, value, reason, at FROM current_signals "
            "WHERE generation = ? AND person = ?",
            (generation, self._hash("person", person)),
        )
        return None if row is None else Signal(*row)

    def judged(self) -> Iterator[JudgedText]:
        """What tuning reads, oldest first. Fixed sentences and extracts teach nothing and are left out."""
        rows = self._db.execute(
            "SELECT generation, task, own_text, value, s.person, s.at, options, model "
            "FROM current_signals AS s JOIN generations AS g ON g.number = reply "
            "WHERE origin NOT IN ('fixed', 'extract') AND own_text <> '' ORDER BY s.at, reply, sequence"
        )
        for generation, task, own_text, value, person, at, options, model in rows:
            yield JudgedText(generation, task, own_text, value, person, at, json.loads(options), model)

    def counts(self) -> Counts:
        """How much there is; the numbers are kept as it comes (`engine.tallies`)."""
        by_task: dict[str, TaskCounts] = {}
        signals = 0
        for task, replies, likes, dislikes, stand in self._db.execute(
            "SELECT task, sum(replies), sum(likes), sum(dislikes), sum(signals) FROM sorts "
            "GROUP BY task HAVING sum(replies) > 0"
        ):
            by_task[task] = TaskCounts(replies, likes, dislikes)
            signals += stand
        people = self._row("SELECT count(*) FROM persons WHERE judged > 0", ())
        return Counts(
            generations=sum(each.generations for each in by_task.values()),
            signals=signals,
            likes=sum(each.likes for each in by_task.values()),
            dislikes=sum(each.dislikes for each in by_task.values()),
            people=0 if people is None else int(people[0]),
            by_task=by_task,
        )

    # People

    def may_keep(self, person: str) -> bool:
        """Whether this person lets replies and judgements be kept; they do until they say otherwise."""
        row = self._row("SELECT keep FROM people WHERE person = ?", (self._hash("person", person),))
        return row is None or bool(row[0])

    def set_keep(self, person: str, keep: bool) -> None:
        """From now on keep nothing of this person, or keep again. What is there stays: see `forget`."""
        row = {"person": self._hash("person", person), "keep": int(keep), "at": self._clock()}
        self._db.table("people").upsert(row, pk="person")

    def forget(self, person: str) -> Forgotten:
        """Erase everything of this person: the replies written for them with all that hangs on these,
        their judgements of any reply, and words of others' requests that hold theirs, or may (`HELD`).
        Only a refusal (`set_keep`) is remembered. Replies that they judged are closed to recounts, which
        would bring their judgements back.
        """
        mine = "(SELECT number FROM persons WHERE person = :who)"
        theirs = f"(SELECT number FROM replies WHERE who = {mine})"
        values = {"who": self._hash("person", person)}
        with self._writing():
            self._db.execute(f"DELETE FROM words WHERE generation IN ({HELD})", values)
            close_judged(self._db, values["who"])
            self._db.execute(
                f"INSERT OR IGNORE INTO erased SELECT id FROM replies WHERE who = {mine} "
                f"UNION SELECT id FROM judgements WHERE who = {mine} OR generation IN {theirs}",
                values,
            )
            judged = f"DELETE FROM judgements WHERE who = {mine} OR generation IN {theirs}"
            facts = self._db.execute(judged, values).rowcount
            self._db.execute(f"DELETE FROM sent WHERE generation IN {theirs}", values)
            generations = self._db.execute(f"DELETE FROM replies WHERE who = {mine}", values).rowcount
            self._db.execute("DELETE FROM people WHERE person = :who AND keep = 1", values)
            for table in set(people_tables(self._db)) - {"people"}:
                self._db.execute(f"DELETE FROM {table} WHERE person = :who", values)
            self._db.execute("DELETE FROM cells WHERE judged = 0")  # a name there may be their channel's
            row = {"at": self._clock(), "generations": generations, "facts": facts}
            self._db.table("deletions").insert(row)
        self._empty_log()
        return Forgotten(generations, facts)

    # Within

    def _secret(self) -> bytes:
        # Whoever comes first decides; a second process takes the same.
        self._db.execute("INSERT OR IGNORE INTO secret (id, key) VALUES (1, ?)", (secrets.token_bytes(32),))
        row = self._row("SELECT key FROM secret WHERE id = 1", ())
        if row is None:
            raise sqlite3.DatabaseError("the key is missing")
        return bytes(row[0])

    def _hash(self, kind: str, text: str) -> str:
        """32 hexadecimal digits; the kind keeps a person and a channel of the same id apart."""
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._key, person=kind.encode(), digest_size=16).hexdigest()

    def _few(self, kind: str, text: str) -> bytes:
        """Enough of a hash to tell a text again."""
        return bytes.fromhex(self._hash(kind, text))[:ID_BYTES]

    def _request_hash(self, request: Request) -> bytes:
        asked = [request.task, request.text, dict(request.options), request.locale, request.context]
        return self._few("request", json.dumps(asked, sort_keys=True))

    def _row(self, sql: str, values: Iterable[object]) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(sql, tuple(values)).fetchone()
        return row

    def _write(self, sql: str, values: Any) -> bool:
        """Whether anything changed; `rowcount` would not tell of rows that a view takes."""
        before = self._db.conn.total_changes
        self._db.execute(sql, values)
        return self._db.conn.total_changes > before

    def _append(
        self, generation: str, person: str, kind: str, label: str, value: float, at: float, *, withdrawn: bool
    ) -> None:
        """A fact of the person whose hash this is, within `_writing`."""
        row: dict[str, object] = {"id": secrets.token_bytes(ID_BYTES), "generation": generation}
        row |= {"person": person, "kind": kind, "label": label, "value": value, "reason": "", "at": at}
        row["withdrawn"] = int(withdrawn)
        self._db.execute(_insertion("facts", row), row)

    @contextlib.contextmanager
    def _writing(self, *, on_disk: bool = True) -> Iterator[None]:
        if not on_disk:
            self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._writing():
                    yield
            finally:
                self._db.execute("PRAGMA synchronous = FULL")
            return
        # IMMEDIATE: a transaction that reads first and writes later fails at once, without waiting,
        # when another process wrote in between.
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.commit()
        except BaseException:
            self._db.rollback()
            raise

    def _empty_log(self) -> None:
        """Fold the write-ahead log into the file and empty it, so that erased bytes are nowhere.

        While somebody is reading this cannot be done; the next `expire_words` tries again.
        """
        try:
            row = self._row("PRAGMA wal_checkpoint(TRUNCATE)", ())
            self._log_holds_erased = row is None or bool(row[0])
        except sqlite3.OperationalError:  # a query of our own is still being read
            self._log_holds_erased = True


def _insertion(view: str, row: Mapping[str, object], where: str = "1") -> str:
    values = ", ".join(f":{name}" for name in row)
    return f"INSERT INTO {view} ({', '.join(row)}) SELECT {values} WHERE {where}"


def _json(values: Mapping[str, str]) -> str:
    return _storable(json.dumps(values, ensure_ascii=False, sort_keys=True))


def _storable(json_text: str) -> str:
    """JSON with lone surrogates as escapes: SQLite takes UTF-8 only, and they read back the same."""
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", json_text)


def _plain(text: str) -> str:
    """Text without lone surrogates, which SQLite does not take."""
    return text.encode("utf-8", "replace").decode()
