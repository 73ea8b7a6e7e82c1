"""What would whole numbers cost? python -m tests.bench.int8 MODEL --data FILE... [--examples N]

Knows: weights rounded to 8 bits with one scale a row, as an int8 product holds them, and the same model with
its weights as they are, on the same texts with the same noise.
Does not know: how fast either is (`python -m engine bench`).

One JSON line: bits a character of both and the difference as a share; the bar is 1 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch

from engine import checkpoint
from engine.checkpoint import WEIGHTS
from engine.evaluate import evaluate
from engine.weights import folder_of

BAR = 0.01


def rounded(weights: torch.Tensor) -> torch.Tensor:
    """(N, ...) → the same with 255 levels a row."""
    scale = weights.abs().amax(dim=1, keepdim=True).clamp_min(1e-8) / 127
    return (weights / scale).round() * scale


def rounded_copy(source: Path, out: Path) -> None:
    """A checkpoint folder whose matrices are rounded."""
    out.mkdir(parents=True)
    for file in source.iterdir():
        if file.name not in (WEIGHTS, "state.pt"):
            (out / file.name).write_bytes(file.read_bytes())
    weights = safetensors.torch.load_file(source / WEIGHTS)
    whole = {
        name: rounded(value.float()) if value.is_floating_point() and value.dim() == 2 else value
        for name, value in weights.items()
    }
    safetensors.torch.save_file(whole, out / WEIGHTS)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.int8", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--out", type=Path, required=True, help="a folder for the rounded copy")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    source = folder_of(options.model)
    rounded_copy(source, options.out / source.name)
    bits = [
        evaluate(str(folder), options.data, samples=0, importance=10, examples=options.examples)[
            "bits_per_char"
        ]
        for folder in (source, options.out / source.name)
    ]
    cost = bits[1] / bits[0] - 1
    report = {
        "model": checkpoint.load(source).identity,
        "bits_per_char": round(bits[0], 4),
        "int8": round(bits[1], 4),
        "cost": round(cost, 5),
        "bar": BAR,
        "ok": cost <= BAR,
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
