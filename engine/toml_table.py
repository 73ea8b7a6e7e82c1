"""A table of a TOML file that is read key by key, so that every complaint names file, key and reason.

Knows: types, bounds, locales, and which keys were never asked for (those are misspelt).
Does not know: what a task is.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import PromptBroken

REQUIRED_LOCALES = ("en", "zh-CN")
LOCALES = (
    *("en", "zh-CN", "zh-TW", "en-GB", "en-US", "id", "da", "de", "es-ES", "es-419", "fr", "hr", "it", "lt"),
    *("hu", "nl", "no", "pl", "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi"),
    *("th", "ja", "ko"),
)
"""`en` and Discord's own locale codes. zh-TW, where absent, is derived from zh-CN by those who show it."""

MAX_NAME = 32
"""Discord: characters of a command's or an option's name."""


class Table:
    """One table of `file` at the dotted `path`; "" is the file's top."""

    def __init__(self, file: Path, content: Mapping[str, object], path: str = "") -> None:
        self.file = file
        self.path = path
        self._content = content
        self._asked: set[str] = set()

    def broken(self, key: str, reason: str) -> PromptBroken:
        """The error for a key of this table; "" is the table itself."""
        dotted = ".".join(part for part in (self.path, key) if part)
        return PromptBroken(file=self.file, key=dotted, reason=reason)

    @property
    def keys(self) -> list[str]:
        return list(self._content)

    def _get(self, key: str) -> object | None:
        self._asked.add(key)
        return self._content.get(key)

    def _typed(self, key: str, value: object, kind: type, wanted: str) -> None:
        # bool is an int in Python, not in TOML
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.broken(key, f"it must be {wanted}, not {_toml_type(value)}")

    def text(self, key: str, default: str | None = None) -> str:
        """A string; one line, not blank unless it is the default. None: the key is required."""
        value = self._get(key)
        if value is None:
            if default is None:
                raise self.broken(key, "it is missing")
            return default
        self._typed(key, value, str, "a string")
        text = str(value)
        if not text.strip() and default != "":
            raise self.broken(key, "it is empty")
        if any(unicodedata.category(character) == "Cc" for character in text):
            raise self.broken(key, "it must be one line without control characters")
        return text

    def text_or_integer(self, key: str, default: str) -> str:
        value = self._get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(key, default)

    def one_of(self, key: str, values: Sequence[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in values:
            raise self.broken(key, f"{value!r} is not one of: {', '.join(values)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._get(key)
        if value is None:
            return default
        self._typed(key, value, bool, "true or false")
        return bool(value)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.broken(key, f"it must be a whole number, not {_toml_type(value)}")
        if not low <= value <= high:
            raise self.broken(key, f"{value} is outside {low} to {high}")
        return value

    def number(self, key: str, default: float, above: float, high: float) -> float:
        """A number in (above, high]."""
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.broken(key, f"it must be a number, not {_toml_type(value)}")
        if not above < value <= high:
            raise self.broken(key, f"{value:g} is outside: above {above:g}, at most {high:g}")
        return float(value)

    def table(self, key: str) -> Table:
        """A table under this one; empty where absent."""
        value = self._get(key)
        value = {} if value is None else value
        if not isinstance(value, dict):
            raise self.broken(key, f"it must be a table, not {_toml_type(value)}")
        return Table(self.file, value, ".".join(part for part in (self.path, key) if part))

    def tables(self, key: str) -> list[Table]:
        """A list of tables under this one; their paths count from 1."""
        value = self._get(key)
        value = [] if value is None else value
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.broken(key, "it must be a list of tables")
        return [Table(self.file, item, f"{self.path}.{key}[{n}]") for n, item in enumerate(value, start=1)]

    def names(
        self, key: str, *, limit: int = MAX_NAME, command: bool = False, default: str | None = None
    ) -> dict[str, str]:
        """A text for each locale, at most `limit` characters. `command`: held to Discord's names.

        Without the key, `default` serves every required locale.
        """
        if default is not None and key not in self._content:
            return dict.fromkeys(REQUIRED_LOCALES, default)
        if key not in self._content:
            raise self.broken(key, f"it is missing; give it for {' and '.join(REQUIRED_LOCALES)}")
        table = self.table(key)
        texts = {locale: table.text(locale) for locale in table.keys if locale in LOCALES}
        table.finish(LOCALES)
        for locale in REQUIRED_LOCALES:
            if locale not in texts:
                raise table.broken(locale, "it is missing")
        for locale, text in texts.items():
            if len(text) > limit:
                raise table.broken(locale, f"it has {len(text)} characters, Discord takes {limit}")
            if command and not _is_command_name(text):
                raise table.broken(locale, f"{text!r} is no name: use lower-case letters, digits, - and _")
        return texts

    def finish(self, known: Sequence[str] = ()) -> None:
        """Call it when everything was asked for: any key left is one that nothing reads."""
        spelt = {name.casefold(): name for name in (*self._asked, *known)}
        for key in self._content:
            if key not in self._asked:
                near = difflib.get_close_matches(key.casefold(), spelt, n=1)
                hint = f"; did you mean {spelt[near[0]]}?" if near else ""
                raise self.broken(key, f"it is not known{hint}")


def _is_command_name(text: str) -> bool:
    r"""Discord: ^[-_\p{L}\p{N}]{1,32}$, in lower case where a letter has one."""
    return text == text.lower() and all(
        character in "-_" or unicodedata.category(character)[0] in "LN" for character in text
    )


def _toml_type(value: object) -> str:
    names: dict[type, str] = {bool: "a boolean", int: "an integer", float: "a float", str: "a string"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a list or date")
