"""Does the loop make replies better? Measured where the truth is known: in `engine.loop_world`.

The code is the product's: people's weights, the reward model, the draw, the gate, the estimates, the live
test. Only the networks are smaller (16 units, three folds) unless `full`, since every seed trains seven
sets of them. The other levels than the reward model's are in `engine.loop_levels`.

Gains are in standard deviations of true worth among the drafts of one request, which is what choosing can
change; an interval is over seeds (Student's).

Knows: what is measured, the bars. Does not know: how the world works, how anything is learnt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine import estimates, gate, loop_levels, trial, tune
from engine.choice import blended, propensities
from engine.errors import TuneError
from engine.estimates import Replies
from engine.journal_choices import LoggedChoice
from engine.journal_rows import JudgedText
from engine.loop_world import DRAFTS, Asked, Sent, World, judgements
from engine.rechoosing import rechosen
from engine.reward import RewardConfig, RewardModel, likings
from engine.summary_bench import Measurement
from engine.trial_people import Judged

Numbers = NDArray[np.float64]

SMALL = RewardConfig(embedding=16, units=16, epochs=6, batch=64, folds=3, rate=5e-3)
SIZES = (200, 800, 5000)
TROLLS = 0.2
UNSEEN = 100
"""The first seed: those below were looked at while the loop was made."""
_REQUESTS = 400  # for which the truth is looked at
_LOGS, _LOG = 12, 500  # of estimates: logs a seed, replies each
_PAIRS = 10  # of truly worse scorers a seed
_TRIALS = 5
_NOTHING = 5  # servers a seed whose judgements say nothing


def loop(
    seeds: int,
    *,
    first: int = UNSEEN,
    full: bool = False,
    jobs: int = 1,
    sizes: Sequence[int] = SIZES,
) -> Iterator[Measurement]:
    """Every measurement with its bar; `jobs` processes share the seeds, which count from `first`."""
    numbers = range(first, first + seeds)
    config = RewardConfig() if full else SMALL
    if jobs == 1:
        rows = [one_seed(seed, config, sizes) for seed in numbers]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(one_seed, numbers, [config] * seeds, [sizes] * seeds))
    yield from measurements(rows, sizes)


def one_seed(seed: int, config: RewardConfig, sizes: Sequence[int]) -> dict[str, Any]:
    """All numbers of one seed, by name."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for size in sizes:
        world = World(seed, _people(size))
        judged = judgements(world.log(size), size)
        gains = _gains(world, RewardModel.fit(tune.examples(judged), config, seed))
        found |= {f"{name} {size}": value for name, value in gains.items()}
    middle = sizes[min(1, len(sizes) - 1)]
    for size in sorted({middle, sizes[-1]}):
        for ways in (_spoilt, _gated):
            found |= {f"{name} {size}": value for name, value in ways(seed, size, config).items()}
    found["A/A"] = _promoted_by_chance(seed, config)
    found["worse"] = _worse(seed)
    found |= _estimated(seed)
    found |= _tried(seed)
    return found | loop_levels.one_seed(seed)


def _people(signals: int) -> int:
    return 12 + int(math.sqrt(signals))


def _gains(world: World, model: RewardModel) -> dict[str, float]:
    """best: the draft that the model likes best, over a draft at random (whose worth is 0 in the mean).
    sent: as drawn. unlearnt: as drawn without the model. oracle: the truly best."""
    found: dict[str, list[float]] = {"best": [], "sent": [], "unlearnt": [], "oracle": []}
    pool = [world.asked() for _ in range(_REQUESTS)]
    opinions = model.opinions([("chat", text) for asked in pool for text in asked.texts])
    for number, asked in enumerate(pool):
        drafts = opinions[number * DRAFTS : (number + 1) * DRAFTS]
        liked = likings(drafts)
        usual = asked.scores.tolist()
        scores = usual if liked is None else list(map(blended, usual, liked))
        found["best"].append(float(asked.worth[int(np.argmax([one.logit for one in drafts]))]))
        found["sent"].append(float(propensities(scores) @ asked.worth))
        found["unlearnt"].append(float(propensities(usual) @ asked.worth))
        found["oracle"].append(float(asked.worth.max()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _spoilt(seed: int, size: int, config: RewardConfig) -> dict[str, float]:
    """A server with trolls: what its judgements bring, and what they do when the trolls' are taken out."""
    world = World(seed, _people(size), TROLLS)
    judged = judgements(world.log(size), size)
    others = [one for one in judged if world.kind(one.person) not in ("against", "random")]
    learnt, honest = (RewardModel.fit(tune.examples(some), config, seed) for some in (judged, others))
    return {
        "trolls": _gains(world, learnt)["best"],
        "trolls out": _gains(world, honest)["best"],
        "troll votes": 1 - len(others) / len(judged),
    }


def _gated(seed: int, size: int, config: RewardConfig) -> dict[str, float]:
    """The whole of `tune`: a part kept aside, the gate, replies chosen anew; where it refuses, nothing is
    gained."""
    world = World(seed + 10_000, _people(size))
    try:
        model, report = _tuned(world.log(size), size, config, seed)
    except TuneError:  # too few, or all alike
        return {"passed": 0.0, "through the gate": 0.0, "calibration": math.nan}
    gains = _gains(world, model)
    passed = report.refusal is None
    return {
        "passed": float(passed),
        "through the gate": gains["sent"] - gains["unlearnt"] if passed else 0.0,
        "calibration": report.calibration,
    }


def _tuned(
    log: Sequence[Sent], size: int, config: RewardConfig, seed: int
) -> tuple[RewardModel, tune.TuneReport]:
    """What `tune` makes of a log. Raises TuneError."""
    judged = judgements(list(log), size)
    model, report = tune.learn(judged, config=config, seed=seed)
    since = tune.split(judged).since
    first = next(place for place, sent in enumerate(log) if sent.judged and sent.judged[-1].at >= since)
    late, values = [], {}
    for number, sent in enumerate(log[first:]):
        name, asked = f"r{number}", sent.asked
        scores = tuple(asked.scores.tolist())
        # Of a real poem's drafts fluency is most of what the judge goes by, and lies as far apart (0.05) as
        # the judge's scores do here.
        parts = tuple({"fluency": score} for score in scores)
        late.append(
            LoggedChoice(name, "chat", sent.person, asked.texts, scores, parts, sent.chosen, sent.propensity)
        )
        if sent.judged:
            values[name] = _value(sent.judged)
    return model, tune.with_rechosen(report, rechosen(model, late, values, {}))


def _promoted_by_chance(seed: int, config: RewardConfig) -> float:
    """How often the gate lets a model pass that learnt from judgements without regard to the texts."""
    passed = 0
    for server in range(_NOTHING):
        world = World(20_000 + _NOTHING * seed + server, _people(260), nothing=True)
        try:
            _, report = _tuned(world.log(260), 260, config, seed)
        except TuneError:
            continue
        passed += report.refusal is None
    return passed / _NOTHING


def _worse(seed: int) -> float:
    """How often the gate promotes a truly worse scorer in place of a better one, of pairs held against the
    judgements of a server."""
    world, found = World(seed + 30_000, _people(300)), []
    log = world.log(300)
    judged = judgements(log, 300)
    worth = {one.generation: sent.asked.worth[sent.chosen] for sent in log for one in sent.judged}
    draw = np.random.default_rng([seed, 3])
    for _ in range(_PAIRS):
        good = draw.uniform(0.1, 0.7)
        bad = good - draw.uniform(0.02, 0.3)
        noise = {name: draw.normal(size=2) for name in worth}
        new, old = (
            [
                skill * worth[one.generation] + math.sqrt(1 - skill**2) * noise[one.generation][column]
                for one in judged
            ]
            for column, skill in enumerate((bad, good))
        )
        found.append(gate.gain(new, old, judged, seed, resamples=400).low > 0)
    return float(np.mean(found))


def _ranker(draw: np.random.Generator) -> Callable[[Asked], Numbers]:
    """A way to score that knows half of the worth, by chance but the same for the same request."""

    def scores(asked: Asked) -> Numbers:
        own = np.random.default_rng([number_of(asked), salt])
        return np.asarray(0.5 + 0.1 * (0.5 * asked.worth + 0.87 * own.normal(size=len(asked.worth))))

    salt = int(draw.integers(2**31))
    return scores


def number_of(asked: Asked) -> int:
    """The same number for the same request."""
    return int(abs(float(asked.worth.sum() + asked.scores.sum())) * 1e9) % 2**31


def _value(judged: Sequence[JudgedText]) -> float:
    return float(np.mean([one.value for one in judged])) if judged else 0.0


def _estimated(seed: int) -> dict[str, float]:
    """Coverage and error of the estimates of a ranker's gain, from logs of replies chosen without it."""
    world = World(seed + 40_000, 40)
    score = _ranker(np.random.default_rng([seed, 4]))
    pool = [world.asked() for _ in range(600)]
    ways = [propensities(score(asked).tolist()) for asked in pool]
    usual = [propensities(asked.scores.tolist()) for asked in pool]
    there, here = (
        np.mean([_value(world.sent(pool[n % 600], chances[n % 600]).judged) for n in range(9000)])
        for chances in (ways, usual)
    )
    truth = float(there - here)
    draw = np.random.default_rng([seed, 5])
    found: dict[str, list[float]] = {"SNIPS": [], "DR": [], "SNIPS off": [], "DR off": []}
    for _ in range(_LOGS):
        picked = draw.integers(600, size=_LOG)
        sent: list[Sent] = [world.sent(pool[n], usual[n]) for n in picked]
        replies = Replies(
            np.array([_value(one.judged) for one in sent]),
            np.array([one.propensity for one in sent]),
            [ways[n] for n in picked],
            [score(pool[n]) for n in picked],
            np.array([one.chosen for one in sent]),
            [one.person for one in sent],
        )
        for name, estimate in (("SNIPS", estimates.snips), ("DR", estimates.doubly_robust)):
            interval = estimate(replies)
            found[name].append(float(interval.low <= truth <= interval.high))
            found[f"{name} off"].append(interval.value - truth)
    off = {name: float(np.sqrt(np.mean(np.square(found[name])))) for name in ("SNIPS off", "DR off")}
    return {"SNIPS": float(np.mean(found["SNIPS"])), "DR": float(np.mean(found["DR"])), **off, "truth": truth}


def _tried(seed: int) -> dict[str, float]:
    """The live test: how often it promotes what changes nothing, also where one person is all for it, and
    what gains."""
    world = World(seed + 50_000, 40)
    score = _ranker(np.random.default_rng([seed, 6]))
    pool = [world.asked() for _ in range(400)]
    better = [propensities(score(asked).tolist()) for asked in pool]
    usual = [propensities(asked.scores.tolist()) for asked in pool]
    names = ("trial A/A", "trial zeal", "trial gain", "trial replies")
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(_TRIALS):
        for name, ways in (("trial A/A", usual), ("trial gain", better)):
            live = trial.Trial("new", "", 0.0, 1500)
            replies = []
            for turn in range(live.most):
                place = turn % len(pool)
                new = live.arm(seed * 1_000_003 + number * 10_007 + turn) == "new"
                sent = world.sent(pool[place], (ways if new else usual)[place])
                replies.append(Judged(new, tuple((one.person, one.value) for one in sent.judged)))
            standing = trial.decide(live, replies)
            found[name].append(float(standing.verdict == "promote"))
            if name == "trial A/A":
                zealous = [_with_zealot(reply) if at % 3 == 0 else reply for at, reply in enumerate(replies)]
                found["trial zeal"].append(float(trial.decide(live, zealous).verdict == "promote"))
            if name == "trial gain" and standing.verdict == "promote":
                found["trial replies"].append(float(standing.looked_at))
    return {name: float(np.mean(values)) if values else math.nan for name, values in found.items()}


def _with_zealot(reply: Judged) -> Judged:
    """The reply judged also by somebody who likes all of the new arm's and nothing of the other's."""
    return Judged(reply.new, (*reply.opinions, ("zealot", 1.0 if reply.new else -1.0)))


def measurements(rows: Sequence[dict[str, Any]], sizes: Sequence[int]) -> Iterator[Measurement]:
    """One line a number, from the rows of all seeds."""

    def over(name: str, value: Callable[[dict[str, Any]], float]) -> tuple[str, float]:
        return loop_levels.over(rows, name, value)

    least = {200: 0.4, 800: 0.55}
    for size in sizes:
        oracle = over("", lambda row, n=size: row[f"oracle {n}"])[1]  # type: ignore[misc]
        name, best = over(
            f"best-of-8 by the reward model over one draft, {size} judgements",
            lambda row, n=size: row[f"best {n}"],  # type: ignore[misc]
        )
        bar = f">= {least[size]}" if size in least else ">= 60 % of the oracle's" if size >= 5000 else ""
        ok = None if not bar else best >= least[size] if size in least else best >= 0.6 * oracle
        yield Measurement(name, best, "SD", "one draft", None, oracle, bar, ok)
        name, sent = over(
            f"as sent over no learning, {size} judgements",
            lambda row, n=size: row[f"sent {n}"] - row[f"unlearnt {n}"],  # type: ignore[misc]
        )
        yield Measurement(name, sent, "SD", limit=oracle)
        name, regret = over(
            f"regret to the oracle, {size} judgements",
            lambda row, n=size: row[f"oracle {n}"] - row[f"sent {n}"],  # type: ignore[misc]
        )
        yield Measurement(name, regret, "SD")
    middle = sizes[min(1, len(sizes) - 1)]
    for size in sorted({middle, sizes[-1]}):
        yield from _beside_trolls(rows, size)
    for size in sorted({middle, sizes[-1]}):
        for said, name, unit in (
            ("gate passes", "passed", "share"),
            ("as sent over no learning, through the gate (0 where it refuses)", "through the gate", "SD"),
            ("slope of likes on its logits on those kept aside (1 is right)", "calibration", ""),
        ):
            title = f"{said}, {size} judgements"
            yield Measurement(*over(title, lambda row, n=f"{name} {size}": row[n]), unit)  # type: ignore[misc]
    name, chance = over("A/A: promoted by chance", lambda row: row["A/A"])
    yield Measurement(name, chance, "share", bar="<= 0.05", ok=chance <= 0.05)
    name, worse = over("a truly worse scorer promoted", lambda row: row["worse"])
    yield Measurement(name, worse, "share", bar="<= 0.02", ok=worse <= 0.02)
    for kind in ("SNIPS", "DR"):
        name, covered = over(f"{kind}: 95 % intervals that hold the truth", lambda row, k=kind: row[k])  # type: ignore[misc]
        yield Measurement(name, covered, "share", bar="0.90 to 0.98", ok=0.9 <= covered <= 0.98)
        name, off = over(f"{kind}: root mean square error", lambda row, k=kind: row[f"{k} off"])  # type: ignore[misc]
        yield Measurement(name, off, "value", "the gain it estimates", over("", lambda row: row["truth"])[1])
    name, chance = over("live test: promoted though nothing changes", lambda row: row["trial A/A"])
    yield Measurement(name, chance, "share", bar="<= 0.05", ok=chance <= 0.05)
    name, zeal = over(
        "live test: promoted though nothing changes but for one person who judges every third reply for it",
        lambda row: row["trial zeal"],
    )
    yield Measurement(name, zeal, "share", bar="<= 0.05", ok=zeal <= 0.05)
    yield Measurement(
        *over("live test: a better one promoted in 1500 replies", lambda row: row["trial gain"]), "share"
    )
    yield Measurement(*over("live test: replies until then", lambda row: row["trial replies"]), "replies")
    yield from loop_levels.measurements(rows)


def _beside_trolls(rows: Sequence[dict[str, Any]], size: int) -> Iterator[Measurement]:
    """The gain with trolls beside that without them: of as many judgements, of what is left of the same."""

    def over(said: str, name: str) -> tuple[str, float]:
        return loop_levels.over(rows, said, lambda row: row[f"{name} {size}"])

    name, spoilt = over(f"best-of-8 with 20 % trolls, {size} judgements", "trolls")
    for peer, of in (("without trolls, as many", "best"), ("theirs taken out by name", "trolls out")):
        gained = over("", of)[1]
        yield Measurement(name, spoilt, "SD", peer, gained, None, ">= 80 %", spoilt >= 0.8 * gained)
    title = f"share of judgements that are trolls', {size} judgements"
    yield Measurement(*over(title, "troll votes"), "share")
