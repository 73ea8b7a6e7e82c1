"""How fast we write: beside what people would use instead, and beside what the machine could do.

Knows: what is measured and its bars. Does not know: how lines are printed.

Everything is a ratio within one run: ours and a peer take turns, each figure is the median of REPEATS.
Writers have the cores that production has, two at most, and peers as many; what is held beside a limit of
the machine has one, and so has the limit.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine import checkpoint, decode, native, products, speed_burst, speed_journal, speed_training
from engine.decode import Decoder
from engine.pool import Pool
from engine.rows import Sampling
from engine.speed_peers import PROMPT, Peer, peers
from engine.summary_bench import Measurement
from engine.vocabulary import BEGIN, END
from engine.weights import folder_of

REPEATS, QUICK_REPEATS, ROUNDS = 7, 5, 5
TOKENS, DRAFTS, MANY = 40, 8, 64
_WORDS = "今天下班路上看到一只橘猫，蹲在便利店门口等人。"


class Endless:
    """Keeps a text from ending, so that all write equally many tokens."""

    _never = {END: -1e9}  # noqa: RUF012  nobody writes to it

    def bias(self, written: Sequence[int]) -> dict[int, float]:
        return self._never


@dataclass
class Ours:
    """The shipped model of a task, as production uses it."""

    decoder: Decoder
    name: str = "Moyou"

    @property
    def parameters(self) -> int:
        """Those that writing uses: neither the posterior's nor the bag of words'."""
        unused = ("posterior", "normalise", "bag")
        named = self.decoder.model.named_parameters()
        return sum(weight.numel() for name, weight in named if not name.startswith(unused))

    @property
    def weight_bytes(self) -> int:
        """Bytes of whole-number weights that one step reads."""
        config = self.decoder.model.config
        h, e, c = config.hidden, config.embedding, 2 * config.condition_hidden
        return h * (4 * h + 2 * e) + e * (4 * h) + c * e + e * config.vocabulary

    def write(self, conversations: int, drafts: int, tokens: int) -> None:
        batch, words = self.decoder.batch(), len(self.decoder.vocabulary) - BEGIN - 1
        conditions = [
            [BEGIN + 1 + (number * 31 + place) % words for place in range(PROMPT)]
            for number in range(conversations)
        ]
        for number, encoded in enumerate(self.decoder.read(conditions)):
            z = decode.latents(number, drafts, self.decoder.latent_size)
            pulls = [Endless() for _ in z]
            batch.join(batch.ask(encoded, z, number, Sampling(max_tokens=tokens), pulls=pulls))
        while len(batch):
            batch.step()

    def step_seconds(self, rows: int, steps: int) -> float:
        """The median of a step of so many rows."""
        batch = self.decoder.batch()
        condition = self.decoder.condition(["chat", "zh"], [_WORDS])
        for number in range(rows):
            z = decode.latents(number, 1, self.decoder.latent_size)
            (encoded,) = self.decoder.read([condition])
            batch.join(batch.ask(encoded, z, number, Sampling(max_tokens=steps + 8), pulls=[Endless()]))
        for _ in range(4):
            batch.step()
        spent = [busy(batch.step) for _ in range(steps)]
        while len(batch):
            batch.step()
        return statistics.median(spent)

    def product_seconds(self, rows: int, repeats: int) -> float:
        """The median of all products of a step of so many rows, one after another."""
        multiply = self.decoder.batch().products(rows)
        spent = [busy(multiply) for _ in range(5 + 20 * repeats)]
        return statistics.median(spent[5:])


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def busy(work: Callable[[], object]) -> float:
    """Seconds of this thread's processor, so that what else runs counts little; for work of one thread."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def medians(works: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Seconds of each, in turn, so that what else the machine does meets all alike."""
    for work in works:
        work()
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for found, work in zip(spent, works, strict=True):
            found.append(seconds(work))
    return [statistics.median(found) for found in spent]


def bandwidth(size: int, repeats: int) -> float:
    """Bytes a second read from a working set of `size` bytes."""
    numbers = torch.ones(size // 4)
    return size / statistics.median(busy(numbers.sum) for _ in range(20 * repeats))


def peak(rows: int, repeats: int) -> float:
    """Operations a second of a large product by the quickest kernel there is here, ours or torch's."""
    whole, scale = products.whole_numbers(torch.randn(2048, 1024))
    works: list[tuple[Callable[[Any], object], bool]]
    works = [(products.KERNELS[name](whole, scale), False) for name in products.able()]
    library = native.load()
    if library is not None:
        packed = native.Packed(whole.numpy(), scale.numpy())
        works.append((functools.partial(packed.multiply, library), True))
    best = 0.0
    for work, ours in works:
        for count in (rows, 2 * rows, 4 * rows):
            x = torch.rand(count, 1024)
            given = (x * products.UNIT).to(torch.int8).numpy() if ours else x
            spent = statistics.median(busy(functools.partial(work, given)) for _ in range(10 * repeats))
            best = max(best, 2 * count * 2048 * 1024 / spent)
    return best


def speed(model: str, quick: bool) -> Iterator[Measurement]:
    """All rows. Without the extra `bench` those beside peers are left out."""
    torch.set_num_threads(1)
    repeats = QUICK_REPEATS if quick else REPEATS
    loaded = checkpoint.load(folder_of(model))
    ours = Ours(Decoder(loaded))
    others = peers(len(ours.decoder.vocabulary), ours.parameters, native.cores())
    yield from _replies(ours, others, repeats)
    yield from _many(ours, others, repeats)
    yield from _limits(Ours(Decoder(loaded, Pool(cores=1))), repeats)
    yield from asyncio.run(speed_burst.burst(quick))
    yield from speed_training.training(model, quick, repeats)
    yield from speed_journal.journal(speed_journal.QUICK_GENERATIONS if quick else speed_journal.GENERATIONS)


def _bars(others: Sequence[Peer], bars: Sequence[float]) -> Iterator[tuple[Peer, float]]:
    return zip(others, bars, strict=False)


def _replies(ours: Ours, others: Sequence[Peer], repeats: int) -> Iterator[Measurement]:
    works = [lambda one=one: one.write(1, DRAFTS, TOKENS) for one in (ours, *others)]
    own, *theirs = medians(works, repeats)
    if not theirs:
        yield Measurement("reply", 1 / own, "replies/s")
    for (other, bar), spent in zip(_bars(others, (8, 2)), theirs, strict=True):
        yield Measurement(
            "reply", 1 / own, "replies/s", other.name, 1 / spent, bar=f">= {bar}x", ok=spent / own >= bar
        )


def _many(ours: Ours, others: Sequence[Peer], repeats: int) -> Iterator[Measurement]:
    works: list[Callable[[], object]] = [
        lambda one=one: one.write(MANY, 1, TOKENS)  # type: ignore[misc]
        for one in (ours, *others)
    ]
    own, *theirs, alone = medians([*works, lambda: ours.write(1, 1, TOKENS)], repeats)
    rate = MANY * TOKENS / own
    for (other, bar), spent in zip(_bars(others, (6, 2)), theirs, strict=True):
        theirs_rate = MANY * TOKENS / spent
        yield Measurement(
            "conversations_64",
            rate,
            "tokens/s",
            other.name,
            theirs_rate,
            bar=f">= {bar}x",
            ok=rate / theirs_rate >= bar,
        )
    by_one = TOKENS / alone
    yield Measurement(
        "conversations_64", rate, "tokens/s", "one conversation", by_one, bar=">= 5x", ok=rate / by_one >= 5
    )


def _limits(ours: Ours, repeats: int) -> Iterator[Measurement]:
    """A step beside what the machine could do, and its products alone: what is between those two is
    attention, the gates' functions, the softmax, the draw, and Python.

    Medians of ROUNDS: a processor's speed changes from one second to the next, and by a half.
    """
    size, steps, few = ours.weight_bytes, 4 * repeats, max(1, repeats // ROUNDS)
    works: list[Callable[[], float]] = [
        lambda: 1 / ours.step_seconds(1, steps),
        lambda: 1 / ours.product_seconds(1, few),
        lambda: bandwidth(size, few) / size,
        lambda: 2 * MANY * size / ours.step_seconds(MANY, steps) / 1e9,
        lambda: 2 * MANY * size / ours.product_seconds(MANY, few) / 1e9,
        lambda: peak(MANY, few) / 1e9,
    ]
    rounds = [[work() for work in works] for _ in range(ROUNDS)]
    one, alone, could, many, products_alone, most = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    yield Measurement("step_1", one, "steps/s", limit=could, bar=">= 0.4", ok=one / could >= 0.4)
    yield Measurement("step_1_products", alone, "steps/s", limit=could)
    yield Measurement("step_64", many, "GOP/s", limit=most, bar=">= 0.5", ok=many / most >= 0.5)
    yield Measurement("step_64_products", products_alone, "GOP/s", limit=most)


def curve(model: str, quick: bool) -> dict[str, dict[int, float]]:
    """Tokens a second of each who writes and of the machine's limit, by the number of conversations."""
    torch.set_num_threads(1)
    ours = Ours(Decoder(checkpoint.load(folder_of(model))))
    others = peers(len(ours.decoder.vocabulary), ours.parameters, native.cores())
    counts = (1, 8, 64) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256)
    found: dict[str, dict[int, float]] = {one.name: {} for one in (ours, *others)}
    limit = found["limit"] = {}
    read, most = bandwidth(ours.weight_bytes, 3), peak(MANY, 3)
    for count in counts:
        works = [lambda one=one: one.write(count, 1, TOKENS) for one in (ours, *others)]  # noqa: B023
        for one, spent in zip((ours, *others), medians(works, 1 if quick else 3), strict=True):
            found[one.name][count] = count * TOKENS / spent
        size = ours.weight_bytes
        limit[count] = count / max(size / read, 2 * count * size / most / native.cores())
    return found
