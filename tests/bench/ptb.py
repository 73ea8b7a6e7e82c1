"""python -m tests.bench.ptb: our VAE in the literature's own table, sentences of the Penn Treebank.

Knows: the split's files, the recipes that were tried, how a run goes on where it stopped.
Does not know: the model (`ptb_model`), what is measured of it (`ptb_measure`), the picture (`ptb_report`).

    python -m tests.bench.ptb --data FOLDER --out DIR                    # the chosen recipe, then its figures
    python -m tests.bench.ptb --data FOLDER --out DIR --recipe language-model
    python -m tests.bench.ptb --data FOLDER --out DIR --set free_bits=0.2 --set epochs=20

FOLDER holds ptb.train.txt, ptb.valid.txt and ptb.test.txt, one sentence a line. The same command goes on
with a run that was interrupted, at its next batch. Weights are chosen by validation; the test set is read
once, when training is done, with --samples importance samples in float32. One JSON line comes out, and
figures.json in the run's folder.
"""

from __future__ import annotations

import argparse
import collections
import copy
import dataclasses
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.precision import precision_of
from engine.train import TrainingConfig, rate_at
from tests.bench.ptb_measure import batch_of, figures, validation
from tests.bench.ptb_model import END, WORDS, SentenceVae, Shape


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Names of `Shape`'s fields may be given in `shape`."""

    shape: dict[str, Any] = dataclasses.field(default_factory=dict)
    batch: int = 128
    rate: float = 3e-3  # of Adam
    lowest_rate: float = 0.01  # share of the rate at the end of a cosine; 1: the rate stays
    weight_decay: float = 0.0  # of Adam, apart from the gradient
    averaging: float = 0.0  # share of the old in the weights' running average, which is what is measured
    language: str = ""  # the recipe of a language model that the decoder starts from; "": from nothing
    warm_epochs: int = 0  # as an autoencoder, β 0; then the decoder is made anew
    warm_rate: float = 3e-3  # of Adam, for both
    epochs: int = 24
    anneal_epochs: float = 8.0  # β grows to 1
    free_bits: float = 0.0  # nats a dimension
    clip: float = 5.0
    seed: int = 1
    pause_at: int = 0  # stop after this many steps, as an interruption would; 0: never


_AS_OURS = Recipe(batch=64, rate=2.5e-3, weight_decay=0.03, language="language-model", epochs=14)
_SHORTER = dataclasses.replace(
    _AS_OURS,
    shape={"encoder_dropout": 0.3},
    warm_epochs=2,
    warm_rate=2.5e-3,
    anneal_epochs=3,
    free_bits=0.3,
)
_LANGUAGE = dataclasses.replace(_AS_OURS, shape={"latent": 0})  # as ours but for z

RECIPES = {
    "language-model": Recipe(shape={"latent": 0}, epochs=14),
    "language-model-on": _LANGUAGE,
    "language-model-longer": dataclasses.replace(_LANGUAGE, language="language-model-on", epochs=40),
    "shorter": _SHORTER,
    "ours": dataclasses.replace(
        _SHORTER, language="language-model-on", epochs=40, anneal_epochs=4, free_bits=0.27
    ),
    "batch-norm": Recipe(shape={"gamma": 0.6, "bag_of_words": 0.2}),
}
CHOSEN = "ours"
_SAVE_EVERY = 120.0  # seconds


def read_words(folder: Path) -> tuple[dict[str, int], dict[str, list[list[int]]]]:
    """Every word of the training set by number, the commonest first, and each split's sentences.

    The end symbol closes each sentence and is counted, as the lagging encoder's code does; the start is not.
    """
    splits = {}
    for name in ("train", "valid", "test"):
        lines = (folder / f"ptb.{name}.txt").read_text("utf-8").splitlines()
        splits[name] = [line.split() for line in lines if line.strip()]
    counts = collections.Counter(word for line in splits["train"] for word in line)
    order = sorted(counts, key=lambda word: (-counts[word], word))
    numbers = {word: WORDS + at for at, word in enumerate(order)}
    unknown = numbers.get("<unk>", WORDS)
    return numbers, {
        name: [[numbers.get(word, unknown) for word in line] + [END] for line in lines]
        for name, lines in splits.items()
    }


def batches(rows: Sequence[Sequence[int]], size: int, seed: int) -> list[list[int]]:
    """The places of an epoch's rows, those of a batch alike in length, batches in random order."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(len(rows), generator=generator).tolist()
    order = sorted(range(len(rows)), key=lambda at: (len(rows[at]), draw[at]))
    found = [order[start : start + size] for start in range(0, len(order), size)]
    return [found[at] for at in torch.randperm(len(found), generator=generator).tolist()]


def objective(model: SentenceVae, target: Tensor, lengths: Tensor, beta: float, free_bits: float) -> Tensor:
    """Nats a row: reconstruction and β times KL, of which a dimension has its free bits (Li et al. 2019)."""
    loss = model(target, lengths)
    penalty: Tensor = loss.kl.clamp_min(free_bits).sum()
    return loss.objective / len(target) + beta * penalty


class Run:
    """A training in its folder: state.pt to go on from, best.pt of validation, log.jsonl of its epochs."""

    def __init__(
        self,
        recipe: Recipe,
        words: int,
        splits: dict[str, list[list[int]]],
        out: Path,
        low: bool = False,
        given: dict[str, Tensor] | None = None,
    ) -> None:
        """`given`: weights of a language model, which the decoder starts from, and again when it is reset."""
        self.recipe, self.splits, self.out, self.given = recipe, splits, out, given
        torch.manual_seed(recipe.seed)
        self.model = SentenceVae(Shape(words, **recipe.shape), low)
        self.average = copy.deepcopy(self.model)
        self.steps_an_epoch = math.ceil(len(splits["train"]) / recipe.batch)
        self.step, self.best = 0, math.inf
        self.history: list[dict[str, float]] = []
        self.new_optimizer()
        out.mkdir(parents=True, exist_ok=True)
        if (out / "state.pt").exists():
            state = torch.load(out / "state.pt", weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["random"])
            self.step, self.best, self.history = state["step"], state["best"], state["history"]

    def new_optimizer(self) -> None:
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.recipe.rate, weight_decay=self.recipe.weight_decay, fused=True
        )

    def rate(self) -> float:
        """Of the next step; the autoencoder's part and what follows have a cosine each."""
        recipe, warm = self.recipe, self.recipe.warm_epochs * self.steps_an_epoch
        step, steps, rate, lowest = self.step, warm, recipe.warm_rate, 0.01
        if self.step >= warm:
            step, steps = self.step - warm, recipe.epochs * self.steps_an_epoch
            rate, lowest = recipe.rate, recipe.lowest_rate
        return rate_at(TrainingConfig(learning_rate=rate, lowest_rate=lowest), step, step / steps)

    def store(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "best": self.best,
            "history": self.history,
        }
        torch.save(state, self.out / "state.new")
        os.replace(self.out / "state.new", self.out / "state.pt")

    def chosen(self) -> SentenceVae:
        """The model with the weights that validation chose."""
        self.model.load_state_dict(torch.load(self.out / "best.pt", weights_only=True))
        return self.model

    def train(self) -> bool:
        """Go on to the end, or to the pause. Whether the end was reached."""
        recipe, size = self.recipe, self.steps_an_epoch
        warm, last = recipe.warm_epochs * size, (recipe.warm_epochs + recipe.epochs) * size
        stored, began = time.monotonic(), time.monotonic()
        order: list[list[int]] = []
        sums = collections.Counter[str]()
        self.model.train()
        while self.step < last:
            if recipe.pause_at and self.step == recipe.pause_at:
                self.store()
                return False
            epoch, place = divmod(self.step, size)
            if not order or place == 0:
                order = batches(self.splits["train"], recipe.batch, recipe.seed * 1000 + epoch)
            if self.step == warm > 0 or (self.step == 0 and self.given):
                self.model.new_decoder(self.given)
                self.model.train()
                self.new_optimizer()
            beta = 0.0
            if self.step >= warm:
                beta = min(1.0, (self.step - warm + 1) / max(1.0, recipe.anneal_epochs * size))
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate()
            target, lengths = batch_of([self.splits["train"][at] for at in order[place]])
            loss = objective(self.model, target, lengths, beta, recipe.free_bits)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
            self.optimizer.step()
            self.step += 1
            self.follow(beta)
            sums.update(
                {"loss": float(loss.detach()) * len(target), "words": int(lengths.sum()), "norm": float(norm)}
            )
            if self.step % size == 0:
                self.validate(beta, {**sums, "seconds": time.monotonic() - began})
                sums.clear()
                began = time.monotonic()
            if time.monotonic() - stored > _SAVE_EVERY or self.step == last:
                self.store()
                stored = time.monotonic()
        return True

    def follow(self, beta: float) -> None:
        """The average goes a part of the way to the weights; before β is 1 it is the weights."""
        share = 1 - self.recipe.averaging if beta == 1 or not self.model.shape.latent else 1.0
        if not self.recipe.averaging and self.step % self.steps_an_epoch:
            return  # nobody looks before the epoch's end
        for old, new in zip(
            self.average.state_dict().values(), self.model.state_dict().values(), strict=True
        ):
            if old.is_floating_point():
                old.lerp_(new, share)

    def validate(self, beta: float, sums: dict[str, Any]) -> None:
        """After an epoch: a line of the log, and best.pt where nothing at β 1 was better."""
        found = validation(self.average, self.splits["valid"])
        line = {
            "epoch": self.step // self.steps_an_epoch,
            "beta": beta,
            "train_loss": sums["loss"] / sums["words"],
            "norm": sums["norm"] / self.steps_an_epoch,
            "words_a_second": sums["words"] / sums["seconds"],
            **found,
        }
        self.history.append(line)
        with (self.out / "log.jsonl").open("a") as file:
            file.write(json.dumps({k: round(v, 4) for k, v in line.items()}) + "\n")
        if (beta == 1 or not self.model.shape.latent) and found["elbo"] < self.best:
            self.best = found["elbo"]
            torch.save(self.average.state_dict(), self.out / "best.pt")


def recipe_of(name: str, changes: Sequence[str]) -> Recipe:
    """A recipe by name, with KEY=VALUE changes of its own fields or its shape's."""
    recipe = RECIPES[name]
    for change in changes:
        key, _, text = change.partition("=")
        value = json.loads(text)
        if key in {field.name for field in dataclasses.fields(Recipe)}:
            recipe = dataclasses.replace(recipe, **{key: value})
        else:
            recipe = dataclasses.replace(recipe, shape={**recipe.shape, key: value})
    return recipe


def prepared(
    recipe: Recipe, words: int, splits: dict[str, list[list[int]]], out: Path, low: bool = False
) -> Run:
    """A run of the recipe, for which the language model that it starts from is trained first."""
    given = None
    if recipe.language:
        own = RECIPES[recipe.language]
        sizes = {key: recipe.shape[key] for key in ("embedding", "hidden") if key in recipe.shape}
        own = dataclasses.replace(own, shape={**own.shape, **sizes}, seed=recipe.seed)
        first = prepared(own, words, splits, out / recipe.language, low)
        first.train()
        given = first.chosen().state_dict()
    return Run(recipe, words, splits, out, low, given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--recipe", choices=RECIPES, default=CHOSEN)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    parser.add_argument("--samples", type=int, default=500, help="importance samples a sentence")
    parser.add_argument("--split", choices=("valid", "test", "none"), default="test", help="what is measured")
    parser.add_argument("--sentences", type=int, default=0, help="every n-th, this many; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of training")
    parser.add_argument(
        "--measure", choices=("fp32", "bf16"), default="fp32", help="precision of the figures"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = recipe_of(options.recipe, options.changes)
    words, splits = read_words(options.data)
    low = precision_of(options.precision, torch.device("cpu")) == torch.bfloat16
    run = prepared(recipe, WORDS + len(words), splits, options.out, low)
    settings = {"name": options.recipe, **dataclasses.asdict(recipe)}
    (options.out / "recipe.json").write_text(json.dumps(settings, indent=1) + "\n")
    if not run.train() or options.split == "none":
        return
    model = run.chosen()
    model.low = options.measure == "bf16"
    rows = splits[options.split]
    if options.sentences:
        rows = rows[:: max(1, len(rows) // options.sentences)][: options.sentences]
    name = f"figures-{options.split}-{len(rows)}-{options.samples}-{options.measure}"
    found = figures(model, rows, options.samples, options.out / f"{name}.pt")
    report = {"recipe": settings, "split": options.split, "precision": options.measure, **found}
    (options.out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
