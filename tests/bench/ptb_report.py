"""python -m tests.bench.ptb_report RUN... --picture FILE: the table of runs, and rate against distortion.

Knows: what is published of this split, the folders that `tests.bench.ptb` writes.
Does not know: how any of it is trained or measured.

    python -m tests.bench.ptb_report runs/* --picture tests/pictures/ptb.svg

The table is Markdown on standard output. The picture is an SVG: each run's way over its epochs on the
validation set, rate (KL) to the right, distortion (what reconstruction costs) upwards, both in nats a
sentence. A slanted line joins equal sums, which is a bound of perplexity.
"""

from __future__ import annotations

import argparse
import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PUBLISHED = (  # He et al. 2019; Li et al. 2019; Fu et al. 2019, as the latter two report them
    ("LSTM language model, published", 100.47, None, None, None),
    ("annealing alone, published", 101.40, 0.0, 0, 0.0),
    ("cyclical annealing, published", 108.81, 1.27, 5, 1.37),
    ("lagging encoder, published", 99.83, 0.83, 4, 0.93),
    ("autoencoder warm start + decoder reset + free bits, best published", 96.86, 5.31, 32, 6.54),
)
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 660, 430, 62, 18, 18, 48
_NAMES = 400  # where the runs' names end: between language models, at 0, and living latents
_COLOURS = ("#0b6e99", "#b3541e", "#3f7d20", "#7a3e9d", "#8a6d00")
_WORDS_A_SENTENCE = 73_760 / 3_370  # of the validation set, ends counted
_SHOWN_FROM = 3  # epochs before it are too far off to be seen beside the others


def table(figures: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Markdown of the published rows and of measured runs, by name."""
    lines = ["| model | PPL | MI | active | KL | NLL |", "|---|---|---|---|---|---|"]
    for name, ppl, mi, active, kl in PUBLISHED:
        latent = ["" if value is None else str(value) for value in (mi, active, kl)]
        lines.append(f"| {name} | {ppl:.2f} | {' | '.join(latent)} | |")
    for name, found in figures:
        cells = [f"{found['ppl']:.2f}"]
        cells += [f"{found[key]:.2f}" if key in found else "" for key in ("mi",)]
        cells += [str(found.get("active_units", "")), f"{found['kl']:.2f}" if "kl" in found else ""]
        lines.append(f"| **{name}** | {' | '.join(cells)} | {found['nll']:.2f} |")
    return "\n".join(lines)


def ways(folders: Sequence[Path]) -> list[tuple[str, list[tuple[float, float]]]]:
    """Each run's name and its (rate, distortion) after each epoch."""
    found = []
    for folder in folders:
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        points = [(line["kl"], line["elbo"] * _WORDS_A_SENTENCE - line["kl"]) for line in lines]
        found.append((folder.name, points))
    return found


def picture(runs: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> str:
    """SVG of the runs' ways, each a (rate, distortion) after an epoch."""
    shown = [(name, points[min(_SHOWN_FROM, len(points) - 1) :]) for name, points in runs]
    every = [point for _, points in shown for point in points]
    wide = math.ceil(max(rate for rate, _ in every) + 1)
    low = math.floor(min(distortion for _, distortion in every) - 1)
    high = math.ceil(max(distortion for _, distortion in every) + 1)

    def at(rate: float, distortion: float) -> tuple[float, float]:
        x = _LEFT + rate / wide * (_WIDTH - _LEFT - _RIGHT)
        y = _TOP + (high - distortion) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    def text(x: float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x}" y="{y}" {more}>{html.escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#222">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    left, bottom = at(0, low)
    right, top = at(wide, high)
    for rate in range(0, wide + 1, max(1, wide // 8)):
        x = at(rate, low)[0]
        parts.append(f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" stroke="#eee"/>')
        parts.append(text(x, bottom + 16, str(rate), 'text-anchor="middle"'))
    for distortion in range(low, high + 1, max(1, (high - low) // 8)):
        y = at(0, distortion)[1]
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="#eee"/>')
        parts.append(text(left - 6, y + 4, str(distortion), 'text-anchor="end"'))
    for perplexity in range(90, 181, 10):
        total = math.log(perplexity) * _WORDS_A_SENTENCE
        ends = [(r, total - r) for r in (max(0.0, total - high), min(wide, total - low)) if 0 <= r <= wide]
        if len(ends) == 2 and ends[0][0] < ends[1][0]:
            (x1, y1), (x2, y2) = (at(*end) for end in ends)
            parts.append(
                f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#bbb" stroke-dasharray="4 4"/>'
            )
            parts.append(text(x1 + 4, y1 + 12, str(perplexity), 'fill="#888"'))
    for number, (name, points) in enumerate(shown):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [at(*point) for point in points]
        line = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>' for x, y in places[:-1]]
        parts.append(f'<circle cx="{places[-1][0]}" cy="{places[-1][1]}" r="5" fill="{colour}"/>')
        parts.append(text(_NAMES, _TOP + 60 + 17 * number, name, f'text-anchor="end" fill="{colour}"'))
    parts.append(text((left + right) / 2, _HEIGHT - 10, "rate: KL, nats a sentence", 'text-anchor="middle"'))
    middle = (top + bottom) / 2
    turned = f'text-anchor="middle" transform="rotate(-90 16 {middle})"'
    parts.append(text(16, middle, "distortion: reconstruction, nats a sentence", turned))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs; each is called by its name")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    figures = []
    for folder in options.runs:
        for file in sorted(folder.glob("figures-test-*.json")):
            found = json.loads(file.read_text())
            figures.append((f"{folder.name} ({found['sentences']} sentences, {found['precision']})", found))
    print(table(figures))
    if options.picture:
        options.picture.write_text(picture(ways(options.runs)))


if __name__ == "__main__":
    main()
