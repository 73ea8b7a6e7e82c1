"""`python -m engine train`: corpora in, a checkpoint out. Resumable, on a CPU, a GPU or several processes.

Knows: the schedule (warm-up, cosine decay over the time or step budget), validation, early stopping.
Does not know: how files are read, how processes talk, what the model is asked later.

A run is a folder: the checkpoint that is best on validation, and `state.pt` to go on from. The same
command with --resume continues at the batch where it stopped; the order of batches depends on the
seed and the epoch only.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from engine import checkpoint, corpus, passages, prepared
from engine.condition_meaning import meant_by
from engine.corpus import CorpusConfig, Encoded, Meant
from engine.distributed import ALONE, World, device_of
from engine.epoch import buckets
from engine.errors import BadFile, BadOption
from engine.facts.pingshui import UNKNOWN, reading
from engine.feed import Feed
from engine.model import ConditionalVAE, ModelConfig
from engine.observer import EVERY, Observer
from engine.precision import precision_of
from engine.training_data import Data, load_data
from engine.vocabulary import Vocabulary

log = logging.getLogger(__name__)


SHORT_EPOCH = 10
"""Steps that a tiny corpus is trained at least between two validations."""
MOST_BASES = 8
"""Configurations that a configuration may stand on, one on the other."""


@dataclass
class TrainingConfig:
    """The [training] table. `minutes` bounds training time over all resumed runs together."""

    batch: int = 64
    learning_rate: float = 2e-3
    lowest_rate: float = 0.03  # share of learning_rate at the end
    warm_up: int = 200  # steps
    anneal: int = 500  # steps over which β grows to 1
    clip: float = 2.0
    minutes: float = 120.0
    steps: int = 0  # 0: bounded by minutes and epochs
    epochs: int = 100
    validate_every: int = 500  # steps; an epoch, where that is shorter and at least SHORT_EPOCH
    validate_share: float = 0.0  # and after each such share of the budget; 0: never
    save_every: float = 180.0  # seconds
    patience: int = 6  # validations without gain
    pause_at: int = 0  # stop after this many steps, as an interruption would; 0: never
    seed: int = 1
    threads: int = 1
    loaders: int = 0  # processes that make batches ahead; 0: the training one makes its own
    precision: str = "auto"  # of products: fp32, bf16, or auto: bf16 where the processor multiplies it faster


@dataclass
class RunConfig:
    name: str
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    model: dict[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def read_config(source: str, overrides: Sequence[str] = ()) -> RunConfig:
    """A configuration by file or by the name of one that ships. `overrides`: "table.key=value".

    `base = NAME` in a file takes that one's keys where its own are absent. Raises BadFile or BadOption.
    """
    try:
        tables = _tables(source)
        for override in overrides:
            key, _, value = override.partition("=")
            table, _, name = key.partition(".")
            tables.setdefault(table, {})[name] = tomllib.loads(f"value = {value}")["value"]
        for name in ("tags", "second_turns", "whole"):
            tables["corpus"][name] = tuple(tables["corpus"].get(name, ()))
        return RunConfig(
            tables["name"],
            CorpusConfig(**tables["corpus"]),
            tables.get("model", {}),
            TrainingConfig(**tables.get("training", {})),
        )
    except tomllib.TOMLDecodeError as error:
        raise BadFile(file=Path(source).name, reason=f"it is not TOML ({error})") from error
    except (KeyError, TypeError) as error:
        raise BadOption(option="config", reason=f"{source} has a wrong or missing key ({error})") from error


def _tables(source: str, above: int = 0) -> dict[str, Any]:
    path = Path(source)
    if not path.exists():
        path = Path(__file__).parent / "configs" / f"{source}.toml"
    if not path.is_file():
        raise BadFile(file=source, reason="there is no such configuration")
    own = tomllib.loads(path.read_text("utf-8"))
    base = own.pop("base", None)
    if base is None:
        return own
    if above >= MOST_BASES:
        raise BadFile(file=path.name, reason="its base leads back to itself")
    beside = path.parent / f"{base}.toml"
    return _over(_tables(str(beside) if beside.is_file() else str(base), above + 1), own)


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The tables of `base` with the keys of `own` over them, table by table."""
    result = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = _over(base[key], value) if both else value
    return result


def classes_of(vocabulary: Vocabulary) -> torch.Tensor:
    """(V, 1 + most readings) for verse: each character's tone and its rhyme groups as classes."""
    numbers: dict[str, int] = {}
    found = []
    for character in vocabulary.character_list():
        entry = reading(character) if character else UNKNOWN
        names = [f"tone {entry.tone}" if entry is not UNKNOWN else "", *sorted(entry.groups)]
        found.append([numbers.setdefault(name, len(numbers) + 1) if name else 0 for name in names])
    width = max(map(len, found))
    return torch.tensor([row + [0] * (width - len(row)) for row in found])


def start_from(model: ConditionalVAE, vocabulary: Vocabulary, source: Path) -> list[str]:
    """Take over a checkpoint's weights by name; rows of tokens that both vocabularies have, by token.

    Returns the names of parameters that keep their fresh values. Raises BadOption when nothing fits.
    """
    given = checkpoint.load(source)
    weights, own = given.model.state_dict(), model.state_dict()
    places = {token: row for row, token in enumerate(given.vocabulary.tokens)}
    shared = [(row, places[token]) for row, token in enumerate(vocabulary.tokens) if token in places]
    here, there = (torch.tensor(side) for side in zip(*shared, strict=True))
    fresh = []
    for name, value in own.items():
        if name in ("classes", "shared.weight"):
            continue  # a checkpoint's rows hold their classes already
        found = weights.get(name)
        if found is None:
            fresh.append(name)
        elif name in ("embed.weight", "bias") and found.shape[1:] == value.shape[1:]:
            value[here] = found[there].to(value)
        elif found.shape == value.shape:
            value.copy_(found)
        else:
            fresh.append(name)
    if len(fresh) > len(own) // 2:
        raise BadOption(option="init", reason=f"{source.name} is a model of another size")
    return fresh


@torch.no_grad()
def validate(
    model: ConditionalVAE,
    data: Sequence[Encoded],
    config: CorpusConfig,
    device: torch.device,
    meant: Meant | None = None,
) -> dict[str, float]:
    """Negative ELBO a token in nats, its perplexity, and KL an example, contexts kept.

    z is drawn with the same noise each time, so that two validations differ by the weights alone.
    """
    model.eval()
    generator = torch.Generator().manual_seed(0)
    order = sorted(range(len(data)), key=lambda i: len(data[i].target))
    rebuilt = kl = tokens = 0.0
    for start in range(0, len(order), 64):
        batch = corpus.batch_of([data[i] for i in order[start : start + 64]], config, None, meant=meant).to(
            device
        )
        noise = torch.randn(len(batch.target), model.config.latent, generator=generator).to(device)
        loss = model(**vars(batch), noise=noise)
        rebuilt, kl, tokens = rebuilt + float(loss.reconstruction), kl + float(loss.kl), tokens + loss.tokens
    model.train()
    nll = (rebuilt + kl) / tokens
    return {"elbo": nll, "ppl": math.exp(min(nll, 20)), "kl": kl / len(data)}


def rate_at(settings: TrainingConfig, step: int, share: float) -> float:
    """The learning rate of a step (from 0) when `share` of the budget is used: warm-up, then a cosine."""
    decay = settings.lowest_rate + (1 - settings.lowest_rate) * 0.5 * (1 + math.cos(math.pi * share))
    return settings.learning_rate * decay * min(1.0, (step + 1) / max(1, settings.warm_up))


def noise_of(seed: int, step: int, rows: int, latent: int, part: slice = slice(None)) -> torch.Tensor:
    """What z is drawn with at a step: (rows, Z) for the whole batch, of which `part` is returned."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    return torch.randn(rows, latent, generator=generator)[part]


@dataclass
class _Progress:
    step: int = 0
    epoch: int = 0
    batch: int = 0  # in the epoch
    seconds: float = 0.0
    tokens: int = 0
    best: float = math.inf
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def vocabulary_of(config: CorpusConfig, init: Path | None) -> Vocabulary | None:
    """That of the checkpoint a run starts from, unless the configuration asks for tags that it lacks."""
    if init is None:
        return None
    given = Vocabulary.load(init)
    return given if set(config.tags) <= set(given.tags) else None


def step_of(out: Path) -> int:
    """The step at which the run in a folder would go on; 0 where there is none."""
    file = out / "state.pt"
    if not file.exists():
        return 0
    return int(torch.load(file, weights_only=True, map_location="cpu")["progress"]["step"])


def train(
    config: RunConfig,
    files: Sequence[Path],
    out: Path,
    *,
    resume: bool = False,
    minutes: float | None = None,
    device: str = "auto",
    exclude: Sequence[Path] = (),
    init: Path | None = None,
    quiet: bool = False,
    world: World = ALONE,
    observers: Sequence[Observer] = (),
    data: Data | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Train and return the last figures. Raises BadFile or BadOption; writes nothing before data is read.

    `data` takes the place of `files` already read, `folder` that of files prepared by
    `engine.prepared`. In a `world` of several processes the first one validates, writes and calls
    `observers`; the figures of the others are empty.
    """
    settings = config.training
    torch.set_num_threads(settings.threads)
    where = world.device or device_of(device)
    state_file = out / "state.pt"
    begun = world.agree(state_file.exists())
    resumed = resume and begun
    if resume and not resumed:
        raise BadOption(option="resume", reason=f"{out} holds no run to go on with; leave --resume out")
    if begun and not resume:
        reason = f"{out} holds a run; add --resume to go on with it or choose another folder"
        raise BadOption(option="out", reason=reason)
    saved: Vocabulary | None = world.agree(Vocabulary.load(out) if resumed and world.first else None)
    if saved is None:
        saved = vocabulary_of(config.corpus, init)
    if folder is not None:
        data = data or prepared.load(folder, config.corpus)
        if saved is not None and saved.tokens != data.vocabulary.tokens:
            reason = f"{folder} was made for another vocabulary; prepare it with the --init of this command"
            raise BadOption(option="prepared", reason=reason)
    data = data or load_data(files, config.corpus, exclude=exclude, vocabulary=saved, scratch=out)
    if len(set(world.all(data.checksum()))) > 1:
        raise BadOption(option="data", reason="the processes read different files; give all of them the same")
    torch.manual_seed(settings.seed)
    classes = classes_of(data.vocabulary) if config.corpus.kind == "verse" else None
    model = ConditionalVAE(ModelConfig(vocabulary=len(data.vocabulary), **config.model), classes).to(where)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
    progress = _Progress()
    if resumed:
        state = torch.load(state_file, weights_only=True, map_location="cpu") if world.first else {}
        state = world.agree(state)
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            reason = "the run was made with another [model]; use its configuration"
            raise BadOption(option="resume", reason=reason) from error
        progress = _Progress(**state["progress"])
        torch.set_rng_state(state["random"].cpu())
        if where.type == "cuda" and world.size == 1:
            torch.cuda.set_rng_state_all([one.cpu() for one in state["random_cuda"]])
    elif init is not None:
        fresh = start_from(model, data.vocabulary, init)
        log.info("starting from %s; new: %s", init.name, ", ".join(fresh) or "nothing")
    else:
        # A hundred steps would go to learning which tokens are common.
        model.bias.data.copy_(torch.from_numpy(data.log_frequencies()))
    precision = precision_of(settings.precision, where)
    if world.size > 1:  # dropout of each process's own
        torch.manual_seed(settings.seed + 7919 * world.rank + 1_000_003 * progress.step)
    network = world.wrap(model)
    observers = observers if world.first else ()
    meant = meant_by(model.config, data.vocabulary)
    feed = Feed(
        data.train,
        config.corpus,
        settings.seed,
        corpus.sentence_ends(data.vocabulary),
        meant,
        world.size,
        world.part,
    )
    budget = 60 * (minutes if minutes is not None else settings.minutes)
    corpus_values = dataclasses.asdict(config.corpus)
    log.info(
        "%s: %d examples, %d held out, vocabulary %d, %.1f M parameters",
        config.name, len(data.train), len(data.validation), len(data.vocabulary),
        sum(p.numel() for p in model.parameters()) / 1e6,
    )  # fmt: skip

    def store() -> None:
        out.mkdir(parents=True, exist_ok=True)
        data.vocabulary.save(out)
        if data.lexicon is not None:
            data.lexicon.save(out)
        fresh = state_file.with_suffix(".new")
        torch.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "progress": dataclasses.asdict(progress),
                "random": torch.get_rng_state(),
                "random_cuda": torch.cuda.get_rng_state_all() if where.type == "cuda" else [],
            },
            fresh,
        )
        os.replace(fresh, state_file)
        (out / "history.json").write_text(json.dumps(progress.history), "utf-8")

    def keep_best() -> dict[str, float]:
        figures = validate(model, data.validation, config.corpus, where, meant)
        figures |= {"step": progress.step, "seconds": round(progress.seconds), "tokens": progress.tokens}
        figures["tokens_per_second"] = round(progress.tokens / max(progress.seconds, 1e-3))
        progress.history.append(figures)
        if figures["elbo"] < progress.best:
            progress.best, progress.stale = figures["elbo"], 0
            checkpoint.save(out, config.name, model, data.vocabulary, corpus_values)
        else:
            progress.stale += 1
        for observer in observers:
            observer.validated(progress.step, share, figures)
        return figures

    model.train()
    share, marks = 0.0, 0
    for observer in observers:
        observer.started(model, data, config.corpus, progress.step)
    bar = tqdm(
        initial=progress.step,
        unit="step",
        desc=config.name,
        disable=quiet or not world.first,
        mininterval=2.0,
    )
    last = time.monotonic()
    stored = last
    figures: dict[str, float] = {}
    done = False
    while not done and progress.epoch < settings.epochs:
        order = buckets(data.train, settings.batch, settings.seed * 1000 + progress.epoch, data.weights)
        every = min(settings.validate_every, max(len(order), SHORT_EPOCH))
        fed = feed.epoch(order, progress.batch, progress.step, settings.loaders)
        for number, (batch, rows, tokens) in enumerate(fed, progress.batch):
            progress.seconds = world.agree(progress.seconds)
            share = progress.seconds / budget if budget else 0.0
            if settings.steps:
                share = max(share, progress.step / settings.steps)
            if share >= 1 or progress.step == settings.pause_at > 0:
                done = True
                break
            rate = rate_at(settings, progress.step, share)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = batch.to(where)
            noise = noise_of(settings.seed, progress.step, rows, model.config.latent, world.part)
            beta = min(1.0, (progress.step + 1) / max(1, settings.anneal))
            with torch.autocast(where.type, dtype=precision, enabled=precision != torch.float32):
                loss = network(**vars(batch), beta=beta, noise=noise.to(where))
            optimizer.zero_grad(set_to_none=True)
            # Gradients are averaged over processes; the sum over the batch is wanted, by all its tokens.
            (loss.objective * (world.size * loss.tokens / tokens)).backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            optimizer.step()
            progress.step, progress.batch, progress.tokens = (
                progress.step + 1,
                number + 1,
                progress.tokens + tokens,
            )
            for observer in observers:
                observer.stepped()
            now = time.monotonic()
            progress.seconds, last = progress.seconds + now - last, now
            bar.update()
            if progress.step % EVERY == 0:
                sums = world.total(torch.stack([loss.reconstruction, loss.kl, loss.bag_of_words])).tolist()
                values = {
                    "nll": sums[0] / tokens,  # nats a token
                    "kl": sums[1] / rows,  # nats an example
                    "bag_of_words": sums[2] / tokens,
                    "beta": beta,
                    "learning_rate": rate,
                    "gradient_norm": float(norm),
                    "tokens_per_second": progress.tokens / max(progress.seconds, 1e-3),
                }
                bar.set_postfix(nll=f"{values['nll']:.3f}", kl=f"{values['kl']:.2f}")
                for observer in observers:
                    observer.measured(progress.step, values)
            due = settings.validate_share and share >= (marks + 1) * settings.validate_share
            marks += bool(due)
            if progress.step % every == 0 or due:
                if world.first:
                    figures = keep_best()
                    bar.write(json.dumps(figures)) if not quiet else None
                last = time.monotonic()
                if world.agree(progress.stale >= settings.patience):
                    done = True
                    break
            if world.first and now - stored > settings.save_every:
                store()
                stored = last = time.monotonic()
        else:
            progress.epoch, progress.batch = progress.epoch + 1, 0
    if world.first:
        if not progress.history or progress.history[-1]["step"] != progress.step:
            figures = keep_best()
        store()
        if folder is not None:
            prepared.copy_known(folder, out)
            if init is not None:
                passages.keep(init, out)
        else:
            prepared.keep_known(files, config.corpus, data.vocabulary, out, init)
    bar.close()
    world.agree(None)  # nobody leaves before everything is written
    return {"name": config.name, "out": str(out), "epochs": progress.epoch, "best": progress.best, **figures}
