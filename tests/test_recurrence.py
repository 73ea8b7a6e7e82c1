"""The LSTM of training: torch's numbers, its gradients, rows of any length."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine import recurrence

TYPES, INPUTS, REST, HIDDEN = 9, 5, 4, 6


def by_torch(
    lstm: nn.LSTM, x: Tensor, lengths: Tensor, backwards: bool, state: tuple[Tensor, Tensor] | None
) -> Tensor:
    """The states of real tokens, row by row (N, H), each row read alone."""
    found = []
    for number, length in enumerate(lengths.tolist()):
        row = x[number : number + 1, :length]
        row = row.flip(1) if backwards else row
        begins = None if state is None else tuple(part[None, number : number + 1] for part in state)
        out = lstm(row, begins)[0][0]
        found.append(out.flip(0) if backwards else out)
    return torch.cat(found)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=7),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_states_and_gradients_are_those_of_torch(
    long: list[int], backwards: bool, with_rows: bool, with_state: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    lengths, width = torch.tensor(long), max(long) + seed % 2
    lstm = nn.LSTM(INPUTS + REST * with_rows, HIDDEN, batch_first=True).double()
    types = torch.randn(TYPES, INPUTS, dtype=torch.double, requires_grad=True)
    ids = torch.randint(TYPES, (len(long), width))
    rows = torch.randn(len(long), REST, dtype=torch.double, requires_grad=True) if with_rows else None
    state = tuple(torch.randn(len(long), HIDDEN, dtype=torch.double, requires_grad=True) for _ in range(2))
    begins = (state[0], state[1]) if with_state else None
    x = types[ids]
    if rows is not None:
        x = torch.cat([x, rows[:, None].expand(-1, width, -1)], dim=2)
    expected = by_torch(lstm, x, lengths, backwards, begins)
    packing = recurrence.pack(lengths, width)
    found = recurrence.read(lstm, types, ids, packing, backwards=backwards, rows=rows, state=begins)
    assert torch.allclose(found, expected)
    learnt = [types, *lstm.parameters()] + ([rows] if rows is not None else []) + list(begins or ())
    weights = torch.randn_like(expected)
    mine = torch.autograd.grad((found * weights).sum(), learnt)
    theirs = torch.autograd.grad((expected * weights).sum(), learnt)
    for one, other in zip(mine, theirs, strict=True):
        assert torch.allclose(one, other)


def test_a_second_backward_is_refused_rather_than_wrong() -> None:
    lstm, types = nn.LSTM(INPUTS, HIDDEN, batch_first=True), torch.randn(TYPES, INPUTS, requires_grad=True)
    packing = recurrence.pack(torch.tensor([2, 3]), 3)
    total = recurrence.read(lstm, types, torch.zeros(2, 3, dtype=torch.long), packing).sum()
    total.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()  # type: ignore[no-untyped-call]


def test_rows_that_have_ended_are_not_multiplied() -> None:
    packing = recurrence.pack(torch.tensor([1, 4, 2]), 5)
    assert packing.counts == [3, 2, 1, 1]
    assert packing.order.tolist() == [1, 2, 0]
    assert packing.real.sum(dim=1).tolist() == [1, 4, 2]
    assert sorted(packing.ahead.tolist()) == sorted(packing.back.tolist()) == list(range(7))
    assert packing.ahead.tolist() == [1, 5, 0, 2, 6, 3, 4]  # counted row by row: 0 | 1 2 3 4 | 5 6
    assert packing.back.tolist() == [4, 6, 0, 3, 5, 2, 1]
