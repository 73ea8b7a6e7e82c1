"""What the journal holds of tastes: how each person wants to be written to, and what each channel likes.

Knows: how both are kept (people and channels as hashes), that a channel's taste goes with any judgement it
was learnt from (a trigger), that a reset makes earlier judgements of a channel count no more.
Does not know: Discord, how a taste is worked out (`engine.taste`) or put to use (`engine.compose`).

Functions on a Journal, called as its methods are: await journal(manner_of, person).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter

from engine.guild_settings import TONES
from engine.journal import Journal
from engine.journal_guilds import places_by_channel
from engine.journal_rows import latents_of
from engine.journal_words import forgettings_in
from engine.taste import Numbers, Taste, far, learn
from engine.values import Request

_Columns = tuple[tuple[int, ...], tuple[float, ...], Numbers]
"""Whose each judgement is (N numbers), its value (N), what its reply was written from (N, Z)."""

LENGTHS = ("", "short", "long")
NEWEST = 2000
"""Judgements of a channel and a model that its taste is learnt from, at most."""


ATTEMPTS = 3
"""Times that something is learnt before it is given up because somebody was forgotten meanwhile."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody wants to be written to: `tone` and `length` as in a Request, "" as usual."""

    tone: str = ""
    length: str = ""


def manner_of(journal: Journal, person: str) -> Manner:
    """What this person chose; nothing, where they want nothing kept."""
    row = journal._row(
        "SELECT tone, length FROM manners AS m WHERE person = ? "
        "AND NOT EXISTS (SELECT 1 FROM people WHERE people.person = m.person AND keep = 0)",
        (journal._hash("person", person),),
    )
    return Manner() if row is None else Manner(*row)


def set_manner(journal: Journal, person: str, manner: Manner) -> bool:
    """Keep what this person chose; as usual in both is nothing to keep. False: they want nothing kept.

    Raises ValueError for a tone or length that there is not (a programming mistake).
    """
    if manner.tone not in TONES or manner.length not in LENGTHS:
        raise ValueError(f"no such manner: {manner}")
    who = journal._hash("person", person)
    if manner == Manner():
        journal._write("DELETE FROM manners WHERE person = ?", (who,))
        return True
    if not journal.may_keep(person):
        return False
    row = {"person": who, "tone": manner.tone, "length": manner.length, "at": journal._clock()}
    journal._db.table("manners").upsert(row, pk="person")
    return True


@dataclass(frozen=True, slots=True)
class Wished:
    """What is known before a request is written: its person's manner, its channel's name and tastes; `since`:
    what `forgettings` said then, for `Journal.record`."""

    manner: Manner
    channel: str
    leans: dict[str, tuple[float, ...]]
    since: tuple[object, ...] | None = None

    def of(self, request: Request) -> Request:
        """The request as its person and its channel want it; what it says itself goes before."""
        return dataclasses.replace(
            request,
            tone=request.tone or self.manner.tone,
            length=request.length or self.manner.length,
            channel=self.channel,
            leans=self.leans,
        )


def wished(journal: Journal, person: str, channel: str) -> Wished:
    """For a person in a channel, both by their ids; `channel` "" for none."""
    key = journal._hash("channel", channel) if channel else ""
    rows = journal._db.execute("SELECT model, lean FROM tastes WHERE channel = ?", (key,)) if key else ()
    leans = {model: tuple(json.loads(lean)) for model, lean in rows}
    return Wished(manner_of(journal, person), key, leans, forgettings(journal))


@dataclass(frozen=True, slots=True)
class ChannelTaste:
    """A channel (by its id) with what is known of its taste, over all models: see `Taste`."""

    channel: str
    judgements: int
    people: int
    far: float


def tastes_in(journal: Journal, channels: Collection[str]) -> list[ChannelTaste]:
    """Those of the channels that have a taste, in the order given."""
    found = []
    for channel in channels:
        rows = journal._db.execute(
            "SELECT lean, judgements, people FROM tastes WHERE channel = ?",
            (journal._hash("channel", channel),),
        ).fetchall()
        if rows:
            leans, judgements, people = zip(*rows, strict=True)
            reach = max(far(json.loads(lean)) for lean in leans)
            found.append(ChannelTaste(channel, sum(judgements), max(people), reach))
    return found


def reset_tastes(journal: Journal, channels: Collection[str]) -> int:
    """Forget what these channels like, and let judgements up to now count no more; how many had a taste."""
    count = 0
    with journal._writing():
        for channel in channels:
            key = journal._hash("channel", channel)
            row = {"channel": key, "at": journal._clock()}
            journal._db.table("taste_resets").upsert(row, pk="channel")
            gone = journal._db.execute("DELETE FROM tastes WHERE channel = ?", (key,)).rowcount
            count += gone > 0
    return count


def learn_tastes(
    journal: Journal, channel: str | None = None, *, dry_run: bool = False
) -> dict[tuple[str, str], Taste]:
    """Work out what every channel likes now and keep that in place of what was known; by channel (a hash)
    and model. A dry run keeps nothing. `channel`: this one alone.

    What is erased or reset meanwhile by somebody else is not kept: then all is worked out anew.
    """
    while True:
        before = erasures(journal)
        learnt = {
            (here, model): taste
            for here, model, own, judged in _judged(journal, channel)
            if (taste := learn(*judged, own=own)) is not None
        }
        if dry_run:
            return learnt
        with journal._writing():
            if erasures(journal) != before:
                continue
            journal._db.execute(
                "DELETE FROM tastes WHERE :channel IS NULL OR channel = :channel", {"channel": channel}
            )
            journal._db.table("tastes").insert_all(
                {
                    "channel": here,
                    "model": model,
                    "lean": json.dumps(taste.lean),
                    "judgements": taste.judgements,
                    "people": taste.people,
                    "at": journal._clock(),
                }
                for (here, model), taste in learnt.items()
            )
        return learnt


def erasures(journal: Journal) -> tuple[object, ...] | None:
    """Changes whenever something was erased or reset."""
    return journal._row(
        "SELECT (SELECT count(*) FROM erased), (SELECT max(id) FROM deletions), "
        "(SELECT total(at) FROM taste_resets)",
        (),
    )


def forgettings(journal: Journal) -> tuple[object, ...]:
    """Changes whenever somebody, or a server, was forgotten. What went for its age alone changes nothing: it
    goes every hour, and whoever read it before read what was theirs to read."""
    return forgettings_in(journal._db)


@contextmanager
def unless_forgotten(journal: Journal, before: tuple[object, ...] | None) -> Iterator[bool]:
    """Whether nobody was forgotten since `forgettings` said `before`; nor is anybody until the block ends.

    What was learnt from a journal is kept in such a block or not at all. It holds up all who write: be brief.
    """
    with journal._writing():
        yield forgettings(journal) == before


def _judged(journal: Journal, only: str | None = None) -> Iterator[tuple[str, str, bool, _Columns]]:
    """By channel and model the newest judgements since its reset, and whether it is one person's channel.

    However many there are, what is held is one channel's and model's: SQLite sorts by way of a file.
    """
    resets = dict(journal._db.execute("SELECT channel, at FROM taste_resets").fetchall())
    for channel, places in places_by_channel(journal):
        if not channel or only not in (None, channel):
            continue
        rows = journal._db.execute(
            "SELECT model, guild = '' AS own, s.who, value, latent FROM replies AS r "
            "CROSS JOIN standing AS s ON s.generation = r.number "
            "JOIN sorts AS k ON k.number = r.sort JOIN places AS l ON l.number = r.place "
            f"WHERE r.place IN ({places}) AND latent IS NOT NULL AND value <> 0 AND s.at > ? "
            "ORDER BY model, own, s.at DESC, s.generation DESC, s.sequence DESC",
            (resets.get(channel, -1.0),),
        )
        for (model, own), newest in groupby(rows, itemgetter(0, 1)):
            _, _, people, values, latents = zip(*islice(newest, NEWEST), strict=True)
            yield channel, model, bool(own), (people, values, latents_of(latents))
