"""Trains and measures what recognises danger: python -m engine.danger_training train|measure --written DIR

Knows: where askings and harmless text stand (our own `written/*.jsonl` and `facts/danger-examples.jsonl`),
how the classifier is fitted, how recall and false alarms are counted with whole groups held out.
Does not know: how a text is folded or judged (`engine.danger` does).

Askings come in groups of paraphrases (a line of the examples, an intent, a dialogue). A group is held
out whole, by a hash of its name, so no paraphrase of a tested asking was trained on. The rules were
written with the written intents in view; the numbers by the classifier alone were not.

Two files were not trained on. `tests/danger_held_out.jsonl`: 29 groups, on purpose oblique or slangy, by the
hand that wrote the first examples and the rules; its first half was looked at and moved to the examples.
`tests/danger_other_hands.jsonl`: 130 situations by a hand that saw neither rules nor examples, 80 of them
dangerous. With the first 248 examples, of which 68 % of the former were recognised, it was 22 % of the
latter: a test by the same hand flatters. 2,346 more situations by eleven other hands and a stronger decay
(1e-5 in place of 1e-6) made it 83 % of the crises and 59 % of the unsafe askings; 980 more by three further
hands, half of them unsafe, and meanings through a hidden layer 87 and 74 % at the same false alarms (5 % of
turns of a Chinese chat corpus that nothing learnt from, 3 % of English dialogues, 20 % of what is on purpose
alike). Of the same texts the n-grams alone find 82 and 72, so the words' meaning is worth 2 to 8 points.
90 oblique situations more (rivers, calm, things given away) found 3 % more and took every walk by a river for
a farewell: left out. The 98 % aimed at hold for plain wordings only.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import itertools
import json
import sys
import zlib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine import danger, meaning
from engine.written_later import more_askings, more_intents

FOLDS = 5
_MOST = 6000  # rows of a file of more harmless text
_EXCEPTED = ("intents", "more", "examples")  # dialogues are not: theirs may be grave
# intents of the written data that have another name here
RENAMED = {
    "self_harm": "crisis",
    "cant_hold_on": "crisis_distress",
    "harm_others": "unsafe_request",
    "illegal_request": "unsafe_hacking_cheating",
    "sexual_request": "unsafe_sexual",
}


class Row(NamedTuple):
    """One asking: its group (a fold is made of groups), its intent ("" harmless), where it is from."""

    group: str
    intent: str
    text: str
    source: str


def is_dangerous(intent: str) -> bool:
    """Whether an intent of the written data must never reach a generator or the book."""
    return intent in RENAMED or intent.startswith(("crisis", "unsafe"))


def lines(path: Path) -> Iterable[dict[str, Any]]:
    """The records of a file of JSON lines, gzipped or not."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in raw.decode("utf-8").splitlines():
        yield json.loads(line)


def _named(intent: str) -> str:
    if not is_dangerous(intent):
        return ""
    name = RENAMED.get(intent, intent)
    return name if name in danger.INTENTS else "unsafe_request"


def gather(written: Path, more: Sequence[Path] = ()) -> list[Row]:
    """All askings. `more` are files of harmless text (any string fields), less what the rules find."""
    rows: list[Row] = []
    examples = resources.files("engine.facts") / "danger-examples.jsonl"
    for number, line in enumerate(examples.read_text("utf-8").splitlines()):
        record = json.loads(line)
        name = f"example {number}"
        rows += [Row(name, record["intent"], text, "examples") for text in record["asks"]]
    for path in sorted(written.glob("intent-*.jsonl")):
        for record in lines(path):
            intent = _named(record["intent"])
            rows += [Row(record["intent"], intent, text, "intents") for text in record["asks"]]
    askings = {row.text for row in rows if row.intent}
    for path in sorted(written.glob("*.jsonl")):
        kind = path.name.split("-")[0]
        if kind not in ("talk", "continue", "ask", "post", "ad", "story"):
            continue
        for number, record in enumerate(lines(path)):
            texts = record["turns"][::2] if kind == "talk" else [record["src"]]
            group = f"{path.stem} {number}"
            rows += [Row(group, "", text, kind) for text in texts if text not in askings]
    for (_, intent), asks in more_askings().items():
        rows += [Row(intent, "", text, "more") for text in asks if text not in askings]
    for _, record in more_intents():
        rows += [Row(record["intent"], "", text, "more") for text in record["asks"] if text not in askings]
    for path in more:
        for number, record in enumerate(itertools.islice(lines(path), _MOST)):
            for text in record.values():
                if isinstance(text, str) and not any(map(danger.by_rules, danger.pieces(text))):
                    rows.append(Row(f"{path.stem} {number}", "", text, "more"))
    return rows


class Features(NamedTuple):
    """Bags of n-gram buckets of many texts, end to end: text i is buckets[offsets[i]:offsets[i+1]]."""

    buckets: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    meanings: npt.NDArray[np.float32]  # (N, 2M)
    classes: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]


def featurise(rows: Sequence[Row]) -> Features:
    bags, words = [], []
    for row in rows:
        parts = danger.pieces(row.text)
        bags.append(danger.features(parts[0].text) if parts else np.zeros(0, np.int64))
        words.append(danger.heard(parts).words)
    sizes = np.array([len(bag) for bag in bags])
    classes = np.array([1 + danger.INTENTS.index(row.intent) if row.intent else 0 for row in rows])
    folds = np.array([zlib.crc32(row.group.encode()) % FOLDS for row in rows])
    offsets = np.concatenate([[0], sizes.cumsum()])
    return Features(np.concatenate(bags), offsets, danger.meanings(words), classes, folds)


class _Network(nn.Module):
    """`danger.Classifier` as it learns: n-grams in a straight line, meanings through a hidden layer."""

    def __init__(self, meanings: int, hidden: int) -> None:
        super().__init__()
        classes = len(danger.INTENTS) + 1
        self.letters = nn.EmbeddingBag(danger.BUCKETS, classes, mode="sum")
        nn.init.zeros_(self.letters.weight)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.entry, self.leave = nn.Linear(meanings, hidden), nn.Linear(hidden, classes, bias=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, buckets: Tensor, starts: Tensor, sizes: Tensor, meanings: Tensor) -> Tensor:
        by_letters: Tensor = self.letters(buckets, starts) / sizes.sqrt()[:, None]
        hidden = torch.relu(self.entry(self.dropout(meanings)))
        by_meaning: Tensor = self.leave(self.dropout(hidden))
        return by_letters + self.bias + by_meaning

    def classifier(self) -> danger.Classifier:
        tensors = (self.letters.weight, self.bias, self.entry.weight.T, self.entry.bias, self.leave.weight.T)
        weights, bias, entry, entry_bias, leave = (tensor.detach().numpy().copy() for tensor in tensors)
        return danger.Classifier(weights, bias, entry, entry_bias, leave, 0.5)


def fit(
    data: Features,
    keep: npt.NDArray[np.bool_],
    *,
    epochs: int = 8,
    batch: int = 512,
    hidden: int = 128,
    rate: float = 3e-2,
    decay: float = 1e-5,
    weight: float = 5.0,
) -> danger.Classifier:
    """By Adam, its rate falling to nothing. Dangerous askings count `weight` times a harmless one.

    `decay` holds the n-grams' weights down: they are many and remember; `rate` is theirs, the hidden
    layer learns at a thirtieth of it.
    """
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    network = _Network(data.meanings.shape[1], hidden)
    own = [*network.entry.parameters(), *network.leave.parameters()]
    letters = [network.letters.weight, network.bias]
    groups: list[dict[str, Any]] = [{"params": letters}, {"params": own, "weight_decay": 1e-4}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0)
    importance = torch.full((len(danger.INTENTS) + 1,), weight)
    importance[0] = 1.0
    chosen = np.flatnonzero(keep & (np.diff(data.offsets) > 0))
    steps = epochs * -(-len(chosen) // batch)
    done = 0
    for _ in range(epochs):
        draw.shuffle(chosen)
        for start in range(0, len(chosen), batch):
            rows = chosen[start : start + batch]
            scores = network(*_inputs(data, rows))
            wanted = torch.from_numpy(data.classes[rows])
            loss = nn.functional.cross_entropy(scores, wanted, weight=importance)
            loss = loss + decay / 2 * network.letters.weight.square().sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            for group, share in zip(optimizer.param_groups, (1.0, 1 / 30), strict=True):
                group["lr"] = rate * share * max(0.02, 1 - done / steps)
            optimizer.step()
            done += 1
    return network.classifier()


def _inputs(data: Features, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    starts, ends = data.offsets[rows], data.offsets[rows + 1]
    sizes = ends - starts
    buckets = np.concatenate([data.buckets[a:b] for a, b in zip(starts, ends, strict=True)])
    begins = np.concatenate([[0], sizes.cumsum()[:-1]])
    found = (buckets, begins, sizes.astype(np.float32), data.meanings[rows])
    return tuple(map(torch.from_numpy, found))  # type: ignore[return-value]


def _write(classifier: danger.Classifier, path: Path) -> None:
    halves = {
        name: getattr(classifier, name).astype(np.float16)
        for name in ("weights", "entry", "entry_bias", "leave")
    }
    np.savez_compressed(
        path,
        **halves,
        bias=classifier.bias,
        threshold=np.float32(classifier.threshold),
        harmless=np.array(sorted(classifier.harmless), np.uint64),
        meaning=np.array(meaning.digest()),
    )


def with_exceptions(classifier: danger.Classifier, rows: Sequence[Row]) -> danger.Classifier:
    """The classifier as it is stored, which takes no asking of a harmless intent for danger."""
    stored = np.where(np.abs(classifier.weights) < 0.02, 0, classifier.weights).astype(np.float16)
    plain = dataclasses.replace(classifier, weights=stored.astype(np.float32), harmless=frozenset())
    known = (danger.pieces(row.text) for row in rows if not row.intent and row.source in _EXCEPTED)
    alarms = ("".join(p.text for p in parts) for parts in known if danger.by_classifier(parts, plain))
    return dataclasses.replace(plain, harmless=frozenset(map(danger.digest, alarms)))


def measure(rows: Sequence[Row], data: Features, threshold: float) -> dict[str, Any]:
    """Recall and false alarms with every group held out once from the classifier's training."""
    pieces = [danger.pieces(row.text) for row in rows]
    by_rule = np.array([any(map(danger.by_rules, parts)) for parts in pieces])
    found = np.zeros(len(rows), bool)
    for fold in range(FOLDS):
        model = fit(data, data.folds != fold)
        model = dataclasses.replace(model, threshold=threshold)
        for index in map(int, np.flatnonzero(data.folds == fold)):
            found[index] = danger.by_classifier(pieces[index], model) is not None
    both = by_rule | found
    sources = sorted({row.source for row in rows})
    report: dict[str, Any] = {"threshold": threshold, "recall": {}, "false_alarms": {}, "missed": []}
    for dangerous in (True, False):
        for source in sources:
            here = np.array([bool(row.intent) is dangerous and row.source == source for row in rows])
            if here.any():
                report["recall" if dangerous else "false_alarms"][source] = {
                    "askings": int(here.sum()),
                    "rules": round(float(by_rule[here].mean()), 4),
                    "classifier": round(float(found[here].mean()), 4),
                    "both": round(float(both[here].mean()), 4),
                }
    report["missed"] = [row.text for row, caught in zip(rows, both, strict=True) if row.intent and not caught]
    report["alarmed"] = [
        (row.source, row.text) for row, hit in zip(rows, both, strict=True) if hit and not row.intent
    ]
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.danger_training", description=__doc__)
    parser.add_argument("action", choices=("train", "measure"))
    parser.add_argument("--written", type=Path, required=True, help="folder with intent-*.jsonl and the rest")
    parser.add_argument("--harmless", type=Path, nargs="*", default=[], help="more harmless text, JSON lines")
    parser.add_argument("--threshold", type=float, default=0.68)
    parser.add_argument("--out", type=Path, help="where train writes the weights (default: engine/facts)")
    parser.add_argument("--texts", action="store_true", help="measure: print missed and alarmed texts too")
    options = parser.parse_args(arguments)
    rows = gather(options.written, options.harmless)
    data = featurise(rows)
    if options.action == "train":
        model = fit(data, np.ones(len(rows), bool))
        out = options.out or Path(str(resources.files("engine.facts"))) / "danger-weights.npz"
        model = dataclasses.replace(model, threshold=options.threshold)
        _write(with_exceptions(model, rows), out)
        print(f"{out}: {out.stat().st_size} bytes from {len(rows)} texts", file=sys.stderr)
        return 0
    report = measure(rows, data, options.threshold)
    if not options.texts:
        report = {name: report[name] for name in ("threshold", "recall", "false_alarms")}
    print(json.dumps(report, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
