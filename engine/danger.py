"""Recognises askings that nothing may be generated for, and gives their fixed sentences.

Knows: the small classifier over character n-grams and meanings (`facts/danger-weights.npz`, trained by
`python -m engine.danger_training`), when what follows a crisis answer is fixed too, the sentences
(`prompts/fixed/danger.toml`).
Does not know: how a text is folded and cut (`engine.danger_reading`), the rules
(`engine.danger_rules`), models, tasks, Discord. It runs before all of them.

Self-harm, abuse, a medical emergency (`crisis…`) and askings for harm (`unsafe_…`) are recognised
recall first. What is fixed is never sampled, varied, re-ranked or learnt from.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine import meaning
from engine.danger_reading import Folded, fold, parts
from engine.danger_rules import BLANK, asks_nothing, blanked, by_rules, grams_of, only_answers
from engine.likeness import plain
from engine.traditional import to_traditional

__all__ = [
    "BUCKETS",
    "FOLLOW",
    "INTENTS",
    "Classifier",
    "Folded",
    "Heard",
    "answer",
    "by_classifier",
    "by_rules",
    "features",
    "features_of",
    "fold",
    "heard",
    "meanings",
    "pieces",
    "recognise",
]

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
_ENOUGH = 10  # n-grams, more than four Han characters have: below that only rules can tell
_SURE = 0.8  # of danger, before an unsafe asking is refused: a refusal of nothing drives writers away
_WHOLE = 240  # folded characters up to which a text is judged as one: a story is told in several sentences
_BETWEEN = "\x01"


class Heard(NamedTuple):
    """What is judged as one: its folded letters end to end, and the same with its words apart."""

    letters: str
    words: str


def heard(parts: Sequence[Folded]) -> Heard:
    return Heard("".join(part.text for part in parts), " ".join(part.words for part in parts))


def meanings(words: Sequence[str]) -> npt.NDArray[np.float32]:
    """(N, 2M): the vectors of texts by n-grams and words, and by words alone, each component about 1."""
    vectors, texts = meaning.shipped(), [plain(text) for text in words]
    found = np.concatenate([vectors.vectors(texts), vectors.of_words(texts)], axis=1)
    return found * np.float32(np.sqrt(vectors.size))


def features(text: str) -> npt.NDArray[np.int64]:
    """The distinct buckets of a folded text's n-grams: 1 to 3 with Han characters, 3 to 5 without."""
    return features_of([text])[0]


def features_of(
    texts: Sequence[str], size: int = BUCKETS
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct buckets, of `size`, of each text, text after text, and of which text each is."""
    joined = _BETWEEN.join([*texts, BLANK * 5])
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.int64)
    owners = np.cumsum(codes == ord(_BETWEEN))
    count = len(codes) - 5
    encoded, sizes = _utf8(codes)
    crc = np.full(count, 0xFFFFFFFF, np.int64)
    whole = np.ones(count, np.bool_)
    han = np.zeros(count, np.bool_)
    found = []
    for length in range(1, 6):
        last = slice(length - 1, length - 1 + count)
        whole &= codes[last] > ord(_BETWEEN)
        han |= codes[last] >= ord("㐀")
        bytes_of = sizes[last]
        for place in range(int(sizes.max())):
            after = _CRC[(crc ^ encoded[place, last]) & 255] ^ (crc >> 8)
            crc = np.where(bytes_of > place, after, crc)
        chosen = np.flatnonzero(whole & (han if length < 3 else ~han if length > 3 else True))
        found.append(owners[chosen] * size + (crc[chosen] ^ 0xFFFFFFFF) % size)
    distinct = np.unique(np.concatenate(found))
    return distinct % size, distinct // size


def _utf8(codes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bytes of each character, (4, characters), and how many they are."""
    sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    first = np.array([0, 0, 0xC0, 0xE0, 0xF0])[sizes]
    encoded = np.zeros((4, len(codes)), np.int64)
    for place in range(4):
        bits = 6 * np.maximum(sizes - 1 - place, 0)
        encoded[place] = (codes >> bits) & 63 | 0x80
    encoded[0] = first | codes >> 6 * (sizes - 1)
    return encoded, sizes


def _crc_table() -> npt.NDArray[np.int64]:
    """CRC-32 as zlib has it, byte by byte."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ 0xEDB88320, table >> 1)
    return table


_CRC = _crc_table()


@dataclass(frozen=True)
class Classifier:
    """Softmax over hashed n-grams, `weights` (BUCKETS, classes), and meanings, through one hidden layer.

    Letters know the wordings that were read, meanings those that were not. Class 0 is harmless. `entry`
    (2M, H), `entry_bias` (H,) and `leave` (H, classes) are the hidden layer. `harmless` are the `digest`s of
    texts known to be so that the weights alone would take for danger.
    """

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    entry: npt.NDArray[np.float32]
    entry_bias: npt.NDArray[np.float32]
    leave: npt.NDArray[np.float32]
    threshold: float
    harmless: frozenset[int] = frozenset()

    def intents(self, texts: Sequence[Heard], threshold: float | None = None) -> list[str | None]:
        """The likeliest intent of each text, None when it is harmless or too short to tell."""
        buckets, owners = features_of([text.letters for text in texts])
        counts = np.bincount(owners, minlength=len(texts))
        enough = np.flatnonzero(counts >= _ENOUGH)
        found: list[str | None] = [None] * len(texts)
        if not len(enough):
            return found
        starts = np.concatenate([[0], counts.cumsum()])[enough]
        ends = starts + counts[enough]
        kept = np.concatenate([buckets[start:end] for start, end in zip(starts, ends, strict=True)])
        begins = np.concatenate([[0], counts[enough].cumsum()[:-1]])
        scores = np.add.reduceat(self.weights[kept], begins, axis=0)
        scores = self.bias + scores / np.sqrt(counts[enough])[:, None]
        meant = meanings([texts[int(row)].words for row in enough])
        scores += np.maximum(meant @ self.entry + self.entry_bias, 0) @ self.leave
        scores = np.exp(scores - scores.max(1, keepdims=True))
        danger = 1 - scores[:, 0] / scores.sum(1)
        limit = self.threshold if threshold is None else threshold
        for row in map(int, np.flatnonzero(danger >= limit)):
            intent = INTENTS[int(scores[row, 1:].argmax())]
            if intent.startswith("crisis") or danger[row] >= _SURE:
                found[int(enough[row])] = intent
        return found

    def intent(self, text: Heard, threshold: float | None = None) -> str | None:
        """`intents` for one text."""
        return self.intents([text], threshold)[0]


def digest(folded: str) -> int:
    """64 bits of a folded text."""
    return int.from_bytes(hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).digest())


@cache
def _classifier() -> Classifier:
    with (resources.files("engine.facts") / "danger-weights.npz").open("rb") as file:
        saved = np.load(file)
        return Classifier(
            saved["weights"].astype(np.float32),
            saved["bias"].astype(np.float32),
            saved["entry"].astype(np.float32),
            saved["entry_bias"].astype(np.float32),
            saved["leave"].astype(np.float32),
            float(saved["threshold"]),
            frozenset(saved["harmless"].tolist()),
        )


def pieces(text: str) -> list[Folded]:
    """The parts of `text` that are read on their own, folded, harmless figures blanked."""
    return [blanked(part) for part in parts(text)]


def recognise(text: str, context: Sequence[str] = (), *, classifier: Classifier | None = None) -> str | None:
    """The intent of `text`, one of INTENTS, or None; FOLLOW once, right after a fixed crisis answer.

    `context` is Request.context: its last turn is the one that `text` answers. FOLLOW is for what
    only answers the crisis answer (嗯, I don't know) or says the same again. An asking of its own is
    recognised like any other, and so is whatever comes after FOLLOW: no conversation is stuck here.
    """
    found: list[Folded] = []
    intent: str | None = None
    for part in parts(text):
        grams = grams_of(part.text)
        found.append(blanked(part, grams))
        if (intent := by_rules(found[-1], grams)) is not None:
            break
    certain = intent is not None
    if intent is None:
        intent = by_classifier(found, classifier or _classifier())
    if context and context[-1].strip() in _crisis_answers():
        whole = fold(text)
        replies = only_answers(whole) if intent else only_answers(whole) or asks_nothing(whole)
        if intent in ("crisis", "crisis_distress") or (replies and not certain):
            return FOLLOW
    return intent


def by_classifier(parts: Sequence[Folded], classifier: Classifier) -> str | None:
    """What the classifier sees in the pieces of a text: a crisis, or an unsafe asking where it is sure.

    A refusal of "write something nice" drives writers away, and with an unsafe asking that is missed a
    small generator can do little harm; a crisis missed is worse than an alarm too many.
    """
    if not parts:
        return None
    whole = heard(parts)
    if len(whole.letters) <= _WHOLE:
        return None if digest(whole.letters) in classifier.harmless else classifier.intent(whole)
    # every further sentence is one more chance of a false alarm
    stricter = 1 - (1 - classifier.threshold) / 3
    found = classifier.intents([heard([part]) for part in parts], stricter)
    return next(filter(None, found), None)


@cache
def _sentences() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files("prompts") / "fixed" / "danger.toml").read_text("utf-8"))


@cache
def _crisis_answers() -> frozenset[str]:
    """The crisis answers of the first level: FOLLOW's is not among them."""
    locales = ("zh-CN", "zh-TW", "en")
    names = [name for name in INTENTS if name.startswith("crisis")]
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
        return to_traditional(texts["zh-CN"]) if traditional else texts["zh-CN"]
    return texts["en"]
