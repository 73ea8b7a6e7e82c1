"""The laws of bot/splitting.py, against random texts made of graphemes, links and fences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.splitting import FENCE, graphemes, length, split

GRAPHEMES = [
    *"aZ9 ,中文字諸𠮷é…，",
    "。",
    "！",
    ". ",
    "\n",
    "\n\n",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "🇨🇳",
    "🇯🇵",
    "❤️",
    "1️⃣",
    "e\u0301",
    "\u1112\u1161\u11ab",
    "각",
    "क्षि",
    "நி",
    "กำ",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
]
LINKS = [
    "https://example.org/a/very/long/path?query=墨友&other=%E5%A2%A8#fragment",
    "<https://example.org/quiet>",
    "[看这里](https://example.org/in/markdown)",
    "<:wave:123456789012345678>",
    "<@123456789012345678>",
]


def composed(atoms: Sequence[str], least: int, most: int) -> st.SearchStrategy[str]:
    """Texts of so many atoms, from a seed: long ones, which lists of Hypothesis's own rarely are."""
    seeds, sizes = st.integers(0, 2**32), st.integers(least, most)
    return st.builds(lambda seed, size: "".join(Random(seed).choices(atoms, k=size)), seeds, sizes)


texts = composed([*GRAPHEMES * 3, *(f" {link} " for link in LINKS)], 0, 400)
fences = composed([*"ab中 ", "\n", "👍🏽", "  x = 1\n"], 0, 200).map(lambda body: f"```py\n{body}```")
mixed = st.lists(texts | fences, min_size=1, max_size=4).map("\n".join)
# none of these is a place where one would rather cut
unbroken = composed([grapheme for grapheme in GRAPHEMES if grapheme.strip(" \n.,，。！…")], 60, 400)


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(st.text(max_size=600) | mixed, st.integers(64, 300))
@settings(deadline=None, max_examples=80)
def test_every_part_fits_and_none_is_blank(text: str, limit: int) -> None:
    for part in split(text, limit):
        assert 0 < length(part) <= limit
        assert part.strip()


@given(texts | st.text(max_size=600).filter(lambda text: FENCE not in text), st.integers(64, 300))
@settings(deadline=None, max_examples=80)
def test_nothing_but_white_space_at_the_cuts_is_lost(text: str, limit: int) -> None:
    assert bare("".join(split(text, limit))) == bare(text)


@given(mixed, st.integers(64, 300))
@settings(deadline=None, max_examples=80)
def test_fences_stay_closed_and_keep_what_they_hold(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(part.count(FENCE) % 2 == 0 for part in parts)
    assert bare("".join(parts)).replace("```py", "").replace(FENCE, "") == bare(text).replace(
        "```py", ""
    ).replace(FENCE, "")


@given(unbroken, st.integers(64, 200))
@settings(deadline=None, max_examples=80)
def test_no_grapheme_is_cut(text: str, limit: int) -> None:
    ends = ends_of(text)
    position = 0
    for part in split(text, limit):
        position += len(part)
        assert position in ends


def ends_of(text: str) -> set[int]:
    """Where the graphemes end in a text that was composed of those we know."""
    longest_first = sorted(GRAPHEMES, key=len, reverse=True)
    return {found.end() for found in re.finditer("|".join(map(re.escape, longest_first)), text)}


@given(mixed, st.integers(100, 300))
@settings(deadline=None, max_examples=80)
def test_no_link_is_cut(text: str, limit: int) -> None:
    joined = "\0".join(split(text, limit))
    for link in LINKS:
        assert joined.count(link) == text.count(link)


@given(st.text(max_size=100))
@settings(deadline=None)
def test_graphemes_join_to_the_text_and_are_never_finer_than_unicode_says(text: str) -> None:
    mine = list(graphemes(text))
    assert "".join(mine) == text
    regex = pytest.importorskip("regex")
    theirs = {match.end() for match in regex.finditer(r"\X", text)}
    position = 0
    for cluster in mine:
        position += len(cluster)
        assert position in theirs


def test_cuts_are_at_sentence_ends_and_paragraphs() -> None:
    sentence = "春天来了，花都开了。"
    parts = split(sentence * 30, 100)
    assert all(part.endswith("。") for part in parts)
    english = "It costs 3.14 dollars, e.g. today. " * 20
    assert all(part.endswith("today.") or part.endswith("e.g.") for part in split(english, 100))
    paragraphs = "\n\n".join(["一二三四五六七八九十。" * 4] * 5)
    assert all(part.endswith("。") and "\n\n" not in part[-3:] for part in split(paragraphs, 120))


def test_a_fence_that_fits_is_left_to_the_letter() -> None:
    parts = split("一二三四五六七八九十。" * 9 + "```x = 1```" + "甲乙丙丁。" * 9, 100)
    assert sum("```x = 1```" in part for part in parts) == 1


def test_a_link_longer_than_a_message_is_cut_and_nothing_is_lost() -> None:
    link = "https://example.org/" + "路径" * 100
    assert "".join(split(link, 64)) == link


def test_one_endless_grapheme_is_cut_and_nothing_is_lost() -> None:
    zalgo = "z" + "\u0301" * 500
    assert "".join(split(zalgo, 64)) == zalgo


def test_nothing_to_say_is_no_message() -> None:
    assert split(" \n ") == []


def test_lengths_are_those_of_discord() -> None:
    assert length("a中👍") == 4
    assert [length(part) for part in split("👍" * 1001, 2000)] == [2000, 2]
