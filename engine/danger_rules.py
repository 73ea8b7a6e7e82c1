"""Finds what the rules of danger say in a folded text: figures of speech, intents, mere replies.

Knows: `facts/danger-rules.toml` and how its patterns are read over folded text.
Does not know: how a text is folded (`engine.danger_reading`), what follows from an intent.

Five hundred patterns are too slow to run over every piece. So each pattern is asked beforehand what
every match of it must contain: alternatives of short strings ("needs"). A pattern is run only where
the piece holds one string of each of its needs, which is seldom; nothing that matches is lost.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import NamedTuple

from engine.danger_reading import SHORT, Folded

BLANK = "\x00"
_MOST = 64  # strings that a stretch of a pattern may stand for before it is cut in two
_REPEATS = 8
_FEW = 12  # words, or Han characters, of what is no more than an answer
_COMMON = "etaoinshrdlucmfwypvbgkjqxz"

_LETTERS = re.compile(r"[a-z0-9]{3}")

Need = frozenset[str]


def loosen(pattern: str) -> str:
    """The pattern with every letter allowed to repeat, its spaces dropped, its repeats bounded.

    A text may be written so that a group's repeats can be told apart in very many ways (快要 is also 快
    and 要), and each doubles the search. So a group repeats at most _REPEATS times, and a double letter
    is one item.
    """
    out: list[str] = []
    index = 0
    depth = behind = 0  # parentheses open; the depth at which a look-behind (fixed width) began
    while index < len(pattern):
        character = pattern[index]
        following = pattern[index + 1 : index + 2]
        if character == "\\":
            out.append(character + following)
            index += 2
            continue
        if character in "[{":
            end = pattern.index("]" if character == "[" else "}", index)
            out.append(pattern[index : end + 1])
            index = end + 1
            continue
        if character == "(":
            depth += 1
            prefix = re.match(r"\(\?(?:<?[!=]|:)", pattern[index:])
            if prefix:
                if "<" in prefix.group() and not behind:
                    behind = depth
                out.append(prefix.group())
                index += prefix.end()
                continue
            out.append("(?:")
        elif character == ")":
            if depth == behind:
                behind = 0
            depth -= 1
            out.append(character)
            if following in ("*", "+"):
                out.append(f"{{{'0' if following == '*' else '1'},{_REPEATS}}}")
                index += 2
                continue
        elif character == " ":
            index += 2 if following in ("?", "*") else 1
            continue
        elif character.isalnum() and not behind:
            same = re.match(rf"(?:[ ]?{character}(?![?*+{{]))*", pattern[index + 1 :])
            count = 1 + same.group().count(character) if same and following not in ("?", "*", "+", "{") else 1
            letter = f"{character}{{{count},}}" if count > 1 else f"{character}+"
            out.append(f"(?:{letter})" if following and following in "?*+{" else letter)
            index += same.end() if same and count > 1 else 0
        else:
            out.append(character)
        index += 1
    return "".join(out)


def squeeze(text: str) -> str:
    """`text` without repeated letters: a loosened pattern's needs are looked for in this."""
    return "".join([letter for letter, _ in groupby(text)])


class _Stretch(NamedTuple):
    """What part of a pattern stands for: all its strings, if they are few, and what it needs besides."""

    strings: frozenset[str] | None
    needs: tuple[Need, ...] = ()


class _Needs:
    """Reads a pattern, as written in the rules, for what each match of it must contain (squeezed)."""

    def __init__(self, pattern: str) -> None:
        tokens = re.findall(r" [?*]?|\\.|\[[^]]*\]|\{[^}]*\}|\(\?(?:<?[!=]|:)|.", pattern)
        self._rest = [token for token in tokens if token[0] != " "][::-1]

    def all(self) -> tuple[Need, ...]:
        strings, needs = self._either()
        grams = [_grams(need) for need in ([strings] if strings else []) + list(needs)]
        return tuple(sorted({need for need in grams if need}, key=_chance))

    def _either(self) -> _Stretch:
        branches = [self._sequence()]
        while self._rest and self._rest[-1] == "|":
            self._rest.pop()
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        if all(branch.strings is not None for branch in branches):
            return _Stretch(frozenset().union(*(branch.strings or () for branch in branches)))
        united: set[str] = set()
        for strings, needs in branches:
            best = min(
                (need for need in (*needs, *([strings] if strings else [])) if _grams(need)),
                key=lambda need: _chance(_grams(need)),
                default=None,
            )
            if best is None:
                return _Stretch(None)
            united |= best
        return _Stretch(None, (frozenset(united),))

    def _sequence(self) -> _Stretch:
        needs: list[Need] = []
        current: frozenset[str] = frozenset([""])
        whole = True
        while self._rest and self._rest[-1] not in ("|", ")"):
            strings, more = self._repeated()
            needs += more
            joined = len(current) * len(strings) if strings is not None else 0
            if strings is not None and 0 < joined <= _MOST:
                current = frozenset(squeeze(first + then) for first in current for then in strings)
                continue
            whole = False
            needs.append(current)
            current = strings if strings is not None else frozenset([""])
        if whole:
            return _Stretch(current, tuple(needs))
        return _Stretch(None, (*needs, current))

    def _repeated(self) -> _Stretch:
        one = self._one()
        mark = self._rest[-1] if self._rest else ""
        if mark not in ("?", "*", "+") and mark[:1] != "{":
            return one
        self._rest.pop()
        if mark == "?":
            return _Stretch(None if one.strings is None else one.strings | {""})
        if mark == "*" or mark.startswith(("{0", "{,")):
            return _Stretch(None)
        return _Stretch(None, (*one.needs, *([one.strings] if one.strings else [])))

    def _one(self) -> _Stretch:
        token = self._rest.pop()
        if token[0] == "(":
            inside = self._either()
            self._rest.pop()
            return inside if token in ("(", "(?:") else _Stretch(frozenset([""]))
        if token in ("^", "$"):
            return _Stretch(frozenset([""]))
        return _Stretch(frozenset([token]) if token.isalnum() else None)


def _gram(text: str) -> str:
    """The stretch of a needed string that is looked for: two characters with Han, up to four without."""
    if text.isascii():
        size = min(len(text), 4)
        grams = [text[at : at + size] for at in range(len(text) - size + 1)]
        return max(grams, key=lambda gram: sum(map(_COMMON.find, gram)))
    if len(text) == 1:
        return text
    grams = [text[at : at + 2] for at in range(len(text) - 1)]
    return next(gram for gram in grams[::-1] if not gram.isascii())


def _grams(need: Iterable[str]) -> Need:
    """What is looked for of a need; empty when a match may do without."""
    return frozenset() if "" in need else frozenset(map(_gram, need))


def _chance(need: Need) -> float:
    """Roughly how often a need is met, for what is tried first."""
    return sum(
        (0.01 if len(gram) == 1 else 1e-4) if not gram.isascii() else 0.1 ** len(gram) for gram in need
    )


def grams_of(text: str) -> set[str]:
    """All strings of the lengths that needs are made of, in a folded text."""
    text = squeeze(text)
    size = len(text)
    found = set(text)
    found.update([text[at : at + 2] for at in range(size - 1)])
    if _LETTERS.search(text):
        found.update([text[at : at + 3] for at in range(size - 2)])
        found.update([text[at : at + 4] for at in range(size - 3)])
    return found


class Rule(NamedTuple):
    """A pattern over folded text. `whole` words only; `needs`: one string of each stands in a match."""

    name: str
    pattern: re.Pattern[str]
    whole: bool
    needs: tuple[Need, ...]

    def find(self, folded: Folded, begin: int = 0) -> tuple[int, int] | None:
        """Where the rule's first match from `begin` on starts and ends."""
        if self.whole:
            return _words(self.pattern, folded, begin)
        found = self.pattern.search(folded.text, begin)
        return found.span() if found else None


class Rules:
    """Rules in their order, and which of them a text can match at all."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._always = [number for number, rule in enumerate(rules) if not rule.needs]
        self._index: dict[str, list[int]] = defaultdict(list)
        for number, rule in enumerate(rules):
            for gram in rule.needs[0] if rule.needs else ():
                self._index[gram].append(number)
        self._known = frozenset(self._index)

    def possible(self, grams: set[str]) -> Iterator[Rule]:
        """The rules, in order, whose needs are all met by a text's grams (`grams_of`)."""
        numbers = set(self._always)
        for gram in self._known & grams:
            numbers.update(self._index[gram])
        for number in sorted(numbers):
            rule = self.rules[number]
            if not any(need.isdisjoint(grams) for need in rule.needs[1:]):
                yield rule

    def first(self, folded: Folded, grams: set[str]) -> str | None:
        """The name of the first rule that matches."""
        return next((rule.name for rule in self.possible(grams) if rule.find(folded)), None)


def _words(pattern: re.Pattern[str], folded: Folded, begin: int = 0) -> tuple[int, int] | None:
    """Where `pattern` first matches whole words of `folded`."""
    text, edges = folded
    while (found := pattern.search(text, begin)) is not None:
        at = bisect_left(edges, found.start())
        if at == len(edges):
            return None
        start = edges[at]
        if start > found.start():
            begin = start
            continue
        last = bisect_left(edges, found.end())
        if last < len(edges) and edges[last] == found.end():
            return start, found.end()
        for end in edges[bisect_left(edges, found.end() + 24) - 1 : at : -1]:
            if pattern.fullmatch(text, start, end):
                return start, end
        begin = start + 1
    return None


class _File(NamedTuple):
    intents: Rules
    figures_zh: re.Pattern[str]
    figures: Rules
    asking: Rules
    replying: Rules


@cache
def _file() -> _File:
    found = tomllib.loads((resources.files("engine.facts") / "danger-rules.toml").read_text("utf-8"))

    def rules(table: dict[str, list[str]], name: str) -> list[Rule]:
        return [
            Rule(name, re.compile(loosen(pattern)), language == "en", _Needs(pattern).all())
            for language in ("zh", "en")
            for pattern in table[language]
        ]

    return _File(
        Rules([rule for row in found["intent"] for rule in rules(row, row["name"])]),
        re.compile("|".join(f"(?:{loosen(pattern)})" for pattern in found["harmless"]["zh"])),
        Rules(rules(found["harmless"], "harmless")),
        Rules(rules(found["asking"], "asking")),
        Rules(rules(found["replying"], "replying")),
    )


def blanked(folded: Folded, grams: set[str] | None = None) -> Folded:
    """`folded` with the figures of speech that only sound like danger blanked."""
    file = _file()
    text = folded.text
    possible = list(file.figures.possible(grams_of(text) if grams is None else grams))
    if any(not rule.whole for rule in possible):
        text = file.figures_zh.sub(lambda found: BLANK * len(found.group()), text)
    for rule in possible:
        end = 0
        while rule.whole and (place := rule.find(folded._replace(text=text), end)) is not None:
            start, end = place
            text = text[:start] + BLANK * (end - start) + text[end:]
    return folded._replace(text=text)


def by_rules(folded: Folded, grams: set[str] | None = None) -> str | None:
    """The first intent whose rules match the folded text (`grams`: `grams_of` it, before blanking)."""
    return _file().intents.first(folded, grams_of(folded.text) if grams is None else grams)


def only_answers(folded: Folded) -> bool:
    """Whether a short text takes up what was said before: a person's reply to being offered help."""
    return _short(folded) and _file().replying.first(folded, grams_of(folded.text)) is not None


def asks_nothing(folded: Folded) -> bool:
    """Whether a text is short and carries no wish or question of its own."""
    return _short(folded) and _file().asking.first(folded, grams_of(folded.text)) is None


def _short(folded: Folded) -> bool:
    return len(folded.edges) - 1 <= _FEW and len(folded.text) <= SHORT
