"""Fine-tuned models that write: the one in force, and those that wrote earlier and are replayed.

Knows: how a version becomes a decoder, that a switch takes effect without a restart.
Does not know: the shipped models, how a version came to be (`engine.fine_tune_run`).
"""

from __future__ import annotations

import threading
from pathlib import Path

from engine import checkpoint, tuned
from engine.decode import Decoder
from engine.errors import ModelBroken, MoyouError
from engine.pool import Pool
from engine.tuned import InForce

KEPT = 2
"""Earlier versions that stay loaded for replays."""


class Writers:
    """Decoders of fine-tuned models. `in_use`: whether one in force writes; replays are written anyhow."""

    def __init__(self, models: Path | None, pool: Pool, *, in_use: bool) -> None:
        self._models, self._pool, self._in_use = models, pool, in_use
        self._lock = threading.Lock()
        self._in_force: dict[str, InForce[Decoder]] = {}
        self._earlier: dict[str, Decoder] = {}

    def now(self, name: str) -> Decoder | None:
        """The version in force of a model, None where the shipped one writes."""
        if self._models is None or not self._in_use:
            return None
        with self._lock:
            force = self._in_force.get(name)
            if force is None:
                force = self._in_force[name] = InForce(self._models, name, self._load)
        return force.now()

    def of(self, name: str, identity: str) -> Decoder | None:
        """The version that has this identity (name@hash), None where there is none that can be read."""
        version = identity.partition("@")[2]
        if self._models is None or version not in tuned.versions(self._models, name):
            return None
        with self._lock:
            if identity not in self._earlier:
                try:
                    found = self._load(self._models / name / version)
                except MoyouError:
                    return None
                while len(self._earlier) >= KEPT:
                    del self._earlier[next(iter(self._earlier))]
                self._earlier[identity] = found
            found = self._earlier[identity]
        return found if found.checkpoint.identity == identity else None

    def _load(self, folder: Path) -> Decoder:
        """Raises ModelMissing, and ModelBroken also when its files are not those its name promises."""
        found = checkpoint.load(folder, lean=True)
        if found.hash != folder.name:
            raise ModelBroken(folder=folder, reason=f"its files make {found.hash}")
        decoder = Decoder(found, self._pool)
        decoder.warm()
        return decoder
