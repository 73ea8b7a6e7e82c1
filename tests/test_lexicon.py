"""The induced dictionary: that the model is IBM 1, that it finds words, that it is kept."""

from pathlib import Path

import pytest

from engine import lexicon
from engine.lexicon import Lexicon

PAIRS = [
    ("the house", "房子"),
    ("the book", "书"),
    ("a book", "一本书"),
    ("the big house", "大房子"),
    ("a house", "一栋房子"),
    ("book", "书"),
]


def test_words_of_both_languages() -> None:
    assert lexicon.words("Don't pay $3,000.50!") == ["don't", "pay", "$", "3,000.50", "!"]
    assert "".join(lexicon.words("我爱北京。")) == "我爱北京。"
    assert lexicon.words("") == []


def test_what_occurs_together_is_found() -> None:
    found = lexicon.learn(PAIRS)
    assert found.translations("book")[0][0] == "书"
    assert found.translations("house")[0][0] == "房子"
    assert found.translations("书")[0][0] == "book"
    assert found.translations("cat") == []


def test_one_source_word_alone_takes_all_it_occurs_with() -> None:
    """With one source word and the empty word, EM is by hand: both share alike for ever."""
    found = lexicon.learn([("yes", "对"), ("yes", "是"), ("yes", "是")], symmetric=False)
    assert dict(found.translations("yes")) == pytest.approx({"是": 2 / 3, "对": 1 / 3}, abs=1e-3)


def test_word_by_word_keeps_what_it_does_not_know() -> None:
    found = Lexicon({"我": [("i", 0.9)], "爱": [("love", 0.8)]})
    assert found.word_by_word("我爱Moyou。") == "i love moyou。"
    assert lexicon.joined(["two", "words", ",", "它", "ok"]) == "two words,它ok"


def test_both_directions_together_pass_over_what_only_stands_beside() -> None:
    pairs = [*PAIRS, ("the zebra", "斑马"), ("the big zebra", "大斑马")]
    assert lexicon.learn(pairs).translations("zebra")[0][0] == "斑马"


def test_a_latin_word_in_a_chinese_sentence_is_a_quotation() -> None:
    pairs = [("tom sleeps", "汤姆睡觉"), ("tom eats", "汤姆吃饭"), ("tom", "tom睡觉"), ("tom", "汤姆")]
    assert lexicon.learn(pairs).translations("tom")[0][0] == "汤姆"


def test_a_gloss_leaves_out_what_has_no_steady_translation() -> None:
    found = Lexicon({"the": [("的", 0.04)], "cat": [("猫", 0.9)], "。": [("the", 0.9)], "猫": [("cat", 0.8)]})
    assert found.gloss("The cat, a cat.") == "猫，a猫。"
    assert found.gloss("猫。") == "cat."


def test_a_gloss_knows_words_by_their_parts() -> None:
    found = Lexicon(
        {"四": [("four", 1.0)], "年级": [("grade", 0.9)], "walk": [("走", 0.9)], "city": [("城市", 1.0)]}
    )
    assert found.gloss("四年级") == "four grade"
    assert found.gloss("walked cities Xylo") == "走城市xylo"
    assert found.gloss("鑫") == "鑫"


def test_coverage_counts_what_is_said_again() -> None:
    found = Lexicon({"我": [("i", 0.9)], "爱": [("love", 0.8), ("loves", 0.1)], "cat": [("猫", 0.9)]})
    assert found.coverage("我爱", "I love you") == 1
    assert found.coverage("我爱", "She loves me") == 0.5
    assert found.coverage("Cat!", "大猫") == 1
    assert found.coverage("Xylo cat", "我的猫") == 0.5
    assert found.coverage("！", "!") == 1


def test_rare_words_can_be_left_out() -> None:
    assert "big" not in lexicon.learn(PAIRS, least=2)
    assert "book" in lexicon.learn(PAIRS, least=2)


def test_a_saved_lexicon_is_the_same(tmp_path: Path) -> None:
    found = lexicon.learn(PAIRS)
    found.save(tmp_path)
    before = (tmp_path / lexicon.FILE).read_bytes()
    again = Lexicon.load(tmp_path)
    assert again.translations("house") == found.translations("house")
    again.save(tmp_path)
    assert (tmp_path / lexicon.FILE).read_bytes() == before
