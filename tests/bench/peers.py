"""python -m tests.bench.peers: our model beside its twin without z, a transformer and Kneser-Ney.

Knows: how all are given the same rows, the same batches in the same order and the same number of target
tokens; what is measured of each.
Does not know: how any of them is trained.

    python -m tests.bench.peers --config verse --tokens 3000000 --out DIR --data FILE... --valid FILE

One JSON line a model. `ours` and `twin` are trained by the configuration, `transformer` has as many
parameters as ours, `kneser-ney-5` counts the same rows, each once; --only chooses. Each is a training of
its own (5 to 25 minutes of a core for 3 million tokens), goes on where it was interrupted and is not trained
twice.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine import corpus, held_out, prepared
from engine.distributed import device_of
from engine.epoch import Epoch, buckets
from engine.evaluate import evaluate
from engine.model import ConditionalVAE, ModelConfig
from engine.train import RunConfig, read_config, train
from engine.training_data import Data, load_data
from engine.vocabulary import Vocabulary
from tests.bench import transformer
from tests.bench.kneser_ney import KneserNey

KINDS = ("kneser-ney-5", "ours", "twin", "transformer")
_TRANSFORMER_RATE = 1e-3  # of 5e-4, 1e-3 and 2e-3 the best after 300 steps of verse


def steps_for(data: Data, config: RunConfig, tokens: int) -> tuple[int, int]:
    """The number of steps that read so many target tokens, and how many they read."""
    steps, read, epoch = 0, 0, 0
    while read < tokens:
        for batch in _order(data, config, epoch):
            read, steps = read + int(data.train.lengths[batch].sum()), steps + 1
            if read >= tokens:
                break
        epoch += 1
    return steps, read


def rows_of(data: Data, config: RunConfig, steps: int) -> list[list[int]]:
    """The targets of the first `steps` batches, each row once: who counts gains nothing by a second time."""
    found: dict[int, None] = {}
    epoch = 0
    while steps > 0:
        order = _order(data, config, epoch)
        found.update(dict.fromkeys(index for batch in order[:steps] for index in batch))
        steps, epoch = steps - len(order), epoch + 1
    return [data.train[index].target.tolist() for index in found]


def _order(data: Data, config: RunConfig, epoch: int) -> Epoch:
    settings = config.training
    return buckets(data.train, settings.batch, settings.seed * 1000 + epoch, data.weights)


def kept_aside(written: Path, out: Path) -> list[Path]:
    """Files of the rows of ours that nothing is trained on."""
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for path in sorted(written.glob("*.jsonl")):
        rows = [held_out.held_out_part(path.stem, row) for row in corpus.rows(path)]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows if row]
        if lines:
            files.append(out / path.name)
            files[-1].write_text("".join(lines), "utf-8")
    return files


def read(files: Sequence[Path], data: Data, config: RunConfig, count: int) -> tuple[list[Any], int]:
    """Examples of the files and their characters, chosen as `engine evaluate` chooses them."""
    found = []
    for file in files:
        for row in corpus.rows(file):
            for example in corpus.of_row(row, file.name.split(".")[0], config.corpus):
                encoded = corpus.encode(example, data.vocabulary, config.corpus, set())
                if encoded is not None:
                    found.append((encoded, len(example.target.replace("\n", ""))))
    if count:
        found = found[:: max(1, len(found) // count)][:count]
    return [encoded for encoded, _ in found], sum(characters for _, characters in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--tokens", type=int, default=3_000_000)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--data", type=Path, nargs="*", default=[])
    parser.add_argument("--prepared", type=Path, help="in place of --data: what `engine prepare` made")
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--rate", type=float, default=_TRANSFORMER_RATE, help="the transformer's, at most")
    parser.add_argument("--dropout", type=float, default=0.1, help="the transformer's")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[])
    parser.add_argument("--valid", type=Path, nargs="*", default=[], help="each is measured by itself")
    parser.add_argument("--written", type=Path, help="our own rows: those kept aside are measured too")
    parser.add_argument("--vocabulary", type=Path, help="a checkpoint whose vocabulary all of them use")
    parser.add_argument("--examples", type=int, default=800, help="texts of each validation set")
    parser.add_argument("--importance", type=int, default=50)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    config = read_config(options.config, options.set)
    if options.prepared:
        data = prepared.load(options.prepared, config.corpus)
    else:
        vocabulary = Vocabulary.load(options.vocabulary) if options.vocabulary else None
        data = load_data(options.data, config.corpus, exclude=options.exclude, vocabulary=vocabulary)
    steps, tokens = steps_for(data, config, options.tokens)
    config.training.steps, config.training.minutes, config.training.epochs = steps, 1e6, 10_000
    config.training.validate_every = max(1, steps // 3)
    sets = [[file] for file in options.valid]
    if options.written:
        sets.append(kept_aside(options.written, options.out / "kept_aside"))
    for kind in options.only:
        for figures in _measured(kind, options, config, data, tokens, sets):
            print(json.dumps(figures), flush=True)


def _measured(
    kind: str,
    options: argparse.Namespace,
    config: RunConfig,
    data: Data,
    tokens: int,
    sets: Sequence[Sequence[Path]],
) -> list[dict[str, Any]]:
    out: Path = options.out / kind
    common = {"name": kind, "trained_on_tokens": tokens}
    reports = []
    if kind in ("ours", "twin"):
        own = copy.deepcopy(config)
        if kind == "twin":
            own.model["latent"] = 0
        if not (out / "finished").exists():
            resume = (out / "state.pt").exists()
            train(
                own,
                options.data,
                out,
                resume=resume,
                exclude=options.exclude,
                data=data,
                folder=options.prepared,
                device=options.device,
                quiet=True,
            )
            (out / "finished").touch()
        for files in sets:
            figures = evaluate(
                str(out),
                files,
                examples=options.examples,
                importance=options.importance,
                samples=options.samples,
            )
            reports.append({**common, "valid": files[0].name, **figures})
        return reports
    if kind == "transformer":
        ours = ConditionalVAE(ModelConfig(vocabulary=len(data.vocabulary), **config.model))
        wanted = sum(p.numel() for p in ours.parameters())
        longest = config.corpus.longest_context + 2 * config.corpus.longest + 64
        shape = transformer.sized(len(data.vocabulary), wanted, longest)
        shape = dataclasses.replace(shape, dropout=options.dropout)
        where = device_of(options.device)
        model = transformer.fit(data, config.corpus, config.training, shape, out, options.rate, where)
        common["learning_rate"], common["dropout"] = options.rate, options.dropout
        common["parameters"] = sum(p.numel() for p in model.parameters())
        common["parameters_of_ours"] = wanted
        common["shape"] = f"{shape.layers} layers of {shape.width}"
    else:
        counted = KneserNey(rows_of(data, config, config.training.steps), len(data.vocabulary), 5)
    for files in sets:
        examples, characters = read(files, data, config, options.examples)
        if kind == "transformer":
            nll = transformer.nats(model, examples, config.corpus)
        else:
            nll = -counted.log_probability([e.target.tolist() for e in examples])
        count = sum(len(e.target) for e in examples)
        reports.append(
            {
                **common,
                "valid": files[0].name,
                "examples": len(examples),
                "tokens": count,
                "ppl": math.exp(nll / count),
                "bits_per_char": nll / math.log(2) / characters,
            }
        )
    return reports


if __name__ == "__main__":
    main()
