"""Texts → latents: the means of q(z|text) of a model, many texts at a time.

Knows: a checkpoint's vocabulary, tags and length; batches of like length.
Does not know: what the latents are for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from engine.checkpoint import Checkpoint
from engine.corpus import language_tag, spaced
from engine.text import clean, simplify
from engine.vocabulary import END, PAD

_BATCH = 128
_TASK = "chat"
_LONGEST = 48  # tokens of a text that are read: what it is about stands at its beginning

Latents = npt.NDArray[np.float32]


class LatentEncoder:
    """What a model makes of texts: the means of q(z|text), each under the tag of its own language."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> Latents:
        """(N, Z) for N texts; a zero row where a text has no token."""
        model, vocabulary = self._checkpoint.model, self._checkpoint.vocabulary
        found = np.zeros((len(texts), model.config.latent), np.float32)
        cleaned = [simplify(clean(text[: 4 * _LONGEST])) for text in texts]
        ids = [vocabulary.encode(spaced(text))[:_LONGEST] for text in cleaned]
        languages = [language_tag(text) for text in cleaned]
        for language in set(languages):
            known = [vocabulary.tag(tag) for tag in (_TASK, language) if vocabulary.has_tag(tag)]
            encoded = model.encode(torch.tensor([known]), torch.tensor([len(known)]))
            rows = [row for row, one in enumerate(ids) if one and languages[row] == language]
            rows.sort(key=lambda row: len(ids[row]))
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                width = len(ids[batch[-1]]) + 1
                target = torch.tensor(
                    [[*ids[row], END, *[PAD] * (width - len(ids[row]) - 1)] for row in batch]
                )
                lengths = torch.tensor([len(ids[row]) + 1 for row in batch])
                given = type(encoded)(*(part.expand(len(batch), *part.shape[1:]) for part in encoded))
                found[batch] = model.infer(given, target, lengths).mean.numpy()
        return found
