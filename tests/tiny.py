"""Checkpoints so small that a test can train them: real models, good for nothing.

tiny_models(folder)      folder/verse, folder/talk and folder/translate, as MOYOU_MODELS or
                         `Engine(models=folder)` wants them
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.facts.pingshui import readings
from engine.train import read_config, train

CONFIG = """
name = "{name}"
[corpus]
kind = "{kind}"
tags = {tags}
min_count = 1
validation = 8
[model]
embedding = 16
hidden = 24
latent = 4
condition_hidden = 8
posterior_hidden = 8
[training]
batch = 8
steps = {steps}
validate_every = 2
seed = 1
"""
VERSE_TAGS = '["wujue", "qijue"]'
TALK_TAGS = '["chat", "own", "continue"]'
KINDS = {
    "verse": ("verse", VERSE_TAGS),
    "talk": ("prose", TALK_TAGS),
    "translate": ("translation", '["zh>en", "en>zh"]'),
}

LEARNT = (
    "training.steps=40",
    "training.learning_rate=0.02",
    "training.warm_up=4",
    "training.validate_every=40",
)
"""For who decodes greedily: what knows no more than how common tokens are says <end> first."""


def write_config(folder: Path, name: str, *, steps: int = 2) -> Path:
    kind, tags = KINDS[name]
    file = folder / f"{name}.toml"
    file.write_text(CONFIG.format(name=name, kind=kind, tags=tags, steps=steps), encoding="utf-8")
    return file


def write_verses(folder: Path, count: int = 40) -> Path:
    """Quatrains of characters drawn by chance from the rhyme tables, half of them with five a line."""
    draw = random.Random(0)
    characters = sorted(readings())[::3]
    rows = [
        {"lines": ["".join(draw.sample(characters, 5 + 2 * (number % 2))) for _ in range(4)]}
        for number in range(count)
    ]
    return _write(folder / "poem-zh-tiny.jsonl", rows)


def write_talk(folder: Path, count: int = 40) -> Path:
    rows = [{"turns": [f"今天第{n}次见面，你好吗？", f"我很好，谢谢你第{n}次问我。"]} for n in range(count)]
    return _write(folder / "talk-tiny.jsonl", rows)


def write_pairs(folder: Path, count: int = 40) -> Path:
    colours = ("red", "红"), ("blue", "蓝"), ("green", "绿"), ("white", "白"), ("black", "黑")
    things = ("books", "书"), ("cups", "杯子"), ("cars", "车"), ("hats", "帽子"), ("pens", "笔")
    both = itertools.cycle(itertools.product(colours, things))
    rows = [
        {"en": f"I have {colour[0]} {thing[0]}.", "zh": f"我有{colour[1]}{thing[1]}。"}
        for colour, thing in itertools.islice(both, count)
    ]
    return _write(folder / "pair-tiny.jsonl", rows)


def _write(file: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8")
    return file


def tiny_models(folder: Path) -> Path:
    makers = ("verse", write_verses, ()), ("talk", write_talk, ()), ("translate", write_pairs, LEARNT)
    for name, write, settings in makers:
        config = read_config(str(write_config(folder, name)), settings)
        train(config, [write(folder)], folder / name, device="cpu", quiet=True)
    return folder
