"""A model in two parts, each made from its file: what reads is held, what writes is made when it is wanted.

Knows: which weights read a condition or a text and which write one, a file of weights that is mapped into
memory, halves that become floats where they are looked up.
Does not know: folders, vocabularies, how a step multiplies.

A batch has the weights that write in whole numbers of its own (`engine.cell`), so their 9 to 26 MB of
floats a model are wanted by few: a batch that is made, replies in float32, likelihoods. Making them takes
3 to 10 ms. Embeddings are read a row at a time and stay in the file as halves; the same floats come of them.
"""

from __future__ import annotations

import json
import mmap
import threading
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from engine.model import ConditionalVAE, ModelConfig

_BOTH = frozenset({"embed"})
_READS = frozenset({"condition", "key", "meaning", "posterior_encoder", "posterior", "normalise"})
_WRITES = frozenset({"decoder", "first", "query", "combine", "bias", "lexical", "copy_gate"})
_LEARNS = frozenset({"bag"})  # what only a loss is made of
_KINDS = {"F16": torch.float16, "F32": torch.float32, "I64": torch.int64}


class _Unmade(TorchFunctionMode):
    """Modules made within have shapes and no numbers: those come from the file.

    torch's own device "meta" draws from no normal distribution without importing a hundred megabytes.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", "") == nn.init.__name__:
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


class HalfEmbedding(nn.Embedding):
    """Embeddings kept as float16: ids (...) → (..., E) float32."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.embedding(input, self.weight).float()


class MappedModel:
    """The weights of one file. Safe for several threads.

    Raises OSError, or ValueError, KeyError, TypeError or RuntimeError for a file that is none of `config`'s.
    """

    def __init__(self, file: Path, config: ModelConfig) -> None:
        self._config = config
        with file.open("rb") as content:
            self._memory = mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_COPY)
        self._weights = _tensors(self._memory)
        with torch.device("meta"), _Unmade():
            ConditionalVAE(config).load_state_dict(self._weights, assign=True)
        self._lock = threading.Lock()
        self._writer: weakref.ref[ConditionalVAE] | None = None

    def reader(self) -> ConditionalVAE:
        """The part that encodes conditions and infers latents; it has nothing to write with."""
        return self._part(_BOTH | _READS, halves=True)

    def writer(self) -> ConditionalVAE:
        """The part that decodes, in float32: the same one as long as anybody holds it."""
        with self._lock:
            found = self._writer() if self._writer is not None else None
            if found is None:
                found = self.own_writer()
                self._writer = weakref.ref(found)
            return found

    def own_writer(self) -> ConditionalVAE:
        """Another one, for who takes it apart."""
        return self._part(_BOTH | _WRITES, halves=False)

    def _part(self, names: Collection[str], *, halves: bool) -> ConditionalVAE:
        with torch.device("meta"), _Unmade():
            model = ConditionalVAE(self._config)
            if halves:
                model.embed = HalfEmbedding(self._config.vocabulary, self._config.embedding)
        for name in (_BOTH | _READS | _WRITES | _LEARNS).difference(names):
            if hasattr(model, name):
                delattr(model, name)
        state = {}
        for key, weight in self._weights.items():
            if key.split(".")[0] in names:
                kept = halves and key == "embed.weight"
                state[key] = weight if kept or not weight.is_floating_point() else weight.float()
        model.load_state_dict(state, assign=True)
        if hasattr(mmap, "MADV_DONTNEED"):
            self._memory.madvise(
                mmap.MADV_DONTNEED
            )  # what was read counts as ours until the file is unmapped
        return model.eval().requires_grad_(False)


def _tensors(memory: mmap.mmap) -> dict[str, Tensor]:
    """The tensors of a safetensors file where they lie: a header of JSON, its length before it, the rest."""
    start = 8 + int.from_bytes(memory[:8], "little")
    found = {}
    for name, entry in json.loads(memory[8:start]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            kind = _KINDS[entry["dtype"]]
            flat = torch.frombuffer(
                memory, dtype=kind, count=(last - first) // kind.itemsize, offset=start + first
            )
            found[name] = flat.view(entry["shape"])
    return found
