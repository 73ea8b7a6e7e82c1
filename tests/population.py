"""People who judge texts, invented: what some like can be learnt, what others like cannot."""

from __future__ import annotations

import random

from engine.journal import JudgedText

CHARACTERS = "春江花月夜山水云松竹梅兰风雪雨霜秋夏冬天地日星河海石泉舟酒琴棋书画诗"
LOVED, HATED = "月", "霜"


def text(rng: random.Random) -> str:
    return "".join(rng.choice(CHARACTERS) for _ in range(rng.randrange(8, 16)))


def judgements(
    seed: int, *, number: int, people: int, taste: float, tasks: tuple[str, ...] = ("chat", "poem")
) -> list[JudgedText]:
    """`number` judgements in order of time. With `taste` 0 liking has nothing to do with the text; with
    1 a text that names the moon is liked and one that names frost is not, up to each one's generosity.

    People differ in how often they judge (a few do most of it) and in how much they like; a text is
    judged by one to four of them.
    """
    rng = random.Random(seed)
    activity = [rng.paretovariate(1.2) for _ in range(people)]
    generosity = [rng.betavariate(3, 2) for _ in range(people)]
    found: list[JudgedText] = []
    while len(found) < number:
        task, words = rng.choice(tasks), text(rng)
        if taste:
            words = words.replace(LOVED, "山").replace(HATED, "山")
            spot = rng.randrange(len(words))
            words = words[:spot] + rng.choice((LOVED, HATED)) + words[spot + 1 :]
        judges = {person for person in rng.choices(range(people), activity, k=rng.randrange(1, 5))}
        for person in sorted(judges):
            chance = (1 - taste) * generosity[person] + taste * (LOVED in words)
            value = 1.0 if rng.random() < chance else -1.0
            found.append(JudgedText(f"g{len(found)}", task, words, value, f"{person:04d}", float(len(found))))
    return found[:number]
