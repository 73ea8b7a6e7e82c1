"""How good is this text, by itself and beside its request: scores in [0, 1], and what it copied.

Knows: repetition, unbalanced quotes, mixed languages, cut sentences, length, copying.
Does not know: models, probabilities, people's judgements (the reward model has those).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from engine import text

COPIED = "□"
"""Stands for each character of a passage that was copied from a request."""
SHORTEST_PASSAGE = 6
"""Characters from which a shared passage counts as copied."""
SHORTEST_WORDS = 3
"""Words of Latin script from which a shared passage counts as copied."""

_PAIRS = {"“": "”", "‘": "’", "「": "」", "『": "』", "（": "）", "(": ")", "《": "》", "[": "]", "【": "】"}
_CLOSERS = frozenset(_PAIRS.values())
_END = re.compile(r"(?:[。！？!?…～~]|\.|[^\w\s，,、；;：:]{1,4})[”’」』）)\"']*\s*$")
_OPEN_END = re.compile(
    r"[，,、；;：:（(“「《\-—]\s*$|\b(?:the|a|an|of|to|and|or|in|with|for|is|are)\s*$", re.IGNORECASE
)
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_HAN = re.compile(f"[{text.HAN}]")


def judge(words: str, asked: str, context: Sequence[str], locale: str) -> tuple[dict[str, float], float]:
    """Scores of a draft and their product, the draft's quality in [0, 1].

    `asked` and `context` are the request's; `locale` decides the language where the request shows none.
    """
    wanted = text.locale_of(asked or " ".join(context[-1:]), locale)
    scores = {
        "repetition": _repetition(words),
        "balance": _balance(words),
        "language": _language(words, wanted),
        "ending": _ending(words),
        "length": _length(words),
        "own": 1.0 - copy_rate(words, "\n".join((*context, asked))),
    }
    return scores, math.prod(scores.values())


def _repetition(words: str) -> float:
    """1 with no character 4-gram written twice; less with each that is, and with runs of one sign."""
    plain = re.sub(r"\s+", " ", words)
    grams = Counter(plain[i : i + 4] for i in range(len(plain) - 3))
    repeated = sum(count - 1 for count in grams.values())
    runs = sum(len(run.group()) - 3 for run in re.finditer(r"([^\s.…—])\1{3,}", plain))
    chinese = text.is_chinese(words)
    # Words of Latin script share many 4-grams without repeating anything; whole words tell there.
    if not chinese:
        tokens = [token.lower() for token in _LATIN_WORD.findall(plain)]
        triples = Counter(zip(tokens, tokens[1:], tokens[2:], strict=False))
        repeated = sum(count - 1 for count in triples.values())
    return math.exp(-0.35 * (repeated + runs))


def _balance(words: str) -> float:
    """1 when every bracket and quote that opens closes, in order; 0.3 otherwise."""
    waiting: list[str] = []
    for character in words:
        if character in _PAIRS:
            waiting.append(_PAIRS[character])
        elif character in _CLOSERS and character != "’":
            if not waiting or waiting.pop() != character:
                return 0.3
    odd = words.count('"') % 2
    return 0.3 if odd or any(mark != "’" for mark in waiting) else 1.0


def _language(words: str, locale: str) -> float:
    """The share of the text that is in the language wanted; a few foreign words cost nothing."""
    han, latin = len(_HAN.findall(words)), len(_LATIN_WORD.findall(words))
    if not han and not latin:
        return 0.5
    foreign = latin / (han / 1.5 + latin) if locale.startswith("zh") else han / 1.5 / (han / 1.5 + latin)
    return 1.0 - max(0.0, foreign - 0.15) / 0.85


def _ending(words: str) -> float:
    """1 with a closing mark at the end, 0.2 when it breaks off, 0.7 for words without a mark."""
    if _OPEN_END.search(words):
        return 0.2
    return 1.0 if _END.search(words) else 0.7


def _length(words: str) -> float:
    """1 for a sentence or more; less for fragments of a character or two."""
    size = len(_HAN.findall(words)) + 2 * len(_LATIN_WORD.findall(words))
    return min(1.0, 0.3 + 0.2 * size)


def copy_rate(words: str, asked: str) -> float:
    """The share of the text's characters that stand in passages copied from the request."""
    return copied_passages(words, asked).count(COPIED) / max(1, len(words))


def copied_passages(words: str, asked: str) -> str:
    """The text with every passage shared with the request blanked: what tuning may see of it.

    A passage is SHORTEST_PASSAGE characters or SHORTEST_WORDS Latin words, whatever its case, or the
    whole text when it is shorter than that and stands in the request.
    """
    source, lowered = asked.casefold(), words.casefold()
    if not source.strip() or len(lowered) != len(words):
        # Case folding that changes the length would shift every place: compare as it stands.
        source, lowered = asked, words
    hidden = [False] * len(words)
    for start in range(len(words) - SHORTEST_PASSAGE + 1):
        if lowered[start : start + SHORTEST_PASSAGE] in source:
            hidden[start : start + SHORTEST_PASSAGE] = [True] * SHORTEST_PASSAGE
    spoken = [token.group().casefold() for token in _LATIN_WORD.finditer(asked)]
    heard = set(zip(*(spoken[i:] for i in range(SHORTEST_WORDS)), strict=False))
    tokens = list(_LATIN_WORD.finditer(words))
    for index in range(len(tokens) - SHORTEST_WORDS + 1):
        run = tokens[index : index + SHORTEST_WORDS]
        if tuple(token.group().casefold() for token in run) in heard:
            place = slice(run[0].start(), run[-1].end())
            hidden[place] = [True] * len(hidden[place])
    if 1 < len(words) < SHORTEST_PASSAGE and lowered in source:
        hidden = [True] * len(words)
    return "".join(COPIED if gone else c for c, gone in zip(words, hidden, strict=True))
