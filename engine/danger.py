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
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
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
    "judged",
    "load",
    "meanings",
    "only_asks_for_writing",
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
BUCKETS = 1 << 17  # with a quarter of them 19 % of what is on purpose alike is taken for danger, not 16
_ENOUGH = 10  # n-grams, more than four Han characters have: below that only rules can tell
_SURE = 0.8  # of danger, before an unsafe asking is refused: a refusal of nothing drives writers away
_WHOLE = 240  # folded characters up to which a text is judged as one: a story is told in several sentences
_SURE_OF_WRITING = 0.9  # of a crisis, in an asking for a poem that says nothing of its writer: poems are sad
_FAVOUR = re.compile(
    r"[给帮替为]我|\b(?:write|give|make|tell|compose) me\b|\bfor me\b|\bi (?:want|need|would like)(?= an?\b)"
    r"|\bid like(?= an?\b)|\b(?:can|could|may) i (?:have|get)\b"
)
_WRITING = re.compile(
    r"(?:写|作|编|来|讲|续).*(?:诗|绝句|七绝|五绝|律诗|七律|五律|俳句|歌词|童话|故事|小说)"
    r"|\b(?:poem|haiku|sonnet|limerick|ballad|lullaby)s?\b|\ban? (?:[a-z]+ ){0,4}(?:story|tale|ode|verse)\b"
)
_WRITER = re.compile(r"[我咱俺]|\b(?:i|im|ive|id|ill|me|my|mine|myself|we|us|our)\b")
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
        kept = buckets[np.isin(owners, enough)]
        meant = meanings([texts[int(row)].words for row in enough])
        scores = self.scores(kept, counts[enough], meant)
        danger = 1 - scores[:, 0]
        limit = self.threshold if threshold is None else threshold
        for row in map(int, np.flatnonzero(danger >= limit)):
            intent = INTENTS[int(scores[row, 1:].argmax())]
            if intent.startswith("crisis") or danger[row] >= _SURE:
                found[int(enough[row])] = intent
        return found

    def scores(
        self,
        buckets: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
        meanings: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """How likely each class is, (N, classes): `counts` (N,) of the `buckets` are each text's."""
        has = np.flatnonzero(counts)
        scores = np.zeros((len(counts), self.weights.shape[1]), np.float32)
        begins = np.concatenate([[0], counts[has].cumsum()[:-1]])
        scores[has] = np.add.reduceat(self.weights[buckets], begins, axis=0) / np.sqrt(counts[has])[:, None]
        scores += self.bias + np.maximum(meanings @ self.entry + self.entry_bias, 0) @ self.leave
        scores = np.exp(scores - scores.max(1, keepdims=True))
        shares: npt.NDArray[np.float32] = scores / scores.sum(1, keepdims=True)
        return shares

    def intent(self, text: Heard, threshold: float | None = None) -> str | None:
        """`intents` for one text."""
        return self.intents([text], threshold)[0]


def digest(folded: str) -> int:
    """64 bits of a folded text."""
    return int.from_bytes(hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def load(path: Path | None = None) -> Classifier:
    """The classifier that `engine.danger_training` wrote to `path`, by default the shipped one."""
    with (path or Path(str(resources.files("engine.facts"))) / "danger-weights.npz").open("rb") as file:
        saved = np.load(file)
        return Classifier(
            saved["weights"] * saved["step"],
            saved["bias"].astype(np.float32),
            saved["entry"].astype(np.float32),
            saved["entry_bias"].astype(np.float32),
            saved["leave"].astype(np.float32),
            float(saved["threshold"]),
            frozenset(saved["harmless"].tolist()),
        )


@cache
def _classifier() -> Classifier:
    return load()


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
    read = judged(parts)
    if len(read) == 1:
        if digest(read[0].letters) in classifier.harmless:
            return None
        intent = classifier.intent(read[0])
        if intent and intent.startswith("crisis") and only_asks_for_writing(read[0].words):
            return classifier.intent(read[0], _SURE_OF_WRITING)
        return intent
    # every further sentence is one more chance of a false alarm
    stricter = 1 - (1 - classifier.threshold) / 3
    return next(filter(None, classifier.intents(read, stricter)), None)


def only_asks_for_writing(words: str) -> bool:
    """Whether a folded text, its words apart, asks for a poem or a tale and says nothing of its writer."""
    asked = _FAVOUR.sub(" ", words)
    return _WRITING.search(asked) is not None and _WRITER.search(asked) is None


def judged(parts: Sequence[Folded], whole: bool = False) -> list[Heard]:
    """What of a text's pieces is judged as one: all of a short text, or of any if `whole`, else each."""
    together = heard(parts)
    if len(together.letters) <= _WHOLE or whole:
        return [together]
    return [heard([part]) for part in parts]


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
