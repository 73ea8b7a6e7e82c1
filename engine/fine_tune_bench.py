"""Which way of fine-tuning is worth more: invented people judge what a model writes, each way learns from it.

    for measured in measure("talk", judgements=(200, 800), seeds=3): ...

A taste is a random weight for every word, so nobody wrote a rule for it; how well a text meets it is the sum
over its words, by the square root of their number, in standard deviations of what the model writes. Twelve
people like by that with generosities of their own; one in six likes everything or guesses. Each way learns
from judgements of texts that the model wrote, then writes anew; gain is how much better its new texts meet
the taste, and beside it stand what it must not cost: perplexity of our own written replies, diversity, how
far it moved.

Knows: tastes, people, the measures. Does not know: journals, the gate, which way is the default.
"""

from __future__ import annotations

import dataclasses
import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import checkpoint
from engine.checkpoint import Checkpoint
from engine.decode import Decoder, Sampling, latents
from engine.fine_tune import WAYS, FineTuneConfig, Row, Way, fine_tune, likelihoods, within
from engine.fine_tune_gate import AIM, distinct_pairs, written_rows
from engine.weights import folder_of

PEOPLE = 12
FRESH = 240
"""Texts that each model writes to be measured."""
_TAGS = (("chat", "own", "zh"), ("chat", "own", "en"), ("continue", "own", "zh"), ("story", "own", "en"))
SAMPLING = Sampling(temperature=0.7, nucleus=0.9, max_tokens=40)


@dataclass(frozen=True, slots=True)
class Measured:
    """One way at one number of judgements: means over tastes, `gain_error` the standard error of the gain.

    `gain`: in standard deviations of the taste. `perplexity`: of written replies, after by before.
    `diversity`: distinct pairs of words, after by before. `moved`: KL(before ‖ after), nats a token.
    """

    way: Way
    judgements: int
    seeds: int
    gain: float
    gain_error: float
    perplexity: float
    diversity: float
    moved: float

    def values(self) -> dict[str, Any]:
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in dataclasses.asdict(self).items()
        }


class Taste:
    """What invented people like: a weight for every word."""

    def __init__(self, seed: int, reference: Sequence[Sequence[int]]) -> None:
        self._seed = seed
        values = [self._raw(tokens) for tokens in reference]
        self._mean, self._deviation = float(np.mean(values)), float(np.std(values)) or 1.0

    def _raw(self, tokens: Sequence[int]) -> float:
        weights = [math.cos(zlib.crc32(f"{self._seed}:{token}".encode())) for token in tokens]
        return float(sum(weights) / max(1, len(weights)) ** 0.5)

    def of(self, tokens: Sequence[int]) -> float:
        """How well a text meets it, in standard deviations."""
        return (self._raw(tokens) - self._mean) / self._deviation


def written(decoder: Decoder, count: int, seed: int) -> list[Row]:
    """Texts that a model writes by itself, under conditions in turn."""
    rows: list[Row] = []
    for number, tags in enumerate(_TAGS):
        condition = decoder.condition(tags, ())
        z = latents(seed + number, count // len(_TAGS), decoder.latent_size)
        drawn = decoder.sample(condition, z, seed + number, SAMPLING)
        rows += [
            Row(tuple(condition), tuple(row.tokens), tuple(at))
            for row, at in zip(drawn, z.tolist(), strict=True)
        ]
    return [row for row in rows if row.tokens]


def judged(rows: Sequence[Row], taste: Taste, judgements: int, seed: int) -> list[Row]:
    """Rows with how far people like them: each judged once or twice, against what its person thinks."""
    draw = random.Random(seed)
    kinds = ["fair"] * (PEOPLE - 2) + ["always", "guess"]
    generous = [draw.gauss(0.5, 1.0) for _ in kinds]
    votes: list[tuple[int, int, float]] = []  # row, person, value
    while len(votes) < judgements:
        row, person = draw.randrange(len(rows)), draw.randrange(len(kinds))
        chance = 1 / (1 + math.exp(-(generous[person] + 1.5 * taste.of(rows[row].tokens))))
        chance = {"always": 1.0, "guess": 0.5}.get(kinds[person], chance)
        votes.append((row, person, 1.0 if draw.random() < chance else -1.0))
    means = [np.mean([v for _, p, v in votes if p == person] or [0.0]) for person in range(len(kinds))]
    sums: dict[int, list[float]] = {}
    for place, person, value in votes:
        sums.setdefault(place, []).append(value - float(means[person]))
    return [
        dataclasses.replace(rows[place], liking=max(-1.0, min(1.0, sum(v) / len(v))), weight=len(v) ** 0.5)
        for place, v in sums.items()
    ]


def measure(
    model: str = "talk",
    judgements: Sequence[int] = (200, 800),
    seeds: int = 3,
    ways: Sequence[Way] = WAYS,
    configs: Sequence[FineTuneConfig] = (),
) -> Iterator[Measured]:
    """Each way at each number of judgements. `configs`: in place of the ways' own."""
    given = checkpoint.load(folder_of(model))
    decoder = Decoder(given)
    kept_aside = written_rows(decoder, 200)
    before = likelihoods(given.model, decoder, kept_aside)
    for number in judgements:
        pool = written(decoder, max(400, number), seed=100_000)
        fresh = written(decoder, FRESH, seed=900_000)
        for config in configs or [FineTuneConfig(way=way) for way in ways]:
            found = [
                _one(given, decoder, config, pool, fresh, kept_aside, before, number, seed)
                for seed in range(seeds)
            ]
            gains, perplexities, diversities, moved = map(np.array, zip(*found, strict=True))
            error = float(gains.std(ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else 0.0
            yield Measured(
                config.way,
                number,
                seeds,
                float(gains.mean()),
                error,
                float(perplexities.mean()),
                float(diversities.mean()),
                float(moved.mean()),
            )


def _one(
    given: Checkpoint,
    decoder: Decoder,
    config: FineTuneConfig,
    pool: Sequence[Row],
    fresh: Sequence[Row],
    kept_aside: Sequence[Row],
    before: Sequence[float],
    number: int,
    seed: int,
) -> tuple[float, float, float, float]:
    """Gain, perplexity and diversity after by before, KL a token: of one taste."""
    taste = Taste(seed, [row.tokens for row in pool])
    beside = written_rows(decoder, 200, part=1)
    learnt = fine_tune(given, judged(pool, taste, number, seed), config, seed, beside=beside)
    model, _ = within(given.model, learnt, decoder, beside, AIM)
    after = Decoder(dataclasses.replace(given, model=model, hash="tuned"))
    new = written(after, FRESH, seed=900_000)
    gain = np.mean([taste.of(row.tokens) for row in new]) - np.mean([taste.of(row.tokens) for row in fresh])
    perplexity = math.exp(np.mean(before) - np.mean(likelihoods(model, decoder, kept_aside)))
    pairs = [distinct_pairs([after.vocabulary.decode(r.tokens) for r in rows]) for rows in (fresh, new)]
    moved = np.mean(likelihoods(given.model, decoder, fresh)) - np.mean(likelihoods(model, decoder, fresh))
    return float(gain), perplexity, pairs[1] / max(1e-9, pairs[0]), float(moved)
