"""Work that comes again: once at once, again after an error, never twice beside itself, not after its end."""

import asyncio

import pytest

from bot.tending import Tending


async def test_it_comes_again_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    times = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal times
        times += 1
        if times == 3:
            enough.set()
        raise ValueError("not today")

    tending = Tending("gardens", 0.001, work)
    tending.begin()
    tending.begin()
    await asyncio.wait_for(enough.wait(), 30)
    await tending.close()
    known = times
    await asyncio.sleep(0.01)
    assert times == known
    errors = [
        record.message for record in caplog.records if "gardens could not be looked after" in record.message
    ]
    assert len(errors) == known


async def test_what_never_began_can_be_closed() -> None:
    async def work() -> None:
        raise AssertionError("nobody asked for this")

    await Tending("nothing", 1.0, work).close()
