"""The reward model: how well people will like a text, learnt from their judgements.

Two halves are added. The deep one is the mission's classifier: embedding → two-layer LSTM with 128 units →
sigmoid, trained with binary cross-entropy and Adam, ten epochs, batches of 32, a fifth kept to choose the
epoch. Each fifth is kept once, so there are five of them, and for every text one that never saw it. The wide
one weighs words and phrases (`engine.grams`). How much each half counts is fitted on what it says of texts
that it did not learn from: with a few hundred judgements the LSTMs count little or nothing, and the
probabilities are calibrated on the same.

How sure it is: the five disagree, and the words' weights are known each only so far. Where it knows nothing
of a request's drafts (a task nobody judged, words nobody saw, differences smaller than its doubt) it
abstains.

Knows: its network, its vocabulary, how it is fitted and kept in a folder.
Does not know: journals, people, which model is in force (`engine.tuned`), when one is good enough
(`engine.gate`).
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import ModelBroken, ModelMissing
from engine.grams import LONGEST, Grams, Numbers, Rows, grams_of, tokens_of
from engine.tuned import CARD, CONFIG, VOCABULARY, WEIGHTS, hash_of

Places = NDArray[np.int64]

PADDING, UNKNOWN = 0, 1
KIND = "reward-2"
PRIORS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
"""Precisions of the wide half's weights, of which the folds choose one."""
EXPECTED, STIFFNESS = (1.0, 0.0), 20.0
"""What the halves count before anything is seen, and the precision of that."""
LEAST_KNOWN = 0.35
"""Share of a text, as its words are weighed, that must be known for an opinion."""
LEAST_SIGNAL = 0.02
"""How much the drafts' logits must differ (variance), as a share of the variance of what is not known."""


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """Sizes and the fit. `length` is in tokens: longer texts are read to there. `patience`: epochs without
    gain after which a network learns no more; 0: it goes through all of them."""

    embedding: int = 64
    units: int = 128
    layers: int = 2
    length: int = 200
    epochs: int = 10
    batch: int = 32
    rate: float = 2e-3
    dropout: float = 0.2
    folds: int = 5
    patience: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """A text with how well it was liked, in [0, 1], and how much this judgement weighs.

    `lenient`: by how much the logit of this person's likes is above everybody's, whatever the text.
    """

    task: str
    text: str
    liking: float
    weight: float = 1.0
    lenient: float = 0.0


@dataclass(frozen=True, slots=True)
class Opinion:
    """Of one text: the probability of being liked, its logit, the logit's standard deviation, and the share
    of the text that is known, in [0, 1]."""

    liking: float
    logit: float
    doubt: float
    known: float


def likings(drafts: Sequence[Opinion]) -> list[float] | None:
    """Of one request's drafts; None where too little is known, or they differ by less than the doubt."""
    logits = np.array([one.logit for one in drafts])
    noise = float(np.mean([one.doubt**2 for one in drafts]))
    if np.mean([one.known for one in drafts]) < LEAST_KNOWN or logits.var() <= LEAST_SIGNAL * noise:
        return None
    return [one.liking for one in drafts]


class RewardVocabulary:
    """Tokens and tasks to ids. Tokens seen once are unknown, so that unknown means something."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: number for number, token in enumerate(self.tokens, start=2)}

    @classmethod
    def of(cls, examples: Sequence[Example]) -> RewardVocabulary:
        counts = Counter(token for example in examples for token in tokens_of(example.text))
        tasks = sorted({f"<{example.task}>" for example in examples})
        return cls([*tasks, *sorted(token for token, count in counts.items() if count > 1)])

    def __len__(self) -> int:
        return len(self.tokens) + 2

    def knows(self, task: str) -> bool:
        return f"<{task}>" in self._ids

    def encode(self, task: str, text: str, length: int) -> list[int]:
        """The task's id, then the tokens': at least 1, at most length + 1 ids."""
        tokens = tokens_of(text)[:length]
        return [self._ids.get(f"<{task}>", UNKNOWN)] + [self._ids.get(token, UNKNOWN) for token in tokens]


class _Network(nn.Module):
    def __init__(self, vocabulary: int, config: RewardConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, config.embedding, padding_idx=PADDING)
        self.dropout = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(config.embedding, config.units, num_layers=config.layers, batch_first=True)
        self.out = nn.Linear(config.units, 1)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids (B, T), lengths (B,) → logits (B,)."""
        states, _ = self.lstm(self.dropout(self.embedding(ids)))  # (B, T, units)
        last = states[torch.arange(len(lengths)), lengths - 1]  # padding comes after, so it is never read
        logits: Tensor = self.out(self.dropout(last)).squeeze(-1)
        return logits


class RewardModel:
    """A fitted model. `hash` is that of its folder, "" while it lies in none. Reading is thread-safe."""

    def __init__(
        self,
        networks: Sequence[_Network],
        vocabulary: RewardVocabulary,
        grams: Grams,
        stack: Numbers,
        config: RewardConfig,
        hash: str = "",
    ) -> None:
        """`stack` (4,): what the wide and the deep half count, the bias, the usual variance."""
        self.config = config
        self.vocabulary = vocabulary
        self.hash = hash
        self._networks = [network.eval() for network in networks]
        self._grams, self._stack = grams, stack

    def score(self, texts: Sequence[str], task: str = "") -> list[float]:
        """How well each text will be liked, in [0, 1]; compare within a task only."""
        return self.score_rows([(task, text) for text in texts])

    def score_rows(self, rows: Sequence[tuple[str, str]], batch: int = 256) -> list[float]:
        """The same for (task, text) of several tasks."""
        return [opinion.liking for opinion in self.opinions(rows, batch)]

    def rank(self, texts: Sequence[str], task: str) -> list[float] | None:
        """The likings of one request's drafts; None where the model knows too little to tell them apart."""
        if not self.vocabulary.knows(task):
            return None
        return likings(self.opinions([(task, text) for text in texts]))

    def opinions(self, rows: Sequence[tuple[str, str]], batch: int = 256) -> list[Opinion]:
        """What it thinks of each (task, text)."""
        found: list[Opinion] = []
        for start in range(0, len(rows), batch):
            found += self._opinions(rows[start : start + batch])
        return found

    def _opinions(self, rows: Sequence[tuple[str, str]]) -> list[Opinion]:
        wide_counts, deep_counts, bias, usual = self._stack
        sparse = self._grams.rows([grams_of(task, text, self._grams.longest) for task, text in rows])
        wide, variance = self._grams.logits(sparse)
        logits, variance = wide_counts * wide + bias, wide_counts**2 * variance
        if deep_counts:
            encoded = [self.vocabulary.encode(task, text, self.config.length) for task, text in rows]
            each = np.stack([_read(network, encoded).double().numpy() for network in self._networks])
            logits = logits + deep_counts * each.mean(0)
            variance = variance + deep_counts**2 * each.var(0, ddof=int(len(each) > 1))
        # Calibrated at the usual doubt; where there is more, the probability is drawn to even (MacKay 1992).
        reach = np.sqrt(1 + math.pi / 8 * np.maximum(variance - usual, 0))
        liking = 1 / (1 + np.exp(-logits / reach))
        columns = liking, logits, np.sqrt(variance), 1 - sparse.unknown
        return [Opinion(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]

    @staticmethod
    def _padded(encoded: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
        """Ids (B, T) padded at the end, and lengths (B,)."""
        lengths = torch.tensor([len(ids) for ids in encoded])
        ids = torch.full((len(encoded), int(lengths.max())), PADDING)
        for row, values in zip(ids, encoded, strict=True):
            row[: len(values)] = torch.tensor(values)
        return ids, lengths

    @classmethod
    def fit(
        cls, examples: Sequence[Example], config: RewardConfig = RewardConfig(), seed: int = 0
    ) -> RewardModel:
        """Fit a model; same examples, configuration, seed and torch threads, same model.

        The texts that choose a network's epoch are never what it is trained on. At least two examples.
        """
        draw = np.random.default_rng(seed)
        keys = sorted({(example.task, example.text) for example in examples})
        order = draw.permutation(len(keys))
        fold_of = {keys[place]: number % config.folds for number, place in enumerate(order)}
        folds = np.array([fold_of[example.task, example.text] for example in examples])
        vocabulary = RewardVocabulary.of(examples)
        liking = np.array([example.liking for example in examples])
        weights = np.array([example.weight for example in examples])
        given = np.array([example.lenient for example in examples])
        grams, own_bias, wide = _fit_wide(examples, folds, liking, weights, given)
        encoded = [vocabulary.encode(one.task, one.text, config.length) for one in examples]
        networks, deep = [], np.zeros(len(examples))
        target = torch.tensor(np.stack([liking, weights, given])).float()
        with torch.random.fork_rng(devices=[]):
            for fold in range(config.folds):
                torch.manual_seed(seed * config.folds + fold)
                check = np.flatnonzero(folds == fold)
                network = _Network(len(vocabulary), config)
                _train(network, encoded, target, np.flatnonzero(folds != fold), check, config, draw)
                networks.append(network)
                deep[check] = _read(network, [encoded[place] for place in check]).numpy()
        counts = _stacked(np.stack([wide, deep], 1), liking, weights, given)
        counts[-1] += counts[0] * own_bias
        model = cls(networks, vocabulary, grams, np.append(counts, 0.0), config)
        doubts = model.opinions([(one.task, one.text) for one in examples[:1000]])
        model._stack[3] = sum(one.doubt**2 for one in doubts) / len(doubts)
        return model

    def save(self, folder: Path, card: str) -> str:
        """Write the model into `folder` (made here) with its card; returns its hash, which it now has."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            f"{number}.{name}": value.contiguous()
            for number, network in enumerate(self._networks)
            for name, value in network.state_dict().items()
        }
        for name in ("rarity", "weights", "precision"):
            weights[f"grams.{name}"] = torch.tensor(getattr(self._grams, name))
        weights["stack"] = torch.tensor(self._stack)
        safetensors.torch.save_file(weights, folder / WEIGHTS)
        config = {
            "kind": KIND,
            "prior": self._grams.prior,
            "longest": self._grams.longest,
            **dataclasses.asdict(self.config),
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
        words = {"tokens": self.vocabulary.tokens, "grams": self._grams.grams}
        (folder / VOCABULARY).write_text(json.dumps(words, ensure_ascii=False) + "\n", "utf-8")
        (folder / CARD).write_text(card, "utf-8")
        self.hash = hash_of(folder)
        return self.hash

    @classmethod
    def load(cls, folder: Path) -> RewardModel:
        """Raises ModelMissing, and ModelBroken also when the bytes are not those its name promises."""
        if not folder.is_dir():
            raise ModelMissing(model=folder.name, folder=folder.parent)
        try:
            digest = hash_of(folder)
            values = json.loads((folder / CONFIG).read_text("utf-8"))
            if values.pop("kind") != KIND:
                raise ValueError("this is not a reward model")
            prior, longest = float(values.pop("prior")), int(values.pop("longest"))
            config = RewardConfig(**values)
            words = json.loads((folder / VOCABULARY).read_text("utf-8"))
            vocabulary = RewardVocabulary(words["tokens"])
            weights = safetensors.torch.load_file(folder / WEIGHTS)
            networks = [_Network(len(vocabulary), config) for _ in range(config.folds)]
            for number, network in enumerate(networks):
                mine = f"{number}."
                network.load_state_dict(
                    {name[len(mine) :]: value for name, value in weights.items() if name.startswith(mine)}
                )
            rarity, words_weights, precision = (
                weights[f"grams.{name}"].numpy() for name in ("rarity", "weights", "precision")
            )
            sizes = {len(rarity), len(words_weights), len(precision)}
            if sizes != {len(words["grams"])} or weights["stack"].shape != (4,):
                raise ValueError("its n-grams do not fit its weights")
            grams = Grams(words["grams"], rarity, words_weights, precision, prior, longest)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
            raise ModelBroken(folder=folder, reason=f"{type(error).__name__}: {error}") from error
        if len(folder.name) == len(digest) and folder.name != digest:
            raise ModelBroken(folder=folder, reason=f"its files make {digest}")
        for network in networks:
            network.requires_grad_(False)
        return cls(networks, vocabulary, grams, weights["stack"].numpy(), config, digest)


def _fit_wide(
    examples: Sequence[Example], folds: Places, liking: Numbers, weights: Numbers, given: Numbers
) -> tuple[Grams, float, Numbers]:
    """The wide half with the n-grams and the prior that foretell the folds best, its bias, and its logits
    (N,) of texts left out."""
    best_loss, best = math.inf, (Grams.of([]), 0.0, np.zeros(len(examples)))
    for longest in range(1, LONGEST + 1):
        counted = [grams_of(one.task, one.text, longest) for one in examples]
        blank = Grams.of(counted, longest)
        rows = blank.rows(counted)
        prior, loss, logits = _foretold(blank, rows, folds, liking, weights, given)
        if loss >= best_loss:
            break
        best_loss, best = loss, (*blank.fit(rows, liking, weights, prior, 0.0, given), logits)
    return best


def _foretold(
    blank: Grams, rows: Rows, folds: Places, liking: Numbers, weights: Numbers, given: Numbers
) -> tuple[float, float, Numbers]:
    """The prior that foretells the folds best, its loss, and the logits (N,) of texts left out."""
    parts = []
    for fold in np.unique(folds):
        away, there = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        parts.append((away, there, rows.of(away), rows.of(there)))
    fitted = [(blank, 0.0) for _ in parts]
    best, best_loss, best_logits = PRIORS[0], math.inf, np.zeros(len(liking))
    for prior in PRIORS:
        logits = np.zeros(len(liking))
        for number, (away, there, learnt, left_out) in enumerate(parts):
            start, bias = fitted[number]
            grams, bias = start.fit(learnt, liking[away], weights[away], prior, bias, given[away])
            fitted[number] = grams, bias
            logits[there] = left_out.dot(grams.weights) + bias
        said = logits + given
        loss = float(weights @ (np.logaddexp(0.0, said) - liking * said))
        if loss >= best_loss:
            break
        best, best_loss, best_logits = prior, loss, logits
    return best, best_loss, best_logits


def _train(
    network: _Network,
    encoded: Sequence[list[int]],
    target: Tensor,
    train: Places,
    check: Places,
    config: RewardConfig,
    draw: np.random.Generator,
) -> None:
    """Fit on the rows `train`; the epoch that is best on `check` stands. `target`: see `_loss`."""
    optimizer = torch.optim.Adam(network.parameters(), lr=config.rate, fused=True)
    best, best_loss = copy.deepcopy(network.state_dict()), math.inf
    lengths = np.array([len(ids) for ids in encoded])
    waited = 0
    for _ in range(config.epochs):
        network.train()
        for places in _batches(train, lengths, config.batch, draw):
            optimizer.zero_grad()
            padded = RewardModel._padded([encoded[place] for place in places])
            loss = _loss(network(*padded), target[:, places])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        network.eval()
        if not len(check):
            best = network.state_dict()
            continue
        logits = _read(network, [encoded[place] for place in check])
        now = float(_loss(logits, target[:, check]))
        if now < best_loss:
            best, best_loss, waited = copy.deepcopy(network.state_dict()), now, 0
        elif (waited := waited + 1) == config.patience:
            break
    network.load_state_dict(best)
    network.eval()


def _batches(places: Places, lengths: Places, batch: int, draw: np.random.Generator) -> list[Places]:
    """Shuffled batches of texts of about the same length, so that little is padding."""
    order = draw.permutation(places)
    span = batch * 16
    found = []
    for start in range(0, len(order), span):
        near = order[start : start + span]
        near = near[np.argsort(lengths[near], kind="stable")]
        found += [near[first : first + batch] for first in range(0, len(near), batch)]
    return [found[number] for number in draw.permutation(len(found))]


def _read(network: _Network, encoded: Sequence[list[int]], batch: int = 256) -> Tensor:
    """The logits (N,)."""
    network.eval()
    with torch.inference_mode():
        parts = [
            network(*RewardModel._padded(encoded[start : start + batch]))
            for start in range(0, len(encoded), batch)
        ]
    return torch.cat(parts) if parts else torch.zeros(0)


def _loss(logits: Tensor, target: Tensor) -> Tensor:
    """Weighted binary cross-entropy, in nats; `target` (3, B): liking, weight, what is known of the logit."""
    liking, weights, given = target
    return nn.functional.binary_cross_entropy_with_logits(logits + given, liking, weights)


def _stacked(logits: Numbers, liking: Numbers, weights: Numbers, given: Numbers) -> Numbers:
    """How much each column of `logits` (N, 2) counts, never below 0, and the bias: (3,), by Newton's steps.

    With few judgements this is what is expected beforehand: the wide half's prior was chosen on texts left
    out, so it is believed, the deep half is not. A half that foretells nothing gets nothing.
    """
    used = [column for column in range(logits.shape[1]) if logits[:, column].std() > 1e-6]
    found = np.zeros(logits.shape[1] + 1)
    while True:
        inputs = np.concatenate([logits[:, used], np.ones((len(logits), 1))], axis=1)
        before = np.array([*(EXPECTED[column] for column in used), 0.0])
        beta = before
        for _ in range(25):
            p = 1 / (1 + np.exp(-inputs @ beta - given))
            slope = inputs.T @ (weights * (p - liking)) + STIFFNESS * (beta - before)
            curve = (inputs * (weights * p * (1 - p))[:, None]).T @ inputs + STIFFNESS * np.eye(len(beta))
            beta = beta - np.linalg.solve(curve, slope)
        below = [column for column, value in zip(used, beta[:-1], strict=True) if value <= 0]
        if not below:
            found[[*used, -1]] = beta
            return found
        used = [column for column in used if column not in below]
