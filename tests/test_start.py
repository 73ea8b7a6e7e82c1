"""bot/check.py and bot/__main__.py: what is missing is said in one line each; what starts also stops."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import discord
import pytest

from bot.__main__ import serve, signals_set
from bot.check import address_of, plan, port_problem, problems_of
from bot.invite import invite_link
from bot.metrics import Metrics
from bot.settings import Settings
from engine import BadSetting, Engine, JournalThread, JournalUnreadable, ModelMissing, PromptBroken
from engine.journal import Journal
from tests.tiny import tiny_models

ROOT = Path(__file__).resolve().parent.parent
WAIT = 120


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def settings(models: Path, tmp_path: Path) -> Settings:
    return Settings(models=models, data=tmp_path / "data", port=0, locale="en")


@pytest.fixture
def environment(models: Path, tmp_path: Path) -> dict[str, str]:
    """For a process of its own: nothing of the one the tests run in, English, a free port."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MOYOU_", "DISCORD_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "MOYOU_MODELS": str(models),
        "MOYOU_DATA": str(tmp_path / "data"),
        "MOYOU_PORT": "0",
        "MOYOU_LOCALE": "en",
    }


def bot(environment: Mapping[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=WAIT)


# --- what can be wrong


def test_nothing_is_wrong_and_nothing_is_touched(settings: Settings) -> None:
    assert problems_of(settings) == []
    assert not settings.data.exists()
    lines = list(plan(settings))
    assert lines[0] == "Console: http://127.0.0.1:0/"
    assert lines[1] == "Discord: off (DISCORD_TOKEN is not set)"
    assert lines[2] == "Tasks: /ad /ask /blend /chat /continue /poem /post /story /summary /translate /vary"
    assert lines[3].startswith("Models: ")
    assert "talk@" in lines[3]
    assert "verse@" in lines[3]
    assert lines[4].startswith("Writing: ")
    assert lines[5].endswith("journal.db (made at start)")


def test_with_a_token_the_invite_link_is_said(settings: Settings) -> None:
    token = "MTIzNDU2Nzg5MDEyMzQ1Njc4OQ.GabcdE.x-1234567890_abcdefghijklmnopqrstuvwx"
    with_token = dataclasses.replace(settings, discord_token=token, message_content=True)
    lines = list(plan(with_token))
    assert lines[1].endswith(invite_link("1234567890123456789"))
    assert "Message Content Intent" in lines[2]
    assert token not in "".join(lines)
    assert "x-1234567890" not in "".join(lines)


def test_a_journal_in_use_is_no_problem(settings: Settings) -> None:
    settings.data.mkdir()
    with Journal(settings.journal):
        assert problems_of(settings) == []
    assert not list(plan(settings))[5].endswith("(made at start)")


def test_a_journal_that_is_none_or_cannot_be_made_is_a_problem(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    settings.data.mkdir()
    settings.journal.write_bytes(b"not a database, but longer than a header of one hundred bytes" * 9)
    for wrong in (settings, dataclasses.replace(settings, data=tmp_path / "file" / "below")):
        (problem,) = problems_of(wrong)
        assert isinstance(problem, JournalUnreadable)
        assert problem.fields["file"] == wrong.journal
    settings.journal.unlink()
    settings.journal.mkdir()
    assert isinstance(problems_of(settings)[0], JournalUnreadable)


def test_a_damaged_journal_is_a_problem(settings: Settings) -> None:
    settings.data.mkdir()
    database = sqlite3.connect(settings.journal)
    database.execute("create table a (b text)")
    database.executemany("insert into a values (?)", [("x" * 500,)] * 200)
    database.commit()
    database.close()
    content = bytearray(settings.journal.read_bytes())
    content[4096 : 4096 * 8] = os.urandom(4096 * 7)
    settings.journal.write_bytes(content)
    assert isinstance(problems_of(settings)[0], JournalUnreadable)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_journal_that_may_not_be_written_is_a_problem(settings: Settings) -> None:
    settings.data.mkdir(mode=0o500)
    assert isinstance(problems_of(settings)[0], JournalUnreadable)


def test_missing_models_and_a_broken_prompt_are_two_problems(settings: Settings, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", prompts)
    with (prompts / "poem.toml").open("a", encoding="utf-8") as file:
        file.write("colour = 1\n")
    settings = dataclasses.replace(settings, models=tmp_path / "none", prompts=prompts)
    found = problems_of(settings)
    assert isinstance(found[0], PromptBroken)
    assert found[0].fields["key"] == "decoding.colour"
    shipped = {path.parent.name for path in (ROOT / "engine" / "weights").glob("*/model.safetensors")}
    assert [type(error) for error in found[1:]] == (
        [] if {"talk", "translate", "verse"} <= shipped else [ModelMissing]
    )


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_busy_port_is_a_problem(settings: Settings, busy_port: int) -> None:
    busy = dataclasses.replace(settings, port=busy_port)
    (problem,) = problems_of(busy)
    assert problem.fields["setting"] == "MOYOU_PORT"
    assert str(busy_port) in str(problem)
    assert problems_of(busy, port=False) == []


def test_an_address_that_is_not_this_machines_is_a_problem() -> None:
    error = port_problem(Settings(host="192.0.2.1"), OSError(99, "Cannot assign requested address"))
    assert isinstance(error, BadSetting)
    assert error.fields["setting"] == "MOYOU_HOST"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8642/"),
        ("0.0.0.0", "http://127.0.0.1:8642/"),
        ("::", "http://[::1]:8642/"),
        ("::1", "http://[::1]:8642/"),
        ("localhost", "http://localhost:8642/"),
    ],
)
def test_the_address_is_one_that_can_be_opened(host: str, address: str) -> None:
    assert address_of(Settings(host=host)) == address


# --- the process


def test_check_says_what_would_start(environment: dict[str, str], tmp_path: Path) -> None:
    done = bot(environment, tmp_path, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Everything is in place; Moyou would start."
    assert not (tmp_path / "data").exists()


def test_check_says_everything_that_is_missing_in_one_line_each(
    environment: dict[str, str], tmp_path: Path, busy_port: int
) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "chat.toml").write_text('model = "talk', encoding="utf-8")
    (tmp_path / "file").write_text("x")
    wrong = {
        "DISCORD_TOKEN": "not-a-token",
        "MOYOU_DATA": str(tmp_path / "file"),
        "MOYOU_PROMPTS": str(prompts),
        "MOYOU_PORT": str(busy_port),
    }
    done = bot({**environment, **wrong}, tmp_path, "--check")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    for line, words in zip(
        lines, ("DISCORD_TOKEN", "journal.db", "chat.toml: line 1", str(busy_port)), strict=True
    ):
        assert words in line
    assert "not-a-token" not in done.stderr
    assert done.stdout == "Problems: 4; Moyou would not start.\n"
    # the same in Chinese, and a start ends with the first of them
    done = bot({**environment, **wrong, "MOYOU_LOCALE": "zh-CN"}, tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("设置 DISCORD_TOKEN 不可用")
    assert "Traceback" not in done.stderr


def test_check_never_loads_torch(environment: dict[str, str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom bot.__main__ import run_check\nstatus = run_check()\n"
        "sys.exit(status or ('torch' in sys.modules) * 3)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=WAIT
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def serving(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves, and its console's address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        loading, line = process.stdout.readline(), process.stdout.readline()
        assert loading.startswith("Loading models"), process.stderr and process.stderr.read()
        assert line.startswith("Moyou is ready: "), process.stderr and process.stderr.read()
        yield process, line.split()[-1]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_serves_until_it_is_asked_to_stop_and_a_second_one_finds_the_port_busy(
    serving: tuple[subprocess.Popen[str], str], environment: dict[str, str], tmp_path: Path
) -> None:
    process, address = serving
    with urllib.request.urlopen(address, timeout=30) as page:
        assert page.status == 200
        assert "Moyou" in page.read().decode()

    port = address.rstrip("/").rpartition(":")[2]
    second = bot({**environment, "MOYOU_PORT": port, "MOYOU_DATA": str(tmp_path / "other")}, tmp_path)
    assert second.returncode == 1
    assert port in second.stderr.splitlines()[-1]
    assert "Traceback" not in second.stderr

    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    database = sqlite3.connect(tmp_path / "data" / "journal.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    # orderly: the write-ahead log was folded into the file
    assert not (tmp_path / "data" / "journal.db-wal").exists()


class Refused:
    """A Discord client whose token is refused."""

    def __init__(
        self, engine: Engine, journal: JournalThread, settings: Settings, *, metrics: Metrics
    ) -> None:
        assert "chat" in engine.tasks

    async def __aenter__(self) -> Refused:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def start(self, token: str) -> None:
        raise discord.LoginFailure(f"Improper token {token}")


async def test_a_refused_token_ends_everything_in_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, busy_port: int
) -> None:
    monkeypatch.setattr("bot.__main__.MoyouClient", Refused)
    with_token = dataclasses.replace(settings, discord_token="the token")
    with pytest.raises(BadSetting, match="refuses this token") as caught:
        await serve(with_token)
    assert "the token" not in str(caught.value)
    assert not settings.journal.with_name("journal.db-wal").exists()
    # nor does a port that is taken leave anything open
    with pytest.raises(BadSetting, match=str(busy_port)):
        await serve(dataclasses.replace(settings, port=busy_port))
    assert not settings.journal.with_name("journal.db-wal").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_either_signal_asks_for_an_end_and_a_second_one_is_not_caught(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stop = asyncio.Event()
    with signals_set(stop):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 10)
        # the default again (for SIGINT Python's own): the next one ends the process at once
        assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    signal.signal(number, before)
