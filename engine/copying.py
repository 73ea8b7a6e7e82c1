"""The copy gate: the decoder may take a token from its condition instead of its vocabulary.

Knows: decoder features, attention over the condition, the condition's token ids.
Does not know: which tasks copy, what the tokens mean.

Pointer-generator (See et al. 2017, "Get To The Point"): with a gate g and attention a over the
condition's tokens x, p(w) = (1 - g·m)·p_vocabulary(w) + g·Σ a[i]·[x[i] = w], where m is the attention
that rests on tokens which can be copied. What rests on <turn> and other marks stays with the
vocabulary, so p sums to one and attention has somewhere to look that copies nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.vocabulary import LINE

_CLOSED = -3.0  # the gate's first bias: 5 % open, so that a model trained without it is hardly disturbed
_LEAST = 1e-10


class CopyGate(nn.Module):
    """Mixes the vocabulary's distribution with attention over the condition."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.gate = nn.Linear(features, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, _CLOSED)

    def _parts(self, features: Tensor, attention: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """(..., X) probability of copying each token, and (...,) log of what is left to the vocabulary."""
        gate = torch.sigmoid(self.gate(features).float())
        copied = gate * attention.float() * (source > LINE)
        return copied, torch.log1p(-copied.sum(dim=-1).clamp_max(1 - 1e-6))

    def of_targets(
        self, log_p: Tensor, features: Tensor, attention: Tensor, source: Tensor, target: Tensor
    ) -> Tensor:
        """log p of each target. log_p (N,) by the vocabulary, features (N, E), attention and source
        (N, X), target (N,) → (N,)."""
        copied, rest = self._parts(features, attention, source)
        taken = (copied * (source == target[:, None])).sum(dim=1)
        return torch.logaddexp(log_p + rest, taken.clamp_min(_LEAST).log())

    def of_vocabulary(self, log_p: Tensor, features: Tensor, attention: Tensor, source: Tensor) -> Tensor:
        """log p of every token. log_p (..., V) by the vocabulary, features (..., E), attention and
        source (..., X) → (..., V)."""
        copied, rest = self._parts(features, attention, source)
        taken = torch.zeros_like(log_p).scatter_add(-1, source, copied)
        return torch.logaddexp(log_p + rest[..., None], taken.clamp_min(_LEAST).log())
