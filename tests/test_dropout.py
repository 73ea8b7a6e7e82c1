"""Dropout by sixteen bits: how much is lost, what stays, where nothing is."""

import pytest
import torch

from engine.dropout import Dropout


@pytest.mark.parametrize("p", [0.05, 0.2, 0.5, 0.9])
def test_the_share_is_lost_and_the_mean_stays(p: float) -> None:
    torch.manual_seed(0)
    found = Dropout(p)(torch.ones(999, 501))
    assert float((found == 0).float().mean()) == pytest.approx(p, abs=0.004)
    assert float(found.mean()) == pytest.approx(1, abs=0.02)
    assert found.unique().tolist() == [0.0, pytest.approx(1 / (1 - p), rel=1e-3)]
    # neighbours share a random number, and are nevertheless independent
    lost = (found == 0).float()
    both = float((lost[:, :-1] * lost[:, 1:]).mean())
    assert both == pytest.approx(p * p, abs=0.006)


def test_gradients_are_masked_as_the_values_are() -> None:
    x = torch.randn(7, 5, requires_grad=True)
    found = Dropout(0.4)(x)
    found.sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad * x.detach(), found.detach())


def test_the_seed_of_torch_decides() -> None:
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(Dropout(0.5)(torch.ones(64)))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_nothing_is_lost_outside_training_or_at_zero_and_all_at_one() -> None:
    x = torch.randn(6, 6)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not Dropout(1.0)(x).any()
