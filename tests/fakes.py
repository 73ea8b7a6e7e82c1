"""A small engine with the real one's door and no models: what it writes depends on the request alone.

It reads the real `prompts/`, holds requests against their tasks and raises what it is told to, so that
everything in front of the engine can be tested without weights. `danger` and `fail` steer it, and so does
`seconds`: how long it writes, by the clock of the world it is in.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine import (
    Draft,
    FormCheck,
    Mark,
    Message,
    Point,
    Reply,
    Request,
    Summary,
    Task,
    load_tasks,
    ticket,
)

POEM = ("白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼")
TONES = ("仄仄平平仄", "平平仄仄平", "仄平平仄仄", "仄仄仄平平")


class FakeEngine:
    """Writes "<text>!" for every text task and the same poem for every theme; notes what it was asked."""

    def __init__(self) -> None:
        self.tasks: Mapping[str, Task] = load_tasks()
        self.asked: list[Request] = []
        self.groups: list[str] = []
        self.varied: list[Reply] = []
        self.summarized: list[Sequence[Message]] = []
        self.fail: BaseException | None = None
        self.text: Callable[[Request], str] = lambda request: f"{request.text}!"
        self.gate: asyncio.Event | None = None
        self.seconds = 0.0
        self._numbers = itertools.count(1)

    async def write(self, request: Request) -> Reply:
        task = self.tasks[request.task]
        request = task.validate(request)
        self.asked.append(request)
        self.groups.append(ticket.group())
        if self.gate is not None:
            await self.gate.wait()
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.fail is not None:
            raise self.fail
        if "想死" in request.text:
            return self._reply(request, "我很担心你。请拨打求助热线。", origin="fixed")
        if "背一句" in request.text:
            return self._reply(request, "这是书里的一句。", origin="book")
        if task.model == "verse":
            return self._reply(request, "\n".join(POEM), lines=POEM, form=poem_check())
        return self._reply(request, self.text(request))

    async def vary(self, request: Request, reply: Reply) -> Reply:
        self.varied.append(reply)
        return await self.write(request)

    async def summarize(
        self, messages: Sequence[Message], *, points: int = 5, characters: int | None = None
    ) -> Summary:
        self.summarized.append(messages)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.fail is not None:
            raise self.fail
        chosen = [message for message in messages if len(message.text) > 3][:points]
        return Summary(
            title=chosen[0].text[:10] if chosen else "",
            points=tuple(Point(each.text, each.author, (each.id,)) for each in chosen),
            messages=len(messages),
            quiet=not chosen,
        )

    def status(self) -> dict[str, Any]:
        return {
            "models": {"talk": {"hash": "fa4e" * 16, "loaded": True}, "verse": {"hash": "", "loaded": False}},
            "reward_model": "",
            "waiting": 2,
            "queue": 64,
            "workers": 1,
            "book": True,
        }

    def _reply(self, request: Request, text: str, **fields: Any) -> Reply:
        number = next(self._numbers)
        origin = fields.pop("origin", "generated")
        seed = number if request.seed is None else request.seed
        latent = (0.25,) if origin == "generated" else ()
        draft = Draft(text, text, origin, latent, -1.5, {"fit": 0.5}, 0.75)
        worse = Draft("另一个草稿", "另一个草稿", "book", (), -2.5, {"fit": 0.25}, 0.5)
        return Reply(
            generation=f"fake-{number:04d}",
            task=request.task,
            text=text,
            origin=origin,
            model="talk@fake",
            seed=seed,
            decoding={"temperature": 0.8},
            drafts=(draft, worse),
            chosen=0,
            **fields,
        )


def poem_check() -> FormCheck:
    """登鹳雀楼 as a form check would hold it."""
    lines = tuple(
        tuple(
            Mark(character, tone, tone, "十一尤" if position == 4 and index % 2 else "", True)
            for position, (character, tone) in enumerate(zip(line, tones, strict=True))
        )
        for index, (line, tones) in enumerate(zip(POEM, TONES, strict=True))
    )
    return FormCheck("wujue", True, "仄起首句不入韵", (), lines, ())
