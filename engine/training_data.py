"""What a run learns from: files read, duplicates and evaluation texts left out, split, encoded.

Knows: which examples are held out for validation, the vocabulary where none is given.
Does not know: the model, the schedule.

The files are read as streams: once to build a vocabulary, once to encode. A million examples take 110 MB,
20 of them where the tokens lie in a file, and finding duplicates an eighth of the files' size.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import logging
import random
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import corpus, lexicon, prototypes, verse_rows
from engine.corpus import CorpusConfig, Encoded, Example
from engine.errors import BadFile
from engine.lexicon import Lexicon
from engine.packed import Packed, Packer
from engine.vocabulary import Vocabulary, build

log = logging.getLogger(__name__)

MOST_PROTOTYPED = 100_000
"""Examples of our own voice among which prototypes are looked for."""
MOST_COUNTED = 50_000
"""Examples by which a vocabulary's frequencies are told."""
FEW = 64
"""Examples that stand in for a validation part where none could be held out."""


@dataclass
class Data:
    """Examples as ids; `weights` (N,) says how often each of `train` counts in an epoch."""

    train: Packed
    weights: np.ndarray[tuple[int], np.dtype[np.float32]]
    validation: list[Encoded]
    vocabulary: Vocabulary
    lexicon: Lexicon | None = None  # what glosses are made with; a checkpoint needs it beside its weights

    def checksum(self) -> int:
        """One number for what was read, to compare between processes."""
        return zlib.crc32(
            repr((len(self.train), self.vocabulary.tokens)).encode(), int(self.train.lengths.sum())
        )

    def log_frequencies(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """The logarithm of how often each token stands in targets, less the mean: (V,)."""
        chosen = slice(None, None, max(1, len(self.train) // MOST_COUNTED))
        tokens = np.concatenate([example.target for example in self.train[chosen]])
        weights = np.repeat(self.weights[chosen], self.train.lengths[chosen])
        counts = np.bincount(tokens, weights, len(self.vocabulary))
        # What never stood there is a tenth of what stood there once: rarer, not impossible.
        logs: np.ndarray[tuple[int], np.dtype[np.float32]] = np.log(counts + 0.1).astype(np.float32)
        logs -= logs.mean()
        return logs


class Seen:
    """Which texts came before: a Bloom filter of a bit for each byte of the files, at least 2^27 bits.

    With four probes about one new text in a hundred thousand is taken for an old one and lost.
    """

    def __init__(self, size: int) -> None:
        self._bits = bytearray(max(1 << 24, 1 << (size // 8).bit_length()))
        self._mask = 8 * len(self._bits) - 1

    def add(self, parts: Sequence[str]) -> bool:
        """Whether a text is new; from then on it is not."""
        digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=32).digest()
        new = False
        for number in struct.unpack("<4Q", digest):
            place, bit = (number & self._mask) >> 3, 1 << (number & 7)
            new = new or not self._bits[place] & bit
            self._bits[place] |= bit
        return new


def load_data(
    files: Sequence[Path],
    config: CorpusConfig,
    *,
    exclude: Sequence[Path] = (),
    vocabulary: Vocabulary | None = None,
    scratch: Path | None = None,
) -> Data:
    """Read, deduplicate by target and context, split by group, encode. Raises BadFile when empty.

    Targets of the files in `exclude` are left out: what will be evaluated is never trained on. With
    `scratch`, a folder, the tokens of a large corpus lie in a mapped file there.
    """
    forbidden = {example.target for file in exclude for example in corpus.every_example(file, config)}
    # A poem that shares a line with verse kept aside is not read either, whatever its form.
    if config.kind == "verse":
        forbidden |= {line for target in forbidden for line in target.split("\n")}

    def examples() -> Iterator[tuple[Example, float]]:
        # compressed text is three to four times as long
        seen = Seen(sum(f.stat().st_size * (4 if f.suffix == ".gz" else 1) for f in files if f.exists()))
        for file in files:
            weight = config.weights.get(file.name.split(".")[0], 1.0)
            for example in corpus.examples(file, config):
                if not example.target or _stands_in(example.target, forbidden):
                    continue
                if seen.add((example.target, *example.context)):
                    yield example, weight

    dictionary = _lexicon_of(examples(), config) if config.gloss else None

    def shown_examples() -> Iterator[tuple[Example, float]]:
        for example, weight in examples():
            yield (example if dictionary is None else corpus.glossed(example, dictionary)), weight

    names = ", ".join(file.name for file in files) or "--data"
    if vocabulary is None:
        texts = (
            corpus.spaced(part)
            for example, _ in shown_examples()
            for part in (example.target, *example.context)
        )
        vocabulary = build(
            texts,
            config.tags,
            min_count=config.min_count,
            pieces=config.pieces,
            piece_kind=config.piece_kind,
            byte_fallback=config.byte_fallback,
        )
    pairs: set[str] = set()
    if config.kind == "verse":
        lines = (line for example, _ in examples() if example.keywords for line in example.target.split("\n"))
        pairs = verse_rows.common_pairs(lines)
    shown = _prototypes(examples()) if config.prototypes else {}
    longest = max(config.longest, *config.longest_of.values(), 0)
    packer = Packer(max(len(vocabulary), longest + 1), config.longest_context, scratch)
    groups, weights, found = array("I"), array("f"), 0
    for example, weight in shown_examples():
        if found in shown:
            example = dataclasses.replace(example, prototypes=shown[found])
        found += 1
        encoded = corpus.encode(example, vocabulary, config, pairs)
        if encoded is not None:
            packer.add(encoded)
            groups.append(_number(example))
            weights.append(weight)
    if not found:
        raise BadFile(file=names, reason="it holds no usable text")
    packed = packer.finish()
    held = np.array(groups, dtype=np.uint32) % 100_000 < _share(config, found)
    if held.all():
        raise BadFile(file=names, reason="every text in it is too long or too short to learn from")
    chosen = np.flatnonzero(held).tolist()
    random.Random(0).shuffle(chosen)
    train = packed.where(~held)
    validation = [packed[index] for index in chosen[: config.validation]]
    if not validation:
        log.info("Too few texts to hold any back: validation is on texts that are learnt from.")
        validation = train[:FEW]
    return Data(train, np.array(weights, dtype=np.float32)[~held], validation, vocabulary, dictionary)


def _number(example: Example) -> int:
    """By which an example falls on one side of the split; the same for all of a group."""
    return zlib.crc32((example.group or example.target).encode("utf-8", "surrogatepass"))


def _share(config: CorpusConfig, found: int) -> float:
    """Of 100,000 numbers those of validation."""
    return min(config.validation / max(1, found), 0.1) * 100_000


def _lexicon_of(found: Iterator[tuple[Example, float]], config: CorpusConfig) -> Lexicon:
    """A dictionary of the pairs that are trained on, so that validation meets words as strangers do."""
    read = [example for example, _ in found]
    share = _share(config, len(read))
    pairs = [
        (example.target, example.context[0])
        for example in read
        if example.tags == ("zh>en",) and _number(example) % 100_000 >= share
    ]
    return lexicon.learn(pairs, least=2)


def _prototypes(examples: Iterator[tuple[Example, float]]) -> dict[int, tuple[str, ...]]:
    """Replies to be edited for the examples of our own voice, by number; the others have none."""
    numbered = ((number, example) for number, (example, _) in enumerate(examples) if "own" in example.tags)
    # every asking is compared with every other one, so that a corpus of any size cannot be asked for
    own = dict(itertools.islice(numbered, MOST_PROTOTYPED))
    return dict(zip(own, prototypes.of_pairs(list(own.values())), strict=True))


def _stands_in(target: str, forbidden: set[str]) -> bool:
    return target in forbidden or any(line in forbidden for line in target.split("\n"))
