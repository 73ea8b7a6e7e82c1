"""Which statements were overturned later: corrections, other figures, a reply that contradicts, and what
came of a proposal.

Knows: the cues of corrections in Chinese and English, figures and days by their kind, which message
answers which. In doubt a statement counts as overturned: it can still be read in its channel, but it
must not stand in a summary without what became of it.
Does not know: what is important.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engine.summary_signals import Numbers, Terms
from engine.summary_units import Unit, cues
from engine.values import Message

_LOOK_BACK = 40  # units in which an overturned statement is looked for
_CLOSE = 12  # units in which one shared word is enough
_NEXT = 3  # units in which none is needed
_OUTCOME = 8  # units in which the outcome of a proposal is looked for
_MINUTES = 30  # in which it is
_WORTHY = 0.3  # what an outcome is worth at least
_FACTS = {
    "clock": re.compile(
        r"\d{1,2}[:：]\d\d|\d{1,2} ?(?:点|时|am|pm|a\.m|p\.m|o'clock)|[一二三四五六七八九十两]{1,2}点",
        re.IGNORECASE,
    ),
    "weekday": re.compile(
        r"(?:周|星期|礼拜)[一二三四五六日天末]|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*day\b|\b(?:sat|sun|fri|mon)\b",
        re.IGNORECASE,
    ),
    "date": re.compile(
        r"\d{1,2}(?:[号日]|月\d*)|\b(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]* \d+|"
        r"\b\d{1,2} (?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)|\d{1,2}(?:st|nd|rd|th)\b",
        re.IGNORECASE,
    ),
    "amount": re.compile(
        r"\d+(?:[.,]\d+)?|[二两三四五六七八九十百]+(?=[个人队条份张次页章只台块元斤组本杯盒箱间名位套轮场])"
    ),
}
_OVERTURNS = re.compile(cues()["corrections"]["overturns"], re.IGNORECASE)
_PLAINLY = re.compile(cues()["corrections"]["plainly"], re.IGNORECASE)
_WITHDRAWN = re.compile(cues()["corrections"]["withdrawn"], re.IGNORECASE)
_PROPOSED = re.compile(cues()["corrections"]["proposed"], re.IGNORECASE)
_REPLY_OVERTURNS = re.compile(cues()["corrections"]["reply"], re.IGNORECASE)
_REVISES = re.compile(cues()["corrections"]["revises"], re.IGNORECASE)
_INTENDS = re.compile(cues()["corrections"]["intends"], re.IGNORECASE)
_DROPPED = cues()["corrections"]["dropped"]


class Correction(NamedTuple):
    """The row of the unit that corrects a statement; `sure` where both plainly speak of the same thing."""

    row: int
    sure: bool


def overturned(
    candidates: Sequence[Unit],
    messages: Sequence[Message],
    terms: Terms | None = None,
    rows: Collection[int] | None = None,
) -> dict[int, Correction]:
    """Rows of statements that a later unit corrects; only those in `rows` are looked at."""
    rows = range(len(candidates)) if rows is None else set(rows)
    terms = terms or Terms([unit.text for unit in candidates])
    spread = np.bincount(terms.columns, minlength=len(terms.words))
    facts = _Facts(candidates)
    row_of = {messages[i].id: row for row, unit in enumerate(candidates) for i in unit.messages}
    found: dict[int, Correction] = {}
    for row, unit in enumerate(candidates):
        answered = messages[unit.messages[0]].reply_to
        target = row_of.get(answered) if answered is not None else None
        if (
            target is not None
            and target in rows
            and target < row
            and _REPLY_OVERTURNS.search(unit.text)
            and not _asks(candidates[target].text)
        ):
            found[target] = Correction(row, sure=True)
        if not _OVERTURNS.search(unit.text):
            continue
        plainly = bool(_PLAINLY.search(unit.text))
        if _asks(unit.text) and not plainly:
            continue
        withdrawn = bool(_WITHDRAWN.search(unit.text))
        for earlier in range(max(0, row - _LOOK_BACK), row):
            if earlier not in rows or (earlier in found and found[earlier].sure):
                continue
            other = candidates[earlier]
            said, before = terms.row(row)[0], terms.row(earlier)[0]
            shared = np.intersect1d(said, before, assume_unique=True)
            named = [terms.words[word] for word in shared if spread[word] <= 6 and len(terms.words[word]) > 1]
            own = other.author == unit.author
            gap = row - earlier
            much = len(shared) >= 2 and len(shared) * 3 >= min(len(said), len(before))
            if (much and _clash(facts[earlier], facts[row], named=True)) or _old_and_new(
                facts[earlier], unit.text
            ):
                found[earlier] = Correction(row, sure=True)
            elif (
                _clash(facts[earlier], facts[row], named=bool(named), near=plainly and (gap <= _CLOSE or own))
                or (plainly and gap <= _NEXT and _clash(facts[earlier], facts[row], named=True))
                or (withdrawn and gap <= _CLOSE and _PROPOSED.search(other.text))
                or (gap <= _CLOSE and any(_dropped(word, unit.text) for word in named))
                or (own and gap <= _CLOSE and named and _REVISES.search(unit.text))
            ):
                found[earlier] = Correction(row, sure=False)
    # what was itself overturned is no correction of anything
    return {row: by for row, by in found.items() if by.row not in found or not found[by.row].sure}


def outcomes(
    candidates: Sequence[Unit], worth: Numbers, rows: Collection[int], but: Collection[int] = ()
) -> dict[int, int]:
    """For the proposals among `rows` the worthiest of what was said soon after: what came of them.

    A proposal alone reads as if it had been settled. `but`: rows that are neither, because they were
    overturned. `worth` (units,).
    """
    found = {}
    for row in rows:
        if row in but or not _INTENDS.search(candidates[row].text):
            continue
        latest = candidates[row].minute + _MINUTES
        later = [
            place
            for place in range(row + 1, min(len(candidates), row + 1 + _OUTCOME))
            if place not in but
            and worth[place] > _WORTHY
            and candidates[place].minute <= latest
            and not _asks(candidates[place].text)
        ]
        if later:
            found[row] = max(later, key=lambda place: float(worth[place]))
    return found


class _Facts:
    """The facts of each unit by kind, found when first asked for."""

    def __init__(self, candidates: Sequence[Unit]) -> None:
        self._candidates = candidates
        self._known: dict[int, dict[str, frozenset[str]]] = {}

    def __getitem__(self, row: int) -> dict[str, frozenset[str]]:
        if row not in self._known:
            self._known[row] = _facts_of(self._candidates[row].text)
        return self._known[row]


def _facts_of(text: str) -> dict[str, frozenset[str]]:
    rest = text.lower()
    found = {}
    for kind, pattern in _FACTS.items():
        found[kind] = frozenset(re.sub(r"\s", "", match.group()) for match in pattern.finditer(rest))
        # a figure of a clock is no amount
        rest = pattern.sub(" ", rest)
    return found


def _clash(
    old: Mapping[str, frozenset[str]], new: Mapping[str, frozenset[str]], *, named: bool, near: bool = False
) -> bool:
    """Whether another figure of the same kind is named for what seems the same thing."""
    for kind in _FACTS:
        if not old[kind] or not new[kind] or old[kind] <= new[kind]:
            continue
        if named or (near and kind != "amount"):
            return True
    return False


def _old_and_new(facts: Mapping[str, frozenset[str]], text: str) -> bool:
    """Whether the text says that an old figure no longer holds: 不是3, 10点改12点, not 200."""
    known = frozenset[str]().union(*facts.values())
    # 30号 may come back as 不是30
    known |= {bare.group() for fact in known if (bare := re.match(r"\d{2,}(?=[号日点人]|$)", fact))}
    for fact in map(re.escape, known):
        before = rf"(?:不是|别按|not (?:at |on |the )?|from |原来|原定|之前)\s?{fact}(?!\d)"
        after = (
            rf"(?<!\d){fact}(?!\d).{{0,3}}(?:改|换|推|取消|不行|不走|作废|(?:is |was )?(?:off|out|cancel))"
        )
        if re.search(f"{before}|{after}", text, re.IGNORECASE):
            return True
    return False


def _dropped(word: str, text: str) -> bool:
    """Whether the text says that what the word names is not so, or no more."""
    name = re.escape(word)
    return bool(re.search(_DROPPED.replace("WORD", name), text, re.IGNORECASE))


def _asks(text: str) -> bool:
    return text.rstrip().endswith(("?", "？", "吗"))
