"""What is learnt of settings: a taste for one is found, chance is not; nobody alone moves much."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Request, tuned, tuned_versions
from engine import tune_places as tune_places_module
from engine.decoding_choice import ARMS, OWN, Choices, arms_of
from engine.decoding_judged import JudgedArm, JudgedArms
from engine.decoding_learning import MIN_JUDGEMENTS, MIN_PEOPLE, best, choices_of, learn
from engine.errors import ForgottenMeanwhile
from engine.journal import Fact, Journal, Place
from engine.prompt import load_tasks
from engine.tune_places import learn_settings, tune_places
from tests.replies import reply

TASKS = load_tasks()
CHAT = TASKS["chat"]
CHAT_ARMS = {"chat": arms_of(CHAT)}
CHANNELS = ("lively place", "quiet place", "small place")


class People:
    """Judges who like a setting more or less, by channel; some like all, some like none, some guess."""

    def __init__(self, seed: int, effects: Mapping[str, Mapping[str, float]], trolls: int = 0) -> None:
        self.draw = random.Random(seed)
        self.effects = effects
        self.kinds = ["fair"] * 16 + ["always"] * 4 + ["never"] * 2 + ["guess"] * trolls
        self.generosity = [self.draw.betavariate(4, 3) for _ in self.kinds]
        self.sums: dict[tuple[str, str, str, bool], list[float]] = defaultdict(list)

    def judge(self, channel: str, arm: str, control: bool) -> None:
        person = self.draw.randrange(len(self.kinds))
        kind = self.kinds[person]
        like = self.generosity[person] + self.effects.get(channel, {}).get(arm, 0.0)
        like = {"always": 1.0, "never": 0.0, "guess": 0.5}.get(kind, like)
        value = 1.0 if self.draw.random() < like else -1.0
        self.sums[channel, f"p{person}", arm, control].append(value)

    def rows(self) -> list[JudgedArm]:
        return [
            JudgedArm("chat", channel, person, arm, control, sum(v), len(v), sum(x > 0 for x in v))
            for (channel, person, arm, control), v in sorted(self.sums.items())
        ]

    def live(self, rounds: int, each: int) -> Choices:
        """Requests are written with what was learnt so far, judged, and learnt from."""
        choices = Choices({})
        for turn in range(rounds):
            for number in range(each):
                channel = self.draw.choice(CHANNELS)
                chosen = choices.draw(CHAT, Request("chat", channel=channel), turn * each + number)
                self.judge(channel, chosen.arm if chosen else "", bool(chosen and chosen.control))
            choices = choices_of(learn(self.rows(), CHAT_ARMS))
        return choices


def drawn(choices: Choices, channel: str, draws: int = 2000) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(draws):
        chosen = choices.draw(CHAT, Request("chat", channel=channel), seed)
        assert chosen is not None
        found[chosen.arm] += 1
    return found


def test_each_channel_comes_to_the_setting_that_it_likes() -> None:
    effects = {"lively place": {"warmer": 0.3}, "quiet place": {"shorter": 0.3}}
    choices = People(1, effects).live(rounds=12, each=300)
    lively, quiet = drawn(choices, "lively place"), drawn(choices, "quiet place")
    assert lively.most_common(1)[0][0] == "warmer"
    assert quiet.most_common(1)[0][0] == "shorter"
    assert lively["warmer"] > 0.5 * lively.total()
    assert quiet["shorter"] > 0.5 * quiet.total()
    # every setting is still tried, by the tenth at random
    assert min(lively[arm] for arm in ARMS) > 0.004 * lively.total()


def test_what_is_learnt_is_measured_against_the_random_tenth() -> None:
    everywhere = {channel: {"warmer": 0.3, "cooler": -0.3} for channel in CHANNELS}
    people = People(2, everywhere)
    people.live(rounds=12, each=300)
    learnt = learn(people.rows(), CHAT_ARMS)["chat"]
    assert learnt.gain is not None
    assert learnt.error is not None
    assert learnt.gain > 2 * learnt.error > 0
    assert learnt.values()["best"] == "warmer"


def test_trolls_that_guess_delay_but_do_not_turn_it() -> None:
    everywhere = {channel: {"warmer": 0.3} for channel in CHANNELS}
    choices = People(3, everywhere, trolls=5).live(rounds=12, each=300)
    assert drawn(choices, "small place").most_common(1)[0][0] == "warmer"


def rows_of(votes: Mapping[str, Mapping[str, tuple[int, int]]], channel: str = "c") -> list[JudgedArm]:
    """votes: person → setting → (likes, dislikes)."""
    return [
        JudgedArm("chat", channel, person, arm, False, up - down, up + down, up)
        for person, arms in votes.items()
        for arm, (up, down) in arms.items()
    ]


MODERATE = {f"p{n}": {arm: (3, 3) for arm in ARMS} for n in range(10)}


def test_one_person_however_busy_moves_little() -> None:
    calm = learn(rows_of(MODERATE), CHAT_ARMS)["chat"]
    zealot = {arm: (0, 2000) for arm in ARMS} | {"warmer": (10_000, 0)}
    moved = learn(rows_of(MODERATE | {"zealot": zealot}), CHAT_ARMS)["chat"]
    three = learn(rows_of(MODERATE | {f"z{n}": zealot for n in range(8)}), CHAT_ARMS)["chat"]
    assert calm.probabilities["c"]["warmer"] == pytest.approx(1 / len(ARMS), abs=0.01)
    # as one of the others with the same opinion could, had they judged a few dozen times
    modest = {arm: (0, 20) for arm in ARMS} | {"warmer": (100, 0)}
    fair = learn(rows_of(MODERATE | {"modest": modest}), CHAT_ARMS)["chat"]
    assert moved.posterior["warmer"].mean <= 1.15 * fair.posterior["warmer"].mean
    assert three.posterior["warmer"].mean > 2 * moved.posterior["warmer"].mean


def test_a_channel_that_comes_back_is_no_order_to_learn_from() -> None:
    rows = [*rows_of(MODERATE, "c"), *rows_of(MODERATE, "d"), *rows_of(MODERATE, "c")]
    with pytest.raises(ValueError, match="channel by channel"):
        learn(rows, CHAT_ARMS)


def test_who_likes_everything_moves_nothing() -> None:
    calm = learn(rows_of(MODERATE), CHAT_ARMS)["chat"]
    always = {f"a{n}": {"warmer": (30, 0), OWN: (30, 0)} for n in range(5)}
    moved = learn(rows_of(MODERATE | always), CHAT_ARMS)["chat"]
    assert abs(moved.posterior["warmer"].mean - calm.posterior["warmer"].mean) < 0.03


@pytest.mark.parametrize(
    "votes",
    [
        {f"p{n}": {"": (2, 1)} for n in range(MIN_PEOPLE)},
        {f"p{n}": {"": (MIN_JUDGEMENTS, 9)} for n in range(MIN_PEOPLE - 1)},
        {f"p{n}": {"": (MIN_JUDGEMENTS, 0)} for n in range(MIN_PEOPLE)},
        {},
    ],
    ids=["few judgements", "few people", "all the same", "none"],
)
def test_below_the_least_number_nothing_is_drawn(votes: dict[str, dict[str, tuple[int, int]]]) -> None:
    learnt = learn(rows_of(votes), CHAT_ARMS)
    assert learnt == {}
    assert choices_of(learnt).draw(CHAT, Request("chat", channel="c"), 1) is None


def test_a_channel_of_two_people_has_no_entry() -> None:
    few = rows_of({"a": {"warmer": (5, 1)}, "b": {OWN: (5, 1)}}, "theirs")
    learnt = learn([*rows_of(MODERATE), *few], CHAT_ARMS)["chat"]
    assert set(learnt.probabilities) == {"", "c"}


# --- as worked out person by person


def plainly(rows: list[JudgedArm], arms: tuple[str, ...]) -> dict[str, list[float]]:
    """Means and deviations of settings in the task ("") and in each channel: of a task, with no numpy."""
    votes: dict[object, list[float]] = defaultdict(lambda: [0.0, 0])
    cells: dict[tuple[str, str, object], list[float]] = defaultdict(lambda: [0.0, 0])
    for row in rows:
        for sums in (votes[row.person], cells[row.channel, row.arm, row.person]):
            sums[0], sums[1] = sums[0] + row.total, sums[1] + row.judgements
    everybody = sum(total for total, _ in votes.values()) / sum(count for _, count in votes.values())
    mean = {who: (total + 2 * everybody) / (count + 2) for who, (total, count) in votes.items()}
    known: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (channel, arm, who), (total, count) in cells.items():
        weight = 1 / (0.5**2 + 0.9**2 / count)
        known[channel, arm][0] += weight
        known[channel, arm][1] += weight * (total / count - mean[who])
    found: dict[str, list[float]] = {}
    for channel in ("", *sorted({row.channel for row in rows})):
        found[channel] = []
        for arm in arms:
            precision, weighted = 1 / 0.15**2, 0.0
            for (there, its), (weight, says) in known.items():
                if its == arm and there != channel:
                    precision += 1 / (1 / weight + 0.1**2)
                    weighted += says / weight / (1 / weight + 0.1**2)
            average, variance = weighted / precision, 1 / precision
            if channel:
                weight, says = known.get((channel, arm), (0.0, 0.0))
                beside = 1 / (variance + 0.1**2)
                average, variance = (average * beside + says) / (beside + weight), 1 / (beside + weight)
            found[channel] += [average, variance**0.5]
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(70, 400), st.integers(5, 30))
def test_it_is_what_comes_of_it_person_by_person(seed: int, number: int, people: int) -> None:
    draw = random.Random(seed)
    arms = (*ARMS, "", "gone")
    sums: dict[tuple[str, int, str, bool], list[float]] = defaultdict(list)
    for _ in range(number):
        who = int(people * draw.random() ** 2)
        key = (draw.choice(CHANNELS), who, draw.choice(arms), draw.random() < 0.3)
        sums[key].append(draw.choice([1.0, 1.0, 0.4, -1.0]))
    rows = [
        JudgedArm("chat", channel, who, arm, control, sum(v), len(v), sum(x > 0 for x in v))
        for (channel, who, arm, control), v in sorted(sums.items())
    ]
    learnt = learn(rows, CHAT_ARMS).get("chat")
    likes = sum(row.likes for row in rows)
    assert (learnt is None) == (min(likes, number - likes) < 8 or len({row.person for row in rows}) < 5)
    if learnt is None:
        return
    plain = plainly(rows, tuple(ARMS))
    found = [x for one in learnt.posterior.values() for x in (one.mean, one.deviation)]
    assert found == pytest.approx(plain[""], abs=1e-12)
    for channel, probabilities in learnt.probabilities.items():
        means, deviations = np.array(plain[channel]).reshape(-1, 2).T
        assert list(probabilities.values()) == pytest.approx(best(means, deviations), abs=1e-6)
    for arm, one in learnt.posterior.items():
        theirs = [row for row in rows if row.arm == arm]
        assert one.judgements == sum(row.judgements for row in theirs)
        assert one.people == len({row.person for row in theirs})
    assert (learnt.judgements, learnt.people) == (number, len({row.person for row in rows}))


def everywhere(channels: int, people: int = 500) -> Iterator[JudgedArm]:
    """All people judge all settings in all channels, once."""
    for channel in range(channels):
        for person in range(people):
            for number, arm in enumerate(ARMS):
                value = 1.0 if (person * 7 + number + channel) % 3 else -1.0
                yield JudgedArm("chat", f"c{channel}", person, arm, False, value, 1, int(value > 0))


def test_five_times_the_judgements_need_no_more_memory() -> None:
    def peak(channels: int) -> int:
        tracemalloc.start()
        learnt = learn(everywhere(channels), CHAT_ARMS)["chat"]
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert learnt.judgements == channels * 500 * len(ARMS)
        return found

    peak(1)  # what is made once
    assert peak(75) < 1.2 * peak(15)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(0.02, 0.5)),
        min_size=2,
        max_size=7,
    )
)
def test_the_probability_of_being_best(arms: list[tuple[float, float]]) -> None:
    means, deviations = (np.array(side) for side in zip(*arms, strict=True))
    found = best(means, deviations)
    assert found.sum() == pytest.approx(1)
    sampled = np.random.default_rng(0).normal(means, deviations, (20_000, len(arms))).argmax(axis=1)
    assert found == pytest.approx(np.bincount(sampled, minlength=len(arms)) / 20_000, abs=0.02)


# --- from the journal


def judged_journal(path: Path, likes: Mapping[str, float], number: int = 900) -> Iterator[Journal]:
    draw = random.Random(4)
    with Journal(path) as journal:
        journal._db.execute("PRAGMA synchronous = OFF")  # a test may lose power
        for n in range(number):
            arm = draw.choice(list(likes))
            decoding = {"choice": {"arm": arm, "control": n % 10 == 0, "propensity": 0.2}}
            journal.record(Request("chat"), reply(f"g{n}", decoding=decoding), "asker", Place("d", "1", "2"))
            value = 1.0 if draw.random() < likes[arm] else -1.0
            journal.react(Fact(f"g{n}", str(n % 12), "button", value))
        yield journal


def test_tuning_reads_the_journal_and_forgetting_ends_it(tmp_path: Path) -> None:
    likes = {OWN: 0.4, "warmer": 0.85, "cooler": 0.2}
    for journal in judged_journal(tmp_path / "j.db", likes):
        rows = list(JudgedArms(journal))
        assert {row.arm for row in rows} == set(likes)
        assert sum(row.judgements for row in rows) == 900
        assert sum(row.judgements for row in rows if row.control) == 90
        dry = tune_places(journal.path, tmp_path / "models", TASKS, dry_run=True)
        assert dry.to_dict()["decoding"]["chat"]["best"] == "warmer"
        assert not (tmp_path / "models").exists()
        report = tune_places(journal.path, tmp_path / "models", TASKS)
        assert report.promoted
        assert tuned.current(tmp_path / "models", "decoding") == report.version
        again = tune_places(journal.path, tmp_path / "models", TASKS)
        assert again.version == report.version
        choices = Choices.load(tmp_path / "models" / "decoding" / report.version)
        here = journal._hash("channel", "2")
        assert choices.tasks["chat"][here]["warmer"] > 0.8
        found = tuned.read_report(tmp_path / "models", "decoding", report.version)
        assert found is not None
        assert here not in json.dumps(found)
        for person in ("asker", *map(str, range(12))):
            journal.forget(person)
        after = tune_places(journal.path, tmp_path / "models", TASKS)
        assert Choices.load(tmp_path / "models" / "decoding" / after.version).tasks == {}


def test_a_version_knows_how_many_judgements_of_whom_and_when_it_learnt_from(tmp_path: Path) -> None:
    """Of all tasks together; a person who judged two counts once, and a task with too few not at all."""
    with Journal(tmp_path / "j.db") as journal:
        journal._db.execute("PRAGMA synchronous = OFF")
        for n in range(210):
            task = "chat" if n < 100 else "poem" if n < 200 else "post"
            decoding = {"choice": {"arm": OWN, "control": n % 10 == 0, "propensity": 0.2}}
            place = Place("d", "1", str(n % 2))
            journal.record(Request(task), reply(f"g{n}", task=task, decoding=decoding), "asker", place)
            person = f"{task if task == 'post' else ''}{n % 8}"
            journal.react(Fact(f"g{n}", person, "button", 1.0 if n % 3 else -1.0, at=1e9 + n))
    tune_places(tmp_path / "j.db", tmp_path / "models", TASKS)
    [version] = tuned_versions(tmp_path / "models")
    assert version.report["chat"]["judgements"] == version.report["poem"]["judgements"] == 100
    assert (version.judgements, version.people) == (200, 8)
    assert (version.since, version.until) == (1e9, 1e9 + 199)


def forgetting(path: Path, people: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """After settings were learnt, and before a version is kept, the next of `people` is forgotten."""
    plain = tune_places_module.learn_tastes

    def learn_tastes(*arguments: Any, **options: Any) -> Any:
        if people:
            with Journal(path) as journal:
                assert journal.forget(people.pop()).facts > 0
        return plain(*arguments, **options)

    monkeypatch.setattr(tune_places_module, "learn_tastes", learn_tastes)


def test_who_is_forgotten_before_a_version_is_kept_taught_it_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, models = tmp_path / "j.db", tmp_path / "models"
    for journal in judged_journal(path, {OWN: 0.4, "warmer": 0.85}):
        forgetting(path, ["7"], monkeypatch)
        report = tune_places(path, models, TASKS)
        assert report.promoted
        assert tuned.versions(models, "decoding") == [report.version]
        found = tuned.read_report(models, "decoding", report.version)
        assert found is not None
        assert (found["judgements"], found["people"]) == (825, 11)
        assert learn_settings(journal, {"chat": arms_of(CHAT)}) == report.choices
        forgetting(path, ["6", "5", "4"], monkeypatch)
        with pytest.raises(ForgottenMeanwhile, match="3 times"):
            tune_places(path, models, TASKS)
        assert tuned.current(models, "decoding") == report.version
        assert tuned.versions(models, "decoding") == [report.version]


def test_who_is_forgotten_while_settings_are_learnt_teaches_nothing(tmp_path: Path) -> None:
    """Their number goes to somebody new at once, who would count as the same person."""
    [journal] = judged_journal(tmp_path / "j.db", {OWN: 0.4, "warmer": 0.85}, 300)
    with Journal(journal.path) as journal:
        decoding = {"choice": {"arm": OWN, "control": False, "propensity": 0.2}}
        for name, channel in (("here", "2"), ("there", "3")):
            place = Place("d", "1", channel)
            journal.record(Request("chat"), reply(name, decoding=decoding), "asker", place)
            journal.react(Fact(name, "leaving", "button", 1.0))
        number = journal._row("SELECT max(number) FROM persons", ())
        read: list[str] = []

        def meanwhile(sql: str) -> None:
            if "CROSS JOIN kinds" not in sql:
                return
            read.append(sql)
            if len(read) == 2:  # of two channels
                with Journal(journal.path) as other:
                    other.forget("leaving")
                    for name in ("here", "there"):
                        other.react(Fact(name, "new", "button", -1.0))

        journal._db.conn.set_trace_callback(meanwhile)
        arms = {"chat": [OWN, "warmer"]}
        learnt = learn_settings(journal, arms)
        journal._db.conn.set_trace_callback(None)
        assert journal._row("SELECT max(number) FROM persons", ()) == number
        assert len(read) == 4
        assert learnt == learn(JudgedArms(journal), arms)
