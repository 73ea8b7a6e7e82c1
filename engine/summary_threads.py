"""Disentangles a channel: which messages belong to one conversation.

Knows: where one conversation breaks off (pauses, turns of speech, likeness of what is said before and
after), which two messages belong together (replies, mentions, authors, time, words, latents), and
average-link clustering. The weights were fitted on our own annotated logs by
`python -m engine.summary_training` and stand in `facts/summary-threads.json`.
Does not know: what is important.

A long log is disentangled block by block, so that time and memory grow linearly.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from engine.likeness import plain
from engine.meaning import shipped
from engine.summary_signals import AGREE, Numbers, Terms
from engine.summary_units import cues
from engine.values import Message

BLOCK = 80  # messages that are disentangled together
BOUNDARY = (
    "gap",
    "gap_of_usual",
    "gap_3",
    "gap_7",
    "at_once",
    "shift",
    "asks",
    "short",
    "short_before",
    "terms",
    "reply",
    "agrees",
    "agrees_before",
    "author_near",
    "author_before",
    "mentions_near",
    "likest",
    "likest_grams",
    "block",
    "block_grams",
    "asked_before",
    "replied_across",
    "words_2",
    "words_4",
    "words_8",
    "latent_2",
    "latent_5",
)
PAIR = (
    "reply",
    "same_root",
    "same_author",
    "mention",
    "distance",
    "gap",
    "adjacent",
    "adjacent_short",
    "likeness",
    "grams",
    "rarity",
    "answer",
    "agrees",
    "distance_near",
    "gap_near",
    "reply_elsewhere",
    "words_0",
    "words_1",
    "words_3",
    "latent_0",
    "latent_1",
    "latent_3",
    "affinity",
    "around",
    "boundaries",
    "no_boundary",
    "highest_boundary",
)
_SIZE = 0.3  # what the logarithm of two conversations' sizes takes from their likeness
_THRESHOLD = -1.2  # mean log-odds under which two conversations stay apart
_SHIFT = re.compile(cues()["threads"]["shift"], re.IGNORECASE)
_ASKS = re.compile(cues()["threads"]["asks"])

Vectors = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


class Log:
    """What is measured once of messages in order of time; `latents` (N, Z) or None."""

    def __init__(self, messages: Sequence[Message], latents: Vectors | None = None) -> None:
        self.messages = messages
        count = len(messages)
        texts = [message.text[:400] for message in messages]
        terms = Terms(texts)
        self.bags = [{terms.words[word] for word in terms.row(row)[0]} for row in range(count)]
        self.likeness = np.stack([terms.similar(row) for row in range(count)])
        np.fill_diagonal(self.likeness, 0)
        self.rarity = dict(zip(terms.words, terms.rarity.tolist(), strict=False))
        self.grams = _shared_pairs(texts)
        self.words = _centred(_word_vectors(texts))
        self.latents = None if latents is None else _centred(_unit(latents))
        self.authors = [message.author.lower() for message in messages]
        self.minutes = np.array([message.minute for message in messages])
        self.gaps = np.diff(self.minutes, prepend=self.minutes[:1]).clip(0)
        self.asks = [bool(_ASKS.search(text)) for text in texts]
        self.agrees = [bool(AGREE.match(text)) for text in texts]
        self.short = [len(bag) <= 1 for bag in self.bags]
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


def boundaries(log: Log) -> Numbers:
    """(N, BOUNDARY): what speaks for a new conversation at each message."""
    count = len(log.messages)
    table = np.zeros((count, len(BOUNDARY)))
    usual = float(np.median(log.gaps[1:])) + 0.5 if count > 1 else 1.0
    for row in range(1, count):
        before, after = slice(max(0, row - 6), row), slice(row, min(count, row + 4))
        near = log.authors[max(0, row - 3) : row]
        gap = float(log.gaps[row])
        across = any(
            parent is not None and before.start <= parent < row
            for parent in log.parents[after.start : after.stop]
        )
        likest = log.likeness[row, before].max()
        values = [
            math.log1p(gap),
            min(gap / usual, 10) / 5,
            gap >= 3,
            gap >= 7,
            gap == 0,
            bool(_SHIFT.search(log.messages[row].text)),
            log.asks[row],
            log.short[row],
            log.short[row - 1],
            min(len(log.bags[row]), 20) / 8,
            log.parents[row] is not None,
            log.agrees[row],
            log.agrees[row - 1],
            log.authors[row] in near,
            log.authors[row] == log.authors[row - 1],
            log.mentions[max(0, row - 4) : row, row].any(),
            likest,
            log.grams[row, before].max(),
            log.likeness[before, after].max(),
            log.grams[before, after].max(),
            log.asks[row - 1] and log.authors[row] != log.authors[row - 1],
            across,
            _across(log.words, row, 2, 2),
            _across(log.words, row, 4, 3),
            _across(log.words, row, 8, 4),
            *(
                [0.0, 0.0]
                if log.latents is None
                else [_across(log.latents, row, 2, 2), _across(log.latents, row, 5, 3)]
            ),
        ]
        table[row] = values
    return table


def pairs(log: Log, breaks: Numbers) -> Numbers:
    """(N, N, PAIR) for an earlier row and a later column; `breaks` (N,) are probabilities of a boundary."""
    count = len(log.messages)
    rows = np.arange(count)
    distance = (rows[None, :] - rows[:, None]).clip(1)
    gap = (log.minutes[None, :] - log.minutes[:, None]).clip(0)
    parents = np.array([-1 if parent is None else parent for parent in log.parents])
    roots = rows.copy()
    for row, parent in enumerate(log.parents):
        if parent is not None:
            roots[row] = roots[parent]
    reply = parents[None, :] == rows[:, None]
    names = {author: number for number, author in enumerate(dict.fromkeys(log.authors))}
    authors = np.array([names[author] for author in log.authors])
    same = authors[None, :] == authors[:, None]
    adjacent = distance == 1
    short, asks, agrees = (np.array(flags, float) for flags in (log.short, log.asks, log.agrees))
    rarity = np.zeros((count, count))
    rows_of: dict[str, list[int]] = {}
    for row, bag in enumerate(log.bags):
        for word in bag:
            rows_of.setdefault(word, []).append(row)
    for word, where in rows_of.items():
        if len(where) > 1:
            rarity[np.ix_(where, where)] += log.rarity.get(word, 0.0) / 5
    passed = np.cumsum(-np.log(1 - breaks.clip(0.01, 0.99)))
    passed = np.abs(passed[None, :] - passed[:, None])
    table = [
        reply,
        (roots[None, :] == roots[:, None]) & ~reply,
        same,
        log.mentions,
        np.log1p(distance),
        np.log1p(gap),
        adjacent,
        adjacent * short[None, :],
        log.likeness,
        log.grams,
        rarity,
        (distance <= 2) * asks[:, None] * ~same,
        (distance <= 2) * agrees[None, :],
        np.exp(-distance / 4),
        np.exp(-gap / 5),
        (parents[None, :] >= 0) & ~reply & (distance < 6),
        *_alike(log.words, count),
        *_alike(log.latents, count),
        *_company(log, authors),
        passed,
        np.exp(-passed),
        _highest(breaks),
    ]
    return np.stack([np.asarray(one, float) for one in table], axis=-1)


def cluster(odds: Numbers, size: float = _SIZE, threshold: float = _THRESHOLD) -> Labels:
    """Average-link clustering of symmetric log-odds (N, N): the number of each row's conversation."""
    count = len(odds)
    labels = np.arange(count)
    mean = odds.copy()
    np.fill_diagonal(mean, -np.inf)
    sizes = np.ones(count)
    while count > 1:
        value = mean - size * np.log(sizes[:, None] * sizes[None, :])
        one, other = divmod(int(value.argmax()), count)
        if not value[one, other] >= threshold:
            break
        merged = (sizes[one] * mean[one] + sizes[other] * mean[other]) / (sizes[one] + sizes[other])
        mean[one], mean[:, one] = merged, merged
        mean[one, one] = -np.inf
        mean[other], mean[:, other] = -np.inf, -np.inf
        sizes[one] += sizes[other]
        labels[labels == other] = one
    return labels


def threads(
    messages: Sequence[Message],
    latents: Vectors | None = None,
    fitted: Mapping[str, tuple[Numbers, Numbers]] | None = None,
    wanted: Collection[int] | None = None,
) -> Labels:
    """The conversation of each message, as numbers in order of first appearance. Messages in order of time.

    `fitted` takes the place of the shipped weights. `wanted`: positions that matter; a block of a long
    log that holds none of them counts as one conversation.
    """
    kind = "plain" if latents is None else "latent"
    found: list[Labels] = []
    used = 0
    for start, end in _blocks(messages):
        part = slice(start, end)
        if wanted is not None and not any(start <= position < end for position in wanted):
            found.append(np.full(end - start, used))
            used += end - start
            continue
        log = Log(messages[part], None if latents is None else latents[part])
        boundary, pair = (fitted or weights())[kind]
        breaks = probability(boundaries(log), boundary)
        odds = np.triu(pairs(log, breaks) @ pair[:-1] + pair[-1], 1).clip(-7, 7)
        found.append(cluster(odds + odds.T) + used)
        used += end - start
    labels = np.concatenate(found) if found else np.zeros(0, np.int64)
    order: dict[int, int] = {}
    return np.array([order.setdefault(int(label), len(order)) for label in labels], np.int64)


def probability(table: Numbers, weights_: Numbers) -> Numbers:
    """Logistic regression; the last weight is the bias."""
    return np.asarray(1 / (1 + np.exp(-(table @ weights_[:-1] + weights_[-1]))))


@cache
def weights() -> dict[str, tuple[Numbers, Numbers]]:
    """For "plain" and "latent" the weights of a boundary and of a pair, each with its bias at the end."""
    saved = json.loads((resources.files("engine.facts") / "summary-threads.json").read_text("utf-8"))
    return {
        kind: (
            np.array([saved[kind]["boundary"][name] for name in (*BOUNDARY, "bias")]),
            np.array([saved[kind]["pair"][name] for name in (*PAIR, "bias")]),
        )
        for kind in ("plain", "latent")
    }


def _blocks(messages: Sequence[Message]) -> list[tuple[int, int]]:
    """At most BLOCK messages each, cut where the pause is longest in the last half of a block."""
    found = []
    start = 0
    while len(messages) - start > BLOCK:
        gaps = [
            messages[row].minute - messages[row - 1].minute
            for row in range(start + BLOCK // 2, start + BLOCK)
        ]
        end = start + BLOCK // 2 + max(range(len(gaps)), key=lambda place: gaps[place])
        found.append((start, end))
        start = end
    if start < len(messages):
        found.append((start, len(messages)))
    return found


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
    for row, one in enumerate(places):
        if one:
            weight = [math.log(51 + word) / 10 * math.log((1 + len(texts)) / spread[word]) for word in one]
            found[row] = np.array(weight) @ shipped().word_vectors(one)
    return found


def _unit(vectors: Vectors) -> Numbers:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), float)


def _centred(vectors: Vectors) -> Numbers:
    return np.asarray(vectors - vectors.mean(0), float)


def _across(vectors: Numbers, row: int, before: int, after: int) -> float:
    sums = _unit(np.stack([vectors[max(0, row - before) : row].sum(0), vectors[row : row + after].sum(0)]))
    return float(sums[0] @ sums[1])


def _alike(vectors: Numbers | None, count: int) -> list[Numbers]:
    """Cosines (N, N) of rows summed with 0, 1 and 3 neighbours on either side, the near ones most."""
    if vectors is None:
        return [np.zeros((count, count))] * 3
    found = []
    for reach in (0, 1, 3):
        total = vectors.copy()
        for step in range(1, reach + 1):
            share = 1 - step / (reach + 1)
            total[step:] += share * vectors[:-step]
            total[:-step] += share * vectors[step:]
        unit = _unit(total)
        found.append(unit @ unit.T)
    return found


def _company(log: Log, authors: Labels) -> tuple[Numbers, Numbers]:
    """How much two authors speak with each other here, and how alike the company around two messages is."""
    count, names = len(authors), int(authors.max()) + 1
    together = np.zeros((names, names))
    around = np.zeros((count, names), bool)
    for row in range(count):
        for other in range(max(0, row - 2), min(count, row + 3)):
            if abs(log.minutes[other] - log.minutes[row]) <= 3:
                around[row, authors[other]] = True
                if other > row and authors[other] != authors[row]:
                    together[authors[row], authors[other]] += 1
                    together[authors[other], authors[row]] += 1
    affinity = together / np.sqrt(np.maximum(np.outer(together.sum(0), together.sum(1)), 1))
    flags = around.astype(float)
    shared = flags @ flags.T
    sizes = flags.sum(1)
    return affinity[np.ix_(authors, authors)], shared / (sizes[:, None] + sizes[None, :] - shared)


def _highest(breaks: Numbers) -> Numbers:
    """(N, N): the likeliest boundary after a row and up to a column."""
    count = len(breaks)
    found = np.zeros((count, count))
    for row in range(count - 1):
        found[row, row + 1 :] = np.maximum.accumulate(breaks[row + 1 :])
    return found
