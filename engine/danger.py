"""Recognises askings that nothing may be generated for, and gives their fixed sentences.

Knows: the rules (`facts/danger-rules.toml`), a small character n-gram classifier
(`facts/danger-weights.npz`, trained by `python -m engine.danger_training`), the sentences
(`prompts/fixed/danger.toml`).
Does not know: models, tasks, Discord. It runs before all of them.

Self-harm, abuse, a medical emergency (`crisis…`) and askings for harm (`unsafe_…`) are recognised
recall first. A text is folded before it is read: full-width and traditional forms, zero-width
characters, spaces and punctuation inside words, look-alike letters and repeated letters do not hide
a word. What is fixed is never sampled, varied, re-ranked or learnt from.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import opencc

INTENTS = (
    "crisis",
    "crisis_emergency",
    "crisis_abuse",
    "crisis_distress",
    "unsafe_request",
    "unsafe_hacking_cheating",
    "unsafe_sexual",
    "unsafe_hate",
)
FOLLOW = "crisis_follow"
BUCKETS = 1 << 15
_SHORT = 60  # folded characters up to which a text is also read as one word without any gap
_ENOUGH = 9  # n-grams, those of four Han characters: below that only rules can tell
_LATIN = str.maketrans("аеорсхукіѕԁһոⅼıɡ@$0134", "aeopcxykisdhnligasolea")
_BLANK = "\x00"
_SENTENCE = re.compile(r"[。！？!?…\n;；]+|\.(?=\s|$)")
_CLAUSE = re.compile(r"[。！？!?…\n;；,，、~～]+|\.(?=\s|$)")


class Folded(NamedTuple):
    """A text without case, gaps and variants; `starts` and `ends` are where its words begin and end."""

    text: str
    starts: frozenset[int]
    ends: frozenset[int]


@cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def fold(text: str) -> Folded:
    """Folds `text`: NFKC, simplified, lower case, letters and digits only, runs of one letter cut at 3."""
    plain = _simplifier().convert(unicodedata.normalize("NFKC", text)).lower().replace("亖", "死")
    plain = re.sub(r"(?<=\d)\+", "plus", plain)
    letters: list[str] = []
    starts: set[int] = {0}
    ends: set[int] = set()
    script = ""
    for word in re.findall(r"\S+", plain):
        if re.search(r"[a-zа-я]", word):
            word = re.sub(r"(?<=[^\W\d_])[@$0134](?=[^\W\d_])|[а-яіѕԁһոⅼ]", _letter, word)
        for character in word:
            kind = _script(character)
            if kind in "-~":
                if kind == "-":
                    script = ""
                continue
            if kind != script or kind == "h":
                starts.add(len(letters))
                ends.add(len(letters))
                script = kind
            if letters[-3:] != [character] * 3:
                letters.append(character)
        script = ""
    ends.add(len(letters))
    return Folded("".join(letters), frozenset(starts), frozenset(ends))


def _letter(found: re.Match[str]) -> str:
    return found.group().translate(_LATIN)


def _script(character: str) -> str:
    """h Han, l other letter, d digit, ~ an invisible mark inside a word, - anything else."""
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me", "Sk") or character in "'’":
        return "~"
    if category == "Nd":
        return "d"
    if category[0] != "L":
        return "-"
    return "h" if "㐀" <= character <= "鿿" or character >= "\U00020000" else "l"


def _loosen(pattern: str) -> str:
    """The pattern with every letter allowed to repeat and its spaces dropped."""
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
        if character == "[":
            end = pattern.index("]", index)
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
        elif character == "{":
            end = pattern.index("}", index)
            out.append(pattern[index : end + 1])
            index = end + 1
            continue
        elif character == " ":
            index += 2 if following in ("?", "*") else 1
            continue
        elif character.isalnum() and not behind:
            out.append(f"(?:{character}+)" if following and following in "?*+{" else f"{character}+")
        else:
            out.append(character)
        index += 1
    return "".join(out)


@dataclass(frozen=True)
class _Rules:
    harmless_zh: re.Pattern[str]
    harmless_en: tuple[re.Pattern[str], ...]
    intents: tuple[tuple[str, re.Pattern[str], tuple[re.Pattern[str], ...]], ...]


@cache
def _rules() -> _Rules:
    found = tomllib.loads((resources.files("engine.facts") / "danger-rules.toml").read_text("utf-8"))
    return _Rules(
        _any(found["harmless"]["zh"]),
        tuple(re.compile(_loosen(pattern)) for pattern in found["harmless"]["en"]),
        tuple(
            (row["name"], _any(row["zh"]), tuple(re.compile(_loosen(pattern)) for pattern in row["en"]))
            for row in found["intent"]
        ),
    )


def _any(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_loosen(pattern)})" for pattern in patterns))


def _words(pattern: re.Pattern[str], folded: Folded) -> tuple[int, int] | None:
    """Where `pattern` matches whole words of `folded`."""
    text, starts, ends = folded
    if pattern.search(text) is None:  # most texts end here
        return None
    for start in sorted(starts):
        greedy = pattern.match(text, start)
        if greedy is None:
            continue
        if greedy.end() in ends:
            return start, greedy.end()
        for end in sorted((end for end in ends if start < end < greedy.end() + 24), reverse=True):
            if pattern.fullmatch(text, start, end):
                return start, end
    return None


def _harmless(folded: Folded) -> Folded:
    """`folded` with the figures of speech that only sound like danger blanked."""
    rules = _rules()
    text = rules.harmless_zh.sub(lambda found: _BLANK * len(found.group()), folded.text)
    for pattern in rules.harmless_en:
        while (place := _words(pattern, folded._replace(text=text))) is not None:
            text = text[: place[0]] + _BLANK * (place[1] - place[0]) + text[place[1] :]
    return folded._replace(text=text)


def by_rules(folded: Folded) -> str | None:
    """The first intent whose rules match the folded text."""
    for name, zh, en in _rules().intents:
        if zh.search(folded.text) or any(_words(pattern, folded) for pattern in en):
            return name
    return None


def features(text: str) -> npt.NDArray[np.int64]:
    """The distinct buckets of a folded text's n-grams: 1 to 3 with Han characters, 3 to 5 without."""
    found: set[int] = set()
    for start in range(len(text)):
        han = False
        for length in range(1, 6):
            if start + length > len(text):
                break
            last = text[start + length - 1]
            if last == _BLANK:
                break
            han = han or last >= "㐀"
            if (length <= 3) if han else (length >= 3):
                found.add(zlib.crc32(text[start : start + length].encode("utf-8")) % BUCKETS)
    return np.fromiter(found, np.int64, len(found))


@dataclass(frozen=True)
class Classifier:
    """Softmax regression over hashed n-grams. `weights`: (BUCKETS, classes), class 0 is harmless."""

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    threshold: float

    def probabilities(self, text: str) -> npt.NDArray[np.float32]:
        """(classes,) for one folded text."""
        buckets = features(text)
        scores = self.bias.astype(np.float32)
        if len(buckets):
            scores = scores + self.weights[buckets].sum(0) / np.sqrt(len(buckets))
        scores = np.exp(scores - scores.max())
        return np.asarray(scores / scores.sum(), np.float32)

    def intent(self, text: str, threshold: float | None = None) -> str | None:
        """The likeliest intent of a folded text, None when it is harmless or too short to tell."""
        if len(features(text)) < _ENOUGH:
            return None
        probabilities = self.probabilities(text)
        if 1 - probabilities[0] < (self.threshold if threshold is None else threshold):
            return None
        return INTENTS[int(probabilities[1:].argmax())]


@cache
def _classifier() -> Classifier:
    with (resources.files("engine.facts") / "danger-weights.npz").open("rb") as file:
        saved = np.load(file)
        return Classifier(
            saved["weights"].astype(np.float32), saved["bias"].astype(np.float32), float(saved["threshold"])
        )


def pieces(text: str) -> list[Folded]:
    """The parts of `text` that are read on their own, folded, harmless figures blanked.

    A short text is read whole (so that no gap inside a word hides it) and by clauses; a long one by
    sentences and clauses, or words of two sentences would meet.
    """
    whole = fold(text)
    parts = [whole] if len(whole.text) <= _SHORT else [fold(part) for part in _SENTENCE.split(text)]
    parts += [fold(part) for part in _CLAUSE.split(text)]
    distinct = {part.text: part for part in parts if part.text}
    return [_harmless(part) for part in distinct.values()]


def recognise(text: str, context: Sequence[str] = (), *, classifier: Classifier | None = None) -> str | None:
    """The intent of `text`, one of INTENTS, or None; FOLLOW when it answers a fixed crisis answer.

    `context` is Request.context: its last turn is the one that `text` answers.
    """
    if context and any(context[-1].strip() == sentence for sentence in _crisis_answers()):
        after = _recognise(text, classifier)
        return FOLLOW if after is None or after in ("crisis", "crisis_distress") else after
    return _recognise(text, classifier)


def _recognise(text: str, classifier: Classifier | None) -> str | None:
    parts = pieces(text)
    for part in parts:
        if (name := by_rules(part)) is not None:
            return name
    return by_classifier(parts, classifier or _classifier())


def by_classifier(parts: Sequence[Folded], classifier: Classifier) -> str | None:
    """The intent that the classifier sees in the pieces of a text."""
    if not parts:
        return None
    if len(parts[0].text) <= _SHORT:
        return classifier.intent(parts[0].text)
    # every further sentence is one more chance of a false alarm
    stricter = 1 - (1 - classifier.threshold) / 3
    return next((name for part in parts if (name := classifier.intent(part.text, stricter))), None)


@cache
def _sentences() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files("prompts") / "fixed" / "danger.toml").read_text("utf-8"))


@cache
def _crisis_answers() -> frozenset[str]:
    locales = ("zh-CN", "zh-TW", "en")
    names = [name for name in _sentences() if name.startswith("crisis")]
    return frozenset(answer(name, locale) for name in names for locale in locales)


def answer(intent: str, locale: str) -> str:
    """The fixed text for `intent` (from `recognise`) in the nearest locale; KeyError for another name."""
    texts = _sentences()[intent]
    if locale in texts:
        return texts[locale]
    if locale.startswith("zh"):
        traditional = locale in ("zh-TW", "zh-HK", "zh-Hant")
        if traditional and "zh-TW" in texts:
            return texts["zh-TW"]
        return opencc.OpenCC("s2tw").convert(texts["zh-CN"]) if traditional else texts["zh-CN"]
    return texts["en"]
