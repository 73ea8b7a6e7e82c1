"""The filter of passages: a copied passage is always found, what shares less hardly ever is."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import passages
from engine.corpus import CorpusConfig
from engine.passages import CHARACTERS, WORDS, Passages

HAN = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少"
PROSE = st.text(alphabet=HAN + "，。 ab", min_size=1, max_size=60)
WORD = st.sampled_from(["the", "old", "man", "went", "down", "to", "sea", "with", "a", "cat", "that", "rain"])


def dense(text: str) -> str:
    return "".join(text.split())


@given(st.text(alphabet=HAN + "，。", min_size=CHARACTERS, max_size=70), st.data())
@settings(max_examples=80, deadline=None)
def test_every_passage_is_found_wherever_it_begins(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - CHARACTERS))
    passage = text[start : start + CHARACTERS]
    before, after = data.draw(PROSE), data.draw(PROSE)
    half = sum(character in HAN for character in passage) * 2 >= CHARACTERS
    assert Passages.build([text]).copies(before + passage + after) or not half
    if half:
        assert not Passages.build([text]).copies(passage, prompt=f"他说：{passage}！")


@given(st.lists(WORD, min_size=WORDS, max_size=30), st.data())
@settings(max_examples=50, deadline=None)
def test_every_passage_of_words_is_found(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - WORDS))
    passage = " ".join(words[start : start + WORDS])
    known = Passages.build([" ".join(words)])
    assert known.copies(f"Well, {passage.upper()}; indeed.")
    assert not known.copies(passage, prompt=passage)


@given(PROSE, PROSE)
@settings(max_examples=80, deadline=None)
def test_what_shares_less_than_an_ngram_is_left_alone(text: str, draft: str) -> None:
    a, b = dense(text), dense(draft)
    size = CHARACTERS - passages.STEP + 1
    shared = {a[i : i + size] for i in range(len(a) - size + 1)} & {
        b[i : i + size] for i in range(len(b) - size + 1)
    }
    if not shared:
        # at the usual rate the filter itself is wrong once in some thousand such drafts
        assert not Passages.build([text], 1e-12).copies(draft)


def test_the_error_stays_below_the_rate() -> None:
    draw = random.Random(1)
    alphabet = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]

    def text() -> str:
        return "".join(draw.choices(alphabet, k=60))

    rate = 1e-3
    known = Passages.build((text() for _ in range(3000)), rate)
    asked = 100
    wrong = sum(known._holds(passages._grams(passages.units(text()), 0)[0]).sum() for _ in range(asked))
    assert wrong / (asked * 51) < 2.5 * rate
    drafts = sum(Passages.build(text() for _ in range(500)).copies(text()) for _ in range(20))
    assert drafts == 0


def test_the_share_is_that_of_the_longest_run() -> None:
    text = "今天去河边走了走看见有人钓鱼风很大水面上都是碎光"
    known = Passages.build([text])
    assert known.share(text) > 0.8
    assert known.share("明月几时有把酒问青天不知天上宫阙") == 0.0
    half = known.share(text[:12] + "明月几时有把酒问青天不知")
    assert 0.3 < half <= 0.5


def test_passages_are_saved_joined_and_mapped(tmp_path: Path) -> None:
    one, other = "今天去河边走了走看见有人钓鱼", "他推开门看见院子里站着一只白鹅"
    both = Passages.build([one]) | Passages.build([other])
    both.save(tmp_path / passages.FILE)
    mapped = Passages.load(tmp_path / passages.FILE)
    assert len(mapped) == len(both) > 0
    assert mapped.copies(one)
    assert mapped.copies(other)
    assert not mapped.copies("白日依山尽黄河入海流欲穷千里目")
    content = (tmp_path / passages.FILE).read_bytes()
    (tmp_path / "cut.npy").write_bytes(content[:-20])
    with pytest.raises(ValueError, match=r"."):
        Passages.load(tmp_path / "cut.npy")
    for wrong in (np.zeros(80, np.uint8), np.zeros(4, np.float32), np.zeros(5, np.uint8)):
        np.save(tmp_path / "other.npy", wrong)
        with pytest.raises(ValueError, match="not a filter of passages"):
            Passages.load(tmp_path / "other.npy")


def test_only_the_texts_of_others_are_kept_and_those_before_stay(tmp_path: Path) -> None:
    theirs, ours = "图书馆的窗外下着很大的雨没有人说话", "我们自己的话可以再说一遍不算抄袭"
    (tmp_path / "text-zh-theirs.jsonl").write_text(f'{{"text": "{theirs}"}}\n', "utf-8")
    (tmp_path / "post-zh.jsonl").write_text(f'{{"src": "下雨", "tgt": "{ours}"}}\n', "utf-8")
    files = [tmp_path / "text-zh-theirs.jsonl", tmp_path / "post-zh.jsonl"]
    assert passages.build(files, CorpusConfig(), tmp_path) > 0
    known = Passages.load(tmp_path / passages.FILE)
    assert known.copies(theirs)
    assert not known.copies(ours)
    after = tmp_path / "after"
    after.mkdir()
    assert passages.build([tmp_path / "post-zh.jsonl"], CorpusConfig(), after, before=tmp_path) > 0
    assert Passages.load(after / passages.FILE).copies(theirs)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert passages.build([tmp_path / "post-zh.jsonl"], CorpusConfig(), empty) == 0
    assert not (empty / passages.FILE).exists()


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_asked(text: str, prompt: str) -> None:
    known = Passages.build([text])
    assert known.copies(text, prompt) in (True, False)
    assert 0.0 <= known.share(text) <= 1.0
