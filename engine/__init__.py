"""The engine's one door: text in, text out. Nothing else of `engine` is imported by `bot`.

Names that need a numeric library are loaded when first used, so that looking at settings, prompts
and the journal stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from engine.errors import (
    AnotherJournal,
    AnotherModel,
    AnotherRequest,
    BadFile,
    BadInput,
    BadOption,
    BadSetting,
    BlockedWord,
    Busy,
    DailyLimit,
    EmptyText,
    FileNotText,
    FileTooLarge,
    GainNotShown,
    JournalUnreadable,
    Loading,
    ModelBroken,
    ModelMissing,
    MoyouError,
    NoSummaries,
    NotBetter,
    NotHere,
    NothingGood,
    NothingToRollBack,
    NothingToSummarize,
    NotVerse,
    OneSided,
    PromptBroken,
    QueueFull,
    QuietHours,
    SetupError,
    ShuttingDown,
    TextTooLong,
    TooFewSignals,
    TooOften,
    TooSlow,
    TuneError,
    TwoLanguages,
    UnknownChoice,
    UnknownForm,
    UnknownTask,
    WrongChannel,
)
from engine.guild_settings import (
    BLOCKED_WORD,
    BLOCKED_WORDS,
    LANGUAGES,
    TONES,
    GuildSettings,
    blocked_words_in,
)
from engine.journal import Counts, Journal
from engine.journal_guilds import (
    answers_since,
    forget_guild,
    forget_left_guilds,
    guild_settings,
    note_guilds,
    react_once,
    sent_in,
    set_guild_settings,
    set_told,
    settle_reactions,
    spoke_in,
    standing_reactions,
    told,
)
from engine.journal_reports import REPORT, Report, reports
from engine.journal_rows import Fact, Forgotten, JudgedText, Place
from engine.journal_thread import JournalThread
from engine.prompt import load_tasks
from engine.reading import text_in
from engine.task import Choice, Decoding, Option, Task
from engine.text import locale_of, mask, sentences, simplify, token_count, whole_characters
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
    "BLOCKED_WORD",
    "BLOCKED_WORDS",
    "LANGUAGES",
    "REPORT",
    "TONES",
    "AnotherJournal",
    "AnotherModel",
    "AnotherRequest",
    "BadFile",
    "BadInput",
    "BadOption",
    "BadSetting",
    "BlockedWord",
    "Busy",
    "Choice",
    "Counts",
    "DailyLimit",
    "Decoding",
    "Draft",
    "EmptyText",
    "Engine",
    "Fact",
    "FileNotText",
    "FileTooLarge",
    "Forgotten",
    "FormCheck",
    "GainNotShown",
    "GuildSettings",
    "Journal",
    "JournalThread",
    "JournalUnreadable",
    "JudgedText",
    "Loading",
    "Mark",
    "Message",
    "ModelBroken",
    "ModelMissing",
    "MoyouError",
    "NoSummaries",
    "NotBetter",
    "NotHere",
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
    "QuietHours",
    "Reply",
    "Report",
    "Request",
    "SetupError",
    "ShuttingDown",
    "Signal",
    "Summary",
    "Task",
    "TextTooLong",
    "TooFewSignals",
    "TooOften",
    "TooSlow",
    "Topic",
    "TuneError",
    "TwoLanguages",
    "UnknownChoice",
    "UnknownForm",
    "UnknownTask",
    "WrongChannel",
    "answers_since",
    "blocked_words_in",
    "forget_guild",
    "forget_left_guilds",
    "guild_settings",
    "load_tasks",
    "locale_of",
    "mask",
    "note_guilds",
    "react_once",
    "reports",
    "sent_in",
    "sentences",
    "set_guild_settings",
    "set_told",
    "settle_reactions",
    "simplify",
    "spoke_in",
    "standing_reactions",
    "text_in",
    "token_count",
    "told",
    "whole_characters",
]
