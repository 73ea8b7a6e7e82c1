"""Which type a training's products are computed in.

Knows: what a device can multiply, and what it multiplies faster: processors have instructions for bfloat16
that are twice as fast as those for float32 (Zen 5, AMX), or slower (a Sapphire Rapids whose AMX is hidden
multiplies float32 1.4 times as fast). Does not know: models.
"""

from __future__ import annotations

import time
from functools import cache

import torch

from engine.errors import BadOption

_SIZE, _TRIES = 512, 7  # of the products that are timed: some hundredths of a second together


def precision_of(name: str, device: torch.device) -> torch.dtype:
    """The type products are computed in; weights, sums and losses stay float32. Raises BadOption."""
    if name not in ("auto", "fp32", "bf16"):
        raise BadOption(option="training.precision", reason="use auto, fp32 or bf16")
    if name == "auto":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else _multiplies_bf16()
        name = "bf16" if fast else "fp32"
    return torch.bfloat16 if name == "bf16" else torch.float32


@cache
def _multiplies_bf16() -> bool:
    """Whether this processor has instructions for bfloat16 products, and they are the faster ones."""
    has = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return bool(has) and _seconds(torch.bfloat16) < _seconds(torch.float32)


def _seconds(kind: torch.dtype) -> float:
    """Of a square product, at best."""
    left = torch.ones(_SIZE, _SIZE, dtype=kind)
    found = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        left @ left
        found.append(time.perf_counter() - began)
    return min(found)
