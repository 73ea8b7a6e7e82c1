"""Prose from a validated request: drafts written freely, edited from the book, and taken from it.

Knows: how a task's template becomes a condition, how drafts of each origin are scored beside each other.
Does not know: which draft is sent, loading, verse, replays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine import fitting, judge, relevance, safety, text
from engine.book import Book
from engine.decode import Decoder, Row, Sampling, Wanted
from engine.errors import NothingGood
from engine.passages import Passages
from engine.pull import Ending
from engine.task import CONTEXT, Task
from engine.values import Draft, Origin, Request

CHAT = "chat"
"""The task in which something is said and answered."""
TAG = re.compile(r"<(\w+)>")
_HOLE = re.compile(r"\{(\w+)\}")
_BOOK_DRAFTS = 3
_PROTOTYPES, _EDITS = 2, 3  # replies of the book that are edited, and drafts of each
_EDIT_WORTH = 0.6  # of an edit beside its prototype; edits of a model this small lose what they do not copy
# What a book text is worth at no likeness, and more at full, in other tasks. A continuation may go anywhere,
# a story or a post need only share something with what was asked.
_BOOK_WORTH = {
    "continue": (0.45, 0.55),
    "story": (0.35, 0.9),
    "post": (0.25, 1.0),
    "ad": (0.1, 1.25),
    "ask": (0.15, 1.25),
}


@dataclass(frozen=True)
class _Candidate:
    """A text that may be sent: `fit` in nats a token; `likeness` of the book's asking it answers, if any.

    `alone`: there is no book to compare it with.
    """

    row: Row
    origin: Origin
    latent: Sequence[float] = ()
    fit: float = 0.0
    likeness: float | None = None
    alone: bool = False

    @property
    def text(self) -> str:
        return self.row.text.strip()


@dataclass(frozen=True)
class _Asking:
    """One request under one model: its tags, its condition's parts, and all that its asker wrote."""

    request: Request
    decoder: Decoder
    tags: tuple[str, ...]
    context: tuple[str, ...]
    source: str
    known: Passages | None
    ending: float = 0.0

    def wanted(self, z: torch.Tensor, seed: int, sampling: Sampling, prototype: str = "") -> Wanted:
        condition = self.decoder.condition(self.tags, self.context, prototype)
        here, nowhere = (self.decoder.condition(self.tags, parts) for parts in (self.context, ()))
        beside = [nowhere, here] if prototype else [nowhere]
        pulls = [Ending(self.ending)] * len(z) if self.ending else None
        return Wanted(condition, z, seed, sampling, pulls=pulls, beside=beside)

    def kept(
        self, rows: Sequence[Row], z: torch.Tensor, prototype: str = ""
    ) -> list[tuple[Row, list[float], float]]:
        """Rows that may be sent, each with its latent and how well it fits here.

        What may not is no draft: `why` shows every draft.
        """
        safe = safety.safe([row.text for row in rows])
        return [
            (row, latent, _fit(row))
            for row, latent, ok in zip(rows, z.tolist(), safe, strict=True)
            if row.text.strip() and ok and not self._copies(row.text, prototype)
        ]

    def _copies(self, words: str, prototype: str) -> bool:
        return self.known is not None and self.known.copies(words, f"{self.source}\n{prototype}")


def _fit(row: Row) -> float:
    """How much more likely a text is here than anywhere: nats a token over no context.

    This is what keeps replies that would suit every asking from winning (Li et al. 2016).
    """
    # The last is here without a prototype, which is no part of what was asked.
    nowhere, here = row.under[1], row.under[2 if len(row.under) > 2 else 0]
    return (here - nowhere) / (len(row.tokens) + 1)


def write(
    task: Task,
    request: Request,
    decoder: Decoder,
    z: torch.Tensor,
    seed: int,
    sampling: Sampling,
    book: Book | None,
    known: Passages | None,
    ending: float = 0.0,
) -> tuple[list[Draft], Callable[[int], dict[str, Any]]]:
    """Drafts, and what a Reply says beside the chosen one. `known`: passages that must not be copied.

    `ending`: nats added to the end of what is written. Raises NothingGood.
    """
    context = conversation(task, request)
    # the language is asked for by a tag as well, where the model learnt it so
    spoken = text.locale_of(request.text, request.locale)
    tags = (*TAG.findall(task.condition), "zh" if spoken.startswith("zh") else "en")
    asking = _Asking(request, decoder, tags, tuple(context), words_of(task, request), known, ending)
    asked = context[-1] if context and CONTEXT not in task.condition else request.text
    found: list[tuple[str, float]] = []
    alike: dict[str, float] = {}  # of all replies that were looked at, some of which the model writes as well
    if book is not None:
        chat = task.name == CHAT
        found = book.nearest(asked, request.context, task.name, fitting.READ if chat else _BOOK_DRAFTS)
        alike = dict(found) if chat else {}
        found = fitting.first_safe(fitting.likeliest(asked, found) if chat else found, _BOOK_DRAFTS)
    edited = found[:_PROTOTYPES] if decoder.edits else []
    wanted = [asking.wanted(z, seed, sampling)]
    for number, (words, _) in enumerate(edited):
        wanted.append(asking.wanted(z[:_EDITS], seed + number + 1, sampling, words))
    written, *edits = decoder.sample_together(wanted)
    candidates = [
        _Candidate(row, "generated", at, fit, alike.get(row.text.strip()), alone=book is None)
        for row, at, fit in asking.kept(written, z)
    ]
    candidates += [_Candidate(Row(text=words), "book", likeness=likeness) for words, likeness in found]
    for (words, likeness), rows in zip(edited, edits, strict=True):
        candidates += [
            _Candidate(row, "edited", at, fit, likeness)
            for row, at, fit in asking.kept(rows, z[:_EDITS], words)
        ]
    candidates = list({one.text: one for one in reversed(candidates)}.values())[::-1]
    if not candidates:
        raise NothingGood()
    answers: Sequence[float | None] = [None] * len(candidates)
    if task.name == CHAT:
        answers = relevance.shipped().of(asked, [one.text for one in candidates])
    drafts = [_judged(asking, one, answer) for one, answer in zip(candidates, answers, strict=True)]

    def extra(chosen: int) -> dict[str, Any]:
        words = drafts[chosen].text
        shared = max((_longest_shared(words, entry) for entry, _ in found), default=0)
        share = max(shared / max(1, len(words)), known.share(words) if known is not None else 0.0)
        return {"novelty": 1 - share}

    return drafts, extra


def _judged(asking: _Asking, one: _Candidate, answers: float | None) -> Draft:
    """A draft with its scores. `answers`: its relevance to what was said in a chat."""
    request, words = asking.request, one.text
    scores, quality = judge.judge(words, request.text, request.context, request.locale)
    if one.likeness is not None:
        scores["likeness"] = one.likeness
    if one.origin != "book":
        scores |= {"fluency": one.row.fluency, "fit": one.fit}
    if answers is not None:
        scores["relevance"] = round(answers, 6)
    own = judge.copied_passages(words, asking.source)
    score = round(quality * _worth(request.task, one, answers), 6)
    return Draft(words, own, one.origin, tuple(one.latent), one.row.log_probability, scores, score)


def _worth(task: str, one: _Candidate, answers: float | None) -> float:
    """What a well-written draft of this origin is worth: in a chat, the chance that it fits."""
    if answers is not None:
        return fitting.chance(answers, one.likeness, edited=one.origin == "edited", alone=one.alone)
    # A book text is well written; what is in doubt is whether it fits.
    least, more = _BOOK_WORTH.get(task, (0.0, 1.25))
    book = min(1.0, least + more * (one.likeness or 0.0))
    if one.origin == "book":
        return book
    written = 0.05 + 0.4 * one.row.fluency + 0.1 * max(-1.0, min(1.0, one.fit))
    # An edit is as good as its prototype at best, and only as far as it reads well.
    return max(written, book * one.row.fluency * _EDIT_WORTH) if one.origin == "edited" else written


def conversation(task: Task, request: Request) -> list[str]:
    """The condition's parts in the order of the task's template; {context} is the earlier turns.

    Holes without a blank between them are one part: `{topic},{mood}` becomes keywords as our written rows
    have them (a blank between Chinese ones, else a comma), `{hero}+{things}` words with blanks between.
    """
    main = task.main
    values = {**request.options, **({main.name: request.text} if main else {})}
    parts: list[str] = []
    for piece in TAG.sub("", task.condition).split():
        holes = _HOLE.findall(piece)
        if holes == [CONTEXT]:
            parts += request.context
        elif len(holes) == 1:
            parts.append(values.get(holes[0], ""))
        else:
            given = [values.get(name, "") for name in holes]
            parts.append(keywords(given, commas="," in piece))
    return [text.simplify(text.clean(part)) for part in parts if part.strip()]


def keywords(given: Sequence[str], *, commas: bool) -> str:
    """Words of several fields in one row, whatever they were separated by.

    Chinese ones have a blank between; others ", " where `commas`, and single words with blanks where not.
    """
    chinese = text.locale_of("".join(given)) == "zh-CN"
    marks = r"[\s,，、;；。]+" if chinese or not commas else r"\s*[,，、;；]\s*"
    words = [word for field in given for word in re.split(marks, field.strip()) if word]
    return (", " if commas and not chinese else " ").join(words)


def words_of(task: Task, request: Request) -> str:
    """Everything a person wrote for a request: what may be copied, and must not be learnt from.

    Options with choices or numbers are Moyou's own words. Traditional text stands there twice, since
    Moyou writes simplified characters.
    """
    closed = set(task.closed_options)
    free = [value for name, value in request.options.items() if name not in closed]
    written = "\n".join((*request.context, request.text, *free))
    return f"{written}\n{text.simplify(written)}"


def _longest_shared(a: str, b: str) -> int:
    """Length of the longest passage that two texts share."""
    best = 0
    row = [0] * (len(b) + 1)
    for x in a:
        previous = 0
        for j, y in enumerate(b, 1):
            row[j], previous = (previous + 1 if x == y else 0), row[j]
            best = max(best, row[j])
    return best
