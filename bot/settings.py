"""The owner's settings: read once from the environment and `.env`, then immutable.

Knows: every setting's name, default and range; nothing else in the project reads the environment.
Does not know: whether a folder, a port or a token works (`bot.check` finds out).

A variable that is set but blank counts as not set. The environment wins over `.env`.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values

from bot.wording import say
from engine import BadSetting

DEFAULTS: Mapping[str, str] = {
    "DISCORD_TOKEN": "",
    "MOYOU_DATA": "moyou-data",
    "MOYOU_PROMPTS": "",
    "MOYOU_MODELS": "",
    "MOYOU_HOST": "127.0.0.1",
    "MOYOU_PORT": "8642",
    "MOYOU_CONSOLE_TOKEN": "",
    "MOYOU_KEEP_WORDS_HOURS": "24",
    "MOYOU_KEEP_LEFT_DAYS": "30",
    "MOYOU_KEEP_DAYS": "730",
    "MOYOU_KEEP_BACKUPS_DAYS": "30",
    "MOYOU_WORKERS": "32",
    "MOYOU_CORES": "2",
    "MOYOU_QUEUE": "512",
    "MOYOU_DEADLINE": "30",
    "MOYOU_MEMBER_PACE": "20",
    "MOYOU_GUILD_PACE": "120",
    "MOYOU_BOOK": "on",
    "MOYOU_FINE_TUNING": "off",
    "MOYOU_MESSAGE_CONTENT": "off",
    "MOYOU_LOCALE": "zh-CN",
    "MOYOU_SHARDS": "",
    "MOYOU_DEVELOPMENT_GUILD": "",
}
"""Every setting and its default, as one writes it in `.env`."""

LOCALES = ("zh-CN", "zh-TW", "en")
_SWITCH = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
_TOKEN = re.compile(r"([A-Za-z0-9_-]{18,})\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{20,}")
_MIN_CONSOLE_TOKEN = 12

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of one process: these of so many."""

    ids: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Secrets are left out of `repr`, so that no log or traceback can show them."""

    discord_token: str = dataclasses.field(default="", repr=False)
    data: Path = Path("moyou-data")
    prompts: Path | None = None
    models: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8642
    console_token: str = dataclasses.field(default="", repr=False)
    keep_words_hours: float = 24.0
    keep_left_days: float = 30.0
    keep_days: float = 730.0
    keep_backups_days: float = 30.0
    workers: int = 32
    cores: int = 2
    queue: int = 512
    deadline: float = 30.0
    member_pace: int = 20
    guild_pace: int = 120
    book: bool = True
    fine_tuning: bool = False
    message_content: bool = False
    locale: str = "zh-CN"
    shards: Shards | None = None
    development_guild: int | None = None

    @property
    def journal(self) -> Path:
        """The journal's file: the one to back up."""
        return self.data / "journal.db"

    @property
    def backups(self) -> Path:
        """The folder of the journal's copies that `python -m engine backup` makes."""
        return self.data / "backups"

    @property
    def tuned(self) -> Path:
        """Where tuning puts its models and a running engine finds them."""
        return self.data / "models"

    @property
    def loopback(self) -> bool:
        """Only this machine can reach the console."""
        return is_loopback(self.host)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, file: Path | None = Path(".env")
    ) -> Settings:
        """The settings. Raises BadSetting for the first one that is not usable."""
        settings, problems = cls.read(environment, file)
        if problems:
            raise problems[0]
        return settings

    @classmethod
    def read(
        cls, environment: Mapping[str, str] | None = None, file: Path | None = Path(".env")
    ) -> tuple[Settings, list[BadSetting]]:
        """The settings, with defaults in place of those that are not usable, and what is wrong with each.

        `environment` None is the process's own.
        """
        own = os.environ if environment is None else environment
        filed = {} if file is None else dotenv_values(file, interpolate=False, encoding="utf-8")
        merged = {
            name: text for source in (filed, own) for name, text in source.items() if text and text.strip()
        }
        reader = _Reader(merged)
        settings = cls(
            discord_token=reader.read("DISCORD_TOKEN", _token),
            data=reader.read("MOYOU_DATA", Path),
            prompts=reader.read("MOYOU_PROMPTS", _path_or_none),
            models=reader.read("MOYOU_MODELS", _path_or_none),
            host=reader.read("MOYOU_HOST", _host),
            port=reader.read("MOYOU_PORT", _whole(0, 65535)),
            console_token=reader.read("MOYOU_CONSOLE_TOKEN", _console_token),
            keep_words_hours=reader.read("MOYOU_KEEP_WORDS_HOURS", _number(0, 720)),
            keep_left_days=reader.read("MOYOU_KEEP_LEFT_DAYS", _number(0, 3650)),
            keep_days=reader.read("MOYOU_KEEP_DAYS", _number(0, 36500)),
            keep_backups_days=reader.read("MOYOU_KEEP_BACKUPS_DAYS", _number(1, 365)),
            workers=reader.read("MOYOU_WORKERS", _whole(1, 256)),
            cores=reader.read("MOYOU_CORES", _whole(1, 2)),
            queue=reader.read("MOYOU_QUEUE", _whole(1, 10_000)),
            deadline=reader.read("MOYOU_DEADLINE", _number(1, 600)),
            member_pace=reader.read("MOYOU_MEMBER_PACE", _whole(0, 10_000)),
            guild_pace=reader.read("MOYOU_GUILD_PACE", _whole(0, 100_000)),
            book=reader.read("MOYOU_BOOK", _switch),
            fine_tuning=reader.read("MOYOU_FINE_TUNING", _switch),
            message_content=reader.read("MOYOU_MESSAGE_CONTENT", _switch),
            locale=reader.read("MOYOU_LOCALE", _locale),
            shards=reader.read("MOYOU_SHARDS", _shards),
            development_guild=reader.read("MOYOU_DEVELOPMENT_GUILD", _guild),
        )
        if not settings.loopback and not settings.console_token:
            reader.complain("MOYOU_CONSOLE_TOKEN", "setting.console_token", host=settings.host)
        # only in the file: an orchestrator may put MOYOU_… variables of its own into the environment
        for name in filed:
            if name.startswith("MOYOU_") and name not in DEFAULTS:
                reader.complain(name, "setting.unknown")
        return settings, reader.problems


def is_loopback(host: str) -> bool:
    """Whether an address or name can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Unusable(ValueError):
    """A value is refused; `key` and `fields` say why in `bot.wording`."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields


class _Reader:
    """Reads one variable after the other and keeps what is wrong, in the owner's language."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        locale = values.get("MOYOU_LOCALE", "").strip()
        self._locale = locale if locale in LOCALES else DEFAULTS["MOYOU_LOCALE"]
        self.problems: list[BadSetting] = []

    def read(self, name: str, convert: Callable[[str], Value]) -> Value:
        try:
            return convert(self._values.get(name, DEFAULTS[name]).strip())
        except _Unusable as error:
            self.complain(name, error.key, **error.fields)
            return convert(DEFAULTS[name])

    def complain(self, name: str, key: str, **fields: object) -> None:
        self.problems.append(BadSetting(setting=name, reason=say(key, self._locale, **fields)))


def _token(text: str) -> str:
    """A bot token's form: the application's id in base64, a time, a signature. Blank: no Discord."""
    if not text:
        return ""
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise _Unusable("setting.token_form")
    head = found.group(1)
    try:
        decoded = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except binascii.Error as error:
        raise _Unusable("setting.token_form") from error
    if not decoded.isdigit():
        raise _Unusable("setting.token_form")
    return text


def _console_token(text: str) -> str:
    if text and (len(text) < _MIN_CONSOLE_TOKEN or not text.isascii() or not text.isprintable()):
        raise _Unusable("setting.console_token_form", least=_MIN_CONSOLE_TOKEN)
    return text


def _path_or_none(text: str) -> Path | None:
    return Path(text) if text else None


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise _Unusable("setting.host")
    return text


def _number(low: float, high: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not low <= float(text) <= high:
            raise _Unusable("setting.number", low=f"{low:g}", high=f"{high:g}")
        return float(text)

    return convert


def _whole(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise _Unusable("setting.whole", low=low, high=high)
        return int(text)

    return convert


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise _Unusable("setting.switch")
    return _SWITCH[text.lower()]


def _locale(text: str) -> str:
    if text not in LOCALES:
        raise _Unusable("setting.one_of", known=", ".join(LOCALES))
    return text


def _guild(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{15,20}", text):
        raise _Unusable("setting.guild")
    return int(text)


def _shards(text: str) -> Shards | None:
    """Blank: all, as many as Discord wants. "4": all of four. "0-1/4", "2,3/4": these of four."""
    if not text:
        return None
    found = re.fullmatch(r"(?:([0-9,-]+)/)?([0-9]{1,5})", text)
    count = int(found[2]) if found is not None else 0
    if found is None or count < 1:
        raise _Unusable("setting.shards")
    ids: set[int] = set()
    for part in (found[1] or f"0-{count - 1}").split(","):
        ends = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
        if ends is None:
            raise _Unusable("setting.shards")
        ids.update(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
    if not ids or max(ids) >= count:
        raise _Unusable("setting.shards")
    return Shards(tuple(sorted(ids)), count)
