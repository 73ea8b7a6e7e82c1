"""What a fine-tuned model must not have lost, and what people who did not teach it say of it.

Gain: on judgements kept aside (`engine.tune.split`: by person and by time), how often a liked text became
likelier than a disliked one of its task, against chance: the pairwise accuracy of log p(after) less
log p(before), nats a token, with the interval of `engine.gate`. It says whether what was learnt holds for
other people and texts.

Limits: the perplexity of written replies kept aside (or, where a model has none, of texts it wrote before),
the diversity, safety and novelty of what it now writes by itself, and for verse the share of poems that keep
their form with nothing relaxed. Each is measured the same way of the shipped model and after, with the same
seeds: held against the version in force, a little could be lost each time.

Knows: the figures, the limits, the verdict. Does not know: how a model learnt, journals, files.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import book, dials, gate, safety
from engine.decode import Decoder, Sampling, latents
from engine.errors import GainNotShown, MoyouError, NotBetter
from engine.fine_tune import Row, likelihoods
from engine.forms import FORMS, Form
from engine.gate import Interval
from engine.journal_rows import JudgedText
from engine.model import ConditionalVAE
from engine.passages import Passages
from engine.verse import VerseRules

SAMPLES = 200
"""Texts that are written before and after."""
WRITTEN = 200
MOST_PERPLEXITY = 1.02
"""After by shipped."""
AIM = 1.012
"""What is aimed at on other written texts than those kept aside."""
LEAST_DIVERSITY = 0.95
LESS_SAFE, LESS_NOVEL, LESS_FORM = 0.01, 0.01, 0.0
"""Shares by which these may fall: two texts of two hundred."""


@dataclass(frozen=True, slots=True)
class Figures:
    """`perplexity` of texts kept aside; of texts written by itself: `diversity` (distinct pairs of
    characters), the shares that are `safe`, `novel` (not copied from what it read) and keep their `form`."""

    perplexity: float
    diversity: float
    safe: float
    novel: float
    form: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refusal`: why it may not be promoted, None when it may."""

    gain: Interval
    before: Figures
    after: Figures
    refusal: MoyouError | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "gain": dataclasses.asdict(self.gain),
            "before": dataclasses.asdict(self.before),
            "after": dataclasses.asdict(self.after),
            "refusal": None if self.refusal is None else str(self.refusal),
        }


def gained(
    before: ConditionalVAE,
    after: ConditionalVAE,
    decoder: Decoder,
    rows: Sequence[Row],
    judged: Sequence[JudgedText],
    seed: int,
) -> Interval:
    """The gain on judgements kept aside; `rows` are their texts, one each."""
    found = dict.fromkeys(rows)
    texts = list(found)
    new, old = likelihoods(after, decoder, texts), likelihoods(before, decoder, texts)
    change = {row: a - b for row, a, b in zip(texts, new, old, strict=True)}
    return gate.gain([change[row] for row in rows], None, judged, seed)


def written_rows(decoder: Decoder, count: int, *, part: int = 0) -> list[Row]:
    """Replies of our own book with what they answer; none for a model that does not converse. `part`: each
    has other ones."""
    if not decoder.vocabulary.has_tag("chat"):
        return []
    entries = book.read()
    rows = []
    for entry in entries[part :: max(part + 1, len(entries) // count)][:count]:
        tags = (entry.task, "own", "zh" if not entry.replies[0].isascii() else "en")
        condition = decoder.condition(tags, (*entry.before[-1:], entry.asks[0]))
        ids = decoder.vocabulary.encode(entry.replies[0])[:60]
        if ids:
            mean = dials.posterior(decoder, condition, ids).tolist()
            rows.append(Row(tuple(condition), tuple(ids), tuple(mean)))
    return rows


def distinct_pairs(texts: Sequence[str]) -> float:
    """The share of pairs of characters in a row that are not repeated, over all texts (Li et al. 2016)."""
    pairs = [pair for text in texts for pair in itertools.pairwise(text)]
    return len(set(pairs)) / max(1, len(pairs))


class Trial:
    """The same questions to the model before and after. `rules`: of a model of verse."""

    def __init__(
        self,
        before: Decoder,
        conditions: Sequence[tuple[int, ...]],
        sampling: Sampling,
        seed: int,
        *,
        known: Passages | None = None,
        rules: VerseRules | None = None,
        samples: int = SAMPLES,
    ) -> None:
        self._before, self._sampling, self._seed = before, sampling, seed
        self._conditions = sorted(set(conditions))
        self._known, self._rules, self._samples = known, rules, samples
        self._aside = written_rows(before, WRITTEN)
        self._own: list[Row] = []
        texts = self._write(before, keep=True)
        self._aside = self._aside or self._own
        self.figures = self._figures(before, texts)

    def verdict(self, after: Decoder, gain: Interval) -> Verdict:
        """Whether the model after may be promoted."""
        figures = self._figures(after, self._write(after))
        refusal: MoyouError | None = None
        if not gain.low > 0:  # also when it is no number
            refusal = GainNotShown(
                against="the model before",
                gain=f"{gain.value:+.3f}",
                low=f"{gain.low:+.3f}",
                high=f"{gain.high:+.3f}",
            )
        fallen = self._fallen(figures)
        if fallen:
            refusal = NotBetter(reason=f"it lost {', '.join(fallen)}")
        return Verdict(gain, self.figures, figures, refusal)

    def _fallen(self, after: Figures) -> list[str]:
        was = self.figures
        found = {
            "perplexity": after.perplexity > MOST_PERPLEXITY * was.perplexity,
            "diversity": after.diversity < LEAST_DIVERSITY * was.diversity,
            "safety": after.safe < was.safe - LESS_SAFE,
            "novelty": after.novel < was.novel - LESS_NOVEL,
            "form": after.form < was.form - LESS_FORM,
        }
        return [
            f"{name} ({getattr(was, field):.3f} → {getattr(after, field):.3f})"
            for (name, lost), field in zip(
                found.items(), ("perplexity", "diversity", "safe", "novel", "form"), strict=True
            )
            if lost
        ]

    def _figures(self, decoder: Decoder, texts: Sequence[tuple[str, bool]]) -> Figures:
        words = [text for text, _ in texts]
        loss = -float(np.mean(likelihoods(decoder.model, self._before, self._aside)))
        copied = [self._known.share(text) if self._known is not None else 0.0 for text in words]
        return Figures(
            perplexity=round(math.exp(loss), 4),
            diversity=round(distinct_pairs(words), 4),
            safe=round(float(np.mean(safety.safe(words))), 4),
            novel=round(1 - float(np.mean(copied)), 4),
            form=round(float(np.mean([kept for _, kept in texts])), 4),
        )

    def _write(self, decoder: Decoder, *, keep: bool = False) -> list[tuple[str, bool]]:
        """Texts, and whether each keeps its form with nothing relaxed. `keep`: they may stand in for
        written ones."""
        found = []
        each = max(1, self._samples // len(self._conditions))
        for number, condition in enumerate(self._conditions):
            seed = self._seed + 7919 * number
            z = latents(seed, each, decoder.latent_size)
            form, sampling = self._form(condition), self._sampling
            plans = None
            if form is not None and self._rules is not None:
                plans = [self._rules.plan(form) for _ in z]
                room = sum(form.lengths) + len(form.lengths) + 1
                sampling = dataclasses.replace(sampling, max_tokens=room)
            written = decoder.sample(condition, z, seed, sampling, plans)
            found += [(row.text, not row.relaxed) for row in written if row.tokens]
            if keep:
                self._own += [
                    Row(condition, tuple(row.tokens), tuple(at))
                    for row, at in zip(written, z.tolist(), strict=True)
                    if row.tokens
                ]
        return found

    def _form(self, condition: tuple[int, ...]) -> Form | None:
        tags = {self._before.vocabulary.tokens[token].strip("<>") for token in condition}
        return next((form for form in FORMS.values() if (form.tag or form.name) in tags), None)
