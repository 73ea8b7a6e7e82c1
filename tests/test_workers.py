"""The bounded queue: full, late, cancelled, closed."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import QueueFull, ShuttingDown, TooSlow
from engine.ticket import current, on_behalf_of
from engine.workers import Workers


async def test_work_runs_beside_the_event_loop() -> None:
    workers = Workers(1, 4, 5.0)
    names = await asyncio.gather(*(workers.run(lambda: threading.current_thread().name) for _ in range(3)))
    assert set(names) == {"moyou-worker-0"}
    await workers.close()


async def test_threads_that_were_begun_are_all_there_is_to_start() -> None:
    workers = Workers(3, 8, 5.0)
    await asyncio.to_thread(workers.begin)
    begun = list(workers._threads)
    assert [thread.is_alive() for thread in begun] == [True] * 3
    await asyncio.gather(*(workers.run(lambda: None) for _ in range(6)))
    assert workers._threads == begun
    await workers.close()
    workers.begin()
    assert workers._threads == []


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


def group_of(workers: Workers, group: str, work: Callable[[], Any]) -> asyncio.Task[Any]:
    with on_behalf_of(group):
        return asyncio.create_task(workers.run(work))


async def test_a_small_group_does_not_wait_for_a_busy_one() -> None:
    workers = Workers(1, 300, 5.0)
    gate, order = threading.Event(), list[str]()
    first = asyncio.create_task(workers.run(gate.wait))
    await asyncio.sleep(0)
    tasks = [group_of(workers, "busy", lambda: order.append("busy")) for _ in range(200)]
    tasks += [group_of(workers, "small", lambda: order.append("small")) for _ in range(2)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *tasks)
    assert len(order) == 202
    assert max(place for place, group in enumerate(order) if group == "small") <= 4
    await workers.close()


async def test_when_the_queue_is_full_the_busiest_gives_way() -> None:
    workers = Workers(1, 4, 5.0)
    gate = threading.Event()
    first = group_of(workers, "busy", gate.wait)
    busy = [group_of(workers, "busy", lambda n=n: n) for n in range(3)]
    await asyncio.sleep(0.05)
    small = group_of(workers, "small", lambda: "small")
    with pytest.raises(QueueFull):
        await busy[2]
    with pytest.raises(QueueFull):
        await group_of(workers, "busy", lambda: None)
    gate.set()
    assert await asyncio.gather(first, *busy[:2], small) == [True, 0, 1, "small"]
    await asyncio.sleep(0)
    assert workers.waiting == 0
    await workers.close()


async def test_one_computes_at_a_time_and_waiting_is_not_computing() -> None:
    workers = Workers(3, 8, 5.0)
    inside, most, lock = 0, 0, threading.Lock()
    gate = threading.Event()

    def compute() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        gate.wait(0.01)
        with lock:
            inside -= 1

    def work() -> None:
        compute()
        with current().aside():
            gate.wait()
        compute()

    tasks = [asyncio.create_task(workers.run(work)) for _ in range(3)]
    await asyncio.sleep(0.1)
    gate.set()
    await asyncio.gather(*tasks)
    assert most == 1
    await workers.close()


async def test_work_whose_caller_left_is_told() -> None:
    workers = Workers(1, 4, 5.0)
    began, told = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        while not current().over:
            pass
        told.set()

    task = asyncio.create_task(workers.run(work))
    await asyncio.to_thread(began.wait)
    task.cancel()
    assert await asyncio.to_thread(told.wait, 5)
    await workers.close()


async def test_work_that_is_late_is_told() -> None:
    workers = Workers(1, 4, 0.1)
    told, gate = threading.Event(), threading.Event()

    def work() -> None:
        while not current().over:
            pass
        told.set()
        gate.wait()

    with pytest.raises(TooSlow):
        await workers.run(work)
    assert await asyncio.to_thread(told.wait, 5)
    gate.set()
    await workers.close()
