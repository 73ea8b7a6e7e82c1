"""The peer of our models: a GPT-2-shaped transformer, trained on the batches that ours is trained on.

Knows: GPT-2's block (Radford et al. 2019: pre-norm, GELU, learned positions, tied embeddings, residual
projections scaled down by depth), its usual recipe (AdamW, β2 0.95, warm-up, cosine). Not GPT-2's
is an output bias, begun at the tokens' frequencies as ours is.
Does not know: how texts are read, what it is compared with.

The condition stands before the text, as a prompt does; only the text's tokens are learnt and counted.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine import corpus
from engine.corpus import Batch, CorpusConfig, Encoded
from engine.epoch import buckets
from engine.feed import Feed
from engine.precision import precision_of
from engine.train import TrainingConfig, rate_at
from engine.training_data import Data
from engine.vocabulary import PAD

_SAVE_EVERY = 180.0  # seconds
_ROWS = 16  # that a processor computes at a time


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int = 256
    layers: int = 5
    heads: int = 4
    longest: int = 256  # tokens of condition and text together
    dropout: float = 0.1


class Block(nn.Module):
    """x (B, T, W) → (B, T, W), looking back only."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.dropout = shape.heads, shape.dropout
        self.before_attention, self.before_layer = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.attention = nn.Linear(shape.width, 3 * shape.width)
        self.joined = nn.Linear(shape.width, shape.width)
        self.widen, self.narrow = (
            nn.Linear(shape.width, 4 * shape.width),
            nn.Linear(4 * shape.width, shape.width),
        )

    def forward(self, x: Tensor) -> Tensor:
        size, time_steps, width = x.shape
        parts = self.attention(self.before_attention(x)).view(size, time_steps, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        drop = self.dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(query, key, value, dropout_p=drop, is_causal=True)
        seen = self.joined(seen.transpose(1, 2).reshape(size, time_steps, width))
        x = x + functional.dropout(seen, self.dropout, self.training)
        inner = self.narrow(functional.gelu(self.widen(self.before_layer(x)), approximate="tanh"))
        return x + functional.dropout(inner, self.dropout, self.training)


class Transformer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.longest, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.last = nn.LayerNorm(shape.width)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))  # GPT-2 has none; ours has one
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                deep = name.endswith(("joined.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * shape.layers) if deep else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor, wanted: Tensor) -> Tensor:
        """ids (B, T) → -log p of each token of `wanted` (B, T) that is not padding: (N,), in nats."""
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        x = functional.dropout(x, self.shape.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        real = wanted != PAD
        logits = functional.linear(self.last(x[real]), self.tokens.weight, self.bias)
        return functional.cross_entropy(logits.float(), wanted[real], reduction="none")


def sized(vocabulary: int, parameters: int, longest: int) -> Shape:
    """The shape whose parameters come nearest to a number of them, by width and depth as GPT-2 has them."""
    shapes = [
        Shape(vocabulary, width, layers, max(1, width // 64), longest)
        for width in range(128, 513, 64)
        for layers in range(3, 9)
    ]

    def distance(shape: Shape) -> float:
        held = (
            shape.width * (vocabulary + longest + 2)
            + vocabulary
            + shape.layers * (12 * shape.width**2 + 13 * shape.width)
        )
        return abs(held - parameters)

    return min(shapes, key=distance)


def joined(batch: Batch) -> tuple[Tensor, Tensor]:
    """Condition, <begin> and text in one row (B, X + Y), and what follows each token of the text."""
    rows, given = batch.condition.shape
    ends = batch.condition_lengths + batch.lengths
    ids = batch.condition.new_full((rows, int(ends.max())), PAD)
    wanted = ids.clone()
    width = min(given, ids.shape[1])
    ids[:, :width] = batch.condition[:, :width]
    places = torch.arange(batch.target.shape[1], device=ids.device)
    row, place = (places < batch.lengths[:, None]).nonzero(as_tuple=True)
    ids[row, place + batch.condition_lengths[row]] = batch.inputs[row, place]
    wanted[row, place + batch.condition_lengths[row]] = batch.target[row, place]
    return ids, wanted


def by_length(ids: Tensor, wanted: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The same rows in parts of `rows`, each as wide as its longest one: what is padding is not computed."""
    ends = (ids != PAD).sum(dim=1)
    for part in ends.argsort().split(rows):
        width = int(ends[part].max())
        yield ids[part, :width], wanted[part, :width]


def fit(
    data: Data,
    config: CorpusConfig,
    settings: TrainingConfig,
    shape: Shape,
    out: Path,
    rate: float,
    device: torch.device,
) -> Transformer:
    """Train for settings.steps steps on the batches, and with the draws, that `engine train` makes.

    Goes on from `out`/transformer.pt where that lies.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    model = Transformer(shape).to(device)
    model.bias.data.copy_(torch.from_numpy(data.log_frequencies()))  # as ours begins
    flat = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": flat, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)
    file, step = out / "transformer.pt", 0
    if file.exists():
        state = torch.load(file, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        step = state["step"]
    feed = Feed(data.train, config, settings.seed, corpus.sentence_ends(data.vocabulary))
    precision = precision_of(settings.precision, device)
    # on a processor the plain products are the faster ones for texts as short as these
    fused = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION] if device.type == "cuda" else []
    kernels = [SDPBackend.MATH, *fused]
    schedule = dataclasses.replace(settings, learning_rate=rate)
    epoch, first, stored = -1, 0, time.monotonic()
    order: Sequence[list[int]] = ()

    def store() -> None:
        out.mkdir(parents=True, exist_ok=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "step": step, "random": torch.get_rng_state()}, file.with_suffix(".new"))
        os.replace(file.with_suffix(".new"), file)

    model.train()
    while step < settings.steps:
        while step >= first + len(order):
            first, epoch = first + len(order), epoch + 1
            order = buckets(data.train, settings.batch, settings.seed * 1000 + epoch, data.weights)
        for fed in feed.epoch(order, step - first, step, settings.loaders):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(schedule, step, step / settings.steps)
            optimizer.zero_grad(set_to_none=True)
            ids, wanted = joined(fed.batch.to(device))
            for part in by_length(ids, wanted, len(ids) if device.type == "cuda" else _ROWS):
                autocast = torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32)
                with autocast, sdpa_kernel(kernels):
                    loss = model(*part).sum() / fed.tokens
                loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if time.monotonic() - stored > _SAVE_EVERY or step == settings.steps:
                store()
                stored = time.monotonic()
            if step == settings.steps:
                break
    return model.cpu().eval()


@torch.inference_mode()
def nats(model: Transformer, examples: Sequence[Encoded], config: CorpusConfig) -> float:
    """Sum of -log p over all the texts' tokens, contexts kept and keywords left out."""
    total = 0.0
    for start in range(0, len(examples), 64):
        total += float(model(*joined(corpus.batch_of(examples[start : start + 64], config, None))).sum())
    return total
