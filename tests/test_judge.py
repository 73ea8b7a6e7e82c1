"""The judge: faults cost, good text does not, and nothing copied from a request is left in own_text."""

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


PLAIN = st.text(alphabet="ab cd你好吗世界，。!\n", max_size=30)


@given(PLAIN, PLAIN, PLAIN, st.sampled_from(["zh-CN", "en", "zh-TW"]))
def test_every_score_is_between_0_and_1(draft: str, asked: str, before: str, locale: str) -> None:
    scores, quality = judge.judge(draft, asked, [before], locale, [-0.5, -2.0])
    assert all(0 <= score <= 1 for score in scores.values())
    assert 0 <= quality <= 1
    assert 0 < scores["fluency"] < 1


def test_passages_are_found_over_blanks_and_punctuation() -> None:
    own = judge.copied_passages("他说：昨天，我在 河边丢了钥匙。", "昨天我在河边丢了钥匙")
    assert not set("昨天我在河边丢了钥匙") & set(own)
    assert own.startswith("他说")


def test_an_echo_of_the_request_scores_low() -> None:
    asked = "昨天我在河边丢了一把钥匙"
    scores, quality = judge.judge("昨天我在河边丢了一把钥匙。", asked)
    assert scores["novelty"] == 0
    assert quality == 0


def test_names_in_another_script_are_no_mixture() -> None:
    assert judge.judge("我叫 Moyou，喜欢写诗。", "你是谁")[0]["language"] == 1.0
    assert judge.judge("他用 Python 写的。", "Python 难吗")[0]["language"] == 1.0


def test_a_command_is_no_mixture_and_a_word_after_a_slash_is() -> None:
    assert judge.language("输入 /help 能看到全部命令。", "隐私命令是啥", (), "zh-CN") == 1
    assert judge.language("用 /voice-off，或者打 /summary 就行。", "命令是啥", (), "zh-CN") == 1
    assert judge.language("help 和 summary", "命令是啥", (), "zh-CN") < 1
    assert judge.language("要么 either/or，别的 whatever 没有。", "命令是啥", (), "zh-CN") < 1


def test_laughter_is_no_stutter_and_a_stutter_is() -> None:
    assert judge.repetition("哈哈哈哈，真有你的。") == 1.0
    assert judge.repetition("好好好好好，真有你的。") < 0.7


def test_a_smile_needs_no_partner() -> None:
    assert judge.balance("See you :)") == 1.0
    assert judge.balance("a) tea b) milk") == 1.0
    assert judge.balance("（未完") == 0.5
