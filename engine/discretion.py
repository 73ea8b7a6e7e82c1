"""Which turns of a request are never written down: those that a fixed sentence answered.

Knows: the fixed sentences for moments of danger (`prompts/fixed/danger.toml`), how to tell them in either
script. Does not know: what danger is (`engine.danger` does), where a request is kept.

A fixed reply is not kept, nor what it answered; but both stand in the context of whatever is said next.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from importlib import resources

from engine.text import simplify
from engine.values import Request

LEAST = 16
"""Characters of a sentence's end that tell it, where a context began in the middle of it."""


@functools.cache
def _sentences() -> tuple[str, ...]:
    file = resources.files("prompts") / "fixed" / "danger.toml"
    intents = tomllib.loads(file.read_text("utf-8"))
    return tuple(simplify(sentence) for texts in intents.values() for sentence in texts.values())


def is_fixed(turn: str) -> bool:
    """Whether a turn has a fixed sentence in it, or is what is left of one whose beginning was cut off."""
    said = simplify(turn.strip())
    return any(
        sentence in said or (len(said) >= LEAST and sentence.endswith(said)) for sentence in _sentences()
    )


def without_danger(request: Request) -> Request:
    """The request without the turns that a fixed sentence answered, and without that sentence."""
    kept: list[str] = []
    for turn in request.context:
        if is_fixed(turn):
            del kept[-1:]  # what it answered
        else:
            kept.append(turn)
    return dataclasses.replace(request, context=tuple(kept))
