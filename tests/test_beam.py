"""Beam search: what it finds is likely, its sums are the model's, its order and limits hold."""

import pytest
import torch

from engine import checkpoint
from engine.beam import Beam, search
from engine.decode import Decoder, Sampling
from engine.model import ConditionalVAE, ModelConfig
from engine.vocabulary import END, LINE, Vocabulary

CONDITION = ("今天天气好",)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    folder = tmp_path_factory.mktemp("beam") / "m"
    torch.manual_seed(3)
    vocabulary = Vocabulary(("zh>en",), "今天气很好晚早安吃饭")
    config = ModelConfig(
        vocabulary=len(vocabulary),
        embedding=12,
        hidden=16,
        latent=3,
        condition_hidden=6,
        copy=True,
        lexical=True,
    )
    model = ConditionalVAE(config)
    torch.nn.init.normal_(model.bias, std=1.5)
    model.bias.data[END] = 2.0
    torch.nn.init.normal_(model.lexical.weight)
    checkpoint.save(folder, "m", model, vocabulary, {"tags": ["zh>en"]}, half=False)
    return Decoder(checkpoint.load(folder))


def test_sums_are_what_scoring_says_and_the_best_comes_first(decoder: Decoder) -> None:
    condition = decoder.condition(("zh>en",), CONDITION)
    z = torch.randn(3, generator=torch.Generator().manual_seed(1))
    found = search(decoder, condition, z, Beam(width=6, max_tokens=12, no_repeat=0))
    assert 1 < len(found) <= 6
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    assert len({h.text for h in found}) == len(found)
    again = decoder.log_probabilities(condition, z.expand(len(found), 3), [h.tokens for h in found])
    for hypothesis, value in zip(found, again.tolist(), strict=True):
        assert hypothesis.finished
        assert hypothesis.log_probability == pytest.approx(value, abs=1e-3)
        assert sum(hypothesis.attention) == pytest.approx(len(hypothesis.tokens) + 1, abs=1e-3)
        assert hypothesis.mean == pytest.approx(value / (len(hypothesis.tokens) + 1), abs=1e-3)


def test_a_wide_beam_without_penalties_finds_more_than_sampling(decoder: Decoder) -> None:
    condition = decoder.condition(("zh>en",), CONDITION)
    z = torch.zeros(3)
    best = search(decoder, condition, z, Beam(width=16, max_tokens=6, length=0.0, coverage=0.0, no_repeat=0))
    rows = decoder.sample(
        condition, z.expand(40, 3), 1, Sampling(temperature=1, nucleus=1, max_tokens=6, no_repeat=0)
    )
    assert best[0].log_probability >= max(row.log_probability for row in rows if row.finished) - 1e-4


def test_nothing_that_no_text_holds_is_written_and_no_text_is_empty(decoder: Decoder) -> None:
    condition = decoder.condition(("zh>en",), CONDITION)
    for hypothesis in search(decoder, condition, torch.zeros(3), Beam(width=5, max_tokens=10)):
        assert hypothesis.tokens
        assert not any(bool(decoder.banned[token]) for token in hypothesis.tokens)
        assert END not in hypothesis.tokens
        assert hypothesis.tokens[0] != LINE


def test_no_n_gram_comes_twice_and_the_limit_holds(decoder: Decoder) -> None:
    condition = decoder.condition(("zh>en",), CONDITION)
    beam = Beam(width=4, max_tokens=9, length=5.0, no_repeat=2)
    for hypothesis in search(decoder, condition, torch.zeros(3), beam):
        pairs = list(zip(hypothesis.tokens, hypothesis.tokens[1:], strict=False))
        assert len(pairs) == len(set(pairs))
        assert len(hypothesis.tokens) <= 9


def test_the_same_asking_gives_the_same_texts(decoder: Decoder) -> None:
    condition = decoder.condition(("zh>en",), CONDITION)
    first, second = (search(decoder, condition, torch.ones(3), Beam(max_tokens=8)) for _ in range(2))
    assert first == second
