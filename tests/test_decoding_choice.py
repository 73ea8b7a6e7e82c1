"""The choice of decoding: a taste for a setting is found, chance is not; without signals nothing changes."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Engine, Request, tuned
from engine.decoding_choice import (
    ARMS,
    CONTROL,
    MIN_JUDGEMENTS,
    MIN_PEOPLE,
    OWN,
    Choices,
    JudgedArm,
    JudgedArms,
    arms_of,
    best,
    choices_of,
    learn,
)
from engine.errors import ModelBroken
from engine.journal import Fact, Journal, Place
from engine.prompt import load_tasks
from engine.tune_places import tune_places
from engine.values import Reply
from tests import tiny
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


def test_the_draw_is_fixed_by_the_seed_and_as_likely_as_it_says() -> None:
    weights = {arm: 0.0 for arm in ARMS} | {"warmer": 0.7, OWN: 0.3}
    choices = Choices({"chat": {"": weights}})
    count: Counter[tuple[str, bool]] = Counter()
    said: dict[str, float] = {}
    draws = 20_000
    for seed in range(draws):
        chosen = choices.draw(CHAT, Request("chat"), seed)
        assert chosen is not None
        assert chosen == choices.draw(CHAT, Request("chat"), seed)
        count[chosen.arm, chosen.control] += 1
        said[chosen.arm] = chosen.propensity
    for arm in ARMS:
        both = (count[arm, True] + count[arm, False]) / draws
        assert both == pytest.approx(said[arm], abs=0.012)
        assert count[arm, True] / draws == pytest.approx(CONTROL / len(ARMS), abs=0.005)
    assert sum(said.values()) == pytest.approx(1)
    assert said["warmer"] == pytest.approx((1 - CONTROL) * 0.7 + CONTROL / len(ARMS))


def test_what_people_chose_goes_before() -> None:
    choices = Choices({"chat": {"": {arm: 1.0 for arm in ARMS}}})
    assert choices.draw(CHAT, Request("chat"), 1) is not None
    assert choices.draw(CHAT, Request("chat", tone="lively"), 1) is None
    assert choices.draw(CHAT, Request("chat", length="short"), 1) is None


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


def test_settings_lie_near_the_prompt_files_own_and_leave_verse_its_length() -> None:
    assert ARMS[OWN].of(CHAT.decoding) == {
        "temperature": CHAT.decoding.temperature,
        "nucleus": CHAT.decoding.nucleus,
    }
    for task in TASKS.values():
        for arm in arms_of(task):
            values = ARMS[arm].of(task.decoding)
            assert 0.7 <= values["temperature"] / task.decoding.temperature <= 1.35
            assert abs(values["nucleus"] - task.decoding.nucleus) <= 0.1
            assert "ending" not in values or task.model == "talk"
    assert arms_of(TASKS["translate"]) == arms_of(TASKS["vary"]) == arms_of(TASKS["summary"]) == ()


# --- in the engine


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


def plain(written: Reply) -> str:
    return dataclasses.replace(written, generation="", milliseconds=0.0).to_json()


def put_in_force(folder: Path, choices: Choices) -> str:
    draft = folder / "decoding" / "draft"
    draft.mkdir(parents=True)
    choices.save(draft)
    (draft / "CARD.md").write_text("# A card\n")
    version = tuned.hash_of(draft, "decoding")
    draft.rename(folder / "decoding" / version)
    return tuned.promote(folder, "decoding", version)


REQUESTS = [
    Request("continue", "今天第3次见面，你好吗？", seed=5, channel="c"),
    Request("poem", "秋夜", {"form": "wujue"}, seed=9, channel="c"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=["prose", "verse"])
def test_without_signals_replies_are_todays_bit_for_bit(
    models: Path, tmp_path: Path, request_: Request
) -> None:
    today = Engine(models=models, book=False)
    today.tasks["continue"] = easy(today)
    alone = today.write_now(dataclasses.replace(request_, channel=""))
    engine = Engine(models=models, tuned=tmp_path, book=False)
    engine.tasks["continue"] = easy(engine)
    assert plain(engine.write_now(request_)) == plain(alone)
    assert "choice" not in alone.decoding
    put_in_force(tmp_path, Choices({"chat": {"": {"warmer": 1.0}}}))  # of another task
    assert plain(engine.write_now(request_)) == plain(alone)


def easy(engine: Engine) -> object:
    """Models that learnt nothing write nothing good."""
    task = engine.tasks["continue"]
    return dataclasses.replace(task, decoding=dataclasses.replace(task.decoding, abstain=-1.0))


@pytest.mark.parametrize("request_", REQUESTS, ids=["prose", "verse"])
def test_a_drawn_setting_is_logged_replays_and_is_taken_back(
    models: Path, tmp_path: Path, request_: Request
) -> None:
    engine = Engine(models=models, tuned=tmp_path, book=False)
    engine.tasks["continue"] = easy(engine)
    before = engine.write_now(request_)
    arms = {"warmer": 1.0}
    put_in_force(tmp_path, Choices({request_.task: {"": arms}}, control=0.0))
    written = engine.write_now(request_)
    own = engine.tasks[request_.task].decoding.temperature
    assert written.decoding["choice"] == {"arm": "warmer", "control": False, "propensity": 1.0}
    assert written.decoding["temperature"] == pytest.approx(1.3 * own)
    assert written.text != before.text
    if written.form is not None:
        assert written.form.ok
    tuned.rollback(tmp_path, "decoding")
    assert plain(engine.replay(request_, written)) == plain(written)
    assert plain(engine.write_now(request_)) == plain(before)


def test_a_reply_near_another_draws_nothing_anew(models: Path, tmp_path: Path) -> None:
    async def near() -> Reply:
        async with Engine(models=models, tuned=tmp_path, book=False) as engine:
            engine.tasks["continue"] = easy(engine)
            first = await engine.write(REQUESTS[0])
            assert first.decoding["choice"]["arm"] == "longer"
            assert first.decoding["ending"] == -1.0
            return await engine.vary(REQUESTS[0], first)

    put_in_force(tmp_path, Choices({"continue": {"": {"longer": 1.0}}}, control=0.0))
    written = asyncio.run(near())
    assert "choice" not in written.decoding
    assert written.decoding["ending"] == -1.0


def test_danger_is_never_drawn_for(models: Path, tmp_path: Path) -> None:
    put_in_force(tmp_path, Choices({"chat": {"": {"warmer": 1.0}}}))
    written = Engine(models=models, tuned=tmp_path).write_now(Request("chat", "我不想活了", seed=1))
    assert written.origin == "fixed"
    assert set(written.decoding) == {"intent"}


def test_a_file_that_is_not_the_one_its_name_promises_is_refused(tmp_path: Path) -> None:
    version = put_in_force(tmp_path, Choices({"chat": {"": {"warmer": 1.0}}}))
    folder = tmp_path / "decoding" / version
    assert Choices.load(folder).tasks == {"chat": {"": {"warmer": 1.0}}}
    for text in ("[]", "{", '{"tasks": {"chat": {}}, "control": 0.1}', '{"tasks": {}, "control": 0.5}'):
        (folder / "choices.json").write_text(text)
        with pytest.raises(ModelBroken):
            Choices.load(folder)
    by_hand = tmp_path / "by-hand"
    folder.rename(by_hand)
    (by_hand / "choices.json").write_text('{"tasks": {}}')
    with pytest.raises(ModelBroken):
        Choices.load(by_hand)


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
        assert sum(row.count for row in rows) == 900
        assert sum(row.count for row in rows if row.control) == 90
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
