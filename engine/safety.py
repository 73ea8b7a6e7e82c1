"""May this draft be sent? Coarse and hateful words, and what a small classifier takes for abuse.

Knows: the words of `facts/safety-words.txt`, two logistic regressions over hashed n-grams
(`facts/safety-weights.npz`, Chinese and English; made by `python -m engine.safety_training`), and that
a draft must not speak of danger either (`engine.danger`'s rules for crisis).
Does not know: askings (`engine.danger` comes before them), models, scores. It never rewrites a text:
a draft is used as it is or not at all.

Measured by `python -m engine.safety_training measure` on what nothing was learnt from: F1 of words and
classifier 0.87 on COLD's 6,383 development rows (recall 0.90), 0.96 on 3,109 of Toxic Spans and Davidson
(recall 0.86 and 0.97; of Davidson's 411 decent tweets 16 % alarm). Nothing may be sent of 0.26 % of our own
3,916 replies kept aside, of 0.2 % of 1,500 quatrains (CCPC), of none of 2,455 other classical poems kept
aside and of 0.6 % of 1,666 Tatoeba sentences. A draft of danger is counted in the first two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine import danger
from engine.facts import read_text

WORDS, WEIGHTS = "safety-words.txt", "safety-weights.npz"
BUCKETS = 1 << 18
_ENOUGH = 16  # n-grams, about six characters
LANGUAGES = ("zh", "en")
_HAN = re.compile(r"[㐀-鿿]")
_LATIN = re.compile(r"[^\W㐀-鿿_]")

Reason = Literal["", "words", "danger", "classifier"]
Numbers = npt.NDArray[np.float64]


def plain(text: str) -> str:
    """Folded as danger folds it, but with one blank between words of Latin script."""
    folded = danger.fold(text)
    words = [folded.text[a:b] for a, b in zip(folded.edges, folded.edges[1:], strict=False)]
    joined = ""
    for word in words:
        both = joined and _LATIN.match(joined[-1]) and _LATIN.match(word[0])
        joined += f" {word}" if both else word
    return joined


def language_of(plain_text: str) -> int:
    """The index in LANGUAGES of the classifier that reads a text: Chinese where it has a Han character."""
    return 0 if _HAN.search(plain_text) else 1


def bags(plain_texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The n-gram buckets of plain texts, text after text, and how many each has.

    A blank before and after tells a word's edge from its middle: bit is no beginning of another word.
    """
    buckets, owners = danger.features_of([f" {text} " for text in plain_texts], BUCKETS)
    return buckets, np.bincount(owners, minlength=len(plain_texts))


@dataclass(frozen=True)
class Classifier:
    """`weights` (2, BUCKETS), `bias` (2,), `thresholds` (2,): one regression a language of LANGUAGES."""

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    thresholds: npt.NDArray[np.float32]

    def probabilities(self, plain_texts: Sequence[str]) -> Numbers:
        """(N,) how sure the text's own classifier is that it offends, in (0, 1)."""
        buckets, counts = bags(plain_texts)
        languages = np.array([language_of(text) for text in plain_texts], np.int64)
        owners = np.repeat(np.arange(len(plain_texts)), counts)
        sums = np.bincount(owners, self.weights[languages[owners], buckets], minlength=len(plain_texts))
        scores = self.bias[languages] + sums / np.sqrt(np.maximum(counts, 1))
        scores[counts < _ENOUGH] = -30  # too short to tell: there the words must do
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))), np.float64)

    def offends(self, plain_texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """(N,) whether the probability reaches the threshold of the text's language."""
        languages = np.array([language_of(text) for text in plain_texts], np.int64)
        return np.asarray(self.probabilities(plain_texts) >= self.thresholds[languages], np.bool_)


def word_pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Finds any of the words in a plain text: Han anywhere, Latin only as whole words."""
    han = sorted((re.escape(word) for word in words if _HAN.search(word)), key=len, reverse=True)
    latin = sorted((re.escape(word) for word in words if not _HAN.search(word)), key=len, reverse=True)
    parts = [f"(?:{'|'.join(han)})"] if han else []
    parts += [rf"(?<![a-z0-9])(?:{'|'.join(latin)})(?![a-z0-9])"] if latin else []
    return re.compile("|".join(parts) or r"(?!)")


@cache
def _words() -> re.Pattern[str]:
    lines = read_text(WORDS).splitlines()
    return word_pattern([line for line in lines if line and not line.startswith("#")])


@cache
def _classifier() -> Classifier:
    with (resources.files("engine.facts") / WEIGHTS).open("rb") as file:
        saved = np.load(file)
        weights = saved["weights"].astype(np.float32) * saved["scale"][:, None]
        return Classifier(weights, saved["bias"], saved["thresholds"])


def reasons(texts: Sequence[str]) -> list[Reason]:
    """Why each draft may not be sent, "" where nothing speaks against it.

    Words are looked for line by line: they never meet over a line's end.
    """
    found: list[Reason] = []
    plains = [plain(text) for text in texts]
    offends = _classifier().offends(plains) if plains else ()
    for text, hit in zip(texts, offends, strict=True):
        if any(_words().search(plain(line)) for line in text.split("\n")):
            found.append("words")
        elif any((intent := danger.by_rules(part)) and intent in _NEVER for part in danger.pieces(text)):
            found.append("danger")
        else:
            found.append("classifier" if hit else "")
    return found


# Advice that names an emergency is care; wishing for death, and coarse or hateful askings, are not.
_NEVER = ("crisis", "unsafe_sexual", "unsafe_hate")


def safe(texts: Sequence[str]) -> list[bool]:
    """Whether each draft may be sent."""
    return [not reason for reason in reasons(texts)]
