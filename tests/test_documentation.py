"""README.md and .env.example say what is there, in both languages, and .ci/run does what README says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import discord
import pytest

import bot.__main__
import engine.__main__
from bot.client import intents
from bot.feedback_command import feedback_command
from bot.help import help_command
from bot.invite import RIGHTS, invite_link
from bot.model_command import model_command
from bot.moderation import status_command
from bot.privacy import privacy_command
from bot.settings import DEFAULTS, Settings
from bot.style import style_command
from bot.wording import say
from engine.prompt import load_tasks

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE, ENGLISH = README.split("\n# English\n")
LANGUAGES = pytest.mark.parametrize("text", [CHINESE, ENGLISH], ids=["zh", "en"])
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """Cells of every table row."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]


def test_chinese_comes_first() -> None:
    assert re.search("[\u4e00-\u9fff]", README.splitlines()[0])
    assert not re.search("[\u4e00-\u9fff]{4}", ENGLISH)


def test_the_first_command_installs_and_starts_and_the_second_installs_and_tests() -> None:
    start, check = (block.strip() for block in BLOCKS[:2])
    assert "\n" not in start
    assert "\n" not in check
    assert start.startswith("python3.11 -m venv .venv && .venv/bin/pip install .")
    assert start.endswith("&& .venv/bin/python -m bot")
    assert check.startswith("python3.11 -m venv .venv && .venv/bin/pip install '.[test]'")
    for step in ("ruff check .", "ruff format --check .", "mypy", "python -m pytest"):
        assert f"&& .venv/bin/{step}" in check


def test_ci_runs_the_second_command_of_this_file() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
    found = re.search(r'^command="\$\((awk .*)\)"$', script, re.MULTILINE)
    assert found is not None
    said = subprocess.run(["bash", "-c", found[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == BLOCKS[1]


@LANGUAGES
def test_every_command_of_the_engine_is_named_and_none_besides(text: str) -> None:
    named = set(re.findall(r"`python -m engine ([a-z-]+)", text))
    assert isinstance(engine.__main__.main, click.Group)
    assert named == set(engine.__main__.main.commands)


@LANGUAGES
def test_every_way_to_start_the_bot_is_named(text: str) -> None:
    options = {name for p in bot.__main__.main.params for name in p.opts}
    assert options == {"--check"}
    cells = [row[0] for row in rows(text)]
    assert "`python -m bot`" in cells
    assert all(f"`python -m bot {option}`" in cells for option in options)


@LANGUAGES
def test_every_setting_is_named_with_its_default_in_order(text: str) -> None:
    table = {
        row[0].strip("`"): row[1].strip("`") for row in rows(text) if re.match(r"`(MOYOU|DISCORD)_", row[0])
    }
    assert list(table.items()) == list(DEFAULTS.items())


@LANGUAGES
def test_every_task_is_named_with_its_command(text: str) -> None:
    locale = "zh-CN" if text is CHINESE else "en"
    wanted = {f"`{task.name}`": f"`/{task.names[locale]}`" for task in load_tasks().values()}
    found = {row[0]: row[1] for row in rows(text) if row[0] in wanted}
    assert found == wanted


RIGHTS_BY_NAME = {
    "View Channels": "view_channel",
    "Send Messages": "send_messages",
    "Read Message History": "read_message_history",
    "Create Public Threads": "create_public_threads",
    "Send Messages in Threads": "send_messages_in_threads",
    "Attach Files": "attach_files",
}


@LANGUAGES
def test_the_invitation_is_the_one_that_the_code_makes(text: str) -> None:
    assert f"`{invite_link('APPLICATION_ID')}`" in text
    named = [RIGHTS_BY_NAME[row[0]] for row in rows(text) if row[0] in RIGHTS_BY_NAME]
    assert discord.Permissions(**dict.fromkeys(named, True)) == RIGHTS
    assert f"`{RIGHTS.value}`" in text


@LANGUAGES
def test_the_intents_that_need_a_switch_are_named_and_no_others_are_used(text: str) -> None:
    privileged = {"members", "presences", "message_content"}
    most = dict(intents(Settings(message_content=True)))
    assert {name for name in privileged if most[name]} == {"message_content"}
    assert not intents(Settings()).message_content
    [row] = [row for row in rows(text) if row[0] == "Message Content"]
    assert "MOYOU_MESSAGE_CONTENT=on" in row[1]
    assert any(row[0].replace("、", ", ") == "Server Members, Presence" for row in rows(text))


@LANGUAGES
def test_every_command_and_menu_of_our_own_is_named(text: str) -> None:
    locale = "zh-CN" if text is CHINESE else "en"
    engine: Any = SimpleNamespace(tasks=load_tasks())
    answering: Any = SimpleNamespace(engine=engine, settings=Settings())
    own = (status_command, help_command, privacy_command, style_command, feedback_command, model_command)
    for make in own:
        assert f"`/{make(answering).name}`" in text
    parts = [part.name for make in (feedback_command, model_command) for part in make(answering).commands]
    assert sorted(parts) == [
        *("compare", "export", "list", "promote", "report", "review", "rollback", "trial"),
    ]
    assert all(f"`/feedback {part}`" in text for part in ("report", "review", "export"))
    menus = [task.menu[locale] for task in load_tasks().values() if task.menu]
    menus += [say(key, locale) for key in ("menu.summarize", "menu.why", "menu.report")]
    for menu in menus:
        assert f"“{menu}”" in text


def test_the_example_holds_every_setting_with_its_default_and_a_word_in_both_languages() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert settings == [f"{name}={default}" for name, default in DEFAULTS.items()]
    for comment in (line for line in lines if line.startswith("#")):
        assert re.search("[\u4e00-\u9fff]{2}", comment)
        assert re.search("[a-z]{3}", comment)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert re.search(rf"^#+ {target[1:]}$", README, re.IGNORECASE | re.MULTILINE)
        else:
            assert (ROOT / target).exists(), target


def test_the_rule_on_members_words_is_stated_in_both_languages() -> None:
    assert "第 21 条" in CHINESE
    assert "rule 21" in ENGLISH


def test_every_shipped_model_has_a_card_that_says_how_it_was_made() -> None:
    for weights in (ROOT / "engine" / "weights").glob("*/model.safetensors"):
        card = (weights.parent / "CARD.md").read_text(encoding="utf-8")
        assert "python -m engine train" in card
        assert re.search("licen[cs]e", card, re.IGNORECASE)
