"""What the moderators of a server chose, as far as conversation asks.

Knows: the questions and their answers where nobody chose anything. Does not know: where choices are kept
or made.
"""

from __future__ import annotations

from typing import Protocol


class GuildChoices(Protocol):
    """Answers for one server each, by Discord's ids."""

    async def is_home(self, guild_id: int, channel_id: int) -> bool:
        """Whether Moyou answers every person in this channel, mentioned or not."""

    async def report_channel(self, guild_id: int) -> int | None:
        """The channel where moderators read reports; None: they find them in `/moyou-status`."""


class NothingChosen:
    """No homes and no channel for reports."""

    async def is_home(self, guild_id: int, channel_id: int) -> bool:
        return False

    async def report_channel(self, guild_id: int) -> int | None:
        return None
