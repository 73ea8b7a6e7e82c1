"""What a condition means, read back from its ids: the vector of its last part by `engine.meaning`.

Knows: how a condition is put together (tags, parts, a prototype), the vocabulary it is written in.
Does not know: the model that is shown the vector.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from engine import meaning
from engine.corpus import PROTOTYPE_TAG, Meant
from engine.likeness import plain
from engine.model import ModelConfig
from engine.vocabulary import TURN, Vocabulary

_KEPT = 200_000  # texts whose words are remembered; an epoch asks for each of them several times


class ConditionMeaning:
    """Vectors of conditions in a vocabulary."""

    def __init__(self, vocabulary: Vocabulary, vectors: meaning.Meaning) -> None:
        self._vocabulary, self._vectors = vocabulary, vectors
        self._prototype = vocabulary.tag(PROTOTYPE_TAG) if vocabulary.has_tag(PROTOTYPE_TAG) else -1
        self._text = functools.lru_cache(_KEPT)(self._decoded)

    def of(self, conditions: Sequence[Sequence[int]], thin: float = 0.0, seed: int = 0) -> Tensor:
        """(B, M) unit vectors of the conditions' last parts; zero where there is none."""
        texts = [self._text(last_part(condition, self._prototype)) for condition in conditions]
        return torch.from_numpy(self._vectors.vectors(texts, thin, seed))

    def _decoded(self, ids: tuple[int, ...]) -> str:
        return plain(self._vocabulary.decode(ids))


def last_part(condition: Sequence[int], prototype: int = -1) -> tuple[int, ...]:
    """The ids between the last two <turn>, a prototype and what follows it aside."""
    ids = list(condition)
    if prototype in ids:
        ids = ids[: ids.index(prototype)]
    turns = [place for place, token in enumerate(ids) if token == TURN]
    return tuple(ids[turns[-2] + 1 : turns[-1]]) if len(turns) > 1 else ()


def meant_by(config: ModelConfig, vocabulary: Vocabulary) -> Meant | None:
    """What a model of this configuration is shown beside its condition; None for most."""
    return ConditionMeaning(vocabulary, meaning.shipped()) if config.meaning else None
