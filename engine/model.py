"""The conditional VAE + RNN: condition encoder, posterior, prior, decoder, loss. One file, one model.

Knows: tensors of token ids and nothing of what they mean.
Does not know: text, vocabularies, files, sampling.

    x condition (B, X) ──▶ bidirectional LSTM ──▶ memory (B, X, 2C), summary c (B, 2C)
    y target    (B, Y) ──▶ bidirectional LSTM ──▶ posterior q(z|x,y) = N(mean, variance)
    z (B, Z), c, y[<t]  ──▶ LSTM, attention over memory ──▶ p(y[t] | y[<t], x, z)
                                              └─▶ copy gate, where the model copies

The prior is N(0, I). A diagonal-Gaussian prior p(z|x) would add nothing: the decoder sees x, so it
can undo any shift and scale of z that depends on x alone, while a learnt prior lets the posterior
hide from the KL term by following x.

What keeps z alive (Zhu et al. 2020, "A Batch Normalized Inference Network Keeps the KL Vanishing
Away"): the posterior mean is batch-normalised with a fixed scale γ and no shift, so that the KL
has a floor of about Z·γ²/2 nats. With it a bag-of-words loss (Zhao et al. 2017) asks z and c for
the words of y. Free bits (Kingma et al. 2016) can be set as well. The KL term is the Gaussian one
(Kingma & Welling 2014, appendix B).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine import recurrence
from engine.copying import CopyGate
from engine.dropout import Dropout
from engine.recurrence import Bidirectional, Words
from engine.sampled_softmax import Sample
from engine.vocabulary import END, LINE, PAD, UNKNOWN


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and loss weights. `latent` 0 gives the twin without z."""

    vocabulary: int
    embedding: int = 256
    hidden: int = 512
    latent: int = 32
    condition_hidden: int = 128
    posterior_hidden: int = 256
    dropout: float = 0.25
    word_dropout: float = 0.05
    gamma: float = 0.6  # scale of the batch-normalised posterior mean; 0 turns it off
    free_bits: float = 0.0  # nats a dimension
    bag_of_words: float = 0.2  # weight of the auxiliary loss
    line_ends: float = 0.0  # weight of the loss that asks z for the rhymes; needs classes
    sampled_softmax: int = 0  # negatives a step; 0 is the full softmax
    copy: bool = False  # whether a gate may take tokens from the condition
    lexical: bool = False  # whether the tokens attended to speak for their own translations
    condition_dropout: float = 0.0  # of the condition's tokens, in training
    latent_dropout: float = 0.0  # of rows, in training: those are decoded at the prior's mean
    meaning: int = 0  # size of a condition's meaning, a vector learnt elsewhere; 0: none is shown


class Encoded(NamedTuple):
    """A condition for the decoder: memory (B, X, 2C), keys (B, X, E), mask (B, X), summary (B, 2C),
    tokens (B, X) and their embeddings, words (B, X, E)."""

    memory: Tensor
    keys: Tensor
    mask: Tensor
    summary: Tensor
    tokens: Tensor
    words: Tensor


class Steps(NamedTuple):
    """What the decoder says at each step: features (B, Y, E) and attention (B, Y, X), which sums to 1; or of
    N real tokens alone, row by row, (N, E) and (N, X)."""

    features: Tensor
    attention: Tensor


class Posterior(NamedTuple):
    """q(z|x,y): mean (B, Z) and log-variance (B, Z)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return self.at(torch.randn(self.mean.shape, generator=generator, device=self.mean.device))

    def at(self, noise: Tensor) -> Tensor:
        """z (B, Z) of standard normal noise (B, Z): the reparameterisation."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) for each dimension, in nats: (B, Z)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - self.log_variance - 1)


class Loss(NamedTuple):
    """Sums over a batch, in nats, and the count of target tokens; `objective` is what is minimised."""

    objective: Tensor
    reconstruction: Tensor
    kl: Tensor
    bag_of_words: Tensor
    tokens: int


class BatchMean(nn.Module):
    """(B, Z) → (Z,); a module, so that a run on several processes can put the mean over all in its place."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows.mean(dim=0)


class ConditionalVAE(nn.Module):
    """`classes` (V, K): what tokens have in common, as numbers of classes (0: none).

    Tokens of a class share a vector, added to each one's own, at the input and at the output: what a
    model learns of one character of a rhyme it knows of all of them. The first column may be anything
    (for verse the tone), the others are rhymes. Only training has classes: a checkpoint holds the sums
    (`plain_state`).
    """

    def __init__(self, config: ModelConfig, classes: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        self.classes: Tensor | None
        self.register_buffer("classes", classes)
        if classes is not None:
            self.shared = nn.Embedding(int(classes.max()) + 1, config.embedding, padding_idx=0)
            nn.init.zeros_(self.shared.weight)
        e, h, z, c = config.embedding, config.hidden, config.latent, 2 * config.condition_hidden
        self.embed: nn.Embedding = nn.Embedding(config.vocabulary, e, padding_idx=PAD)
        nn.init.normal_(self.embed.weight, std=e**-0.5)
        self.condition = Bidirectional(e, config.condition_hidden)
        self.decoder = nn.LSTM(e + c + z, h, batch_first=True)
        self.first = nn.Linear(c + z, 2 * h)
        self.query = nn.Linear(h, e)
        self.key = nn.Linear(c, e)
        self.combine = nn.Linear(h + c + z, e)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.dropout = Dropout(config.dropout)
        if config.lexical:
            self.lexical = nn.Linear(e, e, bias=False)
            nn.init.zeros_(self.lexical.weight)
        if config.copy:
            self.copy_gate = CopyGate(e)
        if config.meaning:
            out = nn.Linear(h, c)
            nn.init.zeros_(out.weight)  # a model that learnt without goes on from where it was
            nn.init.zeros_(out.bias)
            self.meaning = nn.Sequential(nn.Linear(config.meaning, h), nn.Tanh(), out)
        self.average = BatchMean()
        if z:
            self.posterior_encoder = Bidirectional(e, config.posterior_hidden)
            self.posterior = nn.Linear(2 * config.posterior_hidden + c, 2 * z)
            self.normalise = nn.BatchNorm1d(z, affine=False)
            self.bag = nn.Sequential(nn.Linear(z + c, h), nn.Tanh(), Dropout(config.dropout), nn.Linear(h, e))

    def vectors(self, ids: Tensor) -> Tensor:
        """ids (...) → (..., E)."""
        own: Tensor = self.embed(ids)
        return own if self.classes is None else own + self.shared(self.classes[ids]).sum(dim=-2)

    def words(self, *ids: Tensor) -> list[Words]:
        """Each of ids (B, T) as a layer reads them.

        Where a layer multiplies a token once for all its places in one of `ids` (`recurrence`), dropout takes
        the same parts of it at all of them (after Gal & Ghahramani 2016).
        """
        table = self.embed.weight
        learns = self.training and torch.is_grad_enabled() and table.requires_grad
        if not learns or table.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return [Words(self.dropout(self.vectors(rows))) for rows in ids]
        found = [torch.unique(rows, return_inverse=True) for rows in ids]
        # One look-up, for going back each would fill a gradient as large as the table.
        vectors = self.vectors(torch.cat([seen for seen, _ in found]))
        types = vectors.split_with_sizes([len(seen) for seen, _ in found])
        return [Words(self.dropout(own), at) for own, (_, at) in zip(types, found, strict=True)]

    def table(self) -> Tensor:
        """The vectors of all tokens: (V, E)."""
        own = self.embed.weight
        return own if self.classes is None else own + self.shared(self.classes).sum(dim=-2)

    def plain_state(self) -> dict[str, Tensor]:
        """The weights of the same model without classes."""
        state = {k: v for k, v in self.state_dict().items() if k not in ("classes", "shared.weight")}
        return {**state, "embed.weight": self.table().detach()}

    def shown(self, condition: Tensor) -> Tensor:
        """Of a condition's tokens (B, X) those that are read: in training some are not."""
        if not (self.training and self.config.condition_dropout):
            return condition
        keep = torch.rand(condition.shape, device=condition.device) >= self.config.condition_dropout
        return torch.where(keep | (condition <= LINE), condition, UNKNOWN)

    def encode(
        self, condition: Tensor, lengths: Tensor, meaning: Tensor | None = None, words: Words | None = None
    ) -> Encoded:
        """condition (B, X) ids with at least one token a row, lengths (B,), meaning (B, M) unit vectors,
        `words` the condition's where they were looked up.

        What the condition means, by vectors learnt from far more words than any of its pairs, is added to
        its summary: an asking in words that were never read finds the replies of those that were.
        """
        if words is None:
            (words,) = self.words(self.shown(condition))
        memory, summary = self.condition(words, lengths)
        if self.config.meaning:
            known = summary.new_zeros(len(summary), self.config.meaning) if meaning is None else meaning
            summary = summary + self.meaning(self.dropout(known * self.config.meaning**0.5))
        mask = torch.arange(condition.shape[1], device=condition.device) < lengths[:, None]
        # What is not read may still be copied, so that the gate learns from words it does not know.
        return Encoded(memory, self.key(memory), mask, summary, condition, words.vectors())

    def infer(
        self, encoded: Encoded, target: Tensor, lengths: Tensor, words: Words | None = None
    ) -> Posterior:
        """target (B, Y) ids without <begin>; lengths (B,); `words` the target's where they were looked up."""
        if words is None:
            (words,) = self.words(target)
        _, final = self.posterior_encoder(words, lengths)
        # In float32 whatever the precision around: the KL is a difference of near equals.
        moments = self.posterior(torch.cat([final, encoded.summary], dim=1)).float()
        mean, log_variance = moments.chunk(2, dim=1)
        if self.config.gamma:
            mean = self.config.gamma * self.normalise(mean)
        return Posterior(mean, log_variance.clamp(-8, 2))

    def first_state(self, encoded: Encoded, z: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden and cell (B, H) before the first token; z (B, Z)."""
        hidden, cell = self.first(torch.cat([encoded.summary, z], dim=1)).chunk(2, dim=1)
        return torch.tanh(hidden), cell

    def decode(self, encoded: Encoded, z: Tensor, inputs: Tensor) -> Steps:
        """Teacher forcing. z (B, Z), inputs (B, Y) ids beginning with <begin>."""
        (words,) = self.words(inputs)
        lengths = torch.full((len(inputs),), inputs.shape[1], device=inputs.device)
        out = self._states(encoded, z, words, lengths)
        return self.attend(encoded, z[:, None].expand(-1, inputs.shape[1], -1), out)

    def _states(
        self, encoded: Encoded, z: Tensor, words: Words, lengths: Tensor, real: Tensor | None = None
    ) -> Tensor:
        """The decoder's state after each token of rows: (B, Y, H), or, with `real` (B, Y), which of them
        stand within the `lengths` (B,), those alone: (N, H)."""
        known = torch.cat([encoded.summary, z], dim=1)
        hidden, cell = self.first_state(encoded, z)
        if words.ids is not None:
            packing = recurrence.pack(lengths, words.ids.shape[1])
            state = (hidden, cell)
            out: Tensor = recurrence.read(
                self.decoder, words.types, words.ids, packing, rows=known, state=state
            )
            return out.view(*words.ids.shape, -1) if real is None else out  # of full rows all are real
        x = torch.cat([words.types, known[:, None].expand(-1, words.types.shape[1], -1)], dim=2)
        out, _ = self.decoder(x, (hidden[None].contiguous(), cell[None].contiguous()))
        return out if real is None else out[real]

    def attend(self, encoded: Encoded, z: Tensor, hidden: Tensor, real: Tensor | None = None) -> Steps:
        """hidden (B, Y, H), z (B, Y, Z); dot-product attention (Luong et al. 2015). With `real` (B, Y), which
        of them are no padding, theirs alone: hidden (N, H), z (N, Z).

        With `lexical`, the embeddings attended to have a way to the output that does not pass the
        decoder's state, so that rare words keep their translations (Nguyen & Chiang 2018, "Improving
        Lexical Choice in Neural Machine Translation").
        """
        hidden = self.dropout(hidden)
        asked = self.query(hidden)
        if real is not None:
            places = real.flatten().nonzero().squeeze(1)
            asked = asked.new_zeros(real.numel(), asked.shape[1]).index_copy(0, places, asked)
            asked = asked.view(*real.shape, -1)
        scores = asked @ encoded.keys.transpose(1, 2) * self.config.embedding**-0.5
        attention = scores.masked_fill(~encoded.mask[:, None], -1e9).softmax(dim=2)
        context = self.dropout(attention) @ encoded.memory
        words = attention @ encoded.words if self.config.lexical else None
        if real is not None:
            context, attention = (part.flatten(0, 1).index_select(0, places) for part in (context, attention))
            words = None if words is None else words.flatten(0, 1).index_select(0, places)
        features: Tensor = torch.tanh(self.combine(torch.cat([hidden, context, z], dim=-1)))
        if words is not None:
            features = features + self.lexical(torch.tanh(words))
        return Steps(self.dropout(features), attention)

    def logits(self, features: Tensor) -> Tensor:
        """features (..., E) → (..., V); embeddings are tied. By the vocabulary alone: no copying."""
        return functional.linear(features, self.table(), self.bias)

    def log_probabilities(self, steps: Steps, encoded: Encoded) -> Tensor:
        """log p of every token at every step, copying included: (B, Y, V)."""
        log_p = self.logits(steps.features).float().log_softmax(dim=2)
        if not self.config.copy:
            return log_p
        source = encoded.tokens[:, None].expand(*steps.attention.shape)
        return self.copy_gate.of_vocabulary(log_p, *steps, source)

    def negative_log_likelihood(
        self, steps: Steps, encoded: Encoded, target: Tensor, sample: Sample | None = None
    ) -> Tensor:
        """-log p of each of the N tokens of `target` (B, Y) that are not padding, row by row: (N,).

        With a `sample` of those tokens p by the vocabulary is the sampled softmax's estimate.
        """
        real = target != PAD
        wanted = target[real]
        features, attention = (part if part.dim() == 2 else part[real] for part in steps)
        loss = self._cross_entropy(features, wanted, sample)
        if not self.config.copy:
            return loss
        source = encoded.tokens[real.nonzero()[:, 0]]
        return -self.copy_gate.of_targets(-loss, features, attention, source, wanted)

    def forward(
        self,
        condition: Tensor,
        condition_lengths: Tensor,
        inputs: Tensor,
        target: Tensor,
        lengths: Tensor,
        meaning: Tensor | None = None,
        *,
        beta: float = 1.0,
        noise: Tensor | None = None,
    ) -> Loss:
        """condition (B, X); inputs and target (B, Y), shifted by one; lengths (B,) of target, beyond which,
        and only there, it is padded; meaning (B, M).

        `noise` (B, Z) is what z is drawn with; None draws it here.
        """
        config = self.config
        if self.training and config.word_dropout:
            keep = torch.rand(inputs.shape, device=inputs.device) >= config.word_dropout
            keep[:, 0] = True
            inputs = torch.where(keep, inputs, UNKNOWN)
        told = [self.shown(condition), inputs, *([target] if config.latent else [])]
        told_words, input_words, *target_words = self.words(*told)
        encoded = self.encode(condition, condition_lengths, meaning, told_words)
        tokens = int(lengths.sum())
        real = target != PAD
        sample = self.sample(target[real])
        if config.latent:
            posterior = self.infer(encoded, target, lengths, *target_words)
            z = posterior.sample() if noise is None else posterior.at(noise)
            if self.training and config.latent_dropout:
                z = z * (torch.rand(len(z), 1, device=z.device) >= config.latent_dropout)
            by_dimension = posterior.kl()
            kl = by_dimension.sum()
            penalty = kl
            if config.free_bits:
                penalty = self.average(by_dimension).clamp_min(config.free_bits).sum() * len(target)
            bag_features = self.bag(torch.cat([z, encoded.summary], dim=1))
            bag_log = (sample or self).logits(bag_features).float().log_softmax(dim=1)
            wanted = target
            if sample is not None:
                wanted = torch.zeros_like(target).masked_scatter(real, sample.places)
            bag = -(bag_log.gather(1, wanted) * real).sum()
            ends = self._line_ends(bag_features, target)
        else:
            z = torch.zeros(len(target), 0, device=target.device)
            kl = penalty = bag = ends = torch.zeros((), device=target.device)
        if self.training:
            hidden = self._states(encoded, z, input_words, lengths, real)
            steps = self.attend(encoded, z.index_select(0, real.nonzero()[:, 0]), hidden, real)
        else:
            steps = self.decode(encoded, z, inputs)
        reconstruction = self.negative_log_likelihood(steps, encoded, target, sample).sum()
        auxiliary = config.bag_of_words * bag + config.line_ends * ends
        objective = (reconstruction + beta * penalty + auxiliary) / tokens
        return Loss(objective, reconstruction.detach(), kl.detach(), bag.detach(), tokens)

    def _line_ends(self, bag_features: Tensor, target: Tensor) -> Tensor:
        """How badly z and c tell the rhymes of the lines, in nats: bag_features (B, E), target (B, Y).

        A rhyme is far from the one it answers, so a decoder forgets it; z is there at every step.
        """
        if self.classes is None or not self.config.line_ends:
            return torch.zeros((), device=target.device)
        row, place = ((target[:, 1:] == LINE) | (target[:, 1:] == END)).nonzero(as_tuple=True)
        rhymes = self.classes[target[row, place]][:, 1:]  # (N, K - 1), 0: none
        scores = functional.linear(bag_features, self.shared.weight[1:]).float().log_softmax(dim=1)
        log_p = scores[row].gather(1, (rhymes - 1).clamp_min(0)).masked_fill(rhymes == 0, -math.inf)
        return -log_p[(rhymes > 0).any(dim=1)].logsumexp(dim=1).sum()

    def _cross_entropy(self, features: Tensor, target: Tensor, sample: Sample | None = None) -> Tensor:
        """For each of N tokens (N,), by the whole vocabulary or by a sample of it that holds them."""
        if sample is not None:
            return sample.cross_entropy(features)
        # In pieces whose logits stay in the cache; a whole batch of them would be read from memory twice.
        size = len(target) if self.training else 128
        pieces = zip(torch.split(features, max(1, size)), torch.split(target, max(1, size)), strict=True)
        return torch.cat(
            [functional.cross_entropy(self.logits(f).float(), ids, reduction="none") for f, ids in pieces]
        )

    def sample(self, target: Tensor) -> Sample | None:
        """Of target (N,): its own tokens and `sampled_softmax` others, weighted so that the partition
        function is estimated without bias (Jean et al. 2015). None where nothing is sampled."""
        negatives = self.config.sampled_softmax
        if not (self.training and negatives):
            return None
        seen, places = torch.unique(target, return_inverse=True)
        rest = torch.ones(self.config.vocabulary, dtype=torch.bool, device=target.device)
        rest[seen] = False
        others = rest.nonzero().squeeze(1)
        chosen = others[torch.randperm(len(others), device=target.device)[:negatives]]
        candidates = torch.cat([seen, chosen])
        correction = torch.zeros(len(candidates), device=target.device)
        if len(chosen):
            correction[len(seen) :] = torch.log(torch.tensor(len(others) / len(chosen)))
        return Sample(self.vectors(candidates), self.bias[candidates] + correction, places)
