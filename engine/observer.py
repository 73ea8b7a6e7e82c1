"""What may look on while a run goes: a log, a search, a profiler.

Knows: when a run calls, and with what.
Does not know: who looks on.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.corpus import CorpusConfig
from engine.model import ConditionalVAE
from engine.training_data import Data

EVERY = 20
"""Steps between two calls of `measured`."""


class Observer:
    """Does nothing at each occasion; override those that matter. Only a run's first process calls."""

    def started(self, model: ConditionalVAE, data: Data, corpus: CorpusConfig, step: int) -> None:
        """Before the first step; `step` is above 0 for a run that goes on."""

    def stepped(self) -> None:
        """After each step."""

    def measured(self, step: int, values: Mapping[str, float]) -> None:
        """Now and then, the step's parts of the loss (nats), rates and speed, by name."""

    def validated(self, step: int, share: float, figures: Mapping[str, float]) -> None:
        """After each validation; `share` of the run's budget is used. The run ends by what this raises."""
