"""What a pull raises: what follows in a text, and its words not yet used."""

from __future__ import annotations

from engine.pull import FOLLOW, WORD, Pull
from engine.vocabulary import END, UNKNOWN

A, B, C, D = 100, 101, 102, 103


def test_a_text_begins_with_its_first_word() -> None:
    assert Pull([((A, B), 1.0)]).bias([]) == {A: WORD + FOLLOW, B: WORD}


def test_what_follows_the_longest_passage_counts_most() -> None:
    bias = Pull([((A, B, C, D, B, A), 1.0)]).bias([A, B])
    assert bias[C] == FOLLOW + WORD  # after A B
    assert bias[A] == FOLLOW / 2 + WORD  # after B alone; the second A is still to come
    assert bias[B] == WORD
    assert bias[D] == WORD


def test_a_word_written_as_often_as_it_stands_there_is_not_raised_again() -> None:
    assert B not in Pull([((A, B, C), 1.0)]).bias([D, B, D])


def test_the_end_follows_the_last_word_and_an_unknown_one_is_passed_over() -> None:
    assert Pull([((A, UNKNOWN, B), 1.0)]).bias([A]) == {B: WORD + FOLLOW}
    assert Pull([((A, B), 1.0)]).bias([A, B]) == {END: FOLLOW}


def test_two_texts_pull_by_their_strength() -> None:
    bias = Pull([((A,), 0.25), ((B,), 0.75), ((C,), 0.0)]).bias([])
    assert bias == {A: 0.25 * (WORD + FOLLOW), B: 0.75 * (WORD + FOLLOW)}
