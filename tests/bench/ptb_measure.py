"""What is measured of a sentence VAE, exactly as the lagging encoder's code does (He et al. 2019).

Knows: log-mean-exp over p(x,z)/q(z|x); KL; MI = E[log q(z|x)] - E[log q(z)] with the aggregate over all
sentences; a unit is active where Var(E z) > 0.01. Words are counted with the end symbol.
Does not know: which model it is, beyond `infer` and `log_p`.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from engine.evaluate import active_units, importance_weighted, log_normal, mutual_information
from engine.model import Posterior
from tests.bench.ptb_model import PAD, SentenceVae


class Measured(Protocol):
    """A latent-variable model of rows. infer: rows (B, T), lengths (B,) → q; log_p: z (B, Z), rows → (B,)."""

    def infer(self, target: Tensor, lengths: Tensor) -> Posterior: ...

    def log_p(self, z: Tensor, target: Tensor) -> Tensor: ...


def batch_of(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows padded to the longest, (B, T), and their lengths (B,)."""
    lengths = torch.tensor([len(row) for row in rows])
    width = int(lengths.max())
    return torch.tensor([[*row, *[PAD] * (width - len(row))] for row in rows]), lengths


def in_batches(rows: Sequence[Sequence[int]], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All rows, the shortest first, so that little is padding."""
    order = sorted(rows, key=len)
    for start in range(0, len(order), size):
        yield batch_of(order[start : start + size])


@torch.no_grad()
def validation(model: SentenceVae, rows: Sequence[Sequence[int]]) -> dict[str, float]:
    """Negative ELBO a word with one draw, the same noise each time, its perplexity, and KL a row."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    rebuilt = kl = 0.0
    for target, lengths in in_batches(rows, 64):
        noise = torch.randn(len(target), model.shape.latent, generator=generator)
        loss = model(target, lengths, noise)
        rebuilt, kl = rebuilt + float(loss.reconstruction), kl + float(loss.kl.sum()) * len(target)
    words = sum(map(len, rows))
    elbo = (rebuilt + kl) / words
    return {"elbo": elbo, "ppl": math.exp(min(20.0, elbo)), "kl": kl / len(rows)}


@torch.inference_mode()
def log_likelihood(
    model: Measured, target: Tensor, posterior: Posterior, samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """By importance sampling from q: log p(x) of each row (B,) and the mean of log p(x|z) (B,)."""
    size = len(target)
    at_once = max(1, 320 // size)
    weights, rebuilt = [], []
    for start in range(0, samples, at_once):
        count = min(at_once, samples - start)
        many = Posterior(*(part.repeat(count, 1) for part in posterior))
        z = many.sample(generator)
        zero = torch.zeros_like(z)
        log_p = model.log_p(z, target.repeat(count, 1))
        rebuilt.append(log_p.view(count, size))
        weights.append((log_p + log_normal(z, zero, zero) - log_normal(z, *many)).view(count, size))
    return importance_weighted(torch.cat(weights).T), torch.cat(rebuilt).mean(dim=0)


@torch.inference_mode()
def figures(
    model: SentenceVae, rows: Sequence[Sequence[int]], samples: int, store: Path | None = None
) -> dict[str, float]:
    """nll, elbo (negative), rebuilt, kl and mi in nats a row; ppl; active units. Of a language model: nll.

    Five hundred samples of thousands of sentences take long: what is measured is kept in `store`, from
    which the same call goes on.
    """
    model.eval()
    words = sum(map(len, rows))
    done: list[dict[str, Tensor]] = []
    if store and store.exists():
        done = torch.load(store, weights_only=True)
    stored = time.monotonic()
    for number, (target, lengths) in enumerate(in_batches(rows, 16)):
        if number < len(done):
            continue
        generator = torch.Generator().manual_seed(number)
        if not model.shape.latent:
            done.append({"log_p": model.log_p(torch.zeros(len(target), 0), target)})
            continue
        posterior = model.infer(target, lengths)
        log_p, log_p_given = log_likelihood(model, target, posterior, samples, generator)
        moments = {"mean": posterior.mean, "log_variance": posterior.log_variance}
        done.append({"log_p": log_p, "log_p_given": log_p_given, "kl": posterior.kl().sum(dim=1), **moments})
        if store and time.monotonic() - stored > 60:
            torch.save(done, store)
            stored = time.monotonic()
            print(f"{sum(len(part['log_p']) for part in done)} of {len(rows)} sentences", file=sys.stderr)
    if store:
        torch.save(done, store)
    joined = {name: torch.cat([part[name] for part in done]) for name in done[0]}
    nll = -float(joined["log_p"].double().sum())
    report = {"sentences": len(rows), "words": words, "nll": nll / len(rows), "ppl": math.exp(nll / words)}
    if model.shape.latent:
        rebuilt, kl = -float(joined["log_p_given"].mean()), float(joined["kl"].mean())
        generator = torch.Generator().manual_seed(0)
        mi = mutual_information(joined["mean"], joined["log_variance"], generator)
        report |= {"samples": samples, "elbo": rebuilt + kl, "rebuilt": rebuilt, "kl": kl, "mi": mi}
        report["active_units"] = active_units(joined["mean"])
    return report
