"""`python -m engine evaluate`: how good a checkpoint is on data it never saw.

Knows: importance-weighted likelihood (Burda et al. 2016), KL, mutual information and active units
as defined by the lagging-encoder paper (He et al. 2019), what it costs to take another text's latent.
Does not know: training, people's judgements, what is measured of samples (`engine.quality`).
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine import checkpoint, corpus, quality
from engine.condition_meaning import meant_by
from engine.corpus import CorpusConfig, Encoded, Meant
from engine.errors import BadFile
from engine.lexicon import Lexicon
from engine.model import ConditionalVAE, Posterior
from engine.vocabulary import PAD
from engine.weights import folder_of

ACTIVE_VARIANCE = 0.01


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, variance) summed over the last dimension, in nats."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean).square() / log_variance.exp()).sum(
        dim=-1
    )


def importance_weighted(log_weights: Tensor) -> Tensor:
    """log-mean-exp over the last dimension: (B, K) log p(y,z_k)/q(z_k) → (B,) log p(y) estimates."""
    return torch.logsumexp(log_weights, dim=-1) - math.log(log_weights.shape[-1])


def mutual_information(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> float:
    """I(y; z) under q, in nats: E[log q(z|y)] − E[log q(z)], the aggregate over all N rows. (N, Z) each."""
    noise = torch.randn(mean.shape, generator=generator)
    z = mean + torch.exp(0.5 * log_variance) * noise
    own = log_normal(z, mean, log_variance)
    total = 0.0
    for start in range(0, len(z), 64):
        part = z[start : start + 64, None]  # (64, 1, Z) against (1, N, Z)
        aggregate = torch.logsumexp(log_normal(part, mean[None], log_variance[None]), dim=1) - math.log(
            len(z)
        )
        total += float((own[start : start + 64] - aggregate).sum())
    return total / len(z)


def active_units(mean: Tensor) -> int:
    """Dimensions whose posterior mean varies over the data: Var(E z) > 0.01. mean (N, Z)."""
    return int((mean.var(dim=0) > ACTIVE_VARIANCE).sum())


@torch.inference_mode()
def likelihood(
    model: ConditionalVAE,
    data: Sequence[Encoded],
    config: CorpusConfig,
    *,
    importance: int = 50,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    meant: Meant | None = None,
) -> dict[str, Any]:
    """Sums over `data` in nats: importance-weighted nll, negative ELBO, kl, and the latent's measures.

    swap_cost: how much likelier texts are given their own posterior mean than their neighbour's in length.
    """
    generator = torch.Generator().manual_seed(seed)
    order = sorted(range(len(data)), key=lambda i: len(data[i].target))
    sums: dict[str, float] = collections.defaultdict(float)
    means, log_variances = [], []
    rows = 64
    for start in range(0, len(order), rows):
        batch = corpus.batch_of([data[i] for i in order[start : start + rows]], config, None, meant=meant)
        real = batch.target != PAD
        sums["tokens"] += int(batch.lengths.sum())
        encoded = model.encode(batch.condition, batch.condition_lengths, batch.meaning)
        if not model.config.latent:
            z = torch.zeros(len(batch.target), 0)
            log_p = _log_p(model, encoded, z, batch.inputs, batch.target, real)
            sums["nll"] -= float(log_p.sum())
            sums["elbo"] -= float(log_p.sum())
            continue
        posterior = model.infer(encoded, batch.target, batch.lengths)
        means.append(posterior.mean)
        log_variances.append(posterior.log_variance)
        kl = posterior.kl().sum(dim=1)
        zero = torch.zeros_like(posterior.mean)
        weights, rebuilt = [], []
        for _ in range(importance):
            z = posterior.sample(generator)
            log_p = _log_p(model, encoded, z, batch.inputs, batch.target, real)
            rebuilt.append(log_p)
            weights.append(log_p + log_normal(z, zero, zero) - log_normal(z, *posterior))
        sums["nll"] -= float(importance_weighted(torch.stack(weights, dim=1)).sum())
        sums["elbo"] -= float((torch.stack(rebuilt, dim=1).mean(dim=1) - kl).sum())
        sums["kl"] += float(kl.sum())
        own, others = posterior.mean, posterior.mean.roll(1, dims=0)
        for z, sign in ((own, 1), (others, -1)):
            sums["swap_cost"] += sign * float(
                _log_p(model, encoded, z, batch.inputs, batch.target, real).sum()
            )
        if progress:
            progress(min(start + rows, len(order)), len(order))
    latent: dict[str, float] = {"mi": 0.0, "active_units": 0}
    if means:
        joined = Posterior(torch.cat(means), torch.cat(log_variances))
        latent = {
            "mi": mutual_information(joined.mean, joined.log_variance, generator),
            "active_units": active_units(joined.mean),
        }
    return {**sums, **latent}


def _log_p(
    model: ConditionalVAE, encoded: Any, z: Tensor, inputs: Tensor, target: Tensor, real: Tensor
) -> Tensor:
    """log p(y|x,z) of each row, in nats: (B,)."""
    loss = model.negative_log_likelihood(model.decode(encoded, z, inputs), encoded, target)
    log_p = torch.zeros(target.shape).masked_scatter(real, -loss)
    return log_p.sum(dim=1)


def evaluate(
    source: str,
    files: Sequence[Path],
    *,
    models: Path | None = None,
    samples: int = 200,
    importance: int = 50,
    examples: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """The report of DESIGN's command-line contract. `examples` 0 takes all of the files.

    Verse is evaluated with its form as the only condition, prose with its context. bits_per_char
    spreads the bits of every token, line ends included, over the characters of the text.
    """
    loaded = checkpoint.load(folder_of(source, models))
    config = corpus.config_of(loaded.corpus)
    dictionary = Lexicon.load(loaded.folder) if config.gloss else None
    read: list[tuple[Encoded, int]] = []
    for file in files:
        for example in corpus.every_example(file, config):
            if dictionary is not None:
                example = corpus.glossed(example, dictionary)
            encoded = corpus.encode(example, loaded.vocabulary, config, set())
            if encoded is not None:
                read.append((encoded, len(example.target.replace("\n", ""))))
    if examples:
        read = read[:: max(1, len(read) // examples)][:examples]
    found, characters = [encoded for encoded, _ in read], sum(count for _, count in read)
    if not found:
        raise BadFile(file=", ".join(f.name for f in files), reason="it holds no text this model can read")
    meant = meant_by(loaded.model.config, loaded.vocabulary)
    sums = likelihood(
        loaded.model, found, config, importance=importance, seed=seed, progress=progress, meant=meant
    )
    tokens = int(sums["tokens"])
    report: dict[str, Any] = {
        "model": loaded.identity,
        "examples": len(found),
        "tokens": tokens,
        "characters": characters,
        "nll": sums["nll"] / len(found),
        "ppl": math.exp(sums["nll"] / tokens),
        "bits_per_char": sums["nll"] / math.log(2) / characters,
        "elbo": -sums["elbo"] / len(found),
        "kl": sums.get("kl", 0.0) / len(found),
        "mi": sums["mi"],
        "active_units": sums["active_units"],
        "swap_cost": sums.get("swap_cost", 0.0) / len(found),
        "latent": loaded.model.config.latent,
    }
    if samples:
        report |= quality.report(loaded, found, samples, seed)
    return report
