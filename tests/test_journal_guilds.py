"""engine/journal_guilds.py: a server's decisions, its end 30 days after Moyou left, missed reactions."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine import (
    Fact,
    Forgotten,
    GuildSettings,
    Journal,
    Place,
    Request,
    answers_since,
    forget_guild,
    forget_left_guilds,
    guild_settings,
    message_gone,
    note_guilds,
    react_once,
    sent_as,
    sent_in,
    set_guild_settings,
    set_told,
    settle_reactions,
    spoke_in,
    standing_reactions,
    told,
)
from engine.journal_guilds import AT_ONCE, DAY
from tests.replies import reply

HOME, OTHER = Place("discord", "100", "1"), Place("discord", "200", "2")
VALUES = {"👍": 1.0, "👎": -1.0}
DECIDED = GuildSettings(
    channels=("1", "2"),
    home_channels=("3",),
    report_channel="2",
    blocked_words=("脏话",),
    quiet_from=60,
    daily_limit=5,
    digest="4",
    digest_channels=("1", "3"),
    digest_to="2",
)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with Journal(tmp_path / "j.db", clock=clock) as opened:
        yield opened


def test_a_server_decides_and_its_ids_are_nowhere_in_the_file(journal: Journal) -> None:
    guild, channel = "123456789012345678", "876543210987654321"
    decided = dataclasses.replace(
        DECIDED, channels=(channel,), report_channel=channel, digest_channels=(channel,), digest_to=channel
    )
    assert guild_settings(journal, guild, []) == GuildSettings()
    set_guild_settings(journal, guild, decided)
    assert guild_settings(journal, guild, [channel, "3", "4"]) == decided
    assert guild_settings(journal, "200", [channel, "3"]) == GuildSettings()
    journal._empty_log()
    content = journal.path.read_bytes()
    assert guild.encode() not in content
    assert channel.encode() not in content
    # a later Moyou knows them as well
    with Journal(journal.path) as again:
        assert guild_settings(again, guild, [channel, "3"]) == decided


def test_a_channel_that_is_gone_is_no_home_and_opens_no_other(journal: Journal) -> None:
    set_guild_settings(journal, "100", DECIDED)
    left = guild_settings(journal, "100", ["7"])
    assert (left.home_channels, left.report_channel) == ((), "")
    assert (left.digest_channels, left.digest_to) == ((), "")
    assert not left.may_speak("7")
    # and what is kept once more is the same
    set_guild_settings(journal, "100", left)
    assert guild_settings(journal, "100", ["1", "2", "3"]).channels == ("1", "2")


def fill(journal: Journal, place: Place, name: str) -> None:
    assert journal.record(Request("chat", "words"), reply(name), "p", place)
    journal.attach(name, f"m-{name}")
    assert journal.react(Fact(name, "q", "reaction", 1.0, "👍"))


def test_what_belongs_to_a_server_goes_thirty_days_after_it_was_left(journal: Journal, clock: Clock) -> None:
    for place, name in ((HOME, "a"), (OTHER, "b"), (Place("discord", "", "9"), "direct")):
        fill(journal, place, name)
    set_guild_settings(journal, "100", DECIDED)
    note_guilds(journal, ["100", "200"])
    clock.now += 20 * DAY
    note_guilds(journal, ["200"])
    assert forget_left_guilds(journal, 30) == Forgotten(0, 0)
    clock.now += 10.5 * DAY
    assert forget_left_guilds(journal, 30) == Forgotten(1, 1)
    assert journal.reply("a") is None
    assert journal.generation_of("m-a") is None
    assert guild_settings(journal, "100", ["1", "2", "3"]) == GuildSettings()
    assert journal.reply("b") is not None
    assert journal.reply("direct") is not None
    assert [signal.generation for signal in journal.signals()] == ["b", "direct"]
    assert forget_left_guilds(journal, 30) == Forgotten(0, 0)


def test_a_server_that_takes_it_back_in_time_loses_nothing(journal: Journal, clock: Clock) -> None:
    fill(journal, HOME, "a")
    set_guild_settings(journal, "100", DECIDED)
    clock.now += 29 * DAY
    note_guilds(journal, ["100"])
    clock.now += 29 * DAY
    assert forget_left_guilds(journal, 30) == Forgotten(0, 0)
    assert guild_settings(journal, "100", ["1", "2", "3"]) == DECIDED


def test_one_server_can_be_forgotten_at_once(journal: Journal) -> None:
    fill(journal, HOME, "a")
    fill(journal, OTHER, "b")
    assert forget_guild(journal, "100") == Forgotten(1, 1)
    assert forget_guild(journal, "") == Forgotten(0, 0)
    assert journal.reply("b") is not None


def test_where_replies_were_sent_is_known_by_channel(journal: Journal) -> None:
    for number, place in enumerate((HOME, HOME, OTHER), start=1):
        journal.record(Request("chat", "x"), reply(f"g{number}"), "p", place)
        journal.attach(f"g{number}", number * 10**18)
    assert sorted(sent_in(journal, "1", 0, 2**63 - 1)) == [10**18, 2 * 10**18]
    assert sent_in(journal, "1", 10**18, 2 * 10**18 + 1) == (2 * 10**18,)
    assert sent_in(journal, "2", 0, 3 * 10**18) == ()


def test_answers_are_counted_by_person_and_server(journal: Journal, clock: Clock) -> None:
    fill(journal, HOME, "a")
    clock.now += 100
    fill(journal, HOME, "b")
    fill(journal, OTHER, "c")
    assert answers_since(journal, "p", "100", 0) == 2
    assert answers_since(journal, "p", "100", clock.now) == 1
    assert answers_since(journal, "q", "100", 0) == 0
    assert spoke_in(journal, ["1", "2", "3"], 0) == {"1", "2"}
    assert spoke_in(journal, ["1", "2"], clock.now + 1) == frozenset()


def test_missed_reactions_are_made_up_for_once(journal: Journal) -> None:
    fill(journal, HOME, "a")
    journal.set_keep("silent", False)
    shown = {"👍": ["q", "r", "silent"], "👎": ["s"]}
    assert settle_reactions(journal, "a", shown, VALUES) == 2
    assert settle_reactions(journal, "a", shown, VALUES) == 0
    assert sorted(signal.value for signal in journal.signals()) == [-1.0, 1.0, 1.0]
    assert settle_reactions(journal, "a", {"👍": ["r"]}, VALUES) == 2
    assert [signal.value for signal in journal.signals()] == [1.0]
    assert settle_reactions(journal, "unknown", shown, VALUES) == 0


def test_a_changed_table_counts_for_what_comes_after(journal: Journal) -> None:
    fill(journal, HOME, "a")
    assert standing_reactions(journal, "a") == {"👍"}
    # q's 👍 keeps its value, r's counts as things are now, s comes too late for ⭐
    now = {"👍": 0.5, "❤": 1.0}
    assert settle_reactions(journal, "a", {"👍": ["q", "r"], "⭐": ["s"]}, now) == 1
    assert sorted(signal.value for signal in journal.signals()) == [0.5, 1.0]
    # what stands goes when it is gone, whatever it is worth now
    assert settle_reactions(journal, "a", {"👍": ["r"]}, {}) == 1
    assert settle_reactions(journal, "a", {"👍": ["r", "t"]}, {}) == 0
    assert [signal.value for signal in journal.signals()] == [0.5]
    assert settle_reactions(journal, "a", {}, {}) == 1
    assert standing_reactions(journal, "a") == frozenset()


def test_reactions_that_are_made_up_for_leave_buttons_alone(journal: Journal) -> None:
    fill(journal, HOME, "a")
    assert journal.react(Fact("a", "q", "button", -1.0, "buttons"))
    settle_reactions(journal, "a", {}, VALUES)
    assert [(signal.kind, signal.value) for signal in journal.signals()] == [("button", -1.0)]


def test_a_reaction_that_stands_is_not_written_twice(journal: Journal) -> None:
    fill(journal, HOME, "a")
    up = Fact("a", "q", "reaction", 1.0, "👍")
    assert not react_once(journal, up)
    assert react_once(journal, dataclasses.replace(up, withdrawn=True))
    assert react_once(journal, up)
    assert not react_once(journal, up)
    assert not react_once(journal, dataclasses.replace(up, person="r", withdrawn=True))
    assert react_once(journal, dataclasses.replace(up, withdrawn=True))
    assert not react_once(journal, dataclasses.replace(up, withdrawn=True))
    assert count_facts(journal) == 4


def count_facts(journal: Journal) -> int:
    return int(journal._db.execute("SELECT count(*) FROM facts").fetchone()[0])


def test_two_processes_that_are_told_of_one_reaction_write_it_once(journal: Journal) -> None:
    fill(journal, HOME, "a")
    down = Fact("a", "q", "reaction", -1.0, "👎")

    with ThreadPoolExecutor(1) as other_process:
        other = other_process.submit(Journal, journal.path).result(30)
        with journal._writing():
            journal.react(down)
            told = other_process.submit(react_once, other, down)
            time.sleep(0.2)  # it looks, or waits to look
        assert not told.result(30)
        other_process.submit(other.close).result(30)
    assert count_facts(journal) == 2


def test_a_reply_loses_its_messages_one_by_one_and_with_the_last_what_people_thought_of_it(
    journal: Journal,
) -> None:
    journal.record(Request("chat", "words"), reply("a"), "p", HOME)
    assert sent_as(journal, "a") == ()
    for message in (3 * 10**18, 10**18, 2 * 10**18):
        journal.attach("a", message)
    for person, kind in (("q", "reaction"), ("r", "button"), ("s", "review")):
        assert journal.react(Fact("a", person, kind, 1.0, "👍"))
    assert sent_as(journal, "a") == (10**18, 2 * 10**18, 3 * 10**18)
    assert not message_gone(journal, 4 * 10**18)
    assert message_gone(journal, 2 * 10**18)
    assert not message_gone(journal, 2 * 10**18), "of no reply any more"
    assert message_gone(journal, 10**18)
    assert sent_as(journal, "a") == (3 * 10**18,)
    assert len(list(journal.signals())) == 3
    assert not message_gone(journal, 3 * 10**18)
    assert list(journal.signals()) == []
    assert journal.generation_of(3 * 10**18) is None
    assert journal.reply("a") is not None


def test_who_wants_nothing_more_kept_keeps_what_they_judged_before(journal: Journal) -> None:
    fill(journal, HOME, "a")
    journal.set_keep("q", False)
    assert settle_reactions(journal, "a", {"👍": ["q"], "👎": ["q"]}, VALUES) == 0
    assert [signal.value for signal in journal.signals()] == [1.0]
    assert settle_reactions(journal, "a", {}, VALUES) == 1
    assert list(journal.signals()) == []


def test_what_discord_was_told_is_remembered(journal: Journal) -> None:
    assert told(journal, "commands") == ""
    set_told(journal, "commands", "a")
    set_told(journal, "commands", "b")
    assert told(journal, "commands") == "b"


def test_of_who_is_forgotten_a_recount_brings_nothing_back(journal: Journal, clock: Clock) -> None:
    fill(journal, HOME, "a")
    fill(journal, HOME, "b")
    journal.react(Fact("a", "r", "button", 1.0, "buttons"))
    journal.react(Fact("b", "r", "reaction", 1.0, "👍"))
    journal.react(Fact("b", "r", "reaction", 1.0, "👍", withdrawn=True))
    fill(journal, HOME, "c")
    journal.forget("r")
    shown = {"👍": ["q", "r", "s"]}
    for closed in "ab":
        assert settle_reactions(journal, closed, shown, VALUES) == 0
        assert settle_reactions(journal, closed, {"👍": ["r"]}, VALUES) == 1, "q's is taken back"
        assert react_once(journal, Fact(closed, "r", "reaction", 1.0, "👍")), "a new act"
    assert settle_reactions(journal, "c", shown, VALUES) == 0, "r's may be there, of which nobody told"
    clock.now += 60
    fill(journal, HOME, "d")
    assert settle_reactions(journal, "d", shown, VALUES) == 2, "a reply from after that"
    who = {journal._hash("person", person) for person in "r"}
    assert {signal.person for signal in journal.signals() if signal.generation in ("a", "b")} == who
    assert closed_replies(journal) == 2
    journal.forget("p")
    assert closed_replies(journal) == 0, "it goes with its reply"


def closed_replies(journal: Journal) -> int:
    return int(journal._db.execute("SELECT count(*) FROM closed").fetchone()[0])


@pytest.mark.parametrize("live", [True, False])
def test_what_somebody_does_while_they_want_nothing_kept_is_not_counted_later(
    journal: Journal, clock: Clock, live: bool
) -> None:
    fill(journal, HOME, "a")
    fill(journal, HOME, "b")
    journal.set_keep("r", False)
    if live:
        assert not react_once(journal, Fact("a", "r", "reaction", 1.0, "👍"))
    else:
        assert settle_reactions(journal, "a", {"👍": ["q", "r", "s"]}, VALUES) == 1
    clock.now += 60
    journal.set_keep("r", True)
    assert settle_reactions(journal, "b", {"👍": ["q", "r", "s"]}, VALUES) == 1, "they alone are left out"
    clock.now += 60
    fill(journal, HOME, "c")
    assert settle_reactions(journal, "c", {"👍": ["q", "r"]}, VALUES) == 1
    journal.forget("r")  # with it goes since when they let be kept again
    assert settle_reactions(journal, "a", {"👍": ["q", "r", "s"]}, VALUES) == 0


def test_a_recount_of_many_people_is_written_in_pieces(journal: Journal) -> None:
    fill(journal, HOME, "a")
    many = [str(number) for number in range(2 * AT_ONCE)]
    began: list[str] = []
    journal._db.conn.set_trace_callback(lambda sql: began.append(sql) if sql.startswith("BEGIN") else None)
    assert settle_reactions(journal, "a", {"👍": many}, VALUES) == 2 * AT_ONCE + 1
    assert len(began) == 3
    assert len(list(journal.signals())) == 2 * AT_ONCE
    assert settle_reactions(journal, "a", {"👍": many}, VALUES) == 0
