"""Which statements were overturned later: corrections, other figures, a reply that contradicts.

Knows: the cues of corrections in Chinese and English, figures and days, which message answers which.
Does not know: what is important.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.summary_signals import terms_of
from engine.summary_units import Unit, cues
from engine.values import Message

_LOOK_BACK = 60  # units in which an overturned statement is looked for
_FACT = re.compile(
    r"\d+(?:[.:：]\d+)?|周[一二三四五六日末]|星期.|(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE
)
_OVERTURNS = re.compile(cues()["corrections"]["overturns"], re.IGNORECASE)
_REPLY_OVERTURNS = re.compile(cues()["corrections"]["reply"], re.IGNORECASE)


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
