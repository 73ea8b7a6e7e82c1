"""Which of our own written rows no model of ours is trained on: what development is measured with.

Knows: the files of `written/`, how a row's name decides its side (by intent and by dialogue, never by
row, so that no paraphrase of a tested asking was learnt).
Does not know: models, the book, what is measured.

Of the intents one in ten is kept aside whole; of each other intent one asking is. Of dialogues and
other rows one in twenty is kept aside.
"""

from __future__ import annotations

import zlib
from typing import Any

_INTENTS, _ROWS = 10, 20  # one in so many
_LEAST_ASKINGS = 4  # an intent with fewer keeps all of them
_KINDS = ("talk", "continue", "post", "ad", "ask", "story")


def _number(name: str) -> int:
    return zlib.crc32(name.encode("utf-8"))


def intent_is_held_out(locale: str, intent: str) -> bool:
    """Whether an intent of `intent-LOCALE` is kept aside whole."""
    return _number(f"{locale} {intent}") % _INTENTS == 0


def held_out_asking(locale: str, intent: str, askings: int) -> int | None:
    """The index of the one asking that a known intent keeps aside; None when it has too few."""
    return _number(f"{locale} {intent}") % askings if askings >= _LEAST_ASKINGS else None


def is_written(stem: str) -> bool:
    """Whether a file's stem is one of ours: kind-locale or kind-locale-part."""
    kind, _, rest = stem.partition("-")
    return kind in _KINDS and rest.split("-")[0] in ("zh", "en") and not rest.endswith("asp")


def row_is_held_out(stem: str, row: dict[str, Any]) -> bool:
    """Whether a dialogue or a pair of ours is kept aside."""
    if not is_written(stem):
        return False
    beginning = row["turns"][0] if row.get("turns") else row.get("src", "")
    return _number(f"{stem}:{beginning}") % _ROWS == 0


def training_part(stem: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """What of a row may be learnt from; None when nothing."""
    return _part(stem, row, held_out=False)


def held_out_part(stem: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """What of a row is kept aside; None when nothing. With `training_part` it makes up the row."""
    return _part(stem, row, held_out=True)


def _part(stem: str, row: dict[str, Any], *, held_out: bool) -> dict[str, Any] | None:
    if "asks" not in row or not stem.startswith("intent-"):
        return row if row_is_held_out(stem, row) == held_out else None
    locale, intent, asks = stem.split("-")[1], row["intent"], row["asks"]
    if intent_is_held_out(locale, intent):
        return row if held_out else None
    aside = held_out_asking(locale, intent, len(asks))
    if held_out:
        return None if aside is None else {**row, "asks": [asks[aside]], "follow": []}
    return {**row, "asks": [ask for number, ask in enumerate(asks) if number != aside]}
