"""Many at once: how long they wait, whether any is lost, whether a small server starves, how the loop pauses.

Knows: the engine's one door, an event loop's lateness. Does not know: the other benches.

What all the work is worth is known from fewer: _FEW conversations at once fill the batch, and take so long
each.
"""

from __future__ import annotations

import asyncio
import time

from engine.errors import MoyouError
from engine.summary_bench import Measurement
from engine.ticket import on_behalf_of
from engine.values import Request
from engine.writer import Engine

BURST, QUICK_BURST = 256, 48
_FEW = 32
_ASKINGS = (
    "你好",
    "今天下班路上看到一只橘猫，蹲在便利店门口等人。",
    "I am so tired of my job.",
    "晚饭吃什么好",
)


async def burst(quick: bool) -> list[Measurement]:
    """Many conversations at once, and two requests of another server among two hundred of one."""
    count = QUICK_BURST if quick else BURST
    async with Engine(deadline=600, queue=4 * count) as engine:
        await engine.start()
        for number, words in enumerate(_ASKINGS):
            await _ask(engine, "warm", words, number)
        _, few, _ = await _at_once(engine, _FEW)
        work = count * few / _FEW
        waits, _, longest = await _at_once(engine, count)
        lost = sum(wait is None for wait in waits)
        got = sorted(wait for wait in waits if wait is not None)
        p99 = got[int(len(got) * 0.99)] if got else float("inf")
        found = [
            Measurement("burst_p99", p99, "s", limit=work, bar="<= 3x the work", ok=p99 <= 3 * work),
            Measurement("burst_lost", lost, "replies", bar="0", ok=lost == 0),
            Measurement("burst_pause", 1000 * longest, "ms", bar="<= 20", ok=longest <= 0.02),
        ]
        busy = [asyncio.create_task(_timed(engine, "busy", n)) for n in range(min(200, count))]
        small = [asyncio.create_task(_timed(engine, "small", n)) for n in range(2)]
        first = sorted([wait or 0.0 for wait in await asyncio.gather(*busy)])[:2]
        slowest = max(wait or float("inf") for wait in await asyncio.gather(*small))
        share = slowest / max(first)
        found.append(
            Measurement("small_server", share, "x the busy server's first", bar="<= 3", ok=share <= 3)
        )
        return found


async def _at_once(engine: Engine, count: int) -> tuple[list[float | None], float, float]:
    """Seconds that each waited (None: lost), seconds of all together, the loop's longest pause."""
    late, stop = [0.0], asyncio.Event()

    async def watch() -> None:
        while not stop.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - before - 0.001)

    watcher = asyncio.create_task(watch())
    began = time.perf_counter()
    waits = await asyncio.gather(
        *(_timed(engine, f"server {number % 16}", number) for number in range(count))
    )
    spent = time.perf_counter() - began
    stop.set()
    await watcher
    return list(waits), spent, max(late)


async def _timed(engine: Engine, group: str, number: int) -> float | None:
    began = time.perf_counter()
    written = await _ask(engine, group, _ASKINGS[number % len(_ASKINGS)], number)
    return time.perf_counter() - began if written else None


async def _ask(engine: Engine, group: str, words: str, seed: int) -> bool:
    with on_behalf_of(group):
        try:
            await engine.write(Request("chat", words, seed=seed))
        except MoyouError:
            return False
    return True
