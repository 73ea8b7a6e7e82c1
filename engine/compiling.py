"""C compiled for the processor it runs on, once, and looked at before it is loaded.

Knows: compilers by their names, where what was compiled may be kept, what of it is damaged or another
machine's. Does not know: what the code does, whether it computes what it should.

A kept file's name says of which source, for which processor and with which content it is: one that power
loss cut short is made again rather than loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

log = logging.getLogger(__name__)

COMPILERS = ("cc", "gcc", "clang")
_SECONDS = 60  # that compiling may take; two are usual
_KEPT = 4  # files of other versions and processors
_HANGS: set[str] = set()


class NotCompiled(Exception):
    """There is no compiler, or none that can."""


def compilers() -> list[str]:
    """Those of this machine. None on Windows, whose compilers are not called so; macOS has a `cc` that asks
    people to install one."""
    if os.name != "posix":
        return []
    if sys.platform == "darwin":
        tools = subprocess.run(["/usr/bin/xcode-select", "-p"], capture_output=True, check=False)
        if tools.returncode:
            return []
    return [found for name in COMPILERS if (found := shutil.which(name))]


def kept(stem: str, folders: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Files of this name, and whether their content is the one that they are named after."""
    for folder in folders:
        for file in sorted(folder.glob(f"{stem}-*.so")):
            with contextlib.suppress(OSError):
                yield file, _content(file.read_bytes()) == file.stem.rpartition("-")[2]


def understands(source: Path, flags: Sequence[str]) -> bool:
    """Whether there is a compiler that has nothing against it; nothing is written."""
    return any(_ran([compiler, *flags, "-fsyntax-only", str(source)]) for compiler in compilers())


def stem_of(name: str, sources: Sequence[Path], flags: Sequence[str]) -> str:
    """What a compiled file is called, but for its content."""
    beside = sorted(file for source in sources for file in source.parent.glob("*.[ch]"))
    key = hashlib.sha256(b"".join(file.read_bytes() for file in dict.fromkeys(beside)))
    key.update(" ".join((*flags, processor())).encode())
    return f"{name}-{key.hexdigest()[:16]}"


def compiled(sources: Sequence[Path], flags: Sequence[str]) -> bytes:
    """What the first compiler that can makes of it. Raises NotCompiled."""
    for compiler in compilers():
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made.so"
            if _ran([compiler, *flags, "-o", str(made), *map(str, sources)]) and made.exists():
                return made.read_bytes()
    raise NotCompiled("no C compiler that can")


def _ran(command: Sequence[str]) -> bool:
    """Whether a compiler did as it was told. One that does not end is not asked again."""
    if command[0] in _HANGS:
        return False
    try:
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        ) as running:
            try:
                _, said = running.communicate(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                _HANGS.add(command[0])
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)  # what it started as well
                log.info("%s took more than %d seconds", command[0], _SECONDS)
                return False
    except OSError as error:
        log.info("%s cannot be started: %s", command[0], error.strerror)
        return False
    if running.returncode:
        log.info("%s: %s", command[0], said.decode("utf-8", "replace").strip().rpartition("\n")[2])
    return running.returncode == 0


def keep(content: bytes, stem: str, folders: Sequence[Path]) -> Path | None:
    """Where it is kept from now on: in the first folder that takes it; None where none does."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            number, beside = tempfile.mkstemp(dir=folder)
        except OSError:
            continue
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, 0o644)
            found = folder / f"{stem}-{_content(content)}.so"
            os.replace(beside, found)  # whole or not at all, whoever else does the same now
        except OSError:
            remove(Path(beside))
            continue
        for old in sorted(folder.glob("*-*-*.so"), key=_age)[_KEPT:]:
            if old != found:
                remove(old)
        return found
    return None


def loaded(content: bytes) -> ctypes.CDLL:
    """A library that is kept nowhere. Raises OSError, as where the temporary folder lets nothing run."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.so"
        file.write_bytes(content)
        return ctypes.CDLL(str(file))  # it stays without its file


def remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()


def processor() -> str:
    """What tells processors apart for which other code would be written."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return platform.platform() + platform.processor()
    return "".join(line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part")))


def _content(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _age(file: Path) -> float:
    with contextlib.suppress(OSError):
        return -file.stat().st_mtime
    return 0.0
