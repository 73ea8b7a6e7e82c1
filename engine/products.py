"""A weight matrix times rows, so that a row's product does not depend on the rows beside it.

Knows: whole numbers of 8 bits for rows and of 7 for weights, the kernels that multiply them, which is the
fastest here; float32 in blocks of a fixed size.
Does not know: what is multiplied, models.

Rows hold numbers in [-1, 1]: an LSTM's state, its features and a mean of such states all do. Whole numbers
of 1/127 lose nothing that matters (0.0003 nats a token), and a sum of whole numbers is exact in any order
as long as it stays below 2**24: the same bits come out of any kernel, beside any rows, on any machine.
Weights have 7 bits because processors without VNNI add pairs of products in 16 bits, which 8 would
overflow. A float32 product is summed in an order that depends on the count of rows, so those come in
blocks of BLOCK.
"""

import abc
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

UNIT = 127.0
"""Whole numbers to 1 in a row."""
WEIGHT = 63.0
SHIFT = 128.0
"""What rows of `shifted` have more than the whole numbers they stand for."""
BLOCK = 16
_TIMED = (1, 8, 64)  # rows with which kernels are timed


class Product(nn.Module, abc.ABC):
    """Rows (N, K) of numbers in [-1, 1] → (N, O)."""

    @abc.abstractmethod
    def shifted(self, shifted: Tensor) -> Tensor:
        """The product of rows that are whole numbers already, each with SHIFT added: (N, K) uint8."""


class Blocks(Product):
    """float32: x (N, K) → (N, O)."""

    def __init__(self, weight: Tensor) -> None:
        """weight (O, K)."""
        super().__init__()
        self.weight: Tensor
        self.register_buffer("weight", weight.T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return blocked(x, self.weight)

    @torch.jit.export
    def shifted(self, shifted: Tensor) -> Tensor:
        """What rows are taken for that are not whole numbers: themselves."""
        return blocked(shifted, self.weight)


class OneDnn(Product):
    """Whole numbers by oneDNN."""

    def __init__(self, whole: Tensor, scale: Tensor) -> None:
        """whole (O, K) int8, scale (O,): what one of each row is worth."""
        super().__init__()
        self.packed: Tensor = torch.ops.onednn.qlinear_prepack(whole, None)
        self.scale: Tensor = scale
        self.zeros: Tensor = torch.zeros(len(scale), dtype=torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        return self.shifted((x * 127.0).round_().add_(128.0).to(torch.uint8))

    @torch.jit.export
    def shifted(self, shifted: Tensor) -> Tensor:
        out: Tensor = torch.ops.onednn.qlinear_pointwise(
            evened(shifted),
            1.0,
            128,
            self.packed,
            self.scale,
            self.zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return out[: shifted.size(0)]


class Fbgemm(Product):
    """Whole numbers by FBGEMM."""

    def __init__(self, whole: Tensor, scale: Tensor) -> None:
        super().__init__()
        zeros = torch.zeros(len(scale), dtype=torch.int64)
        engine = torch.backends.quantized.engine
        torch.backends.quantized.engine = "fbgemm"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                quantised = torch._make_per_channel_quantized_tensor(whole, scale.double(), zeros, 0)
            self.packed = torch.ops.quantized.linear_prepack(quantised, None)
        finally:
            torch.backends.quantized.engine = engine

    def forward(self, x: Tensor) -> Tensor:
        return self._whole(torch.round(x * 127.0))

    @torch.jit.export
    def shifted(self, shifted: Tensor) -> Tensor:
        return self._whole(shifted.float() - 128.0)

    def _whole(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x, 1.0, 128, self.packed
        )
        return out


class Int32(Product):
    """Whole numbers by torch's product that keeps sums as they are: quick where the weight is small."""

    def __init__(self, whole: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.weight: Tensor = whole.T.contiguous()
        self.scale: Tensor = scale

    def forward(self, x: Tensor) -> Tensor:
        return self._whole((x * 127.0).round_().to(torch.int8))

    @torch.jit.export
    def shifted(self, shifted: Tensor) -> Tensor:
        return self._whole((shifted.to(torch.int16) - 128).to(torch.int8))

    def _whole(self, x: Tensor) -> Tensor:
        return torch._int_mm(evened(x), self.weight)[: x.size(0)] * self.scale


class Floats(Product):
    """Whole numbers as float32, on machines that have no kernel for them: exact all the same."""

    def __init__(self, whole: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.weight: Tensor = whole.float().T.contiguous()
        self.scale: Tensor = scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.mm(torch.round(x * 127.0), self.weight) * self.scale

    @torch.jit.export
    def shifted(self, shifted: Tensor) -> Tensor:
        return torch.mm(shifted.float() - 128.0, self.weight) * self.scale


KERNELS: dict[str, Callable[[Tensor, Tensor], Product]] = {
    "fbgemm": Fbgemm,
    "onednn": OneDnn,
    "int32": Int32,
    "floats": Floats,
}


def evened(x: Tensor) -> Tensor:
    """x (N, K) with rows of zeros below, so that few numbers of rows are in use: at most a quarter more.

    oneDNN writes a program for each number of rows that it meets and keeps a thousand of them, which is a
    third of a millisecond each and 300 megabytes in all.
    """
    count, step = x.size(0), 1
    while 8 * step < count:
        step *= 2
    short = -count % step
    return torch.constant_pad_nd(x, [0, 0, 0, short]) if short > 0 else x


def blocked(x: Tensor, weight: Tensor) -> Tensor:
    """x (N, K) @ weight (K, O), BLOCK rows at a time, so that each row's sum has one order."""
    short = -x.size(0) % 16
    padded = torch.constant_pad_nd(x, [0, 0, 0, short])
    parts: list[Tensor] = []
    for start in range(0, padded.size(0), 16):
        parts.append(torch.mm(padded[start : start + 16], weight))
    return torch.cat(parts)[: x.size(0)]


def whole_numbers(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight (O, K) → whole numbers (O, K) int8 and what one is worth in each row (O,)."""
    scale = weight.abs().amax(dim=1).clamp_min(1e-12) / WEIGHT
    return torch.round(weight / scale[:, None]).to(torch.int8), scale


def able() -> list[str]:
    """The kernels that give the exact product on this machine, whatever it says it supports."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(-127, 128, (5, 96), generator=draw) / UNIT
    x[0], x[1] = 1.0, -1.0
    whole = torch.randint(-63, 64, (33, 96), generator=draw, dtype=torch.int8)
    whole[0], whole[1] = 63, -63
    scale = torch.rand(33, generator=draw) * 1e-3
    wanted = (torch.round(x * UNIT).double() @ whole.double().T).float() * scale
    found = []
    for name, kernel in KERNELS.items():
        try:
            exact = torch.equal(kernel(whole, scale)(x), wanted)
        except (RuntimeError, AttributeError, NotImplementedError):
            continue
        if exact:
            found.append(name)
    return found


@torch.inference_mode()
def fastest(whole: Tensor, scale: Tensor, kernels: list[str]) -> str:
    """The kernel whose products of this weight take least time here, few rows and many alike."""
    spent = {name: 0.0 for name in kernels}
    if len(kernels) > 1:
        for name in kernels:
            kernel = KERNELS[name](whole, scale)
            for rows in _TIMED:
                x = torch.ones(rows, whole.shape[1])
                spent[name] += min(_seconds(kernel, x) for _ in range(5))
    return min(kernels, key=lambda name: spent[name])


def _seconds(kernel: Callable[[Any], Any], x: Tensor) -> float:
    began = time.perf_counter()
    kernel(x)
    return time.perf_counter() - began


def product(weight: Tensor, kernels: list[str]) -> Product:
    """weight (O, K) times rows (N, K) of numbers in [-1, 1], by the fastest of `kernels`.

    "float32" among them: not rounded at all.
    """
    if "float32" in kernels:
        return Blocks(weight)
    whole, scale = whole_numbers(weight)
    return KERNELS[fastest(whole, scale, kernels)](whole, scale / UNIT)
