"""`train --log DIR`: a run's scalars and some of its texts, for TensorBoard.

Knows: tensorboard's writer, which figures are shown under which names, how a sample is drawn.
Does not know: the schedule.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.checkpoint import Checkpoint
from engine.corpus import CorpusConfig, batch_of
from engine.decode import Decoder, Sampling, latents
from engine.errors import ExtraMissing
from engine.model import ConditionalVAE
from engine.observer import Observer
from engine.training_data import Data

SAMPLES = 6
"""Held-out conditions that a text is drawn for at each validation, always the same ones."""


class TrainingLog(Observer):
    """Writes what it sees to a `SummaryWriter`."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def started(self, model: ConditionalVAE, data: Data, corpus: CorpusConfig, step: int) -> None:
        self._model, self._data, self._corpus = model, data, corpus

    def measured(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"train/{name}", value, step)

    def validated(self, step: int, share: float, figures: Mapping[str, float]) -> None:
        for name in ("elbo", "ppl", "kl"):
            self._writer.add_scalar(f"validation/{name}", figures[name], step)
        self._writer.add_text("samples", self._samples(), step)
        self._writer.flush()

    def _samples(self) -> str:
        """A table in Markdown: a context, what was written there, what the model writes."""
        model = ConditionalVAE(self._model.config)
        model.load_state_dict({name: value.cpu() for name, value in self._model.plain_state().items()})
        vocabulary = self._data.vocabulary
        decoder = Decoder(Checkpoint("sample", "", model.eval(), vocabulary, {}, Path()))
        sampling = Sampling(max_tokens=self._corpus.longest)
        lines = ["| context | corpus | model |", "|---|---|---|"]
        for number, example in enumerate(self._data.validation[:SAMPLES]):
            condition = batch_of([example], self._corpus, None).condition[0].tolist()
            z = latents(number, 1, decoder.latent_size)
            (row,) = decoder.sample(condition, z, number, sampling)
            context = " / ".join(vocabulary.decode(part.tolist()) for part in example.context)
            cells = (context, vocabulary.decode(example.target[:-1].tolist()), row.text)
            lines.append(
                "| " + " | ".join(cell.replace("\n", " / ").replace("|", "/") for cell in cells) + " |"
            )
        return "\n".join(lines)


@contextlib.contextmanager
def training_log(folder: Path, step: int = 0) -> Iterator[TrainingLog]:
    """A log in a folder. Raises ExtraMissing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ExtraMissing(option="--log", package="tensorboard", extra="train") from error
    # an interrupted run repeats the steps after its last save
    writer: Any = SummaryWriter(str(folder), purge_step=step or None)
    try:
        yield TrainingLog(writer)
    finally:
        writer.close()
