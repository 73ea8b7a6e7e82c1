"""A checkpoint folder: weights, configuration, vocabulary; how it is written and read.

Knows: model.safetensors, config.json, vocabulary.json, pieces.model.
Does not know: how weights were found, what they are used for.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from engine import meaning
from engine.errors import ModelBroken, ModelMissing
from engine.mapped import MappedModel
from engine.model import ConditionalVAE, ModelConfig
from engine.vocabulary import Vocabulary
from engine.weights import folder_of, hash_of

WEIGHTS = "model.safetensors"


@dataclass
class Checkpoint:
    """A loaded model. `name`@`hash` names it in replies; `corpus` is how examples were cut.

    `mapped`: where `model` is only the part that reads, what the rest is made from.
    """

    name: str
    hash: str
    model: ConditionalVAE
    vocabulary: Vocabulary
    corpus: dict[str, Any]
    folder: Path
    mapped: MappedModel | None = None

    @property
    def identity(self) -> str:
        return f"{self.name}@{self.hash}"


def save(
    folder: Path,
    name: str,
    model: ConditionalVAE,
    vocabulary: Vocabulary,
    corpus: dict[str, Any],
    *,
    half: bool = True,
) -> None:
    """Write a checkpoint file by file, each replaced in one step and the weights last.

    `half` stores weights as float16 (half the file; loaded as float32). Files of `folder` that this
    function does not write (CARD.md, the Bloom filter, a run's state) are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for key, value in model.plain_state().items():
        small = half and value.is_floating_point() and "running" not in key
        weights[key] = (value.half() if small else value).contiguous().cpu()
    config = {"name": name, "model": dataclasses.asdict(model.config), "corpus": corpus}
    if model.config.meaning:
        config["meaning"] = meaning.digest()
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as scratch:
        fresh = Path(scratch)
        (fresh / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1), "utf-8")
        vocabulary.save(fresh)
        written = sorted(fresh.iterdir())
        safetensors.torch.save_file(weights, fresh / WEIGHTS)
        (fresh / WEIGHTS).chmod(0o644)
        for file in (*written, fresh / WEIGHTS):
            os.replace(file, folder / file.name)


def load(folder: Path, *, device: str = "cpu", lean: bool = False) -> Checkpoint:
    """Raises ModelMissing or ModelBroken. `lean`: to write only; the model is the part that reads."""
    folder = folder_of(str(folder)) if not folder.is_dir() else folder
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        sizes = ModelConfig(**config["model"])
        mapped = MappedModel(folder / WEIGHTS, sizes) if lean else None
        if mapped is not None:
            model = mapped.reader()
        else:
            model = ConditionalVAE(sizes)
            # The file is mapped, and its halves become floats where the model has them.
            model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS, device=device))
        vocabulary = Vocabulary.load(folder)
    except FileNotFoundError as error:
        raise ModelMissing(model=folder.name, folder=str(folder.parent)) from error
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelBroken(folder=str(folder), reason=type(error).__name__) from error
    if model.config.meaning and config.get("meaning") != meaning.digest():
        raise ModelBroken(folder=str(folder), reason=f"it learnt from another {meaning.FILE} than is here")
    if len(vocabulary) != model.config.vocabulary:
        raise ModelBroken(folder=str(folder), reason="vocabulary and weights differ in size")
    model.to(device).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return Checkpoint(config["name"], hash_of(folder), model, vocabulary, config["corpus"], folder, mapped)
