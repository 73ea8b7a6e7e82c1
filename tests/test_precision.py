"""The type of a training's products: by name, or the faster one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from engine import precision
from engine.errors import BadOption
from engine.precision import precision_of

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def looked_at_anew() -> Iterator[None]:
    precision._multiplies_bf16.cache_clear()
    yield
    precision._multiplies_bf16.cache_clear()


def test_precision_is_chosen_by_name() -> None:
    assert precision_of("fp32", CPU) == torch.float32
    assert precision_of("bf16", CPU) == torch.bfloat16
    assert precision_of("auto", CPU) in (torch.float32, torch.bfloat16)
    with pytest.raises(BadOption, match="auto, fp32 or bf16"):
        precision_of("fp8", CPU)


@pytest.mark.parametrize(
    ("instructions", "seconds", "chosen"),
    [
        (True, {torch.bfloat16: 1.0, torch.float32: 2.0}, torch.bfloat16),
        (True, {torch.bfloat16: 2.0, torch.float32: 1.0}, torch.float32),
        (False, {torch.bfloat16: 1.0, torch.float32: 2.0}, torch.float32),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_it_and_it_is_faster(
    monkeypatch: pytest.MonkeyPatch,
    instructions: bool,
    seconds: dict[torch.dtype, float],
    chosen: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(precision, "_seconds", seconds.__getitem__)
    assert precision_of("auto", CPU) == chosen


def test_products_take_time() -> None:
    assert precision._seconds(torch.float32) > 0
