"""Drafts' texts as bytes: what is written is read, what was written before is too, dictionaries stay."""

import hashlib
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import facts
from engine.draft_bytes import Unusual
from engine.draft_texts import CHINESE, ENGLISH, WINDOW, encoded, is_chinese, read_texts, texts, written
from engine.journal_body import HEADS

_ANY = st.text(st.characters(exclude_characters="\0"), max_size=40)
_OFTEN = st.text("云来云去的风，。\n□é—…’🐦\u1e3f\ufe10㐀 and", max_size=40)


@given(st.lists(_ANY | _OFTEN, max_size=9))
@example(["今天的风很轻。", "\ud800", "云来"])
@example(["西风白露墨如鱼，\n诗句来时更发疏。", "\u1e3f\ufe19\ue000"])
def test_texts_come_back(found: list[str]) -> None:
    try:
        kept = texts(found)
    except Unusual:
        assert found
        assert not any(found)
    else:
        assert read_texts(kept) == found


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (
            b"\x00\xdbz\xcb`\xdf\x93\xc5k\xf6~<\xf3f\xeb\x91\xed\xcfw\xdd9\xfep\xe1b\x86\x85_A\x10]\x18\x00",
            ["第0句，今天的风很轻。", "□□□，今天的风很轻。"],
        ),
        (
            b"\x01s*\xca\xccKW(IMTH\xccKQHTHNL;\xbcR!9#1\xb3H\xe1\xc3\xfc\t\xcb\x18\x9e\xec\x9a\xf8l\xeeR\x00",
            ["Bring tea and a café chair 🐦", "云来"],
        ),
        (b"\x00K\x04\x00", ["a"]),
        (b"\x00\x03\x00", []),
    ],
)
def test_what_was_written_before_there_were_dictionaries_is_read(kept: bytes, found: list[str]) -> None:
    assert read_texts(kept) == found


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (["早上好，今天辛苦了。", "先喝口水，慢慢说。"], 2),
        (["早上好，先喝口水☕🐦", "慢慢说，我在听。"], 2),
        (["That sounds hard. Do you want to talk about it?", "I'm here."], 3),
        (["龘靐齉爩麤灪籱厵爨癵驫鱻"], 2),
        (["早上好\ue000"], 3),
        (["早上好\ud800"], 3),
    ],
)
def test_texts_are_deflated_with_the_dictionary_of_their_language(found: list[str], code: int) -> None:
    assert texts(found)[0] == code


def test_what_is_unlike_our_texts_takes_no_more_than_without_a_dictionary() -> None:
    draw = random.Random(5)
    odd = "".join(chr(draw.randrange(0x4E00, 0x9FA5)) for _ in range(200))
    assert len(texts([odd])) <= len(odd.encode("gbk")) + 7


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        (CHINESE, "8fc202d0637d6accef19198c9e2f37e2f7ea42bd7103adcc3a6dbbed09da959b"),
        (ENGLISH, "0c574f987c9bba6129d46f6872e102bf0592c80126f420e9b45794633d5ac637"),
        (HEADS, "ba2f1175849985b2c4d249d06a60a6f23b93c219675d2076157899356ab9edb0"),
    ],
)
def test_a_dictionary_is_never_edited(name: str, digest: str) -> None:
    assert hashlib.sha256(facts.read_bytes(name)).hexdigest() == digest


@pytest.mark.parametrize("name", [CHINESE, ENGLISH])
def test_a_dictionary_lies_where_deflate_reaches_it(name: str) -> None:
    text = facts.read_text(name).replace("\n", "\0").replace("⏎", "\n")
    assert len(encoded(text, name)) <= WINDOW
    assert written(text) == facts.read_text(name)
    assert is_chinese(text) == (name == CHINESE)
