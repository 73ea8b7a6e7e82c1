"""The Discord client: intents, command sync, events handed to who knows them, orderly close.

Knows: which events go where, what is asked of Discord (least intents, no mentions), how the client
starts and stops. Does not know: what is answered.

An AutoShardedClient, because Discord demands shards of a large bot and one shard costs nothing more
(the library's Bot would add commands with a prefix, which need the Message Content intent).
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import discord

from bot import patience
from bot.admission import Admission
from bot.answering import Answering, Writer, trace_of
from bot.catching_up import CatchingUp
from bot.chat import Chat
from bot.command_sync import sync
from bot.commands import Tree, add_commands
from bot.digest import Digests
from bot.feedback import EditedButton, ReplyButton
from bot.guild_page import ChannelMenu, SettingsButton, settings_command
from bot.guilds import Guilds
from bot.invite import invite_link
from bot.membership import Membership
from bot.metrics import Metrics
from bot.privacy import PrivacyButton
from bot.reactions import Reactions
from bot.recount import Where
from bot.review import ReviewButton
from bot.settings import Settings
from bot.style import StyleMenu
from bot.taste_page import TasteMenu
from bot.translator import Translator
from engine import JournalThread, ShuttingDown

log = logging.getLogger(__name__)

DRAIN = 10.0
"""Seconds that answers under way get when the client closes."""


def intents(settings: Settings) -> discord.Intents:
    """What Moyou needs to hear; message content only where the owner switched it on."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = wanted.dm_messages = True
    wanted.guild_reactions = wanted.dm_reactions = True
    wanted.message_content = settings.message_content
    return wanted


class MoyouClient(discord.AutoShardedClient):
    """Moyou on Discord.

    async with MoyouClient(engine, journal, settings) as client: await client.start(token)

    `shard_count` None asks Discord. The engine and the journal are the caller's to close.
    """

    def __init__(
        self,
        engine: Writer,
        journal: JournalThread,
        settings: Settings,
        *,
        shard_count: int | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        shards = settings.shards
        mine: dict[str, Any] = {} if shards is None else {"shard_ids": list(shards.ids)}
        super().__init__(
            intents=intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=shard_count if shards is None else shards.count,
            # nothing we do reads members, and content we do not need is not held
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            **mine,
        )
        self.settings = settings
        self.guild_settings = Guilds(self, journal)
        self.answering = Answering(
            engine,
            journal,
            settings,
            self.guild_settings,
            admission=Admission(self.guild_settings, journal, settings),
            metrics=metrics,
        )
        self.tree = Tree(self)
        self.chat = Chat(self, self.answering)
        self.reactions = Reactions(self, self.answering, self.guild_settings)
        self.membership = Membership(self, self.answering, self.guild_settings)
        self.digests = Digests(self, self.answering, self.guild_settings)
        self.catching_up = CatchingUp(self, self.answering, self.reactions, self.chat.edited)
        add_commands(self.tree, self.answering)
        self.tree.add_command(settings_command(self.answering, self.guild_settings))

    async def setup_hook(self) -> None:
        patience.bound(self)
        self.add_dynamic_items(
            ReplyButton, EditedButton, PrivacyButton, ChannelMenu, SettingsButton, ReviewButton
        )
        self.add_dynamic_items(StyleMenu, TasteMenu)
        await self.tree.set_translator(Translator())
        if self.shard_ids is not None and 0 not in self.shard_ids:
            return  # the process with the first shard tells Discord of the commands
        try:
            await sync(
                self.tree, self.answering.journal, self.application_id or 0, self.settings.development_guild
            )
        except discord.HTTPException as error:
            # conversation works without commands, and the next start tries again
            log.error("commands could not be synced\n%s", trace_of(error))

    async def close(self) -> None:
        if not self.is_closed():
            await self.answering.drain(DRAIN)
            await self.membership.tending.close()
            await self.digests.tending.close()
        await super().close()

    async def on_ready(self) -> None:
        log.info("Discord: ready as %s in %d servers", self.application_id, len(self.guilds))
        if not self.guilds:
            log.info("Discord: nobody has asked it in yet; %s", invite_link(self.application_id or 0))
        self.answering.metrics.connected(len(self.guilds))
        self.membership.tending.begin()
        self.digests.tending.begin()

    async def on_resumed(self) -> None:
        self.answering.metrics.connected(len(self.guilds))

    async def on_disconnect(self) -> None:
        self.answering.metrics.connected(None)

    async def on_shard_connect(self, shard_id: int) -> None:
        self.reactions.session(shard_id)  # a session that is resumed says so elsewhere, and missed nothing

    async def on_shard_ready(self, shard_id: int) -> None:
        await self.catching_up.shard(shard_id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self.membership.joined(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.membership.left(guild.id)

    async def on_message(self, message: discord.Message) -> None:
        if await self.guild_settings.hears(message):
            await self.chat.on_message(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        await self.chat.edited(event.message)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        message = interaction.message
        if interaction.type is discord.InteractionType.component and message is not None:
            guild_id = None if message.guild is None else message.guild.id
            with contextlib.suppress(ShuttingDown):  # the button says so
                await self.reactions.met(message, Where(message.channel.id, guild_id))

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        await self.reactions.added(event)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        await self.reactions.removed(event)

    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        await self.reactions.cleared(event)

    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        await self.reactions.cleared(event)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.chat.deleted(event.message_id)
        await self.reactions.deleted(event.message_id, Where.of(event))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in event.message_ids:
            self.chat.deleted(message_id)
            await self.reactions.deleted(message_id, Where.of(event))

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        error = sys.exception()
        if error is not None:
            self.answering.failure(error, "en", event_method)
