"""The bar: 1,000 prompts and 300 reactions through a schedule of faults, each answered and recorded once.

Faults of the line (a cut, a reconnect, an invalid session, a silent and a slow gateway, a payload that
cannot be parsed) and of REST (429, 500, 502 with and without the work done, answers that never come).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot import patience
from bot.client import MoyouClient
from bot.metrics import Metrics
from bot.settings import Settings
from bot.supervisor import supervise
from engine import Journal, JournalThread
from tests.discord_server import DiscordServer, payloads
from tests.discord_server.gateway import IDENTIFY, RECONNECT, RESUME
from tests.fakes import FakeEngine

ME = f"<@{payloads.APPLICATION}>"
MESSAGES = r"/channels/\d+/messages"
# cooldowns are tests/test_guild_page.py's; people here write faster than people do
SETTINGS = Settings(discord_token="test-token", member_pace=0, guild_pace=0)
CHANNELS, PHASES, PROMPTS, REACTIONS = 5, 10, 100, 30
HEARTBEAT, SILENCE = 500, 5.0
"""Milliseconds between heartbeats, and seconds of silence after which the client gives a line up."""
ENOUGH = 4.0
"""Seconds that a request may take here."""
PATIENT = 120.0
"""Seconds that a test waits at most: other work may share the processors."""


class Quick(MoyouClient):
    """The client, which gives up a silent line sooner, and does not wait to identify again."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._connection.heartbeat_timeout = SILENCE
        self._connection.guild_ready_timeout = 0.2

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        return


@dataclass
class Line:
    """A supervised client, the server it talks to, and the people on it."""

    server: DiscordServer
    journal: JournalThread
    engine: FakeEngine
    metrics: Metrics
    channels: list[dict[str, Any]]
    people: list[dict[str, Any]]
    running: asyncio.Task[None]

    def answers(self) -> dict[str, list[dict[str, Any]]]:
        """The bot's messages by the prompt that they reply to."""
        found: dict[str, list[dict[str, Any]]] = {}
        for message in self.server.messages.values():
            if message["author"]["id"] == payloads.APPLICATION:
                found.setdefault(message["message_reference"]["message_id"], []).append(message)
        return found


@contextlib.asynccontextmanager
async def supervised(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    async with DiscordServer() as server, JournalThread(path / "journal.db") as journal:
        monkeypatch.setattr(Route, "BASE", server.api)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", URL(server.gateway.url))
        monkeypatch.setattr("bot.client.patience.bound", functools.partial(patience.bound, seconds=ENOUGH))
        server.gateway.heartbeat = HEARTBEAT
        guild = server.guild["id"]
        for number in range(1, CHANNELS):
            server.guild["channels"].append(payloads.text_channel(guild, f"channel-{number}"))
        engine, metrics = FakeEngine(), Metrics()
        make = functools.partial(Quick, engine, journal, SETTINGS, metrics=metrics)

        async def soon(seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.2))

        running = asyncio.create_task(supervise(make, SETTINGS, sleep=soon, on_start=metrics.started))
        people = [payloads.user(f"person-{number}") for number in range(REACTIONS)]
        line = Line(server, journal, engine, metrics, server.guild["channels"], people, running)
        try:
            await server.until(lambda: server.gateway.sessions or running.done())
            assert not running.done(), running.exception()
            yield line
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert server.problems == []


OF_A_START = (
    ("GET", MESSAGES),
    ("GET", MESSAGES + r"/\d+"),
    ("GET", MESSAGES + r"/\d+/reactions/.*"),
    ("GET", "/users/@me"),
    ("GET", "/(?:oauth2/)?applications/@me"),
    ("GET", "/gateway/bot"),
)
Fault = Callable[[Line], Awaitable[None]]


async def nothing(line: Line) -> None:
    """A day without trouble."""


async def cut(line: Line) -> None:
    line.server.gateway.line.cut()


async def reconnect(line: Line) -> None:
    await line.server.gateway.line.send({"op": RECONNECT, "d": None})


async def invalid(line: Line) -> None:
    await line.server.gateway.line.invalidate()


async def limits(line: Line) -> None:
    for method, path in (("POST", MESSAGES), ("POST", r"/channels/\d+/typing")):
        for _ in range(5):
            line.server.limit_next(method, path, 0.3)
    # what the phases after this one read to make up for a lost session, and to start again
    for method, path in OF_A_START:
        line.server.limit_next(method, path, 0.3)


async def trouble(line: Line) -> None:
    for _ in range(3):
        line.server.refuse_next("POST", MESSAGES, 500)
        line.server.refuse_next("POST", MESSAGES, 502)
        line.server.lose_answer_to_next("POST", MESSAGES)


async def no_answer(line: Line) -> None:
    for done in (True, False, True, False):
        line.server.never_answer_next("POST", MESSAGES, done=done)


async def slow(line: Line) -> None:
    line.server.gateway.line.delay = 0.005
    line.server.gateway.patience = 0.5
    line.server.gateway.line.cut()


async def silence(line: Line) -> None:
    line.server.gateway.patience = 0.0
    line.server.gateway.line.mute = True


async def rubbish(line: Line) -> None:
    await line.server.gateway.line.send_rubbish()


SCHEDULE: list[Fault] = [
    nothing,
    cut,
    reconnect,
    invalid,
    limits,
    trouble,
    no_answer,
    slow,
    silence,
    rubbish,
]


async def test_through_all_faults_each_prompt_is_answered_once_and_each_reaction_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(SCHEDULE) == PHASES
    prompts: list[dict[str, Any]] = []
    reacted: Counter[tuple[str, float]] = Counter()
    async with supervised(tmp_path, monkeypatch) as line:
        for phase, fault in enumerate(SCHEDULE):
            asked = await say(line, prompts, PROMPTS // 2, phase)
            if phase == 0:
                await all_answered(line, prompts)
            await fault(line)
            asked += await say(line, prompts, PROMPTS // 2, phase)
            await react(line, prompts, phase, reacted)
            await all_answered(line, asked)
        await all_recorded(line, sum(reacted.values()))
        answers = line.answers()
        assert {len(each) for each in answers.values()} == {1}
        assert len(prompts) == len(answers) == PHASES * PROMPTS
        for prompt in prompts:
            [answer] = answers[prompt["id"]]
            assert answer["content"] == prompt["content"].removeprefix(ME).strip() + "!"
            assert answer["channel_id"] == prompt["channel_id"]
        found = Counter({key: 1 for key in await recorded(line)})
        assert found == reacted
        assert sum(reacted.values()) == PHASES * REACTIONS
        # the faults were there: lines resumed, sessions begun anew, a client started anew
        gateway = line.server.gateway
        assert len(gateway.heard(RESUME)) >= 4
        assert len(gateway.heard(IDENTIFY)) >= 3
        assert line.metrics._registry.get_sample_value("moyou_discord_starts_total") == 2
        statuses = Counter(call.status for call in line.server.made("POST", MESSAGES))
        assert statuses[429] == 5
        assert statuses[500] == 3
        assert statuses[502] == 6
        assert statuses[0] >= 4  # never answered
        assert {each.path for each in line.server.faults} <= {r"/channels/\d+/typing"}


async def say(line: Line, prompts: list[dict[str, Any]], count: int, phase: int) -> list[dict[str, Any]]:
    """People write `count` prompts, channel after channel."""
    asked = []
    for number in range(count):
        person = line.people[number % len(line.people)]
        channel = line.channels[number % len(line.channels)]
        text = f"{ME} {phase}-{len(prompts)} 你好"
        asked.append(await line.server.write(person, text, channel=channel))
        prompts.append(asked[-1])
        await asyncio.sleep(0)
    return asked


async def react(
    line: Line, prompts: list[dict[str, Any]], phase: int, reacted: Counter[tuple[str, float]]
) -> None:
    """Each person judges an answer, of the phase before if there was one; none is judged twice."""
    answers = line.answers()
    first = (phase - 1) * PROMPTS + PROMPTS // 2 if phase else PROMPTS // 2 - REACTIONS
    for number, person in enumerate(line.people):
        [answer] = answers[prompts[first + number]["id"]]
        emoji, value = ("👍", 1.0) if number % 3 else ("👎", -1.0)
        await line.server.react(person, answer, emoji)
        generation = await line.journal(Journal.generation_of, answer["id"])
        reacted[f"{generation} {person['id']}", value] += 1


async def recorded(line: Line) -> list[tuple[str, float]]:
    """Every reaction in the journal, by reply and person, as often as it was written."""

    def read(journal: Journal) -> list[tuple[str, float]]:
        known = {journal._hash("person", person["id"]): person["id"] for person in line.people}
        rows = journal._db.execute("SELECT generation, person, value, withdrawn FROM facts").fetchall()
        assert len(rows) == len({row[:2] for row in rows}), "recorded twice"
        assert not any(row[3] for row in rows), "withdrawn by nobody"
        return [(f"{generation} {known[person]}", value) for generation, person, value, _ in rows]

    return await line.journal(read)


async def all_answered(line: Line, asked: list[dict[str, Any]]) -> None:
    wanted = {each["id"] for each in asked}
    try:
        await line.server.until(lambda: wanted <= line.answers().keys() or line.running.done(), PATIENT)
    except TimeoutError:
        missing = [each["content"] for each in asked if each["id"] not in line.answers()]
        raise AssertionError(f"{len(missing)} not answered: {missing[:5]}") from None
    assert not line.running.done(), line.running.exception()
    # the answer to a message comes to the client before it knows which reply it was
    answers = line.answers()
    for each in asked:
        [answer, *_] = answers[each["id"]]
        await holds(lambda answer=answer: line.journal(Journal.generation_of, answer["id"]))


async def all_recorded(line: Line, count: int) -> None:
    async def enough() -> bool:
        return len(await recorded(line)) >= count

    await holds(enough)


async def holds(condition: Callable[[], Awaitable[object]]) -> None:
    """Waits for what the journal will say; nothing tells of its writes."""
    async with asyncio.timeout(PATIENT):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
