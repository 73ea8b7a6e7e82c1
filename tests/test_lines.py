"""Lines are those of the text, and a sorted one is found by its first column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.facts import read_text
from engine.facts.english_sounds import is_name, sounds
from engine.lines import Lines

LETTERS = st.characters(exclude_characters="\n\t", exclude_categories=["Cs"])
WORDS = st.text(LETTERS, max_size=6)


@given(st.lists(WORDS, max_size=8))
def test_lines_are_those_of_the_text(texts: list[str]) -> None:
    block = "".join(f"{text}\n" for text in texts).encode("utf-8")
    lines = Lines(block)
    assert list(lines) == lines[:] == texts
    assert lines[::-2] == texts[::-2]
    if texts and texts[-1]:
        assert list(Lines(block[:-1])) == texts
        assert lines[-1] == texts[-1]
    for place in (len(texts), -len(texts) - 1):
        with pytest.raises(IndexError):
            lines[place]


@given(st.dictionaries(WORDS, WORDS, max_size=12), WORDS)
def test_a_sorted_line_is_found_by_its_first_column(table: dict[str, str], other: str) -> None:
    rows = sorted(f"{word}\t{rest}".encode() for word, rest in table.items())
    lines = Lines(b"\n".join(rows))
    for word in (*table, other):
        assert lines.beginning(word) == (f"{word}\t{table[word]}" if word in table else None)
    assert lines.beginning("\ud800") is None


def test_every_english_word_is_found() -> None:
    rows = [line.split("\t") for line in read_text("english_sounds.tsv.gz").splitlines()]
    for word, readings, *name in rows[::97]:
        found = [f"{sound.stresses}/{sound.onset}/{sound.rhyme}" for sound in sounds(word)]
        assert found == readings.split(" ")
        assert is_name(word) == bool(name)
    assert sounds("zzyzxq") == ()
    assert not is_name("zzyzxq")
