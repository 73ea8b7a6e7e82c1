"""What is measured once of a channel's messages before conversations are told apart.

Knows: words, letters, latents, authors, times and replies of messages in order of time, and how alike
two messages are in each respect.
Does not know: which of them belong together.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from engine.likeness import plain
from engine.meaning import shipped
from engine.summary_signals import AGREE, Numbers, Terms, meanings
from engine.summary_units import cues, is_noise
from engine.values import Message

Vectors = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_READ = 400  # characters of a message that are looked at
_ASKS = re.compile(cues()["threads"]["asks"])


class Log:
    """What is measured once of messages in order of time; `latents` (N, Z) or None."""

    def __init__(self, messages: Sequence[Message], latents: Vectors | None = None) -> None:
        self.messages = messages
        count = len(messages)
        texts = [message.text[:_READ] for message in messages]
        terms = Terms(texts)
        self.bags = [{terms.words[word] for word in terms.row(row)[0]} for row in range(count)]
        self.weights = np.zeros((count, max(1, len(terms.words))))
        self.weights[terms.rows, terms.columns] = terms.rarity[terms.columns]
        self.likeness = np.stack([terms.similar(row) for row in range(count)])
        np.fill_diagonal(self.likeness, 0)
        self.rarity = dict(zip(terms.words, terms.rarity.tolist(), strict=False))
        self.grams = _shared_pairs(texts)
        self.words = _centred(_word_vectors(texts))
        self.latents = None if latents is None else _centred(unit_rows(latents))
        self.authors = [message.author.lower() for message in messages]
        self.minutes = np.array([message.minute for message in messages])
        self.gaps = np.diff(self.minutes, prepend=self.minutes[:1]).clip(0)
        names = {author: number for number, author in enumerate(dict.fromkeys(self.authors))}
        self.writers = np.array([names[author] for author in self.authors], np.int64)
        self.asks = [bool(_ASKS.search(text)) for text in texts]
        self.agrees = [bool(AGREE.match(text)) for text in texts]
        self.short = [len(bag) <= 1 for bag in self.bags]
        self.empty = np.array(
            [not bag or is_noise(text) for bag, text in zip(self.bags, texts, strict=True)], bool
        )
        place = {message.id: row for row, message in enumerate(messages)}
        # only an earlier message can be answered
        self.parents = [
            row if row is not None and row < own else None
            for own, row in enumerate(place.get(message.reply_to or "") for message in messages)
        ]
        heads = [re.sub(r"[_.\d]+$", "", author)[:6] for author in self.authors]
        lower = [text.lower() for text in texts]
        named = {head: [head in text for text in lower] for head in set(heads) if len(head) >= 2}
        self.mentions = np.array([named.get(head, [False] * count) for head in heads], bool).reshape(
            count, count
        )

    @cached_property
    def meanings(self) -> Numbers:
        """(N, D): the meaning of each message, whatever its length."""
        return meanings([message.text for message in self.messages])


def _shared_pairs(texts: Sequence[str]) -> Numbers:
    """(N, N): cosine of the sets of pairs of neighbouring letters; nothing is like itself."""
    ids: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        letters = re.sub(r"\W", "", text.lower())
        for pair in {letters[place : place + 2] for place in range(len(letters) - 1)}:
            rows.append(row)
            columns.append(ids.setdefault(pair, len(ids)))
    flags = np.zeros((len(texts), max(1, len(ids))), np.float32)
    flags[rows, columns] = 1
    sizes = np.sqrt(np.maximum(1, flags.sum(1)))
    found = np.asarray(flags @ flags.T, float) / np.outer(sizes, sizes)
    np.fill_diagonal(found, 0)
    return found


def _word_vectors(texts: Sequence[str]) -> Numbers:
    """(N, D) sums of the words' vectors, rare words first: the table is in order of frequency."""
    places = [sorted(set(shipped().places(plain(text)))) for text in texts]
    spread = Counter(word for one in places for word in one)
    found = np.zeros((len(texts), shipped().size))
    known = sorted(spread)
    vectors = dict(zip(known, shipped().word_vectors(known), strict=True))
    for row, one in enumerate(places):
        if one:
            weight = [math.log(51 + word) / 10 * math.log((1 + len(texts)) / spread[word]) for word in one]
            found[row] = np.array(weight) @ np.stack([vectors[word] for word in one])
    return found


def unit_rows(vectors: Vectors) -> Numbers:
    """Rows of length 1; a row of zeros stays."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), float)


def _centred(vectors: Vectors) -> Numbers:
    return np.asarray(vectors - vectors.mean(0), float)
