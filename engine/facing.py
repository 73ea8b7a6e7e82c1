"""对仗: how parallel two lines are, character by facing character, by a model's own embeddings.

Knows: that characters used alike lie near one another once the directions all of them share are taken
out (Mu et al. 2018, "All-but-the-Top"). Does not know: tones, or which lines of a form face each other.

Measured on 1,500 Song lüshi of seven characters: a middle couplet scores above an outer one in 86 % of
pairs; with no direction taken out 78 %, with one 75, two 76, four 84, six 82; by words of two characters
82 %; by the gain of log p(second line | first) over log p(second line) 57 %. With a model that had read
couplets for 1,000 steps the cosine tells 84 % apart, the gain 68 (python -m tests.bench.parallel).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

SHARED = 3  # directions taken out
LOW, HIGH = 0.0, 0.25  # mean cosines that count as 0 and 1: few outer and few middle couplets go beyond


class Facing:
    """`embeddings` (V, E) of a model whose vocabulary's characters are `characters`, "" for other tokens."""

    def __init__(self, embeddings: Tensor, characters: Sequence[str]) -> None:
        self._ids = {character: token for token, character in enumerate(characters) if character}
        values = embeddings.detach().float().numpy().astype(np.float64)
        values = values - values[list(self._ids.values())].mean(axis=0)
        own = values[list(self._ids.values())]
        _, directions = np.linalg.eigh(own.T @ own)
        shared = directions[:, -SHARED:]
        values = values - values @ shared @ shared.T
        self._units = values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-9)

    def cosine(self, first: str, second: str) -> float:
        """The mean over facing characters; one that faces itself counts as 0, as does an unknown one."""
        pairs = [(self._ids.get(a), self._ids.get(b)) for a, b in zip(first, second, strict=False)]
        near = [
            float(self._units[a] @ self._units[b]) if a is not None and b is not None and a != b else 0.0
            for a, b in pairs
        ]
        return sum(near) / max(1, len(near))

    def score(self, couplets: Sequence[tuple[str, str]]) -> float:
        """How parallel these couplets are on the whole, in [0, 1]."""
        mean = sum(self.cosine(first, second) for first, second in couplets) / max(1, len(couplets))
        return min(1.0, max(0.0, (mean - LOW) / (HIGH - LOW)))
