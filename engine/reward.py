"""The reward model: how well people will like a text, learnt from their judgements.

It is the mission's classifier: embedding → two-layer LSTM with 128 units → sigmoid, trained with
binary cross-entropy and Adam, ten epochs, batches of 32, a fifth kept to choose the epoch. It reads
characters, after one token that names the task.

Knows: its network, its vocabulary, how it is fitted and kept in a folder.
Does not know: journals, people, which model is in force (`engine.tuned`), when one is good enough
(`engine.gate`).
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from engine.errors import ModelBroken, ModelMissing
from engine.tuned import CARD, CONFIG, VOCABULARY, WEIGHTS, hash_of

PADDING, UNKNOWN = 0, 1


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """Sizes and the fit. `length` is in characters: longer texts are read to there."""

    embedding: int = 64
    units: int = 128
    layers: int = 2
    length: int = 200
    epochs: int = 10
    batch: int = 32
    rate: float = 2e-3
    dropout: float = 0.2
    validation: float = 0.2


@dataclass(frozen=True, slots=True)
class Example:
    """A text with how well it was liked, in [0, 1], and how much this judgement weighs."""

    task: str
    text: str
    liking: float
    weight: float = 1.0


class RewardVocabulary:
    """Characters and tasks to ids. Characters seen once are unknown, so that unknown means something."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: number for number, token in enumerate(self.tokens, start=2)}

    @classmethod
    def of(cls, examples: Sequence[Example]) -> RewardVocabulary:
        counts = Counter(character for example in examples for character in example.text)
        tasks = sorted({f"<{example.task}>" for example in examples})
        return cls([*tasks, *sorted(character for character, count in counts.items() if count > 1)])

    def __len__(self) -> int:
        return len(self.tokens) + 2

    def encode(self, task: str, text: str, length: int) -> list[int]:
        """The task's id, then the characters': at least 1, at most length + 1 ids."""
        return [self._ids.get(f"<{task}>", UNKNOWN)] + [self._ids.get(c, UNKNOWN) for c in text[:length]]


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
        self, network: _Network, vocabulary: RewardVocabulary, config: RewardConfig, hash: str = ""
    ) -> None:
        self.config = config
        self.vocabulary = vocabulary
        self.hash = hash
        self._network = network.eval()

    def score(self, texts: Sequence[str], task: str = "") -> list[float]:
        """How well each text will be liked, in [0, 1]; compare within a task only."""
        return self.score_rows([(task, text) for text in texts])

    def score_rows(self, rows: Sequence[tuple[str, str]], batch: int = 256) -> list[float]:
        """The same for (task, text) of several tasks."""
        found: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(rows), batch):
                ids, lengths = self._padded(
                    [
                        self.vocabulary.encode(task, text, self.config.length)
                        for task, text in rows[start : start + batch]
                    ]
                )
                found += torch.sigmoid(self._network(ids, lengths)).tolist()
        return found

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

        Texts kept for choosing the epoch are never trained on. At least two examples.
        """
        draw = np.random.default_rng(seed)
        keys = sorted({(example.task, example.text) for example in examples})
        draw.shuffle(keys)
        aside = {tuple(key) for key in keys[: int(len(keys) * config.validation)]}
        train = [example for example in examples if (example.task, example.text) not in aside]
        check = [example for example in examples if (example.task, example.text) in aside]
        vocabulary = RewardVocabulary.of(train)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = _Network(len(vocabulary), config)
            optimizer = torch.optim.Adam(network.parameters(), lr=config.rate)
            best, best_loss = copy.deepcopy(network.state_dict()), float("inf")
            for _ in range(config.epochs):
                network.train()
                order = draw.permutation(len(train))
                for start in range(0, len(order), config.batch):
                    rows = [train[number] for number in order[start : start + config.batch]]
                    optimizer.zero_grad()
                    loss = _loss(network, vocabulary, config, rows)
                    loss.backward()  # type: ignore[no-untyped-call]
                    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimizer.step()
                network.eval()
                with torch.inference_mode():
                    now = float(_loss(network, vocabulary, config, check)) if check else -1.0
                if now < best_loss or not check:
                    best, best_loss = copy.deepcopy(network.state_dict()), now
            network.load_state_dict(best)
        return cls(network, vocabulary, config)

    def save(self, folder: Path, card: str) -> str:
        """Write the model into `folder` (made here) with its card; returns its hash, which it now has."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in self._network.state_dict().items()}
        safetensors.torch.save_file(weights, folder / WEIGHTS)
        config = {"kind": "reward", **dataclasses.asdict(self.config)}
        (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
        (folder / VOCABULARY).write_text(
            json.dumps(self.vocabulary.tokens, ensure_ascii=False) + "\n", "utf-8"
        )
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
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            if config.pop("kind") != "reward":
                raise ValueError("this is not a reward model")
            vocabulary = RewardVocabulary(json.loads((folder / VOCABULARY).read_text("utf-8")))
            network = _Network(len(vocabulary), RewardConfig(**config))
            network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
            raise ModelBroken(folder=folder, reason=f"{type(error).__name__}: {error}") from error
        if len(folder.name) == len(digest) and folder.name != digest:
            raise ModelBroken(folder=folder, reason=f"its files make {digest}")
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        return cls(network, vocabulary, RewardConfig(**config), digest)


def _loss(
    network: _Network, vocabulary: RewardVocabulary, config: RewardConfig, rows: Sequence[Example]
) -> Tensor:
    """Weighted binary cross-entropy, in nats."""
    ids, lengths = RewardModel._padded([vocabulary.encode(row.task, row.text, config.length) for row in rows])
    wanted = torch.tensor([row.liking for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    return nn.functional.binary_cross_entropy_with_logits(network(ids, lengths), wanted, weights)
