"""python -m tests.bench.start: seconds from a new process to its first answer, and its memory.

Runs `python -m bot` on a free loopback port with a data folder of its own, asks the console's page,
then posts one poem; reads resident memory from /proc after poems and talk. One JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

BAR_SECONDS, BAR_MEGABYTES = 10.0, 700.0


def resident(pid: int) -> float:
    """Megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else 0.0


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = 18642
        environment = {**os.environ, "MOYOU_DATA": folder, "MOYOU_PORT": str(port), "DISCORD_TOKEN": ""}
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            base = f"http://127.0.0.1:{port}"
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                page = await _first_page(session, base)
                token = re.search(r'name="form_token" value="([^"]+)"', page)
                headers = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
                field = {"form_token": token.group(1) if token else ""}
                for path, words in (
                    ("/write/poem", {"theme": "秋夜"}),
                    ("/chat", {"text": "你好"}),
                    ("/write/continue", {"text": "今天天气很好，"}),
                ):
                    async with session.post(base + path, data={**field, **words}, headers=headers) as answer:
                        answer.raise_for_status()
                    if path == "/write/poem":
                        first = time.perf_counter() - began
            memory = resident(process.pid)
        finally:
            process.terminate()
            await process.wait()
    report = {
        "name": "start",
        "first_answer_seconds": round(first, 2),
        "resident_megabytes": round(memory),
        "bars": [BAR_SECONDS, BAR_MEGABYTES],
        "ok": first < BAR_SECONDS and memory < BAR_MEGABYTES,
    }
    print(json.dumps(report))


async def _first_page(session: aiohttp.ClientSession, base: str) -> str:
    for _ in range(600):
        try:
            async with session.get(base + "/") as answer:
                return await answer.text()
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)
    raise SystemExit("the console did not start")


if __name__ == "__main__":
    asyncio.run(main())
