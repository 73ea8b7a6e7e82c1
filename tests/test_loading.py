"""While models are loaded, who asks hears so at once; who is in danger is answered all the same."""

from __future__ import annotations

import asyncio
import threading

import pytest

from engine import Engine, Loading, Request


class Slow(Engine):
    """An engine whose models take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def _load_all(self) -> None:
        self.begun.set()
        self.go.wait(60)


async def test_a_request_while_models_are_loaded_is_told_so() -> None:
    async with Slow() as engine:
        loading = asyncio.create_task(engine.start())
        await asyncio.to_thread(engine.begun.wait, 60)
        with pytest.raises(Loading):
            await engine.write(Request("chat", "你好"))
        reply = await engine.write(Request("chat", "我想死"))
        assert reply.origin == "fixed"
        engine.go.set()
        await loading


async def test_a_failed_start_does_not_stay_a_start() -> None:
    class Broken(Slow):
        def _load_all(self) -> None:
            raise RuntimeError

        def _load(self) -> None:  # type: ignore[override]
            raise KeyError

    async with Broken() as engine:
        with pytest.raises(RuntimeError):
            await engine.start()
        with pytest.raises(KeyError):
            await engine.write(Request("chat", "你好"))
