"""How English words sound: syllables, stresses and rhymes, by the CMU Pronouncing Dictionary.

Knows: english_sounds.tsv.gz (see make_english_sounds.py for its columns, source and licence) and an
estimate of the syllables of words that it lacks.
Does not know: verse, vocabularies, which reading of a word is meant.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from engine.facts import read_bytes
from engine.lines import Lines

_VOWELS = re.compile(r"[aeiouy]+")


@dataclass(frozen=True, slots=True)
class Sound:
    """One reading. `stresses`: a digit a syllable, 1 primary, 2 secondary, 0 none. `rhyme`: the phones
    from the last stressed vowel on; `onset`: the phone before them, "-" for none."""

    stresses: str
    onset: str
    rhyme: str

    @property
    def syllables(self) -> int:
        return len(self.stresses)


@functools.cache
def _table() -> Lines:
    return Lines(read_bytes("english_sounds.tsv.gz"))


def _row(word: str) -> list[str]:
    """What the table says of a word beside the word itself; nothing where it lacks it."""
    found = _table().beginning(word)
    return found.split("\t")[1:] if found else []


@functools.lru_cache(maxsize=50_000)
def sounds(word: str) -> tuple[Sound, ...]:
    """The readings of a word in lower case, the usual one first; () when the table lacks it."""
    found = _row(word)
    return tuple(Sound(*reading.split("/")) for reading in found[0].split(" ")) if found else ()


def is_name(word: str) -> bool:
    """Whether prose nearly always writes the word with a capital inside a sentence."""
    return len(_row(word)) > 1


def syllables(word: str) -> tuple[frozenset[int], bool]:
    """How many syllables a word may have, and whether the table knows it or it is an estimate."""
    found = sounds(word)
    if found:
        return frozenset(sound.syllables for sound in found), True
    return frozenset({estimate(word)}), False


def estimate(word: str) -> int:
    """Syllables by spelling: runs of vowels, less a silent e and a silent -ed; at least 1."""
    bare = word.lower().replace("'", "")
    count = len(_VOWELS.findall(bare))
    silent_e = bare.endswith("e") and not re.search(r"([^aeiouy]le|[aeiouy]e)$", bare)
    silent_ed = bare.endswith("ed") and not re.search(r"([td]ed|[aeiouy]ed)$", bare)
    return max(1, count - (silent_e or silent_ed))
