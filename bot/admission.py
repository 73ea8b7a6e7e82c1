"""Who may have how much of Moyou, where and when: decisions of moderators and cooldowns, held on the way
in and, for blocked words, on the way out as well.

Knows: the rules and their order. Does not know: Discord's events, how a refusal is worded or sent.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from bot.guilds import Guilds
from bot.settings import Settings
from engine import (
    BlockedWord,
    DailyLimit,
    GuildSettings,
    JournalThread,
    Message,
    NoSummaries,
    NotHere,
    NothingGood,
    Place,
    QuietHours,
    Reply,
    Request,
    TooOften,
    WrongChannel,
    answers_since,
)

MINUTE = 60.0
REMEMBERED = 10_000
"""People and servers whose pace is remembered, before those that rest are dropped."""
TRIES = 3
"""How often something is written anew because it had a blocked word."""


class Pace:
    """At most `most` times a minute for each key; 0: as often as one likes."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def wait(self, key: str) -> float:
        """Seconds until `key` may, 0 when it may now."""
        now = self._clock()
        times = self._times.get(key)
        while times and now - times[0] >= MINUTE:
            times.popleft()
        if not self._most or not times or len(times) < self._most:
            return 0.0
        return MINUTE - (now - times[0])

    def note(self, key: str) -> None:
        """It happened."""
        if not self._most:
            return
        if len(self._times) >= REMEMBERED:
            now = self._clock()
            self._times = {each: kept for each, kept in self._times.items() if now - kept[-1] < MINUTE}
        self._times.setdefault(key, deque()).append(self._clock())


class Admission:
    """The rules of one client."""

    def __init__(
        self,
        guilds: Guilds,
        journal: JournalThread,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guilds = guilds
        self._journal = journal
        self._members = Pace(settings.member_pace, clock)
        self._servers = Pace(settings.guild_pace, clock)
        self._today: dict[tuple[str, str], tuple[float, int]] = {}

    async def write(
        self, request: Request, person: str, place: Place, write: Callable[[Request], Awaitable[Reply]]
    ) -> Reply:
        """What `write` makes of a request, if person and place may have it.

        Raises NotHere, TooOften, and NothingGood when everything that came had a blocked word. A fixed
        answer to somebody in danger is sent whatever is blocked or used up.
        """
        await self.check_place(place)
        settings = await self._settings(place)
        self._check_pace(person, place)
        request = _as_decided(request, settings)
        refusal = await self._refusal(settings, request, person, place)
        reply = await write(request)
        if reply.origin == "fixed":
            return reply
        if refusal is not None:
            raise refusal
        for _ in range(TRIES - 1):
            if not settings.blocked_in(reply.text):
                break
            reply = await write(dataclasses.replace(request, seed=None))
        if settings.blocked_in(reply.text):
            raise NothingGood()
        self._count(settings, person, place)
        return reply

    async def summary(self, person: str, place: Place) -> None:
        """Raises as `write` does, and NoSummaries, where a person gets no summary now."""
        if not (await self._settings(place)).summaries:
            raise NoSummaries()
        await self.check_place(place)
        self._check_pace(person, place)

    async def readable(self, messages: Sequence[Message], place: Place) -> list[Message]:
        """The messages that a summary may be made of: none with a blocked word."""
        return await unblocked(messages, await self._settings(place))

    async def blocked(self, place: Place) -> Callable[[str], bool]:
        """Whether a text has a word that the place's server does not allow."""
        settings = await self._settings(place)
        return lambda text: bool(settings.blocked_in(text))

    async def _settings(self, place: Place) -> GuildSettings:
        return await self._guilds.of(int(place.guild) if place.guild else None)

    async def check_place(self, place: Place) -> None:
        """Raises WrongChannel or QuietHours when nothing may be said there now."""
        settings = await self._settings(place)
        channels = (
            self._guilds.places(int(place.guild), int(place.channel)) if place.guild and place.channel else ()
        )
        if channels and not settings.may_speak(*channels):
            raise WrongChannel()
        if settings.is_quiet(self._guilds.now()):
            hours, minutes = divmod(settings.quiet_until, 60)
            raise QuietHours(until=f"{hours:02}:{minutes:02}")

    def _check_pace(self, person: str, place: Place) -> None:
        wait = self._members.wait(person)
        if place.guild:
            wait = max(wait, self._servers.wait(place.guild))
        if wait:
            raise TooOften(seconds=math.ceil(wait))
        self._members.note(person)
        if place.guild:
            self._servers.note(place.guild)

    async def _refusal(
        self, settings: GuildSettings, request: Request, person: str, place: Place
    ) -> NotHere | None:
        if any(map(settings.blocked_in, (request.text, *request.options.values()))):
            return BlockedWord()
        if settings.daily_limit:
            began = settings.day_began(self._guilds.now())
            day, count = self._today.get((place.guild, person), (began, 0))
            # those who want nothing kept are counted here, until the process ends
            kept = await self._journal(answers_since, person, place.guild, began)
            if max(kept, count if day == began else 0) >= settings.daily_limit:
                return DailyLimit(limit=settings.daily_limit)
        return None

    def _count(self, settings: GuildSettings, person: str, place: Place) -> None:
        if not settings.daily_limit:
            return
        began = settings.day_began(self._guilds.now())
        key = (place.guild, person)
        day, count = self._today.get(key, (began, 0))
        self._today[key] = (began, count + 1 if day == began else 1)
        if len(self._today) > REMEMBERED:
            self._today = {each: (d, c) for each, (d, c) in self._today.items() if d == began}


async def unblocked(messages: Sequence[Message], settings: GuildSettings) -> list[Message]:
    """The messages without a blocked word."""

    def find() -> list[Message]:
        return [each for each in messages if not settings.blocked_in(f"{each.author} {each.text}")]

    # of thousands this takes tenths of a second: not on the event loop
    return await asyncio.to_thread(find) if settings.blocked_words else list(messages)


def _as_decided(request: Request, settings: GuildSettings) -> Request:
    """The request in the server's tone and, where it is Chinese, in the server's characters."""
    locale = request.locale
    if locale.startswith("zh") and settings.language.startswith("zh"):
        locale = settings.language
    return dataclasses.replace(request, locale=locale, tone=request.tone or settings.tone)
