"""What a task is, and how a Request is held against it.

Knows: options with their bounds and defaults, the condition's template, decoding settings.
Does not know: where tasks come from (`engine.prompt` reads them from files), models, Discord.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.english_forms import ENGLISH_MODEL, english_form
from engine.errors import BadOption, EmptyText, TextTooLong
from engine.values import Request

Model = Literal["talk", "verse", "translate", "extract"]
Source = Literal["text", "messages"]
Kind = Literal["text", "integer"]
Dial = Literal["", "vary", "blend"]

MAX_INTEGER = 2**53
"""Discord: the largest whole number of an option."""
CONTEXT = "context"
"""The placeholder that stands for the earlier turns; no option may take its name."""
SECOND, STEPS, MODEL = "second", "steps", "model"
"""Options of tasks with a dial: the text to blend with, how many points lie between, verse or prose."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value an option may take; `names` by locale."""

    value: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a task.

    `main` marks the option that carries the task's text: it travels in `Request.text`, not in
    `Request.options`. `max_length` counts characters (code points) of a text, `minimum` and
    `maximum` bound an integer. `default` is "" where there is none. `complete`: its choices are offered
    while somebody types, and there may be more than a menu holds. `keep_end`: of a longer text its end
    is read, the place where it goes on.
    """

    name: str
    names: Mapping[str, str]
    description: Mapping[str, str]
    required: bool = False
    main: bool = False
    kind: Kind = "text"
    max_length: int = 200
    minimum: int = 0
    maximum: int = MAX_INTEGER
    default: str = ""
    choices: tuple[Choice, ...] = ()
    complete: bool = False
    keep_end: bool = False

    def read(self, value: str) -> str:
        """The value as the engine wants it: a choice's value, a plain integer, or stripped text.

        A choice may be given by its value or by its name in any locale. Raises BadOption, TextTooLong.
        """
        value = value.strip()
        if not value:
            return self.default
        if self.choices:
            return self._chosen(value)
        if self.kind == "integer":
            return self._integer(value)
        if len(value) > self.max_length:
            raise TextTooLong(option=self.name, length=len(value), limit=self.max_length)
        return value

    def kept(self, text: str) -> str:
        """What is read of a text that may be too long: its end where the option says so."""
        text = text.strip()
        return text[-self.max_length :].strip() if self.keep_end else text

    def _chosen(self, value: str) -> str:
        for choice in self.choices:
            if value.casefold() in {choice.value.casefold(), *(n.casefold() for n in choice.names.values())}:
                return choice.value
        known = ", ".join(choice.value for choice in self.choices)
        raise BadOption(option=self.name, reason=f"choose one of: {known}")

    def _integer(self, value: str) -> str:
        # int() would also take digits of other scripts and underscores
        number = int(value) if re.fullmatch(r"[+-]?[0-9]{1,16}", value) else None
        if number is None or not self.minimum <= number <= self.maximum:
            raise BadOption(
                option=self.name, reason=f"give a whole number from {self.minimum} to {self.maximum}"
            )
        return str(number)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a task is sampled, and when it says that it has nothing good.

    `no_repeat`: length of n-grams that may not come twice; 0 allows all. `abstain`: the score in [0, 1]
    that the best draft must reach, or nothing is sent. `spread`: the scale of latents beside
    the prior's: less varies less, and stays nearer to what was asked.
    """

    temperature: float = 0.8
    nucleus: float = 0.9
    max_tokens: int = 90
    drafts: int = 8
    no_repeat: int = 3
    spread: float = 1.0
    abstain: float = 0.0


@dataclass(frozen=True, slots=True)
class Task:
    """What can be asked for. `name` is the file's stem; `names` and `description` go by locale.

    `dial`: the given text itself is moved on the latent (`engine.dials`); "" writes for a condition.
    `thread`: its answer opens a thread where the conversation goes on. `menu`: by locale, what it is
    called where it is applied to somebody's message; empty where it is not.
    """

    name: str
    model: Model
    names: Mapping[str, str]
    description: Mapping[str, str]
    options: tuple[Option, ...] = ()
    source: Source = "text"
    condition: str = ""
    decoding: Decoding = dataclasses.field(default_factory=Decoding)
    private: bool = False
    command: bool = True
    form: str = ""
    dial: Dial = ""
    thread: bool = False
    menu: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def main(self) -> Option | None:
        """The option that carries the text, if the task takes any."""
        return next((option for option in self.options if option.main), None)

    @property
    def closed_options(self) -> frozenset[str]:
        """The options whose values are nobody's words: choices and numbers."""
        return frozenset(o.name for o in self.options if o.choices or o.kind == "integer")

    def option(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)

    def validate(self, request: Request) -> Request:
        """The request with defaults filled in, choices and numbers in their one spelling.

        The main option's value, if it came among the options, moves to `text`. Raises BadOption for
        an option that is unknown, missing or out of range, EmptyText, TextTooLong.
        """
        options = dict(request.options)
        text = request.text.strip()
        main = self.main
        if main is not None:
            text = main.read(text or options.pop(main.name, ""))
            options.pop(main.name, None)
            if main.required and not text:
                raise EmptyText()
        elif text and self.source == "text":
            raise BadOption(option="text", reason=f"the task {self.name} takes no text")
        filled: dict[str, str] = {}
        for option in self.options:
            if option.main:
                continue
            filled[option.name] = option.read(options.pop(option.name, ""))
            if option.required and not filled[option.name]:
                raise BadOption(option=option.name, reason="it is required")
        if options:
            known = ", ".join(filled) or "none"
            raise BadOption(
                option=sorted(options)[0], reason=f"the task {self.name} has these options: {known}"
            )
        return dataclasses.replace(request, text=text, options=filled)

    @property
    def forms(self) -> tuple[str, ...]:
        """The verse forms that may be asked for."""
        option = self.option("form")
        if self.model != "verse" or option is None:
            return (self.form,) if self.form else ()
        return tuple(choice.value for choice in option.choices)

    @property
    def models(self) -> frozenset[str]:
        """The checkpoints that write for this task; English verse has one of its own."""
        if not self.forms:
            return frozenset({self.model})
        return frozenset(ENGLISH_MODEL if english_form(form) else self.model for form in self.forms)

    def verse_form(self, request: Request) -> str:
        """The form asked for, "" where the task is no verse."""
        return request.options.get("form", "") or self.form
