"""The REST routes that Moyou uses, and people as seen from outside: they write, react and use commands.

Knows: statuses, headers, rate limits, what a request must look like. Does not know: permissions.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

from tests import discord_limits
from tests.discord_server import payloads
from tests.discord_server.gateway import Gateway

Route = Callable[..., Awaitable[web.Response]]


@dataclass
class Call:
    """One REST request of the bot, and how it was answered."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: float
    status: int = 0


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


class DiscordServer:
    """Listens on 127.0.0.1 inside `async with`; `api` and `gateway.url` are its addresses."""

    def __init__(self, token: str = "test-token") -> None:  # noqa: S107
        self.token = token
        self.guild = payloads.guild("一个服务器")
        self.channel: dict[str, Any] = self.guild["channels"][0]
        self.gateway = Gateway(token, [self.guild])
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.commands: list[dict[str, Any]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.responses: dict[str, dict[str, Any]] = {}
        self.faults: list[Fault] = []
        self.reacted: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        self.shards = 1
        self._nonces: dict[tuple[str, str], dict[str, Any]] = {}
        self._direct: dict[str, dict[str, Any]] = {}
        self.api = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/gateway/", self.gateway.serve)
        app.router.add_route("*", "/api/v10/{path:.*}", self._rest)
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

    async def react(
        self, person: Mapping[str, Any], message: Mapping[str, Any], emoji: str, *, removed: bool = False
    ) -> None:
        event = {
            "user_id": person["id"],
            "channel_id": message["channel_id"],
            "message_id": message["id"],
            "guild_id": self.guild["id"],
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
        }
        under = self.reacted.setdefault(message["id"], {}).setdefault(emoji, {})
        if removed:
            under.pop(person["id"], None)
        else:
            under[person["id"]] = dict(person)
            event["member"] = payloads.member(person, with_user=True)
            event["message_author_id"] = message["author"]["id"]
        await self._dispatch("MESSAGE_REACTION_REMOVE" if removed else "MESSAGE_REACTION_ADD", event)

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

    async def _dispatch(self, name: str, data: dict[str, Any]) -> None:
        await self.gateway.dispatch(name, data)

    # REST

    async def _rest(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        raw = await request.read()
        body = json.loads(raw) if raw else None
        call = Call(request.method, path, dict(request.query), body, time.monotonic())
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
            response = _json(fault.body, fault.status, fault.headers)
        call.status = response.status
        async with self.gateway.changed:
            self.gateway.changed.notify_all()
        return response

    async def _answer(self, request: web.Request, call: Call) -> web.Response:
        open_to_all = call.path.startswith(("/interactions/", "/webhooks/"))
        if not open_to_all and request.headers.get("Authorization") != f"Bot {self.token}":
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        if call.body is not None and request.headers.get("Content-Type") != "application/json":
            return _json({"message": "Unsupported content type", "code": 0}, 400)
        if call.body is not None:
            problems = discord_limits.problems(call.method, call.path, call.body)
            self.problems += [f"{call.method} {call.path}: {problem}" for problem in problems]
            if problems:
                return _json({"message": "Invalid Form Body", "code": 50035, "errors": {}}, 400)
        for method, pattern, route in self._routes():
            found = re.fullmatch(pattern, call.path)
            if found is not None and method == call.method:
                return await route(call, *found.groups())
        self.problems.append(f"no such route: {call.method} {call.path}")
        return _json({"message": "404: Not Found", "code": 0}, 404)

    def _routes(self) -> list[tuple[str, str, Route]]:
        interaction = rf"/webhooks/{payloads.APPLICATION}/([^/]+)"
        return [
            ("GET", "/users/@me", self._me),
            ("GET", "/(?:oauth2/)?applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway_bot),
            ("PUT", r"/applications/\d+/(?:guilds/\d+/)?commands", self._put_commands),
            ("POST", r"/channels/(\d+)/messages", self._post_message),
            ("GET", r"/channels/(\d+)/messages", self._get_messages),
            ("GET", r"/channels/(\d+)/messages/(\d+)", self._get_message),
            ("GET", r"/channels/(\d+)/messages/(\d+)/reactions/([^/]+)", self._get_reactions),
            ("POST", r"/channels/(\d+)/typing", self._typing),
            ("POST", r"/interactions/(\d+)/([^/]+)/callback", self._callback),
            ("PATCH", interaction + "/messages/@original", self._edit_response),
        ]

    async def _me(self, call: Call) -> web.Response:
        return _json(payloads.BOT)

    async def _application(self, call: Call) -> web.Response:
        return _json(
            {
                "id": payloads.APPLICATION,
                "name": "moyou",
                "icon": None,
                "description": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "",
                "flags": 0,
                "owner": payloads.BOT,
                "team": None,
            }
        )

    async def _gateway_bot(self, call: Call) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
        return _json({"url": self.gateway.url, "shards": self.shards, "session_start_limit": limit})

    async def _put_commands(self, call: Call) -> web.Response:
        self.commands = [
            {
                "id": payloads.snowflake(),
                "application_id": payloads.APPLICATION,
                "version": payloads.snowflake(),
                "default_member_permissions": None,
                "description": "",
                **command,
            }
            for command in call.body
        ]
        return _json(self.commands)

    async def _post_message(self, call: Call, channel: str) -> web.Response:
        nonce = (channel, str(call.body.get("nonce")))
        if call.body.get("enforce_nonce") and nonce in self._nonces:
            return _json(self._nonces[nonce])
        fields: dict[str, Any] = {
            "components": call.body.get("components", []),
            "nonce": call.body.get("nonce"),
        }
        if "message_reference" in call.body:
            replied = str(call.body["message_reference"]["message_id"])
            fields.update(
                type=19, message_reference={"type": 0, "channel_id": channel, "message_id": replied}
            )
        if any(each["id"] == channel for each in self.guild["channels"]):
            fields["guild_id"] = self.guild["id"]
        message = payloads.message(channel, payloads.BOT, call.body.get("content", ""), **fields)
        self._remember(message)
        self._nonces[nonce] = message
        await self._dispatch("MESSAGE_CREATE", message)
        return _json(message)

    async def _get_messages(self, call: Call, channel: str) -> web.Response:
        found = [each for each in self.messages.values() if each["channel_id"] == channel]
        if "before" in call.query:
            found = [each for each in found if int(each["id"]) < int(call.query["before"])]
        newest = sorted(found, key=lambda each: int(each["id"]), reverse=True)
        return _json([self._shown(each) for each in newest[: int(call.query.get("limit", 50))]])

    async def _get_message(self, call: Call, channel: str, message: str) -> web.Response:
        found = self.messages.get(message)
        if found is None or found["channel_id"] != channel:
            return _json({"message": "Unknown Message", "code": 10008}, 404)
        return _json(self._shown(found))

    async def _get_reactions(self, call: Call, channel: str, message: str, emoji: str) -> web.Response:
        under = self.reacted.get(message, {}).get(unquote(emoji), {})
        people = sorted(under.values(), key=lambda each: int(each["id"]))
        after = int(call.query.get("after", 0))
        limit = int(call.query.get("limit", 25))
        return _json([each for each in people if int(each["id"]) > after][:limit])

    def _remember(self, message: dict[str, Any]) -> None:
        self.messages[message["id"]] = message
        for channel in self.guild["channels"]:
            if channel["id"] == message["channel_id"]:
                channel["last_message_id"] = message["id"]

    def _shown(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message with its reactions, as it is read later: by the intents, as everywhere."""
        reactions = [
            {
                "emoji": {"id": None, "name": emoji},
                "count": len(people),
                "count_details": {"burst": 0, "normal": len(people)},
                "burst_colors": [],
                "me": False,
                "me_burst": False,
            }
            for emoji, people in self.reacted.get(message["id"], {}).items()
            if people
        ]
        shown = {**message, "reactions": reactions} if reactions else message
        newest = list(self.gateway.sessions.values())[-1:]
        return newest[0].censored(shown) if newest else shown

    async def _typing(self, call: Call, channel: str) -> web.Response:
        return web.Response(status=204)

    async def _callback(self, call: Call, interaction: str, token: str) -> web.Response:
        if token in self.responses:
            return _json({"message": "Interaction has already been acknowledged.", "code": 40060}, 400)
        data = call.body.get("data") or {}
        message = payloads.message(
            self.channel["id"], payloads.BOT, data.get("content", ""), components=data.get("components", [])
        )
        message["flags"] = data.get("flags", 0)
        self.responses[token] = message
        if call.query.get("with_response") not in ("1", "true", "True"):
            return web.Response(status=204)
        resource = {"type": call.body["type"], "message": message}
        about = {
            "id": interaction,
            "type": 2,
            "response_message_id": message["id"],
            "response_message_loading": call.body["type"] == 5,
            "response_message_ephemeral": bool(message["flags"] & 64),
        }
        return _json({"interaction": about, "resource": resource})

    async def _edit_response(self, call: Call, token: str) -> web.Response:
        message = self.responses.get(token)
        if message is None:
            return _json({"message": "Unknown Webhook", "code": 10015}, 404)
        message.update({key: call.body[key] for key in ("content", "components") if key in call.body})
        return _json(message)


def _is_for(fault: Fault, call: Call) -> bool:
    return fault.method == call.method and re.fullmatch(fault.path, call.path) is not None


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    # as bytes: with a text aiohttp would add a charset, and discord.py compares the type to the letter
    body = json.dumps(content, ensure_ascii=False).encode()
    return web.Response(
        body=body, status=status, headers=dict(headers or {}), content_type="application/json"
    )
