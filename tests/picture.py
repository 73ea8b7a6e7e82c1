"""A real conversation as a picture: python -m tests.picture [--redraw]

The bot as it ships, with its own models, connects to the protocol server of these tests; people write to it
there what stands below, and what it answers is kept as a transcript (tests/pictures/*.json) and drawn in
Discord's layout (tests/pictures/*.png, which the README shows). The console writes two poems, of which
pictures are taken as they are shown there. Nothing it says is written or chosen here.
`--redraw` draws the transcripts that are there.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import discord
import jinja2
from aiohttp import web
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot import console
from bot.check import make_engine
from bot.client import MoyouClient
from bot.settings import Settings
from engine import JournalThread
from tests.browser import open_browser
from tests.discord_server import DiscordServer, payloads

FOLDER = Path(__file__).parent / "pictures"
WIDTH, SCALE = 760, 1.5
EMOJI = {
    "👍": '<path d="M9 8h4l1-5c.2-1 2.6-1 2.6 1.4L16.2 8H20a2 2 0 0 1 2 2.2l-1 7A2.5 2.5 0 0 1 '
    '18.5 19.5H9z" fill="#ffcc4d"/><path d="M3 9h5v11H3z" fill="#f4900c"/>',
    "🔁": '<rect x="1" y="1" width="22" height="22" rx="4" fill="#3b88c3"/>'
    '<path d="M6 12V9.5a2 2 0 0 1 2-2h8M14 4.5l3 3-3 3M18 12v2.5a2 2 0 0 1-2 2H8M10 19.5l-3-3 3-3" '
    'fill="none" stroke="#fff" stroke-width="2"/>',
    "🎲": '<rect x="2" y="2" width="20" height="20" rx="4" fill="#ea596e"/>'
    '<g fill="#fff"><circle cx="7" cy="7" r="2"/>'
    '<circle cx="17" cy="7" r="2"/><circle cx="12" cy="12" r="2"/><circle cx="7" cy="17" r="2"/>'
    '<circle cx="17" cy="17" r="2"/></g>',
    "❓": '<path d="M7 8.5C7 5 9.5 3 12 3s5 2 5 5c0 4-5 4-5 8" fill="none" stroke="#dd2e44" '
    'stroke-width="3.5" stroke-linecap="round"/><circle cx="12" cy="20.5" r="2.2" fill="#dd2e44"/>',
}
"""Signs that fonts without colours lack."""
ME = f"<@{payloads.APPLICATION}>"


class Room:
    """One channel and what is said in it, in order."""

    def __init__(self, server: DiscordServer, locale: str) -> None:
        self.server = server
        self.locale = locale
        self.lines: list[dict[str, Any]] = []
        self.people: dict[str, dict[str, Any]] = {}

    def person(self, name: str) -> dict[str, Any]:
        return self.people.setdefault(name, payloads.user(name))

    async def say(self, name: str, text: str) -> dict[str, Any]:
        """Somebody writes to the others."""
        message = await self.server.write(self.person(name), text)
        self.lines.append({"who": name, "text": text, "at": time_of(message)})
        await asyncio.sleep(0.01)
        return message

    async def ask(self, name: str, text: str, reply_to: dict[str, Any] | None = None) -> dict[str, Any]:
        """Somebody speaks to Moyou, who answers; the answer."""
        before = len(self.server.said())
        asked = f"{ME} {text}" if reply_to is None else text
        message = await self.server.write(self.person(name), asked, reply_to=reply_to)
        to = {"reply_to": reply_to["content"]} if reply_to is not None else {}
        self.lines.append({"who": name, "text": asked, "at": time_of(message), **to})
        await self.server.until(lambda: len(self.server.said()) > before, 60.0)
        answer = self.server.said()[-1]
        self.lines.append({**drawn(answer), "reply_to": asked, "reply_who": name})
        return answer

    async def command(self, name: str, command: str, **options: str) -> dict[str, Any]:
        """Somebody uses a command; the answer."""
        await self.server.until(lambda: self.server.commands)
        [known] = [each for each in self.server.commands if each["name"] == command]
        shown = known["name_localizations"].get(self.locale, command)
        given = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
        data = {"id": known["id"], "name": command, "type": 1, "options": given}
        return await self._interaction(name, data, f"/{shown}")

    async def menu(self, name: str, menu: str, message: dict[str, Any]) -> dict[str, Any]:
        """Somebody opens a message's menu; the answer."""
        [known] = [each for each in self.server.commands if each["name"] == menu]
        shown = known["name_localizations"].get(self.locale, menu)
        data = {
            "id": known["id"],
            "name": menu,
            "type": 3,
            "target_id": message["id"],
            "resolved": {"messages": {message["id"]: message}},
        }
        return await self._interaction(name, data, shown)

    async def _interaction(self, name: str, data: dict[str, Any], used: str) -> dict[str, Any]:
        token = await self.server.interact(self.person(name), 2, data, locale=self.locale)
        await self.server.until(lambda: (self.server.responses.get(token) or {}).get("content"), 60.0)
        response = self.server.responses[token]
        assert response is not None
        self.lines.append({**drawn(response), "used": used, "used_by": name})
        return response

    def react(self, emoji: str, count: int) -> None:
        """People judge the last answer. (The events are sent as well; the count is what is drawn.)"""
        self.lines[-1].setdefault("reactions", []).append([emoji, count])


def drawn(message: dict[str, Any]) -> dict[str, Any]:
    """What is drawn of a message of the bot's."""
    buttons = [
        [(item.get("emoji") or {}).get("name", ""), item.get("label") or ""]
        for row in message["components"]
        for item in row["components"]
    ]
    private = bool(message["flags"] & 64)
    return {"text": message["content"], "at": time_of(message), "buttons": buttons, "private": private}


def time_of(message: dict[str, Any]) -> str:
    """Hours and minutes (UTC) at which a message was written."""
    return discord.utils.snowflake_time(int(message["id"])).strftime("%H:%M")


async def chinese(room: Room) -> None:
    first = await room.ask("小林", "你好，你会做什么？")
    await room.ask("小林", "今天加班到九点，有点累", reply_to=first)
    poem = await room.command("阿哲", "poem", theme="秋夜", form="qijue")
    for name in ("小林", "南星"):
        await room.server.react(room.person(name), poem, "👍")
    room.react("👍", 2)
    first = await room.say("南星", "周六去爬山吧，早上七点在地铁站集合")
    await room.say("阿哲", "七点太早了，八点行不行")
    await room.say("南星", "行，那就八点，记得带水和午饭")
    await room.say("阿哲", "哈哈哈哈")
    await room.say("小林", "我来订车票，今晚订好")
    await room.say("阿哲", "晚上要不要住山上？")
    await room.say("南星", "不住了，当天回来")
    await room.menu("阿哲", "从这里开始总结", first)


async def english(room: Room) -> None:
    first = await room.ask("Maya", "good morning! did you sleep well?")
    await room.ask("Maya", "I have an exam tomorrow and I am nervous", reply_to=first)
    poem = await room.command("Ben", "poem", theme="rain", form="haiku")
    for name in ("Maya", "Iris"):
        await room.server.react(room.person(name), poem, "👍")
    room.react("👍", 2)
    first = await room.say("Iris", "shall we meet at seven on Saturday for the hike?")
    await room.say("Ben", "seven is too early for me, can we make it eight")
    await room.say("Iris", "ok, eight then. bring water and lunch")
    await room.say("Ben", "lol")
    await room.say("Maya", "I will buy the train tickets tonight")
    await room.say("Ben", "do we stay up there for the night?")
    await room.say("Iris", "no, we come back the same day")
    await room.menu("Ben", "从这里开始总结", first)


CONVERSATIONS: dict[str, tuple[str, str, str, Callable[[Room], Awaitable[None]]]] = {
    "discord-zh": ("zh-CN", "闲聊", "墨友", chinese),
    "discord-en": ("en-US", "general", "Moyou", english),
}

VERSE = {"poem": ("外婆家的院子", "qijue"), "ci": ("春天的傍晚", "浣溪沙")}
"""What the console is asked for, by the name of the picture."""


async def talk() -> None:
    """Writes a transcript of each conversation."""
    settings = Settings(message_content=True, member_pace=0, guild_pace=0)
    engine = make_engine(settings)
    await engine.start()
    try:
        for name, (locale, channel, _, conversation) in CONVERSATIONS.items():
            with tempfile.TemporaryDirectory() as folder:
                lines = await _conversation(engine, settings, locale, channel, conversation, Path(folder))
            text = json.dumps(lines, ensure_ascii=False, indent=1)
            (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    finally:
        await engine.close()


async def _conversation(
    engine: Any,
    settings: Settings,
    locale: str,
    channel: str,
    conversation: Callable[[Room], Awaitable[None]],
    folder: Path,
) -> list[dict[str, Any]]:
    async with DiscordServer() as server, JournalThread(folder / "journal.db") as journal:
        server.channel["name"] = channel
        Route.BASE = server.api
        DiscordWebSocket.DEFAULT_GATEWAY = URL(server.gateway.url)
        async with MoyouClient(engine, journal, settings) as client:
            running = asyncio.create_task(client.start(server.token))
            await server.until(lambda: server.gateway.sessions)
            room = Room(server, locale)
            await conversation(room)
            await client.close()
            await asyncio.gather(running, return_exceptions=True)
        assert server.problems == []
    return room.lines


# --- drawing


def shown(text: str, me: str) -> str:
    """Discord's markdown as HTML, as far as the bot uses it."""
    blocks = re.split(r"```\n?(.*?)\n?```\n?", text, flags=re.DOTALL)
    rows: list[str] = []
    for number, block in enumerate(blocks):
        if number % 2:
            rows.append(f"<pre>{html.escape(block)}</pre>")
        else:
            rows += [_row(row, me) for row in block.strip("\n").split("\n") if block.strip()]
    return "".join(rows)


def _row(row: str, me: str) -> str:
    for mark, kind in (("-# ", "small"), ("> ", "quote"), ("- ", "point")):
        if row.startswith(mark):
            return f'<div class="{kind}">{_inline(row[len(mark) :], me)}</div>'
    return f"<div>{_inline(row, me) or '&nbsp;'}</div>"


def _inline(text: str, me: str) -> str:
    text = html.escape(text, quote=False)
    text = text.replace(html.escape(ME, quote=False), f'<span class="mention">@{me}</span>')
    text = re.sub(r"\[([^\]]+)\]\(&lt;[^&]*&gt;\)", r'<span class="link">\1</span>', text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"__(.+?)__", r"<u>\1</u>", text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\\([^\w\s])", r"\1", text)


def sign(emoji: str) -> str:
    """An emoji as a drawing; 👎 is 👍 upside down."""
    turned = ' style="transform: scaleY(-1)"' if emoji == "👎" else ""
    inside = EMOJI[{"👎": "👍"}.get(emoji, emoji)]
    return f'<svg viewBox="0 0 24 24" width="17" height="17"{turned}>{inside}</svg>'


async def draw() -> None:
    """Draws every transcript."""
    template = jinja2.Environment(autoescape=True).from_string(
        (FOLDER / "discord.html").read_text(encoding="utf-8")
    )
    async with open_browser() as browser:
        for name, (locale, channel, me, _) in CONVERSATIONS.items():
            lines = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
            page = template.render(
                lines=lines,
                locale=locale,
                channel=channel,
                me=me,
                shown=lambda text, me=me: shown(text, me),
                sign=sign,
                plain=lambda text, me=me: text.replace(ME, f"@{me}"),
            )
            with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
                file.write(page)
                file.flush()
                await browser.size(WIDTH, 100)
                await browser.go(f"file://{file.name}")
                height = await browser.run("document.documentElement.scrollHeight")
                (FOLDER / f"{name}.png").write_bytes(await browser.picture(WIDTH, height, SCALE))


async def write_verse() -> None:
    """Has the console write verse, and takes a picture of what it shows: the first that comes."""
    settings = Settings()
    engine = make_engine(settings)
    await engine.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with JournalThread(Path(folder) / "journal.db") as journal:
                runner = web.AppRunner(console.build(engine, journal, settings))
                await runner.setup()
                try:
                    await web.TCPSite(runner, "127.0.0.1", 0).start()
                    await _photographed(f"http://127.0.0.1:{runner.addresses[0][1]}")
                finally:
                    await runner.cleanup()
    finally:
        await engine.close()


async def _photographed(address: str) -> None:
    async with open_browser() as browser:
        await browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN"})
        await browser.size(1280, 900)
        for name, (theme, form) in VERSE.items():
            await browser.go(f"{address}/write/poem")
            await browser.click("#field-theme")
            await browser.type(theme)
            await browser.run(f"""
                const choice = document.querySelector("[name=form][value='{form}']");
                if (choice) choice.click(); else document.querySelector("#field-form").value = "{form}";
            """)
            await browser.click("main .primary")
            await browser.until("document.querySelector('.verse')")
            await browser.run("document.querySelector('.verse').scrollIntoView({block: 'center'})")
            (FOLDER / f"{name}.png").write_bytes(await browser.picture())


async def main() -> None:
    if "--redraw" not in sys.argv:
        await talk()
        await write_verse()
    await draw()


if __name__ == "__main__":
    asyncio.run(main())
