"""Dropout that does not wait for its random numbers.

Knows: on a processor, torch draws each number of a mask by itself; sixteen of 64 random bits decide as well,
in a quarter of the time. Does not know: layers.
"""

import torch
from torch import Tensor, nn

_BITS = 16
_LEAST, _KINDS = -(1 << 63), 1 << _BITS


class Dropout(nn.Dropout):
    """`nn.Dropout` (Srivastava et al. 2014), whose probability is rounded to 1/65536 on a processor."""

    def forward(self, x: Tensor) -> Tensor:
        """x (...) → (...)."""
        lost = round(self.p * _KINDS)
        if not self.training or x.device.type != "cpu" or not 0 < lost < _KINDS:
            return super().forward(x)
        drawn = torch.empty(-(-x.numel() * _BITS // 64), dtype=torch.int64).random_(_LEAST, None)
        kept = drawn.view(torch.int16)[: x.numel()].view(x.shape) >= lost - _KINDS // 2
        return x * kept.to(x.dtype).mul_(_KINDS / (_KINDS - lost))
