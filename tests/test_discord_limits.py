"""The rules that every request of the tests' bots is held to can be broken, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.discord_limits import problems

QUIET = {"parse": [], "replied_user": False}
MESSAGES, CALLBACK, COMMANDS = (
    "/channels/1/messages",
    "/interactions/1/t/callback",
    "/applications/1/commands",
)


def button(identity: str = "a", **fields: Any) -> dict[str, Any]:
    return {"type": 2, "style": 2, "label": "x", "custom_id": identity, **fields}


def row(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(items)}


def said(**fields: Any) -> dict[str, Any]:
    return {"content": "你好", "allowed_mentions": QUIET, **fields}


def modal(**fields: Any) -> dict[str, Any]:
    text = {"type": 4, "style": 2, "custom_id": "text", "max_length": 4000}
    label = {"type": 18, "label": "内容", "component": text}
    return {"type": 9, "data": {"title": "t", "custom_id": "m", "components": [label], **fields}}


def command(**fields: Any) -> list[dict[str, Any]]:
    return [{"type": 1, "name": "作诗", "description": "d", **fields}]


def option(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "d", **fields}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (MESSAGES, said(components=[row(button("a"), button("b"))], nonce="1-0")),
        (CALLBACK, {"type": 5, "data": {"flags": 64}}),
        (CALLBACK, {"type": 4, "data": said(flags=64)}),
        (CALLBACK, {"type": 8, "data": {"choices": [{"name": "七绝", "value": "qijue"}]}}),
        (CALLBACK, modal()),
        (COMMANDS, command(options=[option("a", required=True), option("b")])),
        ("/channels/1/messages/2/threads", {"name": "月亮"}),
    ],
)
def test_what_discord_takes_has_no_problems(path: str, body: Any) -> None:
    assert problems("PUT" if path == COMMANDS else "POST", path, body) == []


@pytest.mark.parametrize(
    ("path", "body", "said_of_it"),
    [
        (MESSAGES, said(content="x" * 2001), "2001"),
        (MESSAGES, {"allowed_mentions": QUIET}, "empty"),
        (MESSAGES, {"content": "@everyone"}, "ping"),
        (MESSAGES, said(allowed_mentions={"parse": ["users"]}), "ping"),
        (MESSAGES, said(allowed_mentions={"parse": [], "replied_user": True}), "ping"),
        (MESSAGES, said(nonce="9" * 26), "nonce"),
        (MESSAGES, said(components=[row(button(str(n))) for n in range(6)]), "rows"),
        (MESSAGES, said(components=[row(*(button(str(n)) for n in range(6)))]), "in a row"),
        (MESSAGES, said(components=[row(button(), button())]), "twice"),
        (MESSAGES, said(components=[row(button("x" * 101))]), "custom_id"),
        (MESSAGES, said(components=[row(button(label="x" * 81))]), "label"),
        (CALLBACK, {"type": 4, "data": said(content="x" * 2001)}, "2001"),
        (
            CALLBACK,
            {"type": 8, "data": {"choices": [{"name": str(n), "value": "v"} for n in range(26)]}},
            "26",
        ),
        (CALLBACK, modal(title="x" * 46), "title"),
        (CALLBACK, modal(components=[]), "modal"),
        (COMMANDS, command(name="Poem"), "no name"),
        (COMMANDS, command(description="x" * 101), "description"),
        (COMMANDS, command(description_localizations={"zh-CN": ""}), "description"),
        (COMMANDS, command(options=[option("b"), option("a", required=True)]), "required"),
        (COMMANDS, command(options=[option(str(n)) for n in range(26)]), "26 options"),
        (
            COMMANDS,
            command(options=[option(autocomplete=True, choices=[{"name": "a", "value": "a"}])]),
            "autocompletion",
        ),
        (COMMANDS, command() + command(), "twice"),
        ("/channels/1/messages/2/threads", {"name": "x" * 101}, "name"),
    ],
)
def test_what_discord_refuses_is_found(path: str, body: Any, said_of_it: str) -> None:
    found = problems("PUT" if path == COMMANDS else "POST", path, body)
    assert any(said_of_it in problem for problem in found), found
