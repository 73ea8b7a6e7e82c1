"""The gateway's side of a connection: hello, identify, heartbeat, dispatch, resume with a replay.

Knows: sessions, sequence numbers, what a session missed, compression, what intents hide.
Does not know: what the events are about.
"""

from __future__ import annotations

import asyncio
import copy
import json
import time
import zlib
from typing import Any

from aiohttp import WSMsgType, web

from tests.discord_server import payloads

HEARTBEAT = 41_250
DISPATCH, BEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
MESSAGE_CONTENT = 1 << 15
INTENTS = {
    "MESSAGE_CREATE": (1 << 9, 1 << 12),
    "MESSAGE_UPDATE": (1 << 9, 1 << 12),
    "MESSAGE_DELETE": (1 << 9, 1 << 12),
    "MESSAGE_REACTION_ADD": (1 << 10, 1 << 13),
    "MESSAGE_REACTION_REMOVE": (1 << 10, 1 << 13),
}
"""The intents that an event needs, in servers and in direct messages."""


class Session:
    """What one identify began: it outlives its connections and remembers every event."""

    def __init__(self, session_id: str, intents: int, shard: list[int]) -> None:
        self.id = session_id
        self.intents = intents
        self.shard = shard
        self.events: list[dict[str, Any]] = []
        self.connection: Connection | None = None
        self.gone = False

    async def dispatch(self, name: str, data: dict[str, Any]) -> None:
        """Sends an event, or keeps it for a RESUME; what the intents do not cover is not there."""
        needed = INTENTS.get(name)
        if needed is not None and not self.intents & needed["guild_id" not in data]:
            return
        data = self.censored(data) if name in ("MESSAGE_CREATE", "MESSAGE_UPDATE") else data
        event = {"op": DISPATCH, "t": name, "s": len(self.events) + 1, "d": data}
        self.events.append(event)
        if self.connection is not None:
            await self.connection.send(event)

    def has(self, guild: str | None) -> bool:
        """Whether a server is this session's shard's; direct messages (None) are the first's."""
        shard, count = self.shard
        return (int(guild or 0) >> 22) % count == shard

    def censored(self, data: dict[str, Any]) -> dict[str, Any]:
        """A message as the intents let it be read."""
        me = payloads.APPLICATION
        exempt = (
            self.intents & MESSAGE_CONTENT
            or "guild_id" not in data
            or data["author"]["id"] == me
            or any(each["id"] == me for each in data["mentions"])
        )
        if exempt:
            return data
        return {**copy.deepcopy(data), "content": "", "embeds": [], "components": [], "attachments": []}


class Connection:
    """One socket. `heard` are the operations the client sent."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self._request = request
        self._compressor = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self.heard: list[dict[str, Any]] = []
        self.session: Session | None = None
        self.ended = asyncio.Event()
        self.mute = False
        self.delay = 0.0
        self.sent: dict[str | None, float] = {}
        """By event, when the last one was given to the socket, as `time.monotonic` has it."""

    @property
    def is_compressed(self) -> bool:
        """What goes to the client is one zlib stream."""
        return self._compressor is not None

    async def send(self, payload: dict[str, Any]) -> None:
        """A payload, after `delay` seconds; a mute connection loses all (events stay for a RESUME)."""
        await asyncio.sleep(self.delay)
        text = json.dumps(payload, ensure_ascii=False)
        if self.socket.closed or self.mute:
            return
        try:
            if self._compressor is None:
                self.sent[payload.get("t")] = time.monotonic()
                await self.socket.send_str(text)
            else:
                data = self._compressor.compress(text.encode()) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
                self.sent[payload.get("t")] = time.monotonic()
                await self.socket.send_bytes(data)
        except ConnectionError:
            self.detach()

    def detach(self) -> None:
        if self.session is not None and self.session.connection is self:
            self.session.connection = None

    async def invalidate(self) -> None:
        """Op 9: the session is gone, and so is whatever happens before there is another."""
        if self.session is not None:
            self.session.gone = True
        await self.send({"op": INVALID, "d": False})
        self.detach()

    async def send_rubbish(self) -> None:
        """An event without anything that belongs in it: the library cannot parse it."""
        assert self.session is not None
        self.session.gone = True
        await self.session.dispatch("GUILD_ROLE_CREATE", {"guild_id": "not a number", "role": 7})
        self.detach()

    def cut(self) -> None:
        """The line goes dead, without a word of goodbye."""
        self.detach()
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def close(self, code: int) -> None:
        self.detach()
        await self.socket.close(code=code)


class Gateway:
    """All sessions and connections of one server."""

    def __init__(self, token: str, guilds: list[dict[str, Any]]) -> None:
        self._token = token
        self._guilds = guilds
        self.url = ""
        self.heartbeat = HEARTBEAT
        self.patience = 0.0
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.changed = asyncio.Condition()

    def heard(self, operation: int) -> list[dict[str, Any]]:
        """Every payload of an operation that clients sent, in order."""
        return [
            each for connection in self.connections for each in connection.heard if each["op"] == operation
        ]

    async def dispatch(self, name: str, data: dict[str, Any]) -> None:
        """An event to whoever has its server; where there is no session, nobody ever hears of it."""
        for session in list(self.sessions.values()):
            if not session.gone and session.has(data.get("guild_id")):
                await session.dispatch(name, data)

    @property
    def line(self) -> Connection:
        """The newest connection that is alive."""
        return next(each for each in reversed(self.connections) if each.session is not None)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        connection = Connection(socket, request)
        self.connections.append(connection)
        await asyncio.sleep(self.patience)
        await connection.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat}})
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            payload = json.loads(frame.data)
            connection.heard.append(payload)
            await self._hear(connection, payload)
            async with self.changed:
                self.changed.notify_all()
        connection.detach()
        connection.ended.set()
        return socket

    async def _hear(self, connection: Connection, payload: dict[str, Any]) -> None:
        operation, data = payload["op"], payload["d"]
        if operation == BEAT:
            await connection.send({"op": ACK})
        elif operation == IDENTIFY:
            await self._identify(connection, data)
        elif operation == RESUME:
            await self._resume(connection, data)

    async def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        if data["token"] != self._token:
            await connection.close(4004)
            return
        session = Session(f"session-{len(self.sessions) + 1}", data["intents"], data.get("shard", [0, 1]))
        self.sessions[session.id] = session
        connection.session, session.connection = session, connection
        mine = [guild for guild in self._guilds if session.has(guild["id"])]
        await session.dispatch(
            "READY",
            {
                "v": 10,
                "user": payloads.BOT,
                "guilds": [{"id": guild["id"], "unavailable": True} for guild in mine],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": session.shard,
                "application": {"id": payloads.APPLICATION, "flags": 0},
            },
        )
        for guild in mine:
            await session.dispatch("GUILD_CREATE", guild)

    async def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or session.gone or data["token"] != self._token:
            await connection.send({"op": INVALID, "d": False})
            return
        connection.session, session.connection = session, connection
        for event in session.events[data["seq"] :]:
            await connection.send(event)
        await session.dispatch("RESUMED", {})
