"""The pages for whoever looks after Moyou, in a real browser. Skips where there is no Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser import CHROMIUM, Browser, open_browser
from tests.console_fakes import Served, served
from tests.test_feedback_command import fill, reviews
from tests.test_tuned import make

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, data=tmp_path) as one:
        await one.journal(fill, "1", "2", 6)
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: Browser, place: Served) -> AsyncIterator[Browser]:
    await chromium.call("Network.clearBrowserCookies")
    await chromium.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN"})
    await chromium.size(1280, 900)
    await chromium.go(place.address)  # what the page before still asked for is over
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []
    await chromium.go("about:blank")


async def shown(browser: Browser) -> str:
    return str(await browser.run("document.querySelector('.card blockquote')?.innerText ?? ''"))


async def press(browser: Browser, key: str) -> None:
    browser.expect_load()
    await browser.press(key, ord(key.upper()))
    await browser.loaded()


async def test_reviews_go_by_keyboard_alone(browser: Browser, place: Served) -> None:
    await browser.go(f"{place.address}/review")
    assert await browser.run("document.activeElement.matches('.card')")
    assert await shown(browser) == "第1条"
    await press(browser, "u")
    assert await shown(browser) == "第0条□"
    assert await browser.run("document.querySelector('[role=status]').innerText.startsWith('记下了')")
    await press(browser, "s")
    assert await shown(browser) == "第2条"
    await press(browser, "g")
    assert await place.journal(reviews) == [("g01", -1.0, "unsafe"), ("g02", 1.0, "good")]
    # letters typed into the rewrite are letters
    before = await shown(browser)
    await browser.run("document.querySelector('.card details').open = true")
    await browser.click("#rewrite")
    await browser.press("b", ord("B"))
    await browser.type("better so")
    assert await shown(browser) == before
    browser.expect_load()
    await browser.click("[value=bad]")
    await browser.loaded()
    assert (await place.journal(reviews))[-1][2].startswith("bad\n")
    assert (await place.journal(reviews))[-1][2].endswith("better so")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_a_phone_reaches_every_verdict_with_a_thumb(
    browser: Browser, place: Served, language: str
) -> None:
    await browser.size(360, 740, touch=True)
    await browser.go(f"{place.address}/language/{language}?back=/review")
    sizes = await browser.run(
        "[...document.querySelectorAll('.verdict-row button')].map(e => e.getBoundingClientRect())"
        ".map(b => [b.width, b.height])"
    )
    assert len(sizes) == 3
    assert all(width >= 44 and height >= 44 for width, height in sizes)
    assert not await browser.run(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


async def test_the_report_shows_its_picture_and_says_it_in_tables(browser: Browser, place: Served) -> None:
    pytest.importorskip("matplotlib")
    for width in (1280, 360):
        await browser.size(width, 740)
        await browser.go(f"{place.address}/report")
        await browser.until("document.querySelector('.picture img').complete")
        assert await browser.run("document.querySelector('.picture img').naturalWidth") > 300
        assert await browser.run("document.querySelector('.picture img').alt.length") > 5
        narrow = await browser.run("document.querySelector('.picture img').currentSrc.includes('narrow')")
        assert narrow == (width == 360)
    assert await browser.run("document.querySelectorAll('.table tbody th[scope=row]').length") >= 4


async def test_a_model_is_promoted_and_rolled_back_by_pressing(
    browser: Browser, place: Served, tmp_path: Path
) -> None:
    version = make(tmp_path / "models", 1)
    await browser.go(f"{place.address}/models")
    for selector, in_force in (("[name=version]", True), ("[name=model]", False)):
        browser.expect_load()
        await browser.click(selector)
        await browser.loaded()
        assert await browser.run("document.querySelectorAll('.card.in-force').length") == in_force
    assert version in await browser.run("document.querySelector('main').innerText")


async def test_a_prompt_is_tried_without_leaving_the_page(browser: Browser, place: Served) -> None:
    await browser.go(f"{place.address}/prompts/post")
    await browser.run("window.stayed = true")
    await browser.click("#field-topic")
    await browser.type("雨天")
    await browser.click("main .primary")
    await browser.until("document.querySelector('.results .prose')")
    assert await browser.run("window.stayed")
    await browser.click(".results .why summary")
    assert await browser.run("document.querySelectorAll('.results .drafts li').length") == 2
