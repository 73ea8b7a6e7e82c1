"""What can be wrong before anything starts: `python -m bot --check`, and the first thing a start does.

Knows: how to try the journal, the prompts, the models and the port without changing any of them, and
without loading a model (torch is never imported here).
Does not know: how anything is started.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.invite import application_of, invite_link
from bot.settings import Settings
from bot.wording import language, say
from engine import BadSetting, Engine, JournalUnreadable, PromptBroken, SetupError, Task, load_tasks


def problems_of(settings: Settings, *, port: bool = True) -> list[SetupError]:
    """Everything that would stop a start, in the order in which a start meets it.

    `port` False leaves the port untried, for a start that is about to bind it.
    """
    checks: list[Callable[[Settings], None]] = [try_journal, try_prompts, try_models]
    if port:
        checks.append(try_port)
    found: list[SetupError] = []
    for check in checks:
        try:
            check(settings)
        except SetupError as error:
            found.append(error)
    return found


def make_engine(settings: Settings) -> Engine:
    """The engine that these settings ask for, nothing loaded yet. Raises PromptBroken."""
    return Engine(
        models=settings.models,
        tuned=settings.tuned,
        prompts=settings.prompts,
        workers=settings.workers,
        cores=settings.cores,
        compiled=settings.data / "compiled",
        queue=settings.queue,
        deadline=settings.deadline,
        book=settings.book,
        fine_tuned=settings.fine_tuning,
    )


def try_journal(settings: Settings) -> None:
    """Raises JournalUnreadable when the file, or the folder it would be made in, is of no use."""
    file = settings.journal
    try:
        reason = _journal_reason(file)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
    if reason:
        raise JournalUnreadable(file=file, reason=reason)


def _journal_reason(file: Path) -> str:
    """Why the journal cannot be used, "" when it can; nothing is written."""
    if not file.exists():
        folder = next(parent for parent in file.absolute().parents if parent.exists())
        if not folder.is_dir():
            return f"{folder} is not a folder"
        # A file without a name tells what no permission bit does (read-only mounts, root and /proc).
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            return f"{folder} cannot be written"
        return ""
    if not os.access(file, os.R_OK | os.W_OK) or not os.access(file.parent, os.W_OK):
        return os.strerror(errno.EACCES)
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=1)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        connection.close()
    return "" if verdict == "ok" else str(verdict)


def try_prompts(settings: Settings) -> None:
    """Raises PromptBroken for the first file that is not right."""
    load_tasks(settings.prompts)


def try_models(settings: Settings) -> None:
    """Raises ModelMissing or ModelBroken."""
    try:
        make_engine(settings).check()
    except PromptBroken:
        # said by try_prompts; the models are held against the tasks that came with them
        make_engine(dataclasses.replace(settings, prompts=None)).check()


def try_port(settings: Settings) -> None:
    """Raises BadSetting when nothing can listen at host and port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as listener:
            if os.name == "posix":
                # as the server does: a port in TIME_WAIT is free
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        raise port_problem(settings, error) from error


def port_problem(settings: Settings, error: OSError) -> BadSetting:
    """The error of a listening socket as a setting that the owner can correct."""
    fields = {"host": settings.host, "port": settings.port, "reason": error.strerror or str(error)}
    if error.errno == errno.EADDRINUSE:
        return BadSetting(setting="MOYOU_PORT", reason=say("setting.port_busy", settings.locale, **fields))
    name = "MOYOU_PORT" if error.errno in (errno.EACCES, errno.EPERM) else "MOYOU_HOST"
    return BadSetting(setting=name, reason=say("setting.port_refused", settings.locale, **fields))


def address_of(settings: Settings, port: int | None = None) -> str:
    """The console's address as one types it into a browser."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{host}:{settings.port if port is None else port}/"


def plan(settings: Settings) -> Iterator[str]:
    """What would start, a line each, in the owner's language."""
    locale = settings.locale
    key = "start.console_token" if settings.console_token else "start.console"
    yield say(key, locale, address=address_of(settings))
    if settings.discord_token:
        yield say("start.discord_on", locale, link=invite_link(application_of(settings.discord_token)))
        if settings.message_content:
            yield say("start.discord_reads", locale)
    else:
        yield say("start.discord_off", locale)
    tasks = load_tasks(settings.prompts)
    yield say("start.tasks", locale, tasks=" ".join(_shown(task, locale) for task in tasks.values()))
    engine = make_engine(settings)
    hashes = engine.model_hashes()
    yield say("start.models", locale, models=" ".join(f"{name}@{hash_}" for name, hash_ in hashes.items()))
    yield say("start.compiled" if engine.compiled else "start.not_compiled", locale)
    known = settings.journal.exists()
    yield say("start.journal" if known else "start.journal_new", locale, file=settings.journal)


def _shown(task: Task, locale: str) -> str:
    names = task.names
    name = names.get(locale) or names["en" if language(locale) == "en" else "zh-CN"]
    return f"/{name}" if task.command else name
