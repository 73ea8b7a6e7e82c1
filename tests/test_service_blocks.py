"""The README's systemd unit and Dockerfile fit the program: what is started, stopped, kept and asked."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from pathlib import Path

from bot.__main__ import GRACE
from bot.answering import EXCUSES
from bot.client import DRAIN
from bot.console import health
from bot.settings import DEFAULTS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NEEDED = DRAIN + EXCUSES + GRACE
"""Seconds that an orderly end may take."""


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_unit_starts_the_bot_gives_it_time_to_end_and_a_place_to_keep() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(block("ini"))
    service = unit["Service"]
    assert service["ExecStart"] == f"{service['WorkingDirectory']}/.venv/bin/python -m bot"
    assert int(service["TimeoutStopSec"]) > NEEDED
    assert service["Restart"] == "on-failure"
    name, _, value = service["Environment"].partition("=")
    assert name in DEFAULTS
    assert value == f"/var/lib/{service['StateDirectory']}"
    # the token is nowhere that everybody can read
    assert "DISCORD_TOKEN" not in block("ini")
    assert README.count(service["EnvironmentFile"]) == 3
    assert README.count("chmod 600") == 2


def test_the_image_holds_what_is_installed_and_is_asked_where_it_answers() -> None:
    lines = [line.split(maxsplit=1) for line in block("dockerfile").splitlines()]
    copied = {word for what, rest in lines if what == "COPY" for word in rest.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert copied == {"pyproject.toml", "README.md", "LICENSE", *packages}
    assert all((ROOT / name).exists() for name in copied)
    said = {what: rest for what, rest in lines if what not in ("COPY", "RUN", "WORKDIR", "ENV")}
    assert said["EXPOSE"] == DEFAULTS["MOYOU_PORT"]
    assert said["CMD"] == '["python", "-m", "bot"]'
    paths = [route.path for route in health.routes()]
    [asked] = re.findall(rf"http://127\.0\.0\.1:{DEFAULTS['MOYOU_PORT']}(/\w+)", said["HEALTHCHECK"])
    assert asked in paths
    assert said["USER"] != "root"


def test_the_image_is_run_with_its_own_address_and_time_to_end() -> None:
    found = re.findall(r"`docker build -t moyou \. && (docker run .*? moyou)`", README)
    assert len(found) == 2
    assert len(set(found)) == 1
    words = shlex.split(found[0])
    assert int(words[words.index("--stop-timeout") + 1]) > NEEDED
    # a copied .env.example holds the defaults of a machine of one's own
    given = {words[index + 1] for index, word in enumerate(words) if word == "-e"}
    assert given == set(
        next(line for line in block("dockerfile").splitlines() if line[:3] == "ENV").split()[1:]
    )
