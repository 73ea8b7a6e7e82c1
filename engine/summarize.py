"""Messages → a title, topics and points, every word of which somebody wrote.

Knows: how points are chosen for importance, coverage and diversity under a budget, what kind of point
each is, when nothing much happened.
Does not know: Discord, locales, models (a caller may pass an encoder of texts).

Extractive by construction: a point's text is a message's text, a sentence of it, or neighbouring
messages of one author joined by a space, and it names the messages. A statement that was overturned
later is no point; one that may have been is a point only beside what overturned it, and a proposal only
beside what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.summary_brief import choose_briefly, pieces
from engine.summary_log import Labels
from engine.summary_overturned import outcomes, overturned
from engine.summary_signals import (
    KINDS,
    NAMES,
    Encoder,
    Numbers,
    Terms,
    likeness,
    salience,
    signals,
    terms_of,
    weights,
)
from engine.summary_threads import threads
from engine.summary_units import Unit, cues, units, words_of
from engine.text import whole_characters
from engine.values import Message, Point, PointKind, Summary, Topic

_DIVERSITY = 0.5  # how much of a unit's worth its likeness to a chosen one takes away
_CROWDING = 0.12  # what a neighbour of a chosen unit loses: points should come from everywhere
_NEAR = 2  # units on either side that count as neighbours
_LENGTH = 0.3  # the power of its length that a unit's worth is divided by under a budget of characters
_QUIET = 0.75  # a log whose best unit has less salience has no news: between idle chatter and real logs
_FLOOR = 0.12  # a point of less salience would only fill the number
_BUDGET_FLOOR = 0.6  # and under a budget of characters, where short remarks would fill what is left
_REMARK = 0.7  # share of its worth that a unit of fewer than _WORDS words keeps there
_WORDS = 3
_NOISE = 0.2  # a unit that is likelier noise is no point
_LATENT = 0.35  # share of the encoder's likeness in all likeness
_READ = 700  # units whose signals are computed, at most
_LIKELY = 200  # units that points are chosen from, at most
_ENCODED = 120  # units and messages that are encoded, at most: the best by all other signals
_SOMETHING = 12  # words without which prose or a talk says nothing
_FEW = 40  # units up to which two people's talk is read as a dialogue rather than a channel
_HEARD = 0.4  # log-odds of a point for each doubling of 1 + its reactions and answers elsewhere
_HEARD_MOST = 1.2
_WISH = re.compile(cues()["corrections"]["intends"], re.IGNORECASE)
_PLAIN = frozenset(cues()["title"]["plain"].split())


def summarize(
    messages: Sequence[Message],
    *,
    points: int = 5,
    characters: int | None = None,
    encode: Encoder | None = None,
    scorer: Mapping[str, Numbers] | None = None,
) -> Summary:
    """At most `points` points, or as many as `characters` hold when that is given; by topic and time.

    `encode` maps n texts to (n, d) latents: more signals, another view of likeness and of conversations.
    `scorer` takes the place of the shipped weights.
    `quiet`, with no points, says that nothing much happened. Time and memory grow linearly.
    """
    ordered = sorted(map(_whole, messages), key=lambda message: message.minute)
    candidates = units(ordered)
    if not candidates:
        return Summary("", (), len(messages), quiet=True)
    if _is_brief(candidates, ordered):
        if len({unit.author for unit in candidates}) == 2:
            candidates = pieces(ordered)
        return _made(ordered, candidates, choose_briefly(candidates, points, characters))
    return _of_channel(ordered, candidates, points, characters, encode, scorer or weights())


def _whole(message: Message) -> Message:
    """The message with half characters replaced: no encoding takes them, nor does a page."""
    if message.text.isascii() and message.author.isascii():
        return message
    return replace(message, author=whole_characters(message.author), text=whole_characters(message.text))


def _is_brief(candidates: Sequence[Unit], messages: Sequence[Message]) -> bool:
    """Whether this is prose or a short talk between two, which a channel's signals do not fit."""
    if len({unit.author for unit in candidates}) > 2 or any(message.reply_to for message in messages):
        return False
    if len({message.author for message in messages}) == 2 and len(candidates) > _FEW:
        return False
    said = {word for unit in candidates for word in terms_of(unit.text)}
    return len(said) >= _SOMETHING


def _of_channel(
    messages: Sequence[Message],
    candidates: Sequence[Unit],
    points: int,
    characters: int | None,
    encode: Encoder | None,
    scorer: Mapping[str, Numbers],
) -> Summary:
    texts = [unit.text for unit in candidates]
    terms = Terms(texts)
    # of a long log only what says most is looked at
    said = np.diff(terms.offsets)
    rows = np.sort(np.argsort(-said, kind="stable")[:_READ])
    table = np.zeros((len(candidates), len(NAMES)))
    table[rows] = signals(candidates, messages, terms, rows)
    # by the number of points what ranks best is asked, by a budget of characters what is likely a point
    asked = [2, 1] if characters is None else [0, 1]
    worth, noise = np.zeros(len(candidates)), np.ones(len(candidates))
    worth[rows], noise[rows] = salience(table[rows], scorer["plain"])[asked]
    latents = None
    if encode is not None:
        best = np.sort(np.argsort(-worth, kind="stable")[: min(_ENCODED, len(rows))])
        vectors = np.asarray(encode([texts[row] for row in best]), np.float64)
        latents = np.zeros((len(candidates), vectors.shape[1]))
        latents[best] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        wider = np.hstack([table[best], likeness([texts[row] for row in best], encode)])
        worth[best], noise[best] = salience(wider, scorer["latent"])[asked]
    if worth.max() < _QUIET:
        return Summary("", (), len(messages), quiet=True)
    worth = heard(worth, candidates, messages)
    floor = _FLOOR if characters is None else _BUDGET_FLOOR
    if characters is not None:
        worth = np.where(said < _WORDS, _REMARK * worth, worth)
    allowed = (worth >= floor) & (noise <= _NOISE)
    likely = np.argsort(-worth, kind="stable")[: _LIKELY if characters is None else len(candidates)]
    allowed[np.setdiff1d(np.arange(len(candidates)), likely)] = False
    found = overturned(candidates, messages, terms, likely.tolist())
    allowed[[row for row, by in found.items() if by.sure]] = False
    corrected = outcomes(candidates, worth, likely.tolist(), found)
    corrected |= {row: by.row for row, by in found.items() if not by.sure}
    chosen = choose(candidates, terms, worth, allowed, points, characters, latents, corrected)
    return _made(messages, candidates, chosen, terms=terms, encode=encode)


def heard(worth: Numbers, candidates: Sequence[Unit], messages: Sequence[Message]) -> Numbers:
    """`worth` raised by the reactions that people left and by answers given elsewhere.

    By a fixed share, bounded, for our annotated logs hold no reactions to fit one on; noise stays noise
    and a quiet log quiet, however many laugh.
    """
    counts = np.array(
        [sum(messages[i].reactions + messages[i].replies for i in unit.messages) for unit in candidates],
        float,
    )
    if not counts.any():
        return worth
    raised = np.minimum(_HEARD * np.log(1 + counts.clip(0)) / np.log(2), _HEARD_MOST)
    certain = worth.clip(1e-6, 1 - 1e-6)
    return np.asarray(np.where(worth > 0, 1 / (1 + np.exp(-np.log(certain / (1 - certain)) - raised)), worth))


def choose(
    candidates: Sequence[Unit],
    terms: Terms,
    worth: Numbers,
    allowed: npt.NDArray[np.bool_],
    points: int,
    characters: int | None,
    latents: Numbers | None = None,
    corrected: Mapping[int, int] | None = None,
) -> list[int]:
    """Rows of the chosen units, best first: greedy by worth less likeness to those chosen before.

    `corrected` names for a statement the later one that overturns it, or a proposal's outcome: it has to be
    chosen first.
    """
    lengths = np.array([len(unit.text) for unit in candidates])
    likeness_ = np.zeros(len(candidates))
    open_ = allowed.copy()
    waiting: dict[int, list[int]] = {}
    for row, by in (corrected or {}).items():
        if open_[row]:
            waiting.setdefault(by, []).append(row)
            open_[row] = False
    chosen: list[int] = []
    left = characters
    near = np.zeros(len(candidates))
    while open_.any() and (characters is not None or len(chosen) < points):
        value = worth * (1 - _DIVERSITY * likeness_) - _CROWDING * near
        if left is not None:
            open_ &= lengths <= left
            value = np.where(value > 0, value / (lengths + 12) ** _LENGTH, value)
        value = np.where(open_, value, -np.inf)
        row = int(value.argmax())
        if not np.isfinite(value[row]):
            break
        chosen.append(row)
        open_[row] = False
        open_[waiting.pop(row, [])] = True
        left = None if left is None else left - int(lengths[row])
        similar = terms.similar(row)
        if latents is not None:
            similar = (1 - _LATENT) * similar + _LATENT * np.clip(latents @ latents[row], 0, 1)
        likeness_ = np.maximum(likeness_, np.minimum(similar, 1))
        near[max(0, row - _NEAR) : row + _NEAR + 1] = 1
    return chosen


def _made(
    messages: Sequence[Message],
    candidates: Sequence[Unit],
    chosen: Sequence[int],
    *,
    terms: Terms | None = None,
    encode: Encoder | None = None,
) -> Summary:
    """The chosen rows as a summary: in order of time within each conversation, under words of their own."""
    if not chosen:
        return Summary("", (), len(messages), quiet=True)
    terms = terms or Terms([unit.text for unit in candidates])
    wanted = [candidates[row].messages[0] for row in chosen]
    labels = _conversations(messages, encode, wanted) if len({m.author for m in messages}) > 2 else None
    groups: dict[int, list[int]] = {}
    for row in sorted(chosen):
        label = 0 if labels is None else int(labels[candidates[row].messages[0]])
        groups.setdefault(label, []).append(row)
    topics = tuple(
        Topic(
            title([candidates[row].text for row in rows], terms),
            tuple(_point(candidates[row], messages) for row in rows),
        )
        for rows in groups.values()
    )
    heading = title([candidates[row].text for row in chosen], terms)
    made = tuple(point for topic in topics for point in topic.points)
    return Summary(heading, made, len(messages), topics=topics)


def _conversations(messages: Sequence[Message], encode: Encoder | None, wanted: Collection[int]) -> Labels:
    if encode is None or len(messages) > _ENCODED:
        return threads(messages, wanted=wanted)
    return threads(messages, encode([message.text for message in messages]), wanted=wanted)


def _point(unit: Unit, messages: Sequence[Message]) -> Point:
    sources = [messages[i].id for i in unit.messages]
    return Point(unit.text, unit.author, tuple(sources), _kind(unit, messages))


def _kind(unit: Unit, messages: Sequence[Message]) -> PointKind:
    """What a reader does with it: knows it, does it, or still has to settle it."""
    if KINDS["open"].search(unit.text):
        return "question"
    if KINDS["question"].search(unit.text) and unit.text.rstrip().endswith(("?", "？", "吗", "呢")):
        last = unit.messages[-1]
        names = {messages[i].id for i in unit.messages}
        after = messages[last + 1 : last + 4]
        replied = any(m.reply_to in names for m in messages[last + 1 : last + 40])
        answered = replied or any(m.author != unit.author and len(words_of(m.text)) > 3 for m in after)
        return "" if answered else "question"
    if KINDS["promise"].search(unit.text):
        return "action"
    return "decision" if KINDS["decision"].search(unit.text) and not _WISH.search(unit.text) else ""


def title(texts: Sequence[str], terms: Terms) -> str:
    """Up to three telling words of the texts, as they are written there."""
    rarity = dict(zip(terms.words, terms.rarity, strict=False))
    counts: dict[str, float] = {}
    for rank, text in enumerate(texts):
        for word in dict.fromkeys(terms_of(text)):
            if len(word) < 2 or word in _PLAIN or not re.fullmatch(r"[^\W\d_]+(?:-[^\W_]+)*", word):
                continue
            # words that return are the subject; words of the best points weigh more
            commonness = 1 / (0.6 + rarity.get(word, 9.0))
            counts[word] = counts.get(word, 0.0) + len(word) ** 0.4 * commonness / (1 + 0.2 * rank)
    best = sorted(counts, key=lambda word: -counts[word])[:3]
    written = []
    for word in best:
        place = re.search(re.escape(word), " ".join(map(words_of, texts)), re.IGNORECASE)
        written.append(place.group() if place else word)
    han = any("一" <= character <= "鿿" for word in written for character in word)
    return ("、" if han else ", ").join(written)
