"""English prose and verse as lines of words, and the examples that the rhyme model learns from.

Knows: words and marks, their syllables (engine.facts.english_sounds), which words carry a theme, how a
stanza or a sentence becomes examples, and that the model reads every line from its end.
Does not know: vocabularies, models, masks.

Lines are learnt and written backwards, last word first, so that a rhyme is chosen first and the line
leads up to it; written forwards, a rhyme would have to be forced onto a line that wants another word.
"""

from __future__ import annotations

import functools
import random
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine import text
from engine.facts import read_text
from engine.facts.english_sounds import is_name, sounds, syllables

MARKS = frozenset(",.;:!?")
HAIKU = (5, 7, 5)
SCHEMES = ("abab", "aabb", "abcb")
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)*|[,.;:!?]")
_PAST = re.compile(r"(?<=[a-z])'d\b")
_QUOTED = re.compile(r"(?<![a-z])'|'(?![a-z])")
_INNER_CAPITAL = re.compile(r"[a-z,;] (?!I\b)[A-Z]")
_ELIDED = {
    "o'er": "over", "e'er": "ever", "ne'er": "never", "th'": "the ", "ev'ry": "every", "heav'n": "heaven",
    "ev'n": "even", "e'en": "even", "pow'r": "power", "flow'r": "flower", "thro'": "through",
    "tho'": "though", "ev'ning": "evening", "giv'n": "given", "wou'd": "would", "cou'd": "could",
    "shou'd": "should", "an'": "and",
}  # fmt: skip
_ELISION = re.compile("|".join(rf"(?<![a-z']){re.escape(short)}" for short in _ELIDED))
_KEPT_D = frozenset(("i'd", "he'd", "she'd", "we'd", "you'd", "they'd", "who'd", "that'd", "it'd", "there'd"))
_LONGEST_LINE = 26  # words of a sentence that is learnt as one line
_MONTAGES = 3
_CUT = str.maketrans(dict.fromkeys(MARKS, "|"))
_UNKNOWN = 0.05  # share of a verse's words that the sound table may lack


class Made(NamedTuple):
    """An example: form, metre and scheme as tags, words of its theme, the target as the model reads it."""

    tags: tuple[str, ...]
    keywords: tuple[str, ...]
    target: str


@functools.cache
def words(kind: str) -> frozenset[str]:
    """A list of english-words.toml: plain, dangling, trailing, opening, persons, coarse."""
    return frozenset(tomllib.loads(read_text("english-words.toml"))[kind].split())


def tokens(line: str) -> list[str]:
    """Words in lower case and marks, in order; elisions of old verse are written out."""
    plain = line.lower().replace("’", "'").replace("‘", "'").replace("æ", "ae")
    plain = _ELISION.sub(lambda found: _ELIDED[found[0]], plain)
    plain = re.sub(r"--+|—|–", ",", plain)
    plain = re.sub(r"[a-z]+'d\b", lambda f: f[0] if f[0] in _KEPT_D else _PAST.sub(_ending, f[0]), plain)
    found: list[str] = []
    for token in _TOKEN.findall(_QUOTED.sub(" ", plain)):
        if token in MARKS and (not found or found[-1] in MARKS):
            continue
        found.append(token)
    return found


def _ending(found: re.Match[str]) -> str:
    return "d" if found.string[: found.start()].endswith("e") else "ed"


def backwards(lines: Sequence[Sequence[str]]) -> str:
    """Lines of tokens as the model reads them: each from its end, every token after a blank."""
    return "\n".join("".join(f" {token}" for token in reversed(line)) for line in lines)


def forwards(written: str) -> list[list[str]]:
    """The reverse of `backwards`."""
    return [list(reversed(line.split())) for line in written.split("\n")]


def bare(line: Sequence[str]) -> list[str]:
    return [token for token in line if token not in MARKS]


def count(line: Sequence[str]) -> int:
    """Syllables of a line of tokens, every word by its first reading."""
    return sum(sounds(word)[0].syllables if sounds(word) else max(syllables(word)[0]) for word in bare(line))


def keywords(lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The words of a theme in these lines, each once."""
    found = (word for line in lines for word in bare(line))
    return tuple(dict.fromkeys(w for w in found if len(w) > 2 and w not in words("plain") and not is_name(w)))


def examples(row: dict[str, Any]) -> Iterator[Made]:
    """A stanza ("lines" and a "rhyme" scheme) or a passage of prose ("text") as examples."""
    if "lines" in row:
        yield from _stanza([tokens(line) for line in row["lines"]], row.get("rhyme", "").split())
    elif isinstance(row.get("text"), str):
        for sentence in text.sentences(text.clean(row["text"]).replace("``", "").replace("''", "")):
            if not _INNER_CAPITAL.search(sentence):
                yield from _sentence(tokens(sentence))


def _stanza(lines: Sequence[list[str]], scheme: Sequence[str]) -> Iterator[Made]:
    if len(lines) != len(scheme) or not all(map(bare, lines)):
        return
    for size, name in ((2, "couplet"), (4, "quatrain")):
        free = 0  # where the next window of another scheme may begin
        last = -2
        for start in range(len(lines) - size + 1):
            part = lines[start : start + size]
            letters = list(dict.fromkeys(scheme[start : start + size]))
            shape = "".join("abcd"[letters.index(letter)] for letter in scheme[start : start + size])
            known = shape == "aa" if size == 2 else shape in SCHEMES
            # One that only shifts its neighbour by a line would say everything twice.
            if known and start - last >= 2 and _usable(part):
                last = start
                yield Made((name, metre(part), shape), keywords(part), backwards(part))
            elif size == 4 and not known and start >= free and _usable(part):
                free = start + size
                yield Made((name, metre(part)), keywords(part), backwards(part))


def metre(lines: Sequence[Sequence[str]]) -> str:
    """The tag of the lines' syllables: one number, "8-6" for the ballad, else "free"."""
    counts = [count(line) for line in lines]
    if len(counts) == 4 and all(abs(c - w) <= 1 for c, w in zip(counts, (8, 6, 8, 6), strict=True)):
        return "8-6" if counts[0] + counts[2] > counts[1] + counts[3] + 1 else "free"
    usual = max(set(counts), key=counts.count)
    return f"{usual}" if 4 <= usual <= 12 and all(abs(c - usual) <= 1 for c in counts) else "free"


def _usable(lines: Sequence[Sequence[str]]) -> bool:
    found = [word for line in lines for word in bare(line)]
    unknown = sum(not sounds(word) for word in found)
    return unknown <= _UNKNOWN * len(found) and words("coarse").isdisjoint(found)


def _sentence(sentence: list[str]) -> Iterator[Made]:
    if not sentence or not _usable([sentence]):
        return
    clauses: list[list[str]] = [[]]
    for token in sentence:
        clauses[-1].append(token)
        if token in MARKS:
            clauses.append([])
    clauses = [clause for clause in clauses if bare(clause)]
    if 3 <= len(bare(sentence)) <= _LONGEST_LINE:
        yield Made(("line", "free"), keywords([sentence]), backwards([sentence]))
    for clause in clauses if len(clauses) > 1 else ():
        if 4 <= (size := count(clause)) <= 12:
            yield Made(("line", f"{size}"), keywords([clause]), backwards([clause]))


def phrases(row: dict[str, Any]) -> Iterator[list[str]]:
    """The phrases of five and seven syllables in a row that could be lines of haiku.

    Each ends where a clause or a line of verse ends, and is all of it or begins like a phrase; it shows
    something of a scene, and speaks of no person.
    """
    if "lines" in row:
        parts = [tokens(line) for line in row["lines"]]
    else:
        found = text.sentences(text.clean(row.get("text", "")).replace("``", "").replace("''", ""))
        parts = [tokens(sentence) for sentence in found if not _INNER_CAPITAL.search(sentence)]
    for part in parts:
        for clause in "\0".join(part).translate(_CUT).split("|"):
            line = [word for word in clause.split("\0") if word]
            if not line or line[-1] in words("dangling") or not _usable([line]):
                continue
            for start in range(len(line)):
                phrase = line[start:]
                if (size := count(phrase)) < min(HAIKU):
                    break
                opens = start == 0 or phrase[0] in words("opening")
                if size in HAIKU and opens and words("persons").isdisjoint(phrase) and scenes_of(phrase):
                    yield phrase


def scenes_of(line: Sequence[str]) -> frozenset[str]:
    return frozenset().union(*(_scenes().get(word, ()) for word in line))


@functools.cache
def _scenes() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for scene, listed in tomllib.loads(read_text("english-words.toml"))["scenes"].items():
        for word in listed.split():
            found.setdefault(word, set()).add(scene)
    return {word: frozenset(names) for word, names in found.items()}


def montages(found: Sequence[Sequence[str]]) -> Iterator[Made]:
    """Haiku put together from phrases of one scene: there is no free corpus of haiku to learn from.

    Each middle line is shown several times, between other lines; which ones is fixed.
    """
    draw = random.Random(len(found))
    short: dict[str, list[Sequence[str]]] = {}
    for phrase in found:
        if count(phrase) == HAIKU[0]:
            for scene in sorted(scenes_of(phrase)):
                short.setdefault(scene, []).append(phrase)
    for phrase in found:
        if count(phrase) == HAIKU[1]:
            seen = sorted(scene for scene in scenes_of(phrase) if len(short.get(scene, ())) > 1)
            for _ in range(_MONTAGES if seen else 0):
                first, last = draw.sample(short[draw.choice(seen)], 2)
                lines = [first, phrase, last]
                if len(set(keywords(lines))) == sum(len(keywords([line])) for line in lines):
                    yield Made(("haiku",), keywords(lines), backwards(lines))
