"""A step's batch is the same whoever makes it, and wherever an epoch begins."""

import pytest
import torch

from engine import train
from engine.epoch import buckets
from engine.feed import Fed, Feed
from tests import tiny


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Feed:
    folder = tmp_path_factory.mktemp("feed")
    config = train.read_config(str(tiny.write_config(folder, "talk"))).corpus
    data = train.load_data([tiny.write_talk(folder)], config)
    return Feed(data.train, config, seed=3)


def same(a: Fed, b: Fed) -> bool:
    pairs = zip(vars(a.batch).values(), vars(b.batch).values(), strict=True)
    return a[1:] == b[1:] and all(one is other or torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("loaders", [0, 1])
def test_an_epoch_cut_in_the_middle_goes_on_with_the_same_batches(feed: Feed, loaders: int) -> None:
    order = buckets(feed.data, 8, 1)
    whole = list(feed.epoch(order, 0, 10))
    rest = list(feed.epoch(order, 2, 12, loaders))
    assert len(whole) == len(order) > 3
    assert len(rest) == len(order) - 2
    assert all(same(one, other) for one, other in zip(whole[2:], rest, strict=True))
    assert not same(whole[2], next(feed.epoch(order, 2, 13)))  # another step drops other contexts


def test_an_epoch_at_its_end_gives_nothing(feed: Feed) -> None:
    order = buckets(feed.data, 8, 1)
    assert list(feed.epoch(order, len(order), 5, 1)) == []


def test_loaders_leave_the_runs_own_random_numbers_alone(feed: Feed) -> None:
    order = buckets(feed.data, 8, 1)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    list(feed.epoch(order, 0, 0, 1))
    assert torch.equal(torch.rand(3), expected)


def test_each_of_several_processes_gets_a_row(feed: Feed) -> None:
    made = [
        Feed(feed.data, feed.config, 3, world=4, part=slice(rank, None, 4)).step([0], 0) for rank in range(4)
    ]
    assert [len(fed.batch.target) for fed in made] == [1, 1, 1, 1]
    assert {fed.rows for fed in made} == {4}
    assert {fed.tokens for fed in made} == {4 * len(feed.data[0].target)}
