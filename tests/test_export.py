"""Exports: three formats, nobody's words and nobody's name in any of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import JournalUnreadable
from engine.export import FORMATS, Format, card_of, export, prompt_of
from engine.journal import Fact, Journal, Place
from engine.values import Draft, Reply, Request

WORDS = "我的钥匙藏在花盆底下"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with Journal(path, closed_options={"poem": ["form"]}) as opened:
        texts = {
            "g1": ("poem", "春江"),
            "g2": ("poem", "□花"),
            "g3": ("poem", "月夜"),
            "g4": ("chat", "=1+1"),
        }
        for generation, (task, own) in texts.items():
            draft = Draft(own.replace("□", WORDS), own, "generated", (), 0.0, {}, 0.0)
            reply = Reply(generation, task, draft.text, "generated", "verse@0", 1, {}, (draft,), 0)
            request = Request(task, text=WORDS, options={"form": "wujue", "theme": WORDS})
            opened.record(request, reply, "person-one", Place("discord", "guild-1", "channel-1"))
        votes = [("g1", "a", 1), ("g1", "b", 0.5), ("g2", "a", -1), ("g2", "b", -0.5), ("g3", "a", 1)]
        for generation, who, value in [*votes, ("g3", "b", -1), ("g4", "a", 1), ("g4", "c", 0)]:
            fact = Fact(generation, f"person-{who}", "button", value, "up", reason=WORDS, at=1234567.0)
            opened.react(fact)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_kto_has_one_line_a_judgement(journal: Path, tmp_path: Path) -> None:
    assert export(journal, "kto", tmp_path / "out") == 7
    rows = lines(tmp_path / "out")
    assert rows[0] == {"prompt": "chat", "completion": "=1+1", "label": True}
    poems = [(row["completion"], row["label"]) for row in rows[1:]]
    assert {row["prompt"] for row in rows[1:]} == {"poem form=wujue"}
    expected = [("春江", True)] * 2 + [("□花", False)] * 2 + [("月夜", False), ("月夜", True)]
    assert sorted(poems) == sorted(expected)


def test_dpo_pairs_a_liked_and_a_disliked_text_of_one_prompt(journal: Path, tmp_path: Path) -> None:
    assert export(journal, "dpo", tmp_path / "out") == 1  # 月夜 is as much liked as disliked
    assert lines(tmp_path / "out") == [{"prompt": "poem form=wujue", "chosen": "春江", "rejected": "□花"}]


def test_csv_has_one_line_a_reply_and_no_formulas(journal: Path, tmp_path: Path) -> None:
    assert export(journal, "csv", tmp_path / "out") == 4
    with (tmp_path / "out").open(encoding="utf-8", newline="") as file:
        rows = {row["completion"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"春江", "□花", "月夜", "'=1+1"}
    first = rows["春江"]
    assert (first["likes"], first["dislikes"], float(first["mean"])) == ("2", "0", 0.75)
    assert (rows["□花"]["mean"], rows["'=1+1"]["likes"]) == ("-0.75", "1")


@pytest.mark.parametrize("format", FORMATS)
def test_no_file_holds_words_people_places_times_or_ids(
    journal: Path, tmp_path: Path, format: Format
) -> None:
    export(journal, format, tmp_path / "out")
    with Journal(journal) as opened:
        hashes = {signal.person for signal in opened.signals()}
    held = (tmp_path / "out").read_text("utf-8")
    for secret in {WORDS, "person-", "guild-1", "channel-1", "1234567", "g1", *hashes}:
        assert secret not in held


def test_a_failed_export_leaves_what_was_there(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("before")
    with pytest.raises(ValueError, match="kto, dpo, csv"):
        export(journal, "xml", tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(JournalUnreadable):
        export(tmp_path / "nothing.db", "kto", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("journal")) == ["out"]


def test_a_prompt_is_the_task_with_its_closed_options() -> None:
    assert prompt_of("poem", {}) == "poem"
    assert prompt_of("summary", {"points": "5", "count": "100"}) == "summary count=100 points=5"


@pytest.mark.parametrize("format", FORMATS)
def test_a_card_lies_beside_the_file_and_says_what_is_in_it(
    journal: Path, tmp_path: Path, format: Format
) -> None:
    rows = export(journal, format, tmp_path / "out")
    card = card_of(tmp_path / "out").read_text("utf-8")
    assert f"{rows} lines about 4 replies: 4 likes, 3 dislikes." in card
    assert "| poem | 3 |" in card
    assert "verse@0" in card
    assert "rule 21" in card
    with Journal(journal) as opened:
        hashes = {signal.person for signal in opened.signals()}
    assert not [secret for secret in {WORDS, "person-", "guild-1", "channel-1", *hashes} if secret in card]


def test_a_server_exports_its_own_alone(journal: Path, tmp_path: Path) -> None:
    assert export(journal, "csv", tmp_path / "out", guild="guild-1") == 4
    assert export(journal, "csv", tmp_path / "out", guild="guild-2") == 0
