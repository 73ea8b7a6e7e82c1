"""Which model a lineage of fine-tuned versions began as: what the leash and the gate's limits are to.

    origin = origin_of(parent, models, weights.folder_of("talk"))

It is the checkpoint that no tuning made: Moyou's where a version in force descends from Moyou's, and a model
of one's own where `--from` named that. A version's report says which it is and, of a model of one's own, in
which folder it lies; older reports say only what each version began as, and are followed back.

Where a version was tuned from a model that Moyou shipped before, what Moyou ships now takes its place, if it
is of the same vocabulary and sizes.

Knows: reports, folders. Does not know: the leash, the gate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine import checkpoint, tuned
from engine.checkpoint import Checkpoint
from engine.errors import MoyouError, OriginMissing

ORIGIN, FOLDER = "shipped", tuned.ORIGIN_FOLDER


def origin_of(parent: Checkpoint, models: Path, shipped: Path) -> Checkpoint:
    """What the lineage of `parent` began as: `parent` itself where no tuning made it.

    `models`: where tuned versions lie; `shipped`: the folder of Moyou's model of this name. Raises
    OriginMissing where it is in none of the folders that it could be in, ModelMissing, ModelBroken.
    """
    identity, folder = _noted(parent, models)
    if identity == parent.identity:
        return parent
    moyous = checkpoint.load(shipped)
    if identity == moyous.identity:
        return moyous
    place = Path(folder) if folder else models / parent.name / identity.partition("@")[2]
    found = _there(place)
    if found is not None and found.identity == identity:
        return found
    if not folder and _alike(moyous, parent):
        return moyous
    raise OriginMissing(model=identity, version=parent.identity, folder=place)


def noted(origin: Checkpoint, shipped: Path) -> dict[str, str]:
    """What a version's report says of its origin, for the next round: "" for a folder that Moyou knows."""
    own = origin.folder.resolve() != shipped.resolve()
    return {ORIGIN: origin.identity, FOLDER: str(origin.folder.resolve()) if own else ""}


def _noted(parent: Checkpoint, models: Path) -> tuple[str, str]:
    """The identity of what the lineage began as, and the folder where it was, "" where that is not noted."""
    identity, seen = parent.identity, set[str]()
    report = _report(parent.folder)
    while report is not None and identity not in seen:
        if {ORIGIN, FOLDER} <= set(report):
            return str(report[ORIGIN]), str(report[FOLDER])
        seen.add(identity)
        identity = str(report["began_as"])
        report = _report(models / parent.name / identity.partition("@")[2])
    return identity, ""


def _report(folder: Path) -> dict[str, Any] | None:
    """The report of a version that tuning made; None of any other folder."""
    report = tuned.read_report(folder.parent.parent, folder.parent.name, folder.name)
    return report if report is not None and "began_as" in report else None


def _there(folder: Path) -> Checkpoint | None:
    try:
        return checkpoint.load(folder) if folder.is_dir() else None
    except MoyouError:  # what lies there now is no model
        return None


def _alike(one: Checkpoint, other: Checkpoint) -> bool:
    return one.model.config == other.model.config and one.vocabulary.tokens == other.vocabulary.tokens
