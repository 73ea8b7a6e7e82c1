"""The engine's one door: text in, text out. Nothing else of `engine` is imported by `bot`.

Names that need a numeric library are loaded when first used, so that looking at settings, prompts
and the journal stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from engine.errors import (
    AnotherModel,
    AnotherRequest,
    BadFile,
    BadInput,
    BadOption,
    BadSetting,
    Busy,
    EmptyText,
    GainNotShown,
    JournalUnreadable,
    ModelBroken,
    ModelMissing,
    MoyouError,
    NotBetter,
    NothingGood,
    NothingToRollBack,
    NothingToSummarize,
    NotVerse,
    OneSided,
    PromptBroken,
    QueueFull,
    SetupError,
    ShuttingDown,
    TextTooLong,
    TooFewSignals,
    TooSlow,
    TuneError,
    TwoLanguages,
    UnknownForm,
    UnknownTask,
)
from engine.journal import Counts, Journal
from engine.journal_rows import Fact, Forgotten, JudgedText, Place
from engine.journal_thread import JournalThread
from engine.prompt import load_tasks
from engine.task import Choice, Decoding, Option, Task
from engine.text import locale_of, mask, sentences, simplify
from engine.values import (
    Draft,
    FormCheck,
    Mark,
    Message,
    Point,
    Problem,
    Reply,
    Request,
    Signal,
    Summary,
    Topic,
)

if TYPE_CHECKING:
    from engine.writer import Engine

_LATER = {"Engine": "engine.writer"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


__all__ = [
    "AnotherModel",
    "AnotherRequest",
    "BadFile",
    "BadInput",
    "BadOption",
    "BadSetting",
    "Busy",
    "Choice",
    "Counts",
    "Decoding",
    "Draft",
    "EmptyText",
    "Engine",
    "Fact",
    "Forgotten",
    "FormCheck",
    "GainNotShown",
    "Journal",
    "JournalThread",
    "JournalUnreadable",
    "JudgedText",
    "Mark",
    "Message",
    "ModelBroken",
    "ModelMissing",
    "MoyouError",
    "NotBetter",
    "NotVerse",
    "NothingGood",
    "NothingToRollBack",
    "NothingToSummarize",
    "OneSided",
    "Option",
    "Place",
    "Point",
    "Problem",
    "PromptBroken",
    "QueueFull",
    "Reply",
    "Request",
    "SetupError",
    "ShuttingDown",
    "Signal",
    "Summary",
    "Task",
    "TextTooLong",
    "TooFewSignals",
    "TooSlow",
    "Topic",
    "TuneError",
    "TwoLanguages",
    "UnknownForm",
    "UnknownTask",
    "load_tasks",
    "locale_of",
    "mask",
    "sentences",
    "simplify",
]
