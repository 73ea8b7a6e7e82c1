"""The loop that the bot runs on."""

import asyncio
import sys

import pytest

from bot import event_loop


async def _loop() -> str:
    return type(asyncio.get_running_loop()).__module__


@pytest.mark.skipif(sys.platform == "win32", reason="there is none")
def test_libuvs_loop_is_taken() -> None:
    assert event_loop.run(_loop()).partition(".")[0] == "uvloop"


def test_where_it_is_missing_asyncios_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert event_loop.run(_loop()).partition(".")[0] == "asyncio"


def test_what_it_raises_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        event_loop.run(fails())
