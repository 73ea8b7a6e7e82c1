"""Telling tokens from a part of the vocabulary: the sampled softmax, and its loss without idle memory.

Knows: vectors and biases of the candidates, which of them each token is. Does not know: how they were drawn,
where features come from.

The probabilities of a batch are some ten megabytes, more than a processor's cache holds. Log-softmax, its
gradient and the gradient of the choice would each write as many anew; here one table is logits, then
probabilities, then their gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, vectors: Tensor, biases: Tensor, places: Tensor) -> Tensor:
        table, wanted = torch.addmm(biases, features, vectors.t()), places[:, None]
        most, own = table.amax(dim=1, keepdim=True), table.gather(1, wanted)
        torch.softmax(table, 1, out=table)
        # The logarithm of the partition function: the likeliest has exp(most) of it.
        whole = most - table.amax(dim=1, keepdim=True).log_()
        ctx.save_for_backward(features, vectors, wanted, table)
        return (whole - own).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outward: Tensor) -> tuple[Tensor | None, ...]:
        features, vectors, wanted, table = ctx.saved_tensors
        given = outward[:, None]
        table.mul_(given).scatter_add_(1, wanted, -given)
        return table @ vectors, table.t() @ features, table.sum(dim=0), None


class Sample(NamedTuple):
    """Part of the vocabulary to tell N tokens from: vectors (C, E), biases (C,), which of them is each of the
    tokens, places (N,)."""

    vectors: Tensor
    biases: Tensor
    places: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """features (..., E) → (..., C)."""
        return functional.linear(features, self.vectors, self.biases)

    def cross_entropy(self, features: Tensor) -> Tensor:
        """features (N, E) → -log p of each of the tokens (N,)."""
        if features.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            return cast(Tensor, _CrossEntropy.apply(features, *self))  # type: ignore[no-untyped-call]
        return functional.cross_entropy(self.logits(features).float(), self.places, reduction="none")
