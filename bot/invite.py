"""How Moyou is asked into a server: the link, and the rights it carries, none more than are used.

Knows: what each right is for. Does not know: where rights are checked (Discord does, for each request).
"""

from __future__ import annotations

import base64

import discord

RIGHTS = discord.Permissions(
    view_channel=True,  # hears what speaks to it
    send_messages=True,  # answers
    read_message_history=True,  # replies to a message, reads what an answer follows on, summarises
    create_public_threads=True,  # /chat opens a thread
    send_messages_in_threads=True,  # goes on in it
    attach_files=True,  # what is too long for messages
)
"""The rights of the invitation; tests/test_invite.py tries each of them, and all without the rest."""
SCOPES = ("bot", "applications.commands")


def invite_link(application_id: int | str) -> str:
    """The address at which somebody who manages a server asks Moyou in."""
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}"
        f"&scope={'+'.join(SCOPES)}&permissions={RIGHTS.value}"
    )


def application_of(token: str) -> str:
    """The id of the application that a bot's token belongs to: the token's first part, and no secret."""
    head = token.partition(".")[0]
    return base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)).decode("ascii", "replace")
