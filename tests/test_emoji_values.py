"""engine/emoji_values.py: which texts are an emoji, and the table that moderators type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    MOST_EMOJI,
    USUAL_EMOJI,
    BadEmoji,
    TooManyEmoji,
    emoji_label,
    emoji_values_in,
    emoji_values_text,
)

OWN = "<:meh:123456789012345678>"
ANIMATED = "<a:party:98765432109876543>"
COUPLE, COUPLE_IN_NO_TONE = "👩🏽\u200d❤️\u200d👨🏻", "👩\u200d❤\u200d👨"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
UNICODE = ["👍", "👎🏿", "❤️", "🩷", "1️⃣", "🇨🇳", ENGLAND, COUPLE, "㊗️", "⭐", "😂"]
EMOJI = st.sampled_from([*UNICODE, OWN, ANIMATED])
OTHERS = ("", "x", "好", "12", "👍👍", "👍x", ":meh:", "<:meh:12>", "\u200d", "\ufe0f", "None")
TABLES = st.lists(
    st.tuples(EMOJI, st.integers(-100, 100).map(lambda hundredths: hundredths / 100)),
    min_size=1,
    unique_by=lambda row: emoji_label(row[0]),
).map(tuple)


@pytest.mark.parametrize(
    ("emoji", "label"),
    [
        ("👍", "👍"),
        ("👍🏽", "👍"),
        ("❤️", "❤"),
        ("❤", "❤"),
        ("1️⃣", "1⃣"),
        ("🩷", "🩷"),  # younger than Python's own tables
        ("🇨🇳", "🇨🇳"),
        (COUPLE, COUPLE_IN_NO_TONE),
        (OWN, "123456789012345678"),
        ("<a:renamed:123456789012345678>", "123456789012345678"),
        ("123456789012345678", "123456789012345678"),
        *((text, "") for text in OTHERS),
    ],
)
def test_the_name_that_is_kept_of_an_emoji(emoji: str, label: str) -> None:
    assert emoji_label(emoji) == label
    assert emoji_label(label) == label


@given(TABLES)
def test_a_table_survives_being_spelt_and_typed(table: tuple[tuple[str, float], ...]) -> None:
    assert emoji_values_in(emoji_values_text(table)) == table


@given(st.text())
def test_whatever_is_typed_is_a_table_or_refused(typed: str) -> None:
    try:
        table = emoji_values_in(typed)
    except (BadEmoji, TooManyEmoji):
        return
    assert all(emoji_label(emoji) and -1 <= value <= 1 for emoji, value in table)


def test_a_table_may_be_typed_in_several_ways() -> None:
    typed = " ❤️   1 \n\n😂=.5\n😡 −0.25\n⭐ ＋1\n👎🏽 0\n123456789012345678 -1"
    assert emoji_values_in(typed) == (
        ("❤️", 1.0),
        ("😂", 0.5),
        ("😡", -0.25),
        ("⭐", 1.0),
        ("👎🏽", 0.0),
        ("123456789012345678", -1.0),
    )
    assert emoji_values_in(" \n ") == USUAL_EMOJI
    assert emoji_values_text((("123456789012345678", -1.0),)) == "<:emoji:123456789012345678> -1"


def test_of_an_emoji_that_is_named_twice_the_last_value_holds() -> None:
    assert emoji_values_in("👍 1\n❤️ 1\n👍🏽 0.5") == (("👍🏽", 0.5), ("❤️", 1.0))
    assert emoji_values_in(f"{OWN} 1\n123456789012345678 -1") == (("123456789012345678", -1.0),)


@pytest.mark.parametrize(
    "line", ["❤️", "1", "❤️ 2", "❤️ -1.01", "❤️ nan", "❤️ 1e-1", "❤️ many", "love 1", "❤️❤️ 1", "❤️ 1 1", ":meh: 1"]
)
def test_a_line_that_is_no_emoji_with_its_value_is_repeated_to_who_typed_it(line: str) -> None:
    with pytest.raises(BadEmoji, match="write one emoji and a number from -1 to 1") as caught:
        emoji_values_in(f"👍 1\n{line}\n👎 -1")
    assert caught.value.fields == {"line": line}


def test_a_table_has_an_end() -> None:
    lines = [f"{chr(0x1F600 + number)} 1" for number in range(MOST_EMOJI + 1)]
    assert len(emoji_values_in("\n".join(lines[:-1]))) == MOST_EMOJI
    with pytest.raises(TooManyEmoji, match="21 emoji are too many; name at most 20"):
        emoji_values_in("\n".join(lines))
