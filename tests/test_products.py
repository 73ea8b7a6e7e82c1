"""Products of rows: exact, whatever stands beside a row and whichever kernel multiplies."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine import products

ABLE = products.able()


def weight(outputs: int, inputs: int, seed: int = 0) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed))


def rows(count: int, inputs: int, seed: int) -> Tensor:
    return torch.rand(count, inputs, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_there_is_a_kernel_on_every_machine() -> None:
    assert "floats" in ABLE


@pytest.mark.parametrize("kernel", ABLE)
@pytest.mark.parametrize("shape", [(2560, 256), (33, 640), (1, 7)])
def test_whole_numbers_are_multiplied_exactly(kernel: str, shape: tuple[int, int]) -> None:
    whole, scale = products.whole_numbers(weight(*shape))
    x = rows(5, shape[1], 1)
    x[0] = 1.0  # the largest sums there are
    x[1] = -1.0
    whole[0] = 63
    exact = (torch.round(x * products.UNIT).double() @ whole.double().T).float() * scale
    assert torch.equal(products.KERNELS[kernel](whole, scale)(x), exact)


@given(st.integers(1, 70), st.integers(0, 60), st.integers(0, 2**31), st.sampled_from(["float32", *ABLE]))
def test_a_row_does_not_see_the_rows_beside_it(count: int, other: int, seed: int, kernel: str) -> None:
    product = products.product(weight(48, 40), [kernel])
    x = rows(count, 40, seed)
    beside = rows(other, 40, seed + 1)
    assert torch.equal(product(torch.cat([beside, x, beside]))[other : other + count], product(x))


def test_rounding_costs_little() -> None:
    w = weight(64, 512)
    x = rows(32, 512, 3)
    exact = x @ w.T
    close = products.product(w, ABLE)(x)
    assert (close - exact).std() < 0.02 * exact.std()
    assert not torch.equal(close, exact)


def test_the_fastest_is_one_of_those_that_were_asked_for() -> None:
    whole, scale = products.whole_numbers(weight(64, 64))
    assert products.fastest(whole, scale, ["floats"]) == "floats"
    assert products.fastest(whole, scale, ABLE) in ABLE
