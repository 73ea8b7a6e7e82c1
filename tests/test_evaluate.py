"""The estimators against a model whose likelihood is known in closed form: y | z ~ N(z, s²), z ~ N(0, 1)."""

import math

import pytest
import torch

from engine.evaluate import active_units, importance_weighted, log_normal, mutual_information


def test_importance_weighting_reaches_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    s = 0.5
    y = torch.randn(40, 1, 1, generator=generator) * math.sqrt(1 + s * s)
    exact = log_normal(y[:, 0], torch.zeros(1), torch.tensor([math.log(1 + s * s)]))
    # A posterior that is somewhat wrong, as a learnt one is.
    mean, log_variance = y / (1 + s * s) * 0.8, torch.tensor([math.log(0.4)])
    z = mean + torch.exp(0.5 * log_variance) * torch.randn(40, 4000, 1, generator=generator)
    weights = (
        log_normal(y, z, torch.tensor([2 * math.log(s)]))
        + log_normal(z, torch.zeros(1), torch.zeros(1))
        - log_normal(z, mean, log_variance)
    )
    assert torch.allclose(importance_weighted(weights), exact, atol=0.08)
    bound = weights.mean(dim=1)
    assert bool((bound < exact).all())


def test_mutual_information_of_a_gaussian_channel() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = 0.3
    mean = torch.randn(4000, 1, generator=generator)
    log_variance = torch.full_like(mean, 2 * math.log(noise))
    exact = 0.5 * math.log(1 + 1 / noise**2)
    assert mutual_information(mean, log_variance, generator) == pytest.approx(exact, abs=0.06)


def test_mutual_information_is_none_where_the_posterior_is_the_prior() -> None:
    flat = torch.zeros(500, 3)
    assert mutual_information(flat, flat) == pytest.approx(0.0, abs=1e-4)


def test_a_unit_is_active_when_its_mean_varies() -> None:
    generator = torch.Generator().manual_seed(2)
    mean = torch.randn(1000, 3, generator=generator) * torch.tensor([1.0, 0.2, 0.05])
    assert active_units(mean) == 2
