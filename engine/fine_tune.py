"""A writing model learns from what people liked of its own outputs, on a leash to what it was before tuning.

    model = fine_tune(checkpoint, rows, FineTuneConfig(way="unlikely"), seed)

A row is a text that Moyou wrote, under its task's tags alone: whatever a person said is no part of it (rule
21 of Discord's Developer Policy), so a row has no context and no passage copied from one. Each text is held
to the latent it was drawn from, or, where it has none, to its posterior's mean.

What is minimised: of liked texts the negative log-likelihood, weighed by how much they are liked; for the
ways `unlikely` and `last` also, of disliked ones, the unlikelihood -log(1 - p) of their tokens (Welleck et
al. 2020), which has a floor where a negative likelihood has none; and for every way the leash, KL(shipped ‖
after) over the vocabulary at every token of these and of texts that the shipped model (or whatever model of
one's own the first round began from) wrote by itself. It is never to a tuned model, or each round would lead
further away. `last` trains the last layers only.

Knows: the ways, the loss, how rows are made. Does not know: journals, whether what comes out is better
(`engine.fine_tune_gate`), files.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from engine import dials, judge
from engine.checkpoint import Checkpoint
from engine.corpus import language_tag, spaced
from engine.decode import Decoder, Sampling, latents
from engine.errors import TooFewSignals
from engine.model import ConditionalVAE, Encoded, Steps
from engine.talk_task import TAG
from engine.task import Task
from engine.verse_check import verse_lines
from engine.vocabulary import BEGIN, END, PAD

Way = Literal["weighted", "unlikely", "last"]
WAYS: tuple[Way, ...] = get_args(Way)

# The encoder of texts and the embeddings stay: latents keep their meaning, and words their places.
_TRAINED = ("decoder.", "first.", "query.", "key.", "combine.", "bias", "copy_gate.")
_LAST = ("combine.", "bias")
_ANCHOR_SHARE = 0.5  # of a batch: texts that the model wrote by itself, and written ones
LEASHED = 128
"""Tokens of a batch at which the leash is measured."""
SHARES = (1.0, 0.75, 0.5, 0.25)
"""Of the way from the model before to the one after, where all of it costs too much."""
LONGEST = 64
"""Tokens of a text that are learnt from."""


@dataclass(frozen=True, slots=True)
class FineTuneConfig:
    """`leash`: weight of the KL, nats a token; `unlikelihood`: of the disliked beside the liked."""

    way: Way = "unlikely"
    rate: float = 1e-3
    epochs: int = 4
    batch: int = 16
    leash: float = 1.5
    unlikelihood: float = 1.0
    anchors: int = 128
    clip: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One text: its condition (tags alone) and tokens as ids, the latent it is held to, how far it is liked
    in [-1, 1] against others of its task, and how much that weighs."""

    condition: tuple[int, ...]
    tokens: tuple[int, ...]
    latent: tuple[float, ...]
    liking: float = 0.0
    weight: float = 1.0


def row_of(
    decoder: Decoder,
    task: Task,
    words: str,
    latent: Sequence[float] = (),
    *,
    liking: float = 0.0,
    weight: float = 1.0,
) -> Row | None:
    """A text of Moyou's as a row; None where passages of it are somebody else's, or the model has no such."""
    if judge.COPIED in words or not words.strip():
        return None
    if task.model == "verse":
        form = dials.form_of(words, decoder)
        if form is None:
            return None
        tags: tuple[str, ...] = (form.tag or form.name,)
        ids = decoder.vocabulary.encode("\n".join(verse_lines(words)))
    else:
        tags = (*TAG.findall(task.condition), language_tag(words))
        ids = decoder.vocabulary.encode(spaced(words))
    condition = decoder.condition(tags, ())
    if not ids:
        return None
    if len(latent) != decoder.latent_size:
        latent = dials.posterior(decoder, condition, ids).tolist()
    return Row(tuple(condition), tuple(ids[:LONGEST]), tuple(latent), liking, weight)


def anchors_of(
    decoder: Decoder, conditions: Sequence[tuple[int, ...]], count: int, seed: int, sampling: Sampling
) -> list[Row]:
    """Texts that the model writes by itself under these conditions, in turn."""
    conditions = sorted(set(conditions))
    rows = []
    for number, condition in enumerate(conditions):
        share = count // len(conditions) + (number < count % len(conditions))
        if not share:
            continue
        z = latents(seed + number, share, decoder.latent_size)
        written = decoder.sample(condition, z, seed + number, sampling)
        rows += [
            Row(condition, tuple(row.tokens), tuple(at))
            for row, at in zip(written, z.tolist(), strict=True)
            if row.tokens
        ]
    return rows


def fine_tune(
    given: Checkpoint,
    rows: Sequence[Row],
    config: FineTuneConfig = FineTuneConfig(),
    seed: int = 0,
    *,
    beside: Sequence[Row] = (),
    shipped: Checkpoint | None = None,
) -> ConditionalVAE:
    """The model after learning; `given` stays as it is. Same rows, configuration and seed, same model.

    `beside`: written texts that the leash holds too. `shipped`: the model that the leash is to, of one kind
    with `given`; None: `given`. Raises TooFewSignals when nothing is liked.
    """
    used = [row for row in rows if row.liking > 0 or (row.liking < 0 and config.way != "weighted")]
    if not any(row.liking > 0 for row in used):
        raise TooFewSignals(have=len(rows), people=0, need=len(rows) + 1, need_people=1)
    leashed = shipped or given
    decoder = Decoder(leashed)
    anchors = anchors_of(decoder, [row.condition for row in used], config.anchors, seed, Sampling())
    anchors += beside
    before = leashed.model
    model = copy.deepcopy(given.model).eval()
    names = _LAST if config.way == "last" else _TRAINED
    trained = [value for name, value in model.named_parameters() if name.startswith(names)]
    for value in trained:
        value.requires_grad_(True)
    # float32 with plain sums: the same model on any machine is more than torch promises, on this one it holds
    optimizer = torch.optim.Adam(trained, lr=config.rate, betas=(0.9, 0.98))
    draw = random.Random(seed)
    for _ in range(config.epochs):
        for batch in _batches(used, config, draw):
            held = draw.sample(anchors, min(len(anchors), round(_ANCHOR_SHARE * config.batch)))
            optimizer.zero_grad()
            loss = _loss(before, model, decoder, [*batch, *held], config, draw)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, config.clip)
            optimizer.step()
    for value in trained:
        value.requires_grad_(False)
    return model


def within(
    before: ConditionalVAE, after: ConditionalVAE, decoder: Decoder, beside: Sequence[Row], limit: float
) -> tuple[ConditionalVAE, float]:
    """The model as far on the way from `before` to `after` as the perplexity of written texts stays below
    `limit` times what it was; and how far that is.

    Weights between two models of one descent keep most of what was learnt and lose less of what was known
    (Wortsman et al. 2022).
    """
    if not beside:
        return after, 1.0
    known = sum(likelihoods(before, decoder, beside)) / len(beside)
    for share in SHARES:
        model = copy.deepcopy(after)
        for value, old in zip(model.parameters(), before.parameters(), strict=True):
            value.data = old + share * (value.data - old)
        loss = known - sum(likelihoods(model, decoder, beside)) / len(beside)
        if math.exp(loss) <= limit:
            break
    return model, share


def _batches(rows: Sequence[Row], config: FineTuneConfig, draw: random.Random) -> list[list[Row]]:
    """All rows in an order of chance, those of a batch of like lengths."""
    order = draw.sample(rows, len(rows))
    size = 8 * config.batch
    chunks = [
        sorted(order[at : at + size], key=lambda row: len(row.tokens)) for at in range(0, len(order), size)
    ]
    batches = [chunk[at : at + config.batch] for chunk in chunks for at in range(0, len(chunk), config.batch)]
    return draw.sample(batches, len(batches))


def _loss(
    before: ConditionalVAE,
    model: ConditionalVAE,
    decoder: Decoder,
    rows: Sequence[Row],
    config: FineTuneConfig,
    draw: random.Random,
) -> Tensor:
    target = _target(rows)
    real = target != PAD  # (B, Y)
    encoded, steps = _decoded(model, decoder, rows, target)
    own = -model.negative_log_likelihood(steps, encoded, target)  # (N,)
    places = real.nonzero()
    held = places[draw.sample(range(len(places)), min(len(places), LEASHED))].T
    new = _of_vocabulary(model, encoded, steps, held)
    with torch.no_grad():
        old = _of_vocabulary(before, *_decoded(before, decoder, rows, target), held)
    leash = (old.exp() * (old - new)).sum(dim=1).mean()
    strength = torch.tensor([row.liking * row.weight for row in rows])
    each = strength[:, None].expand(target.shape)[real]  # (N,)
    size = max(1.0, float(sum(len(row.tokens) + 1 for row in rows if row.liking)))
    loss = config.leash * leash - (each.clamp_min(0) * own).sum() / size
    if config.way != "weighted":
        rest = torch.log1p(-own.exp().clamp_max(1 - 1e-6))
        loss = loss - config.unlikelihood * ((-each).clamp_min(0) * rest).sum() / size
    return loss


def _target(rows: Sequence[Row]) -> Tensor:
    width = max(len(row.tokens) for row in rows) + 1
    return torch.tensor([[*row.tokens, END, *[PAD] * (width - 1 - len(row.tokens))] for row in rows])


def _decoded(
    model: ConditionalVAE, decoder: Decoder, rows: Sequence[Row], target: Tensor
) -> tuple[Encoded, Steps]:
    """What the model makes of rows by teacher forcing."""
    lengths = torch.tensor([len(row.condition) for row in rows])
    width = int(lengths.max())
    condition = torch.tensor([[*row.condition, *[PAD] * (width - len(row.condition))] for row in rows])
    encoded = model.encode(condition, lengths, decoder.meaning_of([row.condition for row in rows]))
    z = torch.tensor([row.latent for row in rows])
    inputs = torch.cat([torch.full((len(rows), 1), BEGIN), target[:, :-1]], dim=1)
    return encoded, model.decode(encoded, z, inputs)


def _of_vocabulary(model: ConditionalVAE, encoded: Encoded, steps: Steps, places: Tensor) -> Tensor:
    """log p of every token at M places (2, M) of (B, Y): (M, V)."""
    row, place = places
    features = steps.features[row, place]
    log_p = model.logits(features).log_softmax(dim=1)
    if not model.config.copy:
        return log_p
    return model.copy_gate.of_vocabulary(log_p, features, steps.attention[row, place], encoded.tokens[row])


@torch.no_grad()
def likelihoods(model: ConditionalVAE, decoder: Decoder, rows: Sequence[Row], batch: int = 16) -> list[float]:
    """log p of each text and its end given its latent, in nats a token. `decoder`: of a model of its kind."""
    found: list[float] = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        target = _target(part)
        encoded, steps = _decoded(model, decoder, part, target)
        own = -model.negative_log_likelihood(steps, encoded, target)
        sums = torch.zeros(target.shape).masked_scatter(target != PAD, own).sum(dim=1)
        found += (sums / torch.tensor([len(row.tokens) + 1 for row in part])).tolist()
    return found
