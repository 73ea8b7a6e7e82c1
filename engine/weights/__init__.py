"""Where the shipped checkpoints lie, and how a checkpoint folder is named and hashed.

Knows: folders and bytes. Does not know: what is in them; it imports no numeric library, so that
`--check` can ask whether a model is there without loading one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.errors import ModelMissing

SHIPPED = Path(__file__).parent
LINES_FILE = "lines.npy"  # a Bloom filter of the corpus's lines of verse
PAIRS_FILE = "pairs.npy"  # which word may follow which in English verse
TRIPLES_FILE = "triples.npy"  # and which two words may follow which
PASSAGES_FILE = "passages.npy"  # what of others' prose must not be repeated
_HASHED = (
    *("model.safetensors", "config.json", "vocabulary.json", "pieces.model"),
    *(LINES_FILE, PAIRS_FILE, TRIPLES_FILE, PASSAGES_FILE),  # they decide which drafts there are
    *("lexicon.json.gz", "memory.jsonl.gz", "confidence.json"),  # of translate
)


def folder_of(name: str, models: Path | None = None) -> Path:
    """The folder of a model named or given as a path; `models` is looked in first. Raises ModelMissing."""
    for folder in ([models / name] if models else []) + [SHIPPED / name, Path(name)]:
        if (folder / "model.safetensors").is_file() and (folder / "config.json").is_file():
            return folder
    raise ModelMissing(model=Path(name).name, folder=str(models or SHIPPED))


def hash_of(folder: Path) -> str:
    """First 12 hexadecimal digits of SHA-256 over everything that decides what the model writes."""
    digest = hashlib.sha256()
    for name in _HASHED:
        file = folder / name
        if file.exists():
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
