"""Other people's summarisers, for the bench: each ranks texts, the best first.

Knows: LEAD, LONGEST, chance, TF-IDF with maximal marginal relevance (Carbonell and Goldstein 1998), and
TextRank and LexRank as `sumy` has them (the extra `bench`), all with our segmentation and stop words.
Does not know: budgets, gold points, our own summariser.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.errors import ExtraMissing
from engine.summary_signals import Terms, terms_of

Ranking = list[int]
Peer = Callable[[Sequence[str]], Ranking]
_RELEVANCE = 0.7  # of maximal marginal relevance; the rest is against likeness to what is chosen


def lead(texts: Sequence[str]) -> Ranking:
    return list(range(len(texts)))


def longest(texts: Sequence[str]) -> Ranking:
    return sorted(range(len(texts)), key=lambda row: -len(texts[row]))


def chance(texts: Sequence[str]) -> Ranking:
    rows = list(range(len(texts)))
    random.Random(len("".join(texts))).shuffle(rows)
    return rows


def marginal_relevance(texts: Sequence[str]) -> Ranking:
    terms = Terms(texts)
    centre = np.bincount(terms.columns, terms.values, minlength=max(1, len(terms.words)))
    relevance = terms.dot(centre / (np.linalg.norm(centre) or 1.0))
    likeness = np.zeros(len(texts))
    left = np.ones(len(texts), bool)
    ranking: Ranking = []
    while left.any():
        value = _RELEVANCE * relevance - (1 - _RELEVANCE) * likeness
        row = int(np.where(left, value, -np.inf).argmax())
        ranking.append(row)
        left[row] = False
        likeness = np.maximum(likeness, terms.similar(row))
    return ranking


def peers() -> dict[str, Peer]:
    """All of them by name. Raises ExtraMissing."""
    try:
        from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
        from sumy.summarizers.lex_rank import LexRankSummarizer
        from sumy.summarizers.text_rank import TextRankSummarizer
    except ImportError as error:
        raise ExtraMissing(option="bench summary", package="sumy", extra="bench") from error

    class Words:
        """What sumy asks of a tokeniser."""

        @staticmethod
        def to_words(text: str) -> list[str]:
            return text.split("\0")[1].split()

    def ranked(make: Callable[[], Any]) -> Peer:
        def rank(texts: Sequence[str]) -> Ranking:
            # sumy takes equal sentences for one: a number in front keeps them apart, words come after
            numbered = [f"{row}\0{' '.join(terms_of(text))} " for row, text in enumerate(texts)]
            document = ObjectDocumentModel([Paragraph([Sentence(text, Words) for text in numbered])])
            order: Ranking = []

            def all_of_them(infos: Sequence[Any]) -> Sequence[Any]:
                order.extend(info.order for info in infos)
                return infos

            make()(document, all_of_them)
            return order

        return rank

    return {
        "LEAD": lead,
        "LONGEST": longest,
        "random": chance,
        "TextRank": ranked(TextRankSummarizer),
        "LexRank": ranked(LexRankSummarizer),
        "TF-IDF+MMR": marginal_relevance,
    }
