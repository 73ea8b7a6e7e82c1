"""python -m bot: serves the console, and Discord when DISCORD_TOKEN is set. --check tries everything first.

Knows: the order in which the parts start and stop, and that a failure to start is one readable line.
Does not know: what the parts do.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator

import click
from aiohttp import web

from bot import console, event_loop
from bot.check import address_of, make_engine, plan, port_problem, problems_of
from bot.client import MoyouClient
from bot.metrics import Metrics
from bot.settings import Settings
from bot.supervisor import supervise
from bot.tending import Tending
from bot.wording import say, sentence_of
from engine import JournalThread, MoyouError, erase_old, forget_old, settle_trial

log = logging.getLogger("bot")

RETENTION = 3600.0
"""Seconds between two looks for replies that are kept no longer."""
TRIALS = 3600.0
"""Seconds between two looks at a live test of a reward model."""
GRACE = 5.0
"""Seconds that requests under way may take when the console closes."""


@click.command(help="Serve the console, and Discord when DISCORD_TOKEN is set. 启动墨友。")
@click.option("--check", is_flag=True, help="Say what is missing and what would start, then exit. 只检查。")
def main(check: bool) -> None:
    if check:
        sys.exit(run_check())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    locale = "zh-CN"
    try:
        settings, problems = Settings.read()
        locale = settings.locale
        found = [*problems, *problems_of(settings, port=False)]
        if found:
            raise found[0]
        event_loop.run(serve(settings))
    except MoyouError as error:
        print(sentence_of(error, locale), file=sys.stderr)
        sys.exit(1)


def run_check() -> int:
    """Prints a line for each problem on stderr and what would start on stdout; the exit status."""
    settings, problems = Settings.read()
    found = [*problems, *problems_of(settings)]
    for problem in found:
        print(sentence_of(problem, settings.locale), file=sys.stderr)
    if found:
        print(say("start.not_ready", settings.locale, count=len(found)))
        return 1
    for line in plan(settings):
        print(line)
    print(say("start.ready", settings.locale))
    return 0


async def serve(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Runs until SIGTERM, SIGINT or `stop`. Raises SetupError when a part does not start or cannot go on."""
    stop = asyncio.Event() if stop is None else stop
    async with contextlib.AsyncExitStack() as parts:
        parts.enter_context(signals_set(stop))
        engine = make_engine(settings)
        closed_options = {name: task.closed_options for name, task in engine.tasks.items()}
        # the journal outlives everything that writes to it
        journal = await parts.enter_async_context(
            JournalThread(settings.journal, settings.keep_words_hours, closed_options=closed_options)
        )
        retention = Tending("retention", RETENTION, lambda: _forget_old(journal, settings))
        retention.begin()
        parts.push_async_callback(retention.close)
        trials = Tending("trial", TRIALS, lambda: _settle_trial(journal, settings))
        trials.begin()
        parts.push_async_callback(trials.close)
        parts.push_async_callback(engine.close)
        # the port first: a busy one is said before models are loaded, and what early visitors ask waits
        started = asyncio.Event()
        metrics = Metrics()
        app = console.build(engine, journal, settings, started, metrics)
        address = await parts.enter_async_context(_console(app, settings))
        print(say("start.loading", settings.locale, address=address), flush=True)
        ends = [await parts.enter_async_context(_task(stop.wait()))]
        if settings.discord_token:
            # before the models: who writes meanwhile hears that they are loading
            make_client = functools.partial(MoyouClient, engine, journal, settings, metrics=metrics)
            watched = supervise(make_client, settings, on_start=metrics.started)
            ends.append(await parts.enter_async_context(_task(watched)))
        await engine.start()
        started.set()
        print(say("start.serving", settings.locale, address=address), flush=True)
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        log.info(say("start.stopping", settings.locale))
        for task in done:
            task.result()


async def _forget_old(journal: JournalThread, settings: Settings) -> None:
    gone = await journal(forget_old, settings.keep_days)
    if gone.generations:
        log.info("erased %d replies that were older than %g days", gone.generations, settings.keep_days)
    if await asyncio.to_thread(erase_old, settings.backups, settings.keep_backups_days):
        log.info("erased backups that were older than %g days", settings.keep_backups_days)


async def _settle_trial(journal: JournalThread, settings: Settings) -> None:
    """The rule of a live test acts by itself: nobody need ask how it stands."""
    found = await journal(settle_trial, settings.tuned)
    if found is not None and found.verdict != "running":
        log.info("the trial of reward model %s has ended: %s", found.trial.version, found.verdict)


@contextlib.asynccontextmanager
async def _console(app: web.Application, settings: Settings) -> AsyncIterator[str]:
    """The console's address, listening. Raises BadSetting when its port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            raise port_problem(settings, error) from error
        yield address_of(settings, runner.addresses[0][1])
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _task(work: Coroutine[object, object, object]) -> AsyncIterator[asyncio.Task[object]]:
    """The work under way while the block runs, cancelled and awaited after it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@contextlib.contextmanager
def signals_set(stop: asyncio.Event) -> Iterator[None]:
    """The first SIGTERM or SIGINT asks for an orderly end, a second one ends at once."""
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGTERM, signal.SIGINT)

    def asked() -> None:
        stop.set()
        for number in wanted:
            loop.remove_signal_handler(number)

    try:
        for number in wanted:
            loop.add_signal_handler(number, asked)
    except (NotImplementedError, RuntimeError):
        # Windows, or a loop outside the main thread: Ctrl-C still cancels asyncio.run
        yield
        return
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


if __name__ == "__main__":
    main(prog_name="python -m bot")
