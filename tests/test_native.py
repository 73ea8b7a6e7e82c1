"""The compiled step: exact where it must be, the same on other processors, absent without harm."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine import Engine, NoCompiler, Reply, Request, compiling, native
from engine.batching import TorchBatch
from engine.compiling import processor
from engine.model import ConditionalVAE, Encoded, ModelConfig
from engine.native_batch import NativeBatch
from engine.native_reader import NativeReader
from engine.products import able
from engine.rows import Row, Sampling, alone
from engine.vocabulary import END, LINE
from tests import tiny
from tests.test_batching import bits

SIZES = ModelConfig(
    vocabulary=700, embedding=32, hidden=48, latent=8, condition_hidden=24, posterior_hidden=16, copy=True
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


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
    if "avx2" not in processor():
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

    def chance(count: int, seed: int) -> np.ndarray[Any, Any]:
        """Numbers in [-1, 1) that no library's next release changes."""
        whole = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(seed + 11)) ** np.uint64(3)
        mixed = (whole * np.uint64(2654435761) >> np.uint64(16)) % np.uint64(65536)
        return mixed.astype(np.float32) / np.float32(32768) - np.float32(1)

    model = ConditionalVAE(SIZES).eval()
    with torch.no_grad():
        for seed, weight in enumerate(model.parameters()):
            weight.copy_(torch.from_numpy(chance(weight.numel(), seed) / 2).view_as(weight))
    reader, batch = NativeReader(model, library), NativeBatch(model, banned, library)
    seen = hashlib.sha256()
    for seed in range(4):
        own, other = reader.read([[6 + 37 * place % 690 for place in range(5 + 11 * seed)], [7, 8, 9]])
        z = torch.from_numpy(chance(5 * SIZES.latent, seed)).view(5, -1)
        rows = alone(batch, batch.ask(own, z, seed, Sampling(0.9, 0.9, 20, 2), beside=[other]))
        seen.update(repr(bits(rows)).encode())
    assert seen.hexdigest()[:16] == "3b9e13b36a4e7cf0"


@pytest.fixture
def encoded(model: ConditionalVAE) -> Encoded:
    with torch.inference_mode():
        return model.encode(torch.tensor([[7, 8]]), torch.tensor([2]))


def test_what_is_none_of_the_models_is_refused_when_it_joins(
    library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor, encoded: Encoded
) -> None:
    batch = NativeBatch(model, banned, library)
    fine = batch.ask(encoded, torch.zeros(2, SIZES.latent), 1, Sampling(max_tokens=4))
    batch.join(fine)
    narrow = encoded._replace(keys=encoded.keys[:, :, :-1])
    short = encoded._replace(keys=encoded.keys[:, :1])
    foreign = encoded._replace(tokens=torch.full((1, 2), SIZES.vocabulary))
    empty = encoded._replace(tokens=encoded.tokens[:, :0])
    wrong = [
        (encoded, torch.zeros(1, SIZES.latent - 1)),
        (encoded, torch.zeros(1, SIZES.latent, dtype=torch.float64)),
        (narrow, torch.zeros(1, SIZES.latent)),
        (short, torch.zeros(1, SIZES.latent)),
        (foreign, torch.zeros(1, SIZES.latent)),
        (empty, torch.zeros(1, SIZES.latent)),
    ]
    for condition, z in wrong:
        with pytest.raises(ValueError, match="condition"):
            batch.join(batch.ask(condition, z, 1, Sampling()))
    while len(batch):
        batch.step()
    assert fine.error is None
    assert all(row.tokens for row in fine.rows)


class Raises:
    """A pull that raises one token, wherever that is."""

    def __init__(self, token: int, nats: float = 5.0) -> None:
        self._bias = {token: nats}

    def bias(self, written: Sequence[int]) -> dict[int, float]:
        return self._bias


@pytest.mark.parametrize("token", [-1, SIZES.vocabulary, 1 << 20])
def test_a_pull_to_a_token_that_is_not_there_fails_its_own_request(
    library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor, encoded: Encoded, token: int
) -> None:
    batch = NativeBatch(model, banned, library)
    z = torch.zeros(1, SIZES.latent)
    wrong = batch.ask(encoded, z, 1, Sampling(max_tokens=4), pulls=[Raises(token)])
    fine = batch.ask(encoded, z, 1, Sampling(max_tokens=4))
    batch.join(wrong)
    batch.join(fine)
    while len(batch):
        batch.step()
    assert isinstance(wrong.error, ValueError)
    assert fine.error is None
    assert fine.rows[0].tokens


@pytest.mark.parametrize("temperature", [1e-60, 1e-9, 0.01, 50.0])
def test_no_temperature_is_too_low_or_too_high(
    library: ctypes.CDLL, model: ConditionalVAE, banned: torch.Tensor, encoded: Encoded, temperature: float
) -> None:
    batch = NativeBatch(model, banned, library)
    sampling = Sampling(temperature, 0.9, 6, 0)
    asked = batch.ask(encoded, torch.zeros(1, SIZES.latent), 1, sampling, pulls=[Raises(77, 1500.0)])
    (row,) = alone(batch, asked)
    assert row.tokens == [77] * 6


def test_a_model_without_latents_writes(library: ctypes.CDLL, banned: torch.Tensor) -> None:
    torch.manual_seed(0)
    twin = ConditionalVAE(dataclasses.replace(SIZES, latent=0)).eval()
    with torch.inference_mode():
        encoded = twin.encode(torch.tensor([[7, 8]]), torch.tensor([2]))
    for batch in (NativeBatch(twin, banned, library), TorchBatch(twin, banned, able())):
        (row,) = alone(batch, batch.ask(encoded, torch.zeros(1, 0), 1, Sampling(max_tokens=4)))
        assert row.tokens


class Wrong:
    """A library that computes nothing."""

    def moyou_multiply(self, *given: object) -> None: ...

    def moyou_functions(self, *given: object) -> None: ...


def test_what_computes_wrongly_is_not_taken(library: ctypes.CDLL) -> None:
    assert native.computes(library)
    assert not native.computes(Wrong())  # type: ignore[arg-type]


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The sources in a folder of their own, nothing compiled yet."""
    folder = tmp_path / "ker nels"
    folder.mkdir()
    for file in native._FOLDER.glob("*.[ch]"):
        shutil.copy(file, folder)
    monkeypatch.setattr(native, "_SOURCES", tuple(folder.glob("*.c")))
    monkeypatch.setattr(native, "_folders", [folder / "__pycache__"])
    monkeypatch.setattr(native, "_found", [])
    return folder


def test_without_a_compiler_torch_steps(monkeypatch: pytest.MonkeyPatch, sources: Path, models: Path) -> None:
    monkeypatch.setenv("PATH", "")
    assert native.load() is None
    assert not native.possible()
    engine = Engine(models=models)
    assert not engine.compiled
    request = Request("poem", "秋夜", {"form": "wujue"}, seed=3)
    reply = engine.write_now(request)
    assert reply.decoding["arithmetic"] == "int8"
    elsewhere = dataclasses.replace(reply, decoding={**reply.decoding, "arithmetic": "native"})
    with pytest.raises(NoCompiler):
        engine.replay(request, elsewhere)


def test_what_is_varied_is_written_as_things_are_written_now(library: ctypes.CDLL, models: Path) -> None:
    async def varied() -> Reply:
        async with Engine(models=models) as engine:
            request = Request("poem", "秋夜", {"form": "wujue"}, seed=3)
            reply = await engine.write(request)
            old = dataclasses.replace(reply, decoding={**reply.decoding, "arithmetic": "int8"})
            return await engine.vary(request, old)

    assert asyncio.run(varied()).decoding["arithmetic"] == "native"


@pytest.mark.parametrize("damage", ["empty", "cut", "turned", "another"])
def test_a_damaged_file_is_made_again(library: ctypes.CDLL, sources: Path, damage: str) -> None:
    assert native.load() is not None
    [kept] = (sources / "__pycache__").glob("*.so")
    whole = kept.read_bytes()
    spoilt = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "turned": whole[:20_000] + bytes(255 - byte for byte in whole[20_000:]),
        "another": b"no library at all",
    }
    kept.unlink()  # the one that is loaded stays as it is
    kept.write_bytes(spoilt[damage])
    native._found.clear()
    assert native.load() is not None
    [again] = (sources / "__pycache__").glob("*.so")
    assert again.read_bytes() != spoilt[damage]


def test_where_nothing_may_be_kept_it_is_compiled_all_the_same(
    library: ctypes.CDLL, sources: Path, tmp_path: Path
) -> None:
    (sources / "__pycache__").write_text("not a folder")
    assert native.load() is not None
    native._found.clear()
    native.keep_in(tmp_path / "data" / "compiled")
    assert native.load() is not None
    assert len(list((tmp_path / "data" / "compiled").glob("*.so"))) == 1


def test_what_is_kept_needs_no_compiler(
    library: ctypes.CDLL, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert native.load() is not None
    native._found.clear()
    monkeypatch.setenv("PATH", "")
    assert native.possible()
    assert native.load() is not None


@pytest.mark.parametrize(
    "first", ["#!/bin/sh\necho broken >&2\nexit 1\n", "no program\n", "#!/bin/sh\nsleep 600 & sleep 600\n"]
)
def test_a_compiler_that_cannot_gives_way_to_one_that_can(
    library: ctypes.CDLL, sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str
) -> None:
    able = next(found for name in ("gcc", "clang", "cc") if (found := shutil.which(name)))
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cc").write_text(first)
    (folder / "cc").chmod(0o755)
    (folder / "gcc").symlink_to(able)
    monkeypatch.setenv("PATH", f"{folder}:{os.defpath}")
    if "sleep" in first:
        monkeypatch.setattr(compiling, "_SECONDS", 20.0)  # enough for the one that can, whatever else runs
    assert native.load() is not None


def test_a_processor_that_the_source_does_not_know_is_told_before_anything_is_made(
    library: ctypes.CDLL, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_HERE", ("-march=no-such-processor",))
    assert not native.possible()
    assert native.load() is None
    assert not (sources / "__pycache__").exists()


def test_what_is_new_is_kept_though_clocks_went_wrong(library: ctypes.CDLL, sources: Path) -> None:
    folder = sources / "__pycache__"
    folder.mkdir()
    for number in range(6):
        file = folder / f"step-{number}-{number}.so"
        file.write_bytes(b"old")
        os.utime(file, (4e9, 4e9))
    assert native.load() is not None
    assert len(list(folder.iterdir())) == 5


def test_many_that_start_at_once_compile_once(library: ctypes.CDLL, sources: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: native.load(), range(4)))
    assert all(each is found[0] is not None for each in found)
    assert len(list((sources / "__pycache__").iterdir())) == 1
