"""The pull of given words on decoding: what makes a text that is written follow another one.

Knows: token ids, where in a given text one is after the tokens just written.
Does not know: models, why a text is to be followed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from engine.vocabulary import END, UNKNOWN

FOLLOW = 5.0  # nats for what follows in the text after the words just written, at strength 1
WORD = 1.5  # nats for a word of the text that was not used yet, at strength 1
CONTEXT = 3  # words behind that decide where in the text one is


class Ending:
    """What makes texts end earlier (`nats` above 0) or later."""

    def __init__(self, nats: float) -> None:
        self._bias = {END: nats}

    def bias(self, written: Sequence[int]) -> Mapping[int, float]:
        """Nats to add to the logits of some tokens after `written`."""
        return self._bias if written else {}


class Pull:
    """What raises the logits of given texts' words, each text with its strength in [0, 1]."""

    def __init__(self, sources: Sequence[tuple[Sequence[int], float]]) -> None:
        self._sources = [
            ([*(token for token in ids if token != UNKNOWN), END], strength)
            for ids, strength in sources
            if strength > 0
        ]

    def bias(self, written: Sequence[int]) -> Mapping[int, float]:
        """Nats to add to the logits of some tokens after `written`."""
        raised: dict[int, float] = {}
        for ids, strength in self._sources:
            counts = Counter(ids[:-1])
            counts.subtract(Counter(written))
            own = {token: WORD for token, left in counts.items() if left > 0}
            for token, share in _followers(ids, written).items():
                own[token] = own.get(token, 0.0) + FOLLOW * share
            for token, nats in own.items():
                raised[token] = raised.get(token, 0.0) + strength * nats
        return raised


def _followers(ids: Sequence[int], written: Sequence[int]) -> dict[int, float]:
    """Tokens that follow in `ids` after the last of `written`, with a share in (0, 1].

    The longest passage of `written`'s end that `ids` holds has 1, each word less half as much.
    """
    if not written:
        return {ids[0]: 1.0}
    lengths: dict[int, int] = {}
    for place in range(1, len(ids)):
        length = 0
        while length < min(CONTEXT, place, len(written)) and ids[place - 1 - length] == written[-1 - length]:
            length += 1
        if length:
            lengths[ids[place]] = max(lengths.get(ids[place], 0), length)
    longest = max(lengths.values(), default=0)
    return {token: 0.5 ** (longest - length) for token, length in lengths.items()}
