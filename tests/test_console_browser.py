"""The console in a real browser: what people see, press and hear. Skips where there is no Chromium."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser import CHROMIUM, Browser, open_browser
from tests.console_fakes import Served, served
from tests.fakes import POEM

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]

MANAGED = ("/report", "/review", "/models", "/prompts", "/prompts/post", "/settings", "/privacy")
PAGES = ("/", "/write/poem", "/write/continue", "/write/summary", "/journal", *MANAGED, "/nowhere")
LOG = "\n".join(
    f"{name}：第{number}句话，说的是周末的事情" for number in range(60) for name in ("小明", "小红")
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: Browser, place: Served) -> AsyncIterator[Browser]:
    """A visitor nobody has seen before, who reads Chinese; whatever the page complains of fails the test."""
    await chromium.call("Network.clearBrowserCookies")
    await chromium.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN"})
    await chromium.scripts(True)
    await chromium.size(1280, 900)
    await chromium.go(place.address)
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []
    await chromium.go("about:blank")


async def say(browser: Browser, text: str) -> None:
    """Type a text into the chat and send it with the Enter key; wait for the answer."""
    before = await browser.run("document.querySelectorAll('.turn .actions').length")
    await browser.click("#text")
    await browser.type(text)
    await browser.press("Enter", 13)
    await browser.until(f"document.querySelectorAll('.turn .actions').length > {before}")


async def texts(browser: Browser, selector: str) -> list[str]:
    script = f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText.trim())"
    found: list[str] = await browser.run(script)
    return found


async def test_a_chat_goes_round_without_leaving_the_page(browser: Browser, place: Served) -> None:
    await browser.run("window.stayed = true")
    await say(browser, "你好")
    await say(browser, "今天下雨")
    assert await texts(browser, ".said p") == ["你好", "今天下雨"]
    assert await texts(browser, ".prose") == ["你好!", "今天下雨!"]
    assert place.engine.asked[-1].context == ("你好", "你好!")
    assert await browser.run("document.getElementById('text').value") == ""
    assert await browser.run("document.querySelector('.log').getAttribute('aria-live')") == "polite"
    assert await browser.run("window.stayed")
    assert await browser.run(
        "document.querySelector('.turn:last-child').getBoundingClientRect().bottom < innerHeight"
    )
    await browser.go(place.address)
    assert await texts(browser, ".prose") == ["你好!", "今天下雨!"], "it stands after a reload"


async def test_a_line_to_begin_with_begins(browser: Browser, place: Served) -> None:
    await browser.click(".starter")
    await browser.until("document.querySelector('.turn .prose')")
    assert place.engine.asked[0].text == (await texts(browser, ".said p"))[0]
    assert await browser.run("document.querySelector('.welcome') === null")
    assert await browser.run("document.activeElement.id") == "main", "the focus is not lost"


async def test_words_stand_at_once_and_a_second_press_sends_nothing(browser: Browser, place: Served) -> None:
    place.engine.gate = asyncio.Event()
    await browser.click("#text")
    await browser.type("慢慢来")
    await browser.press("Enter", 13)
    await browser.until("document.querySelector('.turn .waiting')")
    assert await texts(browser, ".said p") == ["慢慢来"]
    await browser.click("#text")
    await browser.type("急什么")
    await browser.press("Enter", 13)
    assert await browser.run("document.getElementById('text').value") == "急什么"
    place.engine.gate.set()
    await browser.until("document.querySelector('.turn .prose') && !document.querySelector('.waiting')")
    assert len(place.engine.asked) == 1


async def test_shift_enter_and_the_input_method_do_not_send(browser: Browser, place: Served) -> None:
    await browser.click("#text")
    await browser.type("第一行")
    await browser.press("Enter", 13, shift=True)
    await browser.type("第二行")
    composing = "{key: 'Enter', isComposing: true, bubbles: true, cancelable: true}"
    assert await browser.run(
        f"document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', {composing}))"
    )
    assert await browser.run("document.getElementById('text').value") == "第一行\n第二行"
    assert place.engine.asked == []


async def test_markup_in_words_stays_words(browser: Browser) -> None:
    attack = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>"
    await say(browser, attack)
    assert await texts(browser, ".said p") == [attack]
    assert await browser.run("document.querySelectorAll('.turn img, .turn script').length") == 0
    assert await browser.run("window.hurt === undefined")


async def test_a_script_that_got_in_all_the_same_would_be_refused_and_noticed(browser: Browser) -> None:
    await browser.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hurt=1\">')"
    )
    await browser.run("document.body.setAttribute('style', 'color: red')")
    await browser.run("fetch('http://127.0.0.2:9/').catch(() => 0)")
    await browser.until("true")
    for _ in range(100):
        if sum("Content Security Policy" in complaint for complaint in browser.complaints) >= 2:
            break
        await asyncio.sleep(0.05)
    refused = [complaint for complaint in browser.complaints if "Content Security Policy" in complaint]
    assert any("script-src" in complaint for complaint in refused)
    assert any("connect-src" in complaint for complaint in refused)
    assert await browser.run("window.hurt === undefined")
    browser.complaints.clear()


async def test_a_poem_shows_its_marks_and_its_rhymes(browser: Browser, place: Served) -> None:
    await browser.go(f"{place.address}/write/poem")
    await browser.click("#field-theme")
    await browser.type("登高")
    await browser.run("document.querySelector('#field-form').value = 'wujue'")
    await browser.click("main .primary")
    await browser.until("document.querySelector('.verse')")
    assert place.engine.asked[0].text == "登高"
    assert place.engine.asked[0].options == {"form": "wujue", "head": ""}
    assert "".join(await texts(browser, ".leaf .character")) == "".join(POEM)
    marks = await texts(browser, ".leaf .mark")
    wanted = await texts(browser, ".leaf .wanted")
    assert "".join(marks) == "仄仄平平仄平平仄仄平仄平平仄仄仄仄仄平平"
    assert len(wanted) == 20
    assert await texts(browser, ".leaf .rhyme .character") == ["流", "楼"]
    assert await texts(browser, ".leaf .rhyme .group") == ["十一尤", "十一尤"]
    ink, rhyme = [
        await browser.run(f"getComputedStyle(document.querySelector('{selector}')).color")
        for selector in (".cell:not(.rhyme) .character", ".rhyme .character")
    ]
    assert ink != rhyme
    columns = await browser.run(
        "[...document.querySelectorAll('.verse-line')].map(e => e.getBoundingClientRect().x)"
    )
    assert columns == sorted(columns, reverse=True), "the first line stands at the right"
    assert await texts(browser, ".verse .unseen p") == list(POEM), "a screen reader gets whole lines"


async def test_a_judgement_toggles_and_reaches_the_journal(browser: Browser, place: Served) -> None:
    await say(browser, "你好")
    for button, pressed, signals in (
        ("like", "true", [("fake-0001", 1.0, "")]),
        ("dislike", "true", [("fake-0001", -1.0, "")]),
        ("dislike", "false", []),
        ("like", "true", [("fake-0001", 1.0, "")]),
    ):
        await browser.run("document.getElementById('status').textContent = ''")
        await browser.click(f"[data-key={button}]")
        await browser.until("document.getElementById('status').textContent")
        state = await browser.run(
            f"document.querySelector('[data-key={button}]').getAttribute('aria-pressed')"
        )
        assert state == pressed
        assert await place.signals() == signals
        assert await browser.run("document.activeElement.dataset.key") == button, "the focus stays"
    await browser.go(place.address)
    assert (
        await browser.run("document.querySelector('[data-key=like]').getAttribute('aria-pressed')") == "true"
    )


async def test_reasons_are_asked_for_and_told(browser: Browser, place: Served) -> None:
    await browser.size(360, 500, touch=True)
    await say(browser, "你好" * 60)
    await browser.click("[data-key=dislike]")
    await browser.until("document.querySelector('.reasons')")
    await browser.until(
        "document.querySelector('.reasons').getBoundingClientRect().bottom"
        " <= document.querySelector('.composer').getBoundingClientRect().top"
    )
    await browser.click(".reasons input[value=dull]")
    await browser.click("[data-key=reasons]")
    await browser.until("document.querySelector('.reasons input[value=dull]').defaultChecked")
    assert await place.signals() == [("fake-0001", -1.0, "dull")]


@pytest.mark.parametrize("asking", ["again", "vary"])
async def test_again_and_vary_add_a_reply_and_why_unfolds(
    browser: Browser, place: Served, asking: str
) -> None:
    await say(browser, "你好")
    await browser.click(f"form[action$='/{asking}'] button")
    await browser.until("document.querySelectorAll('.turn .reply').length === 2")
    assert await browser.run("document.querySelectorAll('.turn').length") == 1
    await browser.click(".why summary")
    assert await browser.run("document.querySelector('.why .drafts').checkVisibility()")
    assert "talk@fake" in (await texts(browser, ".why-body"))[0]


async def test_a_failure_says_so_and_gives_the_words_back(browser: Browser, place: Served) -> None:
    place.engine.fail = RuntimeError("broken")
    await browser.click("#text")
    await browser.type("别丢了我的话")
    await browser.press("Enter", 13)
    await browser.until("document.querySelector('.composer [role=alert]')")
    assert await browser.run("document.getElementById('text').value") == "别丢了我的话"
    assert await browser.run("document.querySelectorAll('.turn').length") == 0
    assert len((await texts(browser, ".notice code"))[0]) == 8
    place.engine.fail = None
    await browser.press("Enter", 13)
    await browser.until("document.querySelector('.turn .prose')")
    assert await browser.run("document.querySelectorAll('.notice').length") == 0
    assert all("500" in complaint for complaint in browser.complaints)
    browser.complaints.clear()


async def test_a_point_scrolls_to_its_source(browser: Browser, place: Served) -> None:
    await browser.go(f"{place.address}/write/summary")
    await browser.run(f"document.getElementById('pasted').value = {json.dumps(LOG)}")
    await browser.run("document.getElementById('field-points').value = 12")
    await browser.click("main .primary")
    await browser.until("document.querySelector('.summary')")
    assert len(await texts(browser, ".messages li")) == 120
    await browser.run("document.querySelector('.messages').scrollTo(0, 1e6)")
    await browser.click(".points li:nth-child(9) [data-source]")
    inside = (
        "(() => { const list = document.querySelector('.messages').getBoundingClientRect(); "
        "const one = document.querySelector('.messages .shown').getBoundingClientRect(); "
        "return one.top >= Math.max(list.top, 0) && one.bottom <= Math.min(list.bottom, innerHeight); })()"
    )
    await browser.until(inside)
    assert await browser.run("document.activeElement.id") == "passage-9"
    await browser.click(".messages .shown .back")
    assert await browser.run("document.activeElement.id") == "point-9"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_nothing_is_wider_than_a_phone(browser: Browser, place: Served, dark: bool) -> None:
    await browser.size(360, 740, dark=dark, touch=True)
    await say(browser, "很长的话" * 40 + "https://example.org/" + "a" * 120)
    await browser.run("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await browser.run(wider)
    for language in ("zh-CN", "en"):
        await browser.go(f"{place.address}/language/{language}?back=/write/poem")
        await browser.click("main .primary")
        await browser.until("document.querySelector('.verse')")
        assert not await browser.run(wider)
        right = (
            "Math.max(...[...document.querySelectorAll('.leaf *')].map(e => e.getBoundingClientRect().right))"
        )
        assert await browser.run(right) <= 360
        for path in PAGES:
            await browser.go(place.address + path)
            await browser.run("document.querySelectorAll('details').forEach(e => { e.open = true; })")
            assert not await browser.run(wider), path
    paper = await browser.run("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")) / 3
    assert (brightness < 60) == dark
    assert all("404" in complaint for complaint in browser.complaints)
    browser.complaints.clear()


async def test_everything_can_be_reached_and_named_without_eyes_or_mouse(
    browser: Browser, place: Served
) -> None:
    await say(browser, "你好")
    nameless = """
        [...document.querySelectorAll('button, a, input:not([type=hidden]), textarea, select, summary')]
          .filter(e => e.checkVisibility())
          .filter(e => !(e.getAttribute('aria-label') || e.innerText?.trim() || e.labels?.length))
          .map(e => e.outerHTML)
    """
    for path in PAGES[:-1]:
        await browser.go(place.address + path)
        assert await browser.run(nameless) == [], path
        assert await browser.run("document.querySelectorAll('h1').length") == 1
        identities = await browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(identities) == len(set(identities)), path
    await browser.go(place.address)
    await browser.run("document.activeElement.blur()")
    await browser.press("Tab", 9)
    assert await browser.run("document.activeElement.className") == "skip"
    assert await browser.run("document.activeElement.getBoundingClientRect().top >= 0")
    outline = await browser.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "what has the focus is seen"
    seen = set()
    for _ in range(40):
        await browser.press("Tab", 9)
        seen.add(await browser.run("document.activeElement.dataset.key || document.activeElement.id"))
    assert {"like", "dislike", "text"} <= seen


async def test_the_main_paths_work_without_scripts(browser: Browser, place: Served) -> None:
    await browser.scripts(False)
    await browser.go(place.address)
    await browser.click("#text")
    await browser.type("没有脚本")
    await _leave(browser, ".composer-form .primary")
    assert await texts(browser, ".prose") == ["没有脚本!"]
    await _leave(browser, "[data-key=like]")
    assert await place.signals() == [("fake-0001", 1.0, "")]
    assert (
        await browser.run("document.querySelector('[data-key=like]').getAttribute('aria-pressed')") == "true"
    )
    await browser.go(f"{place.address}/write/poem")
    await _leave(browser, "main .primary")
    assert "".join(await texts(browser, ".leaf .character")) == "".join(POEM)
    await _leave(browser, "form[action$='/again'] button")
    assert (await browser.run("location.pathname")).startswith("/reply/")
    assert len(place.engine.asked) == 3
    await browser.go(f"{place.address}/write/summary")
    await browser.click("#pasted")
    await browser.type("小明：周五吃火锅\n小红：好呀好呀")
    await _leave(browser, "main .primary")
    await browser.click(".points [data-source]")
    assert await browser.run("document.querySelector('.messages :target').innerText.includes('火锅')")


async def _leave(browser: Browser, selector: str) -> None:
    """Press a button that loads another page and wait for that page."""
    browser.expect_load()
    await browser.click(selector)
    await browser.loaded()
