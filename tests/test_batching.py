"""Rows of many requests in one batch: each is what it is alone, whoever joins and leaves."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import checkpoint, decode, native, products
from engine.batching import TorchBatch
from engine.cell import compiled
from engine.decode import Decoder, repeats
from engine.forms import FORMS
from engine.native_batch import NativeBatch
from engine.rows import Asked, Batch, Repeats, Row, Sampling, alone
from engine.verse import VerseRules
from tests import tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def writers(models: Path) -> dict[str, Decoder]:
    return {name: Decoder(checkpoint.load(models / name)) for name in ("talk", "verse")}


@dataclass(frozen=True)
class Wanted:
    """A request for rows as Hypothesis draws it, and when it joins and leaves (None: when it is done)."""

    rows: int
    seed: int
    sampling: Sampling
    words: int
    beside: int
    joins: int
    leaves: int | None = None


class Towards:
    """A pull that asks for one token."""

    def bias(self, written: Sequence[int]) -> dict[int, float]:
        return {20 + len(written) % 3: 2.0}


WANTED = st.builds(
    Wanted,
    st.integers(1, 10),
    st.integers(0, 2**53),
    st.builds(
        Sampling,
        st.sampled_from([0.05, 0.7, 1.0, 1.3]),
        st.sampled_from([1e-9, 0.5, 0.9, 1.0]),
        st.integers(1, 12),
        st.integers(0, 3),
    ),
    st.integers(0, 40),
    st.integers(0, 2),
    st.integers(0, 10),
    st.none() | st.integers(0, 14),
)


def ask(batch: Batch, writer: Decoder, wanted: Wanted) -> Asked:
    verse = writer.checkpoint.name == "verse"
    tags = ["wujue"] if verse else ["chat", "own"]
    condition = writer.condition(tags, ["你好" * wanted.words] if wanted.words and not verse else [])
    others = [writer.encode(writer.condition(tags, ["今天"] * number), 1) for number in range(wanted.beside)]
    z = decode.latents(wanted.seed, wanted.rows, writer.latent_size)
    options: dict[str, Any] = {}
    sampling = wanted.sampling
    if verse:
        rules = rules_of(writer)
        options["plans"] = [rules.plan(FORMS["wujue"]) for _ in range(wanted.rows)]
        sampling = Sampling(sampling.temperature, sampling.nucleus, 24, sampling.no_repeat)
    elif wanted.seed % 3 == 0:
        options["pulls"] = [Towards() for _ in range(wanted.rows)]
    return batch.ask(writer.encode(condition, 1), z, wanted.seed, sampling, beside=others, **options)


@functools.cache
def rules_of(writer: Decoder) -> VerseRules:
    return VerseRules(writer.vocabulary.character_list())


def together(batch: Batch, writer: Decoder, wanted: Sequence[Wanted]) -> list[Asked]:
    """All of them in one batch, each joining and leaving when it says."""
    asked = [ask(batch, writer, each) for each in wanted]
    step = 0
    while any(not one.done for one in asked):
        for each, one in zip(wanted, asked, strict=True):
            if each.joins == step:
                batch.join(one)
            if each.leaves is not None and each.leaves == step > each.joins and not one.done:
                batch.leave(one)
        if len(batch):
            batch.step()
        step += 1
    return asked


def bits(rows: Sequence[Row]) -> list[Any]:
    return [(r.tokens, r.log_probability.hex(), r.finished, r.under, r.attention, r.relaxed) for r in rows]


KINDS = ["float32", "int8", "native", "native on two cores"]


def batch_of(kind: str, writer: Decoder) -> Batch:
    """Rows that are computed so; what has no compiler skips the third."""
    if not kind.startswith("native"):
        return TorchBatch(writer.model, writer.banned, ["float32"] if kind == "float32" else products.able())
    library = native.load()
    if library is None:
        pytest.skip("no C compiler on this machine")
    return NativeBatch(writer.model, writer.banned, library, 2 if kind == KINDS[-1] else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["talk", "verse"])
def test_any_joins_and_departures_leave_every_row_as_it_is_alone(
    writers: dict[str, Decoder], name: str, kind: str
) -> None:
    writer = writers[name]
    shared, own = (batch_of(kind, writer) for _ in range(2))

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(WANTED, min_size=1, max_size=6))
    def law(wanted: list[Wanted]) -> None:
        for each, one in zip(wanted, together(shared, writer, wanted), strict=True):
            by_itself = alone(own, ask(own, writer, each))
            if each.leaves is None or each.leaves <= each.joins:
                assert bits(one.rows) == bits(by_itself)
            else:  # what it had written when it left is how it would have begun
                for row, whole in zip(one.rows, by_itself, strict=True):
                    assert row.tokens == whole.tokens[: len(row.tokens)]
        assert len(shared) == 0
        if isinstance(shared, TorchBatch):
            assert not shared._shelves
        elif isinstance(shared, NativeBatch):
            assert not shared._placed
            assert len(shared._free) == len(shared._rows)

    law()


@pytest.mark.parametrize("name", ["talk", "verse"])
def test_kernels_give_the_same_bits_compiled_or_not(writers: dict[str, Decoder], name: str) -> None:
    writer = writers[name]
    wanted = Wanted(5, 7, Sampling(max_tokens=10), 3, 1, 0)
    found = []
    for kernel in products.able():
        batch = TorchBatch(writer.model, writer.banned, [kernel])
        found.append(bits(alone(batch, ask(batch, writer, wanted))))
        assert batch._step is not batch._cell, "this torch has TorchScript"
        batch._step = batch._cell
        found.append(bits(alone(batch, ask(batch, writer, wanted))))
    assert all(each == found[0] for each in found)


def test_a_step_works_where_torch_has_no_torchscript(
    writers: dict[str, Decoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = TorchBatch(writers["talk"].model, writers["talk"].banned, ["floats"])
    monkeypatch.delattr(torch.jit, "script")
    assert compiled(batch._cell) is batch._cell


@pytest.mark.parametrize(("kind", "close"), [("float32", 1e-3), ("int8", 0.05), ("native", 0.05)])
def test_what_rows_say_of_themselves_agrees_with_teacher_forcing(
    writers: dict[str, Decoder], kind: str, close: float
) -> None:
    writer = writers["talk"]
    here, nowhere = (
        writer.condition(["chat", "own"], ["今天第1次见面，你好吗？"]),
        writer.condition(["chat"], []),
    )
    z = decode.latents(3, 6, writer.latent_size)
    batch = batch_of(kind, writer)
    sampling = Sampling(1.0, 1.0, 12, 0)
    encoded, other = writer.encode(here, 1), writer.encode(nowhere, 1)
    rows = alone(batch, batch.ask(encoded, z, 3, sampling, beside=[other]))
    assert any(row.finished for row in rows)
    assert any(not row.finished for row in rows)
    for number, condition in enumerate((here, nowhere)):
        exact = writer.log_probabilities(condition, z, [row.tokens for row in rows])
        for row, value in zip(rows, exact.tolist(), strict=True):
            assert row.under[number] == pytest.approx(value, abs=close * (len(row.tokens) + 1))
    for row in rows:
        assert (row.log_probability == row.under[0]) == row.finished
        assert sum(row.attention) == pytest.approx(1.0 if row.finished else 1.0 + 1 / 13, abs=0.1)


class Broken:
    """A plan that fails at its third token."""

    def __init__(self, size: int) -> None:
        self._size, self._written = size, 0

    done = at_line_end = False
    relaxed = ()

    def mask(self) -> torch.Tensor:
        return torch.ones(self._size, dtype=torch.bool)

    def advance(self, token: int) -> None:
        self._written += 1
        if self._written == 3:
            raise ZeroDivisionError


@pytest.mark.parametrize("kind", ["int8", "native"])
def test_a_plan_that_fails_fails_its_own_request_only(writers: dict[str, Decoder], kind: str) -> None:
    writer = writers["talk"]
    batch = batch_of(kind, writer)
    wanted = Wanted(4, 5, Sampling(1.0, 1.0, 12), 2, 0, 0)
    whole = bits(alone(batch, ask(batch, writer, wanted)))
    encoded = writer.encode(writer.condition(["chat"], []), 1)
    z = decode.latents(1, 2, writer.latent_size)
    plans = [Broken(len(writer.vocabulary)) for _ in z]
    broken, fine = batch.ask(encoded, z, 1, Sampling(), plans), ask(batch, writer, wanted)
    batch.join(broken)
    batch.join(fine)
    while len(batch):
        batch.step()
    assert isinstance(broken.error, ZeroDivisionError)
    assert fine.error is None
    assert bits(fine.rows) == whole


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 4))
def test_repeats_are_noted_as_they_are_found_by_looking_back(tokens: list[int], size: int) -> None:
    noted, written = Repeats(size), list[int]()
    for token in tokens:
        assert sorted(set(noted.now(written))) == sorted(set(repeats(written, size)))
        written.append(token)
        noted.note(written)
