"""bot/recount.py over real sockets: a reaction stands while it stands under any message of its reply, and
what was missed is made up for when a session first meets a reply."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

from bot import catching_up, recount
from bot.client import MoyouClient
from engine import Fact, Journal
from tests.discord_server import payloads
from tests.test_catching_up import new_session, quick
from tests.test_gateway import ME, MESSAGES, Line, connected

__all__ = ["quick"]

ONE_MESSAGE = MESSAGES + r"/\d+"
BOB, CAROL, DAVE, ERIN = (payloads.user(name) for name in ("bob", "carol", "dave", "erin"))
READ_HISTORY = 1 << 16


@pytest.fixture
def only_contacts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a new session reads of its channels is read by another test; these replies are too old for it."""
    monkeypatch.setattr(catching_up, "SPOKEN", 0.0)
    monkeypatch.setattr(catching_up, "WINDOW", datetime.timedelta(seconds=-60))


async def signals(line: Line) -> list[float]:
    return sorted([signal.value for signal in await line.journal(Journal.signals)])


async def facts(line: Line) -> list[tuple[str, bool]]:
    """Every fact as it was written: its emoji, and whether it was taken back."""

    def read(journal: Journal) -> list[tuple[str, bool]]:
        rows = journal._db.execute("SELECT label, withdrawn FROM facts ORDER BY reply, sequence")
        return [(label, bool(withdrawn)) for label, withdrawn in rows]

    return await line.journal(read)


async def become(line: Line, *wanted: float) -> None:
    """Waits for the judgements that stand to be these. Events of one message are handled one after the
    other, so once the last one is, all are."""
    async with asyncio.timeout(10):
        while await signals(line) != sorted(wanted):  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)


async def answered(line: Line, parts: int = 1, channel: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A reply of so many messages, once the journal knows each."""
    before = len(line.server.said(channel))
    line.engine.text = lambda request: "很长的话。" * (20 if parts == 1 else 500)
    await line.server.write(line.alice, f"{ME} 一", channel=channel)
    await line.server.until(lambda: len(line.server.said(channel)) == before + parts)
    sent = line.server.said(channel)[before:]
    async with asyncio.timeout(10):
        for each in sent:
            while await line.journal(Journal.generation_of, each["id"]) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    return sent


def missed(line: Line, message: dict[str, Any], **people: dict[str, Any]) -> None:
    """What stands under a message now, of which nobody told."""
    emoji = {"up": "👍", "down": "👎"}
    line.server.reacted[message["id"]] = {
        emoji[name]: {person["id"]: person} for name, person in people.items()
    }


def read(line: Line) -> list[str]:
    """The messages that were read one by one, by their ids."""
    return [call.path.rpartition("/")[2] for call in line.server.made("GET", ONE_MESSAGE)]


# A reply of several messages


@pytest.mark.parametrize("part", [0, 1])
async def test_a_judgement_of_either_part_outlives_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[part], "👍")
        await become(line, 1.0)
        missed(line, parts[1 - part], down=CAROL)
        for _ in range(2):
            await new_session(line)
            await become(line, 1.0, -1.0)
        await line.server.react(DAVE, parts[part], "👎")
        await become(line, 1.0, -1.0, -1.0)
        assert await facts(line) == [("👍", False), ("👎", False), ("👎", False)]


async def test_what_is_taken_back_under_one_part_stands_while_it_is_under_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        for part in parts:
            await line.server.react(CAROL, part, "👎")
            await line.server.react(BOB, part, "👍")
        await become(line, 1.0, -1.0)
        await line.server.react(BOB, parts[1], "👍", removed=True)
        await line.server.react(DAVE, parts[1], "👍")
        await become(line, 1.0, -1.0, 1.0)
        assert read(line) == [parts[0]["id"]], "only the other part is looked at"
        await line.server.react(BOB, parts[0], "👍", removed=True)
        await become(line, -1.0, 1.0)
        assert await facts(line) == [("👎", False), ("👍", False), ("👍", False), ("👍", True)]


@pytest.mark.parametrize("emoji", ["👍", None])
async def test_what_is_cleared_under_one_part_stands_while_it_is_under_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emoji: str | None
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[0], "👍")
        await line.server.react(BOB, parts[1], "👍")
        await line.server.react(CAROL, parts[1], "👍")
        await become(line, 1.0, 1.0)
        await line.server.clear(parts[1], emoji)
        await line.server.react(DAVE, parts[1], "👎")
        await become(line, 1.0, -1.0)
        [bob] = [each for each in await line.journal(Journal.signals) if each.value > 0]
        assert bob.person == await line.journal(lambda journal: journal._hash("person", BOB["id"]))
        await line.server.clear(parts[0], emoji)
        await become(line, -1.0)


async def test_a_part_that_is_deleted_takes_its_own_along_and_the_last_one_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts, others = await answered(line, 2), await answered(line, 2)
        for first, second in (parts, others):
            generation = await line.journal(Journal.generation_of, first["id"])
            await line.journal(Journal.react, Fact(generation, "erin", "button", -1.0, "buttons"))
            await line.server.react(BOB, first, "👍")
            await line.server.react(CAROL, second, "👍")
        await become(line, *[1.0, 1.0, -1.0] * 2)
        await line.server.delete(parts[1])
        await become(line, 1.0, -1.0, 1.0, 1.0, -1.0)
        await line.server.delete(parts[0])
        await become(line, 1.0, 1.0, -1.0)
        await line.server.delete(*others)
        await become(line)


async def test_a_part_that_was_deleted_unseen_takes_its_own_along_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[0], "👍")
        await line.server.react(CAROL, parts[1], "👎")
        await become(line, 1.0, -1.0)
        del line.server.messages[parts[1]["id"]], line.server.reacted[parts[1]["id"]]
        await new_session(line)
        await become(line, 1.0)
        await new_session(line)
        await line.server.react(DAVE, parts[0], "👍")
        await become(line, 1.0, 1.0)
        assert await facts(line) == [("👍", False), ("👎", False), ("👎", True), ("👍", False)]


async def test_what_is_taken_back_is_taken_back_until_the_other_part_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        for part in parts:
            await line.server.react(BOB, part, "👍")
        await become(line, 1.0)
        line.server.refuse_next("GET", ONE_MESSAGE, 403)
        await line.server.react(BOB, parts[1], "👍", removed=True)
        await become(line)
        assert "reactions could not be read again" in caplog.text
        await line.server.react(DAVE, parts[1], "🎉")
        await become(line, 1.0)


# What was missed


async def test_super_reactions_are_read_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[0], "👍", burst=True)
        await line.server.react(CAROL, parts[0], "👍")
        await line.server.react(BOB, parts[1], "👍")
        await become(line, 1.0, 1.0)
        await line.server.react(BOB, parts[1], "👍", removed=True)
        await line.server.react(DAVE, parts[1], "👎", burst=True)
        await become(line, 1.0, 1.0, -1.0)
        await new_session(line)
        await line.server.react(ERIN, parts[0], "👎")
        await become(line, 1.0, 1.0, -1.0, -1.0)


@pytest.mark.usefixtures("only_contacts")
@pytest.mark.parametrize("count", [1, 2])
async def test_a_reply_is_read_once_a_session_when_it_is_first_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, count)
        await line.server.react(BOB, parts[-1], "👍")
        await become(line, 1.0)
        assert read(line) == [], "of a reply of this session everything was told"
        for session in range(1, 3):
            missed(line, parts[0], down=CAROL)
            if count == 2:
                missed(line, parts[1], **({} if session == 1 else {"down": CAROL, "up": BOB}))
            await new_session(line)
            # several at once: the first one reads, and the others need not
            await asyncio.gather(
                *(line.server.react(person, part, "👍") for part in parts for person in (DAVE, ERIN))
            )
            await become(line, -1.0, 1.0, 1.0, *([1.0] if session == 2 and count == 2 else []))
            await line.server.react(DAVE, parts[0], "🎉")
            await line.server.react(ERIN, parts[0], "👎")
            await become(line, -1.0, 1.0, -1.0, *([1.0] if session == 2 and count == 2 else []))
            await line.server.react(ERIN, parts[0], "👎", removed=True)
            await become(line, -1.0, 1.0, 1.0, *([1.0] if session == 2 and count == 2 else []))
            wanted = sorted([part["id"] for part in parts] * session)
            assert sorted(read(line)[: len(wanted)]) == wanted


@pytest.mark.usefixtures("only_contacts")
@pytest.mark.parametrize("contact", ["nothing", "removed", "cleared", "cleared one", "button"])
async def test_any_event_of_a_reply_is_a_contact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contact: str
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [answer] = await answered(line)
        await line.server.react(BOB, answer, "👍")
        await line.server.react(CAROL, answer, "👍")
        await become(line, 1.0, 1.0)
        missed(line, answer, down=DAVE, up=CAROL)
        await new_session(line)
        if contact == "nothing":
            await line.server.react(ERIN, answer, "🎉")
            await become(line, -1.0, 1.0)
        elif contact == "button":
            pressed = {
                "custom_id": f"moyou:up:{await line.journal(generation_of, answer)}",
                "component_type": 2,
            }
            await line.server.interact(ERIN, 3, pressed, message=answer, channel_id=answer["channel_id"])
            await become(line, -1.0, 1.0, 1.0)
        elif contact == "removed":
            await line.server.react(CAROL, answer, "👍", removed=True)
            await become(line, -1.0)
        else:
            await line.server.clear(answer, "👍" if contact == "cleared one" else None)
            await become(line, *([-1.0] if contact == "cleared one" else []))
        assert read(line) == [answer["id"]]


def generation_of(journal: Journal, message: dict[str, Any]) -> str | None:
    return journal.generation_of(int(message["id"]))


async def test_what_judges_nothing_is_read_for_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        first, second = await answered(line, 2)
        for _ in range(3):
            await line.server.react(BOB, first, "🎉")
            await line.server.react(BOB, first, "🎉", removed=True)
        await line.server.react(BOB, first, "🎉")
        await line.server.clear(first, "🎉")
        await line.server.react(BOB, first, "👍")
        await line.server.react(CAROL, second, "👍")
        await become(line, 1.0, 1.0)
        assert read(line) == []
        await line.server.react(BOB, first, "👍", removed=True)
        await become(line, 1.0)
        assert read(line) == [second["id"]]


@pytest.mark.usefixtures("only_contacts")
async def test_in_direct_messages_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        direct = line.server.direct_channel(line.alice)
        [first] = await answered(line, channel=direct)
        [second] = await answered(line, channel=direct)
        await line.server.react(line.alice, first, "👍")
        await become(line, 1.0)
        missed(line, first, down=line.alice)
        await new_session(line)
        await line.server.react(line.alice, second, "👍")
        await become(line, 1.0, 1.0)
        await line.server.react(line.alice, first, "🎉")
        await become(line, -1.0, 1.0)


@pytest.mark.usefixtures("only_contacts")
async def test_a_reply_that_cannot_be_read_is_read_at_the_next_contact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[0], "👍")
        await become(line, 1.0)
        missed(line, parts[1], down=CAROL, up=BOB)
        line.server.reacted[parts[0]["id"]].clear()
        await new_session(line)
        line.server.refuse_next("GET", f"/channels/\\d+/messages/{parts[1]['id']}", 403)
        await line.server.react(DAVE, parts[0], "👍")
        await become(line, 1.0, 1.0)
        assert "reactions could not be read again" in caplog.text
        assert "很长" not in caplog.text
        await line.server.react(ERIN, parts[0], "👍")
        await become(line, 1.0, 1.0, 1.0, -1.0)


@pytest.mark.usefixtures("only_contacts")
async def test_where_nothing_may_be_read_nothing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        for part in parts:
            await line.server.react(BOB, part, "👍")
        await become(line, 1.0)
        everyone = line.server.guild["roles"][0]
        everyone["permissions"] = str(int(payloads.TEXT_PERMISSIONS) & ~READ_HISTORY)
        await new_session(line)
        await line.server.react(DAVE, parts[0], "👎")
        await become(line, 1.0, -1.0)
        await line.server.react(BOB, parts[0], "👍", removed=True)
        await become(line, -1.0)
        assert line.server.made("GET", MESSAGES + "/.*") == []


@pytest.mark.usefixtures("only_contacts")
async def test_what_is_remembered_as_read_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount, "REMEMBERED", 1)
    async with connected(tmp_path, monkeypatch) as line:
        [first], [second] = await answered(line), await answered(line)
        await new_session(line)
        for count, answer in enumerate((first, second, second, first), start=1):
            await line.server.react(payloads.user(f"person-{count}"), answer, "👍")
            await become(line, *[1.0] * count)
        assert read(line) == [first["id"], second["id"], first["id"]]


@pytest.mark.usefixtures("only_contacts")
async def test_two_processes_write_once_what_both_were_told_and_both_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[0], "👍")
        await become(line, 1.0)
        missed(line, parts[1], down=CAROL)
        async with MoyouClient(line.engine, line.journal, line.client.settings) as second:
            running = asyncio.create_task(second.start(line.server.token))
            await line.server.until(lambda: len(line.server.gateway.sessions) == 2)
            await new_session(line)
            await line.server.react(DAVE, parts[0], "👍")
            await become(line, 1.0, 1.0, -1.0)
            await line.server.react(DAVE, parts[0], "👍", removed=True)
            await become(line, 1.0, -1.0)
            await second.close()
            await asyncio.gather(running, return_exceptions=True)
        assert (await facts(line)).count(("👎", False)) == 1


# What was erased, and what was never to be kept


async def stand(line: Line, *people: dict[str, Any]) -> None:
    """Waits until of each of these people, and of nobody else, one judgement stands."""

    def read(journal: Journal) -> bool:
        names = {journal._hash("person", person["id"]) for person in people}
        found = [signal.person for signal in journal.signals()]
        return set(found) == names and len(found) == len(people)

    async with asyncio.timeout(10):
        while not await line.journal(read):  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("only_contacts")
async def test_who_is_forgotten_is_not_read_again_and_may_judge_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [message] = await answered(line)
        await line.server.react(BOB, message, "👍")
        await line.server.react(CAROL, message, "👍")
        await stand(line, BOB, CAROL)
        await line.journal(Journal.forget, BOB["id"])
        await new_session(line)
        line.server.reacted[message["id"]]["👍"].pop(CAROL["id"])  # taken back, which nobody told
        await line.server.react(DAVE, message, "👎")
        await stand(line, DAVE)
        await line.server.react(BOB, message, "👎")
        await stand(line, DAVE, BOB)
        await new_session(line)
        await line.server.react(ERIN, message, "👍")
        await stand(line, DAVE, BOB, ERIN)
        values = [signal.value for signal in await line.journal(Journal.signals)]
        assert sorted(values) == [-1.0, -1.0, 1.0], "what was before stays forgotten"


async def test_who_is_forgotten_is_not_read_again_in_the_same_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        parts = await answered(line, 2)
        await line.server.react(BOB, parts[0], "👍")
        await stand(line, BOB)
        await line.journal(Journal.forget, BOB["id"])
        await line.server.react(CAROL, parts[1], "🎉")
        await line.server.clear(parts[1], "🎉")
        await line.server.react(DAVE, parts[1], "👍")
        await stand(line, DAVE)


async def test_who_is_forgotten_is_not_read_again_on_connecting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [message], [before] = await answered(line), await answered(line)
        await line.server.react(BOB, message, "👍")
        await stand(line, BOB)
        await line.journal(Journal.forget, BOB["id"])
        [other] = await answered(line)
        missed(line, before, up=BOB)  # of which the journal never knew
        for each in (message, other):
            missed(line, each, up=BOB if each is message else CAROL)
        await new_session(line)
        await stand(line, CAROL)
        await line.server.until(lambda: {message["id"], other["id"]} <= set(read(line)))
        await line.server.react(DAVE, message, "👍")
        await stand(line, CAROL, DAVE)


@pytest.mark.usefixtures("only_contacts")
@pytest.mark.parametrize("told", [True, False])
async def test_what_is_done_while_nothing_is_to_be_kept_does_not_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        [message] = await answered(line)
        await line.journal(Journal.set_keep, BOB["id"], False)
        if told:
            await line.server.react(BOB, message, "👍")
            await line.server.react(CAROL, message, "👍")
            await stand(line, CAROL)
        else:
            missed(line, message, up=BOB)
        await line.journal(Journal.set_keep, BOB["id"], True)
        if told:  # nor when nothing says any more that they refused
            await line.journal(Journal.forget, BOB["id"])
        await new_session(line)
        await line.server.react(DAVE, message, "👍")
        await stand(line, DAVE, *[CAROL] * told)
