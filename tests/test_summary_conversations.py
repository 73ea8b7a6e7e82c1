"""A partition against gold topics by hand; a baseline is judged on logs that its choice was not made on."""

import numpy as np
import pytest

from engine.channel_logs import ChannelLog
from engine.summary_conversations import adjusted_rand, against_topics, by_gap, out_of_fold
from engine.values import Message

LOG = ChannelLog(
    "t",
    tuple(Message(str(n), "a", "x", minute) for n, minute in enumerate((0.0, 1.0, 7.0, 8.0, 30.0))),
    (),
    {"0": 0, "1": 0, "2": 1, "3": 1},
    frozenset(),
)


def test_a_pause_longer_than_the_gap_cuts() -> None:
    assert by_gap(LOG, 5) == [0, 0, 1, 1, 2]
    assert by_gap(LOG, 6) == [0, 0, 0, 0, 1]


def test_a_message_of_no_topic_speaks_neither_for_nor_against() -> None:
    assert against_topics([0, 0, 1, 1, 1], LOG) == against_topics([0, 0, 1, 1, 2], LOG) == 1.0
    assert against_topics([0, 0, 0, 0, 1], LOG) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([0, 0, 1, 1], [5, 5, 2, 2], 1.0), ([0, 0, 1, 1], [0, 1, 0, 1], -0.5), ([0, 0, 0], [0, 0, 0], 1.0)],
)
def test_the_adjusted_rand_index_by_hand(one: list[int], other: list[int], expected: float) -> None:
    assert adjusted_rand(one, other) == pytest.approx(expected)


def test_a_baseline_is_chosen_on_the_other_folds() -> None:
    # the first choice is best on the logs of fold 0, the second on those of fold 1
    scores = np.array([[1.0, 0.8, 0.1, 0.2], [0.0, 0.2, 0.9, 0.7]])
    assert out_of_fold(scores, [0, 0, 1, 1]) == pytest.approx((0.0 + 0.2 + 0.1 + 0.2) / 4)
    assert out_of_fold(scores, [0, 1, 1, 1]) == pytest.approx((0.0 + 0.8 + 0.1 + 0.2) / 4)
