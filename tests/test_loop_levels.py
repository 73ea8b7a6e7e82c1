"""The loop's other levels, measured where the truth is known: what helps shows a gain, what cannot shows
none."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from engine import loop_levels, loop_writer
from engine.loop_levels import decoding, length, measurements, over, reach, taste


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose model is made in seconds."""
    for name, value in {"_TEXTS": 480, "_STEPS": 50, "_FRESH": 240, "_ASIDE": 40, "SIZES": (600,)}.items():
        monkeypatch.setattr(loop_writer, name, value)


def holds(values: list[float], value: float) -> bool:
    mean, far = reach(values)
    return mean - far <= value <= mean + far


def test_a_setting_that_people_truly_prefer_is_gained_by() -> None:
    found = [decoding(seed, (200, 1600), slope=0.6, bend=0.0) for seed in range(4)]
    mean, far = reach([one["decoding 1600"] for one in found])
    assert mean - far > 0
    for one in found:
        assert one["decoding 1600"] < one["decoding best 1600"]
        assert one["decoding regret 1600"] == pytest.approx(one["decoding best 1600"] - one["decoding 1600"])
    assert mean > reach([one["decoding 200"] for one in found])[0]


def test_settings_learnt_from_chance_gain_nothing_and_trying_has_its_price() -> None:
    free = [decoding(seed, (400,), nothing=True, slope=0.6, bend=0.0)["decoding 400"] for seed in range(8)]
    assert any(free)
    assert holds(free, 0.0)
    dear = [decoding(seed, (400,), nothing=True, slope=0.0, bend=0.2)["decoding 400"] for seed in range(4)]
    assert max(dear) < 0


def test_a_taste_of_a_channel_is_gained_by() -> None:
    found = [taste(seed, (200, 1200), share=0.4) for seed in range(4)]
    mean, far = reach([one["taste 1200"] for one in found])
    assert mean - far > 0
    assert all(one["taste learnt 1200"] for one in found)
    assert all(one["taste 1200"] <= one["taste best"] for one in found)


def test_a_taste_learnt_from_chance_gains_nothing() -> None:
    found = [taste(seed, (400,), nothing=True, share=0.4) for seed in range(10)]
    assert holds([one["taste 400"] for one in found], 0.0)
    assert sum(one["taste learnt 400"] for one in found) <= 4


def test_short_replies_are_gained_by_who_likes_them_and_by_nobody_else() -> None:
    mean, far = reach([length(seed)["length"] for seed in range(4)])
    assert mean - far > 0
    mean, far = reach([length(seed, shorter=0.0)["length"] for seed in range(4)])
    assert mean - far <= 0  # what is short is worth no more by itself


@pytest.mark.usefixtures("small")
def test_a_tiny_writer_learns_what_people_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_writer, "UNSEEN", 0.0)
    # Eight: an interval of four seeds is so wide that it seldom tells, and still misses 0 one time in twenty.
    servers = [loop_writer.Server(seed) for seed in range(8)]
    found = [server.fine_tuned(600) for server in servers]
    assert reach([one["fine-tuning 600"] for one in found])[0] > 0.05  # a server's own is mostly chance
    assert all(0.8 < one["fine-tuning cost 600"] < 1.1 for one in found)
    chance = [server.fine_tuned(600, nothing=True)["fine-tuning 600"] for server in servers]
    assert any(chance)
    assert holds(chance, 0.0)


def numbers(gain: float) -> dict[str, Any]:
    """A row of one seed."""
    sizes = {"decoding": loop_levels.DECODING, "fine-tuning": loop_writer.SIZES, "taste": loop_levels.TASTE}
    found = {f"{name} {size}": gain for name, several in sizes.items() for size in several}
    found |= {f"decoding {what} {size}": 0.4 for what in ("regret", "best") for size in loop_levels.DECODING}
    found |= {f"fine-tuning {what} {size}": 1.0 for what in ("cost", "shown") for size in loop_writer.SIZES}
    names = ("taste strong", "taste best", "length", "length best")
    found |= dict.fromkeys(names, gain)
    return found | dict.fromkeys(("decoding by chance", "fine-tuning by chance", "taste by chance"), 0.0)


def test_what_shows_no_gain_says_so() -> None:
    better = [one.name for one in measurements([numbers(0.1), numbers(0.1001)])]
    unsure = [one.name for one in measurements([numbers(0.3), numbers(-0.2)])]
    assert not any("no gain shown" in name for name in better)
    levels = (len(loop_levels.DECODING), len(loop_writer.SIZES), len(loop_levels.TASTE), 2)
    assert sum("no gain shown" in name for name in unsure) == sum(levels)
    assert len(better) == len(unsure)
    worse = [one.name for one in measurements([numbers(-0.1), numbers(-0.1001)])]
    assert sum(": a loss" in name for name in worse) == sum(levels)


def test_an_interval_is_over_seeds_and_leaves_out_what_is_missing() -> None:
    assert reach([]) == pytest.approx((math.nan, 0.0), nan_ok=True)
    assert reach([2.0, math.nan]) == (2.0, 0.0)
    mean, far = reach([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert far == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)
    name, mean = over([{"a": 1.0}, {"a": 3.0}], "it", lambda row: float(row["a"]))
    assert name.startswith("it (95 % interval ")
    assert mean == 2.0
