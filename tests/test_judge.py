from hypothesis import given
from hypothesis import strategies as st

from engine import judge

HAN = st.text(alphabet="春眠不觉晓处处闻啼鸟夜来风雨声花落知多少，。", max_size=40)


def quality(words: str, asked: str = "你好", locale: str = "zh-CN") -> float:
    return judge.judge(words, asked, (), locale)[1]


def test_a_good_reply_beats_each_kind_of_bad_one() -> None:
    good = quality("窗外下雨了，正好写点什么。")
    for bad in (
        "下雨了下雨了下雨了下雨了。",
        "他说：“下雨了。",
        "窗外 is raining today and we stay home。",
        "窗外下雨了，正好写点",
        "窗外下雨了，正好，",
        "雨",
    ):
        assert quality(bad) < good, bad
    assert good == 1.0


def test_english_is_judged_as_english() -> None:
    assert quality("It is raining, so let us write something small.", "hello there", "zh-CN") == 1.0
    assert quality("窗外下雨了，正好写点什么。", "hello there", "en") < 0.2
    assert quality("and then the rain went to the", "hello", "en") < 0.3


def test_an_apostrophe_is_no_open_quote() -> None:
    assert judge.judge("I’m here, and it’s fine.", "hi", (), "en")[0]["balance"] == 1.0


@given(HAN, HAN, st.integers(0, 34))
def test_no_shared_passage_survives(words: str, asked: str, place: int) -> None:
    own = judge.copied_passages(words + asked[place : place + 9], asked)
    for start in range(len(own) - 5):
        passage = own[start : start + 6]
        assert judge.COPIED in passage or passage not in asked


@given(HAN)
def test_what_shares_nothing_is_unchanged(words: str) -> None:
    assert judge.copied_passages(words, "ABCDEFG") == words


def test_latin_passages_are_found_by_words_in_any_case() -> None:
    own = judge.copied_passages("So MY SECRET PLAN is fine", "tell no one my secret plan, ok")
    assert "SECRET" not in own
    assert own.startswith("So")
    assert own.endswith(" is fine")


def test_a_short_echo_is_blanked_whole() -> None:
    assert judge.copied_passages("小明", "我叫小明") == "□□"
    assert judge.copied_passages("好", "你好") == "好"
