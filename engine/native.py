"""What `kernels/` holds, compiled where this machine has a C compiler: a step, and the reading of conditions.

Knows: what the sources are, what C calls its structures, how weights are packed, whether what was compiled
(`engine.compiling`) computes what it should. Does not know: torch, models, requests, which rows are in
flight.

torch has no call that does a whole step: seventy small ones wait for Python, for memory and for each other.
One call of our own needs a third of their time (`python -m engine bench`). Where there is no compiler, or
what it makes is wrong, `load` says None and `engine.cell` steps instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from engine import compiling

Numbers = np.ndarray[Any, Any]
log = logging.getLogger(__name__)

GROUP, BLOCK, PANEL = 36, 256, 64
"""As in the source: rows that share a reading of the weights, tokens that share a sum, outputs of a panel."""
_FOLDER = Path(__file__).with_name("kernels")
_SOURCES = (_FOLDER / "step.c", _FOLDER / "read.c")
_FLAGS = ("-O3", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-w", "-shared", "-fPIC")
_HERE = ("-march=native", "-mcpu=native")  # the second where the first means something else
_LINE = 64  # bytes
_folders = [_FOLDER / "__pycache__"]
_found: list[ctypes.CDLL | None] = []
_lock = threading.Lock()

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
        *_fields(pointer, "gates after features logits paid weights blocks mass saved wholes"),
        *_fields(integer, "places wide"),
    ]


def load() -> ctypes.CDLL | None:
    """The library, compiled for this processor when it is first wanted; None where that cannot be."""
    with _lock:
        if not _found:
            _found.append(_first())
        return _found[0]


def keep_in(folder: Path) -> None:
    """Where what is compiled may be kept as well, if not beside the source."""
    if folder not in _folders:
        _folders.append(folder)


def possible() -> bool:
    """Whether `load` finds or makes a library, as far as can be told without making one."""
    kept = (whole for flag in _HERE for _, whole in compiling.kept(_stem(flag), _folders))
    return any(kept) or any(compiling.understands(_SOURCES[0], (*_FLAGS, flag)) for flag in _HERE)


def _first() -> ctypes.CDLL | None:
    for flag in _HERE:
        for file, whole in list(compiling.kept(_stem(flag), _folders)):
            with contextlib.suppress(OSError, AttributeError):
                if whole and computes(library := described(ctypes.CDLL(str(file)))):
                    return library
            compiling.remove(file)
        try:
            library = compiled(flag)
        except (OSError, AttributeError, compiling.NotCompiled) as error:
            log.info("Nothing was compiled with %s: %s", flag, error)
            continue
        if computes(library):
            return library
        log.warning("What was compiled with %s computes wrongly; torch steps instead.", flag)
        for file, _ in list(compiling.kept(_stem(flag), _folders)):
            compiling.remove(file)
    return None


def compiled(*flags: str) -> ctypes.CDLL:
    """The library as the compiler makes it now, and kept. Raises OSError or NotCompiled."""
    content = compiling.compiled(_SOURCES, (*_FLAGS, *flags))
    file = compiling.keep(content, _stem(*flags), _folders)
    if file is not None:
        with contextlib.suppress(OSError):  # a folder that lets nothing run
            return described(ctypes.CDLL(str(file)))
    return described(compiling.loaded(content))


def _stem(*flags: str) -> str:
    return compiling.stem_of("step", _SOURCES, (*_FLAGS, *flags))


def described(library: ctypes.CDLL) -> ctypes.CDLL:
    """With what its functions take. Raises AttributeError for a library that is none of ours."""
    library.moyou_step.restype = ctypes.c_int64
    library.moyou_step.argtypes = [pointer, pointer, pointer, integer, pointer]
    library.moyou_begin.argtypes = [pointer, integer, *[pointer] * 8]
    library.moyou_read.argtypes = [pointer, pointer]
    library.moyou_multiply.argtypes = [pointer, pointer, integer, pointer]
    library.moyou_functions.argtypes = [pointer, integer, pointer]
    return library


def cores(most: int = 2) -> int:
    """On how many cores a step may be divided: two at most, as this process may use them."""
    have = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with contextlib.suppress(OSError, ValueError):  # a container's share of them, in microseconds
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("utf-8").split()
        have = min(have, float("inf") if quota == "max" else int(quota) / int(period))
    return max(1, min(2, most, int(have)))


class Packed:
    """A weight in whole numbers: whole (O, K) int8 from -63 to 63, scale (O,), bias (O,) or nothing.

    Outputs are padded to a multiple of PANEL; K is a multiple of 4.
    """

    def __init__(self, whole: Numbers, scale: Numbers, bias: Numbers | None = None) -> None:
        padded = _below(whole, -len(whole) % PANEL)
        self.outputs, self.depth = padded.shape
        shifted = (padded.astype(np.int16) + 64).astype(np.uint8)
        panels = self.outputs // PANEL
        self._weight = _aligned(shifted.reshape(panels, PANEL, self.depth // 4, 4).transpose(0, 2, 1, 3))
        self._scale = _aligned(_below(scale.astype(np.float32), self.outputs - len(scale)))
        self._bias = None if bias is None else _aligned(_below(bias, self.outputs - len(bias)))
        held = (self._weight, self._scale, self._bias)
        pointers = (None if part is None else part.ctypes.data for part in held)
        self.product = Product(*pointers, self.outputs, self.depth)

    def multiply(self, library: ctypes.CDLL, x: Numbers) -> Numbers:
        """x (N, K) int8, whole numbers of 1/127 → (N, outputs)."""
        out = np.empty((len(x), self.outputs), np.float32)
        library.moyou_multiply(ctypes.addressof(self.product), x.ctypes.data, len(x), out.ctypes.data)
        return out


class PackedFloats:
    """A weight in float32: weight (O, K), bias (O,). Outputs are padded to a multiple of PANEL."""

    def __init__(self, weight: Numbers, bias: Numbers) -> None:
        padded = _below(weight, -len(weight) % PANEL)
        self.outputs, self.depth = padded.shape
        self._weight = _aligned(padded.reshape(self.outputs // PANEL, PANEL, self.depth).transpose(0, 2, 1))
        self._bias = _aligned(_below(bias, self.outputs - len(bias)))
        self.product = Dense(self._weight.ctypes.data, self._bias.ctypes.data, self.outputs, self.depth)


def _below(rows: Numbers, short: int) -> Numbers:
    """With so many rows of zeros below."""
    return np.concatenate([rows, np.zeros((short, *rows.shape[1:]), rows.dtype)]) if short else rows


def _aligned(numbers: Numbers) -> Numbers:
    """A copy that begins where a line of the cache does: others are read in two halves."""
    held = np.empty(numbers.nbytes + _LINE, np.uint8)
    start = -held.ctypes.data % _LINE
    found = held[start : start + numbers.nbytes].view(numbers.dtype).reshape(numbers.shape)
    found[...] = numbers
    return found


def computes(library: ctypes.CDLL) -> bool:
    """Whether products are exact and functions near enough here, whatever the compiler promises."""
    draw = np.random.default_rng(0)
    whole = draw.integers(-63, 64, (70, 96)).astype(np.int8)
    whole[0], whole[1] = 63, -63
    scale = draw.random(70, np.float32) * np.float32(1e-3)
    x = draw.integers(-127, 128, (7, 96)).astype(np.int8)
    x[0], x[1] = 127, -127
    wanted = (x.astype(np.int64) @ whole.T.astype(np.int64)).astype(np.float32) * scale
    if not np.array_equal(Packed(whole, scale).multiply(library, x)[:, :70], wanted):
        return False
    at = np.linspace(-86, 86, 4096, dtype=np.float32)
    found = np.zeros((4, len(at)), np.float32)
    library.moyou_functions(at.ctypes.data, len(at), found.ctypes.data)
    exact = at.astype(np.float64)
    positive = np.maximum(exact, 1e-3)
    near = np.stack([np.exp(exact), np.log(positive), 1 / (1 + np.exp(-exact)), np.tanh(exact)])
    near[1][at < 1e-3] = found[1][at < 1e-3] = 0  # no logarithms there
    return bool((np.abs(found - near) <= 1e-6 * np.maximum(np.abs(near), 0.5)).all())
