"""bot/metrics.py and bot/console/health.py: numbers for watchers, without people or words in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot import console
from bot.metrics import Metrics
from bot.settings import Settings
from engine import Fact, Journal, JournalThread, Place, QueueFull, Request
from tests.fakes import FakeEngine
from tests.replies import reply

TOKEN = "a token of the console"


@asynccontextmanager
async def watched(
    path: Path, started: asyncio.Event | None = None, metrics: Metrics | None = None, **settings: Any
) -> AsyncIterator[tuple[aiohttp.ClientSession | Any, JournalThread]]:
    async with JournalThread(path / "journal.db") as journal:
        app = console.build(cast(Any, FakeEngine()), journal, Settings(**settings), started, metrics)
        async with TestClient(TestServer(app)) as client:
            yield client, journal


async def test_health_is_said_once_texts_can_be_written(tmp_path: Path) -> None:
    started, metrics = asyncio.Event(), Metrics()
    async with watched(tmp_path, started, metrics, discord_token="x") as (client, _):
        answer = await client.get("/healthz")
        assert (answer.status, await answer.json()) == (503, {"status": "starting", "discord": "connecting"})
        assert not answer.cookies
        started.set()
        metrics.connected(3)
        answer = await client.get("/healthz")
        assert (answer.status, await answer.json()) == (200, {"status": "serving", "discord": "connected"})
        metrics.connected(None)
        assert (await (await client.get("/healthz")).json())["discord"] == "connecting"


async def test_numbers_of_the_engine_and_the_journal_and_nobodys_words(tmp_path: Path) -> None:
    metrics = Metrics()
    async with watched(tmp_path, None, metrics) as (client, journal):
        place = Place("discord", "123456789012345678", "2")
        await journal(Journal.record, Request("chat", "secret words"), reply("g"), "person-1", place)
        await journal(Journal.react, Fact("g", "person-2", "reaction", 1.0, "👍"))
        with metrics.answering("chat"):
            pass
        with pytest.raises(QueueFull), metrics.answering("poem"):
            raise QueueFull(waiting=3)
        metrics.failed(ValueError("secret words"))
        metrics.started()
        answer = await client.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert not answer.cookies
        text = await answer.text()
    for line in (
        'moyou_discord_answers_total{outcome="sent",task="chat"} 1.0',
        'moyou_discord_answers_total{outcome="queue_full",task="poem"} 1.0',
        'moyou_discord_answer_seconds_count{task="chat"} 1.0',
        'moyou_failures_total{code="unexpected"} 1.0',
        "moyou_discord_starts_total 1.0",
        "moyou_waiting 2.0",
        "moyou_queue 64.0",
        'moyou_model_loaded{model="talk"} 1.0',
        f'moyou_journal_replies{{task="{reply("g").task}"}} 1.0',
    ):
        assert line in text.splitlines()
    for secret in ("secret", "person-", "123456789012345678"):
        assert secret not in text


async def test_numbers_want_the_token_where_there_is_one_and_health_does_not(tmp_path: Path) -> None:
    async with watched(tmp_path, console_token=TOKEN) as (client, _):
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/metrics")).status == 401
        wrong = {"Authorization": "Bearer something else"}
        assert (await client.get("/metrics", headers=wrong)).status == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert (await client.get("/metrics", headers=right)).status == 200
