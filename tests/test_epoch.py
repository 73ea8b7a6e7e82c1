"""The order of an epoch: every example once, lengths together, by the seed alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import corpus
from engine.epoch import buckets


@given(st.lists(st.integers(1, 30), min_size=1, max_size=200), st.integers(2, 32), st.integers())
def test_an_epoch_holds_every_example_once_and_depends_on_the_seed_alone(
    lengths: list[int], size: int, seed: int
) -> None:
    empty = np.array([0])
    data = [corpus.Encoded(empty, (), np.zeros(n, dtype=np.int32), False, True) for n in lengths]
    batches = buckets(data, size, seed)
    expected = list(range(len(lengths))) if len(lengths) > 1 else [0, 0]
    assert sorted(i for batch in batches for i in batch) == expected
    assert list(batches) == list(buckets(data, size, seed))
    assert all(1 < len(batch) <= size + 1 for batch in batches)


@pytest.mark.parametrize("more", [8, 64 * 4 * 3 // 2 + 5])
def test_no_batch_joins_two_pools_and_none_is_of_all_lengths(more: int) -> None:
    empty, count = np.array([0]), 64 * 4 + more
    data = [
        corpus.Encoded(empty, (), np.zeros(1 + n * 30 // count, dtype=np.int32), False, True)
        for n in range(count)
    ]
    for batch in buckets(data, 4, 1):
        lengths = [len(data[i].target) for i in batch]
        assert max(lengths) - min(lengths) <= 3


def test_weights_repeat_examples() -> None:
    data = [corpus.Encoded(np.array([0]), (), np.zeros(3, dtype=np.int32), False, True)] * 2
    flat = [i for batch in buckets(data, 4, 1, [3.0, 0.0]) for i in batch]
    assert flat == [0, 0, 0]
