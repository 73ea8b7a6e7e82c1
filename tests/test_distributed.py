"""Two processes on this machine learn what one learns from the same batches."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from engine import checkpoint, corpus, distributed, train
from engine.distributed import ALONE, World
from tests import tiny

EXACT = [
    "model.dropout=0.0",
    "model.word_dropout=0.0",
    "model.free_bits=0.3",
    "training.batch=7",
    "training.precision='fp32'",
    "training.validate_every=1",
    "training.warm_up=2",
    "training.learning_rate=0.01",
]


def torchrun(*arguments: str) -> None:
    """`python -m engine train` in two processes, as README says."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "engine", "train", *arguments, "--device", "cpu"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def history(folder: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((folder / "history.json").read_text("utf-8"))
    return found


def test_two_processes_have_the_loss_curve_of_one_also_when_they_are_interrupted(tmp_path: Path) -> None:
    """Batches of 7 rows, so that the processes' shares differ in rows and in tokens."""
    file, data = str(tiny.write_config(tmp_path, "talk", steps=16)), tiny.write_talk(tmp_path, 41)
    train.train(train.read_config(file, EXACT), [data], tmp_path / "one", device="cpu", quiet=True)
    options = [part for setting in EXACT for part in ("--set", setting)]
    common = ["--config", file, "--data", str(data), "--out", str(tmp_path / "two"), *options]
    torchrun(*common, "--set", "training.pause_at=5")
    torchrun(*common, "--resume")
    one, two = history(tmp_path / "one"), history(tmp_path / "two")
    assert [figures["step"] for figures in two] == list(range(1, 17))
    assert one[0]["elbo"] - one[-1]["elbo"] > 0.2
    for a, b in zip(one, two, strict=True):
        assert a["tokens"] == b["tokens"]
        assert b["elbo"] == pytest.approx(a["elbo"], abs=1e-3)
        # The posterior mean's bias has no gradient but rounding, of which Adam makes steps.
        assert b["kl"] == pytest.approx(a["kl"], abs=5e-3)
    loaded = checkpoint.load(tmp_path / "two")
    assert loaded.model.config.free_bits == 0.3


def test_alone_nothing_is_shared() -> None:
    values = torch.tensor([1.0, 2.0])
    assert ALONE.first
    assert ALONE.agree("a") == "a"
    assert ALONE.all(3) == [3]
    assert torch.equal(ALONE.total(values), values)
    with distributed.joined("cpu") as world:
        assert world is ALONE


def test_the_parts_of_a_batch_make_up_the_batch(tmp_path: Path) -> None:
    run = train.read_config(str(tiny.write_config(tmp_path, "talk")))
    data = train.load_data([tiny.write_talk(tmp_path)], run.corpus)
    chosen = [data.train[i] for i in range(7)]
    whole = corpus.batch_of(chosen, run.corpus, random.Random(3))
    for rank in range(3):
        part = World(rank, 3).part
        rows = corpus.batch_of(chosen, run.corpus, random.Random(3), part=part)
        assert torch.equal(rows.lengths, whole.lengths[part])
        assert torch.equal(rows.condition_lengths, whole.condition_lengths[part])
        width = rows.target.shape[1]
        assert torch.equal(rows.target, whole.target[part][:, :width])
    noise = train.noise_of(1, 5, 7, 4)
    joined = torch.cat([train.noise_of(1, 5, 7, 4, World(rank, 3).part) for rank in range(3)])
    assert torch.equal(joined, torch.cat([noise[rank::3] for rank in range(3)]))


def test_shared_normalisation_is_torchs_where_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed.dist, "all_reduce", lambda *_, **__: None)  # one process: nothing to add
    own, shared = nn.BatchNorm1d(5, affine=False), distributed.SharedBatchNorm(5, affine=False)
    torch.manual_seed(0)
    for _ in range(3):
        first = (3 * torch.randn(6, 5) + 1).requires_grad_()
        second = first.detach().clone().requires_grad_()
        weight = torch.randn(6, 5)
        (own(first) * weight).sum().backward()
        (shared(second) * weight).sum().backward()
        assert first.grad is not None
        assert second.grad is not None
        torch.testing.assert_close(second.grad, first.grad, atol=1e-5, rtol=1e-4)
        assert list(shared.state_dict()) == list(own.state_dict())
        for name, value in own.state_dict().items():
            torch.testing.assert_close(shared.state_dict()[name], value)
    rows = torch.randn(4, 5)
    torch.testing.assert_close(shared.eval()(rows), own.eval()(rows))
