"""A model in parts writes what the whole one writes, and a file that is none of its is refused."""

import gc
from pathlib import Path

import pytest
import torch

from engine import checkpoint, decode, dials
from engine.beam import Beam, search
from engine.decode import Decoder, Sampling
from engine.errors import ModelBroken
from tests import tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    return models / "talk"


@pytest.mark.parametrize("arithmetic", ["int8", "float32"])
def test_the_parts_write_what_the_whole_writes(folder: Path, arithmetic: str) -> None:
    whole, lean = (Decoder(checkpoint.load(folder, lean=lean)) for lean in (False, True))
    condition = whole.condition(["chat"], ["你好"])
    z = decode.latents(4, 3, whole.latent_size)
    sampling = Sampling(max_tokens=12, arithmetic=arithmetic)
    first, second = (one.sample(condition, z, 4, sampling, beside=[condition[:1]]) for one in (whole, lean))
    assert first == second
    assert any(row.tokens for row in first)


def test_beams_likelihoods_and_latents_are_those_of_the_whole(folder: Path) -> None:
    whole, lean = (Decoder(checkpoint.load(folder, lean=lean)) for lean in (False, True))
    condition, ids = whole.condition(["chat"], ["你好"]), whole.vocabulary.encode("今天天气很好")
    z = dials.posterior(whole, condition, ids)
    assert torch.equal(z, dials.posterior(lean, condition, ids))
    first, second = (one.log_probabilities(condition, z[None], [ids]) for one in (whole, lean))
    assert torch.equal(first, second)
    beam = Beam(width=3, max_tokens=8)
    assert search(whole, condition, z, beam) == search(lean, condition, z, beam)


def test_what_writes_is_shared_and_not_kept(folder: Path) -> None:
    mapped = checkpoint.load(folder, lean=True).mapped
    assert mapped is not None
    writer = mapped.writer()
    assert mapped.writer() is writer
    assert mapped.own_writer() is not writer
    alive = mapped._writer
    del writer
    gc.collect()
    assert alive is not None
    assert alive() is None
    assert mapped.writer().embed.weight.dtype == torch.float32


def test_what_reads_cannot_write(folder: Path) -> None:
    reader = checkpoint.load(folder, lean=True).model
    assert not hasattr(reader, "decoder")
    assert reader.embed(torch.tensor([5])).dtype == torch.float32
    assert reader.embed.weight.dtype == torch.float16


@pytest.mark.parametrize("content", [b"", b"\x05", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_none_of_ours_is_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / checkpoint.WEIGHTS).write_bytes(content)
    with pytest.raises(ModelBroken):
        checkpoint.load(tmp_path, lean=True)


def test_a_file_that_was_cut_short_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelBroken):
        checkpoint.load(tmp_path, lean=True)


def test_a_file_may_be_replaced_under_a_running_model(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    lean = Decoder(checkpoint.load(tmp_path, lean=True))
    condition, ids = lean.condition(["chat"], ["你好"]), lean.vocabulary.encode("今天天气很好")
    z = decode.latents(1, 1, lean.latent_size)
    before = lean.log_probabilities(condition, z, [ids])
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"another")
    fresh.replace(tmp_path / checkpoint.WEIGHTS)
    assert torch.equal(before, lean.log_probabilities(condition, z, [ids]))
