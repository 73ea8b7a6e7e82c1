"""The compiled step: exact where it must be, the same on other processors, absent without harm."""

from __future__ import annotations

import ctypes
import dataclasses
import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine import decode, native
from engine.batching import TorchBatch
from engine.model import ConditionalVAE, ModelConfig
from engine.native_batch import NativeBatch
from engine.native_reader import NativeReader
from engine.products import able
from engine.rows import Row, Sampling, alone
from engine.vocabulary import END, LINE
from tests.test_batching import bits

SIZES = ModelConfig(
    vocabulary=700, embedding=32, hidden=48, latent=8, condition_hidden=24, posterior_hidden=16, copy=True
)


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    found = native.load()
    if found is None:
        pytest.skip("no C compiler on this machine")
    return found


@pytest.fixture(scope="module")
def model() -> ConditionalVAE:
    """Weights of chance, large enough that what comes next is not a matter of rounding."""
    torch.manual_seed(1)
    found = ConditionalVAE(SIZES).eval()
    with torch.no_grad():
        for weight in found.parameters():
            weight.mul_(1.5)
        found.bias.normal_()
    return found


@pytest.fixture(scope="module")
def banned() -> torch.Tensor:
    found = torch.zeros(SIZES.vocabulary, dtype=torch.bool)
    found[[0, 1, 2, 4, 600]] = True
    return found


def written(batch: Any, model: ConditionalVAE, seed: int, sampling: Sampling, rows: int = 3) -> list[Row]:
    """Rows under a condition of chance, and under another beside."""
    draw = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        conditions = [torch.randint(6, 699, (1, 3 + 19 * part), generator=draw) for part in (1, 2)]
        own, other = (model.encode(ids, torch.tensor([ids.shape[1]])) for ids in conditions)
    z = torch.randn(rows, SIZES.latent, generator=draw)
    return alone(batch, batch.ask(own, z, seed, sampling, beside=[other]))


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 70), st.integers(0, 9), st.booleans())
def test_products_of_whole_numbers_are_exact(
    outputs: int, fours: int, rows: int, seed: int, bias: bool
) -> None:
    library = native.load()
    if library is None:
        pytest.skip("no C compiler on this machine")
    draw = np.random.default_rng(seed)
    whole = draw.integers(-63, 64, (outputs, 4 * fours)).astype(np.int8)
    x = draw.integers(-127, 128, (rows, 4 * fours)).astype(np.int8)
    scale, added = draw.random((2, outputs), np.float32)
    found = native.Packed(whole, scale, added if bias else None).multiply(library, x)
    wanted = (x.astype(np.int64) @ whole.T.astype(np.int64)).astype(np.float32) * scale
    assert np.array_equal(found[:, :outputs], wanted + added if bias else wanted)


def test_it_writes_what_torch_writes_but_for_rounding(
    library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor
) -> None:
    ours, theirs = NativeBatch(model, banned, library), TorchBatch(model, banned, able())
    same = 0
    for seed in range(30):
        sampling = Sampling(0.9, 0.9, 20, 2)
        for own, other in zip(
            written(ours, model, seed, sampling), written(theirs, model, seed, sampling), strict=True
        ):
            if own.tokens != other.tokens:
                continue
            same += 1
            assert own.finished == other.finished
            assert own.log_probability == pytest.approx(
                other.log_probability, abs=0.02 * len(own.tokens) + 0.02
            )
            assert own.under == pytest.approx(other.under, abs=0.02 * len(own.tokens) + 0.02)
            assert own.attention == pytest.approx(other.attention, abs=1e-2)
    assert same >= 80  # of 90: a draw at the edge between two tokens may fall to either


@pytest.mark.parametrize("nucleus", [0.3, 1.0])
def test_what_may_not_come_never_comes(
    library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor, nucleus: float
) -> None:
    batch = NativeBatch(model, banned, library)
    never = set(torch.nonzero(banned).flatten().tolist())
    for seed in range(20):
        for row in written(batch, model, seed, Sampling(3.0, nucleus, 30, 2), rows=8):
            assert never.isdisjoint(row.tokens)
            assert max(row.tokens) < SIZES.vocabulary
            assert row.tokens[0] not in (END, LINE)
            pairs = list(zip(row.tokens, row.tokens[1:], strict=False))
            assert len(pairs) == len(set(pairs))


def test_draws_follow_the_nucleus(library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor) -> None:
    """First tokens of 40,000 rows of one latent, beside the distribution that the model states."""
    ids = torch.arange(20, 40)[None]
    with torch.inference_mode():
        encoded = model.encode(ids, torch.tensor([20]))
        z = torch.zeros(1, SIZES.latent)
        steps = model.decode(encoded, z, torch.tensor([[2]]))
        p = model.log_probabilities(steps, encoded)[0, 0].exp()
    p = p.clone()
    p[banned] = p[[END, LINE]] = 0.0
    kept = p.sort(descending=True).values
    edge = kept[int((kept.cumsum(0) < 0.6 * kept.sum()).sum())]
    batch = NativeBatch(model, banned, library)
    counts = torch.zeros(SIZES.vocabulary)
    for seed in range(10):
        asked = batch.ask(encoded, z.expand(4000, -1), seed, Sampling(1.0, 0.6, 1, 0))
        for row in alone(batch, asked):
            counts[row.tokens[0]] += 1
    shares = torch.where(p >= edge, p, 0.0)
    shares /= shares.sum()
    assert (
        float((counts / counts.sum() - shares).abs().sum() / 2) < 0.06
    )  # 0.02 by chance, the rest by rounding
    assert counts[p < 0.8 * edge].sum() == 0  # rounding may move the edge, not more


def test_other_processors_write_the_same_bits(
    library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor
) -> None:
    try:
        lesser = native.compiled("-mavx2", "-mfma")
    except Exception:  # noqa: BLE001  a compiler for other processors says so in ways of its own
        pytest.skip("no compiler for such processors")
    if "avx2" not in native._processor():
        pytest.skip("this processor does not run them")
    ours, theirs = (NativeBatch(model, banned, each) for each in (library, lesser))
    for seed in range(10):
        sampling = Sampling(1.0, 0.95, 25, 3)
        assert bits(written(ours, model, seed, sampling)) == bits(written(theirs, model, seed, sampling))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=70), st.integers(0, 99), st.sampled_from([0, 12]))
def test_conditions_are_read_together_as_torch_reads_each(
    lengths: list[int], seed: int, meaning: int
) -> None:
    library = native.load()
    if library is None:
        pytest.skip("no C compiler on this machine")
    torch.manual_seed(seed)
    model = ConditionalVAE(dataclasses.replace(SIZES, meaning=meaning)).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    meant = functional.normalize(torch.randn(len(lengths), meaning), dim=1) if meaning else None
    conditions = [torch.randint(6, 699, (length,)).tolist() for length in lengths]
    together = NativeReader(model, library).read(conditions, meant)
    for number, found in enumerate(together):
        told = None if meant is None else meant[number : number + 1]
        (alone,) = NativeReader(model, library).read([conditions[number]], told)
        ids = torch.tensor([conditions[number]])
        with torch.inference_mode():
            wanted = model.encode(ids, torch.tensor([ids.shape[1]]), told)
        for own, by_itself, theirs in zip(found, alone, wanted, strict=True):
            assert torch.equal(own, by_itself)
            assert torch.allclose(own.float(), theirs.float(), atol=2e-5)
            assert own.shape == theirs.shape


def test_every_machine_writes_these_bits(library: ctypes.CDLL, banned: torch.Tensor) -> None:
    """Whoever changes them gives the arithmetic another name: replies that say `native` replay bit for bit.
    (gcc and clang, AVX-512, AVX2 and ARM have been seen to agree.)"""
    draw = np.random.Generator(np.random.Philox(key=7))
    model = ConditionalVAE(SIZES).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(
                torch.from_numpy(draw.standard_normal(tuple(weight.shape), np.float32) * np.float32(0.3))
            )
    reader, batch = NativeReader(model, library), NativeBatch(model, banned, library)
    seen = hashlib.sha256()
    for seed in range(4):
        conditions = [draw.integers(6, 699, 5 + 11 * seed).tolist(), [7, 8, 9]]
        own, other = reader.read(conditions)
        z = decode.latents(seed, 5, SIZES.latent)
        rows = alone(batch, batch.ask(own, z, seed, Sampling(0.9, 0.9, 20, 2), beside=[other]))
        seen.update(repr(bits(rows)).encode())
    assert seen.hexdigest()[:16] == "dc93ac95567c455f"


class Wrong:
    """A library that computes nothing."""

    def moyou_multiply(self, *given: object) -> None: ...

    def moyou_functions(self, *given: object) -> None: ...


def test_what_computes_wrongly_is_not_taken(library: ctypes.CDLL) -> None:
    assert native.computes(library)
    assert not native.computes(Wrong())  # type: ignore[arg-type]


def test_without_a_compiler_torch_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert native.load.__wrapped__() is None


def test_where_nothing_may_be_kept_it_is_compiled_all_the_same(
    library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    for file in native._FOLDER.glob("*.[ch]"):
        shutil.copy(file, folder)
    (folder / "__pycache__").write_text("not a folder")
    monkeypatch.setattr(native, "_FOLDER", folder)
    monkeypatch.setattr(native, "_SOURCES", tuple(folder.glob("*.c")))
    assert native.computes(native.compiled(native._HERE[0]))
