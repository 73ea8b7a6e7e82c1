"""Fits and measures what a summary values: python -m engine.summary_training train|measure --channels FILE...

Knows: annotated channel logs ({"id", "messages", "points": [{"sources", "weight"}], "noise"}).
Does not know: how signals are computed or points chosen.

Measured with whole channels held out. Weighted recall: a point counts its weight when one of its
source messages is a source of a chosen point, at the gold number of points and at equal length (the
characters of each point's first source).
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from engine import summarize, summary_signals
from engine.summary_signals import Numbers, Terms, signals
from engine.summary_units import Unit, units
from engine.values import Message

FOLDS = 5


class Log:
    """One annotated channel with its units, signals and, for each unit, the weight of its point."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.name: str = record["id"]
        self.messages = [
            Message(
                str(m["id"]),
                m["author"],
                m["text"],
                float(m["minute"]),
                None if m.get("reply_to") is None else str(m["reply_to"]),
            )
            for m in record["messages"]
        ]
        self.units: list[Unit] = units(self.messages)
        self.terms = Terms([unit.text for unit in self.units])
        self.table: Numbers = signals(self.units, self.messages, self.terms)
        weight: dict[str, float] = {}
        for point in record["points"]:
            for source in point["sources"]:
                weight[str(source)] = max(weight.get(str(source), 0), point["weight"])
        self.wanted = np.array(
            [max(weight.get(self.messages[i].id, 0) for i in unit.messages) for unit in self.units]
        )

    def recall(self, sources: set[str]) -> float:
        points = self.record["points"]
        found = sum(p["weight"] for p in points if sources & {str(s) for s in p["sources"]})
        return float(found / sum(p["weight"] for p in points))


def fit(logs: Sequence[Log], *, decay: float = 0.004, steps: int = 1500) -> tuple[Numbers, float]:
    """Logistic regression by gradient descent with momentum; weights (NAMES,) and bias."""
    table = np.concatenate([log.table for log in logs])
    wanted = np.concatenate([log.wanted for log in logs])
    target = (wanted > 0).astype(float)
    importance = np.where(wanted > 0, 0.5 + 0.5 * wanted, 1.0)
    importance /= importance.sum()
    centre, spread = table.mean(0), table.std(0) + 1e-6
    scaled = (table - centre) / spread
    weights, bias = np.zeros(table.shape[1]), 0.0
    pace, pace_bias = np.zeros_like(weights), 0.0
    for _ in range(steps):
        error = (1 / (1 + np.exp(-(scaled @ weights + bias))) - target) * importance
        pace = 0.9 * pace - 0.3 * (scaled.T @ error + decay * weights)
        pace_bias = 0.9 * pace_bias - 0.3 * float(error.sum())
        weights, bias = weights + pace, bias + pace_bias
    return weights / spread, float(bias - (weights / spread) @ centre)


def held_out(logs: Sequence[Log]) -> dict[str, tuple[Numbers, float]]:
    """For each log the weights fitted on the other folds."""
    fold = {log.name: zlib.crc32(log.name.encode()) % FOLDS for log in logs}
    fitted = [fit([log for log in logs if fold[log.name] != number]) for number in range(FOLDS)]
    return {log.name: fitted[fold[log.name]] for log in logs}


def _chosen(log: Log, worth: Numbers, points: int, characters: int | None) -> set[str]:
    allowed = np.ones(len(log.units), bool)
    allowed[list(summarize.overturned(log.units, log.messages))] = False
    rows = summarize.choose(log.units, log.terms, worth, allowed, points, characters)
    return {log.messages[i].id for row in rows for i in log.units[row].messages}


def measure(logs: Sequence[Log], weights: Mapping[str, tuple[Numbers, float]]) -> dict[str, float]:
    """Means over the logs, each with the weights under its name."""
    numbers: dict[str, list[float]] = {"gold_number": [], "equal_length": [], "noise": [], "longest": []}
    for log in logs:
        table_weights, bias = weights[log.name]
        worth = np.asarray(1 / (1 + np.exp(-(log.table @ table_weights + bias))))
        gold = len(log.record["points"])
        texts = {message.id: message.text for message in log.messages}
        budget = sum(len(texts[str(point["sources"][0])]) for point in log.record["points"])
        sources = _chosen(log, worth, gold, None)
        numbers["gold_number"].append(log.recall(sources))
        numbers["equal_length"].append(log.recall(_chosen(log, worth, gold, budget)))
        noise = {str(identity) for identity in log.record["noise"]}
        numbers["noise"].append(len(sources & noise) / len(sources))
        longest = sorted(log.messages, key=lambda m: -len(m.text))[:gold]
        numbers["longest"].append(log.recall({message.id for message in longest}))
    return {name: round(float(np.mean(values)), 4) for name, values in numbers.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.summary_training", description=__doc__)
    parser.add_argument("action", choices=("train", "measure"))
    parser.add_argument("--channels", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, help="where train writes the weights (default: engine/facts)")
    options = parser.parse_args(arguments)
    logs = {
        path: [Log(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
        for path in options.channels
    }
    together = [log for some in logs.values() for log in some]
    if options.action == "measure":
        fitted = held_out(together)
        print(json.dumps({path.stem: measure(some, fitted) for path, some in logs.items()}))
        return 0
    weights, bias = fit(together)
    out = options.out or Path(str(resources.files("engine.facts"))) / "summary-weights.json"
    named = {name: round(float(value), 4) for name, value in zip(summary_signals.NAMES, weights, strict=True)}
    out.write_text(json.dumps({"bias": round(bias, 4), "weights": named}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
