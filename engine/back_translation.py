"""python -m engine.back_translation FOLDER --data FILE… --out ROWS: pairs whose one side is a machine's.

Sentences of one language are translated into the other by a checkpoint, and the next one learns to come
back from there (Sennrich et al. 2016, "Improving Neural Machine Translation Models with Monolingual Data"):
what it writes is then people's, what it reads a machine's, which does less harm. A row says which side is to
be written: {"en", "zh", "into"}.

Knows: which sentences are short and plain enough, which files must not be met (`--exclude`: what is measured
with). Does not know: how a checkpoint learns from the rows.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from engine import checkpoint, corpus, parallel, text
from engine.decode import Decoder
from engine.held_out import training_part
from engine.reading import reading_row
from engine.translate import Translator

WIDTH = 4
"""Of the beam: more costs time and gains little where a million words are to come."""
_WORDS, _HAN = (3, 14), (5, 26)  # fewest and most of a sentence
_PLAIN = {
    "en": re.compile(r"[A-Z][A-Za-z0-9' ,;:-]+[.?!]"),
    "zh": re.compile(rf"[{text.HAN}0-9，；：]+[。？！]?"),
}


def language_of(words: str) -> str:
    return "zh" if parallel.direction(words) == parallel.TAGS[0] else "en"


def sentences(path: Path) -> Iterator[str]:
    """All that a corpus has of one language, evened out; rows marked with a split other than train not.

    Raises BadFile.
    """
    stem = path.name.split(".")[0]
    for number, row in enumerate(corpus.rows(path), 1):
        with reading_row(path, number):
            kept = training_part(stem, row)
            if kept is None or row.get("split", "train") != "train":
                continue
            found = [
                parallel.even(sentence) for passage in _passages(kept) for sentence in text.sentences(passage)
            ]
        yield from found


def _passages(row: dict[str, Any]) -> Iterator[str]:
    for name in ("text", "turns", "asks", "replies"):
        value = row.get(name, ())
        yield from [value] if isinstance(value, str) else value


def is_plain(sentence: str) -> bool:
    """Whether it is a whole sentence of a length that can be translated, without anything odd in it."""
    language = language_of(sentence)
    if not _PLAIN[language].fullmatch(sentence):
        return False
    least, most = _HAN if language == "zh" else _WORDS
    return least <= len(text.han_only(sentence) if language == "zh" else sentence.split()) <= most


def key_of(sentence: str) -> int:
    """The same for sentences that differ in marks and capitals alone."""
    return zlib.crc32("".join(filter(str.isalnum, sentence)).casefold().encode("utf-8"))


def known(files: Iterable[Path]) -> set[int]:
    """Keys of both sides of all pairs, whatever their split. Raises BadFile."""
    found: set[int] = set()
    for file in files:
        for number, row in enumerate(corpus.rows(file), 1):
            with reading_row(file, number):
                found.update(key_of(side) for pair in parallel.pairs(row) for side in pair)
    return found


def chosen(files: Sequence[Path], excluded: set[int], limit: int, seed: int) -> dict[str, list[str]]:
    """At most `limit` sentences of each language, each once, as many as there are of every file."""
    found: dict[str, list[str]] = {"en": [], "zh": []}
    seen = set(excluded)
    draw = random.Random(seed)
    for number, file in enumerate(files):
        here: dict[str, list[str]] = {"en": [], "zh": []}
        for sentence in sentences(file):
            key = key_of(sentence)
            if key not in seen and is_plain(sentence):
                seen.add(key)
                here[language_of(sentence)].append(sentence)
        for language, some in here.items():
            room = (limit - len(found[language])) // (len(files) - number)
            found[language] += draw.sample(some, min(len(some), room))
    for some in found.values():
        draw.shuffle(some)
    return found


@click.command(help=(__doc__ or "").split("\n\n")[0])
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--exclude", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--limit", default=20_000, show_default=True, help="Sentences of each language.")
@click.option("--least", default=0.1, show_default=True, help="Confidence below which a pair is left out.")
@click.option("--seed", default=0, show_default=True)
def main(
    folder: Path,
    data: tuple[Path, ...],
    exclude: tuple[Path, ...],
    out: Path,
    limit: int,
    least: float,
    seed: int,
) -> None:
    torch.set_num_threads(1)
    translator = Translator(Decoder(checkpoint.load(folder)))
    written = 0
    with out.open("w", encoding="utf-8") as file:
        for language, some in chosen(data, known(exclude), limit, seed).items():
            other = "zh" if language == "en" else "en"
            for sentence in tqdm(some, desc=f"{language} from {other}"):
                found = translator.translate(sentence, other, drafts=1, memory=False, width=WIDTH)
                best = found[0] if found else None  # nothing but marks
                if best and best.confidence >= least and language_of(best.text) == other:
                    row = {language: sentence, other: best.text, "into": language}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    written += 1
    print(json.dumps({"pairs": written}))


if __name__ == "__main__":
    main()
