"""The engine's command line: what it prints, where, and with which status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from engine.__main__ import main
from engine.command_line import finite, spread
from engine.journal import Journal
from tests import tiny

ROOT = Path(__file__).resolve().parent.parent
TOWER = "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼\n"


def run(*arguments: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(
        main, [str(one) for one in arguments], input=stdin, prog_name="python -m engine"
    )


def objects(result: Result) -> list[dict[str, object]]:
    """What stdout holds, which must be JSON objects and nothing else."""
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    file = tmp_path / "journal.db"
    Journal(file).close()
    return file


def refused(result: Result, status: int, words: str) -> None:
    """Failed with this status and exactly one sentence, on stderr."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


# --- usage


@pytest.mark.parametrize("command", ["", *main.commands])
def test_every_command_has_help(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "command"),
        (["write"], "No such command 'write'"),
        (["generate"], "Missing argument 'TASK'"),
        (["generate", "novel"], "no task named novel; choose one of: ad, ask, blend, chat, continue, poem"),
        (["generate", "poem", "--set", "form"], "KEY=VALUE"),
        (["generate", "poem", "--set", "form=sonnet"], "choose one of: wujue, qijue"),
        (["generate", "poem", "--set", "colour=red"], "has these options: form"),
        (["generate", "poem", "山" * 201], "shorten it to 200"),
        (["generate", "chat"], "no text"),
        (["generate", "summary", "x"], "no task named summary"),
        (["generate", "poem", "-n", "0"], "0 is not in the range"),
        (["generate", "poem", "--seed", "x"], "not a valid int"),
        (["check-verse"], "Missing option '--form'"),
        (["check-verse", "--form", "sonnet"], "no verse form named sonnet"),
        (["summarize", "nowhere.jsonl"], "nowhere.jsonl"),
        (["train", "--config", "verse"], "Missing option '--out'"),
        (["train", "--config", "verse", "--out", "run"], "either --data or --prepared"),
        (["train", "--config", "verse", "--data", "nowhere", "--out", "x"], "'nowhere' does not exist"),
        (["train", "--config", "nothing", "--data", __file__, "--out", "x"], "no such configuration"),
        (["evaluate", "verse", "--data", "nowhere"], "'nowhere' does not exist"),
        (["tune", "--journal", "nowhere"], "'nowhere' does not exist"),
        (["promote"], "Missing argument 'MODEL'"),
        (["export", "--journal", __file__, "--format", "xml", "--out", "x"], "'xml' is not one of"),
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(arguments: Sequence[str], words: str) -> None:
    refused(run(*arguments), 2, words)


def test_other_failures_are_one_sentence_and_status_1(tmp_path: Path, journal: Path) -> None:
    refused(run("promote", "reward", "--models", tmp_path), 1, "reward")
    refused(run("rollback", "reward", "--models", tmp_path), 1, "no earlier version")
    refused(run("evaluate", "nothing", "--data", __file__), 1, "The model nothing was not found")
    refused(run("generate", "poem", "--model", tmp_path / "none"), 1, "The model none was not found")
    refused(run("tune", "--journal", journal, "--models", tmp_path), 1, "tuning needs at least")
    refused(run("tune", "--journal", __file__, "--models", tmp_path), 1, "cannot be opened")
    nowhere = tmp_path / "no folder" / "out.csv"
    refused(run("export", "--journal", journal, "--format", "csv", "--out", nowhere), 1, "No such file")


def test_the_process_ends_with_the_same_status_and_sentence() -> None:
    command = [sys.executable, "-m", "engine", "generate", "novel"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no task named novel")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_has_enough_gets_no_traceback() -> None:
    command = f"{sys.executable} -m engine --help | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith("Usage")


# --- check-verse


def test_a_verse_is_held_to_its_form() -> None:
    assert objects(run("check-verse", "--form", "wujue", "--json", stdin=TOWER)) == [
        {"ok": True, "problems": []}
    ]
    (wrong,) = objects(run("check-verse", "--form", "五绝", "--json", stdin=TOWER.replace("流", "水")))
    assert wrong["ok"] is False
    assert {"line": 2, "position": 5, "rule": "tone"} in list(wrong["problems"])  # type: ignore[call-overload]


def test_punctuation_parts_lines_and_a_blank_line_parts_verses() -> None:
    one_line = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
    verses = f"{one_line}\r\n\r\n\n{TOWER}\n白日\n"
    found = objects(run("check-verse", "--form", "wujue", "--json", stdin=verses))
    assert [one["ok"] for one in found] == [True, True, False]


def test_people_get_lines_to_read() -> None:
    result = run("check-verse", "--form", "wujue", stdin=TOWER.replace("流", "水"))
    assert result.stdout.startswith("wujue")
    assert "line 2, character 5: tone" in result.stdout


def test_english_verse_is_held_to_its_form_and_an_unknown_word_is_only_said() -> None:
    pond = "An old silent pond,\na frog jumps into the pond.\nSplash! Silence again.\n"
    brillig = pond.replace("An old silent", "A small brillig")
    found = objects(run("check-verse", "--form", "haiku", "--json", stdin=f"{pond}\n{brillig}"))
    assert found == [
        {"ok": True, "problems": []},
        {"ok": True, "problems": [{"line": 1, "position": 3, "rule": "unsure"}]},
    ]
    assert "line 1: length" in run("check-verse", "--form", "haiku", stdin=pond.replace("old ", "")).stdout


def test_nothing_at_all_is_no_verse() -> None:
    (found,) = objects(run("check-verse", "--form", "qijue", "--json"))
    assert found["ok"] is False


def test_what_is_not_utf8_is_refused() -> None:
    result = CliRunner().invoke(main, ["check-verse", "--form", "wujue"], input=TOWER.encode("gb18030"))
    refused(result, 2, "not UTF-8")


# --- summarize


def test_a_summary_names_the_ids_as_the_file_spells_them(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    words = [
        "周六我们去爬山吧，早上八点在南门集合。",
        "好，我带水和面包，你们带水果。",
        "下雨的话改到周日，还是八点。",
    ]
    rows = [{"id": n, "author": "甲乙"[n % 2], "minute": n, "text": text} for n, text in enumerate(words)]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (found,) = objects(run("summarize", file, "--points", "2", "--json"))
    assert set(found) == {"title", "points"}
    points = found["points"]
    assert isinstance(points, list)
    assert 1 <= len(points) <= 2
    for point in points:
        assert point["sources"]
        assert all(isinstance(source, int) for source in point["sources"])
    for line in run("summarize", file).stdout.splitlines()[1:]:
        assert line.startswith("- ")


def test_a_summary_of_nothing_or_with_two_limits_is_refused(tmp_path: Path) -> None:
    refused(run("summarize", "-"), 2, "nothing to summarise")
    refused(run("summarize", "-", stdin="{"), 2, "line 1 is not JSON")
    refused(run("summarize", "-", "--points", "1", "--characters", "9"), 2, "not both")


# --- train, evaluate, generate


def test_a_model_is_trained_resumed_and_measured(tmp_path: Path) -> None:
    out = tmp_path / "verse"
    data = tiny.write_verses(tmp_path)
    command = ["train", "--config", tiny.write_config(tmp_path, "verse"), "--device", "cpu", "--out", out]
    (first,) = objects(run(*command, "--data", data, "--json"))
    assert first["step"] == 2
    (more,) = objects(run(*command, "--set", "training.steps=4", "--resume", "--data", data, data, "--json"))
    assert more["step"] == 4
    small = ("--samples", "4", "--importance", "2", "--examples", "8")
    (figures,) = objects(run("evaluate", out, "--data", data, *small, "--json"))
    for name in ("examples", "tokens", "nll", "ppl", "bits_per_char", "elbo", "kl", "mi", "active_units"):
        assert isinstance(figures[name], int | float), name
    assert {"distinct_2", "self_bleu_4"} <= set(figures)


def test_generate_prints_a_reply_a_line(models: Path) -> None:
    command = ["generate", "poem", "春", "--model", models / "verse", "-n", "2", "--seed", "5", "--json"]
    found = objects(run(*command))
    assert [one["seed"] for one in found] == [5, 6]
    for one in found:
        assert set(one) == {"task", "text", "lines", "form", "model", "seed", "score", "novelty", "ms"}
        assert isinstance(one["form"], dict)
        assert set(one["form"]) == {"name", "ok", "relaxed"}
        assert one["form"]["name"] == "qijue"
        assert isinstance(one["lines"], list)
        assert [len(line) for line in one["lines"]] == [7] * 4
        assert str(one["model"]).startswith("verse@")


def test_the_same_seed_is_the_same_text_in_two_processes(models: Path) -> None:
    command = ["generate", "poem", "雨", "--set", "form=wujue", "--seed", "7", "--json"]
    command += ["--model", str(models / "verse")]
    (here,) = objects(run(*command))
    done = subprocess.run(
        [sys.executable, "-m", "engine", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    there = json.loads(done.stdout)
    del here["ms"], there["ms"]
    assert here == there


def test_people_get_the_text_alone(models: Path) -> None:
    result = run("generate", "poem", "--model", models / "verse", "--seed", "1", "-n", "2")
    verses = result.stdout.split("\n\n")
    assert [len(verse.split()) for verse in verses] == [4, 4]


def test_a_cry_for_help_gets_the_fixed_words(models: Path) -> None:
    (found,) = objects(run("generate", "chat", "我不想活了", "--json"))
    assert found["model"] == "fixed"
    assert (found["lines"], found["form"]) == (None, None)
    assert "12356" in str(found["text"])


def test_the_language_is_that_of_the_text_unless_it_is_said() -> None:
    (found,) = objects(run("generate", "chat", "I want to kill myself", "--json"))
    assert "988" in str(found["text"])
    (found,) = objects(run("generate", "chat", "I want to kill myself", "--locale", "zh-CN", "--json"))
    assert "12356" in str(found["text"])


# --- export


@pytest.mark.parametrize("kind", ["kto", "dpo", "csv"])
def test_an_empty_journal_exports_nothing(kind: str, journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (found,) = objects(run("export", "--journal", journal, "--format", kind, "--out", out, "--json"))
    assert found == {"out": str(out), "rows": 0}
    assert out.exists()


# --- parts


def test_an_option_may_take_several_values() -> None:
    several = {"--data", "--exclude"}
    assert spread(["--data", "a", "b", "--out", "c", "--data", "d"], several) == (
        ["--data", "a", "--data", "b", "--out", "c", "--data", "d"]
    )
    assert spread(["--data", "a", "--", "b"], several) == ["--data", "a", "--", "b"]
    assert spread(["x", "y"], several) == ["x", "y"]


@given(st.lists(st.sampled_from(["--data", "--out", "a", "b", "-", "--"])))
def test_spreading_twice_is_spreading_once(arguments: list[str]) -> None:
    once = spread(arguments, {"--data"})
    assert spread(once, {"--data"}) == once


LEAVES = st.floats() | st.integers() | st.text(max_size=3)


@given(st.recursive(LEAVES, lambda v: st.lists(v) | st.dictionaries(st.text(max_size=3), v), max_leaves=5))
def test_whatever_is_emitted_is_json(value: object) -> None:
    json.dumps(finite(value), allow_nan=False)
