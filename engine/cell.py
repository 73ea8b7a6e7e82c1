"""One step of a decoder for many rows of many requests: state in, tokens out.

Knows: the model's sizes and weights, attention over the conditions of several requests, the copy gate,
how a token is drawn. Does not know: requests, plans, when a row is finished.

A row's numbers do not depend on the rows beside it (`products`, `nucleus`): everything else is done element
by element or within the row, and attention in batches of matrices of one size. The step is compiled by
TorchScript where torch has it: one call without Python's lock, rather than sixty calls that each wait for
it while other threads run.
"""

import linecache
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from engine import nucleus, products
from engine.model import ConditionalVAE

CHUNK = 16
"""Rows whose distributions are worked on at a time, so that they stay in the cache: 16 in `forward`."""


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
                whole = torch.round(table / largest * products.UNIT) + products.SHIFT
                self.register_buffer("table", whole.to(torch.uint8), persistent=False)
                self.register_buffer("worth", largest / products.UNIT * products.UNIT, persistent=False)
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
        attended: list[Tensor],
        chairs: list[Tensor],
        rows: list[Tensor],
        steady: list[Tensor],
        draws: int,
        now: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The next token of each of N rows (N,) and its log p by the model itself (N,).

        token (N,): what each row wrote last; `state` as `begin` gives it: cell and rest are changed.
        A list has an entry for each size of condition: keys (S, X, E), values (S, X, 2C), hidden_places
        (S, 1, X) 0 or -inf, attended (S, W, X) to which attention is added, chairs (n,): where in S·W each
        of `rows` (n,) sits. Empty chairs: row after row, S·W of them; empty rows: all there are.
        `steady`, while the rows stay the same: 1/temperature (D, 1), nucleus (D, 1), partner (N - D,),
        source (N, X) ids of the condition's tokens, copyable (N, X) 0 or 1.
        `now`: uniform (D, 1), forced (D,), bans (D, B), raised ids and nats (D, R) each, masked (D, V) bool;
        all but the first may be empty. The first D = `draws` rows draw a token; the others take their
        partner's. A token of `forced` that is not -1 comes in any case. bans: ids that may not come now;
        raised: ids to whose logits nats are added, over the temperature; masked: what may not come.
        """
        cell, rest, extra, above = state[0], state[1], state[2], state[3]
        h, e = self.size, self.embedding
        gates = torch.addcmul(rest, self.words.shifted(self.table[token]), self.worth[token])
        opened = torch.sigmoid(gates[:, : 3 * h])
        cell.mul_(opened[:, h : 2 * h]).addcmul_(opened[:, :h], torch.tanh(gates[:, 3 * h :]))
        after = self.after(torch.tanh(cell).mul_(opened[:, 2 * h :]))
        torch.add(after[:, : 4 * h], extra, out=rest)
        looked, paid = self.attention(
            after[:, 4 * h : 4 * h + e] + self.asking, keys, values, hidden_places, attended, chairs, rows
        )
        known = looked[:, : self.memory] if self.lexical else looked
        features = (after[:, 4 * h + e :] + self.context(known)).add_(above).tanh_()
        if self.lexical:
            features = features + self.meaning(torch.tanh(looked[:, self.memory :]))
        logits = self.output(features)
        source, kept, ratio = steady[3], logits, paid
        if self.copies:
            gate = torch.sigmoid((features * self.gate).sum(dim=1, keepdim=True) + self.gate_bias)
            copied = (gate * paid).mul_(steady[4])
            kept = 1.0 - copied.sum(dim=1, keepdim=True).clamp_max_(1.0 - 1e-6)
            ratio = copied / kept
        count = logits.size(0)
        whole = logits.new_empty(count, 1)
        weights = logits
        sums = logits
        if count > 16:
            weights = logits.new_empty(draws, logits.size(1))
            sums = logits.new_empty(draws, logits.size(1) // 64)
        for start in range(0, count, 16):
            end = min(start + 16, count)
            scores = logits[start:end].add_(self.bias)
            scores.sub_(scores.amax(dim=1, keepdim=True))
            p = torch.exp(scores)
            total = p.sum(dim=1, keepdim=True)
            whole[start:end] = total
            if self.copies:
                # How much likelier copying makes each token, as a share of what is left to the vocabulary.
                # Only what may be copied changes, so only there are logarithms taken.
                places = source[start:end]
                p.scatter_add_(1, places, ratio[start:end] * total)
                scores.scatter_(1, places, p.gather(1, places).clamp_min_(1e-30).log_())
            stop = min(end, draws)
            if stop > start:
                scaled = torch.mul(scores[: stop - start], steady[0][start:stop], out=p[: stop - start])
                if now[3].size(0) > 0:
                    scaled.scatter_add_(1, now[3][start:stop], now[4][start:stop])
                scaled.index_fill_(1, self.forbidden, -torch.inf)
                if now[2].size(0) > 0:
                    scaled.scatter_(1, now[2][start:stop], -torch.inf)
                if now[5].size(0) > 0:
                    scaled.masked_fill_(now[5][start:stop], -torch.inf)
                if count <= 16:
                    weights, sums = nucleus.weights(scaled)
                else:
                    weights[start:stop], sums[start:stop] = nucleus.weights(scaled)
        tokens = token[:0]
        if draws > 0:
            tokens = nucleus.draw(weights, sums, steady[1], now[0])
            if now[1].size(0) > 0:
                tokens = torch.where(now[1] < 0, tokens, now[1])
        if draws < count:
            tokens = torch.cat([tokens, tokens[steady[2]]])
        log_p = logits.gather(1, tokens[:, None]).sub_(whole.log_())
        if self.copies:
            log_p.add_(kept.log())
        return tokens, log_p.clamp_min_(-87.5)[:, 0]

    def attention(
        self,
        query: Tensor,
        keys: list[Tensor],
        values: list[Tensor],
        hidden_places: list[Tensor],
        attended: list[Tensor],
        chairs: list[Tensor],
        rows: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """query (N, E) → what it finds (N, 2C) and the weights of all places (N, X), X of the longest."""
        e, widest = self.embedding, 0
        for b in range(len(keys)):
            widest = max(widest, attended[b].size(2))
        looked, weights = query, query
        for b in range(len(keys)):
            slots, width, places = attended[b].size(0), attended[b].size(1), attended[b].size(2)
            asking = query if rows[b].size(0) == 0 else query[rows[b]]
            if chairs[b].size(0) > 0:
                seated = query.new_zeros(slots * width, e)
                seated[chairs[b]] = asking
                asking = seated
            scores = torch.bmm(asking.view(slots, width, e), keys[b].transpose(1, 2)).add_(hidden_places[b])
            attention = torch.softmax(scores, dim=2)
            attended[b].add_(attention)
            found = torch.bmm(attention, values[b]).view(slots * width, -1)
            paid = attention.view(slots * width, places)
            if chairs[b].size(0) > 0:
                found, paid = found[chairs[b]], paid[chairs[b]]
            if rows[b].size(0) == 0:
                return found, paid
            if b == 0:
                looked = query.new_empty(query.size(0), values[0].size(2))
                weights = query.new_zeros(query.size(0), widest)
            looked[rows[b]] = found
            weights[rows[b], :places] = paid
        return looked, weights


def compiled(cell: Cell) -> Any:
    """The step as one call, or the cell itself where torch has no TorchScript any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises torch.compile, which needs a C++ compiler
        try:
            return torch.jit.freeze(torch.jit.script(cell.eval()))
        except (RuntimeError, AttributeError):
            return cell
        finally:
            linecache.clearcache()  # the sources that TorchScript read: 2 MB
