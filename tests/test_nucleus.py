"""Draws from the nucleus without sorting: which tokens belong to it, how often each comes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine import nucleus


def logits(rows: int, seed: int, spread: float, forbidden: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    found = torch.randn(rows, 2 * nucleus.WIDTH, generator=draw) * spread
    for row in found:
        row[torch.randperm(len(row), generator=draw)[:forbidden]] = -torch.inf
    return found - found.amax(dim=1, keepdim=True)


def drawn_from(log_weights: Tensor, share: Tensor, uniform: Tensor) -> Tensor:
    return nucleus.draw(*nucleus.weights(log_weights), share, uniform)


def column(value: float, rows: int, kind: torch.dtype = torch.float32) -> Tensor:
    return torch.full((rows, 1), value, dtype=kind)


@given(
    st.integers(1, 20),
    st.integers(0, 2**31),
    st.floats(0.0, 20.0),
    st.integers(0, 127),
    st.floats(1e-9, 1.0),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_what_is_drawn_belongs_to_the_nucleus(
    count: int, seed: int, spread: float, forbidden: int, share: float, uniform: float
) -> None:
    given_rows = logits(count, seed, spread, forbidden)
    drawn = drawn_from(given_rows, column(share, count), column(uniform, count, torch.float64))
    for row, token in zip(given_rows, drawn.tolist(), strict=True):
        assert torch.isfinite(row[token])
        weights = row.double().softmax(0)
        above = weights > weights[token] * (1 + 1e-6)  # what float32 tells apart
        assert weights[above].sum() < share + 1e-5


@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_each_comes_as_often_as_its_weight_says(share: float) -> None:
    row = logits(1, 5, 2.0)
    weights = row[0].softmax(0)
    order = weights.argsort(descending=True)
    kept = order[: int((weights[order].cumsum(0) < share).sum()) + 1]
    wanted = torch.zeros_like(weights)
    wanted[kept] = weights[kept] / weights[kept].sum()
    count = 20_000
    uniform = torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    drawn = drawn_from(row.expand(count, -1).contiguous(), column(share, count), uniform[:, None])
    often = torch.bincount(drawn, minlength=len(weights)) / count
    assert (often - wanted).abs().max() < 0.01
    assert often[wanted == 0].sum() == 0


def test_the_smallest_nucleus_is_the_heaviest_token() -> None:
    rows = logits(30, 7, 1.0)
    uniform = torch.linspace(0, 0.999, 30, dtype=torch.float64)[:, None]
    assert torch.equal(drawn_from(rows, column(1e-9, 30), uniform), rows.argmax(dim=1))


@pytest.mark.parametrize("depth", [0.0, 40.0, 90.0, 1000.0])
def test_a_row_whose_allowed_tokens_lie_far_below_is_drawn_from_all_the_same(depth: float) -> None:
    rows = logits(20, 3, 1.0)
    uniform = torch.linspace(0, 0.999, 20, dtype=torch.float64)[:, None]
    wanted = drawn_from(rows, column(0.9, 20), uniform)
    sunk = rows.clone()
    sunk[::2] -= depth
    drawn = drawn_from(sunk, column(0.9, 20), uniform)
    assert torch.equal(drawn[1::2], wanted[1::2])
    assert (drawn == wanted).sum() >= 18  # what is subtracted is rounded


@given(st.integers(2, 40), st.integers(0, 2**31), st.floats(0.05, 1.0))
def test_a_rows_token_does_not_depend_on_its_neighbours(count: int, seed: int, share: float) -> None:
    rows, shares = logits(count, seed, 3.0), column(share, count)
    rows[::3] -= 200.0
    uniform = torch.rand(count, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    together = drawn_from(rows, shares, uniform)
    alone = [drawn_from(rows[[r]], shares[[r]], uniform[[r]]) for r in range(count)]
    assert torch.equal(together, torch.cat(alone))
