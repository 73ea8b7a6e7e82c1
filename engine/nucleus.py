"""Draw from the nucleus (Holtzman et al. 2020) of many rows at once, without sorting anything.

Knows: log-weights and a uniform number a row. Does not know: models, what a token is.

The nucleus is the smallest set of the heaviest tokens that holds a share of the mass. A token drawn from
the whole distribution belongs to it when what is heavier holds less than that share: one sum tells. When it
does not belong, neither does anything as light, and the next draw is among what is heavier. So a draw costs
a few passes over the row rather than a sort, and a second one is needed as often as the tail is heavy.
Tokens of equal weight belong together. A row's token depends on its own numbers only.

Passes are written without comparisons of whole rows: torch's make a byte a number and cost six sums.
"""

import torch
from torch import Tensor

WIDTH = 64
"""Rows are as long as a multiple of this; sums of so many come before a search among them."""


def draw(log_weights: Tensor, nucleus: Tensor, uniform: Tensor) -> Tensor:
    """A token of each row (N,).

    log_weights (N, V) float32, -inf where forbidden, V a multiple of WIDTH; nucleus (N,) in (0, 1];
    uniform (N,) float64 in [0, 1), which fixes the draw. Written for torch.jit.script.
    """
    weights = torch.softmax(log_weights, dim=1)
    token, total = any_token(weights, uniform)
    own = weights.gather(1, token[:, None])
    heavier = (weights - own).sign_().relu_().mul_(weights)
    share = nucleus * total
    left = torch.nonzero(heavier.sum(dim=1) >= share).squeeze(1)
    if left.size(0) > 0:
        rows, share, number = heavier[left], share[left], uniform[left]
        for _ in range(60):  # each halves the tail, so there are never so many
            number = torch.frac(number * 104729.0 + 0.6180339887498949)
            drawn, _total = any_token(rows, number)
            own = rows.gather(1, drawn[:, None])
            rows *= (rows - own).sign_().relu_()
            found = rows.sum(dim=1) < share
            token[left[found]] = drawn[found]
            rest = torch.nonzero(torch.logical_not(found)).squeeze(1)
            if rest.size(0) == 0:
                break
            left, rows, share, number = left[rest], rows[rest], share[rest], number[rest]
    return token


def any_token(weights: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """A token of each row by the whole distribution (N,), and the row's mass (N,).

    weights (N, V), not all zero.
    """
    blocks = weights.view(weights.size(0), -1, 64)
    sums = blocks.sum(dim=2)
    upto = sums.cumsum(dim=1)
    wanted = (uniform * upto[:, -1]).float()[:, None]
    # Rounding may ask for all there is: never a block or a place without mass.
    block = torch.minimum(torch.searchsorted(upto, wanted, right=True), last_place(sums))
    inside = blocks.view(-1, 64)[torch.arange(weights.size(0)) * blocks.size(1) + block.squeeze(1)]
    missing = wanted - (upto.gather(1, block) - sums.gather(1, block))
    place = torch.minimum(torch.searchsorted(inside.cumsum(dim=1), missing, right=True), last_place(inside))
    return (block * 64 + place).squeeze(1), upto[:, -1]


def last_place(weights: Tensor) -> Tensor:
    """The last place with a weight in each row (N, 1)."""
    places = torch.arange(weights.size(1)) * torch.sign(weights)
    return places.amax(dim=1, keepdim=True).long()
