"""python -m engine vary · blend: texts near a given one, and a path between two.

Knows: the two commands and what they print, one text a line of JSON.
Does not know: how texts are moved (`engine.dials`); numeric libraries are imported when a command runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from engine.command_line import emit
from engine.errors import UnknownTask

if TYPE_CHECKING:
    from engine.values import Reply

MOST = 30

_count = click.option("-n", "count", type=click.IntRange(1, MOST), default=5, help="How many texts.")
_seed = click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Same seed, same texts.")
_model = click.option(
    "--model", type=click.Choice(["talk", "verse"]), help="Prose or verse.  [default: the lines decide]"
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, nothing else.")


@click.command
@click.argument("text")
@_count
@_seed
@_model
@_json
def vary(text: str, count: int, seed: int | None, model: str | None, as_json: bool) -> None:
    """Write texts near TEXT, the nearest first."""
    from engine.between import distance

    # more drafts than are wanted: some come out twice or do not hold together
    reply = _write("vary", text, {}, seed, model, drafts=2 * count + 4)
    # a verse that gave up a rule is left out where another one is there
    whole = [draft for draft in reply.drafts if draft.scores.get("form", 1.0) == 1.0] or [reply.draft]
    best = sorted(whole, key=lambda draft: -draft.score)[:count]
    for draft in sorted(best, key=lambda draft: distance(draft.text, text)):
        _show(reply, draft.text, draft.score, draft.scores, as_json)


@click.command
@click.argument("text_a")
@click.argument("text_b")
@_count
@_seed
@_model
@_json
def blend(text_a: str, text_b: str, count: int, seed: int | None, model: str | None, as_json: bool) -> None:
    """Write a path of texts from TEXT_A to TEXT_B; the two themselves are not printed."""
    from engine.between import POINT

    reply = _write("blend", text_a, {"second": text_b, "steps": str(count)}, seed, model)
    for words in reply.text.split(POINT):
        _show(reply, words, reply.score, reply.draft.scores, as_json)


def _write(
    name: str,
    text: str,
    options: Mapping[str, str],
    seed: int | None,
    model: str | None,
    drafts: int | None = None,
) -> Reply:
    from engine.text import locale_of
    from engine.values import Request
    from engine.writer import Engine

    engine = Engine(book=False)
    task = engine.tasks.get(name)
    if task is None:
        raise UnknownTask(task=name, known=", ".join(engine.tasks))
    steps = task.option("steps")
    wide = [dataclasses.replace(one, maximum=MOST) if one is steps else one for one in task.options]
    decoding = dataclasses.replace(task.decoding, drafts=drafts or task.decoding.drafts)
    engine.tasks[name] = dataclasses.replace(task, options=tuple(wide), decoding=decoding)
    chosen = {"model": model} if model else {}
    return engine.write_now(Request(name, text, {**options, **chosen}, locale_of(text), seed=seed))


def _show(reply: Reply, words: str, score: float, scores: Mapping[str, float], as_json: bool) -> None:
    from engine.forms import form_named
    from engine.verse_check import check, verse_lines

    if not as_json:
        print(words.replace("\n", " "), flush=True)
        return
    lines = form = None
    if reply.decoding.get("form"):
        lines = verse_lines(words)
        found = check(lines, form_named(str(reply.decoding["form"])))
        relaxed = reply.decoding["relaxed"] if scores.get("form", 1.0) < 1.0 else []
        form = {"name": found.name, "ok": found.ok, "relaxed": relaxed}
    emit(
        {
            "task": reply.task,
            "text": words,
            "lines": None if lines is None else list(lines),
            "form": form,
            "model": reply.model,
            "seed": reply.seed,
            "score": score,
            "novelty": scores.get("novelty", 0.0),
            "ms": round(reply.milliseconds, 1),
        }
    )
