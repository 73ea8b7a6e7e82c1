"""Which setting of decoding a request is written with: drawn by how likely each is the best one here.

    choices = Choices.load(folder)              the version in force, as `engine.tuned` keeps it
    chosen = choices.draw("chat", channel, seed)

The settings are few and near the prompt file's own: a little cooler or warmer, a narrower or wider nucleus,
a readiness to end. Thompson sampling draws a setting as often as it is the best one under the posterior;
between two tunings the posterior stands still, so these probabilities are worked out by `tune` and kept, and
a reply's seed draws from them: what is logged replays exactly, and so does the draw.

A tenth of the draws are at random, apart from what was learnt and marked as such: they are what the learnt
choice is compared with. Below a least number of judgements and people a task is not in the file, and then
nothing is drawn: it is written as its prompt file says.

Knows: the settings, the draw, the file. Does not know: the posterior (`engine.decoding_learning`), how a
setting is put to use (`engine.compose`), which version is in force, danger and fixed sentences (they are
never decoded).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.errors import ModelBroken
from engine.task import Decoding, Task
from engine.tuned import CHOICES, DECODING, hash_of
from engine.values import Request

CONTROL = 0.1
"""The share of draws at random."""
OWN = "own"
_STREAM = 2**62 + 1  # of a seed's random numbers; latents, tokens and the draft have others


@dataclass(frozen=True, slots=True)
class Arm:
    """A setting beside the prompt file's own: times its temperature, more nucleus, nats for the end."""

    temperature: float = 1.0
    nucleus: float = 0.0
    ending: float = 0.0

    def of(self, decoding: Decoding) -> dict[str, float]:
        """Temperature, nucleus and, where it is not the model's own, the readiness to end."""
        values = {
            "temperature": decoding.temperature * self.temperature,
            "nucleus": min(0.98, max(0.3, decoding.nucleus + self.nucleus)),
        }
        return values | ({"ending": self.ending} if self.ending else {})


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        OWN: Arm(),
        "cooler": Arm(temperature=0.75),
        "warmer": Arm(temperature=1.3),
        "narrower": Arm(nucleus=-0.1),
        "wider": Arm(nucleus=0.08),
        "shorter": Arm(ending=1.0),
        "longer": Arm(ending=-1.0),
    }
)


def arms_of(task: Task) -> tuple[str, ...]:
    """The settings a task has; none where nothing is sampled. A verse's length is its form's to say."""
    if task.dial or task.model not in ("talk", "verse"):
        return ()
    return tuple(name for name, arm in ARMS.items() if not (arm.ending and task.model == "verse"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A drawn setting. `propensity`: how likely it was to be drawn in all; `control`: drawn at random."""

    arm: str
    propensity: float
    control: bool

    def values(self) -> dict[str, Any]:
        """As a reply logs it."""
        return {"arm": self.arm, "propensity": round(self.propensity, 6), "control": self.control}


class Choices:
    """What is in force: by task and channel, how likely each setting is to be drawn."""

    def __init__(
        self, tasks: Mapping[str, Mapping[str, Mapping[str, float]]], control: float = CONTROL
    ) -> None:
        self.tasks, self._control = tasks, control

    def draw(self, task: Task, request: Request, seed: int) -> Chosen | None:
        """The setting for a request, fixed by its seed. None: the prompt file's own, nothing is drawn.

        Where people chose tone or length, nothing is drawn either: their choice goes before.
        """
        channels = self.tasks.get(task.name)
        arms = arms_of(task)
        if not channels or not arms or request.tone or request.length:
            return None
        learnt = channels.get(request.channel) or channels[""]
        weights = np.array([learnt.get(arm, 0.0) for arm in arms])
        total = float(weights.sum())
        weights = weights / total if total > 0 else np.full(len(arms), 1 / len(arms))
        first, second = np.random.Generator(np.random.Philox(key=[seed % 2**64, _STREAM])).random(2)
        control = bool(first < self._control)
        drawn = np.full(len(arms), 1 / len(arms)) if control else weights
        place = min(int(np.searchsorted(np.cumsum(drawn), second, side="right")), len(arms) - 1)
        propensity = (1 - self._control) * weights[place] + self._control / len(arms)
        return Chosen(arms[place], float(propensity), control)

    def save(self, folder: Path) -> None:
        values = {"control": self._control, "tasks": self.tasks}
        (folder / CHOICES).write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Choices:
        """Raises ModelBroken, also when the file is not the one its folder's name promises."""
        try:
            values = json.loads((folder / CHOICES).read_text("utf-8"))
            tasks = {
                task: {
                    channel: {arm: float(p) for arm, p in arms.items()} for channel, arms in channels.items()
                }
                for task, channels in values["tasks"].items()
            }
            if any("" not in channels for channels in tasks.values()):
                raise ValueError("a task is without probabilities")
            control = float(values["control"])
            digest = hash_of(folder, DECODING)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelBroken(folder=folder, reason=f"{type(error).__name__}: {error}") from error
        if len(folder.name) == len(digest) and folder.name != digest:
            raise ModelBroken(folder=folder, reason=f"its files make {digest}")
        return cls(tasks, control)
