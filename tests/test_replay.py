"""A reply of the journal is written again, to the letter: `python -m engine replay`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import Engine, Journal, Place, Reply, Request
from engine.__main__ import main
from tests import tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def asked(models: Path) -> tuple[Request, Reply]:
    request = Request("poem", "秋夜", {"form": "wujue"}, seed=9)
    return request, Engine(models=models).write_now(request)


def kept(folder: Path, asked: tuple[Request, Reply], hours: float) -> Path:
    with Journal(folder / "journal.db", keep_words_hours=hours) as journal:
        journal.record(*asked, "person", Place("console"))
    return folder / "journal.db"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["replay", *arguments, "--json"])
    return done.exit_code, done.output


def test_the_name_is_enough_while_the_words_are_kept(
    tmp_path: Path, models: Path, asked: tuple[Request, Reply]
) -> None:
    file = kept(tmp_path, asked, 24.0)
    code, output = run(asked[1].generation, "--journal", str(file), "--models", str(models))
    assert (code, json.loads(output)["same"]) == (0, True)
    assert json.loads(output)["text"] == asked[1].text


def test_once_they_are_erased_they_must_be_given_again_and_be_the_same(
    tmp_path: Path, models: Path, asked: tuple[Request, Reply]
) -> None:
    file = kept(tmp_path, asked, 0.0)
    base = (asked[1].generation, "--journal", str(file), "--models", str(models), "--set", "form=wujue")
    assert json.loads(run(*base, "秋夜")[1])["same"] is True
    code, output = run(*base, "春夜")
    assert code == 2
    assert "give the words it was asked with" in output


def test_an_unknown_reply_is_said(tmp_path: Path, asked: tuple[Request, Reply]) -> None:
    code, output = run("nothing", "--journal", str(kept(tmp_path, asked, 24.0)))
    assert code == 2
    assert "no reply of this name" in output


def test_words_of_a_corpus_leave_stop_words_and_punctuation_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("今天的天气很好，the weather is nice。\n天气！", "utf-8")
    done = CliRunner().invoke(main, ["words", str(tmp_path / "a.txt"), "--json"])
    counts = {row["word"]: row["count"] for row in map(json.loads, done.output.splitlines())}
    assert counts == {"今天": 1, "天气": 2, "weather": 1, "nice": 1}
