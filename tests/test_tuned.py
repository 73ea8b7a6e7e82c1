"""Which version is in force: switched in one step, taken back one by one, seen by a running engine."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from engine import tuned
from engine.errors import ModelBroken, ModelMissing, NothingToRollBack
from engine.lineage import switches, tuned_versions
from engine.reward import Example, RewardConfig, RewardModel
from engine.tuned import CurrentReward, current, history, promote, rollback, versions

TEXTS = ["春江花月夜", "山水云松", "竹梅兰"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def make(models: Path, seed: int) -> str:
    """A version, untrained: which one scored can be told from the scores."""
    rows = [Example("poem", "春江花月" * 2, 1.0), Example("poem", "山水云松" * 2, 0.0)]
    model = RewardModel.fit(rows, RewardConfig(embedding=4, units=4, epochs=0), seed=seed)
    draft = models / "reward" / "draft"
    version = model.save(draft, f"# Card {seed}\n")
    draft.rename(models / "reward" / version)
    return version


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path


def test_promotions_are_taken_back_one_by_one(models: Path) -> None:
    a, b, c = (make(models, seed) for seed in range(3))
    assert current(models, "reward") == ""
    with pytest.raises(NothingToRollBack):
        rollback(models, "reward")
    assert promote(models, "reward", a) == a
    promote(models, "reward", b)
    promote(models, "reward", b)  # again: nothing happens
    assert rollback(models, "reward") == a == current(models, "reward")
    promote(models, "reward", c)
    promote(models, "reward", a)
    assert [rollback(models, "reward") for _ in range(3)] == [c, a, ""]
    assert current(models, "reward") == ""
    with pytest.raises(NothingToRollBack, match="reward"):
        rollback(models, "reward")
    actions = [(change["action"], change["to"]) for change in history(models, "reward")]
    assert actions == [
        ("promote", a), ("promote", b), ("rollback", a), ("promote", c), ("promote", a),
        ("rollback", c), ("rollback", a), ("rollback", ""),
    ]  # fmt: skip


def test_without_a_name_the_newest_is_promoted(models: Path) -> None:
    with pytest.raises(ModelMissing):
        promote(models, "reward")
    made = [make(models, seed) for seed in range(3)]
    assert versions(models, "reward") == made[::-1]
    assert promote(models, "reward") == made[-1]


@pytest.mark.parametrize("version", ["0123456789ab", "", "..", "../reward", "/etc"])
def test_what_is_not_there_is_not_promoted(models: Path, version: str) -> None:
    make(models, 0)
    with pytest.raises(ModelMissing):
        promote(models, "reward", version)
    assert current(models, "reward") == ""


def test_what_is_broken_is_not_promoted(models: Path) -> None:
    version = make(models, 0)
    (models / "reward" / version / "CARD.md").write_text("another card")
    with pytest.raises(ModelBroken):
        promote(models, "reward", version)
    (models / "reward" / version / "CARD.md").unlink()
    with pytest.raises(ModelBroken):
        promote(models, "reward", version)


def test_killed_between_the_switch_and_its_line_in_the_history(models: Path) -> None:
    a, b = make(models, 0), make(models, 1)
    promote(models, "reward", a)
    promote(models, "reward", b)
    lines = (models / "reward" / "history.jsonl").read_text().splitlines(keepends=True)
    (models / "reward" / "history.jsonl").write_text(lines[0] + lines[1][:9])
    assert current(models, "reward") == b
    assert rollback(models, "reward") == a
    assert rollback(models, "reward") == ""


def test_what_lost_its_files_is_still_listed_and_taken_back(models: Path) -> None:
    a, b = make(models, 0), make(models, 1)
    promote(models, "reward", a)
    promote(models, "reward", b)
    (models / "reward" / b / "CARD.md").unlink()
    (models / "reward" / b / tuned.REPORT).write_text("[]")
    with (models / "reward" / "history.jsonl").open("a") as file:
        file.write('7\n{"at": 1}\n')
    listed = tuned_versions(models)
    assert {found.version for found in listed} == {a, b}
    assert all(found.made > 0 for found in listed)
    assert rollback(models, "reward") == a
    assert [change.action for change in switches(models)] == ["promote", "promote", "rollback"]


def test_a_killed_switch_leaves_the_old_or_the_new_version(models: Path) -> None:
    """A child switches to and fro without end and is killed; whatever it was doing, all is whole."""
    a, b = make(models, 0), make(models, 1)
    promote(models, "reward", a)
    code = (
        "import sys; from pathlib import Path; from engine.tuned import promote\n"
        "models, *names = sys.argv[1:]\n"
        "for name in names: promote(Path(models), 'reward', name)\n"
        "print(flush=True)\n"  # both were in force: there is something to go back to
        "while True:\n    for name in names: promote(Path(models), 'reward', name)"
    )
    command = [sys.executable, "-c", code, str(models), a, b]
    root = Path(__file__).resolve().parents[1]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as child:
            assert child.stdout is not None
            child.stdout.readline()
            reads = [current(models, "reward") for _ in range(300)]
            child.kill()
        assert set(reads) <= {a, b}
        now = current(models, "reward")
        assert now in (a, b)
        assert CurrentReward(models).hash == now
    assert rollback(models, "reward") in (a, b)


def test_a_running_engine_takes_up_each_switch_without_a_restart(models: Path) -> None:
    in_force = CurrentReward(models)
    assert in_force.model() is None
    assert in_force.hash == ""
    a, b = make(models, 0), make(models, 1)
    expected = {v: RewardModel.load(models / "reward" / v).score(TEXTS, "poem") for v in (a, b)}
    assert expected[a] != expected[b]
    for change in (a, b):
        promote(models, "reward", change)
        model = in_force.model()
        assert model is not None
        assert (model.hash, model.score(TEXTS, "poem")) == (change, expected[change])
    assert in_force.model() is in_force.model()  # not read anew each time
    rollback(models, "reward")
    assert in_force.hash == a
    rollback(models, "reward")
    assert in_force.model() is None


def test_a_broken_version_leaves_the_one_before_in_force_and_is_logged_once(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, c = (make(models, seed) for seed in range(3))
    in_force = CurrentReward(models)
    promote(models, "reward", a)
    assert in_force.hash == a
    promote(models, "reward", b)
    (models / "reward" / b / "model.safetensors").write_bytes(b"broken")
    with caplog.at_level(logging.ERROR):
        assert [in_force.hash, in_force.hash] == [a, a]
    assert len(caplog.records) == 1
    assert b in caplog.text
    promote(models, "reward", c)
    assert in_force.hash == c


def test_threads_share_it_while_versions_change(models: Path) -> None:
    a, b = make(models, 0), make(models, 1)
    expected = {v: RewardModel.load(models / "reward" / v).score(TEXTS, "poem") for v in (a, b)}
    promote(models, "reward", a)
    in_force = CurrentReward(models)
    stop = threading.Event()
    wrong: list[object] = []
    seen: set[str] = set()

    def work() -> None:
        while not stop.is_set():
            try:
                model = in_force.model()
                assert model is not None
                assert model.score(TEXTS, "poem") == expected[model.hash]
                seen.add(model.hash)
            except BaseException as error:  # noqa: BLE001 - the main thread shows it
                wrong.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        promote(models, "reward", (b, a)[turn % 2])
        in_force.model()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert seen <= {a, b}
    assert in_force.hash == current(models, "reward")


def test_looking_up_versions_needs_no_torch(models: Path) -> None:
    code = "import sys, engine.tuned; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_reports_lie_beside_the_version_and_do_not_change_its_hash(models: Path) -> None:
    version = make(models, 0)
    folder = models / "reward" / version
    assert tuned.read_report(models, "reward", version) is None
    tuned.write_report(folder, {"accuracy": 0.75})
    assert tuned.read_report(models, "reward", version) == {"accuracy": 0.75}
    assert tuned.hash_of(folder) == version
    assert json.loads((folder / "report.json").read_text()) == {"accuracy": 0.75}
