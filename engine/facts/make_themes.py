"""Makes themes.tsv, our own modern themes with their images in classical verse.

Run: python -m engine.facts.make_themes FILES... (the catalogue's written/theme-*.jsonl). Does not
know how they are searched (engine.theme does); nothing imports this module at run time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    if not arguments:
        print("usage: python -m engine.facts.make_themes FILES...", file=sys.stderr)
        return 2
    rows: dict[str, str] = {}
    for argument in arguments:
        for line in Path(argument).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            words = [word for word in record["keywords"] if len(word) == 2]
            rows.setdefault(record["theme"].strip().lower(), " ".join(words))
    target = Path(__file__).with_name("themes.tsv")
    target.write_text("".join(f"{theme}\t{words}\n" for theme, words in rows.items()), encoding="utf-8")
    print(f"{target.name}: {len(rows)} themes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
