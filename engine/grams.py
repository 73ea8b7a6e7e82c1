"""The reward model's wide half: which words and short phrases people like, by Bayesian logistic regression.

Texts are read as n-grams of 1 to 3 tokens (a Han character, a Latin word, a mark), weighed by TF-IDF to
length 1; every weight has a Gaussian prior around 0, and a diagonal Laplace approximation says how far each
is known. With a few hundred judgements this half learns more than an LSTM can; with thousands the LSTM adds
the rest.

The length's class is one n-gram among the others. Counting it 1 beside them in every text was tried: on
ratings of Topical-Chat AUC 0.602 became 0.619 (length alone: 0.621), on the made-up servers of `bench loop`
best-of-8 lost 0.02 standard deviations; it was left.

Knows: tokens, n-grams, the fit, the variance of a logit. Does not know: the LSTM, people, journals.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LONGEST = 3
MOST = 20_000
"""N-grams kept, the commonest first."""
_NEWTON, _CONJUGATE = 30, 60  # steps at most
_TOKEN = re.compile(r"[^\W\d_㐀-鿿]+(?:['’][^\W\d_㐀-鿿]+)*|\d+|\S")


def tokens_of(text: str) -> list[str]:
    """Han characters, Latin words in lower case, numbers and marks."""
    return _TOKEN.findall(text.lower())


def grams_of(task: str, text: str, longest: int = LONGEST) -> Counter[str]:
    """How often each n-gram stands in the text; the task and the length's class count as one each."""
    tokens = tokens_of(text)
    found = Counter(
        " ".join(tokens[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(tokens) - size + 1)
    )
    found[f"<{task}>"] = 1
    found[f"<length {round(2 * math.log2(1 + len(tokens)))}>"] = 1
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """N texts as sparse vectors of length 1: text `rows[i]` has `values[i]` in `columns[i]` (all (M,)).

    `unknown` (N,): the squared length that lies in n-grams nobody knows.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Numbers
    unknown: Numbers

    def dot(self, weights: Numbers) -> Numbers:
        """The product with weights (V,) → (N,)."""
        return np.bincount(self.rows, self.values * weights[self.columns], len(self.unknown)).astype(float)

    def back(self, errors: Numbers, size: int) -> Numbers:
        """The transposed product with errors (N,) → (size,)."""
        return np.bincount(self.columns, self.values * errors[self.rows], size).astype(float)

    def squared(self) -> Rows:
        return Rows(self.rows, self.columns, self.values**2, self.unknown)

    def of(self, places: NDArray[np.int64]) -> Rows:
        """Some of the texts, in this order."""
        number = np.full(len(self.unknown), -1)
        number[places] = np.arange(len(places))
        kept = number[self.rows] >= 0
        return Rows(number[self.rows[kept]], self.columns[kept], self.values[kept], self.unknown[places])


class Grams:
    """Fitted: n-grams (V) with the logarithm of their rarity, weights and the precision of each (all (V,)).

    `prior` is the precision of a weight before anything is known, `longest` the tokens of an n-gram.
    """

    def __init__(
        self,
        grams: Sequence[str],
        rarity: Numbers,
        weights: Numbers,
        precision: Numbers,
        prior: float,
        longest: int = LONGEST,
    ) -> None:
        self.grams, self.longest = tuple(grams), longest
        self.rarity, self.weights, self.precision, self.prior = rarity, weights, precision, prior
        self._ids = {gram: number for number, gram in enumerate(self.grams)}

    @classmethod
    def of(cls, counted: Sequence[Counter[str]], longest: int = LONGEST) -> Grams:
        """Not yet fitted: all weights 0. N-grams of a single text are left out."""
        seen = Counter(gram for one in counted for gram in one)
        kept = sorted((gram for gram in seen if seen[gram] > 1), key=lambda gram: (-seen[gram], gram))[:MOST]
        rarity = np.array([1 + math.log((1 + len(counted)) / (1 + seen[gram])) for gram in kept])
        return cls(kept, rarity, np.zeros(len(kept)), np.ones(len(kept)), 1.0, longest)

    def rows(self, counted: Sequence[Counter[str]]) -> Rows:
        rarity = self.rarity.tolist()
        rarest = max(rarity, default=1.0)  # what nobody knows is as rare as the rarest
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        unknown = []
        for number, one in enumerate(counted):
            missing, start = 0.0, len(values)
            for gram, times in one.items():
                place = self._ids.get(gram)
                if place is not None:
                    columns.append(place)
                    values.append((1 + math.log(times)) * rarity[place])
                elif " " not in gram:  # of phrases nearly all are new, which says nothing
                    missing += ((1 + math.log(times)) * rarest) ** 2
            rows += [number] * (len(values) - start)
            size = sum(value**2 for value in values[start:]) + missing or 1.0
            values[start:] = [value / math.sqrt(size) for value in values[start:]]
            unknown.append(missing / size)
        return Rows(np.array(rows, int), np.array(columns, int), np.array(values), np.array(unknown))

    def logits(self, rows: Rows) -> tuple[Numbers, Numbers]:
        """(N,) logits and (N,) their variances: of what is not known, the prior's."""
        return rows.dot(self.weights), rows.squared().dot(1 / self.precision) + rows.unknown / self.prior

    def fit(
        self,
        rows: Rows,
        liking: Numbers,
        weights: Numbers,
        prior: float,
        bias: float = 0.0,
        given: Numbers | float = 0.0,
    ) -> tuple[Grams, float]:
        """The likeliest weights under a prior of this precision, from these as a start; and the bias.

        `given` (N,) is known of each logit beforehand.

        Newton's steps, each solved by conjugate gradients: the loss is convex, so the start does not matter.
        """
        size = len(self.grams)
        beta = np.append(self.weights, bias)
        ridge = np.append(np.full(size, prior), 1e-6)

        def value_at(point: Numbers) -> tuple[float, Numbers]:
            logits = rows.dot(point[:-1]) + point[-1] + given
            losses = np.logaddexp(0.0, logits) - liking * logits
            return float(weights @ losses + (ridge * point**2).sum() / 2), logits

        value, logits = value_at(beta)
        for _ in range(_NEWTON):
            p = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
            errors, sure = weights * (p - liking), weights * p * (1 - p)
            slope = np.append(rows.back(errors, size), errors.sum()) + ridge * beta

            def curved(step: Numbers, sure: Numbers = sure) -> Numbers:
                change = sure * (rows.dot(step[:-1]) + step[-1])
                return np.append(rows.back(change, size), change.sum()) + ridge * step

            step = _solve(curved, -slope)
            length = 1.0
            while length > 1e-4:
                after, there = value_at(beta + length * step)
                if after <= value:
                    break
                length /= 2
            else:
                break
            gained, value, logits, beta = value - after, after, there, beta + length * step
            if gained < 1e-6 * abs(value):
                break
        p = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        precision = prior + rows.squared().back(weights * p * (1 - p), size)
        return Grams(self.grams, self.rarity, beta[:-1], precision, prior, self.longest), float(beta[-1])


def _solve(product: Callable[[Numbers], Numbers], wanted: Numbers) -> Numbers:
    """x with product(x) = wanted, to a hundredth, by conjugate gradients."""
    found, left = np.zeros(len(wanted)), wanted
    way, size = left, float(left @ left)
    enough = 1e-4 * size
    for _ in range(_CONJUGATE):
        if size <= enough:
            break
        bent = product(way)
        length = size / float(way @ bent)
        found, left = found + length * way, left - length * bent
        before, size = size, float(left @ left)
        way = left + size / before * way
    return found
