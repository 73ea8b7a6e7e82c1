"""bot/patience.py: what nobody answers is asked again where that does no harm."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
from discord.http import Route

from bot.patience import PATIENCE, PAUSE, TRIES, fetched, patient

NONCE = {"content": "x", "nonce": "1", "enforce_nonce": True}


class Line:
    """Raises the given errors, one a request, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self, route: Route, **options: Any) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("PATCH", {"content": "x"}), ("PUT", None), ("POST", NONCE)]
)
async def test_what_can_be_made_twice_is_made_again(
    monkeypatch: pytest.MonkeyPatch, method: str, body: Any
) -> None:
    monkeypatch.setattr("bot.patience.PAUSE", 0.0)
    line = Line(TimeoutError(), aiohttp.ServerDisconnectedError())
    assert await patient(line)(Route(method, "/x"), json=body) == "answer"
    assert line.asked == 3


async def test_after_some_tries_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.patience.PAUSE", 0.0)
    line = Line(*[TimeoutError()] * TRIES)
    with pytest.raises(TimeoutError):
        await patient(line)(Route("GET", "/x"))
    assert line.asked == TRIES


@pytest.mark.parametrize("body", [None, {"content": "x"}, {"nonce": "1"}])
async def test_a_post_without_an_enforced_nonce_is_not_made_twice(body: Any) -> None:
    line = Line(TimeoutError())
    with pytest.raises(TimeoutError):
        await patient(line)(Route("POST", "/x"), json=body)
    assert line.asked == 1


async def test_a_limit_of_the_servers_before_discord_is_waited_out_if_it_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("bot.patience.asyncio.sleep", wait)
    file = discord.File(io.BytesIO("全文".encode()), "a.txt")
    file.fp.read()
    line = Line(refused(429, **{"Retry-After": "3"}))
    assert await patient(line)(Route("POST", "/x"), json={"content": "x"}, files=[file]) == "answer"
    assert file.fp.read() == "全文".encode()  # it is sent whole once more
    assert waits == [3.0]
    long = Line(refused(429, **{"Retry-After": "3600"}))
    with pytest.raises(discord.HTTPException):
        await patient(long)(Route("GET", "/x"))
    assert long.asked == 1
    forbidden = Line(refused(403))
    with pytest.raises(discord.HTTPException):
        await patient(forbidden)(Route("GET", "/x"))
    assert forbidden.asked == 1


async def test_a_message_with_a_file_is_one_message_however_often_it_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.patience.PAUSE", 0.0)
    for body, asked in ((NONCE, 2), ({"content": "x"}, 1)):
        form = [{"name": "payload_json", "value": json.dumps(body)}, {"name": "files[0]", "value": b"x"}]
        line = Line(TimeoutError())
        if asked == 1:
            with pytest.raises(TimeoutError):
                await patient(line)(Route("POST", "/x"), form=form)
        else:
            assert await patient(line)(Route("POST", "/x"), form=form) == "answer"
        assert line.asked == asked


class Files:
    """Raises the given errors, one a request, then has the file."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self, url: str) -> bytes:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return b"file"


def refused(status: int, **headers: str) -> discord.HTTPException:
    return discord.HTTPException(cast(Any, SimpleNamespace(status=status, reason="", headers=headers)), "")


async def test_a_file_is_read_again_after_a_limit_or_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("bot.patience.asyncio.sleep", wait)
    limited = refused(429, **{"Retry-After": "1.5"})
    assert await fetched(Files(limited, refused(502)))("url") == b"file"
    assert await fetched(Files(TimeoutError(), refused(429, **{"Retry-After": "9999"})))("url") == b"file"
    assert await fetched(Files(refused(429, **{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})))("url")
    assert waits == [1.5, PAUSE, 0.0, PATIENCE, PATIENCE]
    gone = Files(refused(404))
    with pytest.raises(discord.HTTPException):
        await fetched(gone)("url")
    assert gone.asked == 1
    never = Files(*[refused(503)] * TRIES)
    with pytest.raises(discord.HTTPException):
        await fetched(never)("url")
    assert never.asked == TRIES


async def test_other_errors_are_the_callers() -> None:
    line = Line(ValueError("a bad request"))
    with pytest.raises(ValueError, match="a bad request"):
        await patient(line)(Route("GET", "/x"))
    assert line.asked == 1
