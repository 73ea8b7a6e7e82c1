"""Drives a headless Chromium over the DevTools protocol, with nothing but aiohttp.

    async with open_browser() as browser:
        await browser.go("http://127.0.0.1:8642/")
        await browser.click("button.primary")

What the page writes to its log, errors of scripts and refusals of the Content-Security-Policy are
collected in `browser.complaints`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --disable-extensions --mute-audio
    --no-default-browser-check --password-store=basic --remote-debugging-port=0
"""
PATIENCE = 30.0
"""Seconds to wait for anything; only a failing test takes as long."""


class PageError(AssertionError):
    """A script that was run in the page failed, or something never came to be there."""


class Browser:
    """One page of a running Chromium."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def start(self) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE):
            message = await answer
        if "error" in message:
            raise PageError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    async def go(self, address: str) -> None:
        """Load a page and wait until it is there."""
        self.expect_load()
        await self.call("Page.navigate", url=address)
        await self.loaded()

    def expect_load(self) -> None:
        """What is done next loads a page: `loaded` then waits for it."""
        self._loaded.clear()

    async def loaded(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._loaded.wait()

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        result = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in result:
            raise PageError(str(result["exceptionDetails"].get("exception", {}).get("description", script)))
        return result["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression is true in the page."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            with contextlib.suppress(PageError):  # between two pages there is nothing to ask
                if await self.run(f"Boolean({script})"):
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise PageError(f"never true: {script}")
            await asyncio.sleep(0.05)

    async def click(self, selector: str) -> None:
        """Click in the middle of an element as a mouse does, so that what covers it would be noticed."""
        box = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); "
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
            )

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, code: int, shift: bool = False) -> None:
        """One key by its name and Windows key code, as a keyboard sends it."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def size(self, width: int, height: int, *, dark: bool = False, touch: bool = False) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        calm = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme, calm])

    async def scripts(self, allowed: bool) -> None:
        """Whether pages may run scripts from the next load on."""
        await self.call("Emulation.setScriptExecutionDisabled", value=not allowed)

    async def picture(self, width: int = 0, height: int = 0, scale: float = 1.0) -> bytes:
        """What is seen now, as PNG; with a size, that much of the page, seen or not."""
        part = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        more = {"clip": part, "captureBeyondViewport": True} if width else {}
        data = await self.call("Page.captureScreenshot", format="png", **more)
        return base64.b64decode(data["data"])

    async def close(self) -> None:
        self._reader.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        async for received in self._socket:
            message = received.json()
            if "id" in message:
                answer = self._answers.pop(message["id"], None)
                if answer is not None and not answer.done():
                    answer.set_result(message)
                continue
            values = message.get("params", {})
            match message["method"]:
                case "Page.loadEventFired":
                    self._loaded.set()
                case "Log.entryAdded":
                    self.complaints.append(f"{values['entry']['source']}: {values['entry']['text']}")
                case "Runtime.exceptionThrown":
                    self.complaints.append(str(values["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if values["type"] in ("error", "warning", "assert"):
                    self.complaints.append(str(values["args"]))


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A Chromium with a fresh profile, gone with everything it made when the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *FLAGS.split(),
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with aiohttp.ClientSession() as session:
                address = await _page_of(session, Path(folder) / "DevToolsActivePort", process)
                socket = await session.ws_connect(address, max_msg_size=0)
                browser = Browser(socket)
                try:
                    await browser.start()
                    yield browser
                finally:
                    await browser.close()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
                    await process.wait()


async def _page_of(session: aiohttp.ClientSession, file: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        while not file.exists() or not file.read_text().strip():  # noqa: ASYNC240 (a local file of one line)
            if process.returncode is not None:
                raise PageError(f"Chromium ended with status {process.returncode}")
            await asyncio.sleep(0.05)
        port = file.read_text().split("\n")[0]  # noqa: ASYNC240
        while True:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                pages = [page for page in await response.json() if page["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
