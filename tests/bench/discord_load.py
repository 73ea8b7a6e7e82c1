"""python -m tests.bench.discord_load: the whole bot under load, against tests/discord_server on loopback.

The bot (client, engine, journal) is a process of its own in 2,500 servers. First people mention it one after
another: from a message's event to the reply's request, less what the engine took, is the bot's own share. It
begins when the server gives the event to its socket and ends when the request's bytes come: what the server
that plays Discord takes to make the one and to read the other is not the bot's; `whole` has it as well. Then
1,024 people in as many servers mention it at once: how many replies came, how long its event loop paused at
most, and what the process holds at its largest. One JSON line each; exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web_server
from aiohttp.web_protocol import RequestHandler
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot import event_loop
from bot.client import MoyouClient
from bot.settings import Settings
from engine import Engine, JournalThread, Reply, Request
from tests.bench.start import resident
from tests.discord_server import DiscordServer, payloads

SERVERS, CONVERSATIONS, ALONE = 2_500, 1_024, 60
SHARE_BAR, PAUSE_BAR, MEMORY_BAR = 5.0, 20.0, 700.0  # ms, ms, MB
ME = f"<@{payloads.APPLICATION}>"
MESSAGES = r"/channels/\d+/messages"
WORDS = ("你好", "今天下班路上看到一只橘猫，蹲在便利店门口等人。", "I am so tired of my job.", "晚饭吃什么好")


class Timed:
    """An engine that notes what each reply took it, in order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.spent: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def write(self, request: Request) -> Reply:
        began = time.perf_counter()
        try:
            return await self._engine.write(request)
        finally:
            self.spent.append(1000 * (time.perf_counter() - began))


async def be_the_bot(api: str, gateway: str, token: str, folder: Path) -> None:
    """Serves until a line comes on stdin; says what it saw so far whenever one does."""
    Route.BASE = api
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway)
    settings = Settings(data=folder, queue=2 * CONVERSATIONS, deadline=600, member_pace=0, guild_pace=0)
    late: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(1000 * (time.perf_counter() - before) - 1)

    loop = asyncio.get_running_loop()
    async with Engine(queue=settings.queue, deadline=600) as real, JournalThread(settings.journal) as journal:
        engine = Timed(real)
        await real.start()
        async with MoyouClient(engine, journal, settings) as client:  # type: ignore[arg-type]
            running = asyncio.create_task(client.start(token))
            await client.wait_until_ready()
            watcher = asyncio.create_task(watch())
            print("ready", flush=True)
            while (await loop.run_in_executor(None, sys.stdin.readline)).strip() != "end":
                print(json.dumps({"engine": engine.spent, "pause": max(late, default=0.0)}), flush=True)
                engine.spent.clear()
                late.clear()
            watcher.cancel()
            await client.close()
            await asyncio.gather(running, return_exceptions=True)


class Bot:
    """The process, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.largest = 0.0

    async def says(self, asked: str = "") -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if asked:
            self.process.stdin.write(f"{asked}\n".encode())
            await self.process.stdin.drain()
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the bot's process ended: {await self.process.wait()}")
        return line.decode().strip()

    async def watch(self) -> None:
        while True:
            self.largest = max(self.largest, resident(self.process.pid))
            await asyncio.sleep(0.2)


class Noting(RequestHandler):
    """Notes when a request's first bytes come, which is before aiohttp has made a request of them."""

    __slots__ = ()
    came: ClassVar[deque[float]] = deque(maxlen=64)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            self.came.append(time.monotonic())
        super().data_received(data)


def sent(server: DiscordServer) -> int:
    return len(server.made("POST", MESSAGES))


async def own_share(server: DiscordServer, bot: Bot, people: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each reply that are not the engine's: the bot's, and with the server's."""
    bots, whole = [], []
    await bot.says("?")
    for number in range(people):
        before = sent(server)
        asked = time.monotonic()
        await server.write(payloads.user(f"p{number}"), f"{ME} {WORDS[number % len(WORDS)]}")
        began = server.gateway.line.sent["MESSAGE_CREATE"]
        await server.until(lambda before=before: sent(server) > before, 60)
        read = server.made("POST", MESSAGES)[-1].at
        came = max(time_of for time_of in Noting.came if time_of <= read)
        bots.append(1000 * (came - began))
        whole.append(1000 * (read - asked))
    engine = json.loads(await bot.says("?"))["engine"]
    return tuple([one - part for one, part in zip(each, engine, strict=True)] for each in (bots, whole))


async def at_once(server: DiscordServer, guilds: list[Mapping[str, Any]]) -> float:
    """Seconds until everybody has a reply."""
    before, began = sent(server), time.perf_counter()
    for number, guild in enumerate(guilds):
        channel = guild["channels"][0]
        await server.write(payloads.user(f"q{number}"), f"{ME} {WORDS[number % len(WORDS)]}", channel=channel)
    await server.until(lambda: sent(server) >= before + len(guilds), 900)
    return time.perf_counter() - began


async def measure(servers: int, conversations: int) -> bool:
    web_server.RequestHandler = Noting  # type: ignore[misc]  # there is no other way in
    async with DiscordServer() as server:
        guilds = [payloads.guild(f"g{number}") for number in range(servers - 1)]
        server.gateway._guilds += guilds
        server.checks = False
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.bench.discord_load", "--client"]
            process = await asyncio.create_subprocess_exec(
                *command, server.api, server.gateway.url, server.token, folder,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            bot = Bot(process)
            try:
                while await bot.says() != "ready":
                    pass
                started = resident(process.pid)
                watcher = asyncio.create_task(bot.watch())
                await own_share(server, bot, 8)
                share, whole = await own_share(server, bot, ALONE)
                spent = await at_once(server, guilds[:conversations])
                await asyncio.sleep(1)
                pause = json.loads(await bot.says("?"))["pause"]
                watcher.cancel()
                assert process.stdin is not None
                process.stdin.write(b"end\n")
                await process.stdin.drain()
            finally:
                try:
                    await asyncio.wait_for(process.wait(), 30)
                except TimeoutError:
                    process.kill()
    middle = statistics.median
    return all(
        [
            report("bots_own_share", middle(share), "ms", SHARE_BAR, p99=max(share), whole=middle(whole)),
            report("pause", pause, "ms", PAUSE_BAR, conversations=conversations, seconds=spent),
            report(
                "memory",
                bot.largest,
                "MB",
                MEMORY_BAR,
                servers=servers,
                conversations=conversations,
                at_start=started,
            ),
        ]
    )


def report(name: str, value: float, unit: str, bar: float, **more: float) -> bool:
    rest = {key: round(number, 2) for key, number in more.items()}
    line = {"name": name, "ours": round(value, 2), "unit": unit, "bar": f"<= {bar:g}", "ok": value <= bar}
    print(json.dumps({**line, **rest}), flush=True)
    return value <= bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    parser.add_argument("--client", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        api, gateway, token, folder = options.client
        event_loop.run(be_the_bot(api, gateway, token, Path(folder)))
        return 0
    return 0 if asyncio.run(measure(options.servers, options.conversations)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
