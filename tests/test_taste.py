"""What a channel likes: agreement moves its latents, one person and chance do not, and it is all undone."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Engine, Request
from engine.belongings import belongings, forget_old, kept_of
from engine.decode import latents
from engine.journal import Fact, Journal, Place
from engine.journal_guilds import forget_guild
from engine.journal_personal import (
    NEWEST,
    Manner,
    learn_tastes,
    manner_of,
    reset_tastes,
    set_manner,
    tastes_in,
    wished,
)
from engine.journal_union import merge
from engine.taste import MIN_JUDGEMENTS, MOST, Taste
from engine.taste import learn as learn_columns
from engine.values import Reply
from tests import tiny
from tests.replies import draft, reply

SIZE = 32
MODEL = "talk@0123456789ab"


@dataclass(frozen=True)
class JudgedLatent:
    """One judgement."""

    person: str
    value: float
    latent: tuple[float, ...]


def learn(judged: Sequence[JudgedLatent], *, own: bool = False) -> Taste | None:
    people, values, latents = zip(*((one.person, one.value, one.latent) for one in judged), strict=True)
    return learn_columns(people, values, latents, own=own)


def judged(
    seed: int, number: int, people: int, pull: float, *, size: int = SIZE, spread: float = 0.5
) -> list[JudgedLatent]:
    """Latents of replies and how people took them: `pull` is the logit of a like a unit along (1, 0, …)."""
    draw = np.random.default_rng(seed)
    generous = draw.normal(0.3, 0.7, people)
    found = []
    for _ in range(number):
        z = spread * draw.standard_normal(size)
        person = int(draw.integers(people))
        like = 1 / (1 + math.exp(-(generous[person] + pull * z[0])))
        found.append(JudgedLatent(f"p{person}", 1.0 if draw.random() < like else -1.0, tuple(z)))
    return found


def test_a_shared_taste_is_found_in_its_direction() -> None:
    sure = [learn(judged(seed, 1000, 20, 3.0)) for seed in range(10)]
    for taste in sure:
        assert taste is not None
        lean = np.array(taste.lean)
        assert lean[0] / np.linalg.norm(lean) > 0.8
        assert taste.people == 20
        assert 0 < taste.far <= 1


def test_more_judgements_move_it_farther() -> None:
    def reach(number: int) -> float:
        found = [learn(judged(seed, number, 20, 1.5)) for seed in range(20)]
        return sum(taste.lean[0] if taste else 0.0 for taste in found) / 20

    few, some, many = reach(60), reach(300), reach(1500)
    assert few < some < many
    # the tilt that being liked asks for is pull · spread²
    assert many < 1.5 * 0.5**2 * 1.3


def test_chance_seldom_moves_anything_and_never_far() -> None:
    found = [learn(judged(seed, 200, 12, 0.0)) for seed in range(100)]
    moved = [taste for taste in found if taste is not None]
    assert len(moved) <= 15
    assert all(taste.far < 0.5 for taste in moved)


def test_one_person_moves_nothing_and_everybody_the_same_as_nobody() -> None:
    own = judged(1, 2000, 1, 5.0)
    lone = [dataclasses.replace(one, person="zealot") for one in own]
    calm = judged(2, 200, 12, 0.0)
    before, after = learn(calm), learn([*calm, *lone])
    assert before is None
    assert after is None or after.lean[0] < 0.25 * MOST
    assert learn(lone) is None
    always = [dataclasses.replace(one, person=f"a{n % 9}", value=1.0) for n, one in enumerate(own)]
    assert learn(always) is None


def test_a_channel_of_one_person_is_their_own() -> None:
    lone = judged(1, 400, 1, 4.0)
    taste = learn(lone, own=True)
    assert taste is not None
    assert taste.lean[0] > 0.3
    assert learn(lone[: MIN_JUDGEMENTS - 1], own=True) is None


def test_the_shift_has_a_limit() -> None:
    strong = [
        dataclasses.replace(one, latent=tuple(9 * x for x in one.latent)) for one in judged(1, 800, 20, 9.0)
    ]
    taste = learn(strong)
    assert taste is not None
    assert taste.far == pytest.approx(1, abs=1e-4)
    assert float(np.linalg.norm(taste.lean)) <= MOST * math.sqrt(SIZE) * 1.0001


def test_where_all_say_the_same_of_all_replies_nothing_is_agreed_on() -> None:
    draw = np.random.default_rng(0)
    for value in (0.1, 0.3, 0.7, 0.9, -0.6):
        for _ in range(200):
            number = int(draw.integers(12, 60))
            latents = draw.normal(size=(number, 8))
            people = draw.integers(5, size=number).tolist()
            assert learn_columns(people, [value] * number, latents) is None


def test_what_is_agreed_on_as_far_as_chance_is_is_nothing_in_any_order() -> None:
    # of four replies one lies far off; of twelve people those three who judge it bring just what chance does
    latents = np.repeat([[0.0], [0.0], [0.0], [1e9]], 3, axis=0) * np.ones(32)
    draw = np.random.default_rng(0)
    values = np.array([1, 1, 1, 1, 1, 1, 1, -1, -1, 1, -1, -1])
    for _ in range(50):
        order = draw.permutation(12)
        assert learn_columns(list(range(12)), values[order], latents[order]) is None


def plainly(judged: Sequence[JudgedLatent], *, own: bool = False) -> Taste | None:
    """The same, one judgement after the other."""
    votes = Counter(one.person for one in judged)
    if len(judged) < 12 or (len(votes) < 3 and not own):
        return None
    everybody = math.fsum(one.value for one in judged) / len(judged)
    sums: dict[str, float] = defaultdict(float)
    for one in judged:
        sums[one.person] += one.value
    middle = np.mean([one.latent for one in judged], axis=0)
    spread, brought = 0.0, defaultdict[object, Any](float)
    for number, one in enumerate(judged):
        mean = (sums[one.person] + 2 * everybody) / (votes[one.person] + 2)
        weight, against = votes[one.person] ** -0.5, one.value - mean
        spread += 0.5 * weight * against**2
        brought[number if own else one.person] += weight * against * (np.array(one.latent) - middle)
    if spread < 1e-12:
        return None
    difference = sum(brought.values())
    alone = sum(part @ part for part in brought.values())
    size = len(middle)
    share = 1 - (1 + 2 * math.sqrt(2 / size)) * alone / (difference @ difference)
    if share <= 0:
        return None
    lean = share * difference / spread
    lean = lean * min(1.0, MOST * math.sqrt(size) / np.linalg.norm(lean))
    return Taste(tuple(lean.tolist()), len(judged), len(votes))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 30), st.sampled_from([0.5, 3.0]), st.booleans()
)
def test_it_is_what_comes_of_it_judgement_by_judgement(
    seed: int, number: int, people: int, pull: float, own: bool
) -> None:
    rows = judged(seed, number, people, pull, size=8)
    found, plain = learn(rows, own=own), plainly(rows, own=own)
    assert (found is None) == (plain is None)
    if found is not None and plain is not None:
        assert found.lean == pytest.approx(plain.lean, abs=1e-6)
        assert (found.judgements, found.people) == (plain.judgements, plain.people)


# --- in the journal

HERE = Place("discord", guild="900001", channel="800002")


def fill(
    journal: Journal, place: Place = HERE, *, number: int = 600, people: int = 12, pull: float = 4.0
) -> None:
    journal._db.execute("PRAGMA synchronous = OFF")  # a test may lose power
    first = journal.counts().generations
    for n, one in enumerate(judged(7, 600, people, pull, size=8), first):
        made = reply(f"g{n}", drafts=(draft(latent=one.latent),), model=MODEL)
        journal.record(Request("chat"), made, "asker", place)
        journal.react(Fact(f"g{n}", one.person, "button", one.value))


def test_it_is_learnt_shown_and_given_to_requests(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        fill(journal)
        assert wished(journal, "1", HERE.channel).leans == {}
        assert set(learn_tastes(journal, dry_run=True)) == {(journal._hash("channel", HERE.channel), MODEL)}
        assert tastes_in(journal, [HERE.channel]) == []
        learn_tastes(journal)
        [taste] = tastes_in(journal, ["1", HERE.channel, "2"])
        assert (taste.channel, taste.judgements, taste.people) == (HERE.channel, 600, 12)
        asked = wished(journal, "1", HERE.channel).of(Request("chat", "你好"))
        assert asked.leans[MODEL][0] > 0.2
        assert asked.channel == journal._hash("channel", HERE.channel)
        assert Request.from_json(asked.to_json()) == asked
        assert wished(journal, "1", "").of(Request("chat")) == Request("chat")


def test_a_channels_newest_judgements_are_what_it_learns_from(tmp_path: Path) -> None:
    now = 1000.0
    with Journal(tmp_path / "j.db", clock=lambda: now) as journal:
        rows = []
        for turn, pull in enumerate((-4.0, 4.0, 4.0, 4.0, 4.0)):
            now = 1000.0 * (5 - turn)  # written later, of an earlier time
            fill(journal, pull=pull)
            rows += judged(7, 600, 12, pull, size=8)
        [taste] = learn_tastes(journal).values()
        assert NEWEST == 2000 < len(rows)
        newest = [row for start in (0, 600, 1200) for row in reversed(rows[start : start + 600])] + rows[
            2200:2400
        ]
        kept = [dataclasses.replace(row, latent=tuple(np.float32(row.latent).tolist())) for row in newest]
        plain = plainly(kept)
        assert plain is not None
        assert taste.lean == pytest.approx(plain.lean, abs=1e-6)
        assert (taste.judgements, taste.people) == (2000, 12)


def test_a_reset_makes_earlier_judgements_count_no_more(tmp_path: Path) -> None:
    now = 1000.0
    with Journal(tmp_path / "j.db", clock=lambda: now) as journal:
        fill(journal)
        learn_tastes(journal)
        now = 2000.0
        assert reset_tastes(journal, [HERE.channel, "elsewhere"]) == 1
        assert wished(journal, "1", HERE.channel).leans == {}
        assert learn_tastes(journal) == {}
        now = 3000.0
        fill(journal)
        learn_tastes(journal)
        [taste] = tastes_in(journal, [HERE.channel])
        assert taste.judgements == 600


def nothing_left(journal: Journal, *names: str) -> None:
    """No table holds any of these people or channels, nor a taste."""
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = journal.path.read_bytes()
    for kind in ("person", "channel"):
        for name in names:
            assert journal._hash(kind, name).encode() not in raw, (kind, name)
    for table in ("tastes", "manners"):
        assert journal._db.table(table).count == 0


def test_forget_me_leaves_no_taste_that_was_learnt_with_me(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        fill(journal)
        set_manner(journal, "p3", Manner("lively", "short"))
        learn_tastes(journal)
        journal.forget("p3")
        assert tastes_in(journal, [HERE.channel]) == []
        nothing_left(journal, "p3")
        learn_tastes(journal)
        [taste] = tastes_in(journal, [HERE.channel])
        assert taste.people == 11
        # the one who asked takes all replies along
        journal.forget("asker")
        nothing_left(journal, "p3", "asker", HERE.channel)


def test_what_is_kept_of_a_person_shows_their_choice_and_is_whole(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        fill(journal)
        set_manner(journal, "asker", Manner("lively", "short"))
        mine = json.loads(belongings(journal, "asker"))
        assert [(row["tone"], row["length"]) for row in mine["manners"]] == [("lively", "short")]
        assert len(mine["generations"]) == 600
        assert len(mine["generations"][0]["latent"]) == 8
        assert kept_of(journal, "asker").others["manners"] == 1


def test_what_grows_too_old_leaves_the_taste_of_the_rest(tmp_path: Path) -> None:
    now = 0.0
    with Journal(tmp_path / "j.db", clock=lambda: now) as journal:
        fill(journal)
        now = 90 * 86_400.0
        fill(journal)
        learn_tastes(journal)
        assert tastes_in(journal, [HERE.channel])[0].judgements == 1200
        # of a channel that loses nothing nothing is learnt anew: every reply waits meanwhile
        kept = {
            "channel": "another",
            "model": MODEL,
            "lean": "[0.1]",
            "judgements": 3,
            "people": 3,
            "at": 0.0,
        }
        journal._db.table("tastes").insert(kept)
        forget_old(journal, 30)
        assert tastes_in(journal, [HERE.channel])[0].judgements == 600
        assert list(journal._db.table("tastes").rows_where("channel = 'another'")) == [kept]
        here = journal._hash("channel", HERE.channel)
        assert learn_tastes(journal, here) == learn_tastes(journal)


def test_a_server_that_is_forgotten_takes_its_tastes_along(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        fill(journal)
        learn_tastes(journal)
        reset_tastes(journal, [HERE.channel])
        fill(journal)
        learn_tastes(journal)
        forget_guild(journal, HERE.guild)
        nothing_left(journal, HERE.channel)


def test_channels_do_not_mix_and_direct_messages_are_ones_own(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        fill(journal)
        fill(journal, Place("discord", "900001", "800003"), pull=0.0)
        fill(journal, Place("discord", "", "700001"), people=1)
        fill(journal, Place("discord", "900001", "800004"), people=1)
        fill(journal, Place("console"))
        learn_tastes(journal)
        found = tastes_in(journal, [HERE.channel, "800003", "700001", "800004", ""])
        assert [taste.channel for taste in found] == [HERE.channel, "700001"]


def test_a_union_keeps_choices_and_resets_and_learns_tastes_anew(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.db") as journal:
        fill(journal)
        learn_tastes(journal)
    merge(tmp_path / "b.db", tmp_path / "a.db")
    with Journal(tmp_path / "a.db") as journal:
        set_manner(journal, "1", Manner("lively"))
        reset_tastes(journal, ["5"])
    merge(tmp_path / "b.db", tmp_path / "a.db")
    with Journal(tmp_path / "b.db") as journal:
        assert manner_of(journal, "1") == Manner("lively")
        assert tastes_in(journal, [HERE.channel]) == []
        assert set(learn_tastes(journal)) == {(journal._hash("channel", HERE.channel), MODEL)}
        assert journal._db.table("taste_resets").count == 1


# --- how a person wants to be written to


def test_a_choice_is_kept_changed_and_taken_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        assert manner_of(journal, "1") == Manner()
        assert set_manner(journal, "1", Manner("lively", "short"))
        assert manner_of(journal, "1") == Manner("lively", "short")
        assert manner_of(journal, "2") == Manner()
        asked = wished(journal, "1", "").of(Request("chat"))
        assert (asked.tone, asked.length) == ("lively", "short")
        said = wished(journal, "1", "").of(Request("chat", tone="steady", length="long"))
        assert (said.tone, said.length) == ("steady", "long")
        assert set_manner(journal, "1", Manner())
        nothing_left(journal, "1")
        with pytest.raises(ValueError, match="manner"):
            set_manner(journal, "1", Manner("rude"))


def test_who_wants_nothing_kept_has_no_choice_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        set_manner(journal, "1", Manner("lively"))
        journal.set_keep("1", False)
        assert manner_of(journal, "1") == Manner()
        assert not set_manner(journal, "1", Manner("steady"))
        assert set_manner(journal, "1", Manner())  # taking it back is always possible


# --- in the engine


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def engine(models: Path) -> Engine:
    made = Engine(models=models, book=False)
    task = made.tasks["continue"]
    made.tasks["continue"] = dataclasses.replace(
        task, decoding=dataclasses.replace(task.decoding, abstain=-1.0)
    )
    return made


PROSE = Request("continue", "今天第3次见面，你好吗？", seed=5)
VERSE = Request("poem", "秋夜", {"form": "wujue"}, seed=9)


def plain(written: Reply) -> str:
    return dataclasses.replace(written, generation="", milliseconds=0.0).to_json()


@pytest.mark.parametrize("asked", [PROSE, VERSE], ids=["prose", "verse"])
def test_a_taste_moves_the_latents_is_logged_and_replays(engine: Engine, asked: Request) -> None:
    today = engine.write_now(asked)
    model = today.model
    moved = engine.write_now(dataclasses.replace(asked, leans={model: (0.5, 0.0, 0.0, 0.0), "x@1": (9.0,)}))
    assert moved.decoding == {**today.decoding, "lean": [0.5, 0.0, 0.0, 0.0]}
    spread = today.decoding["spread"]
    drawn = spread * latents(asked.seed or 0, today.decoding["drafts"], 4).numpy()
    assert len(moved.drafts) > 1
    for one in moved.drafts:
        away = np.abs(np.array(one.latent) - np.array([0.5, 0, 0, 0]) - drawn).max(axis=1)
        assert away.min() < 1e-5
    assert plain(engine.replay(asked, moved)) == plain(moved)
    if moved.form is not None:
        assert moved.form.ok
    # another model's taste is none of this one's
    other = engine.write_now(dataclasses.replace(asked, leans={"talk@other": (0.5, 0.0, 0.0, 0.0)}))
    assert plain(other) == plain(today)


def test_short_and_long_are_what_they_say_and_replay(engine: Engine) -> None:
    def lengths(wanted: str) -> float:
        total = 0
        for seed in range(12):
            asked = dataclasses.replace(PROSE, length=wanted, seed=seed)
            written = engine.write_now(asked)
            assert ("ending" in written.decoding) == bool(wanted)
            total += len(written.text)
            if wanted and seed < 2:
                assert plain(engine.replay(PROSE, written)) == plain(written)
        return total / 12

    short, usual, long = lengths("short"), lengths(""), lengths("long")
    assert short < usual < long


def test_a_verse_keeps_its_length(engine: Engine) -> None:
    usual = engine.write_now(VERSE)
    for wanted in ("short", "long"):
        assert plain(engine.write_now(dataclasses.replace(VERSE, length=wanted))) == plain(usual)


def test_tones_hold_for_verse_and_prose(engine: Engine) -> None:
    for asked in (PROSE, VERSE):
        usual, lively = engine.write_now(asked), engine.write_now(dataclasses.replace(asked, tone="lively"))
        assert lively.decoding["temperature"] == pytest.approx(1.3 * usual.decoding["temperature"])
