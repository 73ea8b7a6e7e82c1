"""Texts as vectors: what the tables promise, and how they are learnt."""

from pathlib import Path

import numpy as np

from engine.likeness import plain
from engine.meaning import BUCKETS, Meaning, shipped
from engine.meaning_training import Askings, learn, measure, word_vectors


def test_askings_without_a_shared_character_can_be_near() -> None:
    near, far = (
        float(np.dot(*shipped().vectors([plain(one), plain(other)])))
        for one, other in (("好困啊", "想睡觉了"), ("好困啊", "今晚吃什么"))
    )
    assert near > far + 0.2


def test_a_vector_has_length_one_or_none() -> None:
    vectors = shipped().vectors([plain(text) for text in ("你好", "hello there", "", "今天有点累")])
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0, 1], atol=1e-5)


def test_a_text_does_not_depend_on_its_neighbours() -> None:
    alone = shipped().vectors(["想写一首诗"])[0]
    assert np.allclose(shipped().vectors(["晚安", "", "想写一首诗"])[2], alone, atol=1e-6)


def test_tables_survive_their_file(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    tables = [draw.standard_normal((rows, 8)).astype(np.float32) for rows in (BUCKETS, 3)]
    written = Meaning(tables[0], ["你好", "累", "tired"], tables[1])
    written.save(tmp_path / "m.npz")
    read = Meaning.load(tmp_path / "m.npz")
    texts = ["你好", "tired", "好累"]
    assert np.allclose(read.vectors(texts), written.vectors(texts), atol=0.02)


def test_neighbours_in_prose_become_near() -> None:
    found = [["猫", "喝", "牛奶"], ["狗", "喝", "清水"], ["船", "过", "大海"], ["车", "过", "长桥"]] * 40
    words, vectors = word_vectors(found, size=4)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cat, dog, ship = (unit[words.index(word)] for word in "猫狗船")
    assert cat @ dog > cat @ ship


def test_askings_of_an_intent_are_drawn_together() -> None:
    texts = [f"{a}{b}" for a in ("天气", "下雨", "气温") for b in "一二三"]
    texts += [f"{a}{b}" for a in ("吃饭", "饿了", "午餐") for b in "四五六"]
    known = Askings(texts, np.array([0] * 9 + [1] * 9), ["weather", "food"])
    words = ["天气", "吃饭"]
    vectors = np.eye(2, 16, dtype=np.float32)
    learnt = learn(known, words, vectors, epochs=30, seed=0)
    asked = Askings(["下雨七", "气温八", "饿了九", "午餐十"], np.array([0, 0, 1, 1]), known.names)
    assert measure(learnt, known, asked)["first"] == 1.0
