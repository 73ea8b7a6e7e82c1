"""What fine-tuning truly brings, for `bench loop`: a real model so small that a server can have its own.

It is trained here on texts of `engine.loop_world`, writes replies, people of that world judge them, and the
product's code learns from the judgements. What people truly like is a taste of `engine.fine_tune_bench` (a
weight for every token), with chance beside it for what no text tells. Gain is how much better the taste of
the server is met by texts that the model writes anew, in standard deviations of true worth.

The shipped model is two hundred times larger: what it gains, and what each way costs in perplexity and
diversity, is `python -m engine bench fine-tune`, minutes a server.

Knows: the tiny model, what is judged, the true gain. Does not know: how a model learns.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine import checkpoint
from engine.checkpoint import Checkpoint
from engine.corpus import CorpusConfig
from engine.decode import Decoder, Sampling, latents
from engine.errors import TooFewSignals
from engine.fine_tune import Row, fine_tune, likelihoods, row_of, within
from engine.fine_tune_bench import Taste
from engine.fine_tune_gate import AIM, gained
from engine.fine_tune_likings import likings_of, teaching
from engine.journal_rows import JudgedText
from engine.loop_world import UNSEEN, World
from engine.prompt import load_tasks
from engine.train import RunConfig, TrainingConfig, train
from engine.tune import split

SIZES = (200, 800)
"""Judgements after which fine-tuning is looked at."""
SAMPLING = Sampling(temperature=0.7, nucleus=0.9, max_tokens=20)
_TEXTS, _STEPS, _FRESH, _ASIDE = 1200, 120, 600, 100
_CORPUS = CorpusConfig(tags=("chat", "own"), min_count=1, validation=32)
_MODEL = {"embedding": 32, "hidden": 48, "latent": 8, "condition_hidden": 8, "posterior_hidden": 16}


def one_seed(seed: int) -> dict[str, float]:
    """All numbers of one seed, by name."""
    server = Server(seed)
    found = {name: value for size in SIZES for name, value in server.fine_tuned(size).items()}
    found["fine-tuning by chance"] = server.fine_tuned(SIZES[-1], nothing=True)[f"fine-tuning {SIZES[-1]}"]
    return found


class Server:
    """A server with a model of its own and a taste; all of it comes from its seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        world = World(seed + 90_000, 2)
        self._given, texts = _trained(world, seed)
        self._decoder = Decoder(self._given)
        task = load_tasks()["chat"]
        written = [row_of(self._decoder, task, text) for text in texts]
        self._beside, self._aside = _halves([row for row in written if row is not None])
        self._condition = self._aside[0].condition
        self._pool = self._written(self._decoder, 2 * SIZES[-1], seed)
        reference = [row.tokens for row in self._pool]
        self._liked, self._other = (Taste(number, reference) for number in (2 * seed, 2 * seed + 1))
        self._before = self._met(self._decoder)

    def fine_tuned(self, size: int, *, nothing: bool = False) -> dict[str, float]:
        """The true gain after so many judgements, what it costs in perplexity, and whether judgements kept
        aside show it. `nothing`: people judge without regard to the texts."""
        judgements, rows = self._judgements(size, nothing)
        parts = split(judgements)
        given, decoder = self._given, self._decoder
        gain, cost, shown = 0.0, 1.0, False
        with contextlib.suppress(TooFewSignals):  # nothing liked: the model stays
            taught = teaching(rows, parts.training, likings_of(parts.training))
            learnt = fine_tune(given, taught, seed=self._seed, beside=self._beside)
            model, _ = within(given.model, learnt, decoder, self._beside, AIM)
            gain = self._met(Decoder(dataclasses.replace(given, model=model, hash="tuned"))) - self._before
            old, new = (float(np.mean(likelihoods(m, decoder, self._aside))) for m in (given.model, model))
            cost = math.exp(old - new)
            aside = [rows[one.generation] for one in parts.held_out]
            shown = gained(given.model, model, decoder, aside, parts.held_out, self._seed).low > 0
        return {
            f"fine-tuning {size}": math.sqrt(1 - UNSEEN) * gain,
            f"fine-tuning cost {size}": cost,
            f"fine-tuning shown {size}": float(shown),
        }

    def _judgements(self, size: int, nothing: bool) -> tuple[list[JudgedText], dict[str, Row]]:
        """What people say of replies, and each reply as a row, by its name."""
        draw = np.random.default_rng([self._seed, 10])
        world = World(self._seed + 90_000, 12 + int(math.sqrt(size)), nothing=nothing)
        found: list[JudgedText] = []
        rows: dict[str, Row] = {}
        pool = itertools.cycle(self._pool)
        while len(found) < size:
            row = next(pool)
            worth, shifted = (
                math.sqrt(1 - UNSEEN) * taste.of(row.tokens) + math.sqrt(UNSEEN) * float(draw.normal())
                for taste in (self._liked, self._other)
            )
            sent = world.judged(worth, shifted, self._decoder.vocabulary.decode(row.tokens))
            found += sent.judged
            rows |= {one.generation: row for one in sent.judged}
        return found[:size], rows

    def _met(self, decoder: Decoder) -> float:
        """How well texts that a model writes anew meet the server's taste."""
        return float(
            np.mean([self._liked.of(row.tokens) for row in self._written(decoder, _FRESH, self._seed + 1)])
        )

    def _written(self, decoder: Decoder, count: int, seed: int) -> list[Row]:
        z = latents(seed, count, decoder.latent_size)
        drawn = decoder.sample(self._condition, z, seed, SAMPLING)
        return [
            Row(self._condition, tuple(row.tokens), tuple(at))
            for row, at in zip(drawn, z.tolist(), strict=True)
            if row.tokens
        ]


def _trained(world: World, seed: int) -> tuple[Checkpoint, list[str]]:
    """A model that learnt to write as people write in a world, and texts of theirs that it did not read."""
    texts = [text for _ in range((_TEXTS + 2 * _ASIDE) // 8) for text in world.asked().texts]
    texts, aside = texts[:_TEXTS], texts[_TEXTS:]
    settings = TrainingConfig(
        batch=32, steps=_STEPS, warm_up=10, learning_rate=6e-3, anneal=60, validate_every=_STEPS, seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "made-up.jsonl", Path(folder) / "talk"
        rows = [json.dumps({"turns": pair}) for pair in zip(texts[::2], texts[1::2], strict=True)]
        file.write_text("\n".join(rows), "utf-8")
        train(RunConfig("talk", _CORPUS, dict(_MODEL), settings), [file], out, device="cpu", quiet=True)
        return checkpoint.load(out), aside


def _halves(rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    return rows[::2], rows[1::2]
