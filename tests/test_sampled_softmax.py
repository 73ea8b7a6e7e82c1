"""The sampled softmax's loss in one table: values and gradients of cross-entropy."""

import pytest
import torch
from torch.nn import functional

from engine.sampled_softmax import Sample


@pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
def test_loss_and_gradients_are_those_of_cross_entropy(scale: float) -> None:
    torch.manual_seed(0)
    learnt = [torch.randn(shape, requires_grad=True) for shape in ((13, 8), (21, 8), (21,))]
    features, vectors, biases = learnt
    sample = Sample(vectors * scale, biases, torch.randint(21, (13,)))
    weights = torch.rand(13)
    found = sample.cross_entropy(features)
    expected = functional.cross_entropy(sample.logits(features), sample.places, reduction="none")
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    mine = torch.autograd.grad((found * weights).sum(), learnt, retain_graph=True)
    theirs = torch.autograd.grad((expected * weights).sum(), learnt)
    for one, other in zip(mine, theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * scale)


def test_a_second_backward_is_refused_rather_than_wrong() -> None:
    features = torch.randn(3, 4, requires_grad=True)
    loss = Sample(torch.randn(5, 4), torch.zeros(5), torch.tensor([0, 1, 4])).cross_entropy(features).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_in_bfloat16_it_is_torchs() -> None:
    features = torch.randn(3, 4)
    sample = Sample(torch.randn(5, 4), torch.zeros(5), torch.tensor([0, 1, 4]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = sample.cross_entropy(features)
    assert torch.allclose(found, sample.cross_entropy(features), atol=0.1)
