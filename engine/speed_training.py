"""How fast we train: beside PyTorch's own example of a word language model, and beside the machine's peak.

Knows: `pytorch/examples` word_language_model's LSTM and its loop, our `train` on what ships with Moyou, which
operations of a step are products of matrices. Does not know: the other benches.

Both are given as many parameters and the same vocabulary. The example's rows are a stream of
words without padding, as its own loop reads them; ours are the book's askings with their replies, and only
the replies' tokens are counted. Both have one thread, so it is their processor's time that is measured.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from engine.observer import Observer
from engine.precision import precision_of
from engine.summary_bench import Measurement
from engine.train import read_config, train
from engine.weights import folder_of

ROWS, LONG, LAYERS = 64, 35, 2  # of the example: its bptt and layers; its batch of 20 would be slower
_STEPS, _QUICK_STEPS, _WARM, _LOOKED_AT = 40, 10, 4, 4
_ASKINGS = 8  # of each entry of the book
_PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm")
_INTO = "aten::addmm_"  # a product that is added to what is there: the profiler does not count it
_RECURRENT = {"aten::mkldnn_rnn_layer": 1, "aten::mkldnn_rnn_layer_backward": 2}
"""Layers of an LSTM, and how often each of their products is made."""


class WordLanguageModel(nn.Module):
    """word_language_model/model.py with --model LSTM --tied."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, size, LAYERS, dropout=0.2)
        self.decoder = nn.Linear(size, words)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens: Tensor, hidden: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """tokens (T, B) → log p (T·B, V)."""
        output, hidden = self.rnn(self.drop(self.encoder(tokens)), hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.encoder.num_embeddings)
        return functional.log_softmax(decoded, dim=1), hidden


class Example:
    """word_language_model/main.py: truncated back-propagation, clipped, plain gradient descent."""

    def __init__(self, words: int, parameters: int) -> None:
        torch.manual_seed(0)
        self.size = _sized(words, parameters)
        self.words = words
        self.model = WordLanguageModel(words, self.size)
        zeros = torch.zeros(LAYERS, ROWS, self.size)
        self.hidden = (zeros, zeros.clone())

    def step(self) -> None:
        """ROWS · LONG tokens."""
        text = torch.randint(self.words, (LONG + 1, ROWS))
        self.model.zero_grad()
        hidden = (self.hidden[0].detach(), self.hidden[1].detach())
        output, self.hidden = self.model(text[:-1], hidden)
        loss = functional.nll_loss(output, text[1:].reshape(-1))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.25)
        with torch.no_grad():
            for weight in self.model.parameters():
                weight.add_(weight.grad, alpha=-1.0)  # type: ignore[arg-type]


def _sized(words: int, parameters: int) -> int:
    """The width at which the example has about as many parameters."""

    def count(size: int) -> int:
        return words * size + words + LAYERS * (8 * size * size + 8 * size)

    return min(range(64, 2048, 16), key=lambda size: abs(count(size) - parameters))


class _Watch(Observer):
    """The time of every step and its target tokens."""

    def __init__(self) -> None:
        self.spent: list[float] = []
        self.tokens: list[int] = []
        self.parameters = self.words = 0
        self._last = 0.0

    def started(self, model: Any, *_: Any) -> None:
        self.parameters = sum(weight.numel() for weight in model.parameters())
        self.words = model.config.vocabulary
        model.register_forward_hook(self._ran)
        self._last = time.thread_time()

    def _ran(self, model: Any, _: Any, loss: Any) -> None:
        if model.training:
            self.tokens.append(loss.tokens)

    def stepped(self) -> None:
        self.spent.append(time.thread_time() - self._last)
        self.between()
        self._last = time.thread_time()

    def between(self) -> None:
        """What is done between two steps, whose time is not the training's."""

    def rate(self) -> float:
        """Target tokens a second, once the first steps have warmed the allocator and its like up."""
        return sum(self.tokens[_WARM:]) / sum(self.spent[_WARM:])


class _Beside(_Watch):
    """A step of the example after each of ours: a processor's speed changes from one minute to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.example: Example | None = None
        self.theirs: list[float] = []

    def between(self) -> None:
        if self.example is None:
            self.example = Example(self.words, self.parameters)
            self.example.step()
        began = time.thread_time()
        self.example.step()
        self.theirs.append(time.thread_time() - began)


class _Looking(_Watch):
    """What the profiler says of some of the steps."""

    profiler: profile | None = None

    def between(self) -> None:
        if len(self.spent) == _WARM:
            self.profiler = profile(activities=[ProfilerActivity.CPU], record_shapes=True, with_flops=True)
            self.profiler.start()
        elif self.profiler is not None and len(self.spent) == _WARM + _LOOKED_AT:
            self.profiler.stop()


def rows_of_the_book(file: Path) -> None:
    """Writes its askings with replies, as `train` reads turns."""
    packed = (resources.files("engine.facts") / "book.jsonl.gz").read_bytes()
    with file.open("w", encoding="utf-8") as out:
        for line in gzip.decompress(packed).decode("utf-8").splitlines():
            entry = json.loads(line)
            for number, asking in enumerate(entry["a"][:_ASKINGS]):
                reply = entry["r"][number % len(entry["r"])]
                out.write(json.dumps({"turns": [asking, reply]}, ensure_ascii=False) + "\n")


def ours(model: str, steps: int, watch: _Watch) -> None:
    """Steps of `train` with the configuration of a shipped model, which it goes on from."""
    config = read_config(model, ["corpus.prototypes=0.0", "corpus.validation=64"])
    config.training = dataclasses.replace(config.training, steps=steps, epochs=99, validate_every=10 * steps)
    with tempfile.TemporaryDirectory(prefix="moyou-bench-") as folder:
        file = Path(folder) / "book.jsonl"
        rows_of_the_book(file)
        out = Path(folder) / "run"
        train(config, [file], out, device="cpu", init=folder_of(model), quiet=True, observers=[watch])


def matrix_part(watch: _Looking) -> tuple[float, float]:
    """Operations and seconds of the products of the steps that were looked at."""
    assert watch.profiler is not None  # noqa: S101  asked of one that looked
    operations = spent = 0.0
    for event in watch.profiler.key_averages(group_by_input_shape=True):
        if event.key in _PRODUCTS:
            operations += event.flops
            spent += event.self_cpu_time_total
        elif event.key == _INTO:
            (rows, wide), (_, out) = event.input_shapes[1:3]
            operations += 2 * rows * wide * out * event.count
            spent += event.self_cpu_time_total
        elif event.key in _RECURRENT:
            (long, rows, wide), inputs, recurrent = event.input_shapes[:3]
            sizes = inputs[0] * (wide + recurrent[1])
            operations += 2 * long * rows * sizes * _RECURRENT[event.key] * event.count
            spent += event.self_cpu_time_total
    return operations, spent / 1e6


def gemm_peak(kind: torch.dtype, repeats: int) -> float:
    """Operations a second of a large square product."""
    best = 0.0
    for size in (1024, 2048):
        left, right = (torch.randn(size, size).to(kind) for _ in range(2))
        times = []
        for _ in range(3 + repeats):
            began = time.thread_time()
            torch.mm(left, right)
            times.append(time.thread_time() - began)
        best = max(best, 2 * size**3 / statistics.median(times[3:]))
    return best


@functools.cache
def _precision() -> torch.dtype:
    return precision_of("auto", torch.device("cpu"))


def training(model: str, quick: bool, repeats: int) -> Iterator[Measurement]:
    """Both rows: tokens a second beside the example's, and the share of the peak in products."""
    torch.set_num_threads(1)
    watch = _Beside()
    ours(model, _QUICK_STEPS if quick else _STEPS, watch)
    rate, theirs = watch.rate(), ROWS * LONG / statistics.median(watch.theirs[_WARM:])
    yield Measurement(
        "training",
        rate,
        "tokens/s",
        "word_language_model",
        theirs,
        bar=">= 2x",
        ok=rate >= 2 * theirs,
    )
    looking = _Looking()
    ours(model, _WARM + _LOOKED_AT, looking)
    operations, seconds = matrix_part(looking)
    most = gemm_peak(_precision(), repeats)
    done = operations / seconds
    yield Measurement(
        "training_products", done / 1e9, "GOP/s", limit=most / 1e9, bar=">= 0.5", ok=done >= 0.5 * most
    )
