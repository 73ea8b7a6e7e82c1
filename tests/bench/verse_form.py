"""Counts how many generated verses keep their form, by both checkers.

Reads on stdin what `python -m engine generate poem --json` writes, one JSON object a line; a file of
known lines (JSON lines with "lines", gzipped or not) may be named to count repeated ones. Prints one
JSON object; exits 1 when a verse breaks its form without saying so, or repeats a line.

    python -m engine generate poem 秋夜 -n 20 --json | python tests/bench/verse_form.py [CORPUS...]
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.forms import form_named
from engine.verse_check import check, verse_lines
from tests.verse_oracle import faults


def known_lines(paths: Iterable[Path]) -> set[str]:
    known: set[str] = set()
    for path in paths:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as file
        ):
            for row in file:
                known.update(verse_lines("\n".join(json.loads(row)["lines"])))
    return known


def main(arguments: list[str]) -> int:
    known = known_lines(map(Path, arguments))
    counts = dict.fromkeys(("verses", "both", "checker", "oracle", "relaxed", "unsaid", "repeating"), 0)
    broken: list[str] = []
    for row in sys.stdin:
        if not row.strip():
            continue
        verse = json.loads(row)
        lines = list(verse_lines("\n".join(verse["lines"] or [verse["text"]])))
        form = form_named(verse["form"]["name"])
        by_check = check(lines, form).ok
        by_oracle = not faults(lines, form.lengths[0])
        repeated = [line for line in lines if line in known]
        counts["verses"] += 1
        counts["checker"] += by_check
        counts["oracle"] += by_oracle
        counts["both"] += by_check and by_oracle
        counts["relaxed"] += bool(verse["form"]["relaxed"])
        counts["unsaid"] += not (by_check and by_oracle) and not verse["form"]["relaxed"]
        counts["repeating"] += bool(repeated)
        if repeated or not (by_check and by_oracle):
            broken.append("/".join(lines))
    print(json.dumps({**counts, "known_lines": len(known), "broken": broken[:20]}, ensure_ascii=False))
    return 1 if counts["unsaid"] or counts["repeating"] or not counts["verses"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
