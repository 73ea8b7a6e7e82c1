"""Gathers the texts that what recognises danger learns from, and those it must leave alone.

Knows: where askings and harmless text stand (our own `written/*.jsonl`, `facts/danger-examples.jsonl`, the
more askings and intents, corpora of other people's sentences), which intents are dangerous, what is left
aside to measure with.
Does not know: how a classifier learns (`engine.danger_training`), how a text is judged (`engine.danger`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from engine import danger
from engine.reading import rows
from engine.written_later import more_askings, more_entries, more_intents

ASIDE = 5  # of a corpus without a train split the first of so many records is left to measure with
BROAD = "broad"  # the source of harmless text that was written for other ends
# file → records taken at most. Our own texts and the examples are few and all of one mood; of everyday
# sentences that are neither the classifier alone takes one English turn in two for danger.
HARMLESS = {
    "pair-en_zh-tatoeba": 30000, "text-en-commonvoice": 12000, "text-zh-commonvoice-cn": 8000,
    "text-zh-commonvoice-tw": 13000, "text-zh-cococn": 2500, "text-zh-howtocook": 60,
    "dialogue-zh-kdconv": 450, "dialogue-zh-crosswoz": 500, "dialogue-en-topicalchat": 1000,
    "dialogue-en-multiwoz": 400, "dialogue-en-sgd": 700, "dialogue-en-personality-chat-ms": 480,
    "story-en-asp": 316, "story-zh-asp": 54, "pair-en_zh-asp": 571, "qa-en-opentrivia": 2500,
    "qa-en-nqopen": 2500, "qa-zh-egret-wenda": 1500, "qa-zh-cmrc2018": 1000,
}  # fmt: skip
_KEYS = ("src", "tgt", "text", "turns", "question")
_LONG = 600  # characters of a story or recipe that are read
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


def _named(intent: str) -> str:
    if not is_dangerous(intent):
        return ""
    name = RENAMED.get(intent, intent)
    return name if name in danger.INTENTS else "unsafe_request"


def gather(data: Path, broad: Mapping[str, int] = HARMLESS) -> list[Row]:
    """All askings below the folder `data`: ours, and of each corpus of `broad` so many records at most."""
    written = data / "written"
    found: list[Row] = []
    examples = resources.files("engine.facts") / "danger-examples.jsonl"
    for number, line in enumerate(examples.read_text("utf-8").splitlines()):
        record = json.loads(line)
        source = "near" if record.get("kind") == "near" else "examples"
        found += [Row(f"example {number}", record["intent"], text, source) for text in record["asks"]]
    for path in sorted(written.glob("intent-*.jsonl")):
        for record in rows(path):
            intent = _named(record["intent"])
            found += [Row(record["intent"], intent, text, "intents") for text in record["asks"]]
    askings = {row.text for row in found if row.intent}
    for path in sorted(written.glob("*.jsonl")):
        kind = path.name.split("-")[0]
        if kind not in ("talk", "continue", "ask", "post", "ad", "story"):
            continue
        for number, record in enumerate(rows(path)):
            texts = record["turns"][::2] if kind == "talk" else [record["src"]]
            group = f"{path.stem} {number}"
            found += [Row(group, "", text, kind) for text in texts if text not in askings]
    for (_, intent), asks in more_askings().items():
        found += [Row(intent, "", text, "more") for text in asks if text not in askings]
    for _, record in more_intents():
        found += [Row(record["intent"], "", text, "more") for text in record["asks"] if text not in askings]
    for locale, task, record in more_entries():
        group = f"{task} {record['name']} {locale}"
        found += [Row(group, "", text, "more") for text in record["asks"] if text not in askings]
    return found + list(_broad(data, broad))


def aside(path: Path) -> list[dict[str, Any]]:
    """The records of a corpus that `gather` leaves to measure with."""
    return [record for record, learnt in _parted(path) if not learnt]


def _parted(path: Path) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each record of a corpus and whether it is learnt from: those of its train split, if it has one."""
    records = list(rows(path))
    splits = any(record.get("split") == "train" for record in records)
    for number, record in enumerate(records):
        yield record, record["split"] == "train" if splits else number % ASIDE > 0


def _broad(data: Path, corpora: Mapping[str, int]) -> Iterator[Row]:
    """Other people's sentences, less those in which the rules hear danger: some of them are."""
    for name, most in corpora.items():
        records = [record for record, learnt in _parted(data / f"{name}.jsonl.gz") if learnt]
        random.Random(0).shuffle(records)
        for number, record in enumerate(records[:most]):
            for text in dict.fromkeys(_texts(record)):
                if not any(map(danger.by_rules, danger.pieces(text))):
                    yield Row(f"{name} {number}", "", text, BROAD)


def _texts(record: dict[str, Any]) -> Iterator[str]:
    for key in _KEYS:
        value = record.get(key, [])
        yield from (text[:_LONG] for text in ([value] if isinstance(value, str) else value))
