"""The bench of training: its peer is the example at our size, what counts as a product of matrices."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from engine import speed_training
from engine.speed_training import Example, WordLanguageModel


@pytest.mark.parametrize("parameters", [3_000_000, 8_400_000])
def test_the_example_has_as_many_parameters_within_a_twentieth(parameters: int) -> None:
    example = Example(4000, parameters)
    whole = sum(weight.numel() for weight in example.model.parameters())
    assert whole == pytest.approx(parameters, rel=0.05)


def test_the_example_learns_what_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "randint", lambda high, shape: torch.ones(shape, dtype=torch.long))
    example = Example(50, 60_000)
    zeros = torch.zeros(speed_training.LAYERS, 1, example.size)

    def log_p() -> float:
        example.model.eval()
        found, _ = example.model(torch.ones(1, 1, dtype=torch.long), (zeros, zeros))
        example.model.train()
        return float(found[0, 1].detach())

    before = log_p()
    example.step()
    example.step()
    assert log_p() > before


def test_its_output_is_a_distribution() -> None:
    model = WordLanguageModel(30, 64)
    zeros = torch.zeros(speed_training.LAYERS, 2, 64)
    found, _ = model(torch.ones(3, 2, dtype=torch.long), (zeros, zeros))
    assert found.shape == (6, 30)
    assert torch.allclose(found.exp().sum(dim=1), torch.ones(6), atol=1e-5)


class Counted(torch.nn.Module):
    """A model whose loss has as many tokens as it is given."""

    config = SimpleNamespace(vocabulary=50)

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(60_000))

    def forward(self, tokens: int) -> Any:
        return SimpleNamespace(tokens=tokens)


def test_tokens_of_training_steps_are_counted_without_what_is_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(speed_training.time, "thread_time", lambda: float(next(clock)))
    watch, model = speed_training._Beside(), Counted()
    watch.started(model)
    for step in range(6):
        model.train()
        model(100 + step)
        model.eval()
        model(7)
        watch.stepped()
    assert watch.tokens == [100, 101, 102, 103, 104, 105]
    assert watch.spent == [10.0] * 6  # each looks at the clock once more, and the example between them twice
    assert watch.theirs == [10.0] * 6
    assert watch.rate() == (104 + 105) / 20
    assert watch.words == 50
    assert watch.parameters == 60_000


def test_products_are_counted_with_those_inside_an_lstm() -> None:
    events = [
        SimpleNamespace(key="aten::mm", flops=10, self_cpu_time_total=2e6, count=1, input_shapes=[]),
        SimpleNamespace(
            key="aten::addmm_",
            flops=0,
            self_cpu_time_total=1e6,
            count=4,
            input_shapes=[[3, 5], [3, 7], [7, 5], [], []],
        ),
        SimpleNamespace(key="aten::copy_", flops=5, self_cpu_time_total=7e6, count=1, input_shapes=[]),
        SimpleNamespace(
            key="aten::mkldnn_rnn_layer_backward",
            flops=0,
            self_cpu_time_total=1e6,
            count=3,
            input_shapes=[[5, 2, 4], [12, 4], [12, 3]],
        ),
    ]
    watch = SimpleNamespace(profiler=SimpleNamespace(key_averages=lambda group_by_input_shape: events))
    operations, seconds = speed_training.matrix_part(cast(Any, watch))
    assert operations == 10 + 4 * 2 * 3 * 7 * 5 + 3 * 2 * 2 * 5 * 2 * 12 * (4 + 3)
    assert seconds == 4.0
