"""The console's start: what is made ready beside the loop, and what waits for the models."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import jinja2
import pytest

from engine import traditional
from tests.console_fakes import Visitor, served, visiting


async def test_what_is_asked_before_the_models_are_loaded_waits_for_them(tmp_path: Path) -> None:
    started = asyncio.Event()
    async with served(tmp_path, started) as place, visiting(place.address) as visitor:
        assert (await visitor.get("/")).status == 200, "a page needs no model"
        asking = asyncio.create_task(visitor.part("/chat", {"text": "你好"}))
        async with visiting(place.address) as other:
            await other.get("/")
        assert not asking.done()
        assert place.engine.asked == []
        started.set()
        assert (await asking).status == 200
        assert "你好!" in visitor.page


async def test_nothing_slow_is_left_for_the_first_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traditional._shipped.cache_clear()
    async with served(tmp_path) as place, visiting(place.address, "zh-TW") as visitor:
        assert traditional._shipped.cache_info().currsize == 1

        def compiled(*_: object, **__: object) -> None:
            raise AssertionError("a template is compiled while somebody waits")

        monkeypatch.setattr(jinja2.Environment, "compile", compiled)
        await visitor.post("/chat", {"text": "你好"})
        await visitor.post("/write/poem", {"theme": "月"})
        for path in ("/", "/write/poem", "/write/summary", "/journal", visitor_path(visitor)):
            assert (await visitor.get(path)).status == 200
        assert (await visitor.get("/nowhere")).status == 404


def visitor_path(visitor: Visitor) -> str:
    """The page of the reply that the visitor's page shows."""
    found = re.search(r"/reply/[\w-]+", visitor.page)
    assert found is not None
    return found[0]
