"""bot/admission.py: the pace of people and servers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot import admission
from bot.admission import MINUTE, Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_no_minute_has_more_than_the_most_and_waiting_is_enough(most: int, pauses: list[float]) -> None:
    clock = Clock()
    pace = Pace(most, clock)
    taken: list[float] = []
    for pause in pauses:
        clock.now += pause
        wait = pace.wait("a")
        if wait:
            assert wait <= MINUTE
            clock.now += wait + 1e-6
            assert pace.wait("a") == 0
        pace.note("a")
        taken.append(clock.now)
    for began in taken:
        assert sum(began <= at < began + MINUTE - 1e-6 for at in taken) <= most


def test_one_waits_and_another_does_not() -> None:
    pace = Pace(1, Clock())
    pace.note("a")
    assert pace.wait("a") == MINUTE
    assert pace.wait("b") == 0


def test_none_means_any_and_those_who_rest_are_forgotten() -> None:
    free = Pace(0, Clock())
    for _ in range(99):
        free.note("a")
    assert free.wait("a") == 0
    clock = Clock()
    pace = Pace(1, clock)
    for number in range(admission.REMEMBERED):
        pace.note(str(number))
    clock.now = 2 * MINUTE
    pace.note("new")
    assert len(pace._times) == 1
