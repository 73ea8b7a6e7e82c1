"""Prose and talk between two: what is weighty without a channel's cues, and one line that heads a text.

Knows: words that return, where in a text the news stands, who speaks; how a span is cut for a headline.
Does not know: channels, what annotators chose. Nothing here was learnt from data.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from engine.summary_signals import NEWS, terms_of
from engine.summary_units import Unit, cues, is_noise, words_of
from engine.text import segment, sentences
from engine.values import Message

_LENGTH = 20  # characters that every unit costs beside its own
_COST = 0.8  # the power of its length that a unit's weight is divided by
_OPENING = 1.5  # how much more the first unit weighs, and after how many messages that is gone
_FADES = 2.0
_NEWS = 0.2  # what each kind of cue adds
_ASKING = 0.3  # what a question loses
_SAID = 0.9  # what is lost by words that were chosen before
_SPOKEN = 0.3  # what is lost by a speaker who was chosen before
_LEAD_IN = re.compile(cues()["brief"]["lead_in"], re.IGNORECASE)
_FILLER = re.compile(cues()["brief"]["filler"], re.IGNORECASE)
_START = re.compile(r"[，。！？；!?;,\n…：:]+[”」』）]*")
_ASIDE = re.compile(r"详见|https?:|@")
_COMMA = re.compile(r"(?<=[,;:])\s+|(?<=[，；：])")
_WORDS = re.compile(r"[㐀-鿿]|[^\W㐀-鿿]+(?:'[a-z]+)?")
_PIECE = 10  # words
_SPAN_FADES = 20.0  # characters


def choose_briefly(units: Sequence[Unit], points: int, characters: int | None = None) -> list[int]:
    """Rows of units, best first: words that return, said early, by both sides, in few characters."""
    bags = [frozenset(terms_of(unit.text)) for unit in units]
    spread = Counter(word for bag in bags for word in bag)
    weight = np.zeros(len(units))
    for row, unit in enumerate(units):
        said = sum(math.log1p(spread[word]) * math.sqrt(min(len(word), 6)) for word in bags[row])
        weight[row] = said / (len(unit.text) + _LENGTH) ** _COST
        weight[row] *= 1 + _OPENING * math.exp(-(unit.messages[0] + unit.part / 4) / _FADES)
        weight[row] *= 1 + _NEWS * sum(bool(pattern.search(unit.text)) for pattern in NEWS)
        if unit.text.endswith(("?", "？")):
            weight[row] *= 1 - _ASKING
        if len(bags[row]) < 2:
            weight[row] *= 0.3
    chosen: list[int] = []
    covered: set[str] = set()
    speakers: Counter[str] = Counter()
    left = characters
    while characters is not None or len(chosen) < points:
        value = weight.copy()
        for row, unit in enumerate(units):
            value[row] *= 1 - _SAID * len(bags[row] & covered) / max(1, len(bags[row]))
            value[row] *= (1 - _SPOKEN) ** min(speakers[unit.author], 5)
            if left is not None and len(unit.text) > left:
                value[row] = 0
        value[chosen] = 0
        row = int(value.argmax())
        if value[row] <= 0:
            break
        chosen.append(row)
        covered |= bags[row]
        speakers[units[row].author] += 1
        left = None if left is None else left - len(units[row].text)
    return chosen


def pieces(messages: Sequence[Message]) -> list[Unit]:
    """Talk between two as short pieces: sentences without interjections, long ones cut at commas."""
    found = []
    for place, message in enumerate(messages):
        parts = [
            part
            for sentence in sentences(message.text)
            for part in _clauses(said_plainly(sentence.strip()))
            if not is_noise(part)
        ]
        found += [
            Unit(part, message.author, message.minute, (place,), number) for number, part in enumerate(parts)
        ]
    return found


def _clauses(sentence: str) -> list[str]:
    """Neighbouring parts between commas, put together while they are short."""
    found: list[str] = []
    for part in _COMMA.split(sentence):
        both = f"{found[-1]} {part}" if found else part
        if found and both not in sentence:
            both = found[-1] + part
        if found and _said(both) <= _PIECE:
            found[-1] = both
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]


def _said(text: str) -> float:
    """Words; two Han characters are about one."""
    return sum(0.5 if len(word) == 1 and word > "㐀" else 1 for word in _WORDS.findall(text))


def headline(text: str, characters: int = 30) -> str:
    """The weightiest span of a text: it begins with a clause, ends with a word and stands in the text."""
    spread = Counter(terms_of(text))
    ends = np.cumsum([0, *map(len, segment(text))])
    best, found = 0.0, text[:characters]
    for start in (0, *(match.end() for match in _START.finditer(text))):
        rest = text[start:]
        while (shorter := _LEAD_IN.sub("", rest).lstrip()) != rest:
            rest = shorter
        begin = len(text) - len(rest)
        within = ends[(ends > begin) & (ends <= begin + characters)]
        span = text[begin : int(within[-1]) if len(within) else begin + characters]
        weight = sum(math.log1p(spread[word]) ** 2 * math.sqrt(len(word)) for word in set(terms_of(span)))
        weight *= 1 + math.exp(-start / _SPAN_FADES)
        if _ASIDE.search(span):
            weight *= 0.7
        if weight > best + 1e-9:
            best, found = weight, span
    return found.strip()


def said_plainly(text: str) -> str:
    """A sentence without the interjections it begins with: Well, … Oh, I see. …"""
    while (shorter := _FILLER.sub("", text).lstrip()) != text and words_of(shorter):
        text = shorter
    return text
