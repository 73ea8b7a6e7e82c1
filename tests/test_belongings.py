"""What is kept of a person, all of it as a file, nothing of it anywhere once forgotten, old replies gone."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from pathlib import Path

import pytest

from engine import tuned
from engine.belongings import belongings, deletions, forget_old, kept_of
from engine.export import export
from engine.guild_settings import GuildSettings
from engine.journal import Fact, Journal, Place
from engine.journal_body import as_json
from engine.journal_guilds import set_guild_settings
from engine.journal_summaries import leave_out
from engine.reviewing import agreement, review, review_queue
from engine.tune import tune
from engine.values import Request
from tests.population import judgements
from tests.replies import WORDS, draft, reply

PERSON, OTHER = "123456789012345678", "222222222222222222"
REPLY, DRAFT, REWRITE = "只写给那个人的一句回答", "没有送出的另一份草稿", "那个人自己的改写"
QUOTED, OWN = "那个人在别处说的秘密", "别人自己的一句话"
GUILD, CHANNEL, DIRECT, QUIET = "900001", "800002", "700003", "800004"


def live(journal: Journal) -> None:
    """A person asks, judges, reports, reviews and decides; another one does too, and quotes the first one
    in a channel where that one never asked."""
    for name, who, place in (
        ("mine", PERSON, Place("discord", GUILD, CHANNEL)),
        ("direct", PERSON, Place("discord", "", DIRECT)),
        ("theirs", OTHER, Place("discord", GUILD, CHANNEL)),
    ):
        text = REPLY if who == PERSON else "别人的回答"
        drafts = (draft(f"{text}{WORDS}", f"{text}□"), draft(DRAFT if who == PERSON else "草稿"))
        request = Request("chat", text=WORDS if who == PERSON else "别的话", context=(WORDS, "嗯"))
        journal.record(request, reply(name, drafts[0].text, drafts=drafts), who, place)
        journal.attach(name, f"55500{len(name)}")
        journal.react(Fact(name, PERSON, "reaction", 1.0, "👍"))
        journal.react(Fact(name, OTHER, "button", -1.0, "down", f"dull\n{REWRITE if who == PERSON else ''}"))
    quoting = reply("quoting", QUOTED, task="translate", drafts=(draft(QUOTED, "□"),))
    quiet = Place("discord", GUILD, QUIET)
    journal.record(Request("translate", text=QUOTED), quoting, OTHER, quiet, others=[PERSON])
    journal.record(Request("chat", text=OWN, context=("嗯",)), reply("alone"), OTHER, quiet)
    journal.react(Fact("theirs", PERSON, "button", -1.0, "report", f"spam\n{REWRITE}"))
    review(journal, "theirs", PERSON, "bad", f"dull\n{REWRITE}", GUILD)
    leave_out(journal, GUILD, [PERSON], True)
    journal.set_keep(PERSON, True)
    set_guild_settings(journal, GUILD, GuildSettings(channels=(CHANNEL,)))


def everywhere(folder: Path, secrets: set[bytes]) -> set[bytes]:
    """Those of the secrets that stand in any file, or in any cell of any table."""
    found = set()
    for file in folder.rglob("*"):
        if file.is_file():
            held = file.read_bytes()
            found |= {secret for secret in secrets if secret in held}
    if not (folder / "journal.db").exists():
        return found
    with sqlite3.connect(folder / "journal.db") as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"'):
                cells = b"\0".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
                found |= {secret for secret in secrets if secret in cells or secret in unpacked(row)}
    return found


def unpacked(row: tuple[object, ...]) -> bytes:
    """The replies that lie in a row packed, as the text they are."""
    texts = []
    for cell in row:
        if isinstance(cell, bytes):
            with contextlib.suppress(Exception):  # a key, a latent: no reply
                texts.append(as_json(cell).encode())
    return b"\0".join(texts)


def packed_bodies(journal: Journal, person: str) -> set[bytes]:
    """Bytes from the middle of each reply as it lies in the file."""
    who = (journal._hash("person", person),)
    bodies = [row[0] for row in journal._db.execute("SELECT body FROM generations WHERE person = ?", who)]
    return {body[len(body) // 2 :][:40] for body in bodies if isinstance(body, bytes)}


def tuned_with(path: Path, models: Path) -> None:
    """A model tuned on judgements of the person and eight others."""
    rows = judgements(3, number=260, people=9, taste=1.0)
    with Journal(path) as journal:
        for number, one in enumerate(rows):
            who = PERSON if one.person == rows[0].person else one.person
            journal.record(
                Request(one.task), reply(f"g{number}", one.own_text, task=one.task), "asker", Place("console")
            )
            reason = f"dull\n{REWRITE}" if who == PERSON and one.value < 0 else ""
            journal.react(Fact(f"g{number}", who, "button", one.value, "up", reason, at=float(number)))
    assert tune(path, models).model


def test_after_forget_me_no_table_and_no_file_has_anything_of_the_person(tmp_path: Path) -> None:
    models = tmp_path / "models"
    tuned_with(tmp_path / "journal.db", models)
    assert sum(file.stat().st_size for file in models.rglob("*") if file.is_file()) > 1000
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        judged = kept_of(journal, PERSON).judgements
        hashes = {journal._hash("person", PERSON), journal._hash("channel", DIRECT)}
        texts = {PERSON, WORDS, REPLY, DRAFT, REWRITE, QUOTED, *hashes}
        # JSON that SQLite holds may spell them as escapes
        secrets = {form for text in texts for form in (text.encode(), json.dumps(text)[1:-1].encode())}
        mine = "SELECT body FROM generations WHERE person = ?"
        # replies are packed: their bytes are looked for, drafts that were not sent stand nowhere else
        packed = {row[0] for row in journal._db.execute(mine, [journal._hash("person", PERSON)])}
        secrets |= packed
        plain = {text.encode() for text in (WORDS, REPLY, REWRITE, QUOTED, *hashes)} | packed
        assert plain <= everywhere(tmp_path, secrets), "the search finds what is there"
        packed = packed_bodies(journal, PERSON)
        assert packed == everywhere(tmp_path, packed), "and what is packed"
        secrets |= packed
        planted = models / "planted"
        planted.write_text(REWRITE)
        assert everywhere(models, secrets) == {REWRITE.encode()}, "models are looked into, and hold nothing"
        planted.unlink()
        journal.forget(PERSON)
        assert everywhere(tmp_path, secrets) == set(), "while it is open"
        assert journal.request("quoting") is None
        assert journal._row("SELECT 1 FROM voices", ()) is None
        assert journal.reply("quoting") is not None
        assert journal.request("alone") == Request("chat", text=OWN, context=("嗯",)), (
            "nothing says it is theirs"
        )
        assert journal.reply("theirs") is not None
        here = [signal.person for signal in journal.signals() if signal.generation == "theirs"]
        assert here == [journal._hash("person", OTHER)]
        assert kept_of(journal, PERSON).nothing
        assert agreement(journal).reviews == 0
        assert deletions(journal)[0][1:] == ("person", 2, judged + 2)
        [(number, *rest)] = journal._db.execute("SELECT * FROM deletions").fetchall()
        assert number == 1
        assert len(rest) == 4, "when, how many, why: no identity"
    assert everywhere(tmp_path, secrets) == set(), "closed"
    export(tmp_path / "journal.db", "csv", tmp_path / "out.csv")
    assert everywhere(tmp_path, secrets) == set(), "nor in an export made afterwards"


def test_a_refusal_alone_is_remembered(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        journal.set_keep(PERSON, False)
        journal.forget(PERSON)
        assert {name: count for name, count in kept_of(journal, PERSON).others.items() if count} == {
            "people": 1
        }
        assert not journal.may_keep(PERSON)


def test_everything_of_a_person_comes_as_a_file_and_nothing_of_others(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        kept = kept_of(journal, PERSON)
        assert (kept.replies, kept.drafts, kept.requests, kept.judgements) == (2, 4, 2, 5)
        assert kept.since > 0
        assert not kept.nothing
        text = belongings(journal, PERSON)
        found = json.loads(text)
        assert {row["id"] for row in found["generations"]} == {"mine", "direct"}
        assert {row["body"]["text"] for row in found["generations"]} == {f"{REPLY}□"}
        assert {row["request"]["text"] for row in found["words"]} == {WORDS}
        # what was said before in a server may be others' words; in direct messages it is one's own
        before = {row["generation"]: row["request"].get("context") for row in found["words"]}
        assert before == {"mine": None, "direct": [WORDS, "嗯"]}
        assert {row["kind"] for row in found["facts"]} == {"reaction", "button", "review"}
        assert len(found["left_out"]) == 1
        # that somebody asked on words of theirs, where only that one sees it, is not told
        assert journal._row("SELECT generation FROM voices", ()) == ("quoting",)
        assert "quoting" not in text
        assert not {"voices", "closed"} & {*found, *kept.others}
        assert QUOTED not in text
        assert journal._hash("person", PERSON) not in text
        assert journal._hash("person", OTHER) not in text
        assert "别人的回答" not in text
        assert kept_of(journal, "nobody").nothing
        assert not any(json.loads(belongings(journal, "nobody")).values())


def test_the_next_model_is_trained_without_who_was_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal(path) as journal:
        rows = judgements(3, number=260, people=9, taste=1.0)
        for number, one in enumerate(rows):
            journal.record(
                Request(one.task), reply(f"g{number}", one.own_text, task=one.task), "asker", Place("console")
            )
            journal.react(Fact(f"g{number}", one.person, "button", one.value, "up", at=float(number)))
    people = {one.person for one in rows}
    before = tune(path, tmp_path / "models", dry_run=True)
    with Journal(path) as journal:
        forgotten = rows[0].person
        journal.forget(forgotten)
        left = [one for one in rows if one.person != forgotten]
        assert sum(1 for _ in journal.judged()) == len(left)
    after = tune(path, tmp_path / "models")
    assert (before.people, after.people) == (len(people), len(people) - 1)
    assert after.judgements == len(left)
    if after.model:
        report = tuned.read_report(tmp_path / "models", "reward", after.model) or {}
        assert (report["parent"], report["judgements"]) == ("", len(left))
        assert report["since"] <= report["until"]


def test_what_is_older_than_the_setting_goes_and_is_counted_without_names(tmp_path: Path) -> None:
    now = [1e9]
    with Journal(tmp_path / "journal.db", clock=lambda: now[0]) as journal:
        for number in range(5):
            now[0] = 1e9 + number * 86_400
            journal.record(Request("chat", text=WORDS), reply(f"g{number}", REPLY), PERSON, Place("console"))
            journal.react(Fact(f"g{number}", OTHER, "button", 1.0, "up"))
        assert forget_old(journal, 0) == dataclasses.replace(forget_old(journal, 30), generations=0)
        gone = forget_old(journal, 2.5)
        assert (gone.generations, gone.facts) == (2, 2)
        assert journal.counts().generations == 3
        assert deletions(journal) == ((now[0], "age", 2, 2),)
        assert len(review_queue(journal, "mo")) == 3
        [cell] = journal._db.execute("SELECT judged FROM cells WHERE by = 'all'").fetchall()
        assert cell == (3,)


@pytest.mark.parametrize("days", [0, 30])
def test_nothing_too_old_leaves_no_mark(tmp_path: Path, days: float) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        assert forget_old(journal, days).generations == 0
        assert deletions(journal) == ()
