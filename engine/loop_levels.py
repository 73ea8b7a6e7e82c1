"""What the loop's other levels truly bring, for `bench loop`: choice of decoding, fine-tuning, taste, length.

The people are those of `engine.loop_world`, the code that learns is the product's. What each level can gain
is invented, and lies open here:

    decoding    three dials (temperature, nucleus, readiness to end). What a setting does to a reply's worth
                is SLOPE · wish · step - BEND · step²: the wish for a dial is drawn for the task and, around
                that, for each channel; a step away from the prompt file's own setting costs by itself.
    fine-tuning see `engine.loop_writer`.
    taste       LATENT of the variance of a reply's worth is one direction of its latent, which a channel
                likes: as if its people wanted texts of a prior moved that way.
    length      a member who chose short replies, to whom a standard deviation of shortness is worth SHORTER.

The rest of a reply's worth is chance. Everything is in standard deviations of true worth. Where judgements
say nothing (an A/A world) what is learnt gains nothing, and drawing settings costs what it costs.

Knows: these worlds, the true gain of what was learnt, the lines of the bench. Does not know: how anything is
learnt. A member's tone is not measured: no reply here has one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import compose, gate, loop_writer
from engine.choice import propensities
from engine.decoding_choice import ARMS, CONTROL, Arm, Choices, arms_of
from engine.decoding_judged import JudgedArm
from engine.decoding_learning import choices_of, learn
from engine.loop_world import World
from engine.prompt import load_tasks
from engine.summary_bench import Measurement
from engine.taste import MOST
from engine.taste import learn as learn_taste
from engine.values import Draft, Request

Numbers = NDArray[np.float64]

SLOPE, BEND = 0.2, 0.1
CHANNEL_WISH = 0.7
"""Deviation of a channel's wish for a dial around its task's, which has 1."""
CHANNELS = (0.4, 0.3, 0.2, 0.1)
"""Shares of the replies that each channel has."""
LATENT, STRONG, SIZE = 0.1, 0.3, 32
SHORTER = 0.5
DECODING, TASTE = (200, 800, 5000), (200, 800, 2000)
"""Judgements after which each is looked at: of a server, of one channel."""
_FIRST = 100  # judgements at which settings are learnt first; then whenever they have doubled
_REQUESTS = 200


def one_seed(seed: int) -> dict[str, float]:
    """All numbers of one seed, by name."""
    found = {**decoding(seed), **taste(seed), **length(seed), **loop_writer.one_seed(seed)}
    found["decoding by chance"] = decoding(seed + 1, nothing=True)[f"decoding {DECODING[1]}"]
    found["taste strong"] = taste(seed, TASTE[1:2], share=STRONG)[f"taste {TASTE[1]}"]
    found["taste by chance"] = taste(seed + 1, nothing=True)[f"taste {TASTE[1]}"]
    return found


def decoding(
    seed: int,
    sizes: Sequence[int] = DECODING,
    *,
    nothing: bool = False,
    slope: float = SLOPE,
    bend: float = BEND,
) -> dict[str, float]:
    """Replies are written with what was learnt so far, judged, and learnt from, over and over.

    After so many judgements: the true gain over the prompt file's own setting, and the regret to the setting
    that is best in each channel. `nothing`: judgements have nothing to do with the replies.
    """
    draw = np.random.default_rng([seed, 8])
    world = World(seed + 60_000, 12 + int(math.sqrt(max(sizes))), nothing=nothing)
    task = load_tasks()["chat"]
    arms = {task.name: arms_of(task)}
    effects, others = (_effects(draw, arms[task.name], slope, bend) for _ in range(2))
    channels = draw.choice(len(CHANNELS), 4 * max(sizes), p=CHANNELS)
    choices = Choices({})
    found: dict[str, float] = {}
    sums: dict[tuple[str, str, str, bool], list[float]] = defaultdict(list)
    count, turn, due = 0, 0, _FIRST
    for size in sorted(sizes):
        while count < size:
            channel = int(channels[turn % len(channels)])
            chosen = choices.draw(task, Request(task.name, channel=f"c{channel}"), turn)
            arm = chosen.arm if chosen else "own"
            worth = float(draw.normal()) + effects[channel][arm]
            sent = world.judged(worth, float(draw.normal()) + others[channel][arm])
            for one in sent.judged:
                key = (
                    f"c{channel}",
                    one.person,
                    chosen.arm if chosen else "",
                    bool(chosen and chosen.control),
                )
                sums[key].append(one.value)
            count, turn = count + len(sent.judged), turn + 1
            if count >= due:
                due *= 2
                choices = choices_of(learn(_rows(task.name, sums), arms))
        choices = choices_of(learn(_rows(task.name, sums), arms))
        gain, best = _true_gain(choices, task.name, effects)
        found |= {f"decoding {size}": gain, f"decoding regret {size}": best - gain}
        found[f"decoding best {size}"] = best
    return found


def _effects(
    draw: np.random.Generator, arms: Sequence[str], slope: float, bend: float
) -> list[dict[str, float]]:
    """What each setting adds to a reply's worth, by channel; the prompt file's own adds nothing."""
    wish = draw.normal(size=3)
    found = []
    for _ in CHANNELS:
        here = wish + CHANNEL_WISH * draw.normal(size=3)
        steps = {arm: _steps(ARMS[arm]) for arm in arms}
        found.append({arm: float(slope * (here @ x) - bend * (x @ x)) for arm, x in steps.items()})
    return found


def _steps(arm: Arm) -> Numbers:
    """Which way each dial is turned: (3,) of -1, 0 and 1."""
    return np.sign([arm.temperature - 1, arm.nucleus, arm.ending])


def _rows(task: str, sums: dict[tuple[str, str, str, bool], list[float]]) -> list[JudgedArm]:
    return [
        JudgedArm(task, channel, person, arm, control, sum(v), len(v), sum(x > 0 for x in v))
        for (channel, person, arm, control), v in sorted(sums.items())
    ]


def _true_gain(choices: Choices, task: str, effects: Sequence[dict[str, float]]) -> tuple[float, float]:
    """Of replies as they are drawn now, the tenth at random with them, and of the best setting everywhere."""
    gain = best = 0.0
    learnt = choices.tasks.get(task)
    for number, (share, effect) in enumerate(zip(CHANNELS, effects, strict=True)):
        best += share * max(effect.values())
        if learnt:
            weights = learnt.get(f"c{number}") or learnt[""]
            drawn = sum(weights[arm] * value for arm, value in effect.items()) / sum(weights.values())
            gain += share * ((1 - CONTROL) * drawn + CONTROL * float(np.mean(list(effect.values()))))
    return gain, best


def taste(
    seed: int, sizes: Sequence[int] = TASTE, *, nothing: bool = False, share: float = LATENT
) -> dict[str, float]:
    """The true gain of a channel's learnt shift over none, after so many judgements; and of the longest
    shift the right way."""
    draw = np.random.default_rng([seed, 9])
    world = World(seed + 70_000, 12 + int(math.sqrt(max(sizes))), nothing=nothing)
    liked, other = (way / np.linalg.norm(way) for way in draw.normal(size=(2, SIZE)))
    people: list[str] = []
    values: list[float] = []
    latents: list[Numbers] = []
    found = {}
    for size in sorted(sizes):
        while len(people) < size:
            z = draw.normal(size=SIZE)
            chance = math.sqrt(1 - share) * draw.normal(size=2)
            worth, shifted = (math.sqrt(share) * float(z @ way) for way in (liked, other))
            sent = world.judged(worth + chance[0], shifted + chance[1])
            people += [one.person for one in sent.judged]
            values += [one.value for one in sent.judged]
            latents += [z] * len(sent.judged)
        learnt = learn_taste(people[:size], values[:size], latents[:size])
        found[f"taste {size}"] = math.sqrt(share) * float(liked @ learnt.lean) if learnt else 0.0
        found[f"taste learnt {size}"] = float(learnt is not None)
    return {**found, "taste best": math.sqrt(share) * MOST * math.sqrt(SIZE)}


def length(seed: int, shorter: float = SHORTER) -> dict[str, float]:
    """What choosing short replies brings a member, by the choice among the drafts alone.

    The other half of the product's answer, that the model ends its texts sooner, needs a model.
    """
    world = World(seed + 80_000, 2)
    pool = [world.asked() for _ in range(_REQUESTS)]
    sizes = np.array([[len(text) for text in asked.texts] for asked in pool], float)
    short = (sizes.mean() - sizes) / sizes.std()
    found = []
    for asked, row in zip(pool, short, strict=True):
        drafts = [
            Draft(text, text, "generated", (), 0.0, {}, float(score))
            for text, score in zip(asked.texts, asked.scores, strict=True)
        ]
        wished = compose.of_length(drafts, "short")
        before, after = (propensities([one.score for one in some]) for some in (drafts, wished))
        worth = asked.worth + shorter * row
        found.append((float((after - before) @ worth), float(worth.max() - before @ worth)))
    gain, best = np.mean(found, axis=0).tolist()
    return {"length": gain, "length best": best}


def reach(values: Sequence[float] | Numbers) -> tuple[float, float]:
    """Of one number a seed, the mean and how far its 95 % interval reaches (Student's; 0 for one seed);
    seeds without a number are left out."""
    found = np.array(values, float)
    found = found[~np.isnan(found)]
    if not len(found):
        return math.nan, 0.0
    if len(found) < 2:
        return float(found.mean()), 0.0
    return float(found.mean()), gate.student(len(found) - 1) * float(found.std(ddof=1)) / math.sqrt(
        len(found)
    )


def over(
    rows: Sequence[dict[str, Any]], name: str, value: Callable[[dict[str, Any]], float]
) -> tuple[str, float]:
    """A line's name with its interval over seeds, and the mean."""
    mean, far = reach([value(row) for row in rows])
    return (f"{name} (95 % interval {mean - far:.3f} to {mean + far:.3f})" if far else name), mean


def measurements(rows: Sequence[dict[str, Any]]) -> Iterator[Measurement]:
    """One line a number, from the rows of all seeds; what holds no gain says so."""
    for size in DECODING:
        best = over(rows, "", lambda row, n=size: row[f"decoding best {n}"])[1]  # type: ignore[misc]
        title = f"level 1, choice of decoding over the prompt file's own, {size} judgements"
        yield _gained(rows, title, f"decoding {size}", best)
        title = f"level 1, regret to each channel's best setting, {size} judgements"
        yield Measurement(*over(rows, title, lambda row, n=size: row[f"decoding regret {n}"]), "SD")  # type: ignore[misc]
    title = f"level 1, where judgements say nothing, {DECODING[1]} judgements (the price of trying)"
    yield Measurement(*over(rows, title, lambda row: row["decoding by chance"]), "SD")
    for size in loop_writer.SIZES:
        title = f"level 3, fine-tuning a tiny writer over leaving it, {size} judgements"
        yield _gained(rows, title, f"fine-tuning {size}")
        for said, name, unit in (
            ("perplexity of people's texts, after by before", "cost", "times"),
            ("judgements kept aside show it", "shown", "share"),
        ):
            title, key = f"level 3, {said}, {size} judgements", f"fine-tuning {name} {size}"
            yield Measurement(*over(rows, title, lambda row, k=key: row[k]), unit)  # type: ignore[misc]
    title = f"level 3, where judgements say nothing, {loop_writer.SIZES[-1]} judgements"
    yield Measurement(*over(rows, title, lambda row: row["fine-tuning by chance"]), "SD")
    best = over(rows, "", lambda row: row["taste best"])[1]
    for size in TASTE:
        title = f"level 4, a channel's taste over none, {size} judgements there"
        yield _gained(rows, title, f"taste {size}", best)
    title = f"level 4, where {STRONG:.0%} of the worth is the latent's, {TASTE[1]} judgements there"
    yield _gained(rows, title, "taste strong", best * math.sqrt(STRONG / LATENT))
    title = f"level 4, where judgements say nothing, {TASTE[1]} judgements"
    yield Measurement(*over(rows, title, lambda row: row["taste by chance"]), "SD")
    best = over(rows, "", lambda row: row["length best"])[1]
    yield _gained(rows, "level 4, a member's choice of short replies over none", "length", best)


def _gained(rows: Sequence[dict[str, Any]], title: str, key: str, limit: float | None = None) -> Measurement:
    """A level's gain over no learning; one that is not shown, or is a loss, says so."""
    mean, far = reach([row[key] for row in rows])
    said = "" if mean > far else ": a loss" if mean + far < 0 else ": no gain shown"
    name, _ = over(rows, title + said, lambda row: row[key])
    return Measurement(name, mean, "SD", limit=limit)
