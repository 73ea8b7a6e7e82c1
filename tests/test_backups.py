"""Copies of the journal: whole, without requests' words, at an end in time; who was forgotten stays so."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import bot.__main__
from bot.settings import Settings
from engine import Journal, JournalThread
from engine.__main__ import main
from engine.backups import back_up, erase_old, held_until
from engine.errors import BadFile, JournalUnreadable
from engine.journal_guilds import DAY
from engine.journal_union import merge
from tests.discord_world import world
from tests.replies import WORDS
from tests.test_belongings import OTHER, PERSON, REPLY, REWRITE, everywhere, live, packed_bodies

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def test_a_copy_is_whole_but_for_requests_words_while_the_journal_is_in_use(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        before = list(journal.signals())
        file = back_up(journal.path, tmp_path / "backups", NOW)
        assert journal.request("mine") is not None, "the journal keeps them"
        assert len(list(journal._db.execute("SELECT * FROM voices"))) == 1
    assert file.name == "journal-20270115T080000Z.db"
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o077 == 0
    assert WORDS.encode() not in file.read_bytes()
    with Journal(file) as copy:
        assert list(copy.signals()) == before
        assert copy.request("mine") is None
        assert list(copy._db.execute("SELECT * FROM voices")) == [], "nor whose words they were"
        kept = copy.reply("mine")
        assert kept is not None
        assert kept.text == f"{REPLY}□"


def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(JournalUnreadable):
        back_up(tmp_path / "journal.db", tmp_path / "backups")
    Journal(tmp_path / "journal.db").close()
    (tmp_path / "file").touch()
    with pytest.raises(BadFile):
        back_up(tmp_path / "journal.db", tmp_path / "file")
    (tmp_path / "broken.db").write_bytes(b"no journal at all" * 999)
    with pytest.raises(JournalUnreadable):
        back_up(tmp_path / "broken.db", tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


def test_copies_go_by_the_time_in_their_name_and_nothing_else_does(tmp_path: Path) -> None:
    assert erase_old(tmp_path / "nowhere", 30) == 0
    assert held_until(tmp_path / "nowhere", 30) is None
    for name in (
        "journal-20270101T000000Z.db",
        "journal-20270101T000000Z.db.part",
        "journal-20270110T000000Z.db",
    ):
        (tmp_path / name).touch()  # by the file system they are of today
    mine = (
        "journal.db",
        "journal-20270101T000000Z.txt",
        "journal-99999999T999999Z.db",
        "my-journal-20270101T000000Z.db",
    )
    for name in mine:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    assert erase_old(tmp_path, 30, NOW) == 0
    assert erase_old(tmp_path, 10, NOW) == 2
    assert {each.name for each in tmp_path.iterdir()} == {*mine, "journal-20270110T000000Z.db"}
    until = held_until(tmp_path, 10)
    assert until == NOW - 5 * DAY - 8 * 3600 + 10 * DAY
    assert erase_old(tmp_path, 10, until) == 0
    assert erase_old(tmp_path, 10, until + 1) == 1
    assert held_until(tmp_path, 10) is None


def test_after_the_stated_time_no_copy_has_anything_of_who_was_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        texts = (REPLY, REWRITE, journal._hash("person", PERSON))
        secrets = {text.encode() for text in texts} | packed_bodies(journal, PERSON)
        back_up(journal.path, folder, NOW)
        journal.forget(PERSON)
        back_up(journal.path, folder, NOW + DAY)
        held = everywhere(tmp_path, secrets)
        assert {text.encode() for text in texts[1:]} <= held, "the first copy has them still"
        assert erase_old(folder, 30, NOW + 30 * DAY) == 0
        assert everywhere(tmp_path, secrets) == held
        assert erase_old(folder, 30, NOW + 30 * DAY + 1) == 1
        assert everywhere(tmp_path, secrets) == set()
        assert len(list(folder.iterdir())) == 1, "the later copy stays"


def test_a_copy_merged_back_brings_what_was_lost_and_nobody_who_was_forgotten(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        live(journal)
        file = back_up(journal.path, tmp_path / "backups")
        journal.forget(PERSON)
        journal._db.execute(
            "DELETE FROM sent WHERE generation IN (SELECT number FROM replies WHERE id = 'theirs')"
        )
        journal._db.execute(
            "DELETE FROM judgements WHERE generation IN (SELECT number FROM replies WHERE id = 'theirs')"
        )
        assert list(journal.signals()) == []
    merge(tmp_path / "journal.db", file)
    with Journal(tmp_path / "journal.db") as journal:
        assert {signal.person for signal in journal.signals()} == {journal._hash("person", OTHER)}
        assert journal.reply("mine") is None


def test_the_command_says_what_it_made_and_what_it_erased(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.db").close()
    old = tmp_path / "copies" / "journal-20200101T000000Z.db"
    old.parent.mkdir()
    old.touch()
    into = ["--journal", str(tmp_path / "journal.db"), "--into", str(old.parent)]
    result = CliRunner().invoke(main, ["backup", *into, "--keep-days", "7", "--json"])
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["erased"] == 1
    [file] = old.parent.iterdir()
    assert (made["file"], made["bytes"]) == (str(file), file.stat().st_size)


async def test_a_running_moyou_erases_old_copies(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, keep_backups_days=7)
    async with JournalThread(settings.journal) as journal:
        old = back_up(settings.journal, settings.backups, time.time() - 8 * DAY)
        young = back_up(settings.journal, settings.backups, time.time() - 6 * DAY)
        await bot.__main__._forget_old(journal, settings)
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("copied", [True, False])
async def test_forget_me_says_until_when_copies_may_hold_a_person(tmp_path: Path, copied: bool) -> None:
    settings = Settings(member_pace=0, guild_pace=0, data=tmp_path, keep_backups_days=9)
    async with world(tmp_path, settings=settings) as w:
        await w.alice.slash(w.channel, "chat", text="hello")
        until = time.time() + 4 * DAY
        if copied:
            back_up(settings.journal, settings.backups, until - 9 * DAY)
        shown = await w.alice.slash(w.channel, "privacy")
        assert "backups are kept for 9 days at most" in shown.response.content
        await w.alice.click(shown.response, label="Forget me")
        await w.alice.click(shown.response, label="Yes, erase everything")
        said = "Backups may still hold you; the last of them is erased on <t:"
        assert (f"{said}{int(until)}:f>" in shown.response.content) is copied
        assert ("Backups" in shown.response.content) is copied
