"""The report: intervals that count people, honesty about few, every way of looking, one server apart."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import tuned
from engine.__main__ import main
from engine.journal import Fact, Journal, Place
from engine.liked import feedback_report, share_of, sums, wilson
from engine.report_picture import Bar, Panel, picture
from engine.values import Request
from tests.replies import WORDS, draft, reply


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20
    for liked, judged, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
    ):
        assert wilson(liked / judged, judged, 1.959964) == pytest.approx((low, high), abs=5e-5)


def test_intervals_cover_what_is_true_though_people_differ_and_vote_often() -> None:
    rng = random.Random(5)
    covered = narrow = 0
    for _ in range(400):
        pairs = []
        for person in range(30):
            taste = rng.betavariate(2, 2)  # 0.5 on average
            pairs += [(str(person), rng.random() < taste) for _ in range(rng.choice([1, 2, 5, 20]))]
        share = share_of("all", "", *sums(pairs))
        covered += share.low <= 0.5 <= share.high
        low, high = wilson(share.share, share.judged)
        narrow += low <= 0.5 <= high
    assert 0.92 <= covered / 400 <= 0.99
    assert narrow / 400 < 0.85, "counting judgements instead of people is too sure"


def test_one_busy_person_makes_nothing_certain() -> None:
    share = share_of("all", "", *sums([("busy", True)] * 500))
    assert (share.low, share.high, share.enough) == (0.0, 1.0, False)
    share = share_of("all", "", *sums([("busy", True)] * 500 + [(str(n), False) for n in range(5)]))
    assert share.high - share.low > 0.6


def test_where_everybody_agrees_each_counts_for_one() -> None:
    share = share_of("all", "", *sums([(str(n), True) for n in range(10) for _ in range(50)]))
    assert share.share == 1.0
    assert 0.6 < share.low < 0.75, "ten people, not five hundred"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with Journal(path) as opened:
        for number in range(40):
            drafts = (draft("好", score=0.9), draft("坏", score=0.1))
            written = reply(
                f"g{number:02}",
                task="poem" if number % 2 else "chat",
                drafts=drafts,
                chosen=int(number % 4 == 0),
                model=f"talk@{number % 2}",
            )
            where = Place("discord", "1" if number < 30 else "2", str(number % 3))
            opened.record(Request("chat", text=WORDS), written, "asker", where)
            for person in range(6):
                at = 1_760_000_000 + 86_400 * number
                liked = 1.0 if (number + person) % 3 else -1.0
                opened.react(Fact(f"g{number:02}", f"p{person}", "button", liked, "up", WORDS, at=at))
        opened.react(Fact("g01", "mo", "review", -1.0, "review", "bad"))
    return path


def test_every_way_adds_up_and_a_server_sees_only_its_own(journal: Path) -> None:
    with Journal(journal) as opened:
        everything, here = feedback_report(opened), feedback_report(opened, "1", ["0", "1"])
    assert (everything.whole.judged, here.whole.judged) == (240, 180)
    assert here.whole.people == 6
    assert everything.whole.people == 12, "a person counts once a server"
    for way in ("task", "model", "week"):
        assert sum(share.judged for share in everything.by(way)) == 240
    names = {share.name for share in here.by("channel")}
    assert {"0", "1"} < names
    assert len(names) == 3
    assert {share.name: share.judged for share in here.by("draft")} == {"best": 132, "other": 48}
    weeks = [int(share.name) for share in here.by("week")]
    assert weeks == sorted(weeks)
    assert all((week - 345_600) % 604_800 == 0 for week in weeks), "Mondays"


def test_everywhere_channels_have_labels_and_nobodys_channel_is_singled_out(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as opened:
        for number, (guild, channel, people) in enumerate(
            [("1", "123456789012345678", 9), ("2", "222222222222222222", 6), ("2", "3", 4), ("", "4", 6)]
        ):
            for turn in range(5):
                name = f"g{number}-{turn}"
                opened.record(Request("chat"), reply(name), "asker", Place("discord", guild, channel))
                for person in range(people):
                    opened.react(Fact(name, f"p{person}", "button", 1.0 if turn else -1.0, "up"))
        hashes = [
            opened._hash("channel", channel) for channel in ("123456789012345678", "222222222222222222")
        ]
        found = feedback_report(opened).by("channel")
        assert [(one.name, one.people, one.judged) for one in found] == [
            (hashes[0][:8], 9, 45),
            (hashes[1][:8], 6, 30),
        ]
        assert all(one.enough and one.low < 0.8 < one.high for one in found)
        assert feedback_report(opened).by("channel") == found, "the same labels each time"
    options = ["report", "--journal", str(tmp_path / "j.db"), "--models", str(tmp_path)]
    said = CliRunner().invoke(main, [*options, "--json"]).stdout
    listed = [row for row in map(json.loads, said.splitlines()) if row["by"] == "channel"]
    assert [row["name"] for row in listed] == [hashes[0][:8], hashes[1][:8]]
    plain = CliRunner().invoke(main, options).stdout
    assert f"channel {hashes[0][:8]}: 80% liked" in plain
    for text in (said, plain):
        assert "123456789012345678" not in text
        assert hashes[0] not in text


def test_the_command_prints_every_share_and_promotion_and_nobodys_words(
    journal: Path, tmp_path: Path
) -> None:
    version = tmp_path / "models" / "reward" / "abcdef"
    version.mkdir(parents=True)
    (version / tuned.WEIGHTS).touch()
    tuned.write_report(version, {"over_nothing": {"value": 0.05, "low": 0.01, "high": 0.09}})
    tuned._switch(version.parent, "abcdef", "promote")
    options = ["report", "--journal", str(journal), "--models", str(tmp_path / "models")]
    found = CliRunner().invoke(main, [*options, "--json"])
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert rows[0] | {"low": 0, "high": 0} == {
        **{"by": "all", "name": "", "people": 12, "likes": 160, "dislikes": 80, "share": 2 / 3},
        **{"low": 0, "high": 0, "enough": True},
    }
    assert rows[-1]["name"] == "reward/abcdef"
    assert (rows[-1]["gain"], rows[-1]["low"]) == (0.05, 0.01)
    plain = CliRunner().invoke(main, options).stdout
    assert "all: 67% liked" in plain
    assert "promotion reward/abcdef: +0.050 (+0.010 to +0.090)" in plain
    for text in (found.stdout, plain):
        assert WORDS not in text
        assert not re.search(r"\b[0-9a-f]{32}\b", text)
    assert CliRunner().invoke(main, ["report", "--journal", str(tmp_path / "no.db")]).exit_code == 2
    assert CliRunner().invoke(main, [*options, "--picture", "x.gif"]).exit_code == 2


def test_the_picture_has_the_reports_words_and_is_the_same_twice(journal: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    panels = [
        Panel("任务", (Bar("聊天", 0.7, 0.6, 0.8, "9 个"), Bar("作诗", 0.5, 0.1, 0.9, faint=True))),
        Panel("周", tuple(Bar(f"11-{n}", 0.5, 0.4, 0.6) for n in range(12)), weekly=True),
        Panel("empty", ()),
        Panel("gain", (Bar("reward", 0.02, -0.01, 0.05),), gains=True),
    ]
    svg = picture("题目 & <b>", panels, "svg").decode()
    for word in ("聊天", "9 个", "11-0", "题目 &amp; &lt;b&gt;"):
        assert word in svg
    assert "empty" not in svg
    assert picture("题目 & <b>", panels, "svg").decode() == svg
    # a voice channel may be called so; it is no formula
    dollars = (Panel("$\\frac$", (Bar("#win $$ now_$x$", 0.5, 0.4, 0.6),)),)
    assert "#win $$ now_$x$" in picture("t", dollars, "svg").decode()
    assert picture("t", panels).startswith(b"\x89PNG")
    out = tmp_path / "r.svg"
    done = CliRunner().invoke(main, ["report", "--journal", str(journal), "--picture", str(out)])
    assert done.exit_code == 0
    assert "chat" in out.read_text("utf-8")


def test_without_matplotlib_a_sentence_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from engine import ExtraMissing, can_write_chinese, picture\n"
        "assert not can_write_chinese()\n"
        "try: picture('t', [])\n"
        "except ExtraMissing as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "matplotlib" in said.stdout
