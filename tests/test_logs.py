"""What is pasted to be summarised: every shape of chat log, articles, and nothing lost."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.logs import read
from engine import BadFile, Message


def told(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.author, message.text) for message in messages]


LUNCH = [("小明", "周五吃火锅吗"), ("Ann Lee", "好呀:六点"), ("小明", "老地方见")]


@pytest.mark.parametrize(
    "text",
    [
        "小明：周五吃火锅吗\nAnn Lee: 好呀:六点\n小明: 老地方见",
        "[12:01] 小明: 周五吃火锅吗\r\n[12:02] Ann Lee: 好呀:六点\r\n[12:09] 小明: 老地方见",
        "12:01 <小明> 周五吃火锅吗\n12:02 <Ann Lee> 好呀:六点\n12:09 <小明> 老地方见",
        "2024-05-01 12:01:30 小明: 周五吃火锅吗\n"
        "2024-05-01 12:02 Ann Lee: 好呀:六点\n2024/5/1 12:09 小明：老地方见",
        "小明 2024-05-01 12:01:00\n周五吃火锅吗\n\n"
        "Ann Lee 2024-05-01 12:02:00\n好呀:六点\n\n小明 12:09\n老地方见",
        "小明 — Today at 12:01 PM\n周五吃火锅吗\n"
        "Ann Lee — Today at 12:02 PM\n好呀:六点\n小明 — 昨天 12:09\n老地方见",
        "2024年5月1日 12:01 小明\n周五吃火锅吗\n"
        "2024年5月1日 12:02 Ann Lee\n好呀:六点\n2024年5月1日 12:09 小明\n老地方见",
    ],
)
def test_a_log_says_who_said_what(text: str) -> None:
    messages = read(text)
    assert told(messages) == LUNCH
    assert [message.id for message in messages] == ["1", "2", "3"]
    if "12:0" in text:
        minutes = [message.minute for message in messages]
        assert [minute - minutes[0] for minute in minutes] == [0, 1, 8]


def test_lines_without_a_name_go_on_with_what_was_said() -> None:
    text = "小明：第一行\n第二行\n小红：知道了\n小明：见 https://example.org/a\n小红：嗯"
    assert told(read(text))[0] == ("小明", "第一行\n第二行")
    assert told(read("小明：几点\n12:30 见\n小红：好"))[0] == ("小明", "几点\n12:30 见")
    assert told(read("小明 12:01\n小红 12:02")) == [("", "小明 12:01"), ("", "小红 12:02")]
    headed = "小明 12:01\n第一句\n第二句\n小红 12:30\n知道了"
    assert told(read(headed)) == [("小明", "第一句\n第二句"), ("小红", "知道了")]


def test_midnight_is_passed() -> None:
    messages = read("[23:59] 甲: 晚安\n[00:01] 乙: 晚安")
    assert messages[1].minute - messages[0].minute == 2


def test_json_lines_keep_authors_times_and_who_was_answered() -> None:
    rows = [
        {"id": 7, "author": "mizu", "minute": 3, "text": "提案又来了", "reply_to": None},
        {
            "id": "b",
            "author": {"name": "ttk"},
            "time": "2024-05-01T12:00:00+00:00",
            "text": "同意",
            "reply_to": 7,
        },
        {"id": 9, "author": None, "text": " "},
        {"id": 9, "content": "没有名字", "reply_to": "missing"},
        "not a message",
    ]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    for text in (lines, json.dumps(rows), json.dumps({"messages": rows})):
        messages = read("\ufeff" + text)
        assert told(messages) == [("mizu", "提案又来了"), ("ttk", "同意"), ("", "没有名字")]
        assert [message.reply_to for message in messages] == [None, "1", None]
        assert messages[1].minute == 28576080


def test_a_broken_line_among_json_is_named_and_braces_alone_are_text() -> None:
    with pytest.raises(BadFile, match="line 2"):
        read('{"text": "好"}\n{"text": ', "log.jsonl")
    assert told(read("{这只是一句话}")) == [("", "{这只是一句话}")]
    assert told(read("[12:01] 甲: 一\n[12:02] 乙: 二")) == [("甲", "一"), ("乙", "二")]
    with pytest.raises(BadFile):
        read("[" * 100_000)


def test_what_is_no_character_is_left_out_and_long_runs_cost_little() -> None:
    assert told(read('{"text": "好\\ud800的", "author": "a\\u0000b"}')) == [("ab", "好的")]
    # quadratic patterns would need hours for these
    for run in (" ", "-", "12:01 ", "<", "["):
        assert read("甲 12:01" + run * 200_000 + "x\n甲:" + run * 200_000 + "x")


def test_an_article_is_cut_into_passages_that_put_together_are_the_article() -> None:
    text = (
        "他说：“今天下雨了。”于是我们留在屋里，把炉子生起来，煮了一壶茶，慢慢地等。"
        "雨一直下到夜里！后来呢？没有后来。\n\n"
        "第二段。It was late. Nobody came, although the lamps were lit "
        "and the table was laid for six. He left at 3.14 exactly."
    )
    messages = read(text)
    assert all(message.author == "" for message in messages)
    assert len(messages) >= 4
    joined = "".join(re.sub(r"\s", "", message.text) for message in messages)
    assert joined == re.sub(r"\s", "", text)
    assert not any(message.text.startswith(("。", "”")) for message in messages)


LINES = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(
        ["小明 12:01", "[12:02] ", "小红：", "Ann: hi", "12:03 <ttk> 好", "2024-05-01 12:04 小明", "。”"]
    ),
)


@given(st.lists(LINES, max_size=12))
def test_no_word_is_lost_and_ids_are_the_order(lines: list[str]) -> None:
    text = "\n".join(lines)
    messages = read(f"。{text}")  # does not begin as JSON does
    assert [message.id for message in messages] == [str(number) for number in range(1, len(messages) + 1)]
    assert all(message.text.strip() for message in messages)
    kept = "".join(message.author + message.text for message in messages)
    for line in re.split(r"[\r\n]", text):
        if not re.search(r"[:：<]|\d", line):  # nobody is named in it
            assert re.sub(r"\s", "", line) in re.sub(r"\s", "", kept)


NAMES = st.sampled_from(["小明", "Ann", "ttk_2"])
WORDS = st.text(st.sampled_from("今天吃什么abc ，。!?"), min_size=1, max_size=20).filter(
    lambda text: text.strip()
)


@given(st.lists(st.tuples(NAMES, WORDS), min_size=2, max_size=20))
def test_a_log_that_is_written_down_reads_back(said: list[tuple[str, str]]) -> None:
    text = "\n".join(f"{name}: {words}" for name, words in said)
    assert told(read(text)) == [(name, words.strip()) for name, words in said]
