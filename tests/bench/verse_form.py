"""Counts how many generated verses keep their form, by both checkers.

Reads on stdin what `python -m engine generate poem --json` or `python -m tests.bench.forms` writes, one
JSON object a line; a file of known lines (JSON lines with "lines", gzipped or not) may be named to count
repeated ones; a given first line of a couplet does not count. Prints one JSON object, with the verses of
each form; exits 1 when a verse breaks its form without saying so, repeats a line or loses its acrostic.

    python -m engine generate poem 秋夜 -n 20 --json | python tests/bench/verse_form.py [CORPUS...]
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.forms import form_named
from engine.verse_check import check, verse_lines
from tests.verse_oracle import faults

SHORTEST = 4  # characters of a line that counts as one; fewer are a phrase that anybody may write again


def known_lines(paths: Iterable[Path]) -> set[str]:
    known: set[str] = set()
    for path in paths:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as file
        ):
            for row in file:
                lines = verse_lines("\n".join(json.loads(row)["lines"]))
                known.update(line for line in lines if len(line) >= SHORTEST)
    return known


def main(arguments: list[str]) -> int:
    known = known_lines(map(Path, arguments))
    names = ("verses", "both", "checker", "oracle", "relaxed", "unsaid", "repeating", "headless")
    counts = dict.fromkeys(names, 0)
    forms: Counter[str] = Counter()
    broken: list[str] = []
    for row in sys.stdin:
        if not row.strip():
            continue
        verse = json.loads(row)
        form = form_named(verse["form"]["name"])
        lines = list(verse["lines"] or verse_lines(verse["text"], form))
        by_check = check(lines, form).ok
        by_oracle = not faults(lines, form.name)
        own = lines[1:] if form.name == "duilian" and lines[0] == verse.get("theme") else lines
        repeated = [line for line in own if line in known]
        head = verse.get("head", "")
        headless = any(line[0] != letter for line, letter in zip(lines, head, strict=False))
        forms[form.name] += 1
        counts["verses"] += 1
        counts["checker"] += by_check
        counts["oracle"] += by_oracle
        counts["both"] += by_check and by_oracle
        counts["relaxed"] += bool(verse["form"]["relaxed"])
        counts["unsaid"] += not (by_check and by_oracle) and not verse["form"]["relaxed"]
        counts["repeating"] += bool(repeated)
        counts["headless"] += headless
        if repeated or headless or not (by_check and by_oracle):
            broken.append("/".join(lines))
    result = {**counts, "known_lines": len(known), "forms": forms, "broken": broken[:20]}
    print(json.dumps(result, ensure_ascii=False))
    wrong = counts["unsaid"] or counts["repeating"] or counts["headless"]
    return 1 if wrong or not counts["verses"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
