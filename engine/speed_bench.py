"""How fast we write: beside what people would use instead, and beside what the machine could do.

Knows: what is measured and its bars. Does not know: how lines are printed.

Everything is a ratio within one run: ours and a peer take turns, each figure is the median of REPEATS.
One thread multiplies, as in production, where the other core is the event loop's.
"""

from __future__ import annotations

import asyncio
import functools
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from engine import checkpoint, decode, products
from engine.batching import Batch, Sampling
from engine.decode import Decoder
from engine.errors import MoyouError
from engine.speed_peers import PROMPT, Peer, peers
from engine.summary_bench import Measurement
from engine.ticket import on_behalf_of
from engine.values import Request
from engine.vocabulary import BEGIN, END
from engine.weights import folder_of
from engine.writer import Engine

REPEATS, QUICK_REPEATS = 7, 5
TOKENS, DRAFTS, MANY = 40, 8, 64
BURST, QUICK_BURST = 256, 48
_ASKINGS = (
    "你好",
    "今天下班路上看到一只橘猫，蹲在便利店门口等人。",
    "I am so tired of my job.",
    "晚饭吃什么好",
)


class Endless:
    """Keeps a text from ending, so that all write equally many tokens."""

    def bias(self, written: Sequence[int]) -> dict[int, float]:
        return {END: -1e9}


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
        cell = self.decoder.batch._cell
        h, e, c = cell.size, cell.embedding, cell.memory
        return h * (4 * h + 2 * e) + e * (4 * h) + c * e + e * len(cell.bias)

    def write(self, conversations: int, drafts: int, tokens: int) -> None:
        batch, asked = self.decoder.batch, []
        words = len(self.decoder.vocabulary) - BEGIN - 1
        for number in range(conversations):
            condition = [BEGIN + 1 + (number * 31 + place) % words for place in range(PROMPT)]
            z = decode.latents(number, drafts, self.decoder.latent_size)
            sampling = Sampling(max_tokens=tokens)
            pulls = [Endless() for _ in z]
            asked.append(batch.ask(self.decoder.encode(condition, 1), z, number, sampling, pulls=pulls))
        for each in asked:
            batch.join(each)
        while len(batch):
            batch.step()

    def step_seconds(self, rows: int, steps: int) -> float:
        """The median of a step of so many rows."""
        batch: Batch = self.decoder.batch
        condition = self.decoder.condition(["chat", "zh"], [_ASKINGS[1]])
        for number in range(rows):
            z = decode.latents(number, 1, self.decoder.latent_size)
            encoded = self.decoder.encode(condition, 1)
            batch.join(batch.ask(encoded, z, number, Sampling(max_tokens=steps + 8), pulls=[Endless()]))
        for _ in range(4):
            batch.step()
        spent = [seconds(batch.step) for _ in range(steps)]
        while len(batch):
            batch.step()
        return statistics.median(spent)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


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
    return size / statistics.median(seconds(numbers.sum) for _ in range(20 * repeats))


def peak(rows: int, kind: type[object], repeats: int) -> float:
    """Operations a second of the largest product of the kernel that writes."""
    product: Callable[[torch.Tensor], torch.Tensor]
    weight = torch.randn(2048, 1024)
    whole, scale = products.whole_numbers(weight)
    product = kind(whole, scale)  # type: ignore[call-arg,assignment]
    best = 0.0
    for count in (rows, 2 * rows, 4 * rows):
        x = torch.rand(count, 1024)
        spent = statistics.median(seconds(functools.partial(product, x)) for _ in range(10 * repeats))
        best = max(best, 2 * count * 2048 * 1024 / spent)
    return best


def speed(model: str, quick: bool) -> Iterator[Measurement]:
    """All rows. Without the extra `bench` those beside peers are left out."""
    torch.set_num_threads(1)
    repeats = QUICK_REPEATS if quick else REPEATS
    ours = Ours(Decoder(checkpoint.load(folder_of(model))))
    others = peers(len(ours.decoder.vocabulary), ours.parameters)
    yield from _replies(ours, others, repeats)
    yield from _many(ours, others, repeats)
    yield from _limits(ours, repeats)
    yield from asyncio.run(_burst(QUICK_BURST if quick else BURST))


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
    steps = 20 * repeats
    one, many = ours.step_seconds(1, steps), ours.step_seconds(MANY, steps)
    could = bandwidth(ours.weight_bytes, repeats) / ours.weight_bytes
    yield Measurement("step_1", 1 / one, "steps/s", limit=could, bar=">= 0.4", ok=1 / one / could >= 0.4)
    operations = 2 * MANY * ours.weight_bytes
    most = peak(MANY, type(ours.decoder.batch._cell.output), repeats)
    yield Measurement(
        "step_64",
        operations / many / 1e9,
        "GOP/s",
        limit=most / 1e9,
        bar=">= 0.5",
        ok=operations / many / most >= 0.5,
    )


def curve(model: str, quick: bool) -> dict[str, dict[int, float]]:
    """Tokens a second of each who writes and of the machine's limit, by the number of conversations."""
    torch.set_num_threads(1)
    ours = Ours(Decoder(checkpoint.load(folder_of(model))))
    others = peers(len(ours.decoder.vocabulary), ours.parameters)
    counts = (1, 8, 64) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256)
    found: dict[str, dict[int, float]] = {one.name: {} for one in (ours, *others)}
    limit = found["limit"] = {}
    kernel = type(ours.decoder.batch._cell.output)
    read, most = bandwidth(ours.weight_bytes, 3), peak(MANY, kernel, 3)
    for count in counts:
        works = [lambda one=one: one.write(count, 1, TOKENS) for one in (ours, *others)]  # noqa: B023
        for one, spent in zip((ours, *others), medians(works, 1 if quick else 3), strict=True):
            found[one.name][count] = count * TOKENS / spent
        size = ours.weight_bytes
        limit[count] = count / max(size / read, 2 * count * size / most)
    return found


async def _burst(count: int) -> list[Measurement]:
    """Many conversations at once, and two requests of another server among two hundred of one."""
    async with Engine(deadline=600, queue=4 * count) as engine:
        await engine.start()
        for number, words in enumerate(_ASKINGS):
            await _ask(engine, "warm", words, number)
        waits, spent, longest = await _at_once(engine, count)
        lost = sum(wait is None for wait in waits)
        got = sorted(wait for wait in waits if wait is not None)
        p99 = got[int(len(got) * 0.99)] if got else float("inf")
        found = [
            Measurement("burst_p99", p99, "s", limit=spent, bar="<= 3x the work", ok=p99 <= 3 * spent),
            Measurement("burst_lost", lost, "replies", bar="0", ok=lost == 0),
            Measurement("burst_pause", 1000 * longest, "ms", bar="<= 20", ok=longest <= 0.02),
        ]
        busy = [asyncio.create_task(_timed(engine, "busy", n)) for n in range(min(200, count))]
        small = [asyncio.create_task(_timed(engine, "small", n)) for n in range(2)]
        first = sorted([wait or 0.0 for wait in await asyncio.gather(*busy)])[:2]
        slowest = max(wait or float("inf") for wait in await asyncio.gather(*small))
        share = slowest / max(first)
        found.append(
            Measurement("small_server", share, "x the busy server's first", bar="<= 3", ok=share <= 3)
        )
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            1024**2 if sys.platform == "darwin" else 1024
        )
        found.append(Measurement("memory", memory, "MB", bar="<= 700", ok=memory <= 700))
        return found


async def _at_once(engine: Engine, count: int) -> tuple[list[float | None], float, float]:
    """Seconds that each waited (None: lost), seconds of all together, the loop's longest pause."""
    late, stop = [0.0], asyncio.Event()

    async def watch() -> None:
        while not stop.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - before - 0.001)

    watcher = asyncio.create_task(watch())
    began = time.perf_counter()
    waits = await asyncio.gather(
        *(_timed(engine, f"server {number % 16}", number) for number in range(count))
    )
    spent = time.perf_counter() - began
    stop.set()
    await watcher
    return list(waits), spent, max(late)


async def _timed(engine: Engine, group: str, number: int) -> float | None:
    began = time.perf_counter()
    written = await _ask(engine, group, _ASKINGS[number % len(_ASKINGS)], number)
    return time.perf_counter() - began if written else None


async def _ask(engine: Engine, group: str, words: str, seed: int) -> bool:
    with on_behalf_of(group):
        try:
            await engine.write(Request("chat", words, seed=seed))
        except MoyouError:
            return False
    return True
