"""python -m engine.place_pairs --out ROWS: sentences of our own about places, in English and Chinese.

A small corpus names few places, each once or twice, so a model spells the others by guess. These sentences
name each of `facts/places-zh-en.tsv` in several frames.

Knows: the places and the frames. Does not know: corpora, models.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import click

FRAMES = (
    ("I live in {}.", "我住在{}。"),
    ("I was born in {}.", "我出生在{}。"),
    ("He works in {}.", "他在{}工作。"),
    ("She has been to {} twice.", "她去过{}两次。"),
    ("We are going to {} tomorrow.", "我们明天去{}。"),
    ("They moved to {} last year.", "他们去年搬到了{}。"),
    ("I have never been to {}.", "我从来没去过{}。"),
    ("How far is it from here to {}?", "从这里到{}有多远？"),
    ("What is the weather like in {}?", "{}的天气怎么样？"),
    ("I lived in {} for three years.", "我在{}住了三年。"),
    ("My sister is studying in {}.", "我妹妹在{}上学。"),
    ("The train to {} leaves at nine.", "去{}的火车九点开。"),
    ("He came back from {} yesterday.", "他昨天从{}回来了。"),
    ("I want to visit {} some day.", "我想有一天去{}看看。"),
    ("It is raining in {} today.", "今天{}在下雨。"),
    ("Winter in {} is not very cold.", "{}的冬天不太冷。"),
    ("I like the food in {}.", "我喜欢{}的食物。"),
    ("She arrived in {} last night.", "她昨晚到了{}。"),
    ("Have you ever been to {}?", "你去过{}吗？"),
    ("I have a friend in {}.", "我有一个朋友在{}。"),
)
TWO = (
    ("We flew from {} to {}.", "我们从{}飞到了{}。"),
    ("Is {} bigger than {}?", "{}比{}大吗？"),
    ("I like both {} and {}.", "{}和{}我都喜欢。"),
    ("He moved from {} to {} with his family.", "他和家人从{}搬到了{}。"),
)
_EACH, _OF_TWO = 8, 2  # frames of a place


def places() -> list[tuple[str, str]]:
    """(English, Chinese)."""
    lines = (resources.files("engine.facts") / "places-zh-en.tsv").read_text("utf-8").splitlines()
    return [(english, chinese) for chinese, english in (line.split("\t") for line in lines)]


def pairs(seed: int) -> Iterator[tuple[str, str]]:
    """(English, Chinese) sentences, every place in some of the frames."""
    draw = random.Random(seed)
    known = places()
    for place in known:
        for frame in draw.sample(FRAMES, _EACH):
            yield _filled(frame, place)
        for frame in draw.sample(TWO, _OF_TWO):
            yield _filled(frame, place, draw.choice([other for other in known if other != place]))


def _filled(frame: tuple[str, str], *named: tuple[str, str]) -> tuple[str, str]:
    english, chinese = (
        side.format(*names) for side, names in zip(frame, zip(*named, strict=True), strict=True)
    )
    return english[:1].upper() + english[1:], chinese


@click.command(help=(__doc__ or "").split("\n\n")[0])
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True)
def main(out: Path, seed: int) -> None:
    rows = [json.dumps({"en": en, "zh": zh}, ensure_ascii=False) + "\n" for en, zh in pairs(seed)]
    out.write_text("".join(rows), "utf-8")
    print(json.dumps({"pairs": len(rows)}))


if __name__ == "__main__":
    main()
