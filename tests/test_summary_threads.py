"""Conversations that run side by side are told apart; long logs block by block."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.summary_breaks import BOUNDARY, boundaries
from engine.summary_log import Log
from engine.summary_pairs import COMPANY, PAIR, company, pairs
from engine.summary_partition import partition
from engine.summary_threads import BLOCK, same, threads, weights
from engine.values import Message


def talk(*rows: tuple[str, str, float, str | None]) -> list[Message]:
    return [
        Message(str(n), author, text, minute, reply)
        for n, (author, text, minute, reply) in enumerate(rows, 1)
    ]


TWO = talk(
    ("甲", "红烧肉怎么做才不柴？我每次都做柴了", 0, None),
    ("乙", "红烧肉要小火焖七十分钟，水要没过肉", 1, "1"),
    ("甲", "红烧肉焖的时候要盖锅盖吗", 2, "2"),
    ("丙", "说一下周末爬山，周六七点南门集合", 60, None),
    ("丁", "爬山要带多少水", 61, "4"),
    ("丙", "爬山每人两瓶水，再带件雨衣", 62, "5"),
)


def test_two_conversations_an_hour_apart() -> None:
    assert threads(TWO).tolist() == [0, 0, 0, 1, 1, 1]


def test_tables_have_a_column_for_every_name_with_and_without_latents() -> None:
    for latents in (None, np.eye(6, 4)):
        log = Log(TWO, latents)
        assert boundaries(log).shape == (6, len(BOUNDARY))
        assert pairs(log, np.full(6, 0.5)).shape == (6, 6, len(PAIR))
        assert company(log, np.full((6, 6), 0.5)).shape == (6, 6, len(COMPANY))


def test_an_english_cue_is_a_whole_word_and_may_stand_beside_a_han_character() -> None:
    log = Log(
        talk(
            ("甲", "周五几点", 0, None),
            ("乙", "northern line is off", 1, None),
            ("丙", "no, only the last stop", 2, None),
            ("甲", "周五ok", 3, None),
            ("乙", "okra", 4, None),
        )
    )
    table = boundaries(log)
    assert table[1:, BOUNDARY.index("goes_on")].tolist() == [0, 1, 0, 0]
    assert table[1:, BOUNDARY.index("closes")].tolist() == [0, 0, 1, 0]


def test_a_burst_knows_who_opened_it() -> None:
    # bursts: 0-2, opened by 甲; 3-5, opened by 丙
    table = pairs(Log(TWO), np.array([0, 0, 0, 1, 0, 0.0]))
    burst, opener = PAIR.index("burst"), PAIR.index("burst_opener")
    assert table[0, 2, burst] == 1.0
    assert table[0, 3, burst] == 0.0
    assert table[0, 3, opener] == 0.0
    mine = [*TWO[:3], Message("4", "甲", TWO[3].text, 60, None), *TWO[4:]]
    assert pairs(Log(mine), np.array([0, 0, 0, 1, 0, 0.0]))[0, 3, opener] == 1.0


def test_probabilities_are_symmetric_and_surest_within_a_conversation() -> None:
    chance = same(Log(TWO), weights()["plain"])
    assert chance == pytest.approx(chance.T)
    assert np.diag(chance).tolist() == [0.0] * 6
    assert min(chance[0, 1], chance[3, 4]) > max(chance[0, 3], chance[2, 5])


def test_likeness_of_letters_is_the_cosine_of_their_pairs() -> None:
    # ab bc cd; bc cd de; no pair
    log = Log([Message(str(n), "a", text, float(n)) for n, text in enumerate(("abcd", "bcde", "x"))])
    assert log.grams == pytest.approx(np.array([[0, 2 / 3, 0], [2 / 3, 0, 0], [0, 0, 0]]))


def test_a_partition_follows_the_probabilities() -> None:
    chance = np.full((4, 4), 0.05)
    chance[0, 1] = chance[1, 0] = chance[2, 3] = chance[3, 2] = 0.9
    labels = partition(chance)
    assert labels[0] == labels[1] != labels[2] == labels[3]
    assert len(set(partition(np.full((4, 4), 0.95)).tolist())) == 1
    assert partition(np.zeros((0, 0))).tolist() == []
    assert partition(np.zeros((1, 1))).tolist() == [0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9))
def test_a_certain_partition_is_found_again(groups: list[int]) -> None:
    certain = np.equal.outer(groups, groups).astype(float)
    labels = partition(certain)
    for one, other in itertools.combinations(range(len(groups)), 2):
        # where nothing is together, or everything, no index tells partitions apart
        if 1 < len(set(groups)) < len(groups):
            assert (labels[one] == labels[other]) == (groups[one] == groups[other])


def test_a_long_log_is_read_where_it_is_wanted() -> None:
    many = [Message(str(n), "ab"[n % 2], f"第{n}件事说完了", float(n)) for n in range(3 * BLOCK)]
    labels = threads(many, wanted=[5, 6])
    assert len(labels) == len(many)
    # a block of which fewer than two messages are asked for is one conversation
    assert len(set(labels[2 * BLOCK :].tolist())) <= 2
    assert len(set(threads(many, wanted=[5]).tolist())) < len(set(threads(many).tolist()))
    assert threads([]).tolist() == []


def test_one_message_apart_from_many_stays_apart() -> None:
    certain = np.equal.outer([0] * 8 + [1], [0] * 8 + [1]).astype(float)
    assert partition(certain).tolist()[:8] == [partition(certain)[0]] * 8
    assert partition(certain)[8] != partition(certain)[0]
