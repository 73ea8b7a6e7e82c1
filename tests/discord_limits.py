"""What Discord documents about request bodies, held against every request that a test's bot makes.

    problems("POST", "/channels/1/messages", {"content": "x" * 2001})     ["content: 2001 characters, …"]

Our own rules come from Discord's documentation (message, component, command and modal limits). Where the
checkout has Discord's published specification beside it, its validator is asked as well.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

VALIDATOR = Path(__file__).resolve().parents[2] / "shared" / "discord" / "validate_request.py"
COMMAND_NAME = re.compile(r"[-_'\w\u0900-\u097f\u0e00-\u0e7f]{1,32}")
ACTION_ROW, BUTTON, TEXT_INPUT, LABEL, CHECKBOXES = 1, 2, 4, 18, 22
SELECTS = (3, 5, 6, 7, 8)


def problems(method: str, path: str, body: Any) -> list[str]:
    """What is wrong with one request's body; nothing for a request without one."""
    return list(_problems(method, path, json.dumps(body, ensure_ascii=True, sort_keys=True)))


@functools.lru_cache(maxsize=4096)  # every test syncs the same commands
def _problems(method: str, path: str, encoded: str) -> tuple[str, ...]:
    body = json.loads(encoded)
    if body is None:
        return ()
    found = list(_ours(method, path, body))
    official = _official()
    if official is not None:
        found += official(method, path, _spelt(body))
    return tuple(found)


@functools.cache
def _official() -> Callable[[str, str, Any], list[str]] | None:
    if not VALIDATOR.exists() or importlib.util.find_spec("jsonschema") is None:
        return None
    specification = importlib.util.spec_from_file_location("validate_request", VALIDATOR)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    with warnings.catch_warnings():  # it leaves the specification's file to be closed for it
        warnings.simplefilter("ignore", ResourceWarning)
        module.spec()
    errors: Callable[[str, str, Any], list[str]] = module.errors
    return errors


def _spelt(body: Any) -> Any:
    """As the specification spells it what Discord takes from the library spelt otherwise as well: ids of
    attachments and of a menu's defaults as texts, bits of permissions as numbers."""
    if isinstance(body, list):
        return [_spelt(each) for each in body]
    if not isinstance(body, dict):
        return body
    spelt = {key: _spelt(value) for key, value in body.items()}
    for key in ("attachments", "default_values"):
        for each in spelt.get(key) or []:
            if "id" in each:
                each["id"] = str(each["id"])
    for key in ("allow", "deny"):
        if isinstance(spelt.get(key), str):
            spelt[key] = int(spelt[key])
    return spelt


def _ours(method: str, path: str, body: Any) -> Iterator[str]:
    if path.endswith("/callback"):
        yield from _callback(body)
    elif path.endswith("/commands"):
        yield from _commands(body)
    elif path.endswith("/threads"):
        yield from _length("name", body.get("name"), 1, 100)
    elif method in ("POST", "PATCH") and isinstance(body, dict) and re.search(r"/messages|/webhooks", path):
        yield from _message(body, new=method == "POST")


def _length(name: str, value: Any, low: int, high: int) -> Iterator[str]:
    if not isinstance(value, str) or not low <= len(value) <= high:
        size = len(value) if isinstance(value, str) else value
        yield f"{name}: {size} characters, Discord takes {low} to {high}"


def _message(body: dict[str, Any], *, new: bool) -> Iterator[str]:
    content = body.get("content")
    if content is not None:
        yield from _length("content", content, 0, 2000)
    if new and not any(body.get(key) for key in ("content", "embeds", "components", "attachments", "poll")):
        yield "the message is empty"
    if "nonce" in body:
        yield from _length("nonce", str(body["nonce"]), 1, 25)
    mentions = body.get("allowed_mentions")
    if content and (mentions is None or mentions.get("parse") or mentions.get("replied_user")):
        yield f"allowed_mentions: {mentions}: it may ping somebody"
    rows = body.get("components") or []
    if len(rows) > 5:
        yield f"components: {len(rows)} rows, Discord takes 5"
    identities: list[str] = []
    for row in rows:
        if row.get("type") != ACTION_ROW:
            yield f"components: {row.get('type')} stands outside a row"
        items = row.get("components") or []
        if not 1 <= len(items) <= 5:
            yield f"components: {len(items)} in a row, Discord takes 1 to 5"
        for item in items:
            yield from _component(item)
            identities.append(item.get("custom_id", ""))
    if len(identities) != len(set(identities)):
        yield "components: a custom_id is used twice"


def _component(item: dict[str, Any]) -> Iterator[str]:
    yield from _length("custom_id", item.get("custom_id"), 1, 100)
    kind = item.get("type")
    if kind == BUTTON:
        if item.get("label"):
            yield from _length("label", item["label"], 1, 80)
        elif not item.get("emoji"):
            yield "a button has neither label nor emoji"
    elif kind in SELECTS or kind == CHECKBOXES:
        options = item.get("options") or []
        most = 10 if kind == CHECKBOXES else 25
        if len(options) > most:
            yield f"options: {len(options)}, Discord takes {most}"
        for option in options:
            yield from _length("option.label", option.get("label"), 1, 100)
            yield from _length("option.value", option.get("value"), 1, 100)
    elif kind == TEXT_INPUT and not 1 <= int(item.get("max_length") or 1) <= 4000:
        yield f"max_length: {item['max_length']}, Discord takes 1 to 4000"


def _callback(body: dict[str, Any]) -> Iterator[str]:
    kind, data = body.get("type"), body.get("data") or {}
    if kind in (4, 7):
        yield from _message(data, new=kind == 4)
    elif kind == 8:
        choices = data.get("choices") or []
        if len(choices) > 25:
            yield f"choices: {len(choices)}, Discord takes 25"
        for choice in choices:
            yield from _length("choice.name", choice.get("name"), 1, 100)
            yield from _length("choice.value", choice.get("value"), 1, 100)
    elif kind == 9:
        yield from _length("title", data.get("title"), 1, 45)
        yield from _length("custom_id", data.get("custom_id"), 1, 100)
        components = data.get("components") or []
        if not 1 <= len(components) <= 5:
            yield f"components: {len(components)} in a modal, Discord takes 1 to 5"
        for component in components:
            if component.get("type") == LABEL:
                yield from _length("label", component.get("label"), 1, 45)
                if component.get("description") is not None:
                    yield from _length("description", component["description"], 1, 100)
                yield from _component(component["component"])


def _commands(body: list[dict[str, Any]]) -> Iterator[str]:
    kinds = [command.get("type", 1) for command in body]
    for kind, most in ((1, 100), (2, 15), (3, 15)):
        if kinds.count(kind) > most:
            yield f"{kinds.count(kind)} commands of type {kind}, Discord takes {most}"
    names = [(command.get("type", 1), command.get("name")) for command in body]
    if len(names) != len(set(names)):
        yield "a command is there twice"
    for command in body:
        where = f"/{command.get('name')}: "
        yield from (where + problem for problem in _command(command))


def _command(command: dict[str, Any]) -> Iterator[str]:
    if command.get("type", 1) != 1:
        for name in (command.get("name"), *(command.get("name_localizations") or {}).values()):
            yield from _length("name", name, 1, 32)
        return
    yield from _named(command)
    options = command.get("options") or []
    if len(options) > 25:
        yield f"{len(options)} options, Discord takes 25"
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        yield "a required option stands after one that is not"
    size = _size(command)
    for option in options:
        yield from _named(option)
        choices = option.get("choices") or []
        if choices and option.get("autocomplete"):
            yield f"{option['name']}: choices and autocompletion"
        if len(choices) > 25:
            yield f"{option['name']}: {len(choices)} choices, Discord takes 25"
        for choice in choices:
            for name in (choice.get("name"), *(choice.get("name_localizations") or {}).values()):
                yield from _length("choice.name", name, 1, 100)
        size += _size(option) + sum(_size(choice) + len(str(choice.get("value"))) for choice in choices)
    if size > 8000:
        yield f"{size} characters in all, Discord takes 8000"


def _named(item: dict[str, Any]) -> Iterator[str]:
    for name in (item.get("name"), *(item.get("name_localizations") or {}).values()):
        if not isinstance(name, str) or not COMMAND_NAME.fullmatch(name) or name != name.lower():
            yield f"{name!r} is no name for a command or an option"
    for text in (item.get("description"), *(item.get("description_localizations") or {}).values()):
        yield from _length("description", text, 1, 100)


def _size(item: dict[str, Any]) -> int:
    """Discord counts a text once, in its longest locale."""
    return sum(
        max(
            [
                len(str(item.get(key) or "")),
                *(len(text) for text in (item.get(f"{key}_localizations") or {}).values()),
            ]
        )
        for key in ("name", "description")
    )
