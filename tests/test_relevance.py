"""Which reply answers which asking: what the shipped vectors promise, how they are learnt, their file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine import held_out
from engine.likeness import plain
from engine.meaning import BUCKETS as ASKED_BUCKETS
from engine.meaning import Meaning, Table
from engine.relevance import BUCKETS, Relevance, shipped
from engine.relevance_training import answered, learn, measure, written_rows

WORDS = ["天气", "吃饭", "带伞", "面条", "rain", "noodles"]


def words() -> Meaning:
    draw = np.random.default_rng(0)
    grams = draw.standard_normal((ASKED_BUCKETS, 16)).astype(np.float32)
    return Meaning(grams, WORDS, draw.standard_normal((len(WORDS), 16)).astype(np.float32))


@pytest.mark.parametrize(
    ("asking", "fits", "does_not"),
    [
        ("应酬好累", "辛苦了，先坐下歇会儿。", "我不会算命，送你一句好话。"),
        ("描写老房子", "她搬走了，挂历还停在那个月。", "辛苦了，先坐下歇会儿。"),
        ("my kid has a fever", "I hope they get better soon.", "Short and exact is best."),
    ],
)
def test_the_shipped_vectors_know_what_answers(asking: str, fits: str, does_not: str) -> None:
    good, bad = shipped().of(asking, [fits, does_not])
    assert good > bad + 0.1


def test_a_number_does_not_depend_on_other_replies() -> None:
    alone = shipped().of("今天有点累", ["早点歇。"])[0]
    assert shipped().of("今天有点累", ["好。", "早点歇。", ""])[1] == pytest.approx(alone, abs=1e-6)


def test_nothing_known_is_zero_and_nothing_asked_is_nothing() -> None:
    assert shipped().of("", ["早点歇。"]) == [0.0]
    assert shipped().of("今天有点累", [""]) == [0.0]
    assert shipped().of("今天有点累", []) == []


def test_replies_are_drawn_to_their_askings_and_survive_their_file(tmp_path: Path) -> None:
    weather = ([f"天气{n}怎么样" for n in "一二三"], [f"记得带伞{n}" for n in "甲乙丙"])
    food = ([f"吃饭{n}吃什么" for n in "一二三"], [f"来碗面条{n}" for n in "甲乙丙"])
    known = answered([weather, food], [["下午好", "你也下午好"]])
    assert known.centred == 2
    found = learn(known, words(), epochs=20, seed=1)
    umbrella, noodles = found.of("天气四怎么样", ["记得带伞丁", "来碗面条丁"])
    assert umbrella > noodles + 0.2
    found.save(tmp_path / "r.npz")
    read = Relevance.load(tmp_path / "r.npz", words())
    assert read.of("天气四怎么样", ["记得带伞丁"]) == pytest.approx([umbrella], abs=0.02)


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    table = Table.of(np.ones((BUCKETS, 8), np.float32))
    Relevance(table, np.eye(8, dtype=np.float32), words()).save(tmp_path / "r.npz")
    with pytest.raises(ValueError, match="another shape"):
        Relevance.load(tmp_path / "r.npz", words())


def test_intents_without_words_are_left_out_and_long_turns_too() -> None:
    known = answered([(["你好吗"], [" "]), (["你好"], ["你好呀"])], [["啊" * 200, "好的", "好"]])
    assert known.askings[: known.centred] == ["你好"]
    assert all(len(asking) < 200 for asking in known.askings)


def test_what_is_kept_aside_is_measured_and_never_learnt(tmp_path: Path) -> None:
    asks = [f"天气{n}怎么样" for n in "一二三四五六七八"]
    row = {"intent": "weather", "asks": asks, "replies": ["记得带伞。"], "follow": []}
    (tmp_path / "intent-zh.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    kept = held_out.held_out_part("intent-zh", row)
    assert kept is not None
    known = written_rows(tmp_path)
    assert not set(map(plain, kept["asks"])) & set(known.askings)
    figures = measure(shipped(), Meaning.load(), known, tmp_path)
    assert 0 <= figures["known_first"] <= figures["known_first_ten"] <= 1
