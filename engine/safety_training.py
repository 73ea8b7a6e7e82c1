"""Trains and measures what keeps drafts decent: python -m engine.safety_training train|measure --data DIR

Knows: the toxicity corpora (COLD, Toxic Spans, Davidson), which harmless text stands against them, which
words of LDNOOBW's lists are told apart from harmless text, how thresholds are set.
Does not know: drafts, models, the engine.

A word of the lists is kept when harmless modern text and classical verse hardly ever hold it: 处女 and
后庭 are words like any other there, and single characters part of thousands. A threshold is the one of
the best F1 on the published development rows; where more than 0.5 % of held-out harmless text would
reach it, it is raised until no more does.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine import held_out, safety
from engine.danger_texts import is_dangerous
from engine.facts import read_text
from engine.text import sentences

MOST_ALARMS = 0.005
_BATCH = 4096
_ASIDE = 10  # one harmless text of others in so many is measured with
_MOST_HITS = 2  # of a word in all harmless text; above that it is a word like any other
# file → rows taken at most; of each row every text, long ones by sentence
HARMLESS = {
    "text-zh-commonvoice-cn": 12000, "text-zh-cococn": 4000, "dialogue-zh-kdconv": 300,
    "dialogue-zh-crosswoz": 150, "dialogue-zh-smile": 700, "text-zh-four-classics-pd": 500,
    "qa-zh-cmrc2018": 500, "story-zh-asp": 54, "poem-zh-tang": 9000, "poem-zh-song": 9000,
    "poem-zh-later": 5000, "poem-zh-ci-qu": 2000, "pair-en_zh-tatoeba": 9000, "text-zh-howtocook": 60,
    "text-en-commonvoice": 12000, "dialogue-en-sgd": 300, "dialogue-en-topicalchat": 200,
    "dialogue-en-personality-chat-ms": 478, "dialogue-en-taskmaster4": 100, "text-en-gutenberg-pd": 500,
    "story-en-asp": 300, "poem-en-chicago-rhyming": 1500,
}  # fmt: skip
_KEYS = ("turns", "src", "tgt", "text", "context", "summary")
_UNSAFE_LABELS = (1, "hate", "offensive")
ATTRIBUTION = (
    "# From LDNOOBW/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words, CC BY 4.0",
    "# (https://creativecommons.org/licenses/by/4.0/); changed: words that harmless text holds too are left",
    "# out, what is left is folded and sorted (python -m engine.safety_training train).",
)


class Row(NamedTuple):
    """A text, folded by `safety.plain`, whether it offends, where it is from, whether it is kept aside."""

    text: str
    offends: bool
    source: str
    aside: bool


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _texts(row: dict[str, Any], keys: Sequence[str]) -> Iterator[str]:
    """What a person would read of a row: verse whole, dialogues by turn, prose by a few sentences."""
    if "lines" in row:
        yield "\n".join(row["lines"])
        return
    for key in keys:
        value = row.get(key, ())
        for passage in value if isinstance(value, list) else [value]:
            if isinstance(passage, str) and len(passage) <= 160:
                yield passage
            elif isinstance(passage, str):
                parts = sentences(passage)
                yield from ("".join(parts[at : at + 2]) for at in range(0, min(len(parts), 40), 2))


def _replies(row: dict[str, Any]) -> Iterator[str]:
    """What Moyou says in a row of ours. What people say to it may be rude, and is not of interest."""
    if "turns" in row:
        row = {"turns": row["turns"][1::2]}
    yield from _texts(row, ("turns", "replies", "tgt"))
    yield from (pair["reply"] for pair in row.get("follow", ()))


def written(folder: Path) -> Iterator[tuple[str, bool]]:
    """(reply, kept aside) of our own rows, dangerous intents left out."""
    for path in sorted(folder.glob("*.jsonl")):
        for row in _lines(path):
            if "intent" in row and is_dangerous(row["intent"]):
                continue
            for part, aside in (
                (held_out.training_part(path.stem, row), False),
                (held_out.held_out_part(path.stem, row), True),
            ):
                yield from ((text, aside) for text in _replies(part or {}))


def gather(data: Path) -> list[Row]:
    """All rows, offending and harmless, no folded text twice."""
    found: dict[str, Row] = {}

    def add(text: str, offends: bool, source: str, aside: bool) -> None:
        if plain := safety.plain(text):
            found.setdefault(plain, Row(plain, offends, source, aside))

    for text, aside in written(data / "written"):
        add(text, False, "written", aside)
    for stem, most in HARMLESS.items():
        for number, row in enumerate(_lines(data / f"{stem}.jsonl.gz")):
            if number >= most:
                break
            for text in _texts(row, _KEYS):
                add(text, False, stem, zlib.crc32(f"{stem} {number}".encode()) % _ASIDE == 0)
    for stem in ("toxic-zh-cold", "toxic-en-davidson", "toxic-en-toxicspans"):
        for number, row in enumerate(_lines(data / f"{stem}.jsonl.gz")):
            if row.get("spans") == []:
                continue  # a toxic post in which nobody could say where
            offends = "spans" in row or row["label"] in _UNSAFE_LABELS
            aside = row["split"] == "valid" if "split" in row else number % _ASIDE == 0
            add(row["text"], offends, stem, aside)
    return list(found.values())


def choose_words(lists: dict[str, list[str]], harmless: Sequence[str]) -> list[str]:
    """The folded words of the lists that harmless plain texts hold at most `_MOST_HITS` times."""
    words = sorted({plain for name in lists for word in lists[name] if (plain := safety.plain(word))})
    kept = []
    text = "\n".join(harmless)
    for word in words:
        if len(word) < 2 or (len(word) < 3 and word.isascii()):
            continue
        if text.count(word) <= _MOST_HITS or len(safety.word_pattern([word]).findall(text)) <= _MOST_HITS:
            kept.append(word)
    return kept


def fit(
    texts: Sequence[str], offends: npt.NDArray[np.bool_], *, steps: int = 40, decay: float = 8e-6
) -> tuple[npt.NDArray[np.float32], float]:
    """(BUCKETS,) weights and a bias: logistic regression by full-batch Adam, both sides weighing the same."""
    bags = [safety.bags(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
    buckets = np.concatenate([bag for bag, _ in bags]).astype(np.int32)
    counts = np.concatenate([sizes for _, sizes in bags])
    scale = 1 / np.sqrt(counts)
    starts = counts.cumsum() - counts
    importance = np.where(offends, 0.5 / max(1, offends.sum()), 0.5 / max(1, (~offends).sum()))
    weights, bias = np.zeros(safety.BUCKETS), 0.0
    first, second = np.zeros(safety.BUCKETS + 1), np.zeros(safety.BUCKETS + 1)
    for step in range(1, steps + 1):
        scores = bias + scale * np.add.reduceat(weights[buckets], starts)
        error = (1 / (1 + np.exp(-np.clip(scores, -30, 30))) - offends) * importance
        spread = np.repeat(error * scale, counts)
        slope = np.bincount(buckets, spread, minlength=safety.BUCKETS) + decay * weights
        gradient = np.append(slope, error.sum())
        first += 0.1 * (gradient - first)
        second += 0.01 * (gradient**2 - second)
        pace = 0.6 * (1 - 0.9 * step / steps)
        move = pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-9)
        weights, bias = weights - move[:-1], bias - float(move[-1])
    return weights.astype(np.float32), bias


def f1(offends: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_]) -> float:
    """The F1 of finding what offends, 0 where nothing is found."""
    hits = int((offends & found).sum())
    return 2 * hits / max(1, int(offends.sum()) + int(found.sum()))


def threshold(probability: safety.Numbers, offends: npt.NDArray[np.bool_], harmless: safety.Numbers) -> float:
    """The threshold of the best F1, raised until at most MOST_ALARMS of the harmless reach it."""
    levels = np.arange(0.05, 0.995, 0.005)
    best = max(levels, key=lambda level: f1(offends, probability >= level))
    allowed = [level for level in levels if (harmless >= level).mean() <= MOST_ALARMS]
    return float(max(best, min(allowed, default=0.995)))


def _development(row: Row) -> bool:
    return row.aside and row.source.startswith("toxic-")


def train(rows: Sequence[Row]) -> safety.Classifier:
    """Both regressions with their thresholds, weights as they will be stored (8 bits)."""
    weights, bias = np.zeros((2, safety.BUCKETS), np.float32), np.zeros(2, np.float32)
    for index in range(2):
        mine = [row for row in rows if safety.language_of(row.text) == index and not row.aside]
        weights[index], bias[index] = fit(
            [row.text for row in mine], np.array([row.offends for row in mine], bool)
        )
    scale = np.abs(weights).max(axis=1) / 127
    stored = np.round(weights / scale[:, None]).astype(np.int8)
    model = safety.Classifier(stored * scale[:, None], bias, np.array([0.5, 0.5], np.float32))
    thresholds = []
    for index in range(2):
        mine = [row for row in rows if safety.language_of(row.text) == index and row.aside]
        wild = [row for row in mine if _development(row)]
        tame = [row.text for row in mine if row.source == "written"]
        thresholds.append(
            threshold(
                model.probabilities([row.text for row in wild]),
                np.array([row.offends for row in wild], bool),
                model.probabilities(tame) if tame else np.zeros(1),
            )
        )
    return safety.Classifier(model.weights, bias, np.array(thresholds, np.float32))


def write(model: safety.Classifier, words: Sequence[str], folder: Path) -> None:
    scale = np.abs(model.weights).max(axis=1) / 127
    np.savez_compressed(
        folder / safety.WEIGHTS,
        weights=np.round(model.weights / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=model.bias,
        thresholds=model.thresholds,
    )
    (folder / safety.WORDS).write_text("\n".join([*ATTRIBUTION, *words, ""]), "utf-8")


def measure(
    rows: Sequence[Row], model: safety.Classifier, words: Sequence[str]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What is found of each source's rows kept aside, and the harmless texts that alarmed."""
    pattern = safety.word_pattern(words)
    aside = [row for row in rows if row.aside]
    by_class = model.offends([row.text for row in aside])
    by_word = np.array([bool(pattern.search(row.text)) for row in aside])
    offends = np.array([row.offends for row in aside])
    report: dict[str, Any] = {"thresholds": [round(float(t), 3) for t in model.thresholds]}
    for index, language in enumerate(safety.LANGUAGES):
        wild = np.array([_development(r) and safety.language_of(r.text) == index for r in aside])
        report[f"{language}_f1_classifier"] = round(f1(offends[wild], by_class[wild]), 4)
        report[f"{language}_f1_both"] = round(f1(offends[wild], (by_class | by_word)[wild]), 4)
    for source in sorted({row.source for row in aside}):
        for side in (True, False):
            here = np.array([row.source == source and row.offends is side for row in aside])
            if here.any():
                report[f"{source} {'offending' if side else 'harmless'}"] = {
                    "texts": int(here.sum()),
                    "words": round(float(by_word[here].mean()), 4),
                    "classifier": round(float(by_class[here].mean()), 4),
                    "either": round(float((by_class | by_word)[here].mean()), 4),
                }
    alarms = [
        (row.source, row.text)
        for row, hit in zip(aside, by_class | by_word, strict=True)
        if hit and not row.offends and not row.source.startswith("toxic-")
    ]
    return report, alarms


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.safety_training", description=__doc__)
    parser.add_argument("action", choices=("train", "measure"))
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora and written/")
    parser.add_argument("--out", type=Path, help="where train writes (default: engine/facts)")
    parser.add_argument("--texts", action="store_true", help="measure: print the harmless texts that alarmed")
    options = parser.parse_args(arguments)
    rows = gather(options.data)
    if options.action == "train":
        lists = json.loads(gzip.decompress((options.data / "badwords-zh_en-ldnoobw.json.gz").read_bytes()))
        words = choose_words(lists, [row.text for row in rows if not row.offends and not row.aside])
        out = options.out or Path(str(resources.files("engine.facts")))
        write(train(rows), words, out)
        size = (out / safety.WEIGHTS).stat().st_size
        print(f"{out}: {size} bytes, {len(words)} words, from {len(rows)} texts", file=sys.stderr)
        return 0
    words = [line for line in read_text(safety.WORDS).splitlines() if line and line[0] != "#"]
    report, alarms = measure(rows, safety._classifier(), words)
    print(json.dumps(report, ensure_ascii=False, indent=1))
    if options.texts:
        for source, text in alarms:
            print(f"{source}\t{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
