"""Conversations that run side by side are told apart; long logs block by block."""

import numpy as np
import pytest

from engine.summary_bench import adjusted_rand
from engine.summary_threads import BLOCK, BOUNDARY, PAIR, Log, boundaries, cluster, pairs, threads
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


def test_likeness_of_letters_is_the_cosine_of_their_pairs() -> None:
    # ab bc cd; bc cd de; no pair
    log = Log([Message(str(n), "a", text, float(n)) for n, text in enumerate(("abcd", "bcde", "x"))])
    assert log.grams == pytest.approx(np.array([[0, 2 / 3, 0], [2 / 3, 0, 0], [0, 0, 0]]))


def test_average_link_keeps_apart_what_is_below_the_threshold() -> None:
    odds = np.full((4, 4), -3.0)
    odds[0, 1] = odds[1, 0] = odds[2, 3] = odds[3, 2] = 2.0
    labels = cluster(odds, size=0.0, threshold=0.0)
    assert labels[0] == labels[1] != labels[2] == labels[3]


def test_a_long_log_is_read_where_it_is_wanted() -> None:
    many = [Message(str(n), "ab"[n % 2], f"第{n}件事说完了", float(n)) for n in range(3 * BLOCK)]
    labels = threads(many, wanted=[5])
    assert len(labels) == len(many)
    # a block that nobody asked for is one conversation
    assert len(set(labels[2 * BLOCK :].tolist())) <= 2
    assert threads([]).tolist() == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([0, 0, 1, 1], [5, 5, 2, 2], 1.0), ([0, 0, 1, 1], [0, 1, 0, 1], -0.5), ([0, 0, 0], [0, 0, 0], 1.0)],
)
def test_the_adjusted_rand_index_by_hand(one: list[int], other: list[int], expected: float) -> None:
    assert adjusted_rand(one, other) == pytest.approx(expected)
