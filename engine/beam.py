"""The likeliest texts, rather than texts drawn by chance: beam search.

Knows: one step of a decoder, length and coverage penalties (Wu et al. 2016, "Google's Neural Machine
Translation System", section 7). Does not know: what the texts are for, which of them is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.decode import Decoder, repeats
from engine.model import Encoded
from engine.vocabulary import BEGIN, END, LINE


@dataclass(frozen=True, slots=True)
class Beam:
    """`width` hypotheses at a time; `length` 0 favours short texts, 1 is close to the mean of a token;
    `coverage` is the cost of source tokens that attention passed over."""

    width: int = 5
    max_tokens: int = 80
    length: float = 0.8
    coverage: float = 0.2
    no_repeat: int = 4
    least: int = 1  # tokens before a text may end


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text with log p(y|x,z) in nats, <end> included, and the score by which it was ranked.

    `attention` (X,) is how much each condition token was attended to over all steps. `finished`: it
    ended by itself rather than by the limit.
    """

    tokens: tuple[int, ...]
    text: str
    log_probability: float
    score: float
    attention: tuple[float, ...]
    finished: bool = True

    @property
    def mean(self) -> float:
        """Nats a token."""
        return self.log_probability / (len(self.tokens) + 1)


@torch.inference_mode()
def search(decoder: Decoder, condition: Sequence[int], z: Tensor, beam: Beam) -> list[Hypothesis]:
    """At most `width` different texts for one condition and one latent (Z,), best first.

    Ties go to the token with the smaller id, so the same weights give the same texts.
    """
    encoded, floats = decoder.encode(condition, 1), decoder.floats()
    # Only tokens of the source itself count for coverage: neither tags nor marks.
    counted = torch.tensor([token > LINE for token in condition])
    state, step = floats.step(encoded, floats.begin(encoded, z[None]), torch.tensor([BEGIN]))
    live: list[tuple[int, ...]] = [()]
    sums, attended = torch.zeros(1), step.attention
    done: list[Hypothesis] = []
    for length in range(1, beam.max_tokens + 1):
        log_p = step.log_p.masked_fill(decoder.banned, -torch.inf)
        if length <= max(1, beam.least):
            log_p[:, END] = -torch.inf
        if length == 1:
            log_p[:, LINE] = -torch.inf
        for row, tokens in enumerate(live):
            log_p[row, repeats(tokens, beam.no_repeat)] = -torch.inf
        totals = (sums[:, None] + log_p).flatten()
        best = totals.topk(min(2 * beam.width, int(totals.isfinite().sum())))
        rows, ids = best.indices // log_p.shape[1], best.indices % log_p.shape[1]
        kept: list[int] = []
        for place, (row, token, total) in enumerate(
            zip(rows.tolist(), ids.tolist(), best.values.tolist(), strict=True)
        ):
            if token == END:
                if place < beam.width:
                    done.append(_finished(decoder, live[row], total, attended[row], counted, beam))
            elif len(kept) < beam.width:
                kept.append(place)
        if len(done) >= beam.width or not kept:
            break
        chosen = torch.tensor(kept)
        rows, ids, sums = rows[chosen], ids[chosen], best.values[chosen]
        live = [(*live[row], token) for row, token in zip(rows.tolist(), ids.tolist(), strict=True)]
        state = type(state)(*(part[rows] for part in state))
        state, step = floats.step(_rows(encoded, len(live)), state, ids)
        attended = attended[rows] + step.attention
    if not done:
        done = [
            _finished(decoder, tokens, float(total), weights, counted, beam, finished=False)
            for tokens, total, weights in zip(live, sums, attended, strict=True)
        ]
    ordered = sorted(done, key=lambda hypothesis: -hypothesis.score)
    return list({hypothesis.text: hypothesis for hypothesis in reversed(ordered)}.values())[::-1][
        : beam.width
    ]


def _rows(encoded: Encoded, rows: int) -> Encoded:
    return Encoded(*(part.expand(rows, *part.shape[1:]) for part in encoded))


def _finished(
    decoder: Decoder,
    tokens: tuple[int, ...],
    total: float,
    attended: Tensor,
    counted: Tensor,
    beam: Beam,
    *,
    finished: bool = True,
) -> Hypothesis:
    penalty = ((5 + len(tokens) + 1) / 6) ** beam.length
    covered = attended[counted].clamp(1e-3, 1).log().mean() if counted.any() else torch.zeros(())
    return Hypothesis(
        tokens,
        decoder.vocabulary.decode(tokens).strip(),
        total,
        total / penalty + beam.coverage * float(covered),
        tuple(attended.tolist()),
        finished,
    )
