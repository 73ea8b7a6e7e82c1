"""What stands before a message: turns, names masked, bounded by tokens, said where something was cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.context import CHAIN, CONTEXT_TOKENS, Turn, bounded, masked, merged
from engine import Journal, token_count
from tests.discord_world import World, world

texts = st.text("月亮ab c，。\n", max_size=60)


def test_names_and_markup_are_masked() -> None:
    text = (
        "<@123456789012345678> <@!1> <@&2> @everyone <#3> <:wave:4> <a:dance:5> </poem:6> <t:1700000000:R> 好"
    )
    assert masked(text, "zh-CN") == "@某人 @某人 @某人 @某人 #某频道 :wave: :dance: /poem 好"


def test_turns_merge_and_empty_ones_go() -> None:
    turns = [Turn(False, "一"), Turn(False, "二"), Turn(True, ""), Turn(False, "三"), Turn(True, "四")]
    assert merged(turns) == [Turn(False, "一\n二\n三"), Turn(True, "四")]


def test_context_is_bounded_from_the_end() -> None:
    turns = [Turn(False, "甲" * 50), Turn(True, "乙" * 50), Turn(False, "丙" * 50)]
    assert bounded(turns, 70) == (("乙" * 20, "丙" * 50), True)
    assert bounded(turns, 0) == ((), True)
    assert bounded(turns, 150) == (("甲" * 50, "乙" * 50, "丙" * 50), False)


@given(st.lists(texts.filter(str.strip)), st.integers(0, 80))
def test_what_is_kept_is_the_end_of_what_was_said_and_fits(said: list[str], tokens: int) -> None:
    kept, cut = bounded([Turn(bool(n % 2), text) for n, text in enumerate(said)], tokens)
    assert sum(map(token_count, kept)) <= tokens
    assert list(kept[1:]) == said[len(said) - len(kept) + 1 :] or not kept
    assert not kept or said[len(said) - len(kept)].strip().endswith(kept[0].strip())
    assert cut == (list(kept) != said)


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("月亮", 2), ("月亮。", 3), ("moon", 1), ("moonlight", 3), ("a 月", 2)]
)
def test_tokens_are_characters_in_chinese_and_pieces_in_english(text: str, count: int) -> None:
    assert token_count(text) == count


async def chain(w: World, length: int, words: str) -> None:
    await w.alice.send(w.channel, f"{w.me} {words}")
    for _ in range(length):
        await w.alice.send(w.channel, words, reply_to=w.sent()[-1])


async def test_a_chain_that_is_too_long_is_cut_and_the_reply_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await chain(w, CHAIN // 2, "一")
        assert "只读了" not in w.sent()[-1].content
        await chain(w, 1, "说")
        await chain(w, CHAIN // 2 + 1, "二")
        assert w.sent()[-1].content == f"二!\n-# 前面的对话太长，只读了最近的 {CHAIN} 段"
        assert len(w.engine.asked[-1].context) == CHAIN


async def test_long_turns_are_cut_by_tokens_and_the_reply_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.engine.text = lambda request: "好" * (CONTEXT_TOKENS // 2)
        await chain(w, 3, "说")
        asked = w.engine.asked[-1]
        assert sum(map(token_count, asked.context)) == CONTEXT_TOKENS
        assert w.sent()[-1].content.endswith(f"只读了最近的 {len(asked.context)} 段")
        assert asked.context[-1] == "好" * (CONTEXT_TOKENS // 2)


async def test_our_own_notices_keep_nobodys_words_from_being_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.bob.send(w.channel, f"{w.me}")  # answered by a notice, which is no reply
        await w.alice.send(w.channel, "说下去", reply_to=w.sent()[-1])
        await w.alice.send_dm(f"{w.me}")
        await w.alice.send_dm("早上好")
        for generation, words in (("fake-0001", "说下去"), ("fake-0002", "早上好")):
            kept = await w.journal(Journal.request, generation)
            assert kept is not None
            assert kept.text == words
