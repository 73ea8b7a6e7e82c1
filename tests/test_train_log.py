"""What TensorBoard is given, what the profiler shows, and what is said where a package is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import train
from engine.__main__ import main
from engine.errors import ExtraMissing
from engine.profiling import profile_training
from engine.training_log import training_log
from tests import tiny


def test_a_log_holds_scalars_and_texts(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("talk", "verse"):
        run = train.read_config(
            str(tiny.write_config(tmp_path, name, steps=40)), ["training.validate_every=20"]
        )
        data = tiny.write_talk(tmp_path) if name == "talk" else tiny.write_verses(tmp_path)
        with training_log(tmp_path / f"log-{name}") as log:
            train.train(run, [data], tmp_path / name, device="cpu", quiet=True, observers=[log])
        found = EventAccumulator(str(tmp_path / f"log-{name}"))
        found.Reload()
        tags = found.Tags()
        assert set(tags["scalars"]) == {
            *("train/nll", "train/kl", "train/bag_of_words", "train/beta", "train/learning_rate"),
            *("train/gradient_norm", "train/tokens_per_second"),
            *("validation/elbo", "validation/ppl", "validation/kl"),
        }
        assert [event.step for event in found.Scalars("train/nll")] == [20, 40]
        history = json.loads((tmp_path / name / "history.json").read_text("utf-8"))
        shown = {event.step: event.value for event in found.Scalars("validation/elbo")}
        assert shown == {f["step"]: pytest.approx(f["elbo"], abs=1e-5) for f in history}
        (text,) = found.Tensors("samples/text_summary")[-1].tensor_proto.string_val
        lines = text.decode("utf-8").splitlines()
        assert lines[0] == "| context | corpus | model |"
        assert len(lines) > 2
        assert all(line.count("|") == 4 for line in lines)


def test_what_was_logged_after_the_last_save_is_replaced(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step in (0, 3):
        with training_log(tmp_path, step) as log:
            for number in range(step, step + 6):
                log.measured(number, {"nll": float(step)})
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("train/nll")] == [
        *((number, 0.0) for number in range(3)),
        *((number, 3.0) for number in range(3, 9)),
    ]


def test_without_tensorboard_the_next_step_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(ExtraMissing, match=r"--log needs tensorboard.*pip install '\.\[train\]'"),
        training_log(tmp_path / "log"),
    ):
        pass


def test_a_profile_names_operations_and_leaves_a_trace_alone(tmp_path: Path) -> None:
    run = train.read_config(str(tiny.write_config(tmp_path, "talk")))
    table = profile_training(run, [tiny.write_talk(tmp_path)], tmp_path / "out", device="cpu")
    assert "aten::" in table
    assert "Self CPU time total" in table
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["trace.json"]
    events = json.loads((tmp_path / "out" / "trace.json").read_text("utf-8"))["traceEvents"]
    steps = {event["name"] for event in events if str(event.get("name", "")).startswith("ProfilerStep")}
    assert len(steps) == 5


@pytest.mark.parametrize(
    "options", [["--search", "2", "--profile"], ["--search", "2", "--resume"], ["--profile", "--log", "x"]]
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: list[str]) -> None:
    data = tiny.write_talk(tmp_path)
    common = ["train", "--config", "talk", "--data", str(data), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*common, *options])
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()
