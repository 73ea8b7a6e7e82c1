"""Facts that ship with the engine as data: readings of characters in verse, images for themes.

Knows: where the files are and how to read them. Does not know: what they are used for.
"""

from __future__ import annotations

import gzip
from importlib.resources import files


def read_bytes(name: str) -> bytes:
    """A fact file by its name; one that ends in .gz is unpacked. Raises FileNotFoundError."""
    content = (files(__name__) / name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content


def read_text(name: str) -> str:
    """The same as text."""
    return read_bytes(name).decode("utf-8")
