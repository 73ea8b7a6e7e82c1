"""bot/digest.py against SimCord: once a period, at its hour, of what all there may read; or a sentence."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.client import MoyouClient
from bot.digest import Digests
from bot.settings import Settings
from engine import Journal, JournalThread, claim_digest, leave_out
from engine.journal_summaries import LOST
from tests.discord_world import World, world

READING = Settings(message_content=True, member_pace=0, guild_pace=0)
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is looked at when a test says so."""
    monkeypatch.setattr("bot.digest.EVERY", 100 * DAY)


class Place:
    """A world with a digest of `channel` in `board`, due in an hour by the world's clock."""

    def __init__(self, w: World, board: Any) -> None:
        self.w, self.board = w, board
        w.bot.guild_settings._clock = lambda: self.now

    @property
    def now(self) -> float:
        return float(self.w.env.now().timestamp())

    async def decide(self, **changes: Any) -> None:
        hour = datetime.datetime.fromtimestamp(self.now + HOUR, datetime.UTC)
        usual = {
            "digest": "daily",
            "digest_at": hour.hour * 60 + hour.minute,
            "digest_channels": (str(self.w.channel.id),),
            "digest_to": str(self.board.id),
        }
        await self.w.bot.guild_settings.change(self.w.guild.id, **usual | changes)

    async def pass_(self, seconds: float) -> None:
        await self.w.env.advance_time(seconds)

    async def look(self) -> list[str]:
        """What stands on the board after a look at the clock."""
        await self.w.bot.digests.look()
        return self.told()

    def told(self) -> list[str]:
        return [message.content for message in self.w.sent(self.board)]

    async def talk(self) -> None:
        await self.w.alice.send(self.w.channel, "周六去爬山怎么样")
        await self.w.bob.send(self.w.channel, "好啊，早上七点在南门集合")


@asynccontextmanager
async def digesting(path: Path, settings: Settings = READING, **changes: Any) -> AsyncIterator[Place]:
    async with world(path, settings=settings) as w:
        place = Place(w, w.guild.create_text_channel("公告"))
        await place.decide(**changes)
        yield place


async def test_it_comes_once_at_its_hour_and_tells_of_the_time_since_the_last(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        assert await place.look() == [], "what was due before the decision is not made up for"
        await place.pass_(HOUR + 60)
        await place.w.bob.send(place.w.channel, "集合之后才说的话")
        [told] = await place.look()
        assert place.w.channel.mention in told
        assert "周六去爬山怎么样" in told
        assert f"/{place.w.channel.id}/" in told
        assert "集合之后" not in told
        assert "only you" not in told
        assert await place.look() == [told]
        await place.pass_(DAY - 120)
        assert await place.look() == [told]
        await place.pass_(120)
        [_, second] = await place.look()
        assert "集合之后才说的话" in second
        assert "爬山" not in second


async def test_it_comes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.digest.EVERY", 600.0)
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.pass_(HOUR - 60)
        assert place.told() == []
        await place.pass_(660)
        assert len(place.told()) == 1


async def test_what_was_missed_comes_late_and_once(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.pass_(HOUR)
        await place.talk()
        # away for two days and a bit
        await place.pass_(2 * DAY + HOUR)
        await place.w.alice.send(place.w.channel, "明天也去爬山吗")
        [told] = await place.look()
        assert "周六去爬山怎么样" in told
        assert "明天" not in told
        await place.look()
        assert len(place.told()) == 1


async def test_a_weekly_digest_comes_on_its_day(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        day = datetime.datetime.fromtimestamp(place.now + 2 * DAY, datetime.UTC).weekday()
        await place.decide(digest=str(day))
        await place.talk()
        for days in range(9):
            await place.look()
            assert len(place.told()) == (1 if days > 2 else 0), days
            await place.pass_(DAY)


async def test_two_processes_write_it_once(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.pass_(HOUR + 60)
        w = place.w
        async with JournalThread(w.journal.path) as journal:
            other = Digests(w.bot, type(w.bot.answering)(w.engine, journal, READING), w.bot.guild_settings)
            for digests in (w.bot.digests, other, w.bot.digests):
                await digests.look()
        assert len(place.told()) == 1


async def test_after_a_restart_it_is_still_decided_and_not_written_again(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.pass_(HOUR + 60)
        await place.look()
        for late in (0.0, DAY):
            await place.pass_(late)
            await place.talk()
            bot = MoyouClient(place.w.engine, place.w.journal, READING, shard_count=1)
            bot.guild_settings._clock = place.w.bot.guild_settings._clock
            await place.w.env.restart_bot(bot)
            await bot.digests.look()
            assert len(place.told()) == (2 if late else 1)


async def test_what_a_process_wrote_before_it_died_is_not_written_again(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.pass_(HOUR + 60)
        [told] = await place.look()
        guild = str(place.w.guild.id)
        due = (await place.w.bot.guild_settings.of(place.w.guild.id)).digest_due(place.now)

        def died(journal: Journal) -> None:
            """The process that took it never said that it was sent."""
            values = (due - int(DAY), LOST)
            journal._write("UPDATE digests SET sent = 0, previous = ?, claimed = claimed - ?", values)

        await place.w.journal(died)
        assert await place.look() == [told]
        assert await place.w.journal(claim_digest, guild, due) is None
        # it died before it wrote
        await place.w.journal(died)
        place.w.env.backend.messages[place.board.id].clear()
        assert await place.look() == [told]


async def test_in_quiet_hours_it_waits(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        minute = int(place.now // 60) % 1440
        await place.w.bot.guild_settings.change(
            place.w.guild.id, quiet_from=minute, quiet_until=(minute + 180) % 1440
        )
        await place.pass_(HOUR + 60)
        assert await place.look() == []
        await place.pass_(2 * HOUR)
        assert len(await place.look()) == 1


async def test_idle_chatter_and_silence(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.pass_(HOUR)
        assert await place.look() == [], "nobody wrote anything"
        await place.w.alice.send(place.w.channel, "嗯")
        await place.pass_(DAY)
        [told] = await place.look()
        assert "Nothing much happened" in told


async def test_it_speaks_the_servers_language_or_that_of_what_was_said(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        for number, (language, head) in enumerate([("", "摘要"), ("en", "Digest of"), ("zh-TW", "讀了")], 1):
            await place.w.bot.guild_settings.change(place.w.guild.id, language=language)
            await place.talk()
            await place.pass_(DAY)
            told = await place.look()
            assert len(told) == number
            assert head in told[-1]


async def test_blocked_words_and_members_are_left_out(tmp_path: Path) -> None:
    async with digesting(tmp_path, blocked_words=("脏话",)) as place:
        await place.talk()
        await place.w.alice.send(place.w.channel, "这是一句脏话没错")
        await place.w.journal(leave_out, str(place.w.guild.id), [str(place.w.bob.id)], True)
        await place.pass_(HOUR)
        [told] = await place.look()
        assert "爬山" in told
        assert "脏话" not in told
        assert "集合" not in told


async def test_without_the_intent_it_says_so_and_not_again_and_again(tmp_path: Path) -> None:
    async with digesting(tmp_path, Settings(member_pace=0, guild_pace=0)) as place:
        await place.pass_(HOUR)
        [told] = await place.look()
        assert "Message Content intent" in told
        await place.pass_(DAY)
        assert await place.look() == [told]
        await place.w.alice.send(place.board, "怎么没有摘要")
        await place.pass_(DAY)
        assert await place.look() == [told, told]
        assert place.w.engine.summarized == []


def me(w: World) -> discord.Member:
    guild = w.bot.get_guild(w.guild.id)
    assert guild is not None
    return guild.me


@pytest.mark.parametrize(
    ("who", "rights", "said"),
    [
        ("me", {"read_message_history": False}, "I may not read the history"),
        ("everyone", {"view_channel": False}, "Not everybody who would see"),
        ("everyone", {"read_message_history": False}, "Not everybody who would see"),
    ],
)
async def test_what_may_not_be_read_is_not_told(
    tmp_path: Path, who: str, rights: dict[str, bool], said: str
) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        channel = place.w.bot.get_channel(place.w.channel.id)
        await channel.set_permissions(me(place.w), view_channel=True, read_message_history=True)
        target = me(place.w) if who == "me" else channel.guild.default_role
        await channel.set_permissions(target, **{"view_channel": True, **rights})
        await place.pass_(HOUR)
        [told] = await place.look()
        assert said in told
        assert place.w.engine.summarized == []


async def test_where_it_may_not_write_the_moderators_channel_hears_of_it(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.w.bot.get_channel(place.board.id).set_permissions(me(place.w), send_messages=False)
        await place.pass_(HOUR)
        assert await place.look() == []
        await place.w.bot.guild_settings.change(place.w.guild.id, report_channel=str(place.w.channel.id))
        await place.pass_(DAY)
        assert await place.look() == []
        [told] = place.w.sent()
        assert f"I may not write in {place.board.mention}" in told.content


async def test_a_channel_that_is_gone_ends_it_and_summaries_that_are_off_too(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.w.bot.guild_settings.change(place.w.guild.id, summaries=False)
        await place.pass_(HOUR)
        assert await place.look() == []
        await place.w.bot.guild_settings.change(place.w.guild.id, summaries=True)
        await place.w.bot.get_channel(place.board.id).delete()
        await place.pass_(DAY)
        await place.w.bot.digests.look()
        assert place.w.engine.summarized == []


async def test_what_goes_wrong_is_tried_again_and_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.pass_(HOUR)
        place.w.engine.fail = RuntimeError("a member's words")
        assert await place.look() == []
        assert "a member's words" not in caplog.text
        place.w.engine.fail = None
        assert await place.look() == [], "somebody else may be writing it"
        await place.w.journal(lambda journal: journal._write("UPDATE digests SET claimed = 0", ()))
        assert len(await place.look()) == 1


async def test_nothing_of_it_is_kept(tmp_path: Path) -> None:
    async with digesting(tmp_path) as place:
        await place.talk()
        await place.pass_(HOUR)
        [told] = await place.look()
        rows = await place.w.journal(
            lambda journal: {
                table: journal._db.execute(f"SELECT * FROM {table}").fetchall()
                for table in ("generations", "words", "messages", "facts", "digests")
            }
        )
        assert [rows.pop(table) for table in ("generations", "words", "messages", "facts")] == [[]] * 4
        [(guild, *times)] = rows["digests"]
        assert all(isinstance(time, int | float) for time in times)
        assert str(place.w.guild.id) not in guild
        await place.w.journal(lambda journal: journal._empty_log())
        assert "爬山".encode() not in place.w.journal.path.read_bytes()
        assert "爬山" in told
