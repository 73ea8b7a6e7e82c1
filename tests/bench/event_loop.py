"""python -m tests.bench.event_loop: the event loop's longest pause while replies are written.

A task sleeps for a millisecond again and again and notes how late it wakes; meanwhile 32 requests,
half verse and half talk, are in flight. One JSON line; the bar is 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from pathlib import Path

from engine import Engine, MoyouError, Request

BAR = 50.0  # ms


async def measure(engine: Engine, flight: int) -> dict[str, object]:
    await engine.start()
    gc.collect()
    late: list[float] = []
    stop = asyncio.Event()

    async def watch() -> None:
        while not stop.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - before) * 1000 - 1)

    async def ask(number: int) -> bool:
        task = "poem" if number % 2 else "chat"
        request = Request(task, f"说说第{number}场雨", locale="zh-CN", seed=number)
        try:
            await engine.write(request)
        except MoyouError:
            return False
        return True

    watcher = asyncio.create_task(watch())
    began = time.perf_counter()
    answered = sum(await asyncio.gather(*(ask(number) for number in range(flight))))
    seconds = time.perf_counter() - began
    stop.set()
    await watcher
    late.sort()
    return {
        "name": "event_loop_pause",
        "in_flight": flight,
        "answered": answered,
        "seconds": round(seconds, 2),
        "longest_ms": round(late[-1], 2),
        "p99_ms": round(late[int(len(late) * 0.99)], 2),
        "bar": BAR,
        "ok": late[-1] < BAR,
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--flight", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    async with Engine(models=options.models, workers=options.workers, deadline=300) as engine:
        print(json.dumps(await measure(engine, options.flight)))


if __name__ == "__main__":
    asyncio.run(main())
