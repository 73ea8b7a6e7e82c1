"""From a Request to a recorded Reply, and from a failure to a sentence: what every Discord surface shares.

Knows: the engine's door, the journal, which replies are kept, how a failure is logged and worded, and
how many answers are under way. Does not know: how a message is read, sent or shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import discord

from bot.admission import Admission
from bot.guild_choices import GuildChoices, NothingChosen
from bot.metrics import Metrics
from bot.settings import Settings
from bot.wording import say, sentence_of
from engine import (
    Journal,
    JournalThread,
    Message,
    MoyouError,
    Place,
    Reply,
    Request,
    SetupError,
    ShuttingDown,
    Summary,
    Task,
    Wished,
    on_behalf_of,
    wished,
)

log = logging.getLogger(__name__)

UNKNOWN_INTERACTION = 10062
EXCUSES = 3.0
"""Seconds to say that there was no time."""


class Writer(Protocol):
    """What is needed of the engine."""

    @property
    def tasks(self) -> Mapping[str, Task]: ...

    async def write(self, request: Request) -> Reply: ...

    async def vary(self, request: Request, reply: Reply) -> Reply: ...

    async def summarize(
        self, messages: Sequence[Message], *, points: int = 5, characters: int | None = None
    ) -> Summary: ...

    def status(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and where: the person's Discord id, and the place for the journal."""

    person: str
    place: Place

    @property
    def group(self) -> str:
        """Whose fair share of the engine it takes: the server's, or the person's own."""
        return self.place.guild or self.person


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to a request. `kept`: it is in the journal, so people can judge it and ask why."""

    request: Request
    reply: Reply
    kept: bool


def asker(user: discord.abc.Snowflake, guild_id: int | None, channel_id: int | None) -> Asker:
    """An Asker of Discord ids; a direct message has no guild."""
    return Asker(str(user.id), Place("discord", str(guild_id or ""), str(channel_id or "")))


def asker_of(interaction: discord.Interaction) -> Asker:
    return asker(interaction.user, interaction.guild_id, interaction.channel_id)


class Answering:
    """The engine and the journal behind one front; one instance a client."""

    def __init__(
        self,
        engine: Writer,
        journal: JournalThread,
        settings: Settings,
        choices: GuildChoices | None = None,
        *,
        admission: Admission | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.engine = engine
        self.journal = journal
        self.settings = settings
        self.metrics = Metrics() if metrics is None else metrics
        self._admission = admission
        self._under_way: set[asyncio.Task[Any]] = set()
        self._out_of_time: set[asyncio.Task[Any]] = set()
        self.choices: GuildChoices = NothingChosen() if choices is None else choices
        self._closing = False

    def before(self, asker: Asker) -> Awaitable[Wished]:
        """What the journal says before a request of somebody is made: how they and their channel want to be
        written to, and who was forgotten up to now. To be asked and awaited before others' words are read for
        it."""
        return self.journal(wished, asker.person, asker.place.channel)

    async def write(
        self,
        request: Request,
        asker: Asker,
        *,
        others: Collection[str] = (),
        holds: Collection[str] = (),
        repeats: str = "",
        before: Wished | None = None,
    ) -> Answer:
        """The engine's reply, in the journal before anyone sees it.

        A fixed answer (danger) is not recorded: nothing is kept of such a moment or learnt from it.
        Nor is that of a person who asked for nothing to be kept. `others`: people whose words stand in
        the request as well; `holds`: replies whose requests' words do; `repeats`: the reply whose request
        is given once more (see Journal.record); `before`: what `before` said ahead of others' words, None
        where there are none.
        """
        before = await self.before(asker) if before is None else before
        reply = await self._admitted(request, asker, self.engine.write, before)
        return await self._keep(
            request, reply, asker, others=others, holds=holds, repeats=repeats, since=before.since
        )

    async def vary(self, request: Request, reply: Reply, asker: Asker) -> Answer:
        """A reply near `reply`, which answered the same request; kept as `write` keeps a repeat."""
        before = await self.before(asker)
        near = await self._admitted(request, asker, lambda asked: self.engine.vary(asked, reply), before)
        return await self._keep(request, near, asker, repeats=reply.generation, since=before.since)

    async def may_summarize(self, asker: Asker) -> None:
        """Raises NotHere or TooOften where this person gets no summary now."""
        if self._admission is not None:
            await self._admission.summary(asker.person, asker.place)

    async def summarize(self, messages: Sequence[Message], asker: Asker, **options: Any) -> Summary:
        """The engine's summary of what its reader's server lets be summarised."""
        with self.metrics.answering("summary"), on_behalf_of(asker.group):
            if self._admission is not None:
                messages = await self._admission.readable(messages, asker.place)
            return await self.engine.summarize(messages, **options)

    async def check_place(self, place: Place) -> None:
        """Raises NotHere when nothing may be said there now."""
        if self._admission is not None:
            await self._admission.check_place(place)

    async def blocked(self, place: Place) -> Callable[[str], bool]:
        """Whether a text has a word that may not be said there."""
        if self._admission is None:
            return lambda text: False
        return await self._admission.blocked(place)

    async def _admitted(
        self, request: Request, asker: Asker, write: Callable[[Request], Awaitable[Reply]], before: Wished
    ) -> Reply:
        known = request.task if request.task in self.engine.tasks else "unknown"
        with self.metrics.answering(known), on_behalf_of(asker.group):
            # what is kept with the reply is the request as it was made
            request = before.of(request)
            if self._admission is None:
                return await write(request)
            return await self._admission.write(request, asker.person, asker.place, write)

    async def _keep(
        self,
        request: Request,
        reply: Reply,
        asker: Asker,
        *,
        others: Collection[str] = (),
        holds: Collection[str] = (),
        repeats: str = "",
        since: tuple[object, ...] | None = None,
    ) -> Answer:
        if reply.origin == "fixed":
            return Answer(request, reply, kept=False)
        try:
            kept = await self.journal(
                Journal.record,
                request,
                reply,
                asker.person,
                asker.place,
                others=others,
                holds=holds,
                repeats=repeats,
                since=since,
                on_disk=False,  # while it is on its way to people
            )
        finally:
            self.journal.settle_soon()
        return Answer(request, reply, kept)

    async def attach(self, answer: Answer, message_ids: Sequence[int]) -> None:
        """Remembers the messages an answer was sent as, so that reactions find it.

        It was sent: a failure here is logged and not told.
        """
        try:
            for message_id in message_ids if answer.kept else ():
                await self.journal(Journal.attach, answer.reply.generation, message_id)
        except Exception as error:  # noqa: BLE001  the buttons name the generation and still work
            self.failure(error, "en", "attach")

    @contextlib.contextmanager
    def work(self) -> Iterator[None]:
        """Counts one answer under way. Raises ShuttingDown once `drain` was called, or its time is over."""
        if self._closing:
            raise ShuttingDown()
        task = cast("asyncio.Task[Any]", asyncio.current_task())  # events are tasks
        self._under_way.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._out_of_time:
                raise
            task.uncancel()
            raise ShuttingDown() from None
        finally:
            self._under_way.discard(task)

    async def drain(self, seconds: float, excuses: float = EXCUSES) -> None:
        """Takes no new work and waits for what is under way, at most `seconds`; what is not done then
        ends in an excuse, for which there are some seconds more."""
        self._closing = True
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=seconds)
        late = set(self._under_way)
        self._out_of_time |= late
        for task in late:
            task.cancel()
        if late:
            log.info("%d answers were cut short", len(late))
            await asyncio.wait(late, timeout=excuses)

    def failure(self, error: BaseException, locale: str, where: str) -> str:
        """The sentence for a person, with a reference number that the log has as well.

        What a person can mend (BadInput, Busy, …) is told plainly; what only the owner can is told
        without the machine's paths.
        """
        reference = secrets.token_hex(3).upper()
        self.metrics.failed(error)
        expected = isinstance(error, MoyouError)
        if isinstance(error, MoyouError) and not isinstance(error, SetupError):
            log.info("%s: %s (reference %s)", where, error.code, reference)
            sentence = sentence_of(error, locale)
        else:
            log.error("%s: reference %s\n%s", where, reference, trace_of(error))
            sentence = say("failure.setup" if expected else "failure.unexpected", locale)
        return say("failure.reference", locale, sentence=sentence, reference=reference)


@contextlib.asynccontextmanager
async def guarded(answering: Answering, interaction: discord.Interaction, where: str) -> AsyncIterator[None]:
    """Counts an interaction as work under way; whatever goes wrong in it becomes a sentence to its user."""
    try:
        with answering.work():
            yield
    except Exception as error:  # noqa: BLE001  people get a sentence, the log the rest
        text = answering.failure(error, str(interaction.locale), where)
        if is_gone(error):
            return
        with contextlib.suppress(discord.HTTPException):
            await tell(interaction, text)


async def may_speak(answering: Answering, interaction: discord.Interaction, where: str) -> bool:
    """Whether an interaction may be answered aloud; if not, its user is told privately. For what is
    deferred openly: afterwards nothing is private any more."""
    async with guarded(answering, interaction, where):
        await answering.check_place(asker_of(interaction).place)
        return True
    return False


async def tell(interaction: discord.Interaction, text: str) -> None:
    """A sentence to the user of an interaction: privately, unless it was deferred openly."""
    response = interaction.response
    if not response.is_done():
        await response.send_message(text, ephemeral=True)
    elif response.type is discord.InteractionResponseType.deferred_channel_message:
        await interaction.edit_original_response(content=text)
    else:
        await interaction.followup.send(text, ephemeral=True)


def trace_of(error: BaseException) -> str:
    """Where an exception came from, without its words, which may be a member's."""
    lines: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        name = f"{type(link).__module__}.{type(link).__qualname__}"
        if isinstance(link, discord.HTTPException):
            name += f" (status {link.status}, code {link.code})"
        elif isinstance(link, SetupError):
            name += f": {link}"  # files and settings, the owner's own
        lines += [*traceback.format_tb(link.__traceback__), name + "\n"]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "".join(lines).rstrip()


def is_gone(error: BaseException) -> bool:
    """The interaction can no longer be answered: Discord gave it up."""
    return isinstance(error, discord.NotFound) and error.code == UNKNOWN_INTERACTION
