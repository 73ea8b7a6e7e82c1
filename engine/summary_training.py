"""Fits what a summary values: python -m engine.summary_training --channels FILE... [--model MODEL]

Knows: annotated channel logs, logistic regression, folds of whole channels.
Does not know: how signals are computed, points chosen or conversations found.

`python -m engine bench summary` measures with `held_out`: a log is never measured with weights that
were fitted on it.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from engine import summary_threads
from engine.channel_logs import ChannelLog, read_logs
from engine.summary_signals import LATENT_NAMES, NAMES, Encoder, Numbers, Terms, likeness, signals
from engine.summary_threads import BOUNDARY, PAIR
from engine.summary_units import Unit, units

FOLDS = 6
_PAIRS_APART = 40  # messages; pairs further apart say little
_DECAY = 0.012
_THREAD_DECAY = 0.005
KINDS = ("plain", "latent")


@dataclass(frozen=True)
class Fitted:
    """Weights as `summarize` takes them, by kind: "plain", and "latent" where an encoder was given."""

    scorer: Mapping[str, Numbers]
    threads: Mapping[str, tuple[Numbers, Numbers]]


class TrainingLog:
    """One log with the tables of its signals."""

    def __init__(self, log: ChannelLog, encode: Encoder | None = None) -> None:
        self.log = log
        self.messages = log.messages
        self.units: list[Unit] = units(log.messages)
        texts = [unit.text for unit in self.units]
        table = signals(self.units, self.messages, Terms(texts))
        self.tables = {"plain": table}
        self._thread_logs = {"plain": summary_threads.Log(self.messages)}
        if encode is not None:
            self.tables["latent"] = np.hstack([table, likeness(texts, encode)])
            latents = np.asarray(encode([message.text for message in self.messages]), np.float64)
            self._thread_logs["latent"] = summary_threads.Log(self.messages, latents)
        sources = [[self.messages[i].id for i in unit.messages] for unit in self.units]
        self.wanted = np.array([log.weight_of(names) for names in sources])
        self.noise = np.array([float(log.noise.issuperset(names)) for names in sources])
        self.topics = np.array([log.topics.get(message.id, -1) for message in self.messages])

    @cached_property
    def boundaries(self) -> dict[str, Numbers]:
        return {kind: summary_threads.boundaries(log) for kind, log in self._thread_logs.items()}

    @cached_property
    def breaks(self) -> Numbers:
        """1 where a topic differs from the topic before, 0 where not, -1 where there is no topic."""
        found = np.full(len(self.topics), -1.0)
        known = np.flatnonzero(self.topics >= 0)
        found[known[1:]] = self.topics[known[1:]] != self.topics[known[:-1]]
        return found

    def pairs(self, kind: str, boundary: Numbers) -> tuple[Numbers, Numbers]:
        """Rows of pairs of messages that both have a topic, and whether it is the same."""
        breaks = summary_threads.probability(self.boundaries[kind], boundary)
        table = summary_threads.pairs(self._thread_logs[kind], breaks)
        rows, columns = np.triu_indices(len(self.topics), 1)
        good = (self.topics[rows] >= 0) & (self.topics[columns] >= 0) & (columns - rows <= _PAIRS_APART)
        rows, columns = rows[good], columns[good]
        return table[rows, columns], (self.topics[rows] == self.topics[columns]).astype(float)


def logistic(table: Numbers, target: Numbers, importance: Numbers, decay: float) -> Numbers:
    """Weights and, at the end, the bias of a logistic regression, by Newton's method on scaled columns."""
    centre, spread = table.mean(0), table.std(0) + 1e-6
    scaled = np.hstack([(table - centre) / spread, np.ones((len(table), 1))])
    share = importance / importance.sum()
    penalty = np.full(scaled.shape[1], decay)
    penalty[-1] = 1e-9
    weights = np.zeros(scaled.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-(scaled @ weights)))
        slope = scaled.T @ ((chance - target) * share) + penalty * weights
        curve = (scaled * (share * chance * (1 - chance))[:, None]).T @ scaled + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    plain = weights[:-1] / spread
    return np.append(plain, weights[-1] - plain @ centre)


def fit(logs: Sequence[TrainingLog]) -> Fitted:
    kinds = [kind for kind in KINDS if all(kind in log.tables for log in logs)]
    wanted = np.concatenate([log.wanted for log in logs])
    noise = np.concatenate([log.noise for log in logs])
    importance = np.where(wanted > 0, 0.5 + 0.5 * wanted, 1.0)
    scorer, threads = {}, {}
    for kind in kinds:
        table = np.concatenate([log.tables[kind] for log in logs])
        scorer[kind] = np.stack(
            [
                logistic(table, (wanted > 0).astype(float), importance, _DECAY),
                logistic(table, noise, np.ones(len(noise)), _DECAY),
            ]
        )
        known = [log.breaks >= 0 for log in logs]
        boundary_table = np.concatenate(
            [log.boundaries[kind][good] for log, good in zip(logs, known, strict=True)]
        )
        breaks = np.concatenate([log.breaks[good] for log, good in zip(logs, known, strict=True)])
        boundary = logistic(boundary_table, breaks, np.ones(len(breaks)), _DECAY)
        found = [log.pairs(kind, boundary) for log in logs]
        same = np.concatenate([target for _, target in found])
        pair = logistic(np.concatenate([rows for rows, _ in found]), same, np.ones(len(same)), _THREAD_DECAY)
        threads[kind] = (boundary, pair)
    return Fitted(scorer, threads)


def held_out(logs: Sequence[TrainingLog]) -> dict[str, Fitted]:
    """For each log by name what was fitted on the other folds."""
    fold = {log.log.name: zlib.crc32(log.log.name.encode()) % FOLDS for log in logs}
    fitted = {
        number: fit([log for log in logs if fold[log.log.name] != number]) for number in set(fold.values())
    }
    return {name: fitted[number] for name, number in fold.items()}


def talk_encoder(model: str = "talk") -> Encoder:
    from engine import checkpoint
    from engine.latents import LatentEncoder
    from engine.weights import folder_of

    return LatentEncoder(checkpoint.load(folder_of(model)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.summary_training", description=__doc__)
    parser.add_argument("--channels", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="talk", help="whose latents are a signal")
    parser.add_argument("--out", type=Path, help="where the weights are written (default: engine/facts)")
    options = parser.parse_args(arguments)
    encode = talk_encoder(options.model)
    fitted = fit([TrainingLog(log, encode) for path in options.channels for log in read_logs(path)])
    out = options.out or Path(str(resources.files("engine.facts")))
    names = {"plain": (*NAMES, "bias"), "latent": (*LATENT_NAMES, "bias")}
    scorer = {
        kind: {of: _named(names[kind], row) for of, row in zip(("point", "noise"), rows, strict=True)}
        for kind, rows in fitted.scorer.items()
    }
    threads = {
        kind: {"boundary": _named((*BOUNDARY, "bias"), boundary), "pair": _named((*PAIR, "bias"), pair)}
        for kind, (boundary, pair) in fitted.threads.items()
    }
    for name, values in (("summary-weights", scorer), ("summary-threads", threads)):
        (out / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    return 0


def _named(names: Sequence[str], values: Numbers) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


if __name__ == "__main__":
    sys.exit(main())
