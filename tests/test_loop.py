"""The made-up server keeps its promises, and the loop measured on a small one holds what it can hold
there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine import loop_bench, loop_levels, tune
from engine.loop_world import DRAFTS, JUDGE, TROLLS, World, judgements
from engine.reward import RewardConfig, RewardModel
from tests.test_loop_levels import numbers

TINY = RewardConfig(embedding=8, units=8, epochs=2, folds=3)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_worth_is_a_standard_deviation_within_requests() -> None:
    world = World(1, 30)
    pool = [world.asked() for _ in range(800)]
    worth = np.array([one.worth for one in pool])
    assert worth.mean() == pytest.approx(0, abs=0.05)
    assert np.sqrt((worth.var(axis=1, ddof=1)).mean()) == pytest.approx(1, abs=0.08)
    scores = np.array([one.scores for one in pool])
    assert np.corrcoef(scores.ravel(), worth.ravel())[0, 1] == pytest.approx(JUDGE, abs=0.04)


def test_people_are_of_seven_kinds_and_react_as_such() -> None:
    world = World(2, 400, 0.2)
    judged = judgements(world.log(4000), 4000)
    kinds = {world.kind(one.person) for one in judged}
    assert kinds == {"fair", "generous", "sparse", "likes all", "shifted", *TROLLS}
    likes = {
        kind: np.mean([one.value > 0 for one in judged if world.kind(one.person) == kind]) for kind in kinds
    }
    assert likes["likes all"] == 1
    assert likes["against"] < likes["random"] < likes["fair"]
    votes = {kind: sum(world.kind(one.person) == kind for one in judged) for kind in kinds}
    people = {kind: world.kinds.count(kind) for kind in kinds}
    assert votes["sparse"] / people["sparse"] < 0.7 * votes["fair"] / people["fair"]


def test_the_same_seed_is_the_same_world() -> None:
    first, second = (judgements(World(3, 20).log(50), 50) for _ in range(2))
    assert first == second != judgements(World(4, 20).log(50), 50)


def test_judgements_make_replies_better_there() -> None:
    """600 judgements on three servers: best-of-8 by the model gains, as it cannot by chance."""
    gains = []
    for seed in range(3):
        world = World(seed, 30)
        model = RewardModel.fit(tune.examples(judgements(world.log(600), 600)), TINY, seed)
        found = loop_bench._gains(world, model)
        gains.append(found["best"])
        assert found["unlearnt"] < found["sent"] < found["oracle"]
    assert np.mean(gains) > 0.35


def test_the_bench_says_every_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_REQUESTS": 20, "_LOGS": 2, "_LOG": 60, "_PAIRS": 2, "_TRIALS": 1}.items():
        monkeypatch.setattr(loop_bench, name, value)
    monkeypatch.setattr(loop_levels, "one_seed", lambda seed: numbers(0.1))
    row = loop_bench.one_seed(0, RewardConfig(embedding=4, units=4, epochs=1, folds=2), (200, 210))
    rows = [row, {**row, "best 200": row["best 200"] + 0.1}]
    found = list(loop_bench.measurements(rows, (200, 210)))
    barred = [one for one in found if one.bar]
    assert len(barred) >= 7
    assert all(one.ok is not None for one in barred)
    assert "95 % interval" in found[0].name
    assert row["oracle 200"] > 1


def test_drafts_of_a_request_are_eight() -> None:
    assert len(World(1, 5).asked().texts) == DRAFTS == 8
