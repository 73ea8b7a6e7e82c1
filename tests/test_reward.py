"""The reward model: the mission's classifier, learning, kept in a folder, the same each time."""

from __future__ import annotations

import hashlib
import math
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelBroken, ModelMissing
from engine.reward import Example, RewardConfig, RewardModel, RewardVocabulary

TINY = RewardConfig(embedding=8, units=8, epochs=2)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def examples(number: int, seed: int = 0) -> list[Example]:
    """Texts with 月 are liked, whatever else stands in them."""
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        characters = [rng.choice("春江花夜山水云松竹梅") for _ in range(rng.randrange(4, 12))]
        liked = rng.random() < 0.5
        if liked:
            characters[rng.randrange(len(characters))] = "月"
        found.append(Example("poem", "".join(characters), float(liked)))
    return found


@pytest.fixture(scope="module")
def tiny() -> RewardModel:
    torch.set_num_threads(1)
    return RewardModel.fit(examples(60), TINY, seed=3)


def test_it_is_the_missions_network() -> None:
    model = RewardModel.fit(examples(8), RewardConfig(epochs=1))
    layers = list(model._network.children())
    lstm = model._network.lstm
    assert [type(layer).__name__ for layer in layers] == ["Embedding", "Dropout", "LSTM", "Linear"]
    assert (lstm.num_layers, lstm.hidden_size, lstm.bidirectional) == (2, 128, False)
    assert (model._network.out.in_features, model._network.out.out_features) == (128, 1)
    assert (model.config.epochs, RewardConfig().batch, RewardConfig().validation) == (1, 32, 0.2)


def test_it_learns_what_is_liked() -> None:
    model = RewardModel.fit(examples(300), seed=1)
    unseen = examples(100, seed=9)
    scores = model.score([one.text for one in unseen], "poem")
    right = sum((score > 0.5) == (one.liking > 0.5) for score, one in zip(scores, unseen, strict=True))
    assert right >= 90


def test_the_weights_of_judgements_count() -> None:
    """Two people disagree about the same texts: the model sides with whom weighs more."""
    both = [
        example
        for one in examples(200)
        for example in (
            Example("poem", one.text, one.liking, weight=1.9),
            Example("poem", one.text, 1 - one.liking, weight=0.1),
        )
    ]
    model = RewardModel.fit(both, RewardConfig(embedding=16, units=32, rate=5e-3), seed=1)
    with_moon, without = model.score(["春月江山", "春云江山"], "poem")
    assert with_moon > without


def test_same_seed_same_model_and_nobody_elses_chance_is_touched(tiny: RewardModel) -> None:
    before = torch.get_rng_state()
    again = RewardModel.fit(examples(60), TINY, seed=3)
    other = RewardModel.fit(examples(60), TINY, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    texts = [one.text for one in examples(20, seed=5)]
    assert again.score(texts, "poem") == tiny.score(texts, "poem") != other.score(texts, "poem")


texts = st.lists(st.text(st.sampled_from("春江花月夜😀a\n"), max_size=30), min_size=1, max_size=9)


@settings(deadline=None, max_examples=40)
@given(texts, st.sampled_from(["poem", "unheard-of", ""]))
def test_a_score_is_a_probability_and_does_not_depend_on_the_company(
    tiny: RewardModel, texts: list[str], task: str
) -> None:
    together = tiny.score(texts, task)
    alone = [tiny.score([text], task)[0] for text in texts]
    assert all(0 <= score <= 1 for score in together)
    assert together == pytest.approx(alone, abs=1e-5)


def test_many_rows_are_scored_in_batches(tiny: RewardModel) -> None:
    rows = [("poem", one.text) for one in examples(30, seed=2)]
    assert tiny.score_rows(rows, batch=7) == pytest.approx(tiny.score_rows(rows), abs=1e-6)
    assert tiny.score([]) == []


def test_a_long_text_is_read_to_the_length_set(tiny: RewardModel) -> None:
    head = "春" * TINY.length
    assert tiny.score([head + "月"], "poem") == tiny.score([head], "poem")


def test_characters_seen_once_are_unknown() -> None:
    vocabulary = RewardVocabulary.of([Example("poem", "春春江", 1.0), Example("chat", "江花", 0.0)])
    assert vocabulary.tokens == ("<chat>", "<poem>", "春", "江")
    assert vocabulary.encode("chat", "江花春", 9) == [2, 5, 1, 4]
    assert vocabulary.encode("post", "", 9) == [1]


def test_it_reads_back_bit_for_bit_under_its_hash(tiny: RewardModel, tmp_path: Path) -> None:
    version = tiny.save(tmp_path / "draft", "# Card\n")
    files = sorted(file for file in (tmp_path / "draft").iterdir())
    assert [file.name for file in files] == ["CARD.md", "config.json", "model.safetensors", "vocabulary.json"]
    assert version == hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    (tmp_path / "draft").rename(tmp_path / version)
    loaded = RewardModel.load(tmp_path / version)
    assert loaded.hash == tiny.hash == version
    assert loaded.config == TINY
    rows = [one.text for one in examples(20, seed=5)]
    assert loaded.score(rows, "poem") == tiny.score(rows, "poem")


@pytest.mark.parametrize("file", ["CARD.md", "config.json", "model.safetensors", "vocabulary.json"])
@pytest.mark.parametrize("harm", ["changed", "gone", "cut"])
def test_a_broken_folder_is_refused(tiny: RewardModel, tmp_path: Path, file: str, harm: str) -> None:
    version = tiny.save(tmp_path / "draft", "# Card\n")
    (tmp_path / "draft").rename(tmp_path / version)
    path = tmp_path / version / file
    if harm == "gone":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if harm == "cut" else data + b"\n")
    with pytest.raises(ModelBroken, match=version):
        RewardModel.load(tmp_path / version)


def test_a_folder_that_is_not_there_or_holds_another_model(tiny: RewardModel, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        RewardModel.load(tmp_path / "nothing")
    tiny.save(tmp_path / "other", "# Card\n")
    config = tmp_path / "other" / "config.json"
    config.write_text(config.read_text().replace('"reward"', '"talk"'))
    with pytest.raises(ModelBroken, match="not a reward model"):
        RewardModel.load(tmp_path / "other")


def test_the_loss_is_weighted_binary_cross_entropy(tiny: RewardModel) -> None:
    from engine.reward import _loss

    rows = [Example("poem", "春月", 1.0, 0.5), Example("poem", "江花山", 0.25, 2.0)]
    found = _loss(tiny._network, tiny.vocabulary, TINY, rows).item()
    scores = tiny.score([row.text for row in rows], "poem")
    expected = [
        -row.weight * (row.liking * math.log(p) + (1 - row.liking) * math.log(1 - p))
        for row, p in zip(rows, scores, strict=True)
    ]
    assert found == pytest.approx(sum(expected) / 2, abs=1e-5)
