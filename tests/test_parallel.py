"""Sentence pairs: where they stand in rows, and that evening out is idempotent and keeps what matters."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import corpus, parallel
from engine.corpus import CorpusConfig


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("晚餐吃鱼怎么样?", "晚餐吃鱼怎么样？"),
        ("我知道了.", "我知道了。"),
        ("「你好」,他說", "“你好”，他说"),
        ('他说"好的".', "他说“好的”。"),
        ("我 喜欢 Python 语言", "我喜欢Python语言"),
        ("圆周率是3.14。", "圆周率是3.14。"),
        ("“Don’t go,” she said。", '"Don\'t go," she said.'),
        ("7:30 a.m., OK?", "7:30 a.m., OK?"),
    ],
)
def test_writing_is_evened_out(written: str, wanted: str) -> None:
    assert parallel.even(written) == wanted


@example("1 ?你")
@given(st.text(alphabet="你好说語aB1 ,.?!\"'“”「」，。？：(（）)\n", max_size=30))
def test_evening_out_twice_changes_nothing_more(words: str) -> None:
    once = parallel.even(words)
    assert parallel.even(once) == once


def test_each_kind_of_row_gives_its_pairs() -> None:
    assert list(parallel.pairs({"src": "Hi.", "tgt": "嗨。"})) == [("Hi.", "嗨。")]
    assert list(parallel.pairs({"zh": "嗨。", "en": "Hi."})) == [("Hi.", "嗨。")]
    row = {
        "src": "谁来了？",
        "src_en": "Who came?",
        "tgt": "四",
        "tgt_en": "four",
        "context": "他来了。她走了。",
        "context_en": "He came here. She went off.",
    }
    found = list(parallel.pairs(row))
    assert found == [
        ("Who came?", "谁来了？"),
        ("four", "四"),
        ("He came here.", "他来了。"),
        ("She went off.", "她走了。"),
    ]


def test_paragraphs_of_unlike_sentences_are_not_aligned() -> None:
    row = {
        "src": "谁？",
        "src_en": "Who?",
        "tgt": "四",
        "tgt_en": "four",
        "context": "他来了。她走了。",
        "context_en": "He came and she went.",
    }
    assert len(list(parallel.pairs(row))) == 2


def test_a_row_without_two_languages_gives_nothing() -> None:
    assert list(parallel.pairs({"src": "2019", "tgt": "2019"})) == []
    assert list(parallel.pairs({"text": "你好"})) == []


def test_training_reads_both_directions_and_never_drops_the_source() -> None:
    config = CorpusConfig(kind="translation", tags=parallel.TAGS, drop_context=1.0)
    found = list(corpus.of_row({"src": "Hi.", "tgt": "嗨。"}, "pair-en_zh-x", config))
    assert [(e.tags, e.context, e.target) for e in found] == [
        (("zh>en",), ("嗨。",), "Hi."),
        (("en>zh",), ("Hi.",), "嗨。"),
    ]
    assert not any(example.droppable for example in found)
    assert len({example.group for example in found}) == 1, "both directions stand on one side of a split"
