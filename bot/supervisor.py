"""Keeps the Discord client running: after a crash a new one is started, later and later.

Knows: which failures a new start cannot mend (a refused token, an intent that is not granted), and how
long to wait after the others.
Does not know: what the client does, or anything of the console beside it.

A gateway payload that discord.py cannot parse ends its loop; the process lives on and reconnects.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import discord

from bot.answering import trace_of
from bot.settings import Settings
from bot.wording import say
from engine import BadSetting, SetupError

log = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
STEADY = 300.0
"""A client that ran this many seconds was well: the next wait is the first one again."""


class Startable(Protocol):
    """What is needed of a Discord client."""

    async def start(self, token: str) -> None:
        """Connects and runs until it is closed or breaks."""


ClientMaker = Callable[[], AbstractAsyncContextManager[Startable]]


async def supervise(
    make_client: ClientMaker,
    settings: Settings,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
    on_start: Callable[[], object] = lambda: None,
) -> None:
    """Runs a client until it is cancelled; after a crash a new one. `on_start`: told of each.

    Raises BadSetting when Discord refuses the token or the privileged intent, and the SetupErrors of
    the client.
    """
    wait = FIRST_WAIT
    while True:
        began = clock()
        on_start()
        try:
            async with make_client() as client:
                await client.start(settings.discord_token)
            log.error("Discord: the client ended by itself")
        except discord.LoginFailure as error:
            raise _refused("DISCORD_TOKEN", "setting.token_refused", settings) from error
        except discord.PrivilegedIntentsRequired as error:
            raise _refused("MOYOU_MESSAGE_CONTENT", "setting.intent_refused", settings) from error
        except SetupError:
            raise  # a command that cannot be made, a file that cannot be read: no new start mends it
        except Exception as error:  # noqa: BLE001  whatever broke, the console stays and Discord comes back
            log.error("Discord: the client broke\n%s", trace_of(error))
        if clock() - began >= STEADY:
            wait = FIRST_WAIT
        log.info("Discord: starting again in %g s", wait)
        await sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)


def _refused(name: str, key: str, settings: Settings) -> BadSetting:
    return BadSetting(setting=name, reason=say(key, settings.locale))
