"""Digests: what was said in channels that a moderator chose, written at their hour in one of them.

Knows: when a digest is due, that it is written once a period by whichever process comes first, what may
stand in its way and who hears of it. Does not know: how moderators choose (`bot.digest_form`), how points
are chosen (the engine).

Once it is written nothing of it is kept but when it was due and sent.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from dataclasses import dataclass

import discord

from bot.admission import unblocked
from bot.answering import Answering
from bot.guilds import Guilds
from bot.sending import MOST_PARTS
from bot.splitting import split
from bot.summary import PATIENCE, POINTS
from bot.summary_places import Readable, all_may_read, rights_to_read
from bot.summary_reading import MOST, Reading, Span
from bot.summary_text import summary_text
from bot.tending import Tending
from bot.wording import language, language_of, say
from engine import Claim, GuildSettings, ShuttingDown, claim_digest, digest_sent

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two looks at the clock."""
LONGEST = 14 * 86_400
"""Seconds that a digest tells of, at most: what was missed longer ago is news no more."""
AT_ONCE = 4
"""Digests that are written at the same time: many servers choose the same hour."""
TOGETHER = 50
"""Servers that are looked at without letting others go on."""
LOOK_BACK = 20
"""Newest messages among which a digest, or a sentence in its place, is looked for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What stands in a digest's way: the key of a sentence and the channels it names."""

    key: str
    channels: str = ""

    def said(self, locale: str) -> str:
        return say(self.key, locale, channels=self.channels)


class Digests:
    """The digests of one client's servers. A server has one shard, so one client at a time looks after it."""

    def __init__(self, client: discord.Client, answering: Answering, guilds: Guilds) -> None:
        self._client = client
        self._answering = answering
        self._guilds = guilds
        self.tending = Tending("digests", EVERY, self.look)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def look(self) -> None:
        """Writes every digest that is due now and was not written yet.

        A few servers at a time: a look at thousands at once would hold up everybody's replies.
        """
        looking = []
        try:
            for number, guild in enumerate(list(self._client.guilds)):
                if number % TOGETHER == 0:
                    await asyncio.sleep(0)
                looking.append(asyncio.ensure_future(self._look_at(guild)))
            await asyncio.gather(*looking)
        except asyncio.CancelledError:
            for each in looking:
                each.cancel()
            raise

    async def _look_at(self, guild: discord.Guild) -> None:
        settings = await self._guilds.of(guild.id)
        now = self._guilds.now()
        if guild.unavailable or not settings.has_digest or settings.is_quiet(now):
            return
        due = settings.digest_due(now)
        try:
            async with self._room:
                with self._answering.work():
                    claim = await self._answering.journal(claim_digest, str(guild.id), due)
                    if claim is not None:
                        await self._write(guild, settings, due, claim)
                        await self._answering.journal(digest_sent, str(guild.id), due)
        except ShuttingDown:
            return
        except Exception as error:  # noqa: BLE001  it is taken again later; other servers wait
            self._answering.failure(error, "en", "digest")

    async def _write(self, guild: discord.Guild, settings: GuildSettings, due: int, claim: Claim) -> None:
        locale = settings.language or language(str(guild.preferred_locale))
        to = guild.get_channel(int(settings.digest_to))
        trouble = trouble_of(settings, guild, self._answering.settings.message_content)
        if trouble is not None:
            await self._tell(guild, settings, trouble, locale)
            return
        if not isinstance(to, discord.TextChannel):
            return
        begin = max(claim.previous or due - settings.digest_period, due - LONGEST)
        told = f"<t:{begin}:f> – <t:{due}:f>"
        # a process that died may have written it just before
        if claim.again and await self._stands(to, told):
            return
        text = await self._text(guild, settings, begin, due, told, locale)
        # the nonce: a request that is made twice is one message
        for number, part in enumerate(split(text)[:MOST_PARTS]):
            await to.send(part, suppress_embeds=True, nonce=f"{guild.id}{due % 10**5}{number}")

    async def _text(
        self, guild: discord.Guild, settings: GuildSettings, begin: int, due: int, told: str, locale: str
    ) -> str:
        """The whole digest; "" where nobody wrote anything."""
        until = discord.utils.utcnow() + PATIENCE
        reading = Reading(until, locale)
        places = sources(settings, guild)
        span = Span(MOST // len(places), _at(begin), _at(due))
        for place in places:
            await reading.read(place, span)
        messages = await reading.messages(self._answering.journal, guild.id)
        messages = await unblocked(messages, settings)
        if not messages:
            return ""
        with self._answering.metrics.answering("summary"):
            summary = await self._answering.engine.summarize(messages, points=POINTS["normal"])
        # a server's own locale is English until somebody changes it
        locale = settings.language or language_of(" ".join(p.text for p in summary.points), locale)
        head = say("digest.head", locale, channels=_mentions(places), span=told)
        body = summary_text(summary, reading.links, locale, private=False, more=reading.more)
        return f"{head}\n{body}"

    async def _tell(
        self, guild: discord.Guild, settings: GuildSettings, trouble: Trouble, locale: str
    ) -> None:
        """Says what stands in the way where the digest would be, or else where moderators read reports."""
        text = say("digest.not_now", locale, reason=trouble.said(locale))
        for chosen in filter(None, (settings.digest_to, settings.report_channel)):
            channel = guild.get_channel(int(chosen))
            if isinstance(channel, discord.TextChannel) and _may_write(channel):
                # said once is enough, as long as nobody has said anything since
                if not await self._stands(channel, text, newest=1):
                    await channel.send(text, suppress_embeds=True)
                return
        log.info("a digest could not be written: %s", trouble.key)

    async def _stands(self, channel: discord.TextChannel, text: str, newest: int = LOOK_BACK) -> bool:
        """Whether a message of ours with these words is among the newest of a channel."""
        if not channel.permissions_for(channel.guild.me).read_message_history:
            return False
        return any(
            [
                text in message.content
                async for message in channel.history(limit=newest)
                if self._client.user is not None and message.author.id == self._client.user.id
            ]
        )


def sources(settings: GuildSettings, guild: discord.Guild) -> list[Readable]:
    """The channels that a server's digest tells of."""
    found = (guild.get_channel(int(each)) for each in settings.digest_channels)
    return [each for each in found if isinstance(each, Readable)]


def trouble_of(settings: GuildSettings, guild: discord.Guild, can_read: bool) -> Trouble | None:
    """What stands in the way of a server's digest now, None for nothing. `can_read`: the intent is on."""
    to, places = guild.get_channel(int(settings.digest_to)), sources(settings, guild)
    if not can_read:
        return Trouble("summary.needs_intent")
    if not isinstance(to, discord.TextChannel) or not _may_write(to):
        return Trouble("digest.may_not_write", f"<#{settings.digest_to}>")
    shut = [each for each in places if not rights_to_read(each, each.permissions_for(guild.me))]
    if shut or not places:
        return Trouble("digest.may_not_read", _mentions(shut))
    # nobody must read there what they may not read here
    secret = [each for each in places if not all_may_read(each, to)]
    return Trouble("digest.not_for_all", _mentions(secret)) if secret else None


def _may_write(channel: discord.TextChannel) -> bool:
    rights = channel.permissions_for(channel.guild.me)
    return rights.view_channel and rights.send_messages


def _mentions(channels: list[Readable]) -> str:
    return " ".join(channel.mention for channel in channels)


def _at(seconds: int) -> discord.Object:
    """Just before the first message that could be written at a time."""
    return discord.Object(
        discord.utils.time_snowflake(datetime.datetime.fromtimestamp(seconds, datetime.UTC)) - 1
    )
