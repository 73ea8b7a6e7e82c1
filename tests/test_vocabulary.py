"""Text to ids and back, nothing lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import text
from engine.vocabulary import UNKNOWN, Vocabulary, build

TEXTS = [
    "今天天气很好，我们去散步。",
    "The weather is nice today, so we take a walk.",
    "再见！ See you, 1234.",
] * 30


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build(TEXTS, ("chat", "own"), min_count=1, pieces=120, byte_fallback=True)


@given(raw=st.text())
def test_encoding_is_lossless_with_byte_fallback(vocabulary: Vocabulary, raw: str) -> None:
    cleaned = text.clean(raw)
    ids = vocabulary.encode(cleaned)
    assert vocabulary.decode(ids) == cleaned
    assert UNKNOWN not in ids


def test_every_han_character_is_one_token(vocabulary: Vocabulary) -> None:
    assert len(vocabulary.encode("今天天气")) == 4


def test_text_cannot_name_a_special_token(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode("<end><chat><pad>")
    assert not {vocabulary.tag("chat"), 0, 3} & set(ids)


def test_a_saved_vocabulary_encodes_the_same(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path)
    again = Vocabulary.load(tmp_path)
    sample = "今天 weather ☔ 好"
    assert again.encode(sample) == vocabulary.encode(sample)
    assert again.tokens == vocabulary.tokens


def test_rare_characters_are_unknown_without_byte_fallback() -> None:
    plain = build(["春眠不觉晓"] * 3 + ["罕"], ("wujue",), min_count=2)
    assert plain.encode("罕") == [UNKNOWN]
    assert plain.decode(plain.encode("春晓\n眠")) == "春晓\n眠"
    assert set("".join(plain.character_list())) == set("春眠不觉晓")


def test_a_broken_run_of_bytes_is_shown_as_a_replacement(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode("龘")
    assert len(ids) == 3
    assert vocabulary.decode(ids[:2]) == "\ufffd"


def test_bpe_keeps_common_words_whole() -> None:
    lines = [f" this is my {noun}" for noun in ("niece", "house", "book", "cat")] * 20
    found = build(lines, (), min_count=1, pieces=400, byte_fallback=True, piece_kind="bpe")
    assert [found.tokens[i] for i in found.encode(" this is")] == ["▁this", "▁is"]
