"""Judgements and repeats in the console: what reaches the journal, and what is said when nothing does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import FormData

from engine import REPORT, Fact, Journal
from tests.console_fakes import Served, Visitor, served, visiting


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as served_here:
        yield served_here


@pytest.fixture
async def visitor(place: Served) -> AsyncIterator[Visitor]:
    async with visiting(place.address) as one:
        yield one


@pytest.mark.parametrize("part", [True, False])
async def test_who_wants_nothing_kept_is_told_that_a_judgement_was_not(
    place: Served, visitor: Visitor, part: bool
) -> None:
    await visitor.post("/chat", {"text": "你好"})
    await visitor.post("/keep", {"keep": "0"})
    judge = visitor.part if part else visitor.post
    answer = await judge("/reply/fake-0001/opinion", {"value": "1", "place": "chat"})
    assert answer.status == 403
    assert "没有记下" in visitor.page
    assert "簿记" in visitor.page
    assert await place.signals() == []


async def test_words_asked_once_more_are_kept_no_longer_than_the_first_time(
    place: Served, visitor: Visitor
) -> None:
    await visitor.post("/chat", {"text": "你好"})
    await visitor.part("/reply/fake-0001/again", {"place": "chat"})
    await visitor.part("/reply/fake-0002/vary", {"place": "chat"})
    assert (await place.journal(Journal.request, "fake-0003")) is not None
    assert await place.journal(ends) == 1


def ends(journal: Journal) -> int:
    """At how many different times words expire."""
    return int(journal._db.execute("SELECT count(DISTINCT expires) FROM words").fetchone()[0])


async def test_an_opinion_reaches_the_journal_changes_and_is_taken_back(
    place: Served, visitor: Visitor
) -> None:
    await visitor.part("/chat", {"text": "你好"})
    assert visitor.page.count('aria-pressed="false"') == 2
    await visitor.part("/reply/fake-0001/opinion", {"value": "1"})
    assert await place.signals() == [("fake-0001", 1.0, "")]
    assert re.search(r'value="0" data-key="like" aria-pressed="true"', visitor.page)
    await visitor.part("/reply/fake-0001/opinion", {"value": "-1"})
    assert await place.signals() == [("fake-0001", -1.0, "")]
    assert "哪里不好" in visitor.page
    reasons = [("value", "-1"), ("reason", "dull"), ("reason", "off_topic"), ("reason", "<b>")]
    await visitor.part("/reply/fake-0001/opinion", FormData(reasons))
    assert await place.signals() == [("fake-0001", -1.0, "off_topic,dull")]
    assert visitor.page.count("checked") == 2
    answer = await visitor.post("/reply/fake-0001/opinion", {"value": "0", "place": "chat"})
    assert answer.url.path == "/"
    assert await place.signals() == []
    assert visitor.page.count('aria-pressed="false"') == 2


async def test_a_visitor_cannot_see_judge_or_repeat_the_reply_of_another(
    place: Served, visitor: Visitor
) -> None:
    await visitor.part("/chat", {"text": "私密"})
    async with visiting(place.address) as other:
        await other.get("/")
        for method, path in (
            ("get", "/reply/fake-0001"),
            ("post", "/reply/fake-0001/opinion"),
            ("post", "/reply/fake-0001/again"),
            ("post", "/reply/fake-0001/vary"),
        ):
            data = {"data": {"value": "1"}} if method == "post" else {}
            answer = await getattr(other, method)(path, **data)
            assert answer.status == 404
            assert "私密" not in other.page
    assert await place.signals() == []
    assert len(place.engine.asked) == 1


async def test_a_value_that_is_no_opinion_is_refused(place: Served, visitor: Visitor) -> None:
    await visitor.part("/chat", {"text": "你好"})
    for value in ("2", "", "1.0", "nan"):
        assert (await visitor.part("/reply/fake-0001/opinion", {"value": value})).status == 400
    assert await place.signals() == []


async def test_what_people_in_discord_reported_is_read_here(place: Served, visitor: Visitor) -> None:
    await visitor.get("/reports")
    assert "没有人举报" in visitor.page
    await visitor.part("/chat", {"text": "你好"})
    for person, reason in (("alice", "harmful,spam\n<b>看看</b>"), ("bob", "")):
        fact = Fact("fake-0001", person, "button", -1.0, REPORT, reason, at=86_400.0)
        assert await place.journal(Journal.react, fact)
    await visitor.get("/journal")
    assert '<a href="/reports">有人举报了 1 条回复' in visitor.page
    await visitor.get("/reports")
    assert "1970-01-02 00:00 UTC · 聊天" in visitor.page
    assert "<blockquote>你好!</blockquote>" in visitor.page
    assert "<li>没有说原因</li>" in visitor.page
    assert "<li>有害或危险、刷屏 · &lt;b&gt;看看&lt;/b&gt;</li>" in visitor.page
    assert "alice" not in visitor.page
