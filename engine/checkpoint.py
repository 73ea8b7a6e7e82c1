"""A checkpoint folder: weights, configuration, vocabulary, card; its hash; how one replaces another.

Knows: model.safetensors, config.json, vocabulary.json, pieces.model, card.json, lines.safetensors.
Does not know: how weights were found, what they are used for.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from engine.errors import ModelBroken, ModelMissing
from engine.model import ConditionalVAE, ModelConfig
from engine.vocabulary import Vocabulary
from engine.weights import folder_of, hash_of


@dataclass
class Checkpoint:
    """A loaded model. `name`@`hash` names it in replies; `corpus` is how examples were cut."""

    name: str
    hash: str
    model: ConditionalVAE
    vocabulary: Vocabulary
    corpus: dict[str, Any]
    folder: Path

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
    """Write a checkpoint beside `folder` and swap it in, so that a reader sees the old or the new one.

    `half` stores weights as float16 (half the file; loaded as float32). Files of `folder` that this
    function does not write (CARD.md, the Bloom filter) are kept.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    if folder.exists():
        shutil.copytree(folder, fresh, dirs_exist_ok=True)
    weights = {
        key: (value.half() if half and value.is_floating_point() and "running" not in key else value)
        .contiguous()
        .cpu()
        for key, value in model.state_dict().items()
    }
    safetensors.torch.save_file(weights, fresh / "model.safetensors")
    config = {"name": name, "model": dataclasses.asdict(model.config), "corpus": corpus}
    (fresh / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1), "utf-8")
    vocabulary.save(fresh)
    fresh.chmod(0o755)
    swap(fresh, folder)


def swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` where `folder` is. Both are on one file system."""
    old = folder.with_name(f".{folder.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path, *, device: str = "cpu") -> Checkpoint:
    """Raises ModelMissing or ModelBroken."""
    folder = folder_of(str(folder)) if not folder.is_dir() else folder
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        model = ConditionalVAE(ModelConfig(**config["model"]))
        weights = safetensors.torch.load_file(folder / "model.safetensors", device=device)
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
        vocabulary = Vocabulary.load(folder)
    except FileNotFoundError as error:
        raise ModelMissing(model=folder.name, folder=str(folder.parent)) from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise ModelBroken(folder=str(folder), reason=type(error).__name__) from error
    if len(vocabulary) != model.config.vocabulary:
        raise ModelBroken(folder=str(folder), reason="vocabulary and weights differ in size")
    model.to(device).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return Checkpoint(config["name"], hash_of(folder), model, vocabulary, config["corpus"], folder)
