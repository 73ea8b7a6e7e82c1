"""The fair queue: turns between groups, order within them, who gives way."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.fair import FairQueue

ITEMS = st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=40)


def filled(items: list[tuple[str, int]]) -> FairQueue[tuple[str, int]]:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for group, number in items:
        queue.put(group, (group, number))
    return queue


@given(ITEMS)
def test_all_come_out_once_and_in_their_groups_order(items: list[tuple[str, int]]) -> None:
    queue = filled(items)
    out = []
    while len(queue):
        first = queue.first()
        out.append(queue.take())
        assert out[-1] == first
    for group in "abc":
        assert [item for item in out if item[0] == group] == [item for item in items if item[0] == group]
    with pytest.raises(IndexError):
        queue.take()
    with pytest.raises(IndexError):
        queue.first()


@given(ITEMS)
def test_no_group_is_served_twice_while_another_waits(items: list[tuple[str, int]]) -> None:
    queue = filled(items)
    left, served = Counter(group for group, _ in items), Counter[str]()
    while len(queue):
        group, _ = queue.take()
        served[group] += 1
        left[group] -= 1
        waiting = [other for other in "abc" if left[other]]
        assert all(served[group] <= served[other] + 1 for other in waiting)


def test_two_requests_of_a_small_server_do_not_wait_for_two_hundred() -> None:
    queue = filled([("busy", number) for number in range(200)] + [("small", 1), ("small", 2)])
    order = [queue.take()[0] for _ in range(202)]
    assert max(place for place, group in enumerate(order) if group == "small") <= 3


@given(ITEMS, st.sampled_from("abcd"))
def test_who_gives_way_is_the_newest_of_those_with_most(items: list[tuple[str, int]], group: str) -> None:
    queue = filled(items)
    counts = Counter(name for name, _ in items)
    given_way = queue.displaced_by(group)
    if given_way is None:
        assert max(counts.values(), default=0) <= counts[group] + 1
    else:
        assert counts[given_way[0]] == max(counts.values()) > counts[group] + 1
        assert given_way == [item for item in items if item[0] == given_way[0]][-1]
    assert len(queue) == len(items) - (given_way is not None)


@given(ITEMS)
def test_what_is_dropped_is_what_was_unwanted(items: list[tuple[str, int]]) -> None:
    queue = filled(items)
    gone = queue.drop(lambda item: item[1] % 2 == 0)
    assert sorted(gone) == sorted(item for item in items if item[1] % 2 == 0)
    assert len(queue) == len(items) - len(gone)
