"""What `kernels/` holds, compiled where this machine has a C compiler: a step, and the reading of conditions.

Knows: how the source is compiled and kept, what C calls its structures, how weights are packed, whether what
came out computes what it should. Does not know: models, requests, which rows are in flight.

torch has no call that does a whole step: seventy small ones wait for Python, for memory and for each other.
One call of our own needs a third of their time (`python -m engine bench`). Where there is no compiler, or
what it makes is wrong, `load` says None and `engine.cell` steps instead.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

GROUP, BLOCK, PANEL = 64, 256, 64
"""As in the source: rows that share a reading of the weights, tokens that share a sum, outputs of a panel."""
_FOLDER = Path(__file__).with_name("kernels")
_SOURCES = (_FOLDER / "step.c", _FOLDER / "read.c")
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O3", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-w", "-shared", "-fPIC")
_HERE = ("-march=native", "-mcpu=native")  # the second where the first means something else
_SECONDS = 120  # that compiling may take; two are usual

pointer, integer, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


def _fields(kind: Any, names: str) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class Product(ctypes.Structure):
    _fields_ = _fields(pointer, "weight scale bias") + _fields(integer, "outputs depth")


class Dense(ctypes.Structure):
    _fields_ = _fields(pointer, "weight bias") + _fields(integer, "outputs depth")


class Reader(ctypes.Structure):
    _fields_ = [
        ("inputs", Dense * 2),
        ("recurrent", Dense * 2),
        *_fields(Dense, "key meant heard"),
        *_fields(integer, "hidden means"),
    ]


class Conditions(ctypes.Structure):
    _fields_ = [
        *_fields(pointer, "starts words meaning gates cells within memory keys summary added"),
        ("count", integer),
    ]


class Model(ctypes.Structure):
    _fields_ = [
        *_fields(Product, "words after context output"),
        *_fields(Dense, "first extra above"),
        *_fields(pointer, "table worth gate forbidden"),
        *_fields(integer, "forbids hidden embedding memory end line"),
        ("gate_bias", real),
        ("copies", ctypes.c_int32),
    ]


class Row(ctypes.Structure):
    _fields_ = [
        *_fields(pointer, "cell rest extra above keys values attended distinct place uniform tokens"),
        *_fields(pointer, "raised nats allowed"),
        *_fields(ctypes.c_double, "log_p nats_in_all"),
        *_fields(integer, "places kinds raises most count no_repeat partner forced last"),
        *_fields(ctypes.c_int32, "planned judged over finished"),
        *_fields(real, "coldness nucleus"),
    ]


class Room(ctypes.Structure):
    _fields_ = [
        *_fields(pointer, "gates after features logits paid weights blocks found mass saved wholes"),
        *_fields(integer, "places wide"),
    ]


@functools.cache
def load() -> ctypes.CDLL | None:
    """The library, compiled for this processor when it is first wanted; None where that cannot be."""
    for flag in _HERE:
        try:
            library = compiled(flag)
        except (OSError, subprocess.SubprocessError) as error:
            log.info("The step was not compiled with %s: %s", flag, type(error).__name__)
            continue
        if computes(library):
            return library
        log.warning("What was compiled with %s computes wrongly; torch steps instead.", flag)
    return None


def cores(most: int = 2) -> int:
    """On how many cores a step may be divided: two at most, as this process has them."""
    have = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(2, most, have)


def compiled(*flags: str) -> ctypes.CDLL:
    """Raises OSError or SubprocessError."""
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise FileNotFoundError("no C compiler")
    key = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(_FOLDER.glob("*.[ch]"))))
    key.update(" ".join((*_FLAGS, *flags, compiler, _processor())).encode())
    name = f"step-{key.hexdigest()[:16]}.so"
    kept = _FOLDER / "__pycache__" / name
    if kept.exists():
        return _library(kept)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / name
        command = [
            compiler,
            *_FLAGS,
            *flags,
            "-o",
            str(made),
            *(str(_FOLDER / source) for source in _SOURCES),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        try:
            kept.parent.mkdir(exist_ok=True)
            beside = kept.with_name(f"{name}.{os.getpid()}")
            shutil.copyfile(made, beside)
            beside.replace(kept)  # whole or not at all, whoever else starts now
        except OSError:
            return _library(made)  # nothing may be kept here: it stays loaded without its file
        return _library(kept)


def _library(file: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(file))
    library.moyou_step.restype = ctypes.c_int64
    library.moyou_step.argtypes = [pointer, pointer, pointer, integer, pointer]
    library.moyou_begin.argtypes = [pointer, integer, *[pointer] * 8]
    library.moyou_read.argtypes = [pointer, pointer]
    library.moyou_multiply.argtypes = [pointer, pointer, integer, pointer]
    library.moyou_functions.argtypes = [pointer, integer, pointer]
    return library


def _processor() -> str:
    """What tells processors apart for which other code would be written."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return platform.platform() + platform.processor()
    return "".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))


class Packed:
    """A weight in whole numbers: whole (O, K) int8 from -63 to 63, scale (O,), bias (O,) or nothing.

    Outputs are padded to a multiple of PANEL; K is a multiple of 4.
    """

    def __init__(self, whole: Tensor, scale: Tensor, bias: Tensor | None = None) -> None:
        short, depth = -len(whole) % PANEL, whole.shape[1]
        shifted = torch.constant_pad_nd(whole.to(torch.int16) + 64, [0, 0, 0, short], 64).to(torch.uint8)
        self._weight = shifted.view(-1, PANEL, depth // 4, 4).transpose(1, 2).contiguous()
        self._scale = wide(scale.float(), len(shifted))
        self._bias = None if bias is None else wide(bias, len(shifted))
        self.outputs, self.depth = len(shifted), depth
        pointers = (self._weight.data_ptr(), self._scale.data_ptr(), address(self._bias))
        self.product = Product(*pointers, self.outputs, depth)

    def multiply(self, library: ctypes.CDLL, x: Tensor) -> Tensor:
        """x (N, K) int8, whole numbers of 1/127 → (N, outputs)."""
        out = torch.empty(len(x), self.outputs)
        library.moyou_multiply(ctypes.addressof(self.product), x.data_ptr(), len(x), out.data_ptr())
        return out


class PackedFloats:
    """A weight in float32: weight (O, K), bias (O,). Outputs are padded to a multiple of PANEL."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        short = -len(weight) % PANEL
        padded = torch.constant_pad_nd(weight, [0, 0, 0, short])
        self._weight = padded.view(-1, PANEL, weight.shape[1]).transpose(1, 2).contiguous()
        self._bias = wide(bias, len(padded))
        self.outputs = len(padded)
        self.product = Dense(self._weight.data_ptr(), self._bias.data_ptr(), self.outputs, weight.shape[1])


def address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def wide(tensor: Tensor, width: int) -> Tensor:
    """(..., W) → (..., width) contiguous, zeros behind; itself where it is so wide already."""
    short = width - tensor.shape[-1]
    return (torch.constant_pad_nd(tensor, [0, short]) if short else tensor).contiguous()


def computes(library: ctypes.CDLL) -> bool:
    """Whether products are exact and functions near enough here, whatever the compiler promises."""
    draw = torch.Generator().manual_seed(0)
    whole = torch.randint(-63, 64, (70, 96), generator=draw).to(torch.int8)
    whole[0], whole[1] = 63, -63
    scale = torch.rand(70, generator=draw) * 1e-3
    x = torch.randint(-127, 128, (7, 96), generator=draw).to(torch.int8)
    x[0], x[1] = 127, -127
    wanted = (x.double() @ whole.double().T).float() * scale
    if not torch.equal(Packed(whole, scale).multiply(library, x)[:, :70], wanted):
        return False
    at = torch.linspace(-86, 86, 4096)
    found = torch.empty(4, 4096)
    library.moyou_functions(at.data_ptr(), 4096, found.data_ptr())
    exact = at.double()
    near = torch.stack([exact.exp(), exact.log(), torch.sigmoid(exact), torch.tanh(exact)])
    near[1][at < 0] = found[1][at < 0] = 0  # no logarithms there
    return bool(((found - near).abs() <= 1e-6 * near.abs().clamp_min(0.5)).all())
