"""A corpus read once and trained from anywhere: `engine prepare` writes a folder, `engine train` reads it.

Knows: the folder's files: the examples as ids, how often each counts, the vocabulary, the dictionary of
glosses, the [corpus] table they were made by, and the filters of what may not be written again.
Does not know: texts as letters (they are there as ids: keep the folder as you keep the corpus), models, the
schedule.

A corpus is often read where it lies and learnt from where the GPU is. Several trainings of one corpus read
it once, too.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import corpus, lexicon, passages, verse_rows
from engine.corpus import CorpusConfig, Encoded
from engine.errors import BadFile, BadOption
from engine.lexicon import Lexicon
from engine.novelty import Bloom
from engine.packed import Packed, Packer
from engine.training_data import Data
from engine.vocabulary import Vocabulary
from engine.weights import LINES_FILE, PAIRS_FILE, TRIPLES_FILE
from engine.word_pairs import keep_lines

DATA, SETTINGS = "data.npz", "prepared.json"
_COLUMNS = ("tokens", "starts", "flags", "lengths")
_DRAWN = ("drop_context", "shuffle_context", "show_hint", "thin_meaning")  # asked for batch by batch
_KNOWN = (LINES_FILE, passages.FILE, PAIRS_FILE, TRIPLES_FILE)


def save(data: Data, config: CorpusConfig, folder: Path) -> None:
    """Write all but the filters (`keep_known`) of a corpus that was read by `config`."""
    folder.mkdir(parents=True, exist_ok=True)
    longest = max((len(part) for example in data.validation for part in _parts(example)), default=0)
    packer = Packer(max(len(data.vocabulary), longest), config.longest_context)
    for example in data.validation:
        packer.add(example)
    arrays = {"weights": data.weights}
    for name, packed in (("train", data.train), ("validation", packer.finish())):
        arrays |= {f"{name}-{column}": values for column, values in packed.columns().items()}
    np.savez_compressed(folder / DATA, **arrays)  # type: ignore[arg-type]
    data.vocabulary.save(folder)
    if data.lexicon is not None:
        data.lexicon.save(folder)
    (folder / SETTINGS).write_text(_settings(config), "utf-8")


def load(folder: Path, config: CorpusConfig) -> Data:
    """Raises BadFile, or BadOption where the folder was made by another [corpus] table."""
    try:
        same = (folder / SETTINGS).read_text("utf-8") == _settings(config)
        # opened here: numpy leaves a file open that it cannot read
        with (folder / DATA).open("rb") as file, np.load(file) as arrays:
            train, validation = (
                Packed(**{column: arrays[f"{name}-{column}"] for column in _COLUMNS})
                for name in ("train", "validation")
            )
            weights = arrays["weights"]
        vocabulary = Vocabulary.load(folder)
    except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        reason = f"it is no folder that `engine prepare` has finished ({type(error).__name__})"
        raise BadFile(file=str(folder), reason=reason) from error
    if not same:
        reason = f"{folder} was made by another [corpus] table; prepare it again with this configuration"
        raise BadOption(option="prepared", reason=reason)
    dictionary = Lexicon.load(folder) if (folder / lexicon.FILE).exists() else None
    return Data(train, weights, list(validation), vocabulary, dictionary)


def clear(folder: Path) -> None:
    """What an earlier corpus left there counts no more, also if this one is never finished."""
    for name in (SETTINGS, DATA, lexicon.FILE, *_KNOWN):
        (folder / name).unlink(missing_ok=True)


def keep_known(
    files: Sequence[Path], config: CorpusConfig, vocabulary: Vocabulary, out: Path, before: Path | None
) -> None:
    """Write the filters of what a model that learnt from `files` may not write again.

    `before`: the checkpoint it started from, whose own filter goes on to hold.
    """
    if config.kind == "verse":
        Bloom.build(verse_rows.all_lines(files)).save(out / LINES_FILE)
    elif config.kind == "rhyme":
        keep_lines(out, corpus.rhyme_lines(files, config, vocabulary))
    else:
        passages.build(files, config, out, before=before)


def copy_known(folder: Path, out: Path) -> None:
    """Copy the filters to a checkpoint; those that did not travel with the folder are left to be brought."""
    for name in _KNOWN:
        if (folder / name).exists():
            fresh = out / f"{name}.new"
            shutil.copyfile(folder / name, fresh)
            os.replace(fresh, out / name)  # a process may have the old one mapped


def _parts(example: Encoded) -> Sequence[Any]:
    return (example.head, example.target, *example.context, *example.prototypes)


def _settings(config: CorpusConfig) -> str:
    """What the folder depends on, in writing."""
    read = {name: value for name, value in dataclasses.asdict(config).items() if name not in _DRAWN}
    return json.dumps(read, ensure_ascii=False, sort_keys=True, indent=1)
