"""engine/guild_settings.py: what the moderators' decisions mean for a channel, a time and a text."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    BLOCKED_WORD,
    BLOCKED_WORDS,
    DAILY,
    DIGEST_DAYS,
    USUAL_EMOJI,
    GuildSettings,
    blocked_words_in,
)

MINUTES = st.integers(0, 24 * 60 - 1)


def at(hour: int, minute: int = 0) -> float:
    return datetime.datetime(2026, 11, 27, hour, minute, tzinfo=datetime.UTC).timestamp()


def test_a_server_that_decided_nothing_allows_everything() -> None:
    settings = GuildSettings()
    assert settings.may_speak("1")
    assert not settings.is_home("1")
    assert not settings.is_quiet(at(3))
    assert settings.blocked_in("anything") == ""


def test_it_speaks_where_it_may_in_threads_there_and_at_home() -> None:
    settings = GuildSettings(channels=("1", "2"), home_channels=("3",))
    assert settings.may_speak("1")
    assert settings.may_speak("9", "2")  # a thread of 2
    assert settings.may_speak("3")
    assert not settings.may_speak("4")
    assert settings.is_home("9", "3")
    assert not settings.is_home("1")


@pytest.mark.parametrize(
    ("since", "until", "offset", "quiet", "awake"),
    [
        (60, 120, 0, at(1, 30), at(2)),
        (23 * 60, 7 * 60, 0, at(23), at(7)),
        (23 * 60, 7 * 60, 0, at(2), at(22, 59)),
        (23 * 60, 7 * 60, 8 * 60, at(16), at(23, 30)),
        (22 * 60, 23 * 60, -9 * 60 - 30, at(8), at(22, 30)),
    ],
)
def test_quiet_hours(since: int, until: int, offset: int, quiet: float, awake: float) -> None:
    settings = GuildSettings(quiet_from=since, quiet_until=until, utc_offset=offset)
    assert settings.is_quiet(quiet)
    assert not settings.is_quiet(awake)


@given(MINUTES, MINUTES, st.integers(-720, 840), st.integers(0, 4_000_000_000))
def test_the_quiet_minutes_of_a_day_are_as_many_as_were_asked_for(
    since: int, until: int, offset: int, now: int
) -> None:
    settings = GuildSettings(quiet_from=since, quiet_until=until, utc_offset=offset)
    quiet = sum(settings.is_quiet(now + 60 * minute) for minute in range(24 * 60))
    assert quiet == (until - since) % (24 * 60)


@given(st.integers(-720, 840), st.integers(1_000_000, 4_000_000_000))
def test_a_day_begins_at_midnight_of_the_server_at_most_a_day_ago(offset: int, now: int) -> None:
    began = GuildSettings(utc_offset=offset).day_began(now)
    assert 0 <= now - began < 86_400
    assert (began + offset * 60) % 86_400 == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("what the HECK is this", "heck"),
        ("check this", ""),
        ("h\u200beck!", "heck"),
        ("ｈｅｃｋ", "heck"),
        ("一句髒話。", "脏话"),
        ("说脏话不好", "脏话"),
        ("bad   phrase", "bad phrase"),
        ("nothing of it", ""),
        ("c++ is fine", "c++"),
        ("He\u0301ck", ""),
    ],
)
def test_a_blocked_word_is_found_in_its_disguises_and_not_within_another_word(text: str, found: str) -> None:
    settings = GuildSettings(blocked_words=("heck", "脏话", "bad phrase", "c++"))
    assert settings.blocked_in(text) == found


@given(st.lists(st.text(min_size=1), max_size=5), st.text())
def test_any_words_can_be_blocked_and_are_found_where_they_stand_alone(typed: list[str], text: str) -> None:
    settings = GuildSettings(blocked_words=blocked_words_in("\n".join(typed)))
    settings.blocked_in(text)
    for word in settings.blocked_words:
        assert settings.blocked_in(f"。 {word} 。")


def test_what_a_moderator_types_becomes_words() -> None:
    assert blocked_words_in(" one\ntwo words，三、four\n\n one ,\u200b") == ("one", "two words", "三", "four")
    many = blocked_words_in("\n".join(f"{number}x" + "y" * 99 for number in range(999)))
    assert len(many) == BLOCKED_WORDS
    assert max(map(len, many)) == BLOCKED_WORD


@given(
    st.builds(
        GuildSettings,
        channels=st.lists(st.text()).map(tuple),
        home_channels=st.lists(st.text()).map(tuple),
        blocked_words=st.lists(st.text()).map(tuple),
        digest_channels=st.lists(st.text()).map(tuple),
        summaries=st.booleans(),
        daily_limit=st.integers(0, 999),
        quiet_from=MINUTES,
        emoji=st.lists(st.tuples(st.text(), st.floats(-1, 1))).map(tuple),
    )
)
def test_they_survive_being_stored(settings: GuildSettings) -> None:
    assert GuildSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("digest", "minute", "offset", "now", "due"),
    [
        ("daily", 540, 0, at(9), at(9)),
        ("daily", 540, 0, at(8, 59), at(9) - 86_400),
        ("daily", 540, 480, at(1), at(1)),  # nine in Beijing
        ("daily", 0, -210, at(3, 29), at(3, 30) - 86_400),
        ("4", 540, 0, at(12), at(9)),  # 27 November 2026 is a Friday
        ("4", 540, 0, at(8), at(9) - 7 * 86_400),
        ("3", 540, 0, at(12), at(9) - 86_400),
        ("6", 540, 0, at(12), at(9) - 5 * 86_400),
    ],
)
def test_when_a_digest_was_due(digest: str, minute: int, offset: int, now: float, due: float) -> None:
    settings = GuildSettings(digest=digest, digest_at=minute, utc_offset=offset)
    assert settings.digest_due(now) == due


@given(st.sampled_from(DIGEST_DAYS), MINUTES, st.integers(-720, 840), st.integers(1_000_000, 4_000_000_000))
def test_of_each_period_one_digest_is_due_at_the_hour_of_the_server(
    digest: str, minute: int, offset: int, now: int
) -> None:
    settings = GuildSettings(digest=digest, digest_at=minute, utc_offset=offset)
    due = settings.digest_due(now)
    assert 0 <= now - due < settings.digest_period
    assert settings.digest_due(due) == due
    assert settings.digest_due(due - 1) == due - settings.digest_period
    local = datetime.datetime.fromtimestamp(due + offset * 60, datetime.UTC)
    assert local.hour * 60 + local.minute == minute
    assert digest in (DAILY, str(local.weekday()))


def test_a_digest_needs_all_it_is_made_of() -> None:
    whole = GuildSettings(digest="daily", digest_channels=("1",), digest_to="2")
    assert whole.has_digest
    for lack in ({"digest": ""}, {"digest_channels": ()}, {"digest_to": ""}, {"summaries": False}):
        assert not dataclasses.replace(whole, **lack).has_digest


def test_a_name_that_came_later_is_passed_over() -> None:
    text = dataclasses.replace(GuildSettings(), tone="steady").to_json().replace("{", '{"later": 1, ', 1)
    assert GuildSettings.from_json(text).tone == "steady"


def test_what_was_stored_before_there_were_emoji_has_the_usual_ones() -> None:
    older = GuildSettings.from_json('{"tone": "steady", "channels": ["1"]}')
    assert older.emoji == USUAL_EMOJI
    assert older.worth == {"👍": 1.0, "👎": -1.0}


def test_an_emoji_worth_nothing_judges_nothing() -> None:
    settings = GuildSettings(emoji=(("❤️", 0.5), ("👎🏽", 0.0), ("<:meh:123456789012345678>", -1.0)))
    assert settings.worth == {"❤": 0.5, "123456789012345678": -1.0}
