"""A condition's meaning: which part of it is read, and that a model is shown it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import checkpoint, meaning
from engine.condition_meaning import ConditionMeaning, last_part, meant_by
from engine.corpus import condition_ids
from engine.decode import Decoder
from engine.errors import ModelBroken
from engine.likeness import plain
from engine.model import ConditionalVAE, ModelConfig
from engine.vocabulary import Vocabulary, build

PROTOTYPE = 9
IDS = st.lists(st.integers(20, 60), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build(
        ["今天好累，想早点睡。", "你是谁"] * 9, ("chat", "prototype"), min_count=1, byte_fallback=True
    )


@given(st.lists(st.integers(6, 8), max_size=3), st.lists(IDS, max_size=3), st.one_of(st.just([]), IDS))
def test_the_last_part_is_read_and_nothing_else(
    head: list[int], parts: list[list[int]], reply: list[int]
) -> None:
    shown = [PROTOTYPE, *reply] if reply else []
    condition = condition_ids(head, parts, 100, shown)
    assert last_part(condition, PROTOTYPE) == (tuple(parts[-1]) if parts else ())


def test_the_vector_is_that_of_the_text(vocabulary: Vocabulary) -> None:
    meant = ConditionMeaning(vocabulary, meaning.shipped())
    asked = condition_ids([vocabulary.tag("chat")], [vocabulary.encode("今天好累")], 96)
    nothing = condition_ids([vocabulary.tag("chat")], [], 96)
    found = meant.of([asked, nothing]).numpy()
    assert np.allclose(found[0], meaning.shipped().vectors([plain("今天好累")])[0], atol=1e-6)
    assert not found[1].any()
    thin = [meant.of([asked], 0.5, seed).numpy() for seed in (1, 1, 2)]
    assert np.array_equal(thin[0], thin[1])
    assert not np.array_equal(thin[0], thin[2])


def _saved(folder: Path, vocabulary: Vocabulary) -> ModelConfig:
    config = ModelConfig(
        len(vocabulary), embedding=8, hidden=12, latent=4, condition_hidden=6, posterior_hidden=6, meaning=128
    )
    torch.manual_seed(0)
    net = ConditionalVAE(config)
    torch.nn.init.normal_(net.get_parameter("meaning.2.weight"))
    checkpoint.save(folder, "talk", net, vocabulary, {"longest_context": 96})
    return config


def test_a_decoder_is_shown_it(tmp_path: Path, vocabulary: Vocabulary) -> None:
    config = _saved(tmp_path, vocabulary)
    decoder = Decoder(checkpoint.load(tmp_path))
    condition = decoder.condition(["chat"], ["今天好累"])
    shown = decoder.encode(condition, 2).summary
    bare = decoder.model.encode(torch.tensor([condition]), torch.tensor([len(condition)])).summary
    assert not torch.allclose(shown[0], bare[0])
    assert torch.equal(shown[0], shown[1])
    assert meant_by(dataclasses.replace(config, meaning=0), vocabulary) is None


def test_a_model_of_other_vectors_is_refused(tmp_path: Path, vocabulary: Vocabulary) -> None:
    _saved(tmp_path, vocabulary)
    file = tmp_path / "config.json"
    written = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**written, "meaning": "another"}), "utf-8")
    with pytest.raises(ModelBroken, match="meaning"):
        checkpoint.load(tmp_path)
