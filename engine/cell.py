"""One step of a decoder for many rows of many requests: state in, tokens out.

Knows: the model's sizes and weights, attention over the conditions of several requests, the copy gate,
how a token is drawn. Does not know: requests, plans, when a row is finished.

A row's numbers do not depend on the rows beside it (`products`, `nucleus`): everything else is done element
by element or within the row, and attention in batches of matrices of one size. The step is compiled by
TorchScript where torch has it: one call without Python's lock, rather than sixty calls that each wait for
it while other threads run.
"""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from engine import nucleus, products
from engine.model import ConditionalVAE

CHUNK = 16
"""Rows whose distributions are worked on at a time, so that they stay in the cache."""


class Cell(nn.Module):
    """A model's weights as a step wants them: V tokens are padded to a multiple of `nucleus.WIDTH`, with
    one that never comes (`padding`) at least."""

    def __init__(self, model: ConditionalVAE, banned: Tensor, kernels: list[str]) -> None:
        """banned (V,) bool: what no text holds. `kernels`: names of `products`, or "float32"."""
        super().__init__()
        config = model.config
        e, h, c = config.embedding, config.hidden, 2 * config.condition_hidden
        self.size: int = h
        self.copies: bool = config.copy
        self.lexical: bool = config.lexical
        self.memory: int = c
        self.embedding: int = e
        self.padding: int = config.vocabulary
        if config.lexical:
            kernels = ["float32"]  # its features are not within [-1, 1]
        with torch.no_grad():
            inputs, recurrent, *biases = model.decoder.parameters()
            order = torch.arange(4 * h).view(4, h)[[0, 1, 3, 2]].flatten()  # the three sigmoids together
            scale = e**-0.5
            after = [recurrent[order], model.query.weight * scale, model.combine.weight[:, :h]]
            self.after = products.product(torch.cat(after), kernels)
            self.context = products.product(model.combine.weight[:, h : h + c].contiguous(), kernels)
            self.words = products.product(inputs[order][:, :e].contiguous(), kernels)
            short = nucleus.WIDTH - config.vocabulary % nucleus.WIDTH
            table = model.embed.weight
            self.output = products.product(torch.cat([table, table.new_zeros(short, e)]), kernels)
            self.meaning = (
                products.product(model.lexical.weight, kernels) if config.lexical else nn.Identity()
            )
            self.table: Tensor
            self.worth: Tensor
            if "float32" in kernels:
                self.register_buffer("table", table, persistent=False)
                self.register_buffer("worth", torch.ones(len(table), 1), persistent=False)
            else:
                largest = table.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
                whole = torch.round(table / largest * products.UNIT).to(torch.int8)
                self.register_buffer("table", whole, persistent=False)
                self.register_buffer("worth", largest / products.UNIT, persistent=False)
            self.unit: float = 1.0 if "float32" in kernels else products.UNIT
            self.bias: Tensor
            self.register_buffer("bias", torch.cat([model.bias, table.new_full((short,), -torch.inf)]))
            self.asking: Tensor
            self.register_buffer("asking", model.query.bias * scale)
            gate = model.copy_gate.gate if config.copy else None
            self.gate: Tensor
            self.register_buffer("gate", gate.weight[0].clone() if gate is not None else torch.zeros(e))
            self.gate_bias: float = float(gate.bias) if gate is not None else 0.0
            self.forbidden: Tensor
            self.register_buffer(
                "forbidden", torch.cat([torch.nonzero(banned).squeeze(1), torch.tensor([self.padding])])
            )
            # Not part of a step, but of what a row begins with.
            self._begins = inputs[order][:, e:].T.contiguous()
            self._begins_bias = (biases[0] + biases[1])[order]
            self._first, self._first_bias = model.first.weight.T.contiguous(), model.first.bias
            self._above = model.combine.weight[:, h + c :].T.contiguous()
            self._above_bias = model.combine.bias

    @torch.jit.unused
    def begin(self, summary: Tensor, z: Tensor) -> list[Tensor]:
        """What rows start with: summary (N, 2C), z (N, Z) → cell (N, H), rest (N, 4H), extra (N, 4H) and
        above (N, E): what the gates and the features of every step get from condition and latent."""
        known = torch.cat([summary, z], dim=1)
        extra = products.blocked(known, self._begins) + self._begins_bias
        hidden, cell = (products.blocked(known, self._first) + self._first_bias).chunk(2, dim=1)
        rest = self.after(torch.tanh(hidden))[:, : 4 * self.size] + extra
        return [cell.contiguous(), rest, extra, products.blocked(z, self._above) + self._above_bias]

    def forward(
        self,
        token: Tensor,
        state: list[Tensor],
        keys: list[Tensor],
        values: list[Tensor],
        hidden_places: list[Tensor],
        sources: list[Tensor],
        copyable: list[Tensor],
        attended: list[Tensor],
        seats: list[Tensor],
        rows: list[Tensor],
        drawn: list[Tensor],
        draws: int,
        bans: Tensor,
        raised: Tensor,
        raises: Tensor,
        masked: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The next token of each of N rows (N,) and its log p by the model itself (N,).

        token (N,): what each row wrote last; `state` as `begin` gives it: cell and rest are changed.
        A list has an entry for each size of condition: keys (S, X, E), values (S, X, 2C), hidden_places
        (S, 1, X) 0 or -inf, sources (S, X) token ids, copyable (S, X) 0 or 1, attended (S, W, X) to which
        attention is added, seats (n,): where in S·W each of `rows` (n,) sits.
        `drawn`: 1/temperature (D, 1), nucleus (D,), uniform (D,), partner (N - D,), forced (N,). The first
        D = `draws` rows draw a token; the others take their partner's. A token of `forced` that is not -1
        comes in any case.
        bans (D, B): token ids that may not come now; raised and raises (D, R): ids and nats added to their
        logits. masked (D, V) bool or (0, V): what may not come.
        """
        cell, rest, extra, above = state[0], state[1], state[2], state[3]
        h, e = self.size, self.embedding
        words = self.table[token].float() / self.unit
        gates = torch.addcmul(rest, self.words(words), self.worth[token] * self.unit)
        opened = torch.sigmoid(gates[:, : 3 * h])
        cell.mul_(opened[:, h : 2 * h]).addcmul_(opened[:, :h], torch.tanh(gates[:, 3 * h :]))
        after = self.after(opened[:, 2 * h :] * torch.tanh(cell))
        torch.add(after[:, : 4 * h], extra, out=rest)
        query = after[:, 4 * h : 4 * h + e] + self.asking
        looked = query.new_empty(query.size(0), values[0].size(2))
        weights: list[Tensor] = []
        for b in range(len(keys)):
            slots, width, places = attended[b].size(0), attended[b].size(1), attended[b].size(2)
            seated = query.new_zeros(slots * width, e)
            seated[seats[b]] = query[rows[b]]
            scores = torch.bmm(seated.view(slots, width, e), keys[b].transpose(1, 2)) + hidden_places[b]
            attention = torch.softmax(scores, dim=2)
            attended[b].add_(attention)
            context = torch.bmm(attention, values[b]).view(slots * width, -1)
            looked[rows[b]] = context[seats[b]]
            weights.append(attention.view(slots * width, places)[seats[b]])
        features = torch.tanh(after[:, 4 * h + e :] + self.context(looked[:, : self.memory]) + above)
        if self.lexical:
            features = features + self.meaning(torch.tanh(looked[:, self.memory :]))
        logits = self.output(features)
        taken, source, kept = self.copied(features, weights, sources, copyable, attended, seats, rows)
        tokens: list[Tensor] = []
        logs: list[Tensor] = []
        for start in range(0, logits.size(0), 16):
            end = min(start + 16, logits.size(0))
            scores = logits[start:end].add_(self.bias)
            p = torch.softmax(scores, dim=1)
            if self.copies:
                # Only what may be copied changes, so only there are logarithms taken.
                whole = scores.amax(dim=1, keepdim=True) - p.amax(dim=1, keepdim=True).log()
                p.scatter_add_(1, source[start:end], taken[start:end])
                mixed = p.gather(1, source[start:end]).clamp_min(1e-30).log() + whole
                scores.scatter_(1, source[start:end], mixed)
            chosen = drawn[4][start:end]
            stop = min(end, draws)
            if stop > start:
                scaled = scores[: stop - start] * drawn[0][start:stop]
                scaled.scatter_add_(1, raised[start:stop], raises[start:stop])
                scaled.index_fill_(1, self.forbidden, -torch.inf)
                scaled.scatter_(1, bans[start:stop], -torch.inf)
                if masked.size(0) > 0:
                    scaled.masked_fill_(masked[start:stop], -torch.inf)
                token = nucleus.draw(scaled, drawn[1][start:stop], drawn[2][start:stop])
                chosen = torch.cat(
                    [
                        torch.where(chosen[: stop - start] < 0, token, chosen[: stop - start]),
                        chosen[stop - start :],
                    ]
                )
            if end > draws:
                own = max(start, draws)
                so_far = torch.cat(tokens + [chosen])  # noqa: RUF005
                partners = so_far[drawn[3][own - draws : end - draws]]
                chosen = torch.cat([chosen[: own - start], partners])
            tokens.append(chosen)
            logs.append(p.gather(1, chosen[:, None]).squeeze(1))
        return torch.cat(tokens), (torch.cat(logs) * kept).clamp_min(1e-38).log()

    def copied(
        self,
        features: Tensor,
        weights: list[Tensor],
        sources: list[Tensor],
        copyable: list[Tensor],
        attended: list[Tensor],
        seats: list[Tensor],
        rows: list[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """How much likelier copying makes each token of the condition (N, X), as a share of what is left to
        the vocabulary (N,); and their ids (N, X) padded with `padding`."""
        count = features.size(0)
        if not self.copies:
            return features, torch.zeros(0, dtype=torch.long), features.new_ones(count)
        most = 0
        for b in range(len(weights)):
            most = max(most, weights[b].size(1))
        gate = torch.sigmoid((features * self.gate).sum(dim=1, keepdim=True) + self.gate_bias)
        taken = features.new_zeros(count, most)
        source = torch.full((count, most), self.padding, dtype=torch.long)
        kept = features.new_ones(count)
        for b in range(len(weights)):
            places = weights[b].size(1)
            slot = seats[b] // attended[b].size(1)
            copied = gate[rows[b]] * weights[b] * copyable[b][slot]
            left = 1.0 - copied.sum(dim=1, keepdim=True).clamp_max(1.0 - 1e-6)
            taken[rows[b], :places] = copied / left
            source[rows[b], :places] = sources[b][slot]
            kept[rows[b]] = left.squeeze(1)
        return taken, source, kept


def compiled(cell: Cell) -> Any:
    """The step as one call, or the cell itself where torch has no TorchScript any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises torch.compile, which needs a C++ compiler
        try:
            return torch.jit.freeze(torch.jit.script(cell.eval()))
        except (RuntimeError, AttributeError):
            return cell
