"""python -m engine bench: how fast Moyou writes, and what its summaries are worth, beside other programs.

Knows: the command, its options and what it prints.
Does not know: how anything is measured; numeric libraries are imported when the command runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.command_line import FOLDER, Group, as_json, emit

if TYPE_CHECKING:
    from engine.summary_bench import Measurement

PARTS = ("channels", "dialogsum", "lcsts", "speed", "hostile")
_QUICK = 100


@click.group(cls=Group, invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Three minutes: fewer repeats, a smaller burst.")
@click.option("--model", default="talk", help="The model that writes.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Where to draw throughput.")
@click.option(
    "--into",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Markdown file whose table between the marks <!-- bench --> and <!-- /bench --> is replaced.",
)
@as_json
@click.pass_context
def bench(
    context: click.Context, quick: bool, model: str, picture: Path | None, into: Path | None, as_json: bool
) -> None:
    """Measure Moyou against its bars and other people's programs.

    By itself: how fast it writes, beside `transformers` and CTranslate2 (the extra `bench`) and beside what
    the machine could do; many at once; training beside PyTorch's own example; a journal of a million replies.
    """
    if context.invoked_subcommand is not None:
        return
    from engine import speed_bench, speed_report

    found = []
    for measured in speed_bench.speed(model, quick):
        found.append(measured)
        if as_json:
            emit(measured.values())
    table = speed_report.table(found)
    if not as_json:
        print(table)
    if picture is not None:
        speed_report.picture(speed_bench.curve(model, quick), picture)
        table += f"\n\n![tokens/s]({os.path.relpath(picture, into.parent if into else None)})"
    if into is not None:
        speed_report.write_into(into, table)


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
        emit(measured.values()) if as_json else _say(measured)


@bench.command()
@click.option("--seeds", type=click.IntRange(1), default=20, help="Made-up servers.")
@click.option(
    "--full",
    is_flag=True,
    help="Networks as large as the product's; hours instead of minutes. With --ratings: every rating.",
)
@click.option("--first", type=click.IntRange(0), help="Seed of the first; seeds below 100 were looked at.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes that share the servers.")
@click.option("--ratings", type=FOLDER, help="Only: people's ratings in this folder (rating-en-*.jsonl.gz).")
@as_json
def loop(seeds: int, first: int | None, full: bool, jobs: int, ratings: Path | None, as_json: bool) -> None:
    """What people gain by their judgements, on made-up servers whose truth is known.

    Every level over no learning: choice of decoding, reward model, fine-tuning, taste of a channel, a
    member's wish for short replies. Fine-tuning is of a model so small that each server trains its own; the
    shipped one's is `bench fine-tune`, minutes a server.
    """
    from engine import loop_bench, rating_bench

    first = loop_bench.UNSEEN if first is None else first
    found = (
        rating_bench.ratings(ratings, full=full)
        if ratings
        else loop_bench.loop(seeds, first=first, full=full, jobs=jobs)
    )
    for measured in found:
        emit(measured.values()) if as_json else _say(measured)


@bench.command("fine-tune")
@click.option("--seeds", type=click.IntRange(1), default=3, help="Made-up tastes.")
@click.option("--judgements", type=click.IntRange(50), multiple=True, help="Repeatable.  [default: 300]")
@click.option("--model", default="talk", help="The model that learns.")
@as_json
def fine_tune(seeds: int, judgements: tuple[int, ...], model: str, as_json: bool) -> None:
    """What each way of fine-tuning brings and costs, on made-up tastes whose truth is known."""
    from engine import fine_tune_bench

    for measured in fine_tune_bench.measure(model, judgements or (300,), seeds):
        values = measured.values()
        if as_json:
            emit(values)
            continue
        print(
            f"{measured.way}, {measured.judgements} judgements: gain {measured.gain:+.2f} "
            f"± {measured.gain_error:.2f} SD, perplexity × {measured.perplexity:.3f}, "
            f"diversity × {measured.diversity:.3f}, moved {measured.moved:+.3f} nats"
        )


def _say(measured: Measurement) -> None:
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
