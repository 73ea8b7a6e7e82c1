"""Around a model that is good for nothing: pieces, memory, numbers, confidence. Quality is measured by
tests/bench/translation.py."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import sacrebleu

from engine import checkpoint, lexicon, translate, translate_making
from engine.beam import Hypothesis
from engine.decode import Decoder
from engine.errors import BadOption, ModelBroken
from engine.evaluate import evaluate
from engine.train import read_config, train
from engine.translate import Translator

CONFIG = """
name = "translate"
[corpus]
kind = "translation"
tags = ["zh>en", "en>zh"]
min_count = 1
pieces = 400
piece_kind = "bpe"
byte_fallback = true
validation = 10
gloss = true
[model]
embedding = 32
hidden = 48
latent = 4
condition_hidden = 24
posterior_hidden = 8
dropout = 0.0
word_dropout = 0.0
latent_dropout = 0.5
copy = true
lexical = true
[training]
batch = 40
steps = 40
learning_rate = 0.01
warm_up = 5
anneal = 10
validate_every = 40
seed = 1
"""
WHO = {"I": "我", "They": "他们", "We": "我们", "You": "你"}
DO = {"like": "喜欢", "want": "想要", "see": "看见", "buy": "买"}
WHAT = {"books": "书", "cats": "猫", "tea": "茶", "bread": "面包", "apples": "苹果", "flowers": "花"}
PAIRS = [
    (f"{who} {do} {what}.", f"{WHO[who]}{DO[do]}{WHAT[what]}。")
    for who, do, what in itertools.product(WHO, DO, WHAT)
]
OWN = ("Good morning, everyone!", "大家早上好！")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pairs") / "pair-tiny.jsonl"
    rows = [{"en": english, "zh": chinese} for english, chinese in PAIRS]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    config = data.with_name("tiny.toml")
    config.write_text(CONFIG, "utf-8")
    out = tmp_path_factory.mktemp("model") / "translate"
    train(read_config(str(config)), [data], out, device="cpu", quiet=True)
    return out


@pytest.fixture(scope="module")
def translator(folder: Path) -> Translator:
    translate.write_memory(folder, [OWN])
    return Translator(Decoder(checkpoint.load(folder)))


def test_training_leaves_its_dictionary_beside_the_weights(folder: Path, data: Path) -> None:
    found = lexicon.Lexicon.load(folder)
    assert found.gloss("I like tea.") == "我喜欢茶。"
    report = evaluate("translate", [data], models=folder.parent, samples=0, importance=2, examples=8)
    assert report["examples"] == 8


def test_a_damaged_dictionary_is_said(tmp_path: Path) -> None:
    (tmp_path / lexicon.FILE).write_bytes(b"no")
    with pytest.raises(ModelBroken):
        lexicon.Lexicon.load(tmp_path)


def test_several_sentences_and_lines_keep_their_order(translator: Translator) -> None:
    found = translator.translate("I like tea. We buy bread.\nYou see cats.", "zh")[0]
    assert [part.source for part in found.parts] == ["I like tea.", "We buy bread.", "You see cats."]
    assert found.text.count("\n") == 1
    assert found.text.replace("\n", "") == "".join(part.text for part in found.parts)


def test_a_long_sentence_is_cut_at_its_commas(translator: Translator) -> None:
    long = "，".join(["我喜欢茶"] * 12) + "。"
    found = translator.translate(long, "en")[0]
    assert len(found.parts) > 1
    assert "".join(part.source for part in found.parts) == long
    assert all(part.text.endswith(",") for part in found.parts[:-1])


def test_our_own_pairs_are_remembered_unless_the_book_is_closed(translator: Translator) -> None:
    found = translator.translate("good morning everyone", "zh")[0]
    assert (found.text, found.origin) == ("大家早上好！", "book")
    assert found.confidence > 0.9
    assert translator.translate("大家早上好", "en")[0].text == OWN[0]
    assert translator.translate("good morning everyone", "zh", memory=False)[0].origin == "generated"


def test_what_has_no_words_stays(translator: Translator) -> None:
    found = translator.translate("😀！？", "en")[0]
    assert (found.text, found.confidence) == ("😀！？", 1.0)


def test_words_nobody_knows_are_counted(translator: Translator) -> None:
    at = translate.FEATURES.index("known")
    assert translator.observe("I like tea.", "zh")[0][at] == 1
    assert translator.observe("I photosynthesize tea.", "zh")[0][at] == pytest.approx(2 / 3)
    assert translator.observe("Archbishops photosynthesize.", "zh")[0][at] == 0


def test_a_translation_without_the_numbers_comes_last(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        Hypothesis((1,), text, -float(place), -float(place), (0.1,) * 9)
        for place, text in enumerate(("我有书。", "我有12本书。"))
    ]
    monkeypatch.setattr(translator, "_search", lambda *_: ([0] * 9, found))
    ranked = translator.piece("I have 12 books.", "zh")
    assert [part.text for part in ranked] == ["我有12本书。", "我有书。"]


def test_drafts_differ_and_the_same_asking_gives_the_same(translator: Translator) -> None:
    first = translator.translate("They want apples.", "zh", drafts=3)
    assert len({one.text for one in first}) == len(first) > 1
    assert translator.translate("They want apples.", "zh", drafts=3) == first


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("I'm going to beijing on monday.", "I'm going to Beijing on Monday."),
        ("He speaks english well.", "He speaks English well."),
        ("You may march in may.", "You may march in may."),  # months that are words besides stay small
        ("the china-ware of tom's friend", "the china-ware of Tom's friend"),
    ],
)
def test_names_have_their_capitals(words: str, wanted: str) -> None:
    assert translate.proper_names(words, "en") == wanted
    assert translate.proper_names(words, "zh") == words


def test_the_language_is_the_other_one_or_the_one_asked_for() -> None:
    assert translate.language_asked("你好", "auto") == "en"
    assert translate.language_asked("hello", "") == "zh"
    assert translate.language_asked("我爱 Python", "zh") == "zh"
    with pytest.raises(BadOption):
        translate.language_asked("hello", "en")
    with pytest.raises(BadOption):
        translate.language_asked("你好", "zh")


def test_a_damaged_file_beside_the_weights_is_said(folder: Path, translator: Translator) -> None:
    file = folder / translate.CONFIDENCE_FILE
    file.write_text("{", "utf-8")
    with pytest.raises(ModelBroken):
        Translator(translator.decoder)
    file.unlink()


def test_confidence_is_fitted_by_logistic_regression() -> None:
    draw = np.random.default_rng(0)
    features = np.column_stack([np.ones(4000), draw.normal(size=4000)])
    truth = 1 / (1 + np.exp(-(0.5 + 2 * features[:, 1])))
    right = (draw.random(4000) < truth).astype(float)
    weights = translate_making.fit(features, right)
    assert weights == pytest.approx([0.5, 2.0], abs=0.2)
    assert translate_making.calibration(truth, right) < 0.05
    assert translate_making.calibration(1 - truth, right) > 0.3


def test_fitted_confidence_is_used(translator: Translator, folder: Path) -> None:
    file = folder / translate.CONFIDENCE_FILE
    weights = {name: 0.0 for name in translate.FEATURES} | {"bias": -2.0}
    file.write_text(json.dumps({"zh>en": weights, "en>zh": weights}), "utf-8")
    assert Translator(translator.decoder).translate("I like tea.", "zh")[0].confidence == pytest.approx(
        0.1192, abs=1e-3
    )
    file.unlink()


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("the cat sat", "the cat sat here"),
        ("我喜欢猫", "我很喜欢猫。"),
        ("no", "entirely different"),
        ("a", "a"),
    ],
)
def test_chrf_is_what_sacrebleu_says(found: str, wanted: str) -> None:
    assert translate_making.chrf(found, wanted) == pytest.approx(
        sacrebleu.sentence_chrf(found, [wanted]).score, abs=0.01
    )
