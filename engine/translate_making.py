"""python -m engine.translate_making FOLDER --data FILE… --own FILE: what lies beside translate's weights.

Knows: how the lexicon, the memory and the confidence are made from the files that trained the model.
Does not know: how they are used (`engine.translate` does).

The files must be those of the training command, in its order: what training held out is found again, and
confidence is fitted there, on sentences that neither the model nor the lexicon saw. A translation counts
as roughly right when its chrF (Popović 2015) reaches RIGHT.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from engine import checkpoint, corpus, lexicon, parallel, training_data, translate
from engine.corpus import CorpusConfig, Encoded
from engine.decode import Decoder
from engine.vocabulary import Vocabulary

RIGHT = {"zh>en": 45.0, "en>zh": 28.0}
"""chrF from which a translation is roughly right; Chinese has fewer characters to share."""
_PULL = 1.0  # L2 weight of the logistic regression, the bias left out

Floats = npt.NDArray[np.float64]


def texts(example: Encoded, vocabulary: Vocabulary) -> tuple[str, str]:
    """(source, target) of an encoded example."""
    source = vocabulary.decode(example.context[0].tolist()).strip()
    return source, vocabulary.decode(example.target.tolist()).strip()


def chrf(found: str, wanted: str, order: int = 6, beta: float = 2.0) -> float:
    """F of character n-grams of 1 to `order` without blanks, averaged, from 0 to 100."""
    a, b = "".join(found.split()), "".join(wanted.split())
    precision, recall, orders = 0.0, 0.0, 0
    for size in range(1, order + 1):
        grams, others = (Counter(side[i : i + size] for i in range(len(side) - size + 1)) for side in (a, b))
        if not grams or not others:
            continue
        shared = (grams & others).total()
        precision, recall = precision + shared / grams.total(), recall + shared / others.total()
        orders += 1
    if not orders or not precision + recall:
        return 0.0
    precision, recall = precision / orders, recall / orders
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def fit(features: Floats, right: Floats) -> Floats:
    """Logistic regression by Newton's method: features (N, F), the first one 1, and labels (N,) → (F,)."""
    weights = np.zeros(features.shape[1])
    pull = np.full(features.shape[1], _PULL)
    pull[0] = 1e-6
    for _ in range(50):
        p = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (p - right) + pull * weights
        curve = (features * (p * (1 - p))[:, None]).T @ features + np.diag(pull)
        change = np.linalg.solve(curve, slope)
        weights -= change
        if float(np.abs(change).max()) < 1e-8:
            break
    return weights


def calibration(p: Floats, right: Floats, bins: int = 5) -> float:
    """Expected calibration error over `bins` of equal size: |mean confidence - share right|, weighted."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(abs(p[part].mean() - right[part].mean()) * len(part) for part in parts) / len(p))


def confidence(
    translator: translate.Translator, held_out: Sequence[tuple[str, str]]
) -> dict[str, dict[str, float]]:
    """The weights of each direction with how well they hold on the other half (two-fold)."""
    found: dict[str, dict[str, float]] = {}
    for tag, least in RIGHT.items():
        rows, labels = [], []
        for source, target in held_out:
            if parallel.direction(source) != tag:
                continue
            language = "en" if tag == parallel.TAGS[0] else "zh"
            values, best = translator.observe(source, language)
            rows.append(values)
            labels.append(chrf(best, target) >= least)
        features, right = np.array(rows), np.array(labels, dtype=np.float64)
        errors = []
        for side in (0, 1):
            fold = np.arange(len(right)) % 2 == side
            p = 1 / (1 + np.exp(-features[fold] @ fit(features[~fold], right[~fold])))
            errors.append(calibration(p, right[fold]))
        weights = dict(zip(translate.FEATURES, fit(features, right).tolist(), strict=True))
        measured = {
            "right": float(right.mean()),
            "rows": float(len(right)),
            "calibration_error": float(np.mean(errors)),
        }
        found[tag] = {**weights, **measured}
    return found


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", "files", type=click.Path(exists=True, path_type=Path), multiple=True, required=True)
@click.option(
    "--own", type=click.Path(exists=True, path_type=Path), required=True, help="Pairs that may ship."
)
@click.option("--rows", default=800, show_default=True, help="Held-out rows that confidence is fitted on.")
def main(folder: Path, files: tuple[Path, ...], own: Path, rows: int) -> None:
    loaded = checkpoint.load(folder)
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in loaded.corpus.items()
    }
    data = training_data.load_data(list(files), CorpusConfig(**values), vocabulary=loaded.vocabulary)
    if not (folder / lexicon.FILE).exists():  # training leaves one where the model reads glosses
        both = (texts(example, loaded.vocabulary) for example in data.train)
        pairs = [(t, s) for s, t in both if parallel.direction(s) == parallel.TAGS[0]]
        lexicon.learn(pairs, least=2).save(folder)
    translate.write_memory(folder, [pair for row in corpus.rows(own) for pair in parallel.pairs(row)])
    translator = translate.Translator(Decoder(loaded))
    held_out = [texts(example, loaded.vocabulary) for example in data.validation[:rows]]
    found = confidence(translator, held_out)
    (folder / translate.CONFIDENCE_FILE).write_text(json.dumps(found, indent=1), "utf-8")
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main(prog_name="python -m engine.translate_making")
