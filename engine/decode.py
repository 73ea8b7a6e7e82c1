"""Sample texts from a checkpoint: seeded, masked, one row a latent.

Knows: conditions, latents, one step of a model, log-probabilities; that rows of many callers share a batch.
Does not know: tasks, judges, which draft will be sent.

All randomness comes from a counter-based generator (Philox) fixed by the seed and the row, so that
the same request with the same seed and weights gives the same text in any process, and a row's text
does not depend on how many rows are decoded beside it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine import native, products
from engine.batching import TorchBatch
from engine.checkpoint import Checkpoint
from engine.condition_meaning import meant_by
from engine.corpus import PROTOTYPE_TAG, condition_ids, spaced
from engine.float_steps import FloatSteps
from engine.model import ConditionalVAE, Encoded
from engine.native_batch import NativeBatch
from engine.native_reader import NativeReader
from engine.pool import Pool
from engine.rows import FLOAT32, INT8, NATIVE, Asked, Batch, Plan, Row, Sampling, Words
from engine.vocabulary import BEGIN, END, LINE, PAD, TURN, UNKNOWN

__all__ = ["Decoder", "Plan", "Row", "Sampling", "Wanted", "Words", "latents", "near"]

_WARM_ROWS = (8, 24, 8)  # fewer and more than a step works on at a time


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows for one condition: len(z) of them (z is (N, Z)), each with its own plan and pull where they are
    given. `beside`: other conditions; `Row.under` says how likely a text is under each."""

    condition: Sequence[int]
    z: Tensor
    seed: int
    sampling: Sampling
    plans: Sequence[Plan] | None = None
    pulls: Sequence[Words] | None = None
    beside: Sequence[Sequence[int]] = ()


def latents(seed: int, rows: int, size: int) -> Tensor:
    """(rows, size) draws of the prior N(0, I); row r depends on the seed and r only."""
    draws = [np.random.Generator(np.random.Philox(key=[seed % 2**64, 2 * r])) for r in range(rows)]
    return torch.from_numpy(np.stack([d.standard_normal(size, dtype=np.float32) for d in draws])).reshape(
        rows, size
    )


def near(latent: Sequence[float], seed: int, rows: int, distance: float) -> Tensor:
    """(rows, Z) latents around one, kept at the prior's scale: √(1-d²)·z + d·noise."""
    base = torch.tensor(list(latent))
    noise = latents(seed, rows, len(base))
    return math.sqrt(max(0.0, 1 - distance * distance)) * base + distance * noise


class Decoder:
    """A checkpoint ready to write, for any number of threads: what they sample is one batch."""

    def __init__(self, checkpoint: Checkpoint, pool: Pool | None = None) -> None:
        """`pool`: whose turns the batch is stepped in; None: its own."""
        self.checkpoint = checkpoint
        self._pool = pool or Pool()
        self._lock = threading.Lock()
        self._batches: dict[str, Batch] = {}
        self._reader: NativeReader | None = None
        self._floats: FloatSteps | None = None
        model = checkpoint.model
        self.model, self.vocabulary = model, checkpoint.vocabulary
        self._meant = meant_by(model.config, checkpoint.vocabulary)
        banned = torch.zeros(len(self.vocabulary), dtype=torch.bool)
        banned[[PAD, UNKNOWN, BEGIN, TURN]] = True
        for tag in self.vocabulary.tags:
            banned[self.vocabulary.tag(tag)] = True
        self.banned = banned  # (V,) what no text holds

    def warm(self) -> None:
        """Writes a few tokens, so that kernels are timed and the step is compiled before anybody waits.

        Compiling holds the interpreter for a tenth of a second, the event loop with it.
        """
        for rows in _WARM_ROWS:  # TorchScript compiles again after what it saw the first time
            drawn = latents(0, rows, self.latent_size)
            self.sample(self.condition((), ()), drawn, 0, Sampling(max_tokens=3))

    @property
    def latent_size(self) -> int:
        return self.model.config.latent

    def floats(self) -> FloatSteps:
        """Steps in float32, which stay in memory from the first on: for a model that writes by beams."""
        mapped = self.checkpoint.mapped
        with self._lock:
            if self._floats is None:
                own = mapped is not None
                self._floats = FloatSteps(mapped.own_writer() if mapped else self.model, own=own)
            return self._floats

    def writer(self) -> ConditionalVAE:
        """The weights that write, in float32. Where only what reads is held they are made here, in 4 ms, and
        last as long as somebody holds them."""
        mapped = self.checkpoint.mapped
        return mapped.writer() if mapped is not None else self.model

    @property
    def edits(self) -> bool:
        """Whether the model learnt to edit a prototype."""
        return self.model.config.copy and self.vocabulary.has_tag(PROTOTYPE_TAG)

    def condition(self, tags: Sequence[str], context: Sequence[str], prototype: str = "") -> list[int]:
        """Condition ids: tags the vocabulary has, the context's parts, nearest kept, a reply to edit."""
        head = [self.vocabulary.tag(tag) for tag in tags if self.vocabulary.has_tag(tag)]
        parts = [[t for t in self.vocabulary.encode(spaced(part)) if t != UNKNOWN] for part in context]
        longest = int(self.checkpoint.corpus.get("longest_context", 96))
        shown: list[int] = []
        if prototype and self.edits:
            shown = [self.vocabulary.tag(PROTOTYPE_TAG), *self.vocabulary.encode(spaced(prototype))]
        return condition_ids(head, [part for part in parts if part], longest, shown)

    def meaning_of(self, conditions: Sequence[Sequence[int]]) -> Tensor | None:
        """What conditions mean (N, M), for a model that is told so; None for others."""
        return self._meant.of(conditions) if self._meant is not None else None

    @torch.inference_mode()
    def encode(self, condition: Sequence[int], rows: int) -> Encoded:
        meaning = self.meaning_of([condition])
        one = self.model.encode(torch.tensor([list(condition)]), torch.tensor([len(condition)]), meaning)
        return Encoded(*(part.expand(rows, *part.shape[1:]) for part in one))

    def read(self, conditions: Sequence[Sequence[int]], arithmetic: str = NATIVE) -> list[Encoded]:
        """Conditions as rows that are computed so want them, one after another: (1, ...) each."""
        if arithmetic != NATIVE or self.arithmetic != NATIVE:
            return [self.encode(condition, 1) for condition in conditions]
        with self._lock:
            if self._reader is None:
                library = native.load()
                assert library is not None  # noqa: S101  so says `arithmetic`
                self._reader = NativeReader(self.model, library)
        return self._reader.read(conditions, self.meaning_of(conditions))

    @property
    def arithmetic(self) -> str:
        """How this machine computes what is written here."""
        return INT8 if native.load() is None or self.model.config.lexical else NATIVE

    def batch(self, arithmetic: str = NATIVE) -> Batch:
        """The rows in flight that are computed so, where this machine can. Made when first wanted."""
        arithmetic = INT8 if arithmetic == INT8 else self.arithmetic
        with self._lock:
            if arithmetic not in self._batches:
                library = native.load() if arithmetic == NATIVE else None
                self._batches[arithmetic] = (
                    TorchBatch(self.writer(), self.banned, products.able())
                    if library is None
                    else NativeBatch(self.writer(), self.banned, library, self._pool.cores)
                )
            return self._batches[arithmetic]

    def sample(
        self,
        condition: Sequence[int],
        z: Tensor,
        seed: int,
        sampling: Sampling,
        plans: Sequence[Plan] | None = None,
        pulls: Sequence[Words] | None = None,
        beside: Sequence[Sequence[int]] = (),
    ) -> list[Row]:
        """The rows of one `Wanted`."""
        return self.sample_together([Wanted(condition, z, seed, sampling, plans, pulls, beside)])[0]

    def sample_together(self, wanted: Sequence[Wanted]) -> list[list[Row]]:
        """The rows of each, which take no longer than the longest of them.

        Waits until all are written; other threads' rows are written beside them. Raises GivenUp.
        """
        if any(each.sampling.arithmetic == FLOAT32 for each in wanted):
            return [self._sample_alone(each) for each in wanted]
        batches = [self.batch(each.sampling.arithmetic) for each in wanted]
        asked = self._pool.read(lambda: self._asked(batches, wanted))
        self._pool.write(list(zip(batches, asked, strict=True)))
        for one in asked:
            for row in one.rows:
                row.text = self.vocabulary.decode(row.tokens)
        return [one.rows for one in asked]

    def _asked(self, batches: Sequence[Batch], wanted: Sequence[Wanted]) -> list[Asked]:
        encoded: dict[tuple[str, tuple[int, ...]], Encoded] = {}
        for arithmetic in {each.sampling.arithmetic for each in wanted}:
            conditions = {
                tuple(condition): None
                for each in wanted
                if each.sampling.arithmetic == arithmetic
                for condition in (each.condition, *each.beside)
            }
            read = self.read(list(conditions), arithmetic)
            encoded |= {(arithmetic, ids): one for ids, one in zip(conditions, read, strict=True)}
        return [
            batch.ask(
                encoded[each.sampling.arithmetic, tuple(each.condition)],
                each.z,
                each.seed,
                each.sampling,
                each.plans,
                each.pulls,
                [encoded[each.sampling.arithmetic, tuple(other)] for other in each.beside],
            )
            for batch, each in zip(batches, wanted, strict=True)
        ]

    @torch.inference_mode()
    def _sample_alone(self, wanted: Wanted) -> list[Row]:
        """In float32, as all was written before rows were batched: replies of that time replay exactly."""
        condition, z, sampling, seed = wanted.condition, wanted.z, wanted.sampling, wanted.seed
        plans, pulls, count = wanted.plans, wanted.pulls, len(z)
        encoded = self.encode(condition, count)
        draws = [np.random.Generator(np.random.Philox(key=[seed % 2**64, 2 * r + 1])) for r in range(count)]
        uniform = np.stack([draw.random(sampling.max_tokens) for draw in draws])
        floats = FloatSteps(self.writer()) if self.checkpoint.mapped is not None else self.floats()
        state = floats.begin(encoded, z)
        token = torch.full((count,), BEGIN)
        rows = [Row() for _ in range(count)]
        attention = torch.zeros(count, encoded.memory.shape[1])
        live = list(range(count))
        for step in range(sampling.max_tokens):
            state, (log_p, logits, weight) = floats.step(encoded, state, token)
            attention += weight
            chosen: list[int] = []
            for r in range(count):
                if r not in live:
                    chosen.append(END)
                    continue
                plan = plans[r] if plans else None
                own = pulled(logits[r], pulls[r].bias(rows[r].tokens)) if pulls else logits[r]
                token_id = self._next(rows[r], plan, own, sampling, float(uniform[r, step]))
                chosen.append(token_id)
                rows[r].log_probability += float(log_p[r, token_id])
                if token_id == END:
                    rows[r].finished = True
                    live.remove(r)
                else:
                    rows[r].tokens.append(token_id)
            if not live:
                break
            token = torch.tensor(chosen)
        for r, row in enumerate(rows):
            row.text = self.vocabulary.decode(row.tokens)
            row.relaxed = plans[r].relaxed if plans else ()
            row.attention = (attention[r] / max(1, len(row.tokens) + 1)).tolist()
        if wanted.beside:
            texts = [row.tokens for row in rows]
            conditions = (condition, *wanted.beside)
            under = [self.log_probabilities(each, z, texts).tolist() for each in conditions]
            for row, *each in zip(rows, *under, strict=True):
                row.under = tuple(each)
        return rows

    def _next(self, row: Row, plan: Plan | None, logits: Tensor, sampling: Sampling, uniform: float) -> int:
        if plan is not None:
            # A line's end and the poem's end are the form's to say, not the model's.
            if plan.done:
                return END
            if plan.at_line_end and row.tokens and row.tokens[-1] != LINE:
                return LINE
            logits = logits.masked_fill(~plan.mask(), -math.inf)
        else:
            banned = self.banned
            repeated = repeats(row.tokens, sampling.no_repeat)
            if repeated or not row.tokens:
                banned = banned.clone()
                banned[repeated] = True
                if not row.tokens:
                    banned[[END, LINE]] = True
            logits = logits.masked_fill(banned, -math.inf)
        token = _nucleus(logits / sampling.temperature, sampling.nucleus, uniform)
        if plan is not None:
            plan.advance(token)
        return token

    @torch.inference_mode()
    def log_probabilities(self, condition: Sequence[int], z: Tensor, rows: Sequence[Sequence[int]]) -> Tensor:
        """log p(y|x,z) in nats for each row, <end> included: z (N, Z), N rows → (N,)."""
        encoded = self.encode(condition, len(z))
        targets = [[*tokens, END] for tokens in rows]
        width = max(map(len, targets))
        target = torch.tensor([[*t, *[PAD] * (width - len(t))] for t in targets])
        inputs = torch.cat([torch.full((len(z), 1), BEGIN), target[:, :-1]], dim=1)
        real = target != PAD
        model = self.writer()
        loss = model.negative_log_likelihood(model.decode(encoded, z, inputs), encoded, target)
        return torch.zeros(target.shape).masked_scatter(real, -loss).sum(dim=1)


def pulled(logits: Tensor, bias: Mapping[int, float]) -> Tensor:
    """(V,) logits with nats added to some of them; the given ones stay as they are."""
    raised = logits.clone()
    if bias:
        raised[list(bias)] += torch.tensor(list(bias.values()))
    return raised


def repeats(tokens: Sequence[int], size: int) -> list[int]:
    """Tokens that would complete an n-gram already written."""
    if size < 1 or len(tokens) < size:
        return []
    tail = list(tokens[len(tokens) - size + 1 :])
    return [
        tokens[i + size - 1] for i in range(len(tokens) - size + 1) if list(tokens[i : i + size - 1]) == tail
    ]


def _nucleus(logits: Tensor, nucleus: float, uniform: float) -> int:
    """Draw from the smallest set of tokens whose probability reaches `nucleus`; uniform in [0, 1).

    (V,) logits, -inf where forbidden. Arithmetic is NumPy's: its calls cost a tenth of a tensor's.
    """
    values = logits.numpy()
    allowed = np.flatnonzero(np.isfinite(values))
    weights = np.exp(values[allowed].astype(np.float64) - float(values[allowed].max()))
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order])
    last = min(int(np.searchsorted(cumulative, nucleus * cumulative[-1])), len(order) - 1)
    place = int(np.searchsorted(cumulative[: last + 1], uniform * cumulative[last], side="right"))
    return int(allowed[order[min(place, last)]])
