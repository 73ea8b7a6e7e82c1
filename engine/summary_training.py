"""Fits what a summary values: python -m engine.summary_training --channels FILE... [--model MODEL]

Knows: annotated channel logs, folds of whole channels, which step is fitted on what.
Does not know: how signals are computed, points chosen or conversations found, or the regressions
(`summary_fitting`).

`python -m engine bench summary` measures with `held_out`: a log is never measured with weights that
were fitted on it.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from engine.channel_logs import ChannelLog, read_logs
from engine.summary_breaks import BOUNDARY, NEAR, boundaries
from engine.summary_fitting import Listed, listwise, logistic
from engine.summary_log import Labels, Log
from engine.summary_pairs import company, pairs
from engine.summary_signals import LATENT_NAMES, NAMES, Encoder, Numbers, Terms, likeness, signals
from engine.summary_threads import NAMES as THREAD_NAMES
from engine.summary_threads import Weights, both_ways, probability
from engine.summary_units import Unit, units

FOLDS = 11
_INNER = 5  # parts of the logs that are fitted on, each looked at by what was fitted on the others
_PAIRS_APART = 60  # messages; pairs further apart say little
_DECAY = 0.012
_LIST_DECAY = 0.03
_VIEWS = ((len(NEAR), 0.012), (len(BOUNDARY), 0.03))  # signals of a break that are looked at, and their decay
_PAIR_DECAY = 0.015
_AGAIN_DECAY = 0.05
KINDS = ("plain", "latent")
ROWS = ("point", "noise", "rank")


@dataclass(frozen=True)
class Fitted:
    """Weights as `summarize` and `threads` take them, by kind: "plain", and "latent" with an encoder."""

    scorer: Mapping[str, Numbers]
    threads: Mapping[str, Sequence[Weights]]


class TrainingLog:
    """One log with the tables of its signals."""

    def __init__(self, log: ChannelLog, encode: Encoder | None = None) -> None:
        self.log = log
        self.messages = log.messages
        self.units: list[Unit] = units(log.messages)
        texts = [unit.text for unit in self.units]
        table = signals(self.units, self.messages, Terms(texts))
        self.tables = {"plain": table}
        self._latents = None
        if encode is not None:
            self.tables["latent"] = np.hstack([table, likeness(texts, encode)])
            self._latents = np.asarray(encode([message.text for message in self.messages]), np.float64)
        sources = [[self.messages[i].id for i in unit.messages] for unit in self.units]
        self.wanted = np.array([log.weight_of(names) for names in sources])
        self.noise = np.array([float(log.noise.issuperset(names)) for names in sources])
        marks = [
            (weight, [float(not known.isdisjoint(names)) for names in sources])
            for known, weight in ((frozenset(sources_), weight) for sources_, weight in log.points)
        ]
        marks = [(weight, marked) for weight, marked in marks if any(marked)]
        self.point_weights = np.array([weight for weight, _ in marks])
        self.point_rows = np.array([marked for _, marked in marks]).reshape(len(marks), len(self.units))
        self.topics = np.array([log.topics.get(message.id, -1) for message in self.messages])

    @cached_property
    def thread_logs(self) -> dict[str, Log]:
        logs = {"plain": Log(self.messages)}
        return logs if self._latents is None else {**logs, "latent": Log(self.messages, self._latents)}

    @cached_property
    def boundaries(self) -> dict[str, Numbers]:
        return {kind: boundaries(log) for kind, log in self.thread_logs.items()}

    @cached_property
    def breaks(self) -> Numbers:
        """1 where a topic differs from the topic before, 0 where not, -1 where there is no topic."""
        found = np.full(len(self.topics), -1.0)
        known = np.flatnonzero(self.topics >= 0)
        found[known[1:]] = self.topics[known[1:]] != self.topics[known[:-1]]
        return found

    @cached_property
    def couples(self) -> tuple[Labels, Labels, Numbers]:
        """Earlier rows and later columns of messages that both have a topic, and whether it is the same."""
        rows, columns = np.triu_indices(len(self.topics), 1)
        good = (self.topics[rows] >= 0) & (self.topics[columns] >= 0) & (columns - rows <= _PAIRS_APART)
        rows, columns = rows[good], columns[good]
        return rows, columns, (self.topics[rows] == self.topics[columns]).astype(float)


def fit(logs: Sequence[TrainingLog]) -> Fitted:
    """Everything that is shipped."""
    return Fitted(fit_scorer(logs), fit_threads(logs))


def fit_scorer(logs: Sequence[TrainingLog]) -> dict[str, Numbers]:
    """By kind ROWS of weights, each with its bias at the end.

    "rank" says what is best of a log: listwise, then scaled to a chance. "point" says how likely a unit is
    a point by itself, which a budget of characters asks: half of it a plain regression.
    """
    wanted = np.concatenate([log.wanted for log in logs])
    noise = np.concatenate([log.noise for log in logs])
    marked = (wanted > 0).astype(float)
    importance = np.where(wanted > 0, 0.5 + 0.5 * wanted, 1.0)
    found = {}
    for kind in _kinds(logs):
        table = np.concatenate([log.tables[kind] for log in logs])
        lists = [Listed(log.tables[kind], log.point_rows, log.point_weights) for log in logs]
        order = listwise(lists, _LIST_DECAY)
        scale, bias = logistic((table @ order)[:, None], marked, importance, 1e-6)
        rank = np.append(order * scale, bias)
        point = (rank + logistic(table, marked, importance, _DECAY)) / 2
        found[kind] = np.stack([point, logistic(table, noise, np.ones(len(noise)), _DECAY), rank])
    return found


def fit_threads(logs: Sequence[TrainingLog]) -> dict[str, list[Weights]]:
    """By kind the weights of each view.

    What a later step is fitted on was made by an earlier one that had not seen the log.
    """
    return {kind: [_view(logs, kind, *view) for view in _VIEWS] for kind in _kinds(logs)}


def _view(logs: Sequence[TrainingLog], kind: str, columns: int, decay: float) -> Weights:
    def fit_breaks(some: Sequence[TrainingLog]) -> Numbers:
        table = np.concatenate([log.boundaries[kind][log.breaks >= 0, :columns] for log in some])
        target = np.concatenate([log.breaks[log.breaks >= 0] for log in some])
        found = logistic(table, target, np.ones(len(target)), decay)
        return np.concatenate([found[:-1], np.zeros(len(BOUNDARY) - columns), found[-1:]])

    breaks = _by_others(logs, fit_breaks, lambda log, found: probability(log.boundaries[kind], found))
    tables = {
        log.log.name: pairs(log.thread_logs[kind], chance) for log, chance in zip(logs, breaks, strict=True)
    }

    def fit_pairs(some: Sequence[TrainingLog], decay: float) -> Numbers:
        table = np.concatenate([tables[log.log.name][log.couples[:2]] for log in some])
        target = np.concatenate([log.couples[2] for log in some])
        return logistic(table, target, np.ones(len(target)), decay)

    guesses = _by_others(
        logs,
        lambda some: fit_pairs(some, _PAIR_DECAY),
        lambda log, found: both_ways(probability(tables[log.log.name], found)),
    )
    pair = fit_pairs(logs, _PAIR_DECAY)
    for log, guess in zip(logs, guesses, strict=True):
        seen = tables[log.log.name]
        tables[log.log.name] = np.concatenate([seen, company(log.thread_logs[kind], guess)], axis=-1)
    return Weights(fit_breaks(logs), pair, fit_pairs(logs, _AGAIN_DECAY))


def _by_others(
    logs: Sequence[TrainingLog],
    fitting: Callable[[Sequence[TrainingLog]], Numbers],
    apply: Callable[[TrainingLog, Numbers], Numbers],
) -> list[Numbers]:
    """For each log what weights say of it that were fitted on the other parts of the logs."""
    parts = min(_INNER, len(logs))
    found = [
        fitting([log for place, log in enumerate(logs) if place % parts != part or parts == 1])
        for part in range(parts)
    ]
    return [apply(log, found[place % parts]) for place, log in enumerate(logs)]


def _kinds(logs: Sequence[TrainingLog]) -> list[str]:
    return [kind for kind in KINDS if all(kind in log.tables for log in logs)]


def fold_of(name: str) -> int:
    """Which of FOLDS a log of this name falls into."""
    return zlib.crc32(name.encode()) % FOLDS


def held_out(
    logs: Sequence[TrainingLog], fitting: Callable[[Sequence[TrainingLog]], Fitted] = fit
) -> dict[str, Fitted]:
    """For each log by name what was fitted on the other folds."""
    fold = {log.log.name: fold_of(log.log.name) for log in logs}
    fitted = {
        number: fitting([log for log in logs if fold[log.log.name] != number])
        for number in set(fold.values())
    }
    return {name: fitted[number] for name, number in fold.items()}


def fit_only_scorer(logs: Sequence[TrainingLog]) -> Fitted:
    """Without what tells conversations apart, which takes most of the time."""
    return Fitted(fit_scorer(logs), {})


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
        kind: {of: _named(names[kind], row) for of, row in zip(ROWS, rows, strict=True)}
        for kind, rows in fitted.scorer.items()
    }
    threads = {
        kind: [
            {of: _named(names_, getattr(view, of)) for of, names_ in THREAD_NAMES.items()} for view in views
        ]
        for kind, views in fitted.threads.items()
    }
    for name, values in (("summary-weights", scorer), ("summary-threads", threads)):
        (out / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    return 0


def _named(names: Sequence[str], values: Numbers) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


if __name__ == "__main__":
    sys.exit(main())
