"""A live test of what tuning made: begun in place of a promotion, one at a time, of reward models alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from engine import tune as tuning
from engine import tuned
from engine.__main__ import main
from engine.errors import ModelMissing, TrialRuns
from engine.journal import Journal
from engine.reward import RewardConfig
from engine.trial import running
from engine.trying import begin_trial, trial_now, tryable
from tests.population import judgements
from tests.test_tune import write
from tests.test_tuned import make


def test_one_runs_at_a_time_and_what_is_in_force_or_no_reward_model_cannot_be_tried(tmp_path: Path) -> None:
    first, second, third = (make(tmp_path, seed) for seed in range(3))
    tuned.promote(tmp_path, "reward", first)
    assert set(tryable(tmp_path)) == {f"reward/{second}", f"reward/{third}"}
    for name in ("reward/none", "reward", "decoding/x", "../reward/x", ""):
        with pytest.raises(ModelMissing):
            begin_trial(tmp_path, name)
    begun = begin_trial(tmp_path, f"reward/{second}")
    assert running(tmp_path) == begun
    assert tryable(tmp_path) == ()
    with pytest.raises(TrialRuns, match=second):
        begin_trial(tmp_path, f"reward/{third}")
    with Journal(tmp_path / "journal.db") as journal:
        standing = trial_now(journal, tmp_path)
        assert standing is not None
        assert (standing.trial, standing.verdict) == (begun, "running")
        tuned.promote(tmp_path, "reward", third)
        assert trial_now(journal, tmp_path) is None


def test_the_command_begins_one_says_how_it_stands_and_replaces_none(tmp_path: Path) -> None:
    first, second, third = (make(tmp_path, seed) for seed in range(3))
    tuned.promote(tmp_path, "reward", first)
    Journal(tmp_path / "journal.db").close()
    options = ["--journal", str(tmp_path / "journal.db"), "--models", str(tmp_path)]
    begun = CliRunner().invoke(main, ["trial", f"reward/{second}", "--most", "200", *options, "--json"])
    assert json.loads(begun.stdout) == {"trial": second, "against": first, "most": 200, "state": "begun"}
    refused = CliRunner().invoke(main, ["trial", f"reward/{third}", *options])
    assert refused.exit_code == 1
    assert f"A live test of reward/{second} runs" in refused.output
    said = CliRunner().invoke(main, ["trial", *options])
    assert "gain: +0.000 (-)\n" in said.output
    assert "inf" not in said.output
    found = json.loads(CliRunner().invoke(main, ["trial", *options, "--json"]).stdout)
    assert (found["trial"], found["gain"]) == (second, {"value": 0.0, "low": None, "high": None})


def test_tuning_begins_a_live_test_in_place_of_a_promotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    quick = RewardConfig(embedding=24, units=32, epochs=12, rate=6e-3)
    monkeypatch.setattr(tuning, "RewardConfig", lambda: quick)
    journal = write(tmp_path / "journal.db", judgements(1, number=500, people=15, taste=0.8))
    options = ["tune", "--journal", str(journal), "--models", str(tmp_path / "models"), "--trial", "--json"]
    dry = CliRunner().invoke(main, [*options, "--dry-run"])
    assert dry.exit_code == 0
    assert not (tmp_path / "models").exists()
    said = CliRunner().invoke(main, options)
    assert said.exit_code == 0, said.output
    report, begun = map(json.loads, said.stdout.splitlines())
    assert (report["passed"], report["promoted"]) == (True, False)
    assert begun == {"trial": report["model"], "against": "", "most": 3000, "state": "begun"}
    found = running(tmp_path / "models")
    assert found is not None
    assert found.version == report["model"]
    assert tuned.current(tmp_path / "models", "reward") == ""


def test_tuning_for_a_live_test_looks_first_whether_one_runs(tmp_path: Path) -> None:
    journal = write(tmp_path / "journal.db", judgements(1, number=20, people=5, taste=0.8))
    options = ["tune", "--journal", str(journal), "--models", str(tmp_path), "--trial"]
    both = CliRunner().invoke(main, [*options, "--no-promote"])
    assert both.exit_code == 2
    assert "Give --trial or --no-promote, not both" in both.output
    begin_trial(tmp_path, f"reward/{make(tmp_path, 1)}")
    for more in ([], ["--dry-run"]):
        refused = CliRunner().invoke(main, [*options, *more])  # of the few judgements nothing is said
        assert refused.exit_code == 1
        assert "A live test of reward/" in refused.output
