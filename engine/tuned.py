"""Which tuned model is in force, how another takes its place, and how it is taken back.

A model's versions lie in models/<name>/<hash>/. The small file models/<name>/current names the one
in force (empty or missing: what Moyou shipped with); it is replaced by a rename, so that a reader
finds the old or the new one, never half of it. models/<name>/history.jsonl says who followed whom. A live
test (`engine.trial`: models/<name>/trial.json) is of what was in force when it began: any promotion and any
rollback ends it, here, whoever asked for it.

    reward      re-ranks drafts (`engine.reward`)
    decoding    how often each setting of decoding is drawn (`engine.decoding_choice`)
    talk, …     a writing model, fine-tuned (`engine.fine_tune`): a checkpoint like the shipped one

Knows: versions, `current`, the history, hashes of folders; keeps a running engine on the newest.
Does not know: how a model is trained or judged. Imports torch only when a model is loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from engine import weights
from engine.errors import ModelBroken, ModelMissing, MoyouError, NothingToRollBack

if TYPE_CHECKING:
    from engine.reward import RewardModel

log = logging.getLogger(__name__)

WEIGHTS, CONFIG, VOCABULARY, CARD = "model.safetensors", "config.json", "vocabulary.json", "CARD.md"
REPORT = "report.json"
"""What the gate found; beside the hashed files, not one of them."""
ORIGIN_FOLDER = "origin_folder"
"""In a report: where the model of one's own lies that a version was first tuned from, "" for Moyou's."""
REWARD, DECODING = "reward", "decoding"
CHOICES = "choices.json"
"""What a version of `decoding` is, in place of weights."""
_HASHED = {REWARD: (CARD, CONFIG, WEIGHTS, VOCABULARY), DECODING: (CARD, CHOICES)}
CURRENT, HISTORY = "current", "history.jsonl"
TRIAL, TRIALS = "trial.json", "trials.jsonl"
"""The live test that runs, and what is kept of those that ended."""
_VERSION = re.compile(r"[\w-]{1,64}")

Model = TypeVar("Model")


def hash_of(folder: Path, name: str = REWARD) -> str:
    """The first 12 hexadecimal digits of SHA-256 over the files of a model of this name. Raises OSError."""
    if name not in _HASHED:
        return weights.hash_of(folder)
    digest = hashlib.sha256()
    for file in _HASHED[name]:
        digest.update((folder / file).read_bytes())
    return digest.hexdigest()[:12]


def _is_version(folder: Path, name: str) -> bool:
    return (
        bool(_VERSION.fullmatch(folder.name))
        and (folder / (CHOICES if name == DECODING else WEIGHTS)).is_file()
    )


def names(models: Path) -> list[str]:
    """What was tuned here: the names of which versions lie there."""
    if not models.is_dir():
        return []
    return sorted(entry.name for entry in models.iterdir() if versions(models, entry.name))


def current(models: Path, name: str) -> str:
    """The version in force, "" for the one Moyou shipped with (for the reward model: none)."""
    try:
        return (models / name / CURRENT).read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def versions(models: Path, name: str) -> list[str]:
    """The versions that lie there, newest first."""
    folder = models / name
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if _is_version(entry, name)]
    return [entry.name for entry in sorted(found, key=lambda entry: entry.stat().st_mtime_ns, reverse=True)]


def promote(
    models: Path, name: str, version: str | None = None, *, ended: Mapping[str, object] | None = None
) -> str:
    """Put a version (None: the newest) in force; returns it. Engines that run take it up by themselves.

    It ends a live test, also where the version is in force already; `ended`: what is kept of that test (None:
    that it was stopped).

    Raises ModelMissing, and ModelBroken when a model's files are not those its name promises.
    """
    if version is None:
        version = next(iter(versions(models, name)), "")
    folder = models / name / version
    if folder.name != version or not _is_version(folder, name):
        raise ModelMissing(model=f"{name}/{version}", folder=models)
    try:
        found = hash_of(folder, name)
    except OSError as error:
        raise ModelBroken(folder=folder, reason=error.strerror) from error
    if found != version:
        raise ModelBroken(folder=folder, reason=f"its files make {found}")
    _switch(models / name, version, "promote")
    end_trial(models, name, ended)
    return version


def rollback(models: Path, name: str) -> str:
    """Put the version in force that was before; returns it ("": the one Moyou shipped with).

    Every promotion can be taken back, one after the other. It ends a live test. Raises NothingToRollBack.
    """
    now = current(models, name)
    before = _versions_before(models / name, now)
    if not before:
        raise NothingToRollBack(model=name)
    _switch(models / name, before[-1], "rollback")
    end_trial(models, name)
    return before[-1]


def end_trial(models: Path, name: str, ended: Mapping[str, object] | None = None) -> None:
    """End the live test of `name`, if one lies there, and keep `ended` of it (None: that it was stopped).

    The file goes first: a crash may lose what is kept of a test, and none goes on that is said to have ended.
    """
    file = models / name / TRIAL
    try:
        text = file.read_bytes()
        file.unlink()
    except FileNotFoundError:  # none, or another process was quicker
        return
    sync(file.parent)
    if ended is None:
        trial = None
        with contextlib.suppress(ValueError):
            trial = json.loads(text)
        ended = {"ended": round(time.time(), 3), "trial": trial, "verdict": "stopped"}
    _append(file.with_name(TRIALS), ended)


def history_size(models: Path, name: str) -> int:
    """Bytes of the history, 0 where there is none: another number after every change."""
    try:
        return (models / name / HISTORY).stat().st_size
    except OSError:
        return 0


def history(models: Path, name: str) -> list[dict[str, object]]:
    """Every change, oldest first: {"at", "action": "promote"|"rollback", "from", "to"}."""
    try:
        lines = (models / name / HISTORY).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):  # a line cut short by a power cut; `current` holds the truth
            change = json.loads(line)
            if isinstance(change, dict) and {"action", "to"} <= set(change):
                found.append(change)
    return found


def _versions_before(folder: Path, now: str) -> list[str]:
    """The versions that a rollback can go back to, the nearest last."""
    stack = [""]
    for change in history(folder.parent, folder.name):
        if change["action"] == "promote":
            stack.append(str(change["to"]))
            continue
        while len(stack) > 1:
            stack.pop()
            if stack[-1] == change["to"]:
                break
    if now not in stack:  # killed between the switch and its line in the history
        return stack
    return stack[: len(stack) - 1 - stack[::-1].index(now)]


def _switch(folder: Path, version: str, action: str) -> None:
    before = current(folder.parent, folder.name)
    if version == before:
        return
    handle, draft = tempfile.mkstemp(prefix=f".{CURRENT}-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, folder / CURRENT)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    sync(folder)
    change = {"at": round(time.time(), 3), "action": action, "from": before, "to": version}
    _append(folder / HISTORY, change)


def _append(path: Path, line: Mapping[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Put a file, or a folder's entries, on disk: only then a rename survives a power cut."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def draft_of(models: Path, name: str) -> Iterator[Path]:
    """An empty folder to write a new version of `name` into; whatever was not settled is gone afterwards."""
    folder = models / name
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def settle(draft: Path, version: str) -> None:
    """Give a draft its version's name: the folder appears whole or not at all, and survives a power cut."""
    for file in (*draft.iterdir(), draft):
        sync(file)
    draft.chmod(0o755)
    place = draft.parent / version
    if not place.exists():  # else the same bytes, made before
        os.rename(draft, place)
        sync(draft.parent)


def keep(models: Path, model: str, draft: Path, version: str, *, promoted: bool) -> None:
    """A draft becomes a version of a model, which is in force from now on if it is `promoted`."""
    settle(draft, version)
    if promoted:
        promote(models, model, version)


def write_report(folder: Path, report: dict[str, object]) -> None:
    """Put the gate's findings beside a version. What is in force is `current`'s to say, not a report's."""
    report = {name: value for name, value in report.items() if name != "promoted"}
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def read_report(models: Path, name: str, version: str) -> dict[str, object] | None:
    """The gate's findings for a version, None where there are none."""
    try:
        found = json.loads((models / name / version / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


class InForce(Generic[Model]):
    """The tuned model of a name that is in force, as of now: `now()` looks whether `current` was switched.

    `load` makes a model of a version's folder; it may raise MoyouError or OSError. Looking costs one `stat`.
    A version that cannot be loaded leaves the one before in force and is logged, once. Safe to share between
    threads; while one loads, the others go on with the one before.
    """

    def __init__(self, models: Path, name: str, load: Callable[[Path], Model]) -> None:
        self.name = name
        self._models = models
        self._load = load
        self._file = models / name / CURRENT
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._model: Model | None = None
        self._version = ""

    def now(self) -> Model | None:
        """The model to use for a whole request, None where none is in force."""
        if self._signature() != self._seen and self._lock.acquire(blocking=self._model is None):
            try:
                self._read()
            finally:
                self._lock.release()
        return self._model

    @property
    def hash(self) -> str:
        """The hash of the model in force, "" where none is."""
        self.now()
        return self._version

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> None:
        signature = self._signature()
        if signature == self._seen:  # another thread read it while this one waited
            return
        version = "?"
        try:
            version = current(self._models, self.name)
            if not version:
                self._model, self._version = None, ""
            elif self._model is None or self._version != version:
                self._model = self._load(self._models / self.name / version)
                self._version = version
                log.info("%s model %s is in force", self.name, version)
        except (MoyouError, OSError, UnicodeDecodeError) as error:
            log.error(
                "%s model %s cannot be used, the one before stays in force: %s", self.name, version, error
            )
        self._seen = signature


def _reward(folder: Path) -> RewardModel:
    from engine.reward import RewardModel

    return RewardModel.load(folder)


class CurrentReward(InForce["RewardModel"]):
    """The reward model in force."""

    def __init__(self, models: Path) -> None:
        super().__init__(models, REWARD, _reward)

    def model(self) -> RewardModel | None:
        """The model to score a whole request with, None where none is in force."""
        return self.now()
