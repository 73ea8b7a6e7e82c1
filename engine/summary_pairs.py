"""What speaks for two messages being of one conversation.

Knows: replies, mentions, authors, distance, likeness; the bursts of talk that likely breaks cut a log into;
and, once a first guess is made, the company that each message keeps by that guess.
Does not know: how much each signal weighs.
"""

from __future__ import annotations

import numpy as np

from engine.summary_log import Labels, Log, unit_rows
from engine.summary_signals import Numbers

MESSAGE = (
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
BURST = (
    "burst",
    "burst_bursts_between",
    "burst_next",
    "burst_opener",
    "burst_opener_speaks",
    "burst_opener_share",
    "burst_authors",
    "burst_shares",
    "burst_likeness",
    "burst_words",
    "burst_words_shared",
    "burst_meaning",
    "burst_latent",
    "burst_opening",
    "burst_size",
)
PAIR = (*MESSAGE, *BURST)
COMPANY = (
    "company_odds",
    "company_likeness",
    "company_meaning",
    "company_latent",
    "company_authors",
    "company_opener",
    "company_through",
    "company_same",
    "company_size",
    "company_sizes_apart",
    "company_words",
    "company_openings",
    "company_opens",
    "company_likeness_apart",
    "company_opener_apart",
    "company_authors_apart",
)
_CUTS = (0.12, 0.2, 0.3, 0.42, 0.55, 0.7)  # chances of a break from which a burst ends: all are looked at
_SURE = 1e-3  # no chance is nearer to 0 or 1


def pairs(log: Log, breaks: Numbers) -> Numbers:
    """(N, N, PAIR) for an earlier row and a later column; `breaks` (N,) are probabilities of a boundary."""
    bursts = np.mean(
        [_bursts(log, np.cumsum(np.arange(len(breaks)) * (breaks > cut) > 0)) for cut in _CUTS], axis=0
    )
    return np.concatenate([_messages(log, breaks), bursts], axis=-1)


def _messages(log: Log, breaks: Numbers) -> Numbers:
    """(N, N, MESSAGE)"""
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
    same = log.writers[None, :] == log.writers[:, None]
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
        *_company(log, log.writers),
        passed,
        np.exp(-passed),
        _highest(breaks),
    ]
    return np.stack([np.asarray(one, float) for one in table], axis=-1)


def _bursts(log: Log, burst: Labels) -> Numbers:
    """(N, N, BURST) of what the bursts of two messages share; `burst` (N,) numbers them from 0 in order."""
    count = int(burst.max()) + 1
    member = np.eye(count)[burst].T  # (bursts, N)
    first = member.argmax(1)
    said = member @ np.eye(int(log.writers.max()) + 1)[log.writers]  # (bursts, authors)
    present = (said > 0).astype(float)
    shared = present @ present.T
    openers = log.writers[first]
    words = member @ log.weights
    stands = (words > 0).astype(float)
    spread = stands.sum(0)
    rare = unit_rows(stands * np.log((1 + count) / np.maximum(spread, 1)))
    common = stands * (spread >= 2)
    words = unit_rows(words)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    size = np.log1p(member.sum(1))
    between = [
        openers[:, None] == openers[None, :],
        present[:, openers],
        (said / said.sum(1, keepdims=True))[:, openers],
        shared / np.maximum(present.sum(1)[:, None] + present.sum(1)[None, :] - shared, 1),
        _cosines(said),
        words @ words.T,
        rare @ rare.T,
        np.minimum(common @ common.T, 6) / 6,
        _cosines(member @ log.words),
        np.zeros((count, count)) if log.latents is None else _cosines(member @ log.latents),
        words @ unit_rows(log.weights[first]).T,
    ]
    table = [
        apart == 0,
        np.minimum(apart, 6) / 6,
        apart == 1,
        *(one * (apart > 0) for one in between),
        np.minimum(size[:, None], size[None, :]) / 2,
    ]
    return np.stack([np.asarray(one, float) for one in table], axis=-1)[burst][:, burst]


def company(log: Log, guess: Numbers) -> Numbers:
    """(N, N, COMPANY) by `guess` (N, N), symmetric probabilities that two messages belong together."""
    odds = guess.clip(_SURE, 1 - _SURE)
    odds = np.log(odds / (1 - odds))
    guess = guess.copy()
    np.fill_diagonal(guess, 1)
    share = guess / guess.sum(1, keepdims=True)
    own = unit_rows(log.weights)
    words = unit_rows(share @ own)
    writers = np.eye(int(log.writers.max()) + 1)[log.writers]
    likeness, authors = words @ words.T, _cosines(share @ writers)
    opens = np.exp(np.log((1 - np.triu(guess, 1)).clip(_SURE)).sum(0))  # the chance of being the first
    opener = (guess * opens[:, None]).T @ writers
    opener /= np.maximum(opener.sum(1, keepdims=True), 1e-9)
    openers = opener @ opener.T
    through = share @ guess
    size = np.log(guess.sum(1))
    direct = own @ words.T
    np.fill_diagonal(odds, 0)
    off = 1 - guess
    np.fill_diagonal(off, 0)
    table = [
        odds,
        likeness,
        _cosines(share @ log.words),
        np.zeros_like(guess) if log.latents is None else _cosines(share @ log.latents),
        authors,
        openers,
        (through + through.T) / 2,
        _cosines(guess),
        np.minimum(size[:, None], size[None, :]),
        np.abs(size[:, None] - size[None, :]),
        np.maximum(direct, direct.T),
        opens[:, None] + opens[None, :],
        np.broadcast_to(opens, guess.shape),
        likeness * off,
        openers * off,
        authors * off,
    ]
    return np.stack([np.asarray(one, float) for one in table], axis=-1)


def _cosines(vectors: Numbers) -> Numbers:
    unit = unit_rows(vectors)
    return unit @ unit.T


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
        unit = unit_rows(total)
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
