"""python -m engine prepare · train · passages · evaluate: what makes a checkpoint and measures it.

Knows: the commands' options and what they print.
Does not know: how a model is trained or measured; numeric libraries are imported when a command runs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from engine.command_line import (
    FILE,
    FOLDER,
    Command,
    Several,
    as_json,
    data_option,
    optional_data_option,
    show,
)


@click.command(cls=Command, context_settings={"show_default": True})
@click.option("--config", required=True, metavar="FILE", help="What will be trained on it.")
@data_option
@click.option("--out", required=True, type=FOLDER, help="The folder for `train --prepared`.")
@click.option("--exclude", cls=Several, type=FILE, metavar="FILE...", help="Texts never to be trained on.")
@click.option("--set", "pairs", multiple=True, metavar="TABLE.KEY=VALUE", help="Change the configuration.")
@click.option("--init", metavar="NAME|DIR", help="The checkpoint that training will start from.")
@as_json
def prepare(
    config: str,
    data: Sequence[Path],
    out: Path,
    exclude: Sequence[Path],
    pairs: Sequence[str],
    init: str | None,
    as_json: bool,
) -> None:
    """Read a corpus once, to train on it later or elsewhere.

    The folder holds the texts as numbers, with their vocabulary: keep it as you keep the corpus.
    """
    from engine import prepared
    from engine.train import read_config, vocabulary_of
    from engine.training_data import load_data
    from engine.weights import folder_of

    settings = read_config(config, pairs).corpus
    start = folder_of(init) if init else None
    out.mkdir(parents=True, exist_ok=True)
    read = load_data(data, settings, exclude=exclude, vocabulary=vocabulary_of(settings, start), scratch=out)
    prepared.clear(out)
    prepared.keep_known(data, settings, read.vocabulary, out, start)
    prepared.save(read, settings, out)
    show(
        {
            "out": str(out),
            "examples": len(read.train),
            "held_out": len(read.validation),
            "tokens": int(read.train.lengths.sum()),
            "vocabulary": len(read.vocabulary),
        },
        as_json,
    )


@click.command(cls=Command, context_settings={"show_default": True})
@click.option("--config", required=True, metavar="FILE", help="What to train, and how.")
@optional_data_option
@click.option("--prepared", type=FOLDER, metavar="DIR", help="In place of --data: what `prepare` made of it.")
@click.option("--out", required=True, type=FOLDER, help="The run's folder; the best checkpoint lies in it.")
@click.option("--exclude", cls=Several, type=FILE, metavar="FILE...", help="Texts never to be trained on.")
@click.option("--set", "pairs", multiple=True, metavar="TABLE.KEY=VALUE", help="Change the configuration.")
@click.option("--resume", is_flag=True, help="Go on where the run in --out stopped.")
@click.option("--init", metavar="NAME|DIR", help="Start from a checkpoint's weights, and its vocabulary.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="All resumed runs together.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option("--log", type=FOLDER, metavar="DIR", help="Keep figures and texts there for TensorBoard.")
@click.option(
    "--search", type=click.IntRange(1, 10_000), metavar="N", help="Try N settings; write OUT/best.toml."
)
@click.option("--profile", is_flag=True, help="Show where a step's time goes, and stop; OUT/trace.json.")
@as_json
def train(
    config: str,
    data: Sequence[Path],
    prepared: Path | None,
    out: Path,
    exclude: Sequence[Path],
    pairs: Sequence[str],
    resume: bool,
    init: str | None,
    minutes: float | None,
    device: str,
    log: Path | None,
    search: int | None,
    profile: bool,
    as_json: bool,
) -> None:
    """Train a model. --config: a TOML file, or the name of a shipped configuration.

    On several processes: torchrun --nproc-per-node N -m engine train ...
    """
    from engine.distributed import joined
    from engine.train import read_config, step_of
    from engine.train import train as run
    from engine.weights import folder_of

    if sum((resume, bool(log), profile, bool(search))) > 1 and (search or profile):
        raise click.UsageError("--search and --profile go with neither each other nor --resume nor --log.")
    if bool(data) == bool(prepared):
        raise click.UsageError("give either --data or --prepared.")
    if prepared and (search or profile or exclude):
        raise click.UsageError("--prepared goes with none of --search, --profile and --exclude.")
    settings = read_config(config, pairs)
    start = folder_of(init) if init else None
    with joined(device) as world, contextlib.ExitStack() as stack:
        if not world.first:
            logging.disable(logging.INFO)  # one process speaks for all
        if world.size > 1 and (search or profile):
            raise click.UsageError("--search and --profile run in one process; leave torchrun out.")
        if search:
            from engine.search import search as find

            found = find(
                settings, data, out, search, minutes=minutes, device=device, exclude=exclude, init=start
            )
            show(found, as_json)
            return
        if profile:
            from engine.profiling import profile_training

            table = profile_training(settings, data, out, device=device, exclude=exclude, init=start)
            show({"profile": table}, as_json) if as_json else print(table)
            return
        observers = []
        if log is not None and world.first:
            from engine.training_log import training_log

            observers.append(stack.enter_context(training_log(log, step_of(out) if resume else 0)))
        figures = run(
            settings,
            data,
            out,
            resume=resume,
            minutes=minutes,
            device=device,
            exclude=exclude,
            init=start,
            quiet=as_json,
            world=world,
            observers=observers,
            folder=prepared,
        )
        if world.first:
            show(figures, as_json)


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("model")
@data_option
@click.option("--config", metavar="FILE", help="What it was trained with.  [default: what MODEL says]")
@as_json
def passages(model: str, data: Sequence[Path], config: str | None, as_json: bool) -> None:
    """Note which passages MODEL may not write again: those of third-party texts it was trained on.

    Training does this itself; here it is done for texts that an earlier training read.
    """
    from engine.checkpoint import load
    from engine.corpus import config_of
    from engine.passages import build
    from engine.train import read_config
    from engine.weights import folder_of

    folder = folder_of(model)
    settings = read_config(config).corpus if config else config_of(load(folder).corpus)
    show({"model": model, "grams": build(data, settings, folder)}, as_json)


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("model")
@data_option
@click.option("--samples", type=click.IntRange(0, 10_000), default=200, help="Texts drawn for diversity.")
@click.option("--importance", type=click.IntRange(1, 5000), default=50, help="Latents drawn for each text.")
@click.option("--examples", type=click.IntRange(0), default=0, help="So many, evenly taken; 0: all.")
@click.option("--seed", type=click.IntRange(0), default=0)
@as_json
def evaluate(
    model: str,
    data: Sequence[Path],
    samples: int,
    importance: int,
    examples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure a model on data it has not seen. MODEL: a shipped name or a folder."""
    from tqdm import tqdm

    from engine.evaluate import evaluate as measure

    bar: tqdm[Any] | None = None

    def progress(done: int, total: int) -> None:
        nonlocal bar
        bar = bar or tqdm(unit="text", desc="evaluate", total=total, disable=as_json)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    figures = measure(
        model,
        data,
        samples=samples,
        importance=importance,
        examples=examples,
        seed=seed,
        progress=progress,
    )
    show(figures, as_json)
