"""bot/supervisor.py: a broken Discord client comes back, later and later; what cannot be mended ends it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable

import discord
import pytest

from bot.settings import Settings
from bot.supervisor import FIRST_WAIT, LONGEST_WAIT, STEADY, Startable, supervise
from engine import BadSetting, PromptBroken

SETTINGS = Settings(discord_token="the token", locale="en")


class Client:
    """Starts as it is told: an exception to raise, None to end by itself, or "forever"."""

    def __init__(self, ending: BaseException | str | None, running: asyncio.Event) -> None:
        self.ending = ending
        self.running = running
        self.tokens: list[str] = []
        self.closed = False

    async def start(self, token: str) -> None:
        self.tokens.append(token)
        if isinstance(self.ending, BaseException):
            raise self.ending
        if self.ending == "forever":
            self.running.set()
            await asyncio.Event().wait()


class Clients:
    """Makes clients with the given endings, one after the other, and keeps them."""

    def __init__(self, *endings: BaseException | str | None) -> None:
        self.endings = list(endings)
        self.made: list[Client] = []
        self.running = asyncio.Event()

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[Startable]:
        client = Client(self.endings[len(self.made)], self.running)
        self.made.append(client)
        try:
            yield client
        finally:
            client.closed = True


class Sleep:
    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


async def run(clients: Clients, clock: Callable[[], float] = lambda: 0.0) -> list[float]:
    """Supervises until the client that runs forever is there; the waits before it."""
    sleep = Sleep()
    task = asyncio.create_task(supervise(clients, SETTINGS, sleep=sleep, clock=clock))
    running = asyncio.create_task(clients.running.wait())
    await asyncio.wait({task, running}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert all(client.closed for client in clients.made)
    return sleep.waits


async def test_after_a_crash_or_an_end_a_new_client_is_started_later_and_later() -> None:
    endings = (ValueError("a payload nobody can parse"), None, OSError("no network"), "forever")
    clients = Clients(*endings)
    assert await run(clients) == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4]
    assert [client.tokens for client in clients.made] == [["the token"]] * 4


async def test_the_wait_has_an_end() -> None:
    waits = await run(Clients(*[RuntimeError()] * 12, "forever"))
    assert waits[-1] == LONGEST_WAIT
    assert waits == sorted(waits)


async def test_a_client_that_was_well_for_a_while_comes_back_at_once() -> None:
    # the clock is read at the start and at the end of each client
    times = itertools.chain([0.0, 1.0, 1.0, 2.0, 2.0, 2.0 + STEADY], itertools.repeat(0.0))
    waits = await run(Clients(*[RuntimeError()] * 3, "forever"), lambda: next(times))
    assert waits == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT]


@pytest.mark.parametrize(
    ("error", "setting", "words"),
    [
        (discord.LoginFailure("401"), "DISCORD_TOKEN", "refuses this token"),
        (discord.PrivilegedIntentsRequired(None), "MOYOU_MESSAGE_CONTENT", "Message Content intent"),
    ],
)
async def test_what_discord_refuses_is_said_and_not_tried_again(
    error: Exception, setting: str, words: str
) -> None:
    clients = Clients(error)
    with pytest.raises(BadSetting, match=words) as caught:
        await supervise(clients, SETTINGS, sleep=Sleep())
    assert caught.value.fields["setting"] == setting
    assert "the token" not in str(caught.value)
    assert clients.made[0].closed


async def test_a_prompt_that_cannot_become_a_command_is_not_tried_again() -> None:
    with pytest.raises(PromptBroken):
        await supervise(Clients(PromptBroken(file="a", key="b", reason="c")), SETTINGS, sleep=Sleep())


async def test_a_crash_is_logged_with_its_place_and_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await run(Clients(ValueError("what somebody said"), "forever"))
    assert "builtins.ValueError" in caplog.text
    assert "test_supervisor.py" in caplog.text
    assert "what somebody said" not in caplog.text
