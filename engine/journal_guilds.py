"""What the journal holds of servers: their moderators' decisions, and their end once Moyou has left.

Knows: how decisions are stored (the server and its channels as hashes, like everywhere in the journal),
what belongs to a server, which of several channels it spoke in, how missed reactions are made up for.
Does not know: Discord, what a decision means (`engine.guild_settings`).

Functions on a Journal, called as its methods are: await journal(guild_settings, guild, channels).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Set
from itertools import islice
from typing import Any

from engine.guild_settings import GuildSettings
from engine.journal import Journal
from engine.journal_closed import close_to_refusal, is_closed, may_be_added
from engine.journal_rows import Fact, Forgotten

DAY = 86_400.0
AT_ONCE = 200
"""Reactions that a recount writes in one transaction: other processes wait no longer than that takes."""


def guild_settings(journal: Journal, guild: str, channels: Collection[str]) -> GuildSettings:
    """A server's decisions. `channels`: ids of its channels today; of others the journal cannot tell the
    ids, only their hashes, so those that are gone from the server drop out."""
    row = journal._row("SELECT settings FROM guilds WHERE guild = ?", (journal._hash("guild", guild),))
    if row is None or not row[0]:
        return GuildSettings()
    settings = GuildSettings.from_json(row[0])
    known = {journal._hash("channel", channel): channel for channel in channels}
    # where every allowed channel is gone nothing is allowed: a hash is no channel's id
    return dataclasses.replace(
        settings,
        channels=tuple(known.get(each, each) for each in settings.channels),
        home_channels=tuple(known[each] for each in settings.home_channels if each in known),
        report_channel=known.get(settings.report_channel, ""),
        digest_channels=tuple(known[each] for each in settings.digest_channels if each in known),
        digest_to=known.get(settings.digest_to, ""),
    )


def set_guild_settings(journal: Journal, guild: str, settings: GuildSettings) -> None:
    """Keep the decisions; channels that are hashes already stay as they are."""
    hashed = dataclasses.replace(
        settings,
        channels=tuple(_hashed(journal, each) for each in settings.channels),
        home_channels=tuple(_hashed(journal, each) for each in settings.home_channels),
        report_channel=_hashed(journal, settings.report_channel),
        digest_channels=tuple(_hashed(journal, each) for each in settings.digest_channels),
        digest_to=_hashed(journal, settings.digest_to),
    )
    now = journal._clock()
    journal._write(
        "INSERT INTO guilds (guild, settings, at, seen) VALUES (:guild, :settings, :now, :now) "
        "ON CONFLICT (guild) DO UPDATE SET settings = :settings, at = :now, seen = :now",
        {"guild": journal._hash("guild", guild), "settings": hashed.to_json(), "now": now},
    )


def _hashed(journal: Journal, channel: str) -> str:
    return journal._hash("channel", channel) if channel.isdigit() and len(channel) < 32 else channel


def note_guilds(journal: Journal, guilds: Collection[str]) -> None:
    """Moyou is in these servers now."""
    now = journal._clock()
    with journal._writing():
        for guild in guilds:
            journal._db.execute(
                "INSERT INTO guilds (guild, settings, at, seen) VALUES (?, '', 0, ?) "
                "ON CONFLICT (guild) DO UPDATE SET seen = excluded.seen",
                (journal._hash("guild", guild), now),
            )


def forget_left_guilds(journal: Journal, days: float) -> Forgotten:
    """Erase everything of the servers that Moyou was last in more than `days` days ago.

    Every journal does so by itself, and of what a union brings back it erases what is as old again; no
    other journal is made to erase it. For a copy on a machine whose shards have other servers, which
    nobody brings up to date, every server of the other machines looks left.
    """
    latest = journal._clock() - days * DAY
    which = "(SELECT guild FROM guilds WHERE seen < :latest)"
    return _forget(journal, which, {"latest": latest}, in_unions=False)


def forget_guild(journal: Journal, guild: str) -> Forgotten:
    """Erase everything of one server: replies, judgements of them, words, its moderators' decisions."""
    return _forget(journal, "(:guild)", {"guild": journal._hash("guild", guild)}, in_unions=True)


def _forget(journal: Journal, which: str, values: dict[str, Any], *, in_unions: bool) -> Forgotten:
    there = f"(SELECT number FROM places WHERE guild IN {which} AND guild <> '')"
    theirs = f"(SELECT number FROM replies WHERE place IN {there})"
    with journal._writing():
        run = journal._db.execute
        if in_unions:
            run(
                f"INSERT OR IGNORE INTO erased SELECT id FROM replies WHERE number IN {theirs} "
                f"UNION SELECT id FROM judgements WHERE generation IN {theirs}",
                values,
            )
        facts = run(f"DELETE FROM judgements WHERE generation IN {theirs}", values).rowcount
        run(f"DELETE FROM sent WHERE generation IN {theirs}", values)
        run(
            f"DELETE FROM words WHERE generation IN (SELECT id FROM replies WHERE number IN {theirs})", values
        )
        for table in ("tastes", "taste_resets"):
            run(
                f"DELETE FROM {table} WHERE channel IN (SELECT channel FROM places WHERE number IN {there})",
                values,
            )
        generations = run(f"DELETE FROM replies WHERE number IN {theirs}", values).rowcount
        for table in ("left_out", "digests", "cells"):
            run(f"DELETE FROM {table} WHERE guild IN {which}", values)
        gone = run(f"DELETE FROM guilds WHERE guild IN {which}", values).rowcount
        if generations or facts:
            row = {"at": journal._clock(), "generations": generations, "facts": facts, "why": "server"}
            journal._db.table("deletions").insert(row)
    if gone or generations:
        journal._empty_log()
    return Forgotten(generations, facts)


def answers_since(journal: Journal, person: str, guild: str, since: float) -> int:
    """How many replies this person got in a server since then."""
    row = journal._row(
        "SELECT count(*) FROM generations WHERE person = ? AND guild = ? AND at >= ?",
        (journal._hash("person", person), journal._hash("guild", guild), since),
    )
    return 0 if row is None else int(row[0])


def places_by_channel(journal: Journal) -> Iterator[tuple[str, str]]:
    """Every channel as a hash, "" for none, and the numbers of its places, for SQL: what is read a channel at
    a time needs memory for one."""
    rows = journal._db.execute("SELECT channel, group_concat(number) FROM places GROUP BY channel").fetchall()
    yield from rows


def spoke_in(journal: Journal, channels: Collection[str], since: float) -> frozenset[str]:
    """Those of the channels that a reply was written in since then."""
    rows = journal._db.execute("SELECT DISTINCT channel FROM generations WHERE at >= ?", (since,))
    spoken = {row[0] for row in rows}
    return frozenset(each for each in channels if journal._hash("channel", each) in spoken)


def sent_in(journal: Journal, channel: str, after: int, before: int) -> tuple[int, ...]:
    """Ids of the messages that replies in a channel were sent as, between two ids."""
    rows = journal._db.execute(
        "SELECT sent.id FROM places JOIN replies ON place = places.number "
        "JOIN sent ON generation = replies.number WHERE channel = ? AND sent.id > ? AND sent.id < ?",
        (journal._hash("channel", channel), after, before),
    )
    return tuple(row[0] for row in rows)


def sent_as(journal: Journal, generation: str) -> tuple[int, ...]:
    """Ids of the messages that a reply was sent as, oldest first; those that are no numbers are not
    Discord's."""
    rows = journal._db.execute(
        "SELECT sent.id FROM replies JOIN sent ON generation = number WHERE replies.id = ? "
        "AND typeof(sent.id) = 'integer' ORDER BY sent.id",
        (generation,),
    )
    return tuple(row[0] for row in rows)


def message_gone(journal: Journal, message_id: int, at: float | None = None) -> bool:
    """A message of a reply was deleted: the reply was sent as the others, and with the last of them all that
    people thought of it is withdrawn. Whether others are left."""
    generation = journal.generation_of(message_id)
    if generation is None:
        return False
    left = set(sent_as(journal, generation)) - {message_id}
    if not left:  # first, so that what is cut off here is found again
        journal.clear_all(generation, at)
    journal._write("DELETE FROM sent WHERE id = ?", (message_id,))
    return bool(left)


def react_once(journal: Journal, fact: Fact) -> bool:
    """As Journal.react, but what stands already is not written again, nor is what is taken back taken back
    again: Discord may tell of a reaction twice, by an event and by what a message shows after a gap.
    What is not kept because its person wants nothing kept is not counted later either."""
    with journal._writing():  # another process may have been told as well
        row = journal._row(
            "SELECT withdrawn FROM facts WHERE generation = ? AND person = ? AND kind = ? AND label = ? "
            "ORDER BY sequence DESC LIMIT 1",
            (fact.generation, journal._hash("person", fact.person), fact.kind, fact.label),
        )
        stands = row is not None and not row[0]
        if fact.withdrawn != stands:
            return False
        if not fact.withdrawn:
            close_to_refusal(journal._db, fact.generation, journal._hash("person", fact.person))
        return journal.react(fact)


def standing_reactions(journal: Journal, generation: str) -> frozenset[str]:
    """The emoji of the reactions that stand about a reply."""
    rows = journal._db.execute(
        "SELECT DISTINCT label FROM (SELECT max(sequence), label, withdrawn FROM facts "
        "WHERE generation = ? AND kind = 'reaction' GROUP BY person, label) WHERE withdrawn = 0",
        (generation,),
    )
    return frozenset(row[0] for row in rows)


def settle_reactions(
    journal: Journal, generation: str, shown: Mapping[str, Collection[str]], values: Mapping[str, float]
) -> int:
    """Make the reactions that stand what a reply's messages show; how many facts that took.

    `shown`: for each emoji the people under it, under any of the messages: a part of a reply that was not
    read would take back what stands there. `values`: what each emoji is worth now. What stands already
    keeps its value, and an emoji that is worth nothing now counts no more people. Of somebody who wants
    nothing kept nothing is added, nor what they may have done while they wanted that; what stands from
    before stays while it is shown. To a reply that is closed (`engine.journal_closed`) nothing is added.
    """
    at = journal._clock()
    there = {(journal._hash("person", person), emoji) for emoji, people in shown.items() for person in people}
    count = 0
    while True:
        with journal._writing():  # anew each time: another process may have been told in between
            changes = list(islice(_unsettled(journal, generation, there, values), AT_ONCE))
            for person, label, withdrawn in changes:
                value = 0.0 if withdrawn else values[label]
                journal._append(generation, person, "reaction", label, value, at, withdrawn=withdrawn)
        count += len(changes)
        if len(changes) < AT_ONCE:
            return count


def _unsettled(
    journal: Journal, generation: str, there: Set[tuple[str, str]], values: Mapping[str, float]
) -> Iterator[tuple[str, str, bool]]:
    """What is not yet as shown: whose (a hash), which emoji, whether it is to be taken back. `there`: people
    (hashes) and emoji that are shown."""
    if journal._row("SELECT 1 FROM replies WHERE id = ?", (generation,)) is None:
        return
    rows = journal._db.execute(
        "SELECT person, label FROM (SELECT max(sequence), person, label, withdrawn FROM facts "
        "WHERE generation = ? AND kind = 'reaction' GROUP BY person, label) WHERE withdrawn = 0",
        (generation,),
    )
    standing = {(person, label) for person, label in rows}
    for person, label in sorted(standing - there):
        yield person, label, True
    came = sorted(each for each in there - standing if each[1] in values)
    for person, label in came if not is_closed(journal._db, generation) else ():
        if may_be_added(journal._db, generation, person):
            yield person, label, False
    for person, _ in came:  # last: what others did until now counts
        close_to_refusal(journal._db, generation, person)


def told(journal: Journal, name: str) -> str:
    """What Moyou last told Discord under this name, "" when nothing."""
    row = journal._row("SELECT value FROM told WHERE name = ?", (name,))
    return "" if row is None else str(row[0])


def set_told(journal: Journal, name: str, value: str) -> None:
    journal._write("INSERT OR REPLACE INTO told (name, value) VALUES (?, ?)", (name, value))
