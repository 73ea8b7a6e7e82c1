"""Who the console lets in: headers, hosts, forged posts, cookies, the token, languages."""

from __future__ import annotations

import asyncio
import io
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import FormData

from bot import console
from bot.console import BODY_LIMIT
from bot.console.guard import POLICY, Guard, accepted_locale
from bot.settings import Settings
from engine import BadSetting
from tests.console_fakes import SAME, ConsoleEngine, Served, Visitor, served, visiting

TOKEN = "correct-horse-battery"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as served_here:
        yield served_here


@pytest.fixture
async def visitor(place: Served) -> AsyncIterator[Visitor]:
    async with visiting(place.address) as one:
        yield one


# --- languages


async def test_pages_speak_the_browsers_language_until_another_is_chosen(place: Served) -> None:
    async with visiting(place.address, "en-GB,en;q=0.9") as one:
        await one.get("/write/poem")
        assert '<html lang="en">' in one.page
        assert "Quatrain of five (wujue)" in one.page
        answer = await one.get("/language/zh-TW?back=/write/poem")
        assert answer.url.path == "/write/poem"
        assert "作詩" in one.page
        assert "寫絕句、律詩" in one.page
        for away in ("//evil.example/", "https://evil.example/", "/\\evil.example", "evil"):
            answer = await one.get("/language/en", params={"back": away}, allow_redirects=False)
            assert answer.headers["Location"] == "/"
        assert (await one.get("/language/xx")).status == 404


def test_the_most_wanted_language_wins() -> None:
    assert accepted_locale("", "zh-CN") == "zh-CN"
    assert accepted_locale("fr, de;q=0.9", "zh-TW") == "zh-TW"
    assert accepted_locale("en;q=0.5, zh-tw;q=0.8", "en") == "zh-TW"
    assert accepted_locale("zh-Hant-HK, en", "en") == "zh-TW"
    assert accepted_locale("zh;q=0, en;q=oops, en-US;q=0.1", "zh-CN") == "en"


# --- what is refused


async def test_every_answer_carries_the_strict_headers(visitor: Visitor) -> None:
    for path in ("/", "/write/poem", "/journal", "/nowhere", "/static/page.css", "/static/none.css"):
        answer = await visitor.get(path)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Python" not in answer.headers["Server"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in POLICY
    assert "unsafe" not in POLICY


async def test_a_page_brings_no_inline_script_style_or_foreign_address(visitor: Visitor) -> None:
    await visitor.part("/write/poem", {"theme": "雪"})
    for path in ("/", "/write/poem", "/write/summary", "/journal", "/reply/fake-0001"):
        await visitor.get(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", visitor.page)
        assert set(re.findall(r'(?:src|href|action)="([^"]*)"', visitor.page)) == {
            address
            for address in re.findall(r'(?:src|href|action)="([^"]*)"', visitor.page)
            if re.match(r"/(?!/)|#", address)
        }


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8642", "127.0.0.1.evil.example", "[::2]", "[", ""]
)
async def test_a_strange_host_reads_nothing(visitor: Visitor, host: str) -> None:
    answer = await visitor.get("/", headers={"Host": host})
    assert answer.status == 403
    assert "铺纸" not in visitor.page


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8642"])
async def test_loopback_has_several_names_and_any_port(visitor: Visitor, host: str) -> None:
    assert (await visitor.get("/", headers={"Host": host})).status == 200


async def test_posts_from_elsewhere_are_refused(place: Served, visitor: Visitor) -> None:
    await visitor.get("/")
    token = re.findall(r'name="form_token" value="(\w+)"', visitor.page)[0]
    good = {"text": "你好", "form_token": token}
    host = place.address.removeprefix("http://")
    for headers, data in (
        ({"Sec-Fetch-Site": "cross-site"}, good),
        ({"Sec-Fetch-Site": "same-site"}, good),
        ({"Sec-Fetch-Site": "none"}, good),
        ({}, {"text": "你好"}),
        ({}, {"text": "你好", "form_token": "0" * 64}),
        ({"Origin": "http://evil.example"}, good),
        ({"Origin": "http://[evil"}, good),
    ):
        assert (await visitor.post("/chat", data, headers=headers)).status == 403
    assert place.engine.asked == []
    for headers in ({}, {"Origin": "null"}, {"Origin": f"http://{host}"}):
        assert (await visitor.post("/chat", good, headers=headers)).status == 200
    async with visiting(place.address) as other:
        await other.get("/")
        answer = await other.post("/chat", good, headers={})
        assert answer.status == 403, "a form token belongs to one visitor"


async def test_more_than_ten_megabytes_is_said(visitor: Visitor) -> None:
    headers = {**SAME, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await visitor.post("/chat", io.BytesIO(b"text=" + b"a" * BODY_LIMIT), headers=headers)
    assert answer.status == 413
    assert "10 MB" in visitor.page
    form = FormData({"points": "5"})
    form.add_field("upload", io.BytesIO(b"a" * BODY_LIMIT), filename="a.txt", content_type="text/plain")
    assert (await visitor.part("/write/summary", form)).status == 413


async def test_cookies_are_out_of_scripts_reach(place: Served) -> None:
    async with visiting(place.address) as one:
        answer = await one.get("/")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Set-Cookie" not in (await one.get("/")).headers
        one.session.cookie_jar.clear()
        answer = await one.get("/", headers={"Cookie": "moyou_person=../../etc"})
        assert "moyou_person" in answer.headers["Set-Cookie"], "a cookie we did not make is replaced"


# --- bound to more than loopback


async def test_the_token_opens_the_console_and_nothing_else_does(tmp_path: Path) -> None:
    async with served(tmp_path, host="0.0.0.0", console_token=TOKEN) as place, visiting(place.address) as one:
        answer = await one.get("/", headers={"Host": "moyou.example"})
        assert answer.url.path == "/login"
        assert "铺纸" not in one.page
        assert (await one.post("/chat", {"text": "你好"})).status == 403
        assert (await one.part("/chat", {"text": "你好"})).status == 403
        assert (await one.get("/static/page.css")).status == 200
        for wrong in ("", "x", TOKEN + "x", TOKEN.upper(), "ö"):
            assert (await one.post("/login", {"token": wrong})).status == 403
        assert (await one.get("/")).url.path == "/login"
        assert place.engine.asked == []
        answer = await one.post("/login", {"token": f" {TOKEN}\n"}, allow_redirects=False)
        assert answer.status == 303
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert "SameSite=Strict" in answer.headers["Set-Cookie"]
        assert TOKEN not in answer.headers["Set-Cookie"]
        assert (await one.get("/")).url.path == "/"
        assert (await one.post("/chat", {"text": "你好"})).status == 200
        assert (
            await one.post("/chat", {"text": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
        ).status == 403
        await one.post("/logout")
        assert (await one.get("/")).url.path == "/login"
        for forged in ("9999999999.0", "9999999999.", "x", f"9999999999.{TOKEN}"):
            answer = await one.get("/", headers={"Cookie": f"moyou_sign_in={forged}"})
            assert answer.url.path == "/login"


def test_without_a_token_nothing_is_opened_to_other_machines(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"控制台开在 0\.0\.0\.0"):
        console.build(cast(Any, ConsoleEngine()), cast(Any, None), Settings(host="0.0.0.0"))


def test_guessing_has_to_wait() -> None:
    now = 1000.0
    guard = Guard(Settings(console_token=TOKEN), clock=lambda: now)
    for _ in range(10):
        assert not guard.too_many_failures()
        assert not guard.right_token("wrong")
    assert guard.too_many_failures()
    now = 1061.0
    assert not guard.too_many_failures()
    assert guard.right_token(TOKEN)
    assert not Guard(Settings()).right_token(""), "no token is no token that fits"


async def test_nonsense_on_the_socket_gets_no_traceback(place: Served) -> None:
    host, port = place.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), family=socket.AF_INET)
    writer.write(b"POST /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: oops\r\n\r\n")
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b"400" in answer.split(b"\r\n")[0]
    assert b"Traceback" not in answer
