"""The bounded queue: full, late, cancelled, closed."""

import asyncio
import threading

import pytest

from engine.errors import QueueFull, ShuttingDown, TooSlow
from engine.workers import Workers


async def test_work_runs_beside_the_event_loop() -> None:
    workers = Workers(1, 4, 5.0)
    names = await asyncio.gather(*(workers.run(lambda: threading.current_thread().name) for _ in range(3)))
    assert set(names) == {"moyou-worker-0"}
    await workers.close()


async def test_a_full_queue_says_so_at_once_and_recovers() -> None:
    workers = Workers(1, 2, 5.0)
    gate = threading.Event()
    waiting = [asyncio.create_task(workers.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull, match="try again"):
        await workers.run(lambda: None)
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await workers.run(lambda: 7) == 7
    await workers.close()


async def test_errors_reach_the_one_who_waits() -> None:
    workers = Workers(1, 2, 5.0)
    with pytest.raises(ZeroDivisionError):
        await workers.run(lambda: 1 / 0)
    assert await workers.run(lambda: "alive") == "alive"
    await workers.close()


async def test_a_deadline_ends_the_waiting_and_the_work_that_had_not_begun() -> None:
    workers = Workers(1, 4, 0.2)
    gate, began = threading.Event(), []
    first = asyncio.create_task(workers.run(gate.wait))
    second = asyncio.create_task(workers.run(lambda: began.append(1)))
    for task in (first, second):
        with pytest.raises(TooSlow, match=r"0\.2 seconds"):
            await task
    assert workers.waiting == 2, "work that was given up still holds its place until a worker passes it"
    gate.set()
    await workers.close()
    await asyncio.sleep(0)
    assert began == []
    assert workers.waiting == 0


async def test_cancelled_work_is_not_begun() -> None:
    workers = Workers(1, 4, 5.0)
    gate, began = threading.Event(), []
    first = asyncio.create_task(workers.run(gate.wait))
    second = asyncio.create_task(workers.run(lambda: began.append(1)))
    await asyncio.sleep(0)
    second.cancel()
    gate.set()
    await first
    await workers.close()
    assert began == []


async def test_closing_refuses_what_waits_and_what_comes() -> None:
    workers = Workers(1, 4, 5.0)
    gate, inside = threading.Event(), threading.Event()

    def hold() -> bool:
        inside.set()
        return gate.wait()

    first = asyncio.create_task(workers.run(hold))
    await asyncio.to_thread(inside.wait)
    second = asyncio.create_task(workers.run(lambda: 1))
    await asyncio.sleep(0)
    closing = asyncio.create_task(workers.close())
    with pytest.raises(ShuttingDown):
        await second
    gate.set()
    await closing
    assert await first is True
    with pytest.raises(ShuttingDown):
        await workers.run(lambda: 1)
