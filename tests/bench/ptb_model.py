"""The sentence VAE of the literature's table, and its language model: one-layer LSTMs, sizes 256 and 32.

Knows: tensors of word numbers; the loss with its sampled softmax, dropout of the recurrent kind.
Does not know: files, schedules, how it is measured.

    x (B, T) ──▶ LSTM ──▶ q(z|x) = N(mean, variance)           (Bowman et al. 2016; He et al. 2019)
    z joined to every input word and to the first cell state ──▶ LSTM ──▶ p(x[t] | x[<t], z)

Masks are drawn once a row (Gal & Ghahramani 2016) and once a batch for words and recurrent weights
(Merity et al. 2018). The language model is the same decoder without z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model import Loss, Posterior

PAD, START, END, WORDS = 0, 1, 2, 3
"""Numbers of padding, of the two symbols, and of the first word."""


@dataclass(frozen=True)
class Shape:
    words: int  # with the three symbols
    embedding: int = 256
    hidden: int = 256
    latent: int = 32  # 0: the language model
    input_dropout: float = 0.3
    output_dropout: float = 0.4
    weight_dropout: float = 0.2  # of the decoder's recurrent weights
    word_dropout: float = 0.1  # of whole words' vectors, at the decoder's input
    encoder_dropout: float = 0.2
    gamma: float = 0.0  # scale of the batch-normalised posterior mean; 0: none
    bag_of_words: float = 0.0
    tied: bool = True
    negatives: int = 800  # words that stand for the rare ones outside the batch; 0: all do
    common: int = 600  # the first words, the commonest, which are always counted


class SoftmaxLoss(torch.autograd.Function):
    """Sum of -log softmax over words, its gradient computed on the way: no (N, V) tensor is kept in float32.

    Words past `exact` stand for `weight` words each, which makes the sum under the logarithm unbiased.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, table: Tensor, bias: Tensor, wanted: Tensor, exact: int, weight: float, low: bool
    ) -> Tensor:
        """x (N, E), table (V, E), bias (V,), wanted (N,) rows of the table below `exact`."""
        wants = any(ctx.needs_input_grad)
        kind = torch.bfloat16 if low else torch.float32
        rows, words = x.to(kind), table.to(kind)
        shares = torch.empty(len(x) if wants else 0, len(table), dtype=kind)
        sums = torch.empty(len(x))
        for start in range(0, len(x), 128):  # what is read again at once stays in the cache
            part = torch.mm(rows[start : start + 128], words.T).float().add_(bias).exp_()
            if weight != 1:
                part[:, exact:] *= weight
            sums[start : start + 128] = part.sum(dim=1)
            if wants:
                shares[start : start + 128] = part
        at = table[wanted]
        loss = sums.log() - (x * at).sum(dim=1) - bias[wanted]
        if wants:
            of_rows = (shares @ words).float() / sums[:, None] - at
            scaled = (x / sums[:, None]).to(kind)
            of_table = (shares.T @ scaled).float().index_add_(0, wanted, x, alpha=-1)
            of_bias = (shares.T @ (1 / sums).to(kind)).float()
            of_bias -= torch.bincount(wanted, minlength=len(table))
            ctx.save_for_backward(of_rows, of_table, of_bias)
        return loss.sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_rows, of_table, of_bias = ctx.saved_tensors
        return gradient * of_rows, gradient * of_table, gradient * of_bias, None, None, None, None


def locked(x: Tensor, share: float, training: bool) -> Tensor:
    """Dropout of x (B, T, D) with one mask for all of a row's steps."""
    if not training or not share:
        return x
    return x * functional.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), share)


class Lstm(nn.Module):
    """One layer, batch first. `weight_dropout` of the recurrent weights, one mask a batch."""

    def __init__(self, inputs: int, hidden: int, weight_dropout: float = 0.0) -> None:
        super().__init__()
        self.weight_dropout = weight_dropout
        self.inputs = nn.Parameter(torch.empty(4 * hidden, inputs))
        self.recurrent = nn.Parameter(torch.empty(4 * hidden, hidden))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        for weight in (self.inputs, self.recurrent):
            nn.init.uniform_(weight, -(hidden**-0.5), hidden**-0.5)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor, low: bool) -> Tensor:
        """x (B, T, I), hidden and cell (B, H) → (B, T, H) in float32."""
        recurrent = functional.dropout(self.recurrent, self.weight_dropout, self.training)
        weights = [self.inputs, recurrent, self.bias, torch.zeros_like(self.bias)]
        state = (hidden[None].contiguous(), cell[None].contiguous())
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            out, _, _ = torch.lstm(x, state, weights, True, 1, 0.0, self.training, False, True)
        result: Tensor = out.float()
        return result


class SentenceVae(nn.Module):
    """`low`: whether products are computed in bfloat16; sums and losses never are."""

    def __init__(self, shape: Shape, low: bool = False) -> None:
        super().__init__()
        self.shape, self.low = shape, low
        e, h, z = shape.embedding, shape.hidden, shape.latent
        if z:
            self.read = nn.Embedding(shape.words, e)
            self.encoder = Lstm(e, h)
            self.moments = nn.Linear(h, 2 * z, bias=False)
            self.normalise = nn.BatchNorm1d(z, affine=False)
            nn.init.uniform_(self.read.weight, -0.1, 0.1)
        self.new_decoder()

    def new_decoder(self, given: dict[str, Tensor] | None = None) -> None:
        """A decoder with fresh weights (Li et al. 2019), or with a language model's; the encoder stays.

        From a language model it starts as that model whatever z is, and learns what z adds.
        """
        shape = self.shape
        e, h, z = shape.embedding, shape.hidden, shape.latent
        self.embed = nn.Embedding(shape.words, e)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        self.decoder = Lstm(e + z, h, shape.weight_dropout)
        self.bias = nn.Parameter(torch.zeros(shape.words))
        if not shape.tied:
            self.output = nn.Parameter(torch.empty(shape.words, h).uniform_(-0.1, 0.1))
        if z:
            self.first = nn.Linear(z, h, bias=False)
            self.bag = nn.Sequential(nn.Linear(z, h), nn.Tanh(), nn.Linear(h, h))
        if given:
            if z:
                nn.init.zeros_(self.first.weight)
            nn.init.zeros_(self.decoder.inputs)
            own = self.state_dict()
            for name, value in given.items():
                own[name][..., : value.shape[-1]].copy_(value)

    def table(self) -> Tensor:
        """The vectors that words are told by: (V, H)."""
        return self.embed.weight if self.shape.tied else self.output

    def infer(self, target: Tensor, lengths: Tensor) -> Posterior:
        """target (B, T) words and the end symbol; lengths (B,) with it."""
        x = locked(self.read(target), self.shape.encoder_dropout, self.training)
        zero = x.new_zeros(len(x), self.shape.hidden)
        out = self.encoder(x, zero, zero, self.low)
        last = out.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, out.shape[2])).squeeze(1)
        mean, log_variance = self.moments(last).chunk(2, dim=1)
        if self.shape.gamma:
            mean = self.shape.gamma * self.normalise(mean)
        return Posterior(mean, log_variance)

    def features(self, z: Tensor, target: Tensor) -> Tensor:
        """z (B, Z), target (B, T) → (B, T, H), from which each of target's words is told."""
        inputs = functional.pad(target[:, :-1], (1, 0), value=START)
        table = self.embed.weight
        if self.training and self.shape.word_dropout:
            keep = functional.dropout(table.new_ones(len(table)), self.shape.word_dropout)
            x = functional.embedding(inputs, table) * keep[inputs][..., None]
        else:
            x = functional.embedding(inputs, table)
        x = locked(x, self.shape.input_dropout, self.training)
        cell = x.new_zeros(len(x), self.shape.hidden)
        if self.shape.latent:
            x = torch.cat([x, z[:, None].expand(-1, x.shape[1], -1)], dim=2)
            cell = self.first(z)
        out = self.decoder(x, torch.tanh(cell), cell, self.low)
        return locked(out, self.shape.output_dropout, self.training)

    def forward(self, target: Tensor, lengths: Tensor, noise: Tensor | None = None) -> Loss:
        """Sums over a batch; `objective` leaves the weighing of KL to the schedule and is reconstruction
        with the bag of words. KL is a row's mean of each dimension: (Z,)."""
        z = torch.zeros(len(target), 0)
        kl, bag = torch.zeros(0), torch.zeros(())
        if self.shape.latent:
            posterior = self.infer(target, lengths)
            z = posterior.sample() if noise is None else posterior.at(noise)
            kl = posterior.kl().mean(dim=0)
        real = target != PAD
        wanted = target[real]
        rebuilt = self.told(self.features(z, target)[real], wanted)
        if self.shape.latent and self.shape.bag_of_words and self.training:
            log_p = functional.linear(self.bag(z), self.table().detach(), self.bias.detach()).log_softmax(
                dim=1
            )
            said = log_p.gather(1, target)
            bag = -said[real & (target >= WORDS)].sum()
        return Loss(rebuilt + self.shape.bag_of_words * bag, rebuilt, kl, bag, len(wanted))

    def told(self, x: Tensor, wanted: Tensor) -> Tensor:
        """Sum of -log p of the wanted words (N,) by features (N, H); estimated while training."""
        table, shape = self.table(), self.shape
        if not (self.training and shape.negatives):
            loss: Tensor = SoftmaxLoss.apply(x, table, self.bias, wanted, len(table), 1.0, self.low)
            return loss
        counted = torch.zeros(len(table), dtype=torch.bool)
        counted[: WORDS + shape.common] = True
        counted[wanted] = True
        exact, rest = counted.nonzero().squeeze(1), (~counted).nonzero().squeeze(1)
        # Products of a round size are up to three times as fast on some processors.
        count = shape.negatives - (len(exact) + shape.negatives) % 64
        drawn = rest[torch.randperm(len(rest))[: max(1, count)]]
        chosen = torch.cat([exact, drawn])
        places = torch.zeros(len(table), dtype=torch.long)
        places[chosen] = torch.arange(len(chosen))
        weight = len(rest) / max(1, len(drawn))
        part: Tensor = SoftmaxLoss.apply(
            x, table[chosen], self.bias[chosen], places[wanted], len(exact), weight, self.low
        )
        return part

    @torch.no_grad()
    def log_p(self, z: Tensor, target: Tensor) -> Tensor:
        """log p(x|z) of each row, in nats: (B,)."""
        real = target != PAD
        x, wanted = self.features(z, target)[real], target[real]
        kind = torch.bfloat16 if self.low else torch.float32
        # Products of a round size are up to three times as fast on some processors, and what is read
        # again at once should stay in the cache.
        table = functional.pad(self.table().to(kind), (0, 0, 0, -self.shape.words % 256))
        bias = functional.pad(self.bias, (0, len(table) - self.shape.words), value=-1e4)
        sums, own, few = torch.empty(len(x)), torch.empty(len(x)), torch.empty(8, len(table))
        space = torch.empty(min(768, len(x)), len(table), dtype=kind)
        for start in range(0, len(x), 768):
            part = slice(start, start + 768)
            logits = torch.mm(x[part].to(kind), table.T, out=space[: len(x[part])])
            own[part] = logits.gather(1, wanted[part, None]).squeeze(1)
            for first in range(0, len(logits), 8):
                some = logits[first : first + 8]
                shares = torch.add(some, bias, out=few[: len(some)]).exp_()
                sums[start + first : start + first + 8] = shares.sum(dim=1)
        found = own + bias[wanted] - sums.log()
        return torch.zeros(target.shape).masked_scatter(real, found).sum(dim=1)
