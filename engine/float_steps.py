"""Steps of a decoder in float32, all rows alike: for beams, and for replies older than whole numbers.

Knows: a model's weights as a step multiplies them, states. Does not know: texts, which token is taken, and
`engine.cell`, whose whole numbers write everything else.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engine.model import ConditionalVAE, Encoded


class State(NamedTuple):
    """Where each of N rows stands: z (N, Z), its and the condition's share of the gates (N, 4H), hidden
    and cell (N, H)."""

    z: Tensor
    extra: Tensor
    hidden: Tensor
    cell: Tensor


class Step(NamedTuple):
    """What may come next in each of N rows: log p of every token (N, V), logits as the sampler wants
    them (N, V), attention over the condition (N, X)."""

    log_p: Tensor
    logits: Tensor
    attention: Tensor


class FloatSteps:
    """The weights of a model that writes. They take as much memory again as its decoder's.

    `own`: nobody else uses the model, and its decoder is given up.
    """

    def __init__(self, model: ConditionalVAE, *, own: bool = False) -> None:
        # A table of every token's share of the gates would save a small product a step and cost 60 to
        # 90 MB a model.
        inputs, recurrent, *biases = (weight.detach() for weight in model.decoder.parameters())
        e = model.config.embedding
        self._inputs, self._extra = inputs[:, :e].T.contiguous(), inputs[:, e:].T.contiguous()
        self._recurrent, self._biases = recurrent.T.contiguous(), biases[0] + biases[1]
        self._model = model
        if own:
            del model.decoder

    def begin(self, encoded: Encoded, z: Tensor) -> State:
        """Before the first token; z (N, Z)."""
        extra = torch.cat([encoded.summary, z], dim=1) @ self._extra + self._biases
        return State(z, extra, *self._model.first_state(encoded, z))

    def step(self, encoded: Encoded, state: State, token: Tensor) -> tuple[State, Step]:
        """After one more token in each row; token (N,)."""
        model = self._model
        gates = model.embed.weight[token] @ self._inputs + state.extra + state.hidden @ self._recurrent
        entry, forget, update, output = gates.chunk(4, dim=1)
        cell = torch.sigmoid(forget) * state.cell + torch.sigmoid(entry) * torch.tanh(update)
        hidden = torch.sigmoid(output) * torch.tanh(cell)
        steps = model.attend(encoded, state.z[:, None], hidden[:, None])
        features, attention = steps.features[:, 0], steps.attention[:, 0]
        logits = model.logits(features)
        log_p = logits.log_softmax(dim=1)
        if model.config.copy:
            log_p = model.copy_gate.of_vocabulary(log_p, features, attention, encoded.tokens)
            logits = log_p
        return State(state.z, state.extra, hidden, cell), Step(log_p, logits, attention)
