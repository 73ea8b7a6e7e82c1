"""Discord's objects as JSON, and the documented limits of what a bot may send.

Knows: users, members, channels, guilds, messages, interactions; the limits. Does not know: sockets.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

EPOCH = 1_420_070_400_000
APPLICATION = "100000000000000001"
BOT = {
    "id": APPLICATION,
    "username": "moyou",
    "discriminator": "0",
    "avatar": None,
    "bot": True,
    "global_name": None,
}
TEXT_PERMISSIONS = str(1 << 10 | 1 << 11 | 1 << 6 | 1 << 15 | 1 << 16 | 1 << 31 | 1 << 35 | 1 << 38)

_increments = itertools.count(1)


def snowflake() -> str:
    """A new id whose time is now."""
    return str((int(time.time() * 1000) - EPOCH) << 22 | next(_increments) & 0x3FFFFF)


def user(name: str) -> dict[str, Any]:
    return {"id": snowflake(), "username": name, "discriminator": "0", "avatar": None, "global_name": name}


def member(account: Mapping[str, Any], *, with_user: bool = False) -> dict[str, Any]:
    values: dict[str, Any] = {
        "roles": [],
        "joined_at": "2024-01-01T00:00:00.000000+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
        "permissions": TEXT_PERMISSIONS,
    }
    return {**values, "user": dict(account)} if with_user else values


def text_channel(guild: str, name: str) -> dict[str, Any]:
    return {
        "id": snowflake(),
        "guild_id": guild,
        "type": 0,
        "name": name,
        "position": 0,
        "permission_overwrites": [],
        "nsfw": False,
        "topic": None,
        "parent_id": None,
        "last_message_id": None,
        "rate_limit_per_user": 0,
    }


def thread(guild: str, channel: str, message: str, name: str) -> dict[str, Any]:
    """A public thread that the bot opened on a message."""
    return {
        "id": message,
        "guild_id": guild,
        "parent_id": channel,
        "owner_id": APPLICATION,
        "type": 11,
        "name": name,
        "last_message_id": None,
        "message_count": 0,
        "member_count": 1,
        "rate_limit_per_user": 0,
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": 1440,
            "archive_timestamp": "2024-01-01T00:00:00.000000+00:00",
            "locked": False,
        },
    }


def role(role_id: str, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": role_id,
        "name": name,
        "permissions": TEXT_PERMISSIONS,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "position": 0,
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "flags": 0,
        **fields,
    }


def guild(name: str) -> dict[str, Any]:
    """A server as GUILD_CREATE brings it, with one channel, the bot in it, and the bot's own role."""
    own = snowflake()
    return {
        "id": own,
        "name": name,
        "owner_id": snowflake(),
        "roles": [
            role(own, "@everyone"),
            role(snowflake(), "moyou", managed=True, tags={"bot_id": APPLICATION}),
        ],
        "channels": [text_channel(own, "闲聊")],
        "members": [member(BOT, with_user=True)],
        "member_count": 1,
        "emojis": [],
        "stickers": [],
        "threads": [],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "features": [],
        "large": False,
        "unavailable": False,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "preferred_locale": "zh-CN",
        "system_channel_flags": 0,
        "afk_timeout": 300,
        "icon": None,
        "splash": None,
        "banner": None,
        "description": None,
        "joined_at": "2024-01-01T00:00:00.000000+00:00",
    }


def message(channel: str, author: Mapping[str, Any], content: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": snowflake(),
        "channel_id": channel,
        "author": dict(author),
        "content": content,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime()),
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        **fields,
    }


def emoji(text: str) -> dict[str, Any]:
    """An emoji of Unicode, or a server's own as `name:id`."""
    name, _, number = text.partition(":")
    return {"id": number or None, "name": name}
