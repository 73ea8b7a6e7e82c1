"""English text as lines of words, and the examples that the rhyme model learns from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import corpus, english, theme
from engine.corpus import CorpusConfig
from engine.english_forms import FORMS
from engine.english_verse import EnglishRules
from engine.english_writing import shown, theme_words
from engine.vocabulary import LINE, UNKNOWN, build
from engine.weights import PAIRS_FILE
from engine.word_pairs import WordPairs, keep_lines, line_key

CONFIG = CorpusConfig(kind="rhyme", pieces=400, piece_kind="word", tags=("couplet", "8"))
STANZA = {
    "lines": [
        "The moon is high above the sea,",
        "And nobody is here but me;",
        "The stars are cold, the sails are white,",
        "I walk alone into the night.",
    ],
    "rhyme": "a a b b",
}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("O'er the hill — 'tis May!", ["over", "the", "hill", ",", "tis", "may", "!"]),
        ("She seem'd happy, I'd say.", ["she", "seemed", "happy", ",", "i'd", "say", "."]),
        ("''Quoted'' ... twice", ["quoted", ".", "twice"]),
        ("far-gleaming", ["far", "gleaming"]),
    ],
)
def test_tokens(line: str, expected: list[str]) -> None:
    assert english.tokens(line) == expected


words = st.lists(st.sampled_from(["the", "moon", "don't", ",", "."]), min_size=1, max_size=8)


@given(st.lists(words, min_size=1, max_size=4))
def test_backwards_and_forwards_undo_each_other(lines: list[list[str]]) -> None:
    assert english.forwards(english.backwards(lines)) == lines


def test_a_stanza_gives_couplets_and_a_quatrain_with_their_tags() -> None:
    made = list(english.examples(STANZA))
    assert [(one.tags, one.target.count("\n") + 1) for one in made] == [
        (("couplet", "8", "aa"), 2),
        (("couplet", "8", "aa"), 2),
        (("quatrain", "8", "aabb"), 4),
    ]
    assert made[0].target.startswith(" , sea the above high is moon the\n")
    assert made[0].keywords == ("moon", "high", "sea", "nobody")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((8, 8), "8"), ((8, 6, 8, 6), "8-6"), ((10, 10, 9, 10), "10"), ((5, 11), "free"), ((3, 3), "free")],
)
def test_metre(sizes: tuple[int, ...], expected: str) -> None:
    assert english.metre([["moon"] * size for size in sizes]) == expected


def test_prose_with_a_name_or_a_coarse_word_teaches_nothing() -> None:
    kept = list(english.examples({"text": "The rain fell on the old road."}))
    assert [one.tags for one in kept] == [("line", "free")]
    assert not list(english.examples({"text": "Then we met Emma on the road. What a whore."}))


def test_haiku_are_put_together_from_phrases_of_one_scene() -> None:
    row = {"text": "He left. Under the cold moon, the quiet lamp is burning, a star in the dark."}
    phrases = list(english.phrases(row))
    assert [" ".join(phrase) for phrase in phrases] == [
        "under the cold moon",
        "the quiet lamp is burning",
        "a star in the dark",
    ]
    made = list(english.montages(sorted(map(tuple, phrases))))
    assert {english.HAIKU} == {
        tuple(english.count(line) for line in english.forwards(one.target)) for one in made
    }


def test_a_corpus_of_words_comes_back_from_its_vocabulary(tmp_path: Path) -> None:
    file = tmp_path / "poems.jsonl"
    file.write_text(json.dumps(STANZA) + "\n", "utf-8")
    found = list(corpus.examples(file, CONFIG))
    vocabulary = build((one.target for one in found), CONFIG.tags, pieces=400, piece_kind="word")
    for one in found:
        ids = vocabulary.encode(one.target)
        assert UNKNOWN not in ids
        assert vocabulary.decode(ids) == one.target
        assert len(ids) == len(one.target.split()) + one.target.count("\n")
    assert vocabulary.encode(" zebra") == [UNKNOWN]
    lines = list(corpus.rhyme_lines([file], CONFIG, vocabulary))
    assert len({tuple(words) for words, _ in lines}) == 4
    keep_lines(tmp_path, lines)
    pairs = WordPairs.load(tmp_path, len(vocabulary))
    assert pairs is not None
    at = {token.removeprefix("▁"): index for index, token in enumerate(vocabulary.tokens)}
    assert set(np.flatnonzero(pairs.before(at["moon"])).tolist()) == {at["the"]}
    assert {at["the"], at["and"], at["i"]} == set(np.flatnonzero(pairs.begins).tolist())
    assert np.flatnonzero(pairs.before_both(at["the"], at["moon"])).tolist() == [LINE]
    assert not pairs.before_both(at["moon"], at["the"]).any()
    assert pairs.before(LINE)[[at[","], at[";"], at["."]]].all()
    with pytest.raises(ValueError, match="does not belong"):
        WordPairs.load(tmp_path, 4)
    (tmp_path / PAIRS_FILE).unlink()
    assert WordPairs.load(tmp_path, len(vocabulary)) is None
    keep_lines(tmp_path, lines)
    rules = EnglishRules.of(tmp_path, vocabulary.tokens)
    key = line_key(vocabulary.encode(" sea the above high is moon the"))
    assert rules.corpus is not None
    assert key in rules.corpus
    assert theme_words("The Moons above a zebra", vocabulary) == ["moon", "above"][:1]


def test_a_chinese_theme_names_things() -> None:
    named = [" moon cat door failure window home"]
    vocabulary = build(named * 3, ("couplet",), pieces=400, piece_kind="word")
    assert theme_words("门口的猫和月亮", vocabulary)[:3] == ["door", "cat", "moon"]
    assert theme_words("窗外的貓", vocabulary)[:2] == ["window", "cat"]
    assert theme_words("", vocabulary) == []


def test_lines_are_shown_as_people_write_them() -> None:
    lines = [["the", "moon", ",", "and", "i", "."], ["i'm", "old"]]
    assert shown(lines, FORMS["couplet"]) == ("The moon, and I.", "I'm old")
    assert shown(lines, FORMS["haiku"])[0] == "the moon, and I."


def test_a_chinese_theme_finds_english_ones_by_its_images() -> None:
    assert any("home" in name for name in theme.english_themes("想家"))
    assert theme.english_themes("the moon") == ()
