"""Messages → a title and points, every word of which somebody wrote.

Knows: how points are chosen for importance, coverage and diversity under a budget, which statement a
later one overturns, when nothing much happened.
Does not know: Discord, locales, models (a caller may pass an encoder of texts).

Extractive by construction: a point's text is a message's text, a sentence of it, or neighbouring
messages of one author joined by a space, and it names the messages. A statement that was overturned
later is never a point; the one that overturned it can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from engine.summary_signals import Numbers, Terms, salience, signals, terms_of
from engine.summary_units import Unit, cues, units, words_of
from engine.values import Message, Point, Summary

Encoder = Callable[[Sequence[str]], npt.NDArray[np.floating]]

_DIVERSITY = 0.5  # how much of a unit's worth its likeness to a chosen one takes away
_CROWDING = 0.12  # what a neighbour of a chosen unit loses: points should come from everywhere
_NEAR = 2  # units on either side that count as neighbours
_QUIET = 0.68  # a log whose best unit has less salience has no news: between idle chatter and real logs
_FLOOR = 0.12  # a point of less salience would only fill the number
_LATENT = 0.35  # share of the encoder's likeness in all likeness
_LOOK_BACK = 60  # units in which an overturned statement is looked for
_FACT = re.compile(
    r"\d+(?:[.:：]\d+)?|周[一二三四五六日末]|星期.|(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE
)
_OVERTURNS = re.compile(cues()["corrections"]["overturns"], re.IGNORECASE)
_REPLY_OVERTURNS = re.compile(cues()["corrections"]["reply"], re.IGNORECASE)
_PLAIN = frozenset(cues()["title"]["plain"].split())


def summarize(
    messages: Sequence[Message],
    *,
    points: int = 5,
    characters: int | None = None,
    encode: Encoder | None = None,
) -> Summary:
    """At most `points` points, or as many as `characters` hold when that is given; in order of time.

    `encode` maps n texts to (n, d) latents: one more view of likeness and centrality.
    `quiet`, with no points, says that nothing much happened. Time and memory grow linearly.
    """
    ordered = sorted(messages, key=lambda message: message.minute)
    candidates = units(ordered)
    if not candidates:
        return Summary("", (), len(messages), quiet=True)
    terms = Terms([unit.text for unit in candidates])
    table = signals(candidates, ordered, terms)
    worth = salience(table)
    latents = None
    if encode is not None:
        latents = np.asarray(encode([unit.text for unit in candidates]), np.float64)
        latents = latents / np.maximum(np.linalg.norm(latents, axis=1, keepdims=True), 1e-9)
        central = latents @ latents.mean(0)
        worth = worth * (1 + 0.1 * (central - central.mean()) / (central.std() + 1e-9)).clip(0.8, 1.2)
    article = len({unit.messages for unit in candidates}) == 1 and len(candidates) > 1
    if not article and worth.max() < _QUIET:
        return Summary("", (), len(messages), quiet=True)
    allowed = np.ones(len(candidates), bool) if article else worth >= _FLOOR
    allowed[list(overturned(candidates, ordered))] = False
    chosen = choose(candidates, terms, worth, allowed, points, characters, latents)
    made = tuple(_point(candidates[row], ordered) for row in sorted(chosen))
    return Summary(title([candidates[row].text for row in chosen], terms), made, len(messages))


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
    likeness = np.zeros(len(candidates))
    open_ = allowed.copy()
    chosen: list[int] = []
    left = characters
    near = np.zeros(len(candidates))
    while open_.any() and (characters is not None or len(chosen) < points):
        value = worth * (1 - _DIVERSITY * likeness) - _CROWDING * near
        if left is not None:
            open_ &= lengths <= left
            value = value / np.sqrt(lengths + 12)
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
        likeness = np.maximum(likeness, np.minimum(similar, 1))
        near[max(0, row - _NEAR) : row + _NEAR + 1] = 1
    return chosen


def overturned(candidates: Sequence[Unit], messages: Sequence[Message]) -> set[int]:
    """Rows of statements that a later unit corrects: by a reply that contradicts, or other numbers."""
    words = [frozenset(terms_of(unit.text)) for unit in candidates]
    facts = [frozenset(_FACT.findall(unit.text.lower())) for unit in candidates]
    row_of = {messages[i].id: row for row, unit in enumerate(candidates) for i in unit.messages}
    found: set[int] = set()
    for row, unit in enumerate(candidates):
        answered = messages[unit.messages[0]].reply_to
        target = row_of.get(answered) if answered is not None else None
        contradicts = target is not None and target < row and _REPLY_OVERTURNS.match(unit.text)
        if target is not None and contradicts and not _asks(candidates[target].text):
            found.add(target)
        if not _OVERTURNS.search(unit.text) or not facts[row]:
            continue
        for earlier in range(max(0, row - _LOOK_BACK), row):
            # the same subject with another figure: later words count
            if facts[earlier] and not facts[earlier] <= facts[row]:
                shared = words[earlier] & words[row] - facts[row]
                if len(shared) >= 2 and len(shared) * 3 >= min(len(words[earlier]), len(words[row])):
                    found.add(earlier)
            elif facts[earlier] and facts[earlier] < facts[row] and _old_and_new(facts[earlier], unit.text):
                found.add(earlier)
    return found


def _old_and_new(old: frozenset[str], text: str) -> bool:
    """Whether the text says that an old figure no longer holds: 不是3, 10点改12点, not 200."""
    for fact in map(re.escape, old):
        before = rf"(?:不是|别按|not (?:at |on |the )?|from |原来|原定|之前)\s?{fact}"
        after = rf"{fact}.{{0,3}}(?:改|换|推|取消|不行|作废|(?:is |was )?(?:off|out|cancel))"
        if re.search(f"{before}|{after}", text, re.IGNORECASE):
            return True
    return False


def _asks(text: str) -> bool:
    return text.rstrip().endswith(("?", "？", "吗"))


def _point(unit: Unit, messages: Sequence[Message]) -> Point:
    sources = [messages[i].id for i in unit.messages]
    return Point(unit.text, unit.author, tuple(sources))


def title(texts: Sequence[str], terms: Terms) -> str:
    """Up to three telling words of the chosen texts, as they are written there."""
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
