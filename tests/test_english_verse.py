"""English verse: sounds, masks and the checker, held against the dictionary's own client."""

from __future__ import annotations

import random

import numpy as np
import pronouncing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import english, english_forms
from engine.english_forms import FORMS, Pattern, check, english_form, rhymes
from engine.english_verse import EnglishRules, begins_with_vowel
from engine.facts.english_sounds import estimate, is_name, sounds, syllables
from engine.novelty import Bloom
from engine.vocabulary import LINE
from engine.word_pairs import WordPairs

TEXT = """
a an the of and in on with under over from by to at i we you it is was are where when while so for all
moon noon soon tune june night light bright sight delight white flight kite day way say play stay grey
sea tree free bee key me deep sleep keep steep star far bar scar rain pain lane again train main chain
snow grow slow know low glow blow wind leaf river garden water silver morning evening golden little
window shadow flower yellow gentle silent morning memory remember beautiful forgotten alone away below
above hill still will fill until stone bone own tone stand hand land sand grand song long strong belong
heart apart start art dream stream gleam beam old cold gold told bold hold fall call wall small air fair
hair care there where ground sound found round around eyes skies rise wise lies flies sighs tear near
"""
WORDS = TEXT.split()
PATTERNS = [pattern for form in FORMS.values() for pattern in form.written]


@pytest.fixture(scope="module")
def rules() -> EnglishRules:
    return EnglishRules(["<pad>", "\n", *(f"▁{word}" for word in dict.fromkeys([*WORDS, *",.;:!?"]))])


def written(rules: EnglishRules, pattern: Pattern, seed: int) -> tuple[list[list[str]], tuple[str, ...]]:
    """A verse as a model that knows nothing would write it: any token that the mask allows."""
    draw, plan = random.Random(seed), rules.plan(pattern)
    while not plan.done:
        plan.advance(draw.choice(np.flatnonzero(plan.mask().numpy()).tolist()))
    return [[rules.tokens[token] for token in reversed(line)] for line in plan.lines], plan.relaxed


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(PATTERNS))
def test_whatever_is_drawn_keeps_its_form_by_another_count(
    rules: EnglishRules, seed: int, pattern: Pattern
) -> None:
    lines, relaxed = written(rules, pattern, seed)
    counts = tuple(
        sum(pronouncing.syllable_count(pronouncing.phones_for_word(word)[0]) for word in english.bare(line))
        for line in lines
    )
    assert counts == pattern.lengths
    ends: dict[str, list[str]] = {}
    for row, line in enumerate(lines):
        if letter := pattern.rhymes(row):
            ends.setdefault(letter, []).append(english.bare(line)[-1])
    if "rhyme" not in relaxed:
        for words in ends.values():
            parts = {pronouncing.rhyming_part(pronouncing.phones_for_word(word)[0]) for word in words}
            assert len(parts) == 1
            assert len(set(words)) == len(words)
    form = next(form for form in FORMS.values() if pattern in form.written)
    assert check([" ".join(line) for line in lines], form).ok or relaxed


def test_marks_stand_at_the_ends_of_lines_and_the_last_line_is_closed(rules: EnglishRules) -> None:
    for seed in range(20):
        lines, _ = written(rules, FORMS["quatrain"].written[0], seed)
        assert lines[-1][-1] in ".!?"
        for line in lines:
            inside = [token for token in line[:-1] if token in english.MARKS]
            assert inside in ([], [","])
        haiku, _ = written(rules, FORMS["haiku"].written[0], seed)
        assert all(english.MARKS.isdisjoint(line) for line in haiku)


def test_a_line_of_the_corpus_is_not_written_again() -> None:
    tokens = [f"▁{word}" for word in ("the", "old", "moon", "in", "water", "river", "evening", "over")]
    free, pattern = EnglishRules(tokens), Pattern((5,))
    lines = {tuple(written(free, pattern, seed)[0][0]) for seed in range(40)}
    ids = {word: index for index, word in enumerate(free.tokens)}
    known = {"".join(chr(ids[word]) for word in reversed(line)) for line in lines}
    held = EnglishRules(tokens, Bloom.build(known))
    for seed in range(40):
        (line,), relaxed = written(held, pattern, seed)
        assert tuple(line) not in lines or "corpus" in relaxed


def test_only_words_seen_side_by_side_are_written_while_that_can_be() -> None:
    tokens = ["<pad>", "<u>", "<b>", "<e>", "<t>", "\n", "▁the", "▁old", "▁moon", "▁water"]
    the, old, moon, water = range(6, 10)
    seen = [(LINE, moon), (moon, old), (moon, the), (old, the), (the, LINE), (LINE, water), (water, the)]
    rules = EnglishRules(tokens, None, WordPairs(np.array(seen, np.uint16), len(tokens)))
    for seed in range(10):
        (line,), relaxed = written(rules, Pattern((3,)), seed)
        assert line in (["the", "old", "moon"], ["the", "water"])
        assert relaxed == ()
    (line,), relaxed = written(rules, Pattern((5,)), 0)
    assert "pair" in relaxed


def test_a_word_of_the_theme_ends_the_line_it_was_asked_for(rules: EnglishRules) -> None:
    river = rules.tokens.index("river")
    for line in range(3):
        plan = rules.plan(FORMS["haiku"].written[0], [river], line)
        draw = random.Random(line)
        while not plan.done:
            plan.advance(draw.choice(np.flatnonzero(plan.mask().numpy()).tolist()))
        assert plan.lines[line][0] == river
    # what cannot stand there is left out
    plan = rules.plan(Pattern((1, 1)), [river])
    assert not plan.mask()[river]


def test_no_word_means_no_rules() -> None:
    with pytest.raises(ValueError, match="no English word"):
        EnglishRules(["▁zzyzx", "\n"])


def test_a_token_that_does_not_fit_is_refused(rules: EnglishRules) -> None:
    plan = rules.plan(Pattern((1,)))
    with pytest.raises(ValueError, match="does not fit"):
        plan.advance(rules.tokens.index("beautiful"))


def test_sounds_are_those_of_the_dictionary() -> None:
    for word in WORDS:
        phones = pronouncing.phones_for_word(word)
        if phones:
            assert sounds(word)[0].syllables == pronouncing.syllable_count(phones[0])
    assert is_name("london")
    assert not is_name("river")
    assert syllables("brillig") == (frozenset({2}), False)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("cat", 1), ("made", 1), ("little", 2), ("walked", 1), ("wanted", 2), ("beauty", 2), ("the", 1)],
)
def test_an_estimate_by_spelling(word: str, expected: int) -> None:
    assert estimate(word) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("moon", "noon", True),
        ("light", "delight", False),  # it begins alike too
        ("moon", "moon", False),
        ("river", "never", False),
        ("brillig", "frillig", True),  # by spelling
    ],
)
def test_what_rhymes(one: str, other: str, expected: bool) -> None:
    assert rhymes(one, other) is expected


@pytest.mark.parametrize(
    ("word", "expected"), [("apple", True), ("hour", True), ("one", False), ("useful", False)]
)
def test_which_words_take_an(word: str, expected: bool) -> None:
    assert begins_with_vowel(word) is expected


def test_a_haiku_is_checked_line_by_line() -> None:
    haiku = FORMS["haiku"]
    good = ["An old silent pond,", "a frog jumps into the pond.", "Splash! Silence again."]
    found = check(good, haiku)
    assert found.ok
    assert [sum(int(mark.tone) for mark in line) for line in found.lines] == [5, 7, 5]
    bad = check(["An old pond", *good[1:]], haiku)
    assert [(problem.line, problem.rule) for problem in bad.problems] == [(1, "length")]
    assert [p.rule for p in check(good[:2], haiku).problems] == ["lines"]


def test_an_unknown_word_is_estimated_and_said() -> None:
    rest = ["a frog jumps into the pond.", "Splash! Silence again."]
    found = check(["A brillig pond,", *rest], FORMS["haiku"])
    assert [(p.line, p.position, p.rule) for p in found.problems] == [(1, 0, "length"), (1, 2, "unsure")]
    assert found.lines[0][1].tone == "2?"
    found = check(["A small brillig pond,", *rest], FORMS["haiku"])
    assert found.ok
    assert [p.rule for p in found.problems] == ["unsure"]


def test_rhymes_are_checked_by_the_scheme_met_best() -> None:
    quatrain = FORMS["quatrain"]
    lines = ["The moon is old and bright", "I sit beside the sea", "A ship without a light"]
    assert check([*lines, "And nobody tells me"], quatrain).ok
    assert check([*lines, "And nobody tells me"], quatrain).pattern == "6-6-6-6 abab"
    broken = check([*lines, "And nobody tells you"], quatrain)
    assert {p.rule for p in broken.problems} <= {"rhyme"}
    assert not broken.ok or broken.pattern.endswith("abcb")
    same = check(["The moon is old and bright", "I sit and all is bright"], FORMS["couplet"])
    assert [p.rule for p in same.problems] == ["repeat"]


def test_names_are_found_in_any_case() -> None:
    assert english_form(" Haiku ") is FORMS["haiku"]
    assert english_form("qijue") is None
    assert english_forms.RULES == ("lines", "length", "rhyme", "repeat", "unsure")
