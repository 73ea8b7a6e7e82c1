"""A search that ends with a configuration to train, goes on where it stopped, and gives up bad trials."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import train
from engine.__main__ import main
from engine.errors import ExtraMissing
from engine.search import BEST, SPACE, STUDY, search, to_toml
from engine.train import RunConfig
from tests import tiny


def config(folder: Path, *overrides: str) -> RunConfig:
    return train.read_config(str(tiny.write_config(folder, "talk", steps=24)), overrides)


def test_a_search_goes_on_and_ends_with_a_configuration_that_trains(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    run, data, out = config(tmp_path), [tiny.write_talk(tmp_path)], tmp_path / "out"
    first = search(run, data, out, 2, device="cpu")
    assert first["trials"] == 2
    import optuna

    def trials() -> list[optuna.trial.FrozenTrial]:
        return optuna.load_study(study_name="talk", storage=f"sqlite:///{out / STUDY}").trials

    # The first trial is the configuration as it stands.
    assert trials()[0].params["training.learning_rate"] == run.training.learning_rate
    assert trials()[0].params["training.batch"] == 32  # 8 is outside of the space
    study = optuna.load_study(study_name="talk", storage=f"sqlite:///{out / STUDY}")
    study.ask()  # a trial that was cut off
    again = search(run, data, out, 2, device="cpu")
    assert again == first
    assert [trial.state.name for trial in trials()] == ["COMPLETE", "COMPLETE", "FAIL"]
    best = train.read_config(again["config"])
    assert again["elbo"] == min(trial.value for trial in trials() if trial.value is not None)
    assert best.model["dropout"] == study.best_params["model.dropout"]
    assert best.training.steps == 24
    assert sorted(path.name for path in out.iterdir()) == [BEST, STUDY]
    for name in SPACE:
        assert f"--set {name}=" in again["set"]
    figures = train.train(best, data, tmp_path / "trained", device="cpu", quiet=True)
    assert figures["step"] > 0


def test_searches_that_do_not_compare_are_not_mixed(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    file, data = tiny.write_config(tmp_path, "talk", steps=8), tiny.write_talk(tmp_path)
    command = ["train", "--config", str(file), "--data", str(data), "--out", str(tmp_path / "out")]
    found = CliRunner().invoke(main, [*command, "--search", "1", "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["config"] == str(tmp_path / "out" / BEST)
    other = CliRunner().invoke(main, [*command, "--search", "1", "--set", "training.steps=48"])
    assert other.exit_code == 2
    assert "another budget" in other.stderr


def test_a_trial_far_behind_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    from engine import search as module

    # After four trials that learn, all that follow cannot.
    learns = module.Range(5e-3, 6e-3, by_factors=True)
    calls: list[float] = []

    def suggested(trial: object, name: str, space: module.Range) -> float:
        value = original(trial, name, space)
        if name == "training.learning_rate" and len(calls) >= 4:
            value = 0.0
        calls.append(value) if name == "training.learning_rate" else None
        return value

    original = module._suggested
    monkeypatch.setattr(module, "_suggested", suggested)
    monkeypatch.setattr(module, "SPACE", {"training.learning_rate": learns})
    found = search(config(tmp_path, "training.steps=160"), [tiny.write_talk(tmp_path)], tmp_path / "out", 5)
    assert found["pruned"] == 1


def test_without_optuna_the_next_step_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ExtraMissing, match=r"--search needs optuna.*pip install '\.\[train\]'"):
        search(config(tmp_path), [tiny.write_talk(tmp_path)], tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["talk", "talk-reading", "verse"])
def test_a_configuration_written_as_toml_is_the_same_when_read(tmp_path: Path, name: str) -> None:
    shipped = train.read_config(name)
    (tmp_path / "again.toml").write_text(to_toml(shipped), "utf-8")
    assert train.read_config(str(tmp_path / "again.toml")) == shipped
