"""Draw from the nucleus (Holtzman et al. 2020) of many rows at once, without sorting anything.

Knows: log-weights and a uniform number a row. Does not know: models, what a token is.

The nucleus is the smallest set of the heaviest tokens that holds a share of the mass. A token drawn from
the whole distribution belongs to it when what is heavier holds less than that share. A token that is itself
heavier than all the rest of the mass allows belongs to it for certain; for the others one sum tells. When it
does not belong, neither does anything as light, and the next draw is among what is heavier. So a draw costs
a few passes over the row rather than a sort, and a second one is needed as often as the tail is heavy.
Tokens of equal weight belong together. A row's token depends on its own numbers only.

Passes are written without comparisons of whole rows: torch's make a byte a number and cost six sums.
"""

import torch
from torch import Tensor

WIDTH = 64
"""Rows are as long as a multiple of this; sums of so many come before a search among them."""


def weights(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """What `draw` draws by: log_weights (N, V) float32, none far above 0, -inf where forbidden, V a multiple
    of WIDTH → (N, V) and sums of WIDTH each (N, V / WIDTH). Written for torch.jit.script, as all here.
    """
    found = torch.exp(log_weights)
    sums = found.view(found.size(0), -1, 64).sum(dim=2)
    heaviest = sums.amax(dim=1)
    if float(heaviest.amin()) < 1e-15:  # all that is allowed lies far below 0
        faint = torch.nonzero(heaviest < 1e-15)[:, 0]
        found[faint] = torch.softmax(log_weights[faint], dim=1)
        sums = found.view(found.size(0), -1, 64).sum(dim=2)
    return found, sums


def draw(weights: Tensor, sums: Tensor, nucleus: Tensor, uniform: Tensor) -> Tensor:
    """A token of each row (N,).

    weights (N, V), not all zero, and their sums as above; nucleus (N, 1) in (0, 1]; uniform (N, 1) float64
    in [0, 1), which fixes the draw.
    """
    upto = sums.cumsum(dim=1)
    total = upto[:, -1:]
    token, own = any_token(weights, sums, upto, uniform)
    share = nucleus * total
    left = torch.nonzero(torch.add(own, share) <= total)[:, 0]
    if left.size(0) > 0:
        if left.size(0) < weights.size(0):
            weights, own, share, uniform = weights[left], own[left], share[left], uniform[left]
        heavier = torch.hardshrink(weights / own, 1.0).sum(dim=1, keepdim=True) * own
        rest = torch.nonzero(heavier >= share)[:, 0]
        for _ in range(60):  # each halves the tail, so there are never so many
            if rest.size(0) == 0:
                break
            left, weights, own, share = left[rest], weights[rest], own[rest], share[rest]
            uniform = torch.frac(uniform[rest] * 104729.0 + 0.6180339887498949)
            weights *= (weights - own).sign_().relu_()
            sums = weights.view(weights.size(0), -1, 64).sum(dim=2)
            drawn, own = any_token(weights, sums, sums.cumsum(dim=1), uniform)
            token[left] = drawn
            heavier = torch.hardshrink(weights / own, 1.0).sum(dim=1, keepdim=True) * own
            rest = torch.nonzero(heavier >= share)[:, 0]
    return token


def any_token(weights: Tensor, sums: Tensor, upto: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """A token of each row by the whole distribution (N,), and its weight (N, 1).

    weights (N, V), not all zero; sums (N, V / WIDTH) of WIDTH each, upto: added up.
    """
    # Rounding may ask for all there is, or for less than nothing: never a place without mass.
    wanted = torch.minimum((uniform * upto[:, -1:]).float(), upto[:, -1:] * 0.99999994)
    block = torch.searchsorted(upto, wanted, right=True)
    inside = weights.view(-1, 64)[torch.arange(weights.size(0)) * sums.size(1) + block[:, 0]]
    missing = (wanted - (upto.gather(1, block) - sums.gather(1, block))).clamp_min_(0.0)
    within = inside.cumsum(dim=1)
    place = torch.searchsorted(within, torch.minimum(missing, within[:, -1:] * 0.99999994), right=True)
    return (block * 64 + place)[:, 0], inside.gather(1, place)
