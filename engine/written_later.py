"""What was written after our rows, and ships with them: other words for known intents, more intents, openings
that are gone on with, questions that are answered.

Knows: `facts/more-askings.jsonl`, `facts/more-intents-*.jsonl`, `facts/more-openings-*.jsonl` and
`facts/more-questions-*.jsonl`, written by hands that saw neither what is kept aside nor each other.
Does not know: the rows they belong to, who learns from them (the book, meaning, the recogniser of danger).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from importlib import resources
from typing import Any

from engine.likeness import plain


def facts(name: str) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines in `engine/facts`."""
    return [
        json.loads(line) for line in (resources.files("engine.facts") / name).read_text("utf-8").splitlines()
    ]


def more_askings(without: Collection[str] = ()) -> dict[tuple[str, str], list[str]]:
    """Other words for known intents, by locale and intent; none that is `plain`ly one of `without`."""
    return {(row["locale"], row["intent"]): less(row["asks"], without) for row in facts("more-askings.jsonl")}


def more_intents(without: Collection[str] = ()) -> Iterable[tuple[str, dict[str, Any]]]:
    """Locale and row ("intent", "asks", "replies") of intents written later; `without` as above."""
    for locale in ("zh", "en"):
        for row in facts(f"more-intents-{locale}.jsonl"):
            yield locale, {**row, "asks": less(row["asks"], without)}


def more_entries() -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Locale, task ("continue" or "ask") and row ("name", "asks", "replies")."""
    for locale in ("zh", "en"):
        for task, name in (("continue", "openings"), ("ask", "questions")):
            for row in facts(f"more-{name}-{locale}.jsonl"):
                yield locale, task, row


def less(asks: Iterable[str], without: Collection[str]) -> list[str]:
    """The askings that are none of `without`, as `plain` leaves them."""
    return [ask for ask in asks if plain(ask) not in without]
