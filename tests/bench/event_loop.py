"""python -m tests.bench.event_loop: the event loop's longest pause while replies are written.

The console serves on a loopback socket with the real engine and journal. A second thread posts 32
requests at once through it: poems, chat and continuations, short ones and some of the greatest length
allowed, in both languages. On the server's loop a task sleeps for a millisecond again and again and
notes how late it wakes. One JSON line; exits 1 when the longest pause misses the bar of 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import tempfile
import threading
import time
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer

from bot import console, event_loop
from bot.settings import Settings
from engine import Engine, JournalThread

BAR = 20.0  # ms
WORDS = (
    ("/chat", "text", "你好，今天想写点什么"),
    ("/write/poem", "theme", "秋夜思乡"),
    ("/write/continue", "text", "The old clock on the wall stopped at noon. " * 30),
    ("/chat", "text", "今天下班路上看到一只橘猫，蹲在便利店门口等人。" * 40),
)


async def post(base: str, flight: int) -> int:
    """Sends `flight` forms at once and counts the pages that came back."""
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(limit=flight)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        async with session.get(base) as answer:
            token = re.search(r'name="form_token" value="([^"]+)"', await answer.text())
        headers = {"Origin": base, "Sec-Fetch-Site": "same-origin"}

        async def one(number: int) -> bool:
            path, field, words = WORDS[number % len(WORDS)]
            data = {"form_token": token.group(1) if token else "", field: words}
            async with session.post(base + path, data=data, headers=headers) as answer:
                await answer.read()
                return answer.status == 200

        return sum(await asyncio.gather(*(one(number) for number in range(flight))))


async def measure(models: Path | None, flight: int, folder: Path) -> dict[str, object]:
    settings = Settings(data=folder, models=models)
    late: list[float] = []
    stop = asyncio.Event()

    async def watch() -> None:
        while not stop.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - before) * 1000 - 1)

    async with (
        Engine(models=models, deadline=300) as engine,
        JournalThread(settings.journal) as journal,
        TestServer(console.build(engine, journal, settings)) as server,
    ):
        await engine.start()
        base = str(server.make_url("/")).rstrip("/")
        gc.collect()
        watcher = asyncio.create_task(watch())
        began = time.perf_counter()
        answered: list[int] = []
        client = threading.Thread(target=lambda: answered.append(asyncio.run(post(base, flight))))
        client.start()
        await asyncio.to_thread(client.join)
        seconds = time.perf_counter() - began
        stop.set()
        await watcher
    late.sort()
    return {
        "name": "event_loop_pause",
        "in_flight": flight,
        "answered": sum(answered),
        "seconds": round(seconds, 2),
        "longest_ms": round(late[-1], 2),
        "p99_ms": round(late[int(len(late) * 0.99)], 2),
        "bar": BAR,
        "ok": late[-1] < BAR,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--flight", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = event_loop.run(measure(options.models, options.flight, Path(folder)))
    print(json.dumps(report))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
