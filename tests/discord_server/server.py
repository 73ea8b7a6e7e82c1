"""Discord as the bot's requests meet it, and people as seen from outside: they write, react, use commands.

Knows: statuses, headers, rate limits and other faults, what a request must look like.
Does not know: what a route does (`routes` does), permissions.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests import discord_limits
from tests.discord_server import payloads
from tests.discord_server.routes import ROUTES, Call, Routes, json_response


@dataclass
class Fault:
    """An answer that a coming request gets instead of its own. `done`: it was carried out all the same.
    `never`: no answer ever comes."""

    method: str
    path: str
    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    never: bool = False


class DiscordServer(Routes):
    """Listens on 127.0.0.1 inside `async with`; `api` and `gateway.url` are its addresses."""

    def __init__(self, token: str = "test-token") -> None:  # noqa: S107
        super().__init__(token)
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.faults: list[Fault] = []
        self.checks = (
            True  # whether bodies are held against the specification, which takes longer than a reply
        )
        self._direct: dict[str, dict[str, Any]] = {}
        self.api = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/gateway/", self.gateway.serve)
        app.router.add_route("*", "/api/v10/{path:.*}", self._rest)
        app.router.add_route("GET", "/{path:attachments/.*}", self._rest)
        # a socket that was cut must not hold up the end of a test
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.api = f"http://127.0.0.1:{port}/api/v10"
        self.gateway.url = f"ws://127.0.0.1:{port}/gateway"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    # What a test sees

    async def until(self, holds: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Waits until `holds()` is true, and returns it. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self.gateway.changed:
            return await self.gateway.changed.wait_for(holds)

    def said(self, channel: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The bot's messages in a channel, in order."""
        where = (channel or self.channel)["id"]
        mine = (each for each in self.messages.values() if each["author"]["id"] == payloads.APPLICATION)
        return [each for each in mine if each["channel_id"] == where]

    def made(self, method: str, pattern: str) -> list[Call]:
        """The bot's requests by method and path."""
        return [call for call in self.calls if call.method == method and re.fullmatch(pattern, call.path)]

    def limit_next(self, method: str, path: str, retry_after: float) -> None:
        """The next request there is answered 429, as Discord's own servers do."""
        body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": False}
        headers = {"Retry-After": str(retry_after), "Via": "1.1 google", "X-RateLimit-Scope": "shared"}
        self.faults.append(Fault(method, path, 429, body, headers))

    def lose_answer_to_next(self, method: str, path: str) -> None:
        """The next request there is done, but its answer is lost on the way: 502."""
        self.faults.append(Fault(method, path, 502, {"message": "502: Bad Gateway"}, done=True))

    def refuse_next(self, method: str, path: str, status: int) -> None:
        """The next request there is not carried out: Discord's own trouble."""
        self.faults.append(Fault(method, path, status, {"message": "trouble"}))

    def never_answer_next(self, method: str, path: str, *, done: bool) -> None:
        """The next request there gets no answer, whether it was carried out or not."""
        self.faults.append(Fault(method, path, 0, {}, done=done, never=True))

    # What people do

    async def write(
        self,
        author: Mapping[str, Any],
        content: str,
        *,
        reply_to: Mapping[str, Any] | None = None,
        channel: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A person's message; mentions of the bot (a reply pings) are what its text and reply say."""
        where = channel or self.channel
        fields: dict[str, Any] = {
            "mentions": [payloads.BOT] if f"<@{payloads.APPLICATION}>" in content else []
        }
        if "guild_id" in where:
            fields.update(guild_id=where["guild_id"], member=payloads.member(author))
            roles = [role["id"] for role in self.guild["roles"]]
            fields["mention_roles"] = [role for role in roles if f"<@&{role}>" in content]
        if reply_to is not None:
            reference = {"type": 0, "channel_id": where["id"], "message_id": reply_to["id"]}
            fields.update(type=19, message_reference=reference, referenced_message=dict(reply_to))
            fields["mentions"] = [dict(reply_to["author"])]
        message = payloads.message(where["id"], author, content, **fields)
        self._remember(message)
        await self._dispatch("MESSAGE_CREATE", message)
        return message

    async def edit(self, message: dict[str, Any], content: str) -> None:
        """A person edits a message of theirs."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        message.update(content=content, edited_timestamp=now)
        await self._dispatch("MESSAGE_UPDATE", message)

    async def react(
        self,
        person: Mapping[str, Any],
        message: Mapping[str, Any],
        emoji: str,
        *,
        removed: bool = False,
        burst: bool = False,
    ) -> None:
        """A reaction, a super reaction (`burst`), or one that is taken back."""
        event: dict[str, Any] = {
            "user_id": person["id"],
            "channel_id": message["channel_id"],
            "message_id": message["id"],
            **self._guild_of(message),
            "emoji": payloads.emoji(emoji),
            "burst": burst,
            "type": int(burst),
        }
        under = self.reacted.setdefault(message["id"], {}).setdefault(emoji, {})
        if removed:
            under.pop(person["id"], None)
        else:
            under[person["id"]] = {**person, "burst": burst}
            if "guild_id" in event:
                event["member"] = payloads.member(person, with_user=True)
            event["message_author_id"] = message["author"]["id"]
        await self._dispatch("MESSAGE_REACTION_REMOVE" if removed else "MESSAGE_REACTION_ADD", event)

    async def clear(self, message: Mapping[str, Any], emoji: str | None = None) -> None:
        """A moderator takes all reactions (of one emoji) from under a message."""
        event = {"channel_id": message["channel_id"], "message_id": message["id"], **self._guild_of(message)}
        under = self.reacted.get(message["id"], {})
        if emoji is None:
            under.clear()
            await self._dispatch("MESSAGE_REACTION_REMOVE_ALL", event)
        else:
            under.pop(emoji, None)
            event["emoji"] = payloads.emoji(emoji)
            await self._dispatch("MESSAGE_REACTION_REMOVE_EMOJI", event)

    async def delete(self, *messages: Mapping[str, Any]) -> None:
        """Somebody who may deletes messages of one channel, together where they are several."""
        for message in messages:
            self.messages.pop(message["id"])
            self.reacted.pop(message["id"], None)
        event = {"channel_id": messages[0]["channel_id"], **self._guild_of(messages[0])}
        if len(messages) == 1:
            await self._dispatch("MESSAGE_DELETE", {"id": messages[0]["id"], **event})
        else:
            ids = [message["id"] for message in messages]
            await self._dispatch("MESSAGE_DELETE_BULK", {"ids": ids, **event})

    def _guild_of(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The field that events of a message have where it is in the server."""
        direct = {channel["id"] for channel in self._direct.values()}
        return {} if message["channel_id"] in direct else {"guild_id": self.guild["id"]}

    async def interact(
        self, person: Mapping[str, Any], kind: int, data: Mapping[str, Any], **fields: Any
    ) -> str:
        """A command (2) or a button (3); returns the interaction's token."""
        token = f"token-{payloads.snowflake()}"
        await self._dispatch(
            "INTERACTION_CREATE",
            {
                "id": payloads.snowflake(),
                "application_id": payloads.APPLICATION,
                "type": kind,
                "token": token,
                "version": 1,
                "data": dict(data),
                "guild_id": self.guild["id"],
                "guild": {"id": self.guild["id"], "locale": "zh-CN", "features": []},
                "channel_id": self.channel["id"],
                "channel": self.channel,
                "member": payloads.member(person, with_user=True),
                "locale": "zh-CN",
                "guild_locale": "zh-CN",
                "app_permissions": payloads.TEXT_PERMISSIONS,
                "attachment_size_limit": 10_485_760,
                "entitlements": [],
                "authorizing_integration_owners": {"0": self.guild["id"]},
                "context": 0,
                **fields,
            },
        )
        return token

    def direct_channel(self, person: Mapping[str, Any]) -> dict[str, Any]:
        channel = {
            "id": payloads.snowflake(),
            "type": 1,
            "recipients": [dict(person)],
            "last_message_id": None,
        }
        return self._direct.setdefault(person["id"], channel)

    # REST

    async def _rest(self, request: web.Request) -> web.Response:
        came = time.monotonic()
        path = "/" + request.match_info["path"]
        body, files = await _sent(request)
        call = Call(request.method, path, dict(request.query), body, came, files=files)
        self.calls.append(call)
        fault = next((each for each in self.faults if _is_for(each, call)), None)
        if fault is not None:
            self.faults.remove(fault)
        if fault is None or fault.done:
            response = await self._answer(request, call)
        if fault is not None and fault.never:
            async with self.gateway.changed:
                self.gateway.changed.notify_all()
            await asyncio.Event().wait()
        if fault is not None:
            response = json_response(fault.body, fault.status, fault.headers)
        call.status = response.status
        async with self.gateway.changed:
            self.gateway.changed.notify_all()
        return response

    async def _answer(self, request: web.Request, call: Call) -> web.Response:
        open_to_all = call.path.startswith(("/interactions/", "/webhooks/", "/attachments/"))
        if not open_to_all and request.headers.get("Authorization") != f"Bot {self.token}":
            return json_response({"message": "401: Unauthorized", "code": 0}, 401)
        as_json = call.files or request.headers.get("Content-Type") == "application/json"
        if call.body is not None and not as_json:
            return json_response({"message": "Unsupported content type", "code": 0}, 400)
        if call.body is not None and self.checks:
            problems = discord_limits.problems(call.method, call.path, call.body)
            self.problems += [f"{call.method} {call.path}: {problem}" for problem in problems]
            if problems:
                return json_response({"message": "Invalid Form Body", "code": 50035, "errors": {}}, 400)
        for (method, pattern), name in ROUTES.items():
            found = re.fullmatch(pattern, call.path)
            if found is not None and method == call.method:
                return await self._answer_with(name, call, *found.groups())
        self.problems.append(f"no such route: {call.method} {call.path}")
        return json_response({"message": "404: Not Found", "code": 0}, 404)


def _is_for(fault: Fault, call: Call) -> bool:
    return fault.method == call.method and re.fullmatch(fault.path, call.path) is not None


async def _sent(request: web.Request) -> tuple[Any, tuple[str, ...]]:
    """A request's body, and the names of the files beside it."""
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        raw = await request.read()
        return (json.loads(raw) if raw else None), ()
    form = await request.post()
    files = [each for each in form.values() if isinstance(each, web.FileField)]
    for each in files:
        each.file.close()
    return json.loads(str(form["payload_json"])), tuple(each.filename for each in files)
