"""Makes traditional.tsv.gz from the dictionaries of OpenCC (https://github.com/BYVoid/OpenCC).

Knows: which of them its conversion s2tw is made of. Does not know: how they are applied
(`engine.traditional`). A development tool: the engine reads only the file it makes.

    for n in STPhrases STPhrases_GeneratedFromRegionalPhrases STCharacters TWVariantsPhrases TWVariants \
        CJK_Compatibility_Ideographs; do opencc_dict -i $n.ocd2 -o DIR/$n.txt -f ocd2 -t text; done
    python -m engine.facts.make_traditional DIR

The dictionaries are under the Apache License 2.0, copyright 2010-2026 Carbo Kuo and the contributors of
OpenCC. Four parts parted by an empty line, each of rows of what is found, a tab, and what is put in its
place, sorted by their bytes: what is normalised, phrases, characters, variants of Taiwan.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

OUT = Path(__file__).with_name("traditional.tsv.gz")
PARTS = (
    ("CJK_Compatibility_Ideographs",),
    ("STPhrases", "STPhrases_GeneratedFromRegionalPhrases"),
    ("STCharacters",),
    ("TWVariantsPhrases", "TWVariants"),
)


def part(folder: Path, names: tuple[str, ...]) -> str:
    """The rows of dictionaries, the first one's where two have the same; of several values the first."""
    found: dict[str, str] = {}
    for name in names:
        for line in (folder / f"{name}.txt").read_text("utf-8").splitlines():
            key, _, values = line.partition("\t")
            found.setdefault(key, values.split(" ")[0])
    rows = sorted(f"{key}\t{value}\n".encode() for key, value in found.items())
    return b"".join(rows).decode("utf-8")


def main(folder: Path) -> None:
    content = "\n".join(part(folder, names) for names in PARTS)
    OUT.write_bytes(gzip.compress(content.encode("utf-8"), 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
