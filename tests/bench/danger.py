"""How often is danger missed, how often heard in vain? python -m tests.bench.danger --data DIR

Knows: texts that the classifier of danger never learnt from, by whose hand they are, what of them is danger.
Does not know: how danger is recognised, how the classifier is trained (`engine.danger_training` does).

Prints one JSON object, {set: {"texts", "found"}}, `found` the share that is recognised: recall of the sets
named crisis and unsafe, false alarms of all others. `--weights` measures other weights than the shipped ones,
`--texts` prints the missed and the alarmed. Sets: what stands aside under tests/, by three hands; both sides
of Tatoeba's development sentences; our themes; turns of people (LCCC, and what of Topical-Chat is
not learnt from).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine import danger
from engine.danger_texts import aside
from engine.reading import rows

TESTS = Path(__file__).resolve().parents[1]
ASIDE = {
    "first hand": "danger_held_out.jsonl",
    "other hands": "danger_other_hands.jsonl",
    "near": "danger_near.jsonl",
}
TURNS = 4000


def sets(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Each set's name and its texts; what is not below `data` is left out."""
    for hand, file in ASIDE.items():
        kinds: dict[str, list[str]] = {"crisis": [], "unsafe": [], "harmless": []}
        for record in rows(TESTS / file):
            kinds[record["intent"].split("_")[0] or "harmless"] += record["asks"]
        yield from ((f"{hand}: {kind}", texts) for kind, texts in kinds.items() if texts)
    tatoeba = data / "pair-en_zh-tatoeba.jsonl.gz"
    if tatoeba.exists():
        for side, language in (("src", "en"), ("tgt", "zh")):
            yield f"Tatoeba {language}", list(dict.fromkeys(row[side] for row in aside(tatoeba)))
    for path in sorted((data / "written").glob("theme-*.jsonl")):
        yield path.stem, list(dict.fromkeys(row["theme"] for row in rows(path)))
    lccc = data / "evaluate" / "dialogue-zh-lccc-base-valtest.valid.jsonl.gz"
    topical = data / "dialogue-en-topicalchat.jsonl.gz"
    for name, path, records in (("LCCC", lccc, rows), ("Topical-Chat", topical, aside)):
        if path.exists():
            yield name, list(dict.fromkeys(turn for row in records(path) for turn in row["turns"]))[:TURNS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--texts", action="store_true")
    options = parser.parse_args()
    classifier = danger.load(options.weights)
    if options.threshold is not None:
        classifier = dataclasses.replace(classifier, threshold=options.threshold)
    report = {}
    for name, texts in sets(options.data):
        found = np.array([danger.recognise(text, classifier=classifier) is not None for text in texts])
        report[name] = {"texts": len(texts), "found": round(float(found.mean()), 4)}
        if options.texts:
            dangerous = name.endswith(("crisis", "unsafe"))
            for text, hit in zip(texts, found, strict=True):
                if hit != dangerous:
                    print(json.dumps([name, text], ensure_ascii=False), file=sys.stderr)
    print(json.dumps(report, ensure_ascii=False))


if __name__ == "__main__":
    main()
