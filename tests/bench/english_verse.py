"""python -m tests.bench.english_verse: how many English poems keep their form.

Knows: the engine's door, and syllables and rhymes as `pronouncing` gives them: nothing of our own tables.
Does not know: masks, models. One JSON line a form; with --show the first poems before it.

Each word counts with its first pronunciation; a rhyme is an equal rhyming part of two different words.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Sequence

import click
import pronouncing

from engine import Engine, Request

THEMES = (
    "", "a cat waiting at the door", "first snow", "rain on the window", "my grandmother's garden",
    "the sea at night", "losing a friend", "coffee in the morning", "考试失败后的夜晚", "spring",
)  # fmt: skip
LENGTHS = {
    "haiku": {(5, 7, 5)},
    "couplet": {(8, 8), (10, 10)},
    "quatrain": {(8, 8, 8, 8), (8, 6, 8, 6), (10, 10, 10, 10)},
}
SCHEMES = {"haiku": ("",), "couplet": ("aa",), "quatrain": ("abab", "aabb", "abcb")}


def syllables(line: str) -> int:
    words = re.findall(r"[a-z']+", line.lower())
    return sum(pronouncing.syllable_count(pronouncing.phones_for_word(word)[0]) for word in words)


def rhymes(one: str, other: str) -> bool:
    ends = [re.findall(r"[a-z']+", line.lower())[-1] for line in (one, other)]
    parts = {pronouncing.rhyming_part(pronouncing.phones_for_word(end)[0]) for end in ends}
    return len(parts) == 1 and ends[0] != ends[1]


def keeps(lines: Sequence[str], form: str) -> bool:
    if tuple(map(syllables, lines)) not in LENGTHS[form]:
        return False
    return any(
        all(
            rhymes(lines[first], lines[second])
            for first in range(len(scheme))
            for second in range(first)
            if scheme[first] == scheme[second]
        )
        for scheme in SCHEMES[form]
    )


@click.command(help=__doc__)
@click.option("--poems", default=200, show_default=True)
@click.option("--show", default=0, show_default=True)
@click.option("--form", "forms", multiple=True, type=click.Choice(list(LENGTHS)), help="All by default.")
def main(poems: int, show: int, forms: Sequence[str]) -> None:
    engine = Engine()
    for form in forms or LENGTHS:
        replies = []
        for seed in range(poems):
            began = time.perf_counter()
            theme = THEMES[seed % len(THEMES)]
            reply = engine.write_now(Request("poem", theme, {"form": form}, "en", seed=seed))
            replies.append((reply, (time.perf_counter() - began) * 1000))
            if seed < show:
                print(f"{form} {seed}: {theme}\n{reply.text}\n")
        texts = [reply.lines or () for reply, _ in replies]
        relaxed = [reply for reply, _ in replies if reply.form and reply.form.relaxed]
        figures = {
            "name": f"english {form}",
            "poems": poems,
            "kept": sum(keeps(lines, form) for lines in texts) / poems,
            "kept_by_our_check": sum(bool(reply.form and reply.form.ok) for reply, _ in replies) / poems,
            "relaxed": len(relaxed) / poems,
            "relaxed_rules": sorted({rule for r in relaxed if r.form for rule in r.form.relaxed}),
            "distinct_lines": len({line for lines in texts for line in lines}) / sum(map(len, texts)),
            "novelty": statistics.mean(reply.novelty for reply, _ in replies),
            "ms_median": round(statistics.median(ms for _, ms in replies), 1),
        }
        print(json.dumps(figures, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.english_verse")
