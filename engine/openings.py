"""How an opening breaks off: what goes on from a comma does not go on from "and".

Knows: marks, and the little words after which a certain kind of phrase must come. Does not know: the book,
likeness, what a text is about.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

FINISHED, _COMMA, _COLON = ".", ",", ":"
_LAST = re.compile(r"[A-Za-z']+$")


@cache
def _words() -> tuple[frozenset[str], tuple[str, ...]]:
    """English words and Chinese endings that decide what may follow them; of these the longest first."""
    found = tomllib.loads((resources.files("engine.facts") / "openings.toml").read_text("utf-8"))
    return frozenset(found["english"].split()), tuple(sorted(found["chinese"].split(), key=len, reverse=True))


def break_of(opening: str) -> str:
    """The kind of its break: "." finished, "," or ":", the little word that it stops at, or "" for others."""
    words = opening.strip().rstrip("\"'”’」』）)")
    if not words:
        return ""
    if words[-1] in "。！？.!?…~～":
        return FINISHED
    if words[-1] in "，,、；;—-":
        return _COMMA
    if words[-1] in "：:":
        return _COLON
    if found := _LAST.search(words):
        word = found[0].lower()
        return word if word in _words()[0] else ""
    return next((one for one in _words()[1] if words.endswith(one)), "")
