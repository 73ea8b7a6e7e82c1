"""The bench of a large journal: copies have names of their own and are judged as often as it says."""

from pathlib import Path

from engine import speed_journal
from engine.journal import Journal
from engine.values import Request
from tests.replies import reply


def test_a_journal_is_filled_with_copies_that_read_as_replies(tmp_path: Path) -> None:
    written = [(Request("chat", text=f"第{n}句"), reply(f"g{n}")) for n in range(4)]
    file = tmp_path / "journal.db"
    speed_journal.fill(file, written, 300)
    with Journal(file) as journal:
        counts = journal.counts()
        assert counts.generations == 300
        assert counts.signals >= speed_journal.SIGNALS * 296
        ids = [row[0] for row in journal._db.execute("SELECT id FROM generations")]
        assert len(set(ids)) == 300
        assert all(journal.reply(each) is not None for each in ids[:20])
        assert journal._db.execute("SELECT count(*) FROM messages").fetchone() == (300,)
        assert journal._db.execute("SELECT count(*) FROM words").fetchone() == (0,)
        assert journal._db.execute("PRAGMA foreign_key_check").fetchall() == []
