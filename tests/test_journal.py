"""The journal: what is kept, for how long, what stands of people's judgements, what is erased."""

from __future__ import annotations

import math
import os
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from engine.errors import TextTooLong
from engine.journal import Counts, Fact, Forgotten, Journal, Place, TaskCounts
from engine.journal_body import as_kept
from engine.values import Draft, FormCheck, Mark, Problem, Reply, Request
from tests.replies import HERE, WORDS, draft, reply


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with Journal(tmp_path / "data" / "journal.db", clock=clock) as opened:
        yield opened


def everything_in(journal: Journal) -> bytes:
    """The bytes of the file and of its write-ahead log."""
    files = journal.path.parent.glob(journal.path.name + "*")
    return b"".join(file.read_bytes() for file in files if not file.name.endswith("-shm"))


def standing(journal: Journal) -> dict[tuple[str, float], int]:
    found: dict[tuple[str, float], int] = {}
    for signal in journal.signals():
        key = (signal.generation, signal.value)
        found[key] = found.get(key, 0) + 1
    return found


# Replies and their requests

text = st.text(max_size=12)
number = st.floats(allow_nan=False)
mark = st.builds(Mark, text, text, text, text, st.booleans())
drafts = st.builds(
    Draft,
    text=text,
    own_text=text,
    origin=st.sampled_from(["generated", "edited", "book"]),
    latent=st.tuples(number, number, number),
    log_probability=number,
    scores=st.dictionaries(text, number, max_size=2),
    score=number,
)
forms = st.builds(
    FormCheck,
    name=text,
    ok=st.booleans(),
    relaxed=st.tuples(text),
    lines=st.tuples(st.tuples(mark, mark)),
    problems=st.tuples(st.builds(Problem, st.integers(0, 9), st.integers(0, 9), text)),
)
replies = st.builds(
    Reply,
    generation=st.just(""),
    task=text,
    text=text,
    origin=st.sampled_from(["generated", "edited", "book", "fixed"]),
    model=text,
    seed=st.integers(0, 2**63 - 1),
    decoding=st.dictionaries(text, number | text, max_size=2),
    drafts=st.lists(drafts, min_size=1, max_size=3).map(tuple),
    chosen=st.just(0),
    propensity=number,
    lines=st.none() | st.tuples(text, text),
    form=st.none() | forms,
)
requests = st.builds(
    Request,
    task=text,
    text=st.text(st.characters(exclude_categories=[]), max_size=9),  # lone surrogates too
    options=st.dictionaries(text, text, max_size=2),
    context=st.tuples(text, text),
    seed=st.none() | st.integers(0, 2**63 - 1),
)


@pytest.fixture(scope="module")
def shared_journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Journal(tmp_path_factory.mktemp("shared") / "journal.db") as opened:
        yield opened


@settings(deadline=None, max_examples=60)
@given(requests, replies)
def test_a_reply_and_its_request_read_back_the_same(
    shared_journal: Journal, request_: Request, made: Reply
) -> None:
    journal = shared_journal
    made = replace(made, generation=uuid.uuid4().hex)
    assert journal.record(request_, made, "1", HERE)
    assert journal.reply(made.generation) == as_kept(made)
    assert journal.request(made.generation) == request_
    assert journal.given_again(made.generation, replace(request_, seed=5))
    assert not journal.given_again(made.generation, replace(request_, text=request_.text + "!"))
    assert journal.same_text(made.generation, made.text)
    assert not journal.same_text(made.generation, made.text + "!")


def test_words_are_kept_for_their_time_then_only_a_hash_is_left(journal: Journal, clock: Clock) -> None:
    asked = Request("chat", text=WORDS, options={"tone": WORDS}, context=(WORDS,))
    copied = reply(
        text=f"你说“{WORDS}”",
        drafts=(draft(f"你说“{WORDS}”", "你说“□”"), draft(WORDS, "□")),
        lines=(WORDS,),
        form=FormCheck("wujue", ok=True, lines=((Mark("钥", "平", "平", "", True),),)),
    )
    journal.record(asked, copied, "1", HERE)
    clock.now += 24 * 3600 - 1
    assert journal.expire_words() == 0
    assert journal.request("g1") == asked
    assert journal.reply("g1") == as_kept(copied)
    assert WORDS.encode() in everything_in(journal)
    clock.now += 1
    assert journal.request("g1") is None  # also before anybody erases it
    assert journal.expire_words() == 1
    left = journal.reply("g1")
    assert left is not None
    assert (left.text, left.lines, [d.text for d in left.drafts]) == ("你说“□”", None, ["你说“□”", "□"])
    assert left.form == FormCheck("wujue", ok=True)
    assert left.latent == copied.latent
    assert journal.given_again("g1", asked)
    assert journal.same_text("g1", copied.text)
    assert WORDS.encode() not in everything_in(journal)


def test_expired_words_are_erased_when_the_journal_opens_and_while_it_records(tmp_path: Path) -> None:
    clock = Clock()
    with Journal(tmp_path / "j.db", 1.0, clock=clock) as journal:
        journal.record(Request("chat", text=WORDS), reply("g1"), "1", HERE)
        clock.now += 3601
        journal.record(Request("chat", text="早"), reply("g2"), "1", HERE)
        assert WORDS.encode() not in everything_in(journal)
        assert journal.request("g2") is not None
    clock.now += 3601
    with Journal(tmp_path / "j.db", clock=clock) as journal:
        assert [*Database(journal.path).query("SELECT * FROM words")] == []


def test_with_zero_hours_no_words_are_kept_and_old_ones_go(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db", 24) as journal:
        journal.record(Request("chat", text=WORDS), reply("g1"), "1", HERE)
    with Journal(tmp_path / "j.db", 0) as journal:
        copied = reply("g2", WORDS, drafts=(draft(WORDS, "□"),))
        journal.record(Request("chat", text=WORDS), copied, "1", HERE)
        assert journal.request("g1") is journal.request("g2") is None
        assert WORDS.encode() not in everything_in(journal)
        assert journal.given_again("g2", Request("chat", text=WORDS))


def test_extracts_and_fixed_sentences(tmp_path: Path) -> None:
    """Of an extract nothing outlives the words; a fixed sentence is ours; neither is judged text."""
    with Journal(tmp_path / "j.db", 0) as journal:
        extract = reply("g1", WORDS, origin="extract", drafts=(draft(WORDS, origin="extract"),))
        fixed = reply("g2", "我在。", origin="fixed", drafts=(draft("我在。", "", origin="fixed"),))
        bare = reply("g3", "我在。", origin="fixed", drafts=())
        for made in (extract, fixed, bare):
            journal.record(Request("summary"), made, "1", HERE)
            journal.react(Fact(made.generation, "2", "reaction", 1.0, "👍"))
        assert journal.same_text("g1", WORDS)
        assert [found.text for found in map(journal.reply, ("g1", "g2", "g3")) if found] == [
            "",
            "我在。",
            "我在。",
        ]
        assert len(list(journal.signals())) == 3
        assert list(journal.judged()) == []
        assert WORDS.encode() not in everything_in(journal)


def test_messages_find_their_reply(journal: Journal) -> None:
    assert not journal.attach("g1", 11)
    journal.record(Request("chat"), reply("g1"), "1", HERE)
    journal.record(Request("chat"), reply("g2"), "1", HERE)
    assert journal.attach("g1", 11)
    assert journal.attach("g1", "12")
    assert journal.attach("g2", 13)
    assert [journal.generation_of(m) for m in (11, 12, "13", 14)] == ["g1", "g1", "g2", None]
    assert journal.reply("nothing") is None
    assert not journal.given_again("nothing", Request("chat"))


def test_the_same_generation_is_not_recorded_twice(journal: Journal) -> None:
    journal.record(Request("chat"), reply("g1"), "1", HERE)
    with pytest.raises(sqlite3.IntegrityError):
        journal.record(Request("chat", text="x"), reply("g1", "另一句"), "1", HERE)
    assert journal.request("g1") == Request("chat")
    assert journal.record(Request("chat"), reply("g2"), "1", HERE)  # no transaction was left open


# Judgements


def test_the_newest_fact_that_stands_is_the_judgement(journal: Journal) -> None:
    journal.record(Request("chat"), reply("g1"), "1", HERE)
    up, down = Fact("g1", "2", "reaction", 1.0, "👍", at=1), Fact("g1", "2", "reaction", -1.0, "👎", at=2)
    journal.react(up)
    assert standing(journal) == {("g1", 1.0): 1}
    journal.react(down)
    assert standing(journal) == {("g1", -1.0): 1}
    journal.react(Fact("g1", "2", "button", 0.5, "better", reason="韵好", at=3))
    journal.react(replace(down, at=4, withdrawn=True))
    assert standing(journal) == {("g1", 0.5): 1}
    journal.react(Fact("g1", "2", "button", 0.0, "better", at=5, withdrawn=True))
    assert standing(journal) == {("g1", 1.0): 1}  # the first 👍 was never taken back
    journal.react(replace(up, at=6, withdrawn=True))
    assert standing(journal) == {}
    journal.react(replace(up, at=7))
    assert standing(journal) == {("g1", 1.0): 1}
    (signal,) = journal.signals()
    assert (signal.kind, signal.reason, signal.at, signal.withdrawn) == ("reaction", "", 7.0, False)


people = st.sampled_from(["2", "3"])
labels = st.sampled_from([("reaction", "👍", 1.0), ("reaction", "👎", -1.0), ("button", "up", 0.5)])
events = st.lists(
    st.tuples(people, st.sampled_from(["g1", "g2"]), labels, st.booleans(), st.integers(0, 5)), max_size=14
)


@settings(deadline=None, max_examples=40)
@given(events)
def test_the_view_agrees_with_a_plain_account_of_the_facts(
    tmp_path_factory: pytest.TempPathFactory, happened: list[Any]
) -> None:
    chains: dict[tuple[str, str, str, str], tuple[int, float, float, bool]] = {}
    with Journal(tmp_path_factory.mktemp("view") / "j.db") as journal:
        for generation in ("g1", "g2"):
            journal.record(Request("chat"), reply(generation), "1", HERE)
        for order, (person, generation, (kind, label, value), withdrawn, at) in enumerate(happened):
            chain = (generation, person, kind, label)
            taken = journal.react(Fact(generation, person, kind, value, label, at=at, withdrawn=withdrawn))
            assert taken == (not withdrawn or chain in chains)
            if taken:
                chains[chain] = (order, at, value, withdrawn)
        expected: dict[tuple[str, str], tuple[int, float, float]] = {}
        for (generation, person, _, _), (*last, withdrawn) in chains.items():
            if not withdrawn:
                expected[generation, person] = max(expected.get((generation, person), (-1,)), tuple(last))
        found = [(s.generation, s.at, s.value) for s in journal.signals()]
        assert sorted(found) == sorted((g, at, value) for (g, _), (_, at, value) in expected.items())


def test_facts_are_never_changed(journal: Journal) -> None:
    journal.record(Request("chat"), reply("g1"), "1", HERE)
    journal.react(Fact("g1", "2", "reaction", 1.0, "👍"))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        Database(journal.path).execute("UPDATE judgements SET value = -1")


def test_cleared_reactions_are_withdrawn_and_other_judgements_stand(journal: Journal) -> None:
    journal.record(Request("chat"), reply("g1"), "1", HERE)
    for person in ("2", "3"):
        journal.react(Fact("g1", person, "reaction", 1.0, "👍", at=1))
    journal.react(Fact("g1", "4", "reaction", -1.0, "👎", at=1))
    journal.react(Fact("g1", "5", "review", -0.5, "bad", at=1))
    journal.react(Fact("g1", "3", "reaction", 1.0, "👍", at=2, withdrawn=True))
    assert journal.clear("g1", "👍", at=3) == 1
    assert standing(journal) == {("g1", -1.0): 1, ("g1", -0.5): 1}
    assert journal.clear("g1", at=4) == 1
    assert journal.clear("g1", at=5) == 0
    assert standing(journal) == {("g1", -0.5): 1}


def test_a_reply_that_was_taken_away_loses_judgements_of_every_kind_and_can_be_judged_anew(
    journal: Journal,
) -> None:
    for generation in ("g1", "g2"):
        journal.record(Request("chat"), reply(generation), "1", HERE)
        journal.react(Fact(generation, "2", "reaction", 1.0, "👍", at=1))
        journal.react(Fact(generation, "2", "button", -1.0, "buttons", "dull", at=2))
        journal.react(Fact(generation, "3", "review", 0.5, "review", at=3))
    journal.react(Fact("g1", "4", "button", 1.0, "buttons", at=4))
    journal.react(Fact("g1", "4", "button", 0.0, "buttons", at=5, withdrawn=True))
    assert journal.clear_all("g1", at=6) == 3
    assert standing(journal) == {("g2", -1.0): 1, ("g2", 0.5): 1}
    assert journal.clear_all("g1", at=7) == 0
    journal.react(Fact("g1", "2", "button", 1.0, "buttons", at=8))
    assert standing(journal) == {("g1", 1.0): 1, ("g2", -1.0): 1, ("g2", 0.5): 1}


def test_a_fact_for_an_unknown_reply_changes_nothing(journal: Journal) -> None:
    assert not journal.react(Fact("nothing", "2", "reaction", 1.0, "👍"))
    assert list(journal.signals()) == []


@pytest.mark.parametrize("value", [1.01, -2.0, math.nan, math.inf])
def test_a_value_outside_its_range_is_a_mistake(value: float) -> None:
    with pytest.raises(ValueError, match="lies in"):
        Fact("g1", "2", "reaction", value)


def test_a_reason_is_short_and_a_kind_is_known() -> None:
    Fact("g1", "2", "button", -1.0, reason="长" * 300)
    with pytest.raises(TextTooLong):
        Fact("g1", "2", "button", -1.0, reason="长" * 301)
    with pytest.raises(ValueError, match="unknown kind"):
        Fact("g1", "2", "vote", 1.0)  # type: ignore[arg-type]


def test_counts(journal: Journal) -> None:
    empty = Counts(0, 0, 0, 0, 0, {})
    assert journal.counts() == empty
    for generation, task in (("g1", "chat"), ("g2", "chat"), ("g3", "poem")):
        journal.record(Request(task), reply(generation, task=task), "1", HERE)
    for person, generation, value in (("2", "g1", 1), ("3", "g1", -1), ("2", "g2", 0), ("2", "g2", 0.5)):
        journal.react(Fact(generation, person, "reaction", value, str(value)))
    assert journal.counts() == Counts(
        generations=3, signals=3, likes=2, dislikes=1, people=2,
        by_task={"chat": TaskCounts(2, 2, 1), "poem": TaskCounts(1, 0, 0)},
    )  # fmt: skip


def test_judged_text_shows_the_bots_own_words_and_closed_options_only(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db", closed_options={"poem": ["form"]}) as journal:
        asked = Request("poem", text=WORDS, options={"theme": WORDS, "form": "wujue"})
        made = reply(task="poem", text=f"{WORDS}云", drafts=(draft(f"{WORDS}云", "□云"),))
        journal.record(asked, made, "person-one", HERE)
        journal.react(Fact("g1", "person-two", "reaction", -1.0, "👎", reason=WORDS, at=5))
        (judged,) = journal.judged()
        assert (judged.task, judged.own_text, judged.value, judged.at) == ("poem", "□云", -1.0, 5.0)
        assert judged.options == {"form": "wujue"}
        assert WORDS not in repr(judged)
        assert "person-two" not in repr(judged)


# People


def test_no_id_of_a_person_guild_or_channel_is_readable(journal: Journal) -> None:
    journal.record(Request("chat"), reply("g1"), "person-700001", HERE)
    journal.react(Fact("g1", "person-700003", "reaction", 1.0, "👍"))
    journal.set_keep("person-700004", False)
    held = everything_in(journal)
    for name in (b"person-7", b"700001", b"700003", b"700004", b"900001", b"800002"):
        assert name not in held


def test_two_journals_hash_differently_and_one_always_the_same(tmp_path: Path) -> None:
    found = []
    for file in ("a.db", "b.db", "a.db"):
        with Journal(tmp_path / file) as journal:
            generation = f"g{len(found)}"
            journal.record(Request("chat"), reply(generation), "1", HERE)
            journal.react(Fact(generation, "2", "reaction", 1.0, "👍", at=len(found)))
            found.append([*journal.signals()][-1].person)
    assert found[0] == found[2] != found[1]


def test_a_forgotten_person_is_nowhere_and_others_are_untouched(journal: Journal) -> None:
    mine, theirs = "只为你写的一句", "给别人写的一句"
    journal.record(Request("chat", text=WORDS), reply("g1", mine), "1", HERE)
    journal.record(Request("chat", context=(WORDS, "嗯")), reply("g2", theirs), "2", HERE)
    journal.record(Request("chat", text="别处的话"), reply("g3", theirs), "2", replace(HERE, channel="5"))
    journal.record(Request("chat", text="私下的话"), reply("g4", theirs), "2", Place("console"))
    journal.attach("g1", 11)
    journal.attach("g2", 12)
    for generation, person in (("g1", "1"), ("g1", "2"), ("g2", "1"), ("g2", "2")):
        journal.react(Fact(generation, person, "button", 1.0, "up", reason=f"reason-{person}"))
    (hashed,) = {s.person for s in journal.signals() if s.reason == "reason-1"}
    assert hashed.encode() in everything_in(journal)

    assert journal.forget("1") == Forgotten(generations=1, facts=3)

    held = everything_in(journal)
    for gone in (hashed, mine, WORDS, "reason-1"):
        assert gone.encode() not in held
    assert journal.reply("g1") is None
    assert journal.generation_of(11) is None
    assert [(s.generation, s.reason) for s in journal.signals()] == [("g2", "reason-2")]
    assert journal.generation_of(12) == "g2"
    assert journal.reply("g2") == reply("g2", theirs)
    assert journal.request("g2") is None  # its context may hold the forgotten person's words
    assert journal.request("g3") == Request("chat", text="别处的话")
    assert journal.request("g4") == Request("chat", text="私下的话")
    assert journal.forget("1") == Forgotten(0, 0)


def test_private_requests_of_a_forgotten_person_go_and_others_private_ones_stay(journal: Journal) -> None:
    journal.record(Request("chat", text=WORDS), reply("g1"), "1", Place("console"))
    journal.record(Request("chat", text="别人的话"), reply("g2"), "2", Place("console"))
    journal.forget("1")
    assert WORDS.encode() not in everything_in(journal)
    assert journal.request("g2") == Request("chat", text="别人的话")


def test_nothing_is_kept_of_a_person_who_refuses_but_they_can_take_back(journal: Journal) -> None:
    journal.record(Request("chat"), reply("g1"), "2", HERE)
    up = Fact("g1", "1", "reaction", 1.0, "👍", at=1)
    journal.react(up)
    assert journal.may_keep("1")
    journal.set_keep("1", False)
    assert not journal.may_keep("1")
    assert not journal.record(Request("chat", text=WORDS), reply("g2"), "1", HERE)
    assert journal.reply("g2") is None
    assert not journal.react(Fact("g1", "1", "reaction", -1.0, "👎", at=2))
    assert journal.react(replace(up, at=3, withdrawn=True))
    assert standing(journal) == {}
    journal.forget("1")
    assert not journal.may_keep("1")  # or they would be kept again without having said so
    journal.set_keep("1", True)
    assert journal.may_keep("1")
    assert journal.react(replace(up, at=4))


@pytest.mark.parametrize("keep", [True, False])
def test_a_reply_on_its_way_is_committed_before_it_is_on_the_disk(journal: Journal, keep: bool) -> None:
    steps: list[str] = []
    told = ("PRAGMA synchronous", "BEGIN", "COMMIT", "ROLLBACK")
    journal._db.conn.set_trace_callback(lambda sql: steps.append(sql) if sql.startswith(told) else None)
    journal.set_keep("1", keep)
    assert journal.record(Request("chat"), reply("g1"), "1", HERE, on_disk=False) is keep
    with Database(journal.path) as other:
        assert other.execute("SELECT count(*) FROM replies").fetchone() == (int(keep),)
    low, full = "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"
    whole = [low, "BEGIN IMMEDIATE", "COMMIT", full]
    assert steps[-4:] == whole
    steps.clear()
    journal.record(Request("chat"), reply("g2"), "2", HERE)
    with pytest.raises(sqlite3.IntegrityError):
        journal.record(Request("chat"), reply("g2"), "2", HERE, on_disk=False)
    assert steps == ["BEGIN IMMEDIATE", "COMMIT", low, "BEGIN IMMEDIATE", "ROLLBACK", full]
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_journal_behind_a_link_is_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "j.db").symlink_to(tmp_path / "real" / "journal.db")
    synced: list[int] = []
    with Journal(tmp_path / "j.db") as journal:
        journal.record(Request("chat"), reply("g1"), "1", HERE, on_disk=False)
        monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
        journal.to_disk()
        assert synced == [(tmp_path / "real" / "journal.db-wal").stat().st_ino]


def test_a_journal_without_a_log_is_on_the_disk(journal: Journal) -> None:
    journal._db.execute("PRAGMA journal_mode = DELETE")
    journal.to_disk()
