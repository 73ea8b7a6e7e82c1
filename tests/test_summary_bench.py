"""What the bench counts, on a log that fits on a page; and that it says what is missing."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import summary_bench, summary_stress
from engine.__main__ import main
from engine.channel_logs import ChannelLog, read_logs
from engine.errors import BadFile
from engine.summarize import summarize

RECORD = {
    "id": "t-1",
    "messages": [
        {"id": 1, "author": "a", "minute": 0, "text": "周六七点集合", "reply_to": None},
        {"id": 2, "author": "b", "minute": 1, "text": "哈哈", "reply_to": None},
        {"id": 3, "author": "c", "minute": 9, "text": "油钱每人四十，转给我", "reply_to": 1},
    ],
    "topics": [{"title": "x", "messages": [1, 2]}, {"title": "y", "messages": [3]}],
    "points": [{"text": "x", "sources": [1], "weight": 3}, {"text": "y", "sources": [3], "weight": 1}],
    "noise": [2],
}
LOG = ChannelLog.of(RECORD)


def test_recall_is_weighted_and_the_budget_is_that_of_first_sources() -> None:
    assert LOG.budget == len("周六七点集合") + len("油钱每人四十，转给我")
    assert LOG.recall({"1"}) == 0.75
    assert LOG.recall({"2"}) == 0.0
    assert LOG.weight_of(["2", "3"]) == 1.0


def test_a_peer_fills_the_budget_in_its_order_and_the_oracle_finds_all() -> None:
    backwards = summary_bench.peer_choice(LOG, lambda texts: [2, 1, 0], "equal length")
    assert backwards == {"3", "2"}
    assert summary_bench.peer_choice(LOG, lambda texts: [1, 0, 2], "gold number") == {"2", "1"}
    assert LOG.recall(summary_bench.oracle_choice(LOG, "equal length")) == 1.0


def test_a_file_that_is_no_log_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "logs.jsonl"
    file.write_text(json.dumps(RECORD) + '\n{"id": "t-2"}\n', "utf-8")
    with pytest.raises(BadFile, match="line 2"):
        read_logs(file)


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="--data"):
        summary_bench.data_file(tmp_path, "lcsts")
    found = CliRunner().invoke(main, ["bench", "summary", "--help"])
    assert "--data" in found.output


def test_headlines_are_measured_beside_their_peers(tmp_path: Path) -> None:
    pytest.importorskip("sumy")
    (tmp_path / "evaluate").mkdir()
    row = {
        "src": "近日，市政府表示，明年春天会在三十条街上种下两千棵树。居民可以提出街道。",
        "summary": "三十条街种两千棵树",
    }
    with gzip.open(tmp_path / summary_bench.FILES["lcsts"], "wt", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    lines = [one.values() for one in summary_bench.lcsts(tmp_path)]
    keys = ["name", "ours", "unit", "peer_name", "peer", "limit", "ratio", "fraction_of_limit", "bar", "ok"]
    assert list(lines[0]) == keys
    assert {line["peer_name"] for line in lines} >= {"LEAD", "LONGEST", "TextRank", "LexRank", "TF-IDF+MMR"}
    assert all(line["fraction_of_limit"] <= 1.01 for line in lines)


@pytest.mark.parametrize(
    "name", [name for name in summary_stress.hostile_logs() if not name.startswith("one ")]
)
def test_hostile_logs_get_an_honest_summary(name: str) -> None:
    messages = summary_stress.hostile_logs()[name]
    summary = summarize(messages, points=5)
    assert summary.quiet or summary.points
    assert summary_bench.found_in_sources(summary, messages)
