"""Dropout that does not wait for its random numbers.

Knows: on a processor, torch draws each number of a mask by itself; sixteen of 64 random bits decide as well,
in a quarter of the time. Does not know: layers.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

_BITS = 16
_LEAST, _KINDS = -(1 << 63), 1 << _BITS


class _Masked(torch.autograd.Function):
    """x · kept · scale in one pass, both ways."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return torch.ops.aten.native_dropout_backward(x, kept, scale)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, outward: Tensor) -> tuple[Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        return torch.ops.aten.native_dropout_backward(outward, kept, ctx.scale), None, None


class Dropout(nn.Dropout):
    """`nn.Dropout` (Srivastava et al. 2014), whose probability is rounded to 1/65536 on a processor."""

    def forward(self, x: Tensor) -> Tensor:
        """x (...) → (...)."""
        if not self.training or x.device.type != "cpu" or not 0 < self.p < 1:
            return super().forward(x)
        lost = round(self.p * _KINDS)
        drawn = torch.empty(-(-x.numel() * _BITS // 64), dtype=torch.int64).random_(_LEAST, None)
        kept = drawn.view(torch.int16)[: x.numel()].view(x.shape) >= lost - _KINDS // 2
        scale = _KINDS / (_KINDS - lost)
        return cast(Tensor, _Masked.apply(x, kept, scale))  # type: ignore[no-untyped-call]
