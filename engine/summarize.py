"""Messages → a title, topics and points, every word of which somebody wrote.

Knows: how points are chosen for importance, coverage and diversity under a budget, what kind of point
each is, when nothing much happened.
Does not know: Discord, locales, models (a caller may pass an encoder of texts).

Extractive by construction: a point's text is a message's text, a sentence of it, or neighbouring
messages of one author joined by a space, and it names the messages. A statement that was overturned
later is never a point; the one that overturned it can be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.summary_brief import choose_briefly, pieces
from engine.summary_overturned import overturned
from engine.summary_signals import KINDS, Encoder, Numbers, Terms, likeness, salience, signals, terms_of, weights
from engine.summary_threads import Labels, threads
from engine.summary_units import Unit, cues, units, words_of
from engine.values import Message, Point, PointKind, Summary, Topic

_DIVERSITY = 0.5  # how much of a unit's worth its likeness to a chosen one takes away
_CROWDING = 0.12  # what a neighbour of a chosen unit loses: points should come from everywhere
_NEAR = 2  # units on either side that count as neighbours
_LENGTH = 0.3  # the power of its length that a unit's worth is divided by under a budget of characters
_QUIET = 0.68  # a log whose best unit has less salience has no news: between idle chatter and real logs
_FLOOR = 0.12  # a point of less salience would only fill the number
_BUDGET_FLOOR = 0.25  # and under a budget of characters, where short remarks would fill what is left
_NOISE = 0.3  # a unit that is likelier noise is no point
_LATENT = 0.35  # share of the encoder's likeness in all likeness
_ENCODED = 300  # units and messages that are encoded, at most: the best by all other signals
_FEW = 40  # units up to which two people's talk is read as a dialogue rather than a channel
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
    ordered = sorted(messages, key=lambda message: message.minute)
    candidates = units(ordered)
    if not candidates:
        return Summary("", (), len(messages), quiet=True)
    speakers = {unit.author for unit in candidates}
    if len(speakers) <= 2 and len(candidates) <= _FEW and not _is_channel(ordered):
        candidates = pieces(ordered) if len(speakers) == 2 else candidates
        return _made(ordered, candidates, choose_briefly(candidates, points, characters))
    return _of_channel(ordered, candidates, points, characters, encode, scorer or weights())


def _is_channel(messages: Sequence[Message]) -> bool:
    return any(message.reply_to is not None for message in messages)


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
    table = signals(candidates, messages, terms)
    worth, noise = salience(table, scorer["plain"])
    latents = None
    if encode is not None:
        best = np.sort(np.argsort(-worth, kind="stable")[:_ENCODED])
        found = np.asarray(encode([texts[row] for row in best]), np.float64)
        latents = np.zeros((len(candidates), found.shape[1]))
        latents[best] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        wider = np.hstack([table[best], likeness([texts[row] for row in best], encode)])
        worth[best], noise[best] = salience(wider, scorer["latent"])
    article = len({unit.messages for unit in candidates}) == 1 and len(candidates) > 1
    if not article and worth.max() < _QUIET:
        return Summary("", (), len(messages), quiet=True)
    floor = _FLOOR if characters is None else _BUDGET_FLOOR
    allowed = (worth >= floor) & (noise <= _NOISE)
    allowed[list(overturned(candidates, messages))] = False
    chosen = choose(candidates, terms, worth, allowed, points, characters, latents)
    return _made(messages, candidates, chosen, terms=terms, encode=encode)


def choose(
    candidates: Sequence[Unit],
    terms: Terms,
    worth: Numbers,
    allowed: npt.NDArray[np.bool_],
    points: int,
    characters: int | None,
    latents: Numbers | None = None,
) -> list[int]:
    """Rows of the chosen units, best first: greedy by worth less likeness to those chosen before."""
    lengths = np.array([len(unit.text) for unit in candidates])
    likeness_ = np.zeros(len(candidates))
    open_ = allowed.copy()
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
    labels = _conversations(messages, encode) if len({m.author for m in messages}) > 2 else None
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


def _conversations(messages: Sequence[Message], encode: Encoder | None) -> Labels:
    if encode is None or len(messages) > _ENCODED:
        return threads(messages)
    return threads(messages, encode([message.text for message in messages]))


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
    return "decision" if KINDS["decision"].search(unit.text) else ""


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
