"""What people would use instead: a GPT-2-shaped transformer in `transformers` and in CTranslate2.

Knows: how such a model is sized, how each library writes with it. Does not know: ours, how time is taken.
Weights are random: speed does not depend on them. Both sample from the nucleus as ours does, with a cache.
"""

from __future__ import annotations

import abc
import contextlib
import importlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

WIDTH, HEADS, PLACES = 256, 4, 256
PROMPT = 24
"""Tokens of what is answered."""
_TRIED = 40  # tokens with which cores are compared: as many as are measured


class Peer(Protocol):
    """Something that writes."""

    name: str

    def write(self, conversations: int, drafts: int, tokens: int) -> None:
        """`tokens` tokens in each of `drafts` rows for each conversation."""


def sized(vocabulary: int, parameters: int) -> int:
    """Layers of a GPT-2 of WIDTH with about as many parameters, one at least."""
    rest = parameters - (vocabulary + PLACES) * WIDTH
    return max(1, round(rest / (12 * WIDTH * WIDTH + 13 * WIDTH)))


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """So many multiply within, and then as many as before. (CTranslate2 sets torch's number as well.)"""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Quickest(abc.ABC):
    """What a peer writes with one core or with all there are, whichever takes it less time for so many rows:
    eight of them are often quicker with one."""

    def __init__(self, cores: int) -> None:
        self._counts = range(1, cores + 1)
        self._best: dict[tuple[int, int], int] = {}

    def write(self, conversations: int, drafts: int, tokens: int) -> None:
        many = conversations, drafts
        if many not in self._best:
            spent = {count: [self._seconds(*many, count) for _ in range(3)] for count in self._counts}
            self._best[many] = min(spent, key=lambda count: min(spent[count]))
        self.on(self._best[many], conversations, drafts, tokens)

    def _seconds(self, conversations: int, drafts: int, count: int) -> float:
        began = time.perf_counter()
        self.on(count, conversations, drafts, _TRIED)
        return time.perf_counter() - began

    @abc.abstractmethod
    def on(self, count: int, conversations: int, drafts: int, tokens: int) -> None:
        """Writes with so many cores."""


class Transformers(Quickest):
    """`transformers` in float32 with its cache."""

    def __init__(self, vocabulary: int, parameters: int, cores: int) -> None:
        super().__init__(cores)
        library = importlib.import_module("transformers")
        config = library.GPT2Config(
            vocab_size=vocabulary,
            n_positions=PLACES,
            n_embd=WIDTH,
            n_layer=sized(vocabulary, parameters),
            n_head=HEADS,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
        torch.manual_seed(0)
        self.model: Any = library.GPT2LMHeadModel(config).eval()
        self.name = f"transformers {library.__version__}"

    @torch.inference_mode()
    def on(self, count: int, conversations: int, drafts: int, tokens: int) -> None:
        prompt = torch.randint(1, self.model.config.vocab_size, (conversations, PROMPT))
        with threads(count):
            self.model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=True,
                top_p=0.9,
                top_k=0,
                temperature=0.8,
                num_return_sequences=drafts,
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                use_cache=True,
            )


class CTranslate2(Quickest):
    """The same weights in CTranslate2, int8."""

    def __init__(self, model: Any, cores: int) -> None:
        super().__init__(cores)
        library = importlib.import_module("ctranslate2")
        loaders = importlib.import_module("ctranslate2.converters.transformers")
        loader = loaders._MODEL_LOADERS["GPT2Config"]
        spec = loader.get_model_spec(model)
        self._words = [f"w{number}" for number in range(model.config.vocab_size)]
        spec.register_vocabulary(self._words)
        spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = self._words[0]
        spec.validate()
        spec.optimize(quantization="int8")
        self._folder = tempfile.TemporaryDirectory(prefix="moyou-peer-")
        spec.save(self._folder.name)
        self._generators: dict[int, Any] = {}
        for count in self._counts:
            with threads(count):
                self._generators[count] = library.Generator(
                    str(Path(self._folder.name)), compute_type="int8", intra_threads=count, inter_threads=1
                )
        self.name = f"CTranslate2 {library.__version__} int8"

    def on(self, count: int, conversations: int, drafts: int, tokens: int) -> None:
        prompts: Sequence[list[str]] = [
            [self._words[1 + (number * 31 + place) % 5000] for place in range(PROMPT)]
            for number in range(conversations)
        ]
        with threads(count):
            self._generators[count].generate_batch(
                [prompt for prompt in prompts for _ in range(drafts)],
                include_prompt_in_result=False,
                min_length=tokens,
                max_length=tokens,
                sampling_topk=0,
                sampling_topp=0.9,
                sampling_temperature=0.8,
            )


def peers(vocabulary: int, parameters: int, cores: int) -> list[Peer]:
    """Those that are installed (the extra `bench`), each with up to as many cores as we have."""
    try:
        first = Transformers(vocabulary, parameters, cores)
    except ImportError:
        return []
    try:
        return [first, CTranslate2(first.model, cores)]
    except ImportError:
        return [first]
