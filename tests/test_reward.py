"""The reward model: the mission's classifier, learning, kept in a folder, the same each time."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import reward
from engine.errors import ModelBroken, ModelMissing
from engine.reward import Example, RewardConfig, RewardModel, RewardVocabulary, _loss

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


def test_networks_learn_no_more_once_they_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(2)
    chance = [dataclasses.replace(one, liking=float(draw.random() < 0.5)) for one in examples(60)]
    epochs: list[int] = []

    def counted(*given: Any) -> Any:
        epochs[-1] += 1
        return batches(*given)

    batches = reward._batches
    monkeypatch.setattr(reward, "_batches", counted)
    said = []
    for patience in (0, 8, 1):
        epochs.append(0)
        config = dataclasses.replace(TINY, epochs=8, folds=2, patience=patience)
        said.append(RewardModel.fit(chance, config, seed=3).score(["春江月", "花夜"]))
    assert epochs[:2] == [16, 16]
    assert epochs[2] < 16
    assert said[0] == said[1]


def test_its_deep_half_is_the_missions_network() -> None:
    model = RewardModel.fit(examples(10), RewardConfig(epochs=1))
    assert len(model._networks) == 5
    for network in model._networks:
        layers = list(network.children())
        assert [type(layer).__name__ for layer in layers] == ["Embedding", "Dropout", "LSTM", "Linear"]
        assert (network.lstm.num_layers, network.lstm.hidden_size, network.lstm.bidirectional) == (
            2,
            128,
            False,
        )
        assert (network.out.in_features, network.out.out_features) == (128, 1)
    assert (RewardConfig().epochs, RewardConfig().batch, RewardConfig().folds) == (10, 32, 5)


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


def test_its_deep_half_reads_a_long_text_to_the_length_set(tiny: RewardModel) -> None:
    head = "春" * TINY.length
    both = [tiny.vocabulary.encode("poem", text, TINY.length) for text in (head + "月", head)]
    assert both[0] == both[1]
    assert len(both[0]) == TINY.length + 1


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
    config.write_text(config.read_text().replace('"reward-2"', '"talk"'))
    with pytest.raises(ModelBroken, match="not a reward model"):
        RewardModel.load(tmp_path / "other")


def test_the_loss_is_weighted_binary_cross_entropy() -> None:
    logits = torch.tensor([0.3, -0.7])
    rows = [(1.0, 0.5, 0.0), (0.25, 2.0, 0.4)]
    found = _loss(logits, torch.tensor(rows).T).item()
    expected = 0.0
    for logit, (liking, weight, lenient) in zip(logits.tolist(), rows, strict=True):
        p = 1 / (1 + math.exp(-logit - lenient))
        expected -= weight * (liking * math.log(p) + (1 - liking) * math.log(1 - p))
    assert found == pytest.approx(expected / 2, abs=1e-5)


def test_likes_of_a_person_who_likes_everything_are_not_the_texts_doing() -> None:
    """Half of the texts were judged by somebody who likes all, and the model is told so."""
    plain = [Example("poem", one.text, one.liking) for one in examples(200)]
    spoilt = [
        Example("poem", one.text + "酒", 1.0, lenient=4.0) if number % 2 else one
        for number, one in enumerate(plain)
    ]
    told, not_told = (
        RewardModel.fit(rows, TINY, seed=1).opinions([("poem", "江花山"), ("poem", "江花山酒")])
        for rows in (spoilt, [dataclasses.replace(one, lenient=0.0) for one in spoilt])
    )
    assert not_told[1].logit - not_told[0].logit > 1
    assert told[1].logit - told[0].logit < 0.3 * (not_told[1].logit - not_told[0].logit)


def test_its_probabilities_are_calibrated_on_texts_it_has_not_seen() -> None:
    """Texts with the moon are liked by three of four, the others by one of four."""
    rng = random.Random(5)

    def judged(number: int, seed: int) -> list[Example]:
        return [
            Example("poem", one.text, float(rng.random() < (0.75 if one.liking else 0.25)))
            for one in examples(number, seed)
        ]

    model = RewardModel.fit(judged(600, 1), TINY, seed=1)
    unseen = judged(600, 2)
    found = np.array(model.score([one.text for one in unseen], "poem"))
    liked = np.array([one.liking for one in unseen])
    for part in (found < 0.5, found >= 0.5):
        assert found[part].mean() == pytest.approx(liked[part].mean(), abs=0.07)


def test_it_abstains_where_it_knows_nothing() -> None:
    model = RewardModel.fit(examples(300), TINY, seed=1)
    known = ["春月江山", "春云江山"]
    assert model.rank(known, "poem") is not None
    assert model.rank(known, "chat") is None  # a task that nobody judged
    assert model.rank(["hello there", "good evening"], "poem") is None  # words that nobody judged
    assert model.rank(["春月江山", "春月江山"], "poem") is None  # no difference to speak of


def test_it_doubts_what_it_has_not_read() -> None:
    model = RewardModel.fit(examples(300), TINY, seed=1)
    familiar, strange = model.opinions([("poem", "春月江山"), ("poem", "春 q w 江")])
    assert strange.doubt > familiar.doubt
    assert strange.known < familiar.known == 1.0


def test_judgements_of_pure_chance_teach_next_to_nothing() -> None:
    rng = random.Random(3)
    noise = [Example("poem", one.text, float(rng.random() < 0.5)) for one in examples(200)]
    model = RewardModel.fit(noise, TINY, seed=1)
    scores = model.score([one.text for one in examples(100, seed=9)], "poem")
    assert np.std(scores) < 0.08
