"""The console over HTTP: what it answers and what it keeps. No browser, a real server."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import FormData

from bot import console, wording_console
from bot.console.conversation import CONVERSATIONS_KEPT, TURNS_AS_CONTEXT, TURNS_KEPT, Conversations
from bot.console.verse import sheet_of
from engine import BadSetting, Journal, QueueFull, Request, english_forms
from tests.console_fakes import TALK_HASH, ConsoleEngine, Served, Visitor, broken_check, served, visiting
from tests.fakes import POEM


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as served_here:
        yield served_here


@pytest.fixture
async def visitor(place: Served) -> AsyncIterator[Visitor]:
    async with visiting(place.address) as one:
        yield one


# --- the conversation


async def test_a_conversation_carries_its_context_and_stands_after_a_reload(
    place: Served, visitor: Visitor
) -> None:
    await visitor.get("/")
    assert "铺纸" in visitor.page
    answer = await visitor.post("/chat", {"text": " 你好 "})
    assert answer.status == 200
    assert answer.url.path == "/"
    assert "你好!" in visitor.page
    await visitor.post("/chat", {"text": "再说一句"})
    assert place.engine.asked[-1].context == ("你好", "你好!")
    assert place.engine.asked[-1].locale == "zh-CN"
    await visitor.get("/")
    assert "你好!" in visitor.page
    assert "再说一句!" in visitor.page
    await visitor.post("/chat/new")
    assert "你好!" not in visitor.page
    await visitor.post("/chat", {"text": "Hello there"})
    assert place.engine.asked[-1] == Request("chat", "Hello there", {}, "en")


async def test_conversations_are_each_visitors_own(place: Served, visitor: Visitor) -> None:
    await visitor.post("/chat", {"text": "只有我知道"})
    async with visiting(place.address) as other:
        await other.get("/")
        assert "只有我知道" not in other.page
        await other.post("/chat", {"text": "我是别人"})
        assert place.engine.asked[-1].context == ()


def test_conversations_are_let_go_when_left_alone_or_too_many() -> None:
    now = 0.0
    conversations = Conversations(idle=10, clock=lambda: now)
    first = conversations.of("first")
    assert conversations.peek("first") is first
    now = 10.0
    assert conversations.of("first") is first
    now = 20.5
    assert conversations.of("first") is not first
    kept = conversations.of("kept")
    for number in range(CONVERSATIONS_KEPT - 1):
        conversations.of(f"visitor {number}")
        assert conversations.of("kept") is kept
    assert conversations.peek("first").turns == []


async def test_only_the_last_turns_travel_as_context(place: Served, visitor: Visitor) -> None:
    for number in range(TURNS_AS_CONTEXT + 2):
        await visitor.part("/chat", {"text": f"第{number}句"})
    context = place.engine.asked[-1].context
    assert len(context) == 2 * TURNS_AS_CONTEXT
    assert context[-2:] == (f"第{TURNS_AS_CONTEXT}句", f"第{TURNS_AS_CONTEXT}句!")


async def test_what_people_type_is_text_and_never_markup(visitor: Visitor) -> None:
    await visitor.post("/chat", {"text": "<script>alert(1)</script>\"'&"})
    assert "<script>alert" not in visitor.page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in visitor.page


async def test_a_fixed_answer_is_shown_and_nothing_of_it_is_kept(place: Served, visitor: Visitor) -> None:
    await visitor.post("/chat", {"text": "我想死"})
    assert "求助热线" in visitor.page
    assert "事先写好的话" in visitor.page
    for cold in ("aria-pressed", "不留存", "草稿", "fake-0001</code>"):
        assert cold not in visitor.page
    assert (await place.journal(Journal.counts)).generations == 0


async def test_the_engine_sees_a_text_before_its_length_is_held_against_the_task(
    place: Served, visitor: Visitor
) -> None:
    # danger is looked for first, so the console must not refuse a long text itself
    await visitor.post("/chat", {"text": "长" * 5000})
    assert visitor.page.count("长") >= 5000, "what was typed is still there"
    assert "1000" in visitor.page
    assert "编号" in visitor.page


async def test_only_the_last_turns_are_shown(visitor: Visitor) -> None:
    for number in range(TURNS_KEPT + 2):
        await visitor.part("/chat", {"text": f"第{number}句"})
    await visitor.get("/")
    assert visitor.page.count('class="turn"') == TURNS_KEPT
    assert "第1句" not in visitor.page
    assert "第2句!" in visitor.page


async def test_drafts_of_earlier_replies_stand_on_their_own_pages(visitor: Visitor) -> None:
    await visitor.post("/chat", {"text": "第一句"})
    await visitor.post("/chat", {"text": "第二句"})
    assert visitor.page.count("另一个草稿") == 1
    link = '<a href="/reply/fake-0001">草稿 2 份</a>'
    assert link in visitor.page
    await visitor.get("/reply/fake-0001")
    assert "另一个草稿" in visitor.page
    assert link not in visitor.page
    # what the journal does not hold has no page of its own
    await visitor.post("/keep", {"keep": "0"})
    await visitor.post("/chat", {"text": "第三句"})
    await visitor.post("/chat", {"text": "第四句"})
    assert visitor.page.count("另一个草稿") == 2


# --- tasks


async def test_every_task_has_a_form_made_from_its_options(place: Served, visitor: Visitor) -> None:
    for task in place.engine.tasks.values():
        answer = await visitor.get(f"/write/{task.name}")
        assert answer.status == 200
        if task.name == "chat":
            assert answer.url.path == "/"
            continue
        # a text has neither hours nor channels
        apart = ("hours", "since", "channels") if task.name == "summary" else ()
        for option in task.options:
            if option.name in apart:
                assert f'name="{option.name}"' not in visitor.page
                continue
            names = re.findall(rf'name="{option.name}"', visitor.page)
            assert names, f"{task.name} has no field for {option.name}"
            assert option.names["zh-CN"] in visitor.page
            assert all(choice.names["zh-CN"] in visitor.page for choice in option.choices)


async def test_a_poem_is_shown_with_every_mark_and_its_page_can_be_opened_again(
    place: Served, visitor: Visitor
) -> None:
    answer = await visitor.post("/write/poem", {"theme": "登高", "form": "wujue"})
    assert answer.url.path == "/reply/fake-0001"
    assert place.engine.asked[-1].options == {"form": "wujue", "head": ""}
    for character in "".join(POEM):
        assert f'<span class="character">{character}</span>' in visitor.page
    assert visitor.page.count('class="cell rhyme"') == 2
    assert visitor.page.count("十一尤") >= 3
    assert visitor.page.count('class="mark level"') + visitor.page.count('class="mark oblique"') == 20
    for fact in ("4 句，每句 5 字，共 20 字", "字字合律", "流楼", "五绝", "仄起首句不入韵", "合格律"):
        assert fact in visitor.page
    first = visitor.page
    await visitor.get("/reply/fake-0001")
    assert visitor.page == first
    assert 'value="登高"' in visitor.page


async def test_a_broken_form_is_shown_as_broken(place: Served, visitor: Visitor) -> None:
    place.engine.form = broken_check()
    await visitor.part("/write/poem", {"theme": "秋", "form": "wujue"})
    assert visitor.page.count('class="cell problem"') == 1
    for fact in ("不合格律", "第 1 句第 1 字", "平仄不合", "有字出律", "写作时放宽了：平仄"):
        assert fact in visitor.page


async def test_a_second_stanza_stands_apart_where_verse_is_in_rows(place: Served, visitor: Visitor) -> None:
    form = broken_check()
    place.engine.form = dataclasses.replace(form, name="卜算子", lines=form.lines * 2, stanza=4)
    await visitor.part("/write/poem", {"theme": "秋", "form": "卜算子"})
    assert visitor.page.count('class="verse-line"') == 7
    assert visitor.page.count('class="verse-line stanza"') == 1
    assert visitor.page.index("stanza") > visitor.page.index('class="verse-line"')
    assert "卜算子" in visitor.page


async def test_english_verse_shows_syllables_and_no_tones(place: Served, visitor: Visitor) -> None:
    lines = ("an old silent pond", "a frog jumps into the brillig", "splash silence again")
    place.engine.form = english_forms.check(lines, english_forms.FORMS["haiku"])
    await visitor.part("/write/poem", {"theme": "pond", "form": "haiku"})
    for fact in ("5 · 8 · 5", "5-7-5", "第 2 行：音节数不对", "第 2 行第 6 个词：词典里没有这个词"):
        assert fact in visitor.page
    for fact in ("字字合律", "逐字看平仄", 'class="mark'):
        assert fact not in visitor.page


async def test_a_reply_that_is_no_verse_has_no_sheet_and_uneven_verse_stands_in_rows() -> None:
    engine = ConsoleEngine()
    assert sheet_of(await engine.write(Request("chat", "你好"))) is None
    poem = await engine.write(Request("poem", "秋"))
    sheet = sheet_of(poem)
    assert sheet is not None
    assert sheet.columns
    assert sheet.rhymes == (("十一尤", "流楼"),)
    long = dataclasses.replace(poem, form=None, lines=("红酥手", "黄縢酒", "满城春色宫墙柳，东风恶"))
    sheet = sheet_of(long)
    assert sheet is not None
    assert not sheet.columns
    assert not sheet.even


async def test_a_wrong_option_is_said_and_the_form_keeps_its_words(visitor: Visitor) -> None:
    answer = await visitor.post("/write/poem", {"theme": "登高", "form": "limerick"})
    assert answer.status == 400
    assert 'value="登高"' in visitor.page
    assert 'role="alert"' in visitor.page
    answer = await visitor.part("/write/continue", {"text": " "})
    assert answer.status == 400
    assert "<html" not in visitor.page


async def test_again_writes_the_same_request_with_a_new_seed(place: Served, visitor: Visitor) -> None:
    await visitor.part("/write/poem", {"theme": "雪", "form": "qijue"})
    answer = await visitor.post("/reply/fake-0001/again")
    assert answer.url.path == "/reply/fake-0002"
    first, second = place.engine.asked
    assert (
        (first.text, first.options) == (second.text, second.options) == ("雪", {"form": "qijue", "head": ""})
    )
    assert second.seed is None
    await visitor.part("/chat", {"text": "你好"})
    await visitor.part("/reply/fake-0003/again", {"place": "chat"})
    await visitor.post("/chat", {"text": "接着说"})
    assert visitor.page.count('class="turn"') == 2, "another reply belongs to the same turn"
    assert place.engine.asked[-1].context == ("你好", "你好!")


async def test_vary_writes_near_the_reply_it_is_under(place: Served, visitor: Visitor) -> None:
    await visitor.part("/write/poem", {"theme": "雪", "form": "qijue"})
    assert "变一变" in visitor.page
    answer = await visitor.post("/reply/fake-0001/vary")
    assert answer.url.path == "/reply/fake-0002"
    assert [(near.generation, near.latent) for near in place.engine.varied] == [("fake-0001", (0.25,))]
    first, second = place.engine.asked
    assert (first.text, first.options) == (second.text, second.options)
    assert second.seed is None
    await visitor.post("/reply/fake-0002/opinion", {"value": "1"})
    assert await place.signals() == [("fake-0002", 1.0, "")]
    await visitor.part("/chat", {"text": "你好"})
    await visitor.part("/reply/fake-0003/vary", {"place": "chat"})
    await visitor.get("/")
    assert visitor.page.count('class="turn"') == 1
    assert visitor.page.count('class="reply') == 2, "a near reply belongs to the same turn"


async def test_only_what_was_written_from_a_latent_can_be_varied_and_only_with_its_words(
    place: Served, visitor: Visitor
) -> None:
    await visitor.part("/chat", {"text": "背一句"})
    assert "再来一次" in visitor.page
    assert "变一变" not in visitor.page
    await visitor.part("/write/poem", {"theme": "雪"})
    await place.journal(Journal.expire_words, 1e12)
    answer = await visitor.post("/reply/fake-0002/vary")
    assert answer.status == 410
    assert "请重新写一次" in visitor.page
    await visitor.get("/reply/fake-0002")
    assert "变一变" not in visitor.page
    assert place.engine.varied == []


async def test_taiwan_reads_replies_and_verse_in_traditional_characters(
    place: Served, visitor: Visitor
) -> None:
    await visitor.get("/language/zh-TW?back=/")
    await visitor.part("/write/poem", {"theme": "里面的灯", "form": "wujue"})
    for line in ("黃河入海流", "欲窮千里目", "更上一層樓"):
        assert f"<p>{line}</p>" in visitor.page
    assert '<ol lang="zh-TW">' in visitor.page
    assert '<span class="character">窮</span>' in visitor.page
    assert "仄起首句不入韻" in visitor.page
    assert "穷" not in visitor.page
    reply = await place.journal(Journal.reply, "fake-0001")
    assert reply is not None
    assert reply.lines == POEM
    place.engine.text = lambda request: "头发白了"
    await visitor.part("/chat", {"text": "会怎么样"})
    assert "<p>会怎么样</p>" in visitor.page, "what people wrote stays as it is"
    assert "<p>頭髮白了</p>" in visitor.page
    assert 'data-copy="頭髮白了"' in visitor.page
    assert "另一個草稿" in visitor.page
    await visitor.part("/chat", {"text": "接着说"})
    assert place.engine.asked[-1].context == ("会怎么样", "头发白了")


async def test_on_an_english_page_the_asking_says_which_characters(place: Served) -> None:
    async with visiting(place.address, "en") as visitor:
        place.engine.text = lambda request: "头发白了"
        await visitor.part("/chat", {"text": "會怎麼樣"})
        assert "<p>頭髮白了</p>" in visitor.page
        await visitor.part("/chat", {"text": "会怎么样"})
        assert "<p>头发白了</p>" in visitor.page


async def test_again_says_so_when_the_words_are_erased(place: Served, visitor: Visitor) -> None:
    await visitor.part("/write/poem", {"theme": "雪"})
    await place.journal(Journal.expire_words, 1e12)
    answer = await visitor.post("/reply/fake-0001/again")
    assert answer.status == 410
    assert "已按保存期限擦去" in visitor.page
    await visitor.get("/reply/fake-0001")
    assert "再来一次" not in visitor.page
    assert len(place.engine.asked) == 1


async def test_why_tells_origin_model_seed_and_every_draft_with_its_scores(visitor: Visitor) -> None:
    await visitor.part("/chat", {"text": "为什么"})
    for fact in (
        "talk@fake",
        "fake-0001",
        "模型自己写的",
        "另一个草稿",
        "0.750",
        "0.500",
        "-2.50",
        "temperature",
    ):
        assert fact in visitor.page
    assert visitor.page.index("为什么!</p>") < visitor.page.index("另一个草稿")


# --- summaries


LOG = "小明：周五晚上一起吃火锅吗\n小红：好呀，六点在老地方见\n小刚：我可能晚一点到，先点菜"


async def test_points_lead_to_their_sources(place: Served, visitor: Visitor) -> None:
    answer = await visitor.post("/write/summary", {"pasted": LOG, "points": "2", "count": "500"})
    assert answer.status == 200
    links = re.findall(r'href="#(passage-\d+)" data-source', visitor.page)
    assert links == ["passage-1", "passage-2"]
    for number, link in enumerate(links, 1):
        assert re.search(rf'<li id="{link}" tabindex="-1" class="cited">', visitor.page)
        # and back
        assert re.search(rf'<li id="point-{number}" tabindex="-1">', visitor.page)
        assert visitor.page.count(f'href="#point-{number}" data-source') == 1
    assert "小刚" in visitor.page
    assert [message.author for message in place.engine.summarized[0]] == ["小明", "小红", "小刚"]
    assert (await place.journal(Journal.counts)).generations == 0


async def test_a_file_is_read_and_one_that_is_no_text_is_said(place: Served, visitor: Visitor) -> None:
    form = FormData({"points": "5"})
    form.add_field("upload", LOG.encode(), filename="log.txt", content_type="text/plain")
    await visitor.part("/write/summary", form)
    assert "火锅" in visitor.page
    form = FormData({"points": "5", "pasted": LOG})
    form.add_field("upload", b"", filename="", content_type="application/octet-stream")
    await visitor.part("/write/summary", form)
    assert len(place.engine.summarized) == 2, "an empty file field is what browsers send without a file"
    form = FormData({"points": "5"}, quote_fields=False)
    form.add_field("upload", b"\x00" * 5000, filename="<b>.txt", content_type="text/plain")
    answer = await visitor.part("/write/summary", form)
    assert answer.status == 400
    assert "UTF-8" in visitor.page
    assert "&lt;b&gt;.txt" in visitor.page
    rows = [{"content": line, "author": {"name": "小明", "isBot": line == "嘀"}} for line in (LOG, "嘀")]
    for content in (LOG.encode("gb18030"), LOG.encode("utf-16"), json.dumps({"messages": rows}).encode()):
        form = FormData({"points": "5"})
        form.add_field("upload", content, filename="log.json", content_type="application/json")
        await visitor.part("/write/summary", form)
        assert "火锅" in visitor.page
        assert "嘀" not in visitor.page


async def test_only_the_last_messages_are_read_when_asked_for(place: Served, visitor: Visitor) -> None:
    await visitor.part("/write/summary", {"pasted": LOG, "count": "2", "points": "5"})
    assert [message.author for message in place.engine.summarized[0]] == ["小红", "小刚"]
    assert "读了最后 2 段，一共 3 段" in visitor.page
    for data in ({"pasted": " "}, {"pasted": LOG, "count": "1"}, {"pasted": LOG, "points": "many"}):
        assert (await visitor.post("/write/summary", data)).status == 400
        assert 'role="alert"' in visitor.page


# --- the journal's page


async def test_counts_and_models_are_shown_and_a_visitor_is_forgotten(
    place: Served, visitor: Visitor
) -> None:
    await visitor.part("/chat", {"text": "你好"})
    await visitor.part("/write/poem", {"theme": "雪"})
    await visitor.part("/reply/fake-0001/opinion", {"value": "1"})
    await visitor.get("/journal")
    assert re.findall(r"<dd>(\d+)</dd>", visitor.page) == ["2", "1", "1", "0", "1"]
    assert TALK_HASH in visitor.page
    assert visitor.page.index("已载入") < visitor.page.index("用到时载入")
    assert "排队等候：3" in visitor.page
    await visitor.post("/forget")
    assert "擦去了 2 则回复、1 次评价" in visitor.page
    counts = await place.journal(Journal.counts)
    assert (counts.generations, counts.signals) == (0, 0)
    await visitor.get("/")
    assert "你好!" not in visitor.page


async def test_nothing_is_kept_of_a_visitor_who_asks_for_that(place: Served, visitor: Visitor) -> None:
    await visitor.post("/keep", {"keep": "0"})
    assert "现在你的回复和评价都不进簿" in visitor.page
    answer = await visitor.post("/write/poem", {"theme": "雪"})
    assert answer.url.path == "/write/poem"
    assert "白" in visitor.page
    assert "不留存" in visitor.page
    await visitor.post("/forget")  # who is forgotten stays unrecorded
    await visitor.post("/chat", {"text": "还在吗"})
    assert (await place.journal(Journal.counts)).generations == 0
    await visitor.post("/keep", {"keep": "1"})
    await visitor.post("/chat", {"text": "记吧"})
    assert (await place.journal(Journal.counts)).generations == 1


# --- what goes wrong


async def test_whatever_goes_wrong_becomes_a_sentence_with_a_number_that_is_in_the_log(
    place: Served, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for failure, status, sentence in (
        (QueueFull(waiting=64), 503, "64"),
        (BadSetting(setting="MOYOU_HOST", reason="secret-path"), 500, "管理者"),
        (RuntimeError("秘密的话"), 500, "出了点意外"),
    ):
        place.engine.fail = failure
        for answer in (
            await visitor.post("/chat", {"text": "秘密的话"}),
            await visitor.part("/chat", {"text": "秘密的话"}),
        ):
            assert answer.status == status
            assert sentence in visitor.page
            assert "Traceback" not in visitor.page
            assert "secret-path" not in visitor.page
            (reference,) = re.findall(r"<code>([0-9a-f]{8})</code>", visitor.page)
            assert reference in caplog.text
    assert "秘密的话" not in caplog.text
    assert "console/chat.py" in caplog.text, "where it was raised is for the log"


@pytest.mark.parametrize("path", ["/nowhere", "/write/nothing", "/reply/none", "/static/../guard.py"])
async def test_a_page_that_is_not_there_says_so(visitor: Visitor, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status == 404
    assert "这里没有这一页" in visitor.page


# --- words


def test_every_word_the_pages_say_exists_and_every_word_is_said() -> None:
    folder = Path(console.__file__).parent
    sources = [*folder.glob("*.py"), *folder.glob("templates/*.html")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    said = set(re.findall(r'["\'](console\.\w[\w-]*)["\']', text))
    built = tuple(re.findall(r'["\'](console\.\w*_)["\'] ~', text))
    assert built
    whole = {key for key in said if not key.endswith("_")} - {"console.js"}
    assert whole <= wording_console.WORDS.keys()
    unsaid = {key for key in wording_console.WORDS if key not in said and not key.startswith(built)}
    assert unsaid == set()


async def test_many_visitors_at_once_get_each_their_own(place: Served) -> None:
    async def talk(number: int) -> None:
        async with visiting(place.address) as one:
            await one.part("/chat", {"text": f"我是{number}"})
            assert f"我是{number}!" in one.page
            await one.get("/")
            assert one.page.count('class="turn"') == 1

    await asyncio.gather(*(talk(number) for number in range(20)))
    assert (await place.journal(Journal.counts)).generations == 20
