"""python -m engine bench summary: what summaries are worth, beside other people's summarisers.

Knows: the command, its options and what it prints.
Does not know: how anything is measured; numeric libraries are imported when the command runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.command_line import FOLDER, Group, as_json, emit

if TYPE_CHECKING:
    from engine.summary_bench import Measurement

PARTS = ("channels", "dialogsum", "lcsts", "speed", "hostile")
_QUICK = 100


@click.group(cls=Group)
def bench() -> None:
    """Measure Moyou against its bars and other people's programs."""


@bench.command()
@click.option(
    "--data", type=FOLDER, required=True, help="The folder that holds written/channel-*.jsonl and evaluate/."
)
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this part; repeatable.")
@click.option("--quick", is_flag=True, help=f"The first {_QUICK} dialogues and articles.")
@click.option("--model", default="talk", help="Whose latents are a signal.")
@as_json
def summary(data: Path, parts: tuple[str, ...], quick: bool, model: str, as_json: bool) -> None:
    """Recall of points, noise, corrections, conversations, ROUGE, speed and hostile input."""
    for measured in _measure(data, parts or PARTS, _QUICK if quick else None, model):
        if as_json:
            emit(measured.values())
            continue
        state = {True: "holds", False: "does not hold", None: ""}[measured.ok]
        peer = f"; {measured.peer_name} {measured.peer:.4g}" if measured.peer is not None else ""
        bar = f" ({measured.bar}: {state})" if measured.bar else ""
        print(f"{measured.name}: {measured.ours:.4g} {measured.unit}{bar}{peer}")


def _measure(data: Path, parts: tuple[str, ...], most: int | None, model: str) -> Iterator[Measurement]:
    from engine import summary_bench, summary_stress
    from engine.summary_training import talk_encoder

    if "channels" in parts:
        yield from summary_bench.Channels(data, talk_encoder(model)).measure()
    if "dialogsum" in parts:
        yield from summary_bench.dialogsum(data, most)
    if "lcsts" in parts:
        yield from summary_bench.lcsts(data, most)
    if "speed" in parts:
        yield from summary_stress.speed(data, model)
    if "hostile" in parts:
        yield from summary_stress.hostile(talk_encoder(model))
