"""What speaks for a unit being worth a point: signals, and how much each weighs.

Knows: Chinese and English cues (decisions, dates, numbers, corrections, promises, causes), TF-IDF
centrality, the conversation around a unit, likeness of meaning and of latent to examples of what people
say. The weights were fitted on our own annotated channel logs by `python -m engine.summary_training`
and stand in `facts/summary-weights.json`; the cues in `facts/summary-cues.toml`, the examples in
`facts/summary-examples.toml`.
Does not know: how points are chosen together.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cache, lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import rjieba

from engine.likeness import plain
from engine.meaning import shipped
from engine.summary_units import Unit, cues, words_of
from engine.text import STOP_WORDS
from engine.values import Message

Numbers = npt.NDArray[np.float64]
_AT_ONCE = 64  # texts whose n-grams are summed together
_WINDOW = 40  # units on either side that count as the conversation around one

_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in cues()["cues"].items()}
NEWS = tuple(_PATTERNS[name] for name in ("decision", "cause", "promise", "advice", "time", "change"))
KINDS = {name: _PATTERNS[name] for name in ("decision", "open", "promise", "question")}
CONTEXT = (
    "length",
    "length_squared",
    "short",
    "terms",
    "rarity",
    "centrality",
    "local",
    "replies",
    "answers",
    "is_reply",
    "after_question",
    "answered",
    "agreed_with",
    "opening",
    "closing",
    "pause_before",
    "talker",
    "han",
    "fragments",
    "remark",
    "terms_latin",
)


@cache
def examples() -> dict[str, list[str]]:
    """`facts/summary-examples.toml`."""
    return tomllib.loads((resources.files("engine.facts") / "summary-examples.toml").read_text("utf-8"))


NAMES = (*_PATTERNS, *CONTEXT, *(f"means_{name}" for name in examples()))
LATENT_NAMES = (*NAMES, *(f"latent_{name}" for name in examples()))
Encoder = Callable[[Sequence[str]], npt.NDArray[np.floating]]
"""n texts → their latents (n, d)."""
AGREE = re.compile(
    r"^\W*(好|行|可以|同意|支持|收到|附议|对|没问题|没意见|ok|\+1|yes|yep|yeah|sure|agreed|works|fine|deal|good|done|booked|同|赞|合理|那就|嗯|perfect|sounds)",
    re.I,
)
_HAN = re.compile(r"[㐀-鿿]")


def terms_of(text: str) -> list[str]:
    """Content words, lower case: two or more letters, or one Han character that is no stop word."""
    return [
        word
        for word in map(str.lower, rjieba.cut(words_of(text)))
        if word not in STOP_WORDS and word[0].isalnum() and (len(word) > 1 or _HAN.match(word))
    ]


class Terms:
    """TF-IDF of units as rows of a sparse matrix (CSR), unit length. `postings` go from word to rows."""

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [Counter(terms_of(text)) for text in texts]
        spread = Counter(word for bag in bags for word in bag)
        self.words = list(spread)
        ids = {word: number for number, word in enumerate(self.words)}
        self.rarity = np.array([math.log((1 + len(bags)) / spread[word]) for word in self.words] or [0.0])
        self.offsets = np.zeros(len(bags) + 1, np.int64)
        columns: list[int] = []
        counts: list[int] = []
        for row, bag in enumerate(bags):
            columns += [ids[word] for word in bag]
            counts += bag.values()
            self.offsets[row + 1] = len(columns)
        self.columns = np.array(columns, np.int64)
        self.rows = np.repeat(np.arange(len(bags)), np.diff(self.offsets))
        weights = (1 + np.log(np.array(counts, float))) * self.rarity[self.columns]
        norms = np.sqrt(np.bincount(self.rows, weights**2, minlength=len(bags)))
        self.values = weights / np.where(norms > 0, norms, 1.0)[self.rows]
        self._order = np.argsort(self.columns, kind="stable")
        self._heads = np.searchsorted(self.columns[self._order], np.arange(len(self.words) + 1))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def dot(self, vector: Numbers) -> Numbers:
        """(words,) → (rows,)"""
        return np.bincount(self.rows, self.values * vector[self.columns], minlength=len(self)).astype(
            np.float64
        )

    def row(self, row: int) -> tuple[npt.NDArray[np.int64], Numbers]:
        span = slice(self.offsets[row], self.offsets[row + 1])
        return self.columns[span], self.values[span]

    def similar(self, row: int) -> Numbers:
        """Cosine of one row with every row, by the postings of its words."""
        found = np.zeros(len(self))
        for column, value in zip(*self.row(row), strict=True):
            places = self._order[self._heads[column] : self._heads[column + 1]]
            found[self.rows[places]] += value * self.values[places]
        return found


def _local(terms: Terms, rows: Collection[int]) -> Numbers:
    """Cosine of these rows with the sum of the rows around each, by a sliding window: linear in rows."""
    running = np.zeros(max(1, len(terms.words)))
    found = np.zeros(len(terms))
    ahead = behind = 0
    for row in range(len(terms)):
        while ahead < min(len(terms), row + _WINDOW + 1):
            columns, values = terms.row(ahead)
            running[columns] += values
            ahead += 1
        while behind < row - _WINDOW:
            columns, values = terms.row(behind)
            running[columns] -= values
            behind += 1
        if row in rows:
            columns, values = terms.row(row)
            found[row] = values @ (running[columns] - values)
    return found


def signals(
    units: Sequence[Unit],
    messages: Sequence[Message],
    terms: Terms,
    rows: npt.NDArray[np.int64] | None = None,
) -> Numbers:
    """(rows, NAMES): every signal of these units (of all of them), about 0 to 1 each."""
    rows = np.arange(len(units)) if rows is None else rows
    position = {message.id: index for index, message in enumerate(messages)}
    unit_of = {index: row for row, unit in enumerate(units) for index in unit.messages}
    replies = Counter(m.reply_to for m in messages if m.reply_to is not None)
    written = Counter(unit.author for unit in units)
    table = np.zeros((len(units), len(NAMES)))
    place = {name: column for column, name in enumerate(NAMES)}
    long = len(units) >= 12  # a short log has neither opening nor closing words
    for row in rows.tolist():
        unit = units[row]
        for column, pattern in enumerate(_PATTERNS.values()):
            found = len(pattern.findall(unit.text))
            table[row, column] = min(found, 2) * 0.5 if found else 0.0
        first, last = messages[unit.messages[0]], messages[unit.messages[-1]]
        han = len(_HAN.findall(unit.text))
        said = han + 1.5 * len(re.findall(r"[A-Za-z0-9]+", unit.text))
        values = {
            "length": math.log1p(said) / 4,
            "length_squared": (math.log1p(said) / 4) ** 2,
            "short": float(said < 8),
            "han": float(han > len(unit.text) / 4),
            "remark": float(han <= len(unit.text) / 4 and terms.offsets[row + 1] - terms.offsets[row] < 5),
            "terms_latin": (han <= len(unit.text) / 4)
            * min(terms.offsets[row + 1] - terms.offsets[row], 20)
            / 20,
            "fragments": min(len(unit.messages) - 1, 2) * 0.5,
            "replies": min(sum(replies[messages[i].id] for i in unit.messages), 3) / 3,
            "is_reply": float(first.reply_to is not None),
            "opening": float(row < 2 and long),
            "closing": float(row >= len(units) - 2 and long),
            "talker": min(written[unit.author] / len(units), 0.3),
        }
        if first.reply_to in position:
            target = unit_of.get(position[str(first.reply_to)])
            values["answers"] = float(target is not None and table[target, place["question"]] > 0)
        if row:
            values["after_question"] = table[row - 1, place["question"]]
            values["pause_before"] = min(max(unit.minute - units[row - 1].minute, 0), 20) / 20
        following = messages[unit.messages[-1] + 1 : unit.messages[-1] + 4]
        others = [m for m in following if m.author != last.author]
        values["agreed_with"] = sum(bool(AGREE.match(m.text)) for m in others) / 3
        values["answered"] = float(bool(others) and table[row, place["question"]] > 0)
        for name, value in values.items():
            table[row, place[name]] = value
    sizes = np.maximum(1, np.diff(terms.offsets))
    rare = (
        np.bincount(terms.rows, terms.rarity[terms.columns], minlength=len(terms))
        if len(terms.columns)
        else np.zeros(len(terms))
    )
    centre = np.bincount(terms.columns, terms.values, minlength=max(1, len(terms.words))).astype(float)
    table[:, place["terms"]] = np.minimum(np.diff(terms.offsets), 20) / 20
    table[:, place["rarity"]] = rare / sizes / max(1.0, math.log(len(units) + 1))
    wanted = set(rows.tolist())
    for name, values_ in (("centrality", terms.dot(centre) - 1), ("local", _local(terms, wanted))):
        scale = np.quantile(values_[rows] if name == "local" else values_, 0.9) if len(rows) else 0.0
        table[:, place[name]] = np.clip(values_ / max(scale, 1e-9), 0, 1.5)
    table = table[rows]
    table[:, len(_PATTERNS) + len(CONTEXT) :] = likeness([units[row].text for row in rows], meanings)
    return table


def likeness(texts: Sequence[str], encode: Encoder) -> Numbers:
    """(texts, examples): cosine with each kind of example, zh and en examples together."""
    vectors = _unit(np.asarray(encode(texts), np.float64))
    return np.asarray(vectors @ _kinds(encode).T)


@lru_cache(maxsize=4)
def _kinds(encode: Encoder) -> Numbers:
    """(examples, d): the direction of each kind of example."""
    sums = []
    for sayings in examples().values():
        chinese = [bool(_HAN.search(saying)) for saying in sayings]
        vectors = _unit(np.asarray(encode(sayings), np.float64))
        # each language weighs the same
        sums.append(sum(_unit(vectors[np.equal(chinese, side)].mean(0)) for side in (True, False)))
    return _unit(np.array(sums))


def meanings(texts: Sequence[str]) -> Numbers:
    """The encoder that is always there: `engine.meaning`. In parts, which stay in the processor's cache."""
    plain_texts = [plain(text) for text in texts]
    parts = [
        shipped().vectors(plain_texts[start : start + _AT_ONCE])
        for start in range(0, len(plain_texts), _AT_ONCE)
    ]
    return np.asarray(np.concatenate(parts or [shipped().vectors([])]), np.float64)


def _unit(vectors: Numbers) -> Numbers:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


@cache
def weights() -> dict[str, Numbers]:
    """For "plain" (NAMES) and "latent" (LATENT_NAMES): rows for a point, noise and rank, bias at the end."""
    saved = json.loads((resources.files("engine.facts") / "summary-weights.json").read_text("utf-8"))
    return {
        kind: np.array(
            [[saved[kind][of][name] for name in (*names, "bias")] for of in ("point", "noise", "rank")]
        )
        for kind, names in (("plain", NAMES), ("latent", LATENT_NAMES))
    }


def salience(table: Numbers, weights_: Numbers) -> Numbers:
    """(3, units): the probability that a person makes a point of a unit; that it is noise; and that it is
    a point by what is best among others."""
    return np.asarray(1 / (1 + np.exp(-(table @ weights_[:, :-1].T + weights_[:, -1])))).T
