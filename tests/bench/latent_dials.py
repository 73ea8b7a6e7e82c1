"""python -m tests.bench.latent_dials [--shared DIR] [--pairs N] [--drafts K]: vary and blend, measured.

Texts that no model was trained on: our own held-out rows (continuations, posts, ads; Chinese and English)
for talk, poems of the CCPC validation set for verse. Prints one JSON line a measurement and exits 1
where a bar is missed. Well-formed: verse keeps its form with nothing relaxed; prose has no four tokens
twice, closes its quotes, is in one language and does not break off. Monotone: along a blend, both given
texts included, the edit distance to the first never falls and that to the second never rises.
`--drafts 1` measures the path as the latent alone gives it, with no candidates to choose from.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine import Engine, NothingGood, Reply, Request, TextTooLong
from engine.between import POINT, distance
from engine.forms import form_named
from engine.held_out import row_is_held_out
from engine.judge import balance, ending, language, tokens_of
from engine.text import locale_of
from engine.verse_check import check, verse_lines

BARS = {"well_formed": 0.95, "monotone": 0.8}
STEPS = 5
KINDS = ("continue", "post", "ad")


def written(shared: Path, locale: str) -> Iterator[str]:
    """Targets of our own rows that were kept from training, short enough to blend."""
    for kind in KINDS:
        file = shared / "data" / "written" / f"{kind}-{locale}.jsonl"
        for row in map(json.loads, file.read_text("utf-8").splitlines()):
            if row_is_held_out(file.stem, row) and 8 <= len(row["tgt"]) <= 140:
                yield row["tgt"]


def poems(shared: Path, size: int) -> Iterator[str]:
    file = shared / "data" / "evaluate" / "poem-zh-ccpc.valid.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            if [len(line) for line in row["lines"]] == [size] * 4:
                yield "\n".join(row["lines"])


def well_formed(words: str, form: str) -> bool:
    if form:
        return check(verse_lines(words), form_named(form)).ok
    tokens = tokens_of(words)
    grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
    whole = language(words, "", (), locale_of(words)) == balance(words) == 1
    return bool(words) and len(set(grams)) == len(grams) and whole and ending(words) > 0.5


def monotone(path: Sequence[str]) -> bool:
    away = [distance(words, path[0]) for words in path]
    left = [distance(words, path[-1]) for words in path]
    return away == sorted(away) and left == sorted(left, reverse=True)


def measure(engine: Engine, texts: Sequence[str], pairs: int, shown: int) -> dict[str, Any]:
    draw = random.Random(1)
    chosen = draw.sample(list(texts), min(len(texts), 2 * pairs))
    near, formed, ordered, refused, samples = [], [], [], 0, []
    for seed, (first, second) in enumerate(zip(chosen[::2], chosen[1::2], strict=False)):
        varied = written_to(engine, Request("vary", first, locale=locale_of(first), seed=seed))
        blended = None
        options = {"second": second, "steps": str(STEPS)}
        try:
            blended = written_to(engine, Request("blend", first, options, locale_of(first), seed=seed))
        except TextTooLong:
            refused += 1
        form = varied.form.name if varied is not None and varied.form is not None else ""
        if varied is not None:
            near.append(distance(varied.text, first))
            formed.append(well_formed(varied.text, form))
        if blended is not None:
            form = str(blended.decoding.get("form", ""))
            points = blended.text.split(POINT)
            formed += [well_formed(point, form) for point in points]
            ordered.append(monotone([first, *points, second]))
        if seed < shown:
            samples.append([first, varied.text if varied else "", second, blended.text if blended else ""])
    return {
        "vary": len(near),
        "edit_distance": round(sum(near) / max(1, len(near)), 3),
        "blend": len(ordered),
        "too_long": refused,
        "well_formed": round(sum(formed) / max(1, len(formed)), 4),
        "monotone": round(sum(ordered) / max(1, len(ordered)), 4),
        "samples": samples,
    }


def written_to(engine: Engine, request: Request) -> Reply | None:
    """A reply; None where nothing good came of it, which is no text at all."""
    try:
        return engine.write_now(request)
    except NothingGood:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--models", type=Path)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--drafts", type=int)
    parser.add_argument("--samples", type=int, default=0)
    options = parser.parse_args()
    if not (options.shared / "data").is_dir():
        sentence = f"{options.shared} holds no data folder; name the folder of corpora with --shared."
        print(sentence, file=sys.stderr)
        return 2
    engine = Engine(models=options.models, book=False)
    if options.drafts:
        for name in ("vary", "blend"):
            task = engine.tasks[name]
            decoding = dataclasses.replace(task.decoding, drafts=options.drafts)
            engine.tasks[name] = dataclasses.replace(task, decoding=decoding)
    sets = {
        "talk zh": list(written(options.shared, "zh")),
        "talk en": list(written(options.shared, "en")),
        "verse wujue": list(poems(options.shared, 5)),
        "verse qijue": list(poems(options.shared, 7)),
    }
    missed = False
    for name, texts in sets.items():
        found = measure(engine, texts, options.pairs, options.samples)
        ok = {f"{bar}_ok": found[bar] >= least for bar, least in BARS.items()}
        missed |= not all(ok.values())
        print(json.dumps({"name": name, **found, **ok}, ensure_ascii=False), flush=True)
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
