"""The copy gate: a distribution that sums to one, learns to copy, and starts nearly closed."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine import checkpoint
from engine.copying import CopyGate
from engine.corpus import CorpusConfig
from engine.decode import Decoder, Sampling
from engine.model import ConditionalVAE, ModelConfig
from engine.train import start_from
from engine.vocabulary import BEGIN, END, TURN, Vocabulary

SIZES = ModelConfig(
    vocabulary=30,
    embedding=16,
    hidden=20,
    latent=0,
    condition_hidden=8,
    dropout=0.0,
    word_dropout=0.0,
    copy=True,
)
SIZE = 5


def repeating(rows: int, draw: int) -> dict[str, Tensor]:
    """Targets that are their conditions; ids from 20 on never come in training."""
    generator = torch.Generator().manual_seed(draw)
    words = torch.randint(6, 20, (rows, SIZE), generator=generator)
    return batch(words)


def batch(words: Tensor) -> dict[str, Tensor]:
    rows = len(words)
    target = torch.cat([words, torch.full((rows, 1), END)], dim=1)
    return {
        "condition": torch.cat([words, torch.full((rows, 1), TURN)], dim=1),
        "condition_lengths": torch.full((rows,), SIZE + 1),
        "inputs": torch.cat([torch.full((rows, 1), BEGIN), words], dim=1),
        "target": target,
        "lengths": torch.full((rows,), SIZE + 1),
    }


def log_p(net: ConditionalVAE, given: dict[str, Tensor]) -> Tensor:
    encoded = net.encode(given["condition"], given["condition_lengths"])
    z = torch.zeros(len(given["target"]), 0)
    steps = net.decode(encoded, z, given["inputs"])
    every = net.log_probabilities(steps, encoded)
    of_targets = -net.negative_log_likelihood(steps, encoded, given["target"])
    assert torch.allclose(every.gather(2, given["target"][..., None]).flatten(), of_targets, atol=1e-4)
    return every


def test_the_mixture_sums_to_one_and_marks_are_never_copied() -> None:
    gate = CopyGate(4)
    torch.nn.init.constant_(gate.gate.bias, 2.0)
    attention = torch.tensor([[0.2, 0.3, 0.5]])
    vocabulary = torch.full((1, 10), 0.1).log()
    mixed = gate.of_vocabulary(vocabulary, torch.randn(1, 4), attention, torch.tensor([[7, 7, TURN]])).exp()
    assert mixed.sum().item() == pytest.approx(1, abs=1e-5)
    opened = torch.sigmoid(torch.tensor(2.0)).item()
    assert mixed[0, 7].item() == pytest.approx(opened * 0.5 + (1 - opened * 0.5) * 0.1, abs=1e-5)
    assert mixed[0, TURN].item() == pytest.approx((1 - opened * 0.5) * 0.1, abs=1e-5)


def test_a_new_gate_is_nearly_closed() -> None:
    torch.manual_seed(0)
    net = ConditionalVAE(SIZES).eval()
    given = repeating(3, 0)
    encoded = net.encode(given["condition"], given["condition_lengths"])
    steps = net.decode(encoded, torch.zeros(3, 0), given["inputs"])
    plain = net.logits(steps.features).log_softmax(dim=2)
    assert (net.log_probabilities(steps, encoded).exp() - plain.exp()).abs().max() < 0.06


@pytest.mark.parametrize("negatives", [0, 8])
def test_training_opens_the_gate_so_that_unseen_tokens_are_copied(negatives: int) -> None:
    torch.manual_seed(0)
    config = ModelConfig(**{**vars(SIZES), "sampled_softmax": negatives})
    net = ConditionalVAE(config).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(250):
        loss = net(**repeating(32, step))
        optimizer.zero_grad()
        loss.objective.backward()
        optimizer.step()
    net.eval()
    seen = log_p(net, repeating(8, 1000)).exp()
    found = seen.gather(2, repeating(8, 1000)["target"][..., None]).mean().item()
    assert found > 0.8
    unseen = batch(torch.randint(20, 30, (8, SIZE), generator=torch.Generator().manual_seed(1)))
    steps = log_p(net, unseen)[:, 0].exp()
    assert steps[:, 20:].sum(dim=1).mean().item() > 0.3


@pytest.mark.parametrize(("arithmetic", "close"), [("float32", 1e-3), ("int8", 0.3)])
def test_the_sampler_says_the_probability_that_scoring_says(
    tmp_path: Path, arithmetic: str, close: float
) -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary((), "天气很好今晚早安吃饭")
    net = ConditionalVAE(ModelConfig(**{**vars(SIZES), "vocabulary": len(vocabulary), "latent": 3}))
    torch.nn.init.constant_(net.copy_gate.gate.bias, 1.0)
    checkpoint.save(tmp_path / "m", "m", net, vocabulary, {"tags": ()}, half=False)
    decoder = Decoder(checkpoint.load(tmp_path / "m"))
    condition = decoder.condition((), ("今天天气很好",))
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    sampling = Sampling(1, 1, 12, no_repeat=0, arithmetic=arithmetic)
    rows = decoder.sample(condition, z, 1, sampling)
    ended = [r for r, row in enumerate(rows) if row.finished]
    again = decoder.log_probabilities(condition, z[ended], [rows[r].tokens for r in ended])
    assert ended
    for r, value in zip(ended, again.tolist(), strict=True):
        assert rows[r].log_probability == pytest.approx(value, abs=close)


def test_a_checkpoint_without_a_gate_is_a_beginning(tmp_path: Path) -> None:
    vocabulary = Vocabulary((), "天气很好今晚早安吃饭")
    sizes = {**vars(SIZES), "vocabulary": len(vocabulary)}
    plain = ConditionalVAE(ModelConfig(**{**sizes, "copy": False}))
    checkpoint.save(tmp_path / "m", "m", plain, vocabulary, vars(CorpusConfig()))
    net = ConditionalVAE(ModelConfig(**sizes))
    fresh = start_from(net, vocabulary, tmp_path / "m")
    assert fresh == ["copy_gate.gate.weight", "copy_gate.gate.bias"]
    assert torch.allclose(net.embed.weight, plain.embed.weight, atol=1e-3)
