"""Texts come out as OpenCC's s2tw makes them."""

import functools

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.traditional import Traditional, _shipped, to_traditional

SMALL = Traditional(
    "\uf967\t不\n".encode(),
    "头发\t頭髮\n头发长\t頭髮長\n发布\t發佈\n".encode(),
    "发\t發\n头\t頭\n长\t長\n里\t裏\n".encode(),
    "佈\t布\n裏\t裡\n頭里\t頭里\n".encode(),
)


@functools.cache
def by_opencc() -> opencc.OpenCC:
    return opencc.OpenCC("s2tw")


@functools.cache
def pieces() -> list[str]:
    """Phrases, their beginnings, every character that becomes another, and what is none of them."""
    shipped = _shipped()
    phrases = [line.split("\t")[0] for line in shipped._phrases]
    characters = [*map(chr, shipped._characters), *map(chr, shipped._normal), *shipped._variants]
    others = ["", " ", "a", "，", "\n", "\t", "𠮷", "\u3000", "\ufe00", "😀"]
    return [*phrases, *(phrase[:-1] for phrase in phrases[::7]), *characters, *others]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("头发长了", "頭髮長了"),
        ("发头发布", "發頭髮布"),  # what begins first is taken, and then the longest
        ("发布", "發布"),
        ("里\uf967", "裡不"),
        ("", ""),
        ("头", "頭"),
        ("hello", "hello"),
    ],
)
def test_the_longest_phrase_that_begins_first_is_taken(text: str, wanted: str) -> None:
    assert SMALL.convert(text) == wanted


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 1 << 30), max_size=12))
def test_phrases_side_by_side_come_out_as_opencc_makes_them(places: list[int]) -> None:
    text = "".join(pieces()[place % len(pieces())] for place in places)
    assert to_traditional(text) == by_opencc().convert(text)


def test_every_phrase_and_character_comes_out_as_opencc_makes_it() -> None:
    for text in pieces():
        assert to_traditional(text) == by_opencc().convert(text), text


def test_a_lone_surrogate_stays() -> None:
    assert to_traditional("头发\ud800") == "頭髮\ud800"
