"""Makes english_sounds.tsv.gz from the CMU Pronouncing Dictionary and, for names, running text.

Knows: the dictionary's format, and that a word which prose writes with a capital inside sentences is a
name. Does not know: verse. A development tool: the engine reads only the file it makes.

    python -m engine.facts.make_english_sounds cmudict.dict text-en-*.jsonl.gz

The dictionary: https://github.com/cmusphinx/cmudict, copyright 1993-2015 Carnegie Mellon University,
under a two-clause BSD licence whose text stands in english_sounds-LICENSE.txt. Each row of the file
made is a word, a tab, and its readings parted by blanks: stresses/onset/rhyme, where stresses has a
digit a syllable (1 primary, 2 secondary, 0 none), rhyme is every phone from the last stressed vowel
on, and onset the phone before it, "-" for none. A third column holds "n" for names.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

OUT = Path(__file__).with_name("english_sounds.tsv.gz")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_RUN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*|[^\sA-Za-z]")
_LEAST, _SHARE = 2, 0.7  # a name: so often inside sentences, this share of it with a capital
# Words whose further readings are letters spelt out or slips of the tongue.
_FIRST_ONLY = frozenset(
    ("am", "us", "spring", "springs", "fine", "fines", "an", "as", "in", "is", "it", "me")
)


def reading(phones: list[str]) -> str:
    """stresses/onset/rhyme of one pronunciation."""
    stresses = "".join(phone[-1] for phone in phones if phone[-1].isdigit())
    start = max((i for i, phone in enumerate(phones) if phone[-1] in "12"), default=None)
    if start is None:  # nothing is stressed: from the last vowel on
        start = max((i for i, phone in enumerate(phones) if phone[-1].isdigit()), default=0)
    onset = phones[start - 1] if start else "-"
    return f"{stresses}/{onset}/{'.'.join(phones[start:])}"


def readings(lines: Iterable[str]) -> dict[str, list[str]]:
    """Word → readings, from the dictionary's lines; words that are not letters are left out."""
    found: dict[str, list[str]] = {}
    for line in lines:
        head, _, rest = line.split("#")[0].strip().partition(" ")
        word = re.sub(r"\(\d+\)$", "", head).lower()
        phones = rest.split()
        if _WORD.fullmatch(word) and any(phone[-1].isdigit() for phone in phones):
            kept = found.setdefault(word, [])
            new = reading(phones)
            if new not in kept and not (kept and word in _FIRST_ONLY):
                kept.append(new)
    return found


def names(texts: Iterable[str]) -> set[str]:
    """Words that stand inside sentences with a capital nearly always, in lower case."""
    capital: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    for text in texts:
        before = "."
        for run in _RUN.findall(text):
            if run[0].isalpha() and (before.isalpha() or before in ",;"):
                all_of[run.lower()] += 1
                capital[run.lower()] += run[0].isupper()
            before = run[0]
    return {
        word
        for word, count in all_of.items()
        if count >= _LEAST and capital[word] >= _SHARE * count and not word.startswith("i'") and word != "i"
    }


def main(dictionary: Path, files: list[Path]) -> None:
    from engine.corpus import rows

    table = readings(dictionary.read_text("utf-8").splitlines())
    named = names(row["text"] for file in files for row in rows(file))
    lines = [f"{w}\t{' '.join(table[w])}{chr(9) + 'n' if w in named else ''}\n" for w in sorted(table)]
    OUT.write_bytes(gzip.compress("".join(lines).encode("utf-8"), 9, mtime=0))
    print(f"{len(lines)} words, {sum(w in named for w in table)} of them names, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
