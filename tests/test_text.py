"""Cleaning, sentences, segmentation and masks: laws over any text."""

from hypothesis import given
from hypothesis import strategies as st

from engine import text


@given(st.text())
def test_cleaning_is_idempotent_and_leaves_text_that_can_be_stored(raw: str) -> None:
    once = text.clean(raw)
    assert text.clean(once) == once
    once.encode("utf-8")
    assert "\r" not in once
    assert "\x00" not in once


def test_cleaning_keeps_what_a_reader_sees() -> None:
    assert text.clean("  你好，\u200b世界！\r\n\r\n\r\n再见  ") == "你好，世界！\n\n再见"
    assert text.clean("👩‍👩‍👧 e\u0301") == "👩‍👩‍👧 é"
    assert text.clean("\ud83d alone") == "\ufffd alone"


@given(st.text(alphabet="你好吗。！？.! ab\n…”"))
def test_sentences_lose_nothing(raw: str) -> None:
    assert "".join(text.sentences(raw)) == raw


def test_sentences_keep_their_closing_marks_and_numbers() -> None:
    assert text.sentences("他说：“好。”走了。Pay 3.5 now. Yes") == [
        "他说：“好。”",
        "走了。",
        "Pay 3.5 now.",
        " Yes",
    ]


@given(st.text(alphabet="今天天气很好 hello world，。"))
def test_segmentation_loses_nothing(raw: str) -> None:
    assert "".join(text.segment(raw)) == raw


def test_the_missions_cleaning_drops_stop_words_and_punctuation() -> None:
    assert text.words_for_analysis("今天的天气很好，the Weather is nice!") == [
        "今天",
        "天气",
        "weather",
        "nice",
    ]


def test_masks_hide_people_links_and_numbers() -> None:
    masked = text.mask(
        "<@123456789012345678> 看 https://example.org/a?b=1 电话 13800138000 mail a.b@example.org"
    )
    assert masked == "［某人］ 看 ［链接］ 电话 ［号码］ mail ［邮箱］"


def test_locale_follows_the_script() -> None:
    assert text.locale_of("写一首诗 please") == "zh-CN"
    assert text.locale_of("a poem please") == "en"
    assert text.locale_of("🌙", "en") == "en"


def test_traditional_becomes_simplified() -> None:
    assert text.simplify("憂鬱的臺灣烏龜") == "忧郁的台湾乌龟"
    assert text.han_only("春眠不觉晓，〇 a1") == "春眠不觉晓〇"
