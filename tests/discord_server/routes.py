"""The REST routes that Moyou uses, answered as Discord answers them.

Knows: what each route does to messages, threads, commands and interactions, and that what is sent is told
by the gateway as well. Does not know: faults, tokens, limits of a body, permissions.

ROUTES is all there is. A test holds that every request of the bot, wherever it is made, is one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.discord_server import payloads
from tests.discord_server.gateway import Gateway

_INTERACTION = r"/webhooks/\d+/([^/]+)"
ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/users/@me"): "_me",
    ("GET", "/(?:oauth2/)?applications/@me"): "_application",
    ("GET", "/gateway/bot"): "_gateway_bot",
    ("PUT", r"/applications/\d+/commands"): "_put_commands",
    ("PUT", r"/applications/\d+/guilds/\d+/commands"): "_put_commands",
    ("GET", r"/channels/(\d+)"): "_get_channel",
    ("GET", r"/channels/(\d+)/thread-members/(\d+)"): "_get_thread_member",
    ("POST", r"/channels/(\d+)/messages"): "_post_message",
    ("GET", r"/channels/(\d+)/messages"): "_get_messages",
    ("GET", r"/channels/(\d+)/messages/(\d+)"): "_get_message",
    ("PATCH", r"/channels/(\d+)/messages/(\d+)"): "_patch_message",
    ("GET", r"/channels/(\d+)/messages/(\d+)/reactions/([^/]+)"): "_get_reactions",
    ("POST", r"/channels/(\d+)/messages/(\d+)/threads"): "_post_thread",
    ("POST", r"/channels/(\d+)/typing"): "_typing",
    ("POST", r"/interactions/(\d+)/([^/]+)/callback"): "_callback",
    ("PATCH", _INTERACTION + "/messages/@original"): "_edit_response",
    ("POST", _INTERACTION): "_follow_up",
    ("GET", r"/attachments/(.+)"): "_attachment",
}
"""Method and path of each route, and the method below that answers it; the last one is Discord's CDN."""
OF_TESTS = (
    ("DELETE", "/channels/.*"),
    ("PATCH", r"/channels/\d+"),
    ("POST", r"/channels/\d+/threads"),
    ("PUT", r"/channels/\d+/thread-members/\d+"),
    ("PUT", r"/channels/\d+/permissions/\d+"),
    ("GET", r"/guilds/\d+/members/\d+"),
)
"""What tests do by the bot's own library, as moderators would; the bot's code does none of it."""
CALLBACK_WITH_MESSAGE = (4, 5, 7)
EPHEMERAL = 64


def is_known(method: str, path: str) -> bool:
    """Whether a request is one of ROUTES, or of those that tests make themselves."""
    return any(each == method and re.fullmatch(pattern, path) for each, pattern in (*ROUTES, *OF_TESTS))


@dataclass
class Call:
    """One REST request of the bot, and how it was answered. `files`: the names of what came along."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: float
    status: int = 0
    files: tuple[str, ...] = ()


class Routes:
    """What the routes answer, and what has come of them so far."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.guild = payloads.guild("一个服务器")
        self.channel: dict[str, Any] = self.guild["channels"][0]
        self.gateway = Gateway(token, [self.guild])
        self.commands: list[dict[str, Any]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.responses: dict[str, dict[str, Any] | None] = {}
        self.followups: dict[str, list[dict[str, Any]]] = {}
        self.reacted: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        self.attached: dict[str, bytes] = {}
        self.archived: dict[str, dict[str, Any]] = {}
        self.shards = 1
        self._nonces: dict[tuple[str, str], dict[str, Any]] = {}

    async def _dispatch(self, name: str, data: dict[str, Any]) -> None:
        await self.gateway.dispatch(name, data)

    async def _answer_with(self, name: str, call: Call, *found: str) -> web.Response:
        response: web.Response = await getattr(self, name)(call, *found)
        return response

    async def _me(self, call: Call) -> web.Response:
        return json_response(payloads.BOT)

    async def _application(self, call: Call) -> web.Response:
        return json_response(
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
        return json_response({"url": self.gateway.url, "shards": self.shards, "session_start_limit": limit})

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
        return json_response(self.commands)

    async def _get_channel(self, call: Call, channel: str) -> web.Response:
        known = [*self.guild["channels"], *self.guild["threads"], *self.archived.values()]
        found = next((each for each in known if each["id"] == channel), None)
        if found is None:
            return json_response({"message": "Unknown Channel", "code": 10003}, 404)
        return json_response(found)

    async def _get_thread_member(self, call: Call, thread: str, person: str) -> web.Response:
        """Whoever is asked for is in the thread."""
        joined = "2024-01-01T00:00:00.000000+00:00"
        return json_response({"id": thread, "user_id": person, "join_timestamp": joined, "flags": 0})

    async def _post_message(self, call: Call, channel: str) -> web.Response:
        nonce = (channel, str(call.body.get("nonce")))
        if call.body.get("enforce_nonce") and nonce in self._nonces:
            return json_response(self._nonces[nonce])
        fields: dict[str, Any] = {
            "components": call.body.get("components", []),
            "nonce": call.body.get("nonce"),
        }
        if "message_reference" in call.body:
            replied = str(call.body["message_reference"]["message_id"])
            fields.update(
                type=19, message_reference={"type": 0, "channel_id": channel, "message_id": replied}
            )
        if any(each["id"] == channel for each in (*self.guild["channels"], *self.guild["threads"])):
            fields["guild_id"] = self.guild["id"]
        fields["attachments"] = [attachment(name) for name in call.files]
        message = payloads.message(channel, payloads.BOT, call.body.get("content", ""), **fields)
        self._remember(message)
        self._nonces[nonce] = message
        await self._dispatch("MESSAGE_CREATE", message)
        return json_response(message)

    async def _get_messages(self, call: Call, channel: str) -> web.Response:
        found = [each for each in self.messages.values() if each["channel_id"] == channel]
        if "before" in call.query:
            found = [each for each in found if int(each["id"]) < int(call.query["before"])]
        found.sort(key=lambda each: int(each["id"]))
        limit = int(call.query.get("limit", 50))
        if "after" in call.query:  # the first ones after it; told newest first all the same
            page = [each for each in found if int(each["id"]) > int(call.query["after"])][:limit]
        else:
            page = found[-limit:]
        return json_response([self._shown(each) for each in reversed(page)])

    async def _get_message(self, call: Call, channel: str, message: str) -> web.Response:
        found = self.messages.get(message)
        if found is None or found["channel_id"] != channel:
            return json_response({"message": "Unknown Message", "code": 10008}, 404)
        return json_response(self._shown(found))

    async def _patch_message(self, call: Call, channel: str, message: str) -> web.Response:
        found = self.messages.get(message)
        if found is None or found["author"]["id"] != payloads.APPLICATION:
            return json_response({"message": "Unknown Message", "code": 10008}, 404)
        found.update({key: call.body[key] for key in ("content", "components") if key in call.body})
        return json_response(found)

    async def _post_thread(self, call: Call, channel: str, message: str) -> web.Response:
        thread = payloads.thread(self.guild["id"], channel, message, call.body["name"])
        self.guild["threads"].append(thread)
        await self._dispatch("THREAD_CREATE", {**thread, "newly_created": True})
        return json_response(thread, 201)

    async def _get_reactions(self, call: Call, channel: str, message: str, emoji: str) -> web.Response:
        under = self.reacted.get(message, {}).get(unquote(emoji), {})
        burst = call.query.get("type") == "1"
        people = [each for each in under.values() if each.get("burst", False) is burst]
        people.sort(key=lambda each: int(each["id"]))
        after = int(call.query.get("after", 0))
        limit = int(call.query.get("limit", 25))
        return json_response([each for each in people if int(each["id"]) > after][:limit])

    def _remember(self, message: dict[str, Any]) -> None:
        self.messages[message["id"]] = message
        for channel in self.guild["channels"]:
            if channel["id"] == message["channel_id"]:
                channel["last_message_id"] = message["id"]

    def _shown(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message with its reactions, as it is read later: by the intents, as everywhere."""
        reactions = [
            {
                "emoji": payloads.emoji(emoji),
                "count": len(people),
                "count_details": {"burst": len(bursts), "normal": len(people) - len(bursts)},
                "burst_colors": [],
                "me": False,
                "me_burst": False,
            }
            for emoji, people in self.reacted.get(message["id"], {}).items()
            for bursts in [[each for each in people.values() if each.get("burst")]]
            if people
        ]
        shown = {**message, "reactions": reactions} if reactions else message
        newest = list(self.gateway.sessions.values())[-1:]
        return newest[0].censored(shown) if newest else shown

    async def _typing(self, call: Call, channel: str) -> web.Response:
        return web.Response(status=204)

    async def _callback(self, call: Call, interaction: str, token: str) -> web.Response:
        if token in self.responses:
            return json_response(
                {"message": "Interaction has already been acknowledged.", "code": 40060}, 400
            )
        data = call.body.get("data") or {}
        message = payloads.message(
            self.channel["id"], payloads.BOT, data.get("content", ""), components=data.get("components", [])
        )
        message["flags"] = data.get("flags", 0)
        self.responses[token] = message
        if call.body["type"] not in CALLBACK_WITH_MESSAGE:
            self.responses[token] = None
        if call.query.get("with_response") not in ("1", "true", "True"):
            return web.Response(status=204)
        resource = {"type": call.body["type"]}
        if self.responses[token] is not None:
            resource["message"] = message
        about = {
            "id": interaction,
            "type": 2,
            "response_message_id": message["id"],
            "response_message_loading": call.body["type"] == 5,
            "response_message_ephemeral": bool(message["flags"] & EPHEMERAL),
        }
        return json_response({"interaction": about, "resource": resource})

    async def _edit_response(self, call: Call, token: str) -> web.Response:
        message = self.responses.get(token)
        if message is None:
            return json_response({"message": "Unknown Webhook", "code": 10015}, 404)
        message.update({key: call.body[key] for key in ("content", "components") if key in call.body})
        message["attachments"] = [attachment(name) for name in call.files]
        return json_response(message)

    async def _follow_up(self, call: Call, token: str) -> web.Response:
        message = payloads.message(
            self.channel["id"],
            payloads.BOT,
            call.body.get("content", ""),
            components=call.body.get("components", []),
            flags=call.body.get("flags", 0),
        )
        self.followups.setdefault(token, []).append(message)
        return json_response(message) if call.query.get("wait") == "true" else web.Response(status=204)

    async def _attachment(self, call: Call, name: str) -> web.Response:
        content = self.attached.get(name)
        return web.Response(status=404) if content is None else web.Response(body=content)


def attachment(name: str) -> dict[str, Any]:
    """A file that the bot sent."""
    own = payloads.snowflake()
    return {"id": own, "filename": name, "size": 1, "url": f"https://cdn/{own}", "proxy_url": ""}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    # as bytes: with a text aiohttp would add a charset, and discord.py compares the type to the letter
    body = json.dumps(content, ensure_ascii=False).encode()
    return web.Response(
        body=body, status=status, headers=dict(headers or {}), content_type="application/json"
    )
