"""The tuned models that lie there: which came from which, what each was found to be worth, what is in force.

Knows: the folders of `engine.tuned` and the reports beside the models. Does not know: how a report comes
about, who may promote (`bot` does), torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import tuned
from engine.errors import ModelMissing


@dataclass(frozen=True, slots=True)
class Gain:
    """A gain in pairwise accuracy (or what `over` names) with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TunedVersion:
    """One version of a tuned model.

    `made`: seconds since 1970. `parent`: the version that was in force when it was made, "" for what
    Moyou shipped with, None where that is not known. `since` and `until`: times of the judgements it
    learnt from, seconds since 1970, 0 where not known. `gain`: over `against`; None where nothing says.
    `report`: everything else the gate noted.
    """

    model: str
    version: str
    made: float
    in_force: bool
    parent: str | None = None
    since: float = 0.0
    until: float = 0.0
    judgements: int = 0
    people: int = 0
    gain: Gain | None = None
    against: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.model}/{self.version}"

    @property
    def found(self) -> dict[str, object]:
        """What the report says, as numbers and words by name; an estimate with its interval is words. And
        whether the version is in force."""
        return _flat(self.report) | {"in_force": self.in_force}


@dataclass(frozen=True, slots=True)
class Switch:
    """One change of what is in force: `action` is promote or rollback, versions "" what was shipped."""

    model: str
    at: float
    action: str
    before: str
    after: str
    gain: Gain | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two versions' reports say of the same things: (name, of the first, of the second)."""

    first: TunedVersion
    second: TunedVersion
    rows: tuple[tuple[str, object, object], ...]


def tuned_models(models: Path) -> tuple[str, ...]:
    """The names of the models that have tuned versions or had some."""
    if not models.is_dir():
        return ()
    return tuple(
        entry.name
        for entry in sorted(models.iterdir())
        if entry.is_dir() and (tuned.versions(models, entry.name) or tuned.history(models, entry.name))
    )


def tuned_versions(models: Path) -> tuple[TunedVersion, ...]:
    """Every version of every model, each model's newest first."""
    return tuple(
        _version(models, name, version)
        for name in tuned_models(models)
        for version in tuned.versions(models, name)
    )


def switches(models: Path) -> tuple[Switch, ...]:
    """Every promotion and rollback, the oldest first, with what its report said it would gain."""
    found = []
    for name in tuned_models(models):
        for change in tuned.history(models, name):
            after = str(change.get("to", ""))
            report = tuned.read_report(models, name, after) if after else None
            gain, _ = _gain(report or {})
            promoted = change.get("action") == "promote"
            at, before = _number(change.get("at")), str(change.get("from", ""))
            action = str(change.get("action", ""))
            found.append(Switch(name, at, action, before, after, gain if promoted else None))
    return tuple(sorted(found, key=lambda change: change.at))


def compare_versions(models: Path, first: str, second: str) -> Comparison:
    """Two versions side by side, each given as MODEL/VERSION. Raises ModelMissing."""
    a, b = (_named(models, name) for name in (first, second))
    left, right = a.found, b.found
    return Comparison(a, b, tuple((name, left.get(name), right.get(name)) for name in {**left, **right}))


def promote_version(models: Path, name: str) -> TunedVersion:
    """Put MODEL/VERSION in force; running engines take it up. Raises ModelMissing, ModelBroken."""
    model, _, version = name.partition("/")
    if model not in tuned_models(models):
        raise ModelMissing(model=name, folder=models)
    tuned.promote(models, model, version or None)
    return _version(models, model, tuned.current(models, model))


def roll_back(models: Path, model: str) -> str:
    """Put the version in force that was before; returns it, "" for what was shipped.

    Raises ModelMissing, NothingToRollBack.
    """
    if model not in tuned_models(models):
        raise ModelMissing(model=model, folder=models)
    return tuned.rollback(models, model)


def _named(models: Path, name: str) -> TunedVersion:
    model, _, version = name.partition("/")
    if model not in tuned_models(models) or version not in tuned.versions(models, model):
        raise ModelMissing(model=name, folder=models)
    return _version(models, model, version)


def _version(models: Path, name: str, version: str) -> TunedVersion:
    report = tuned.read_report(models, name, version) or {}
    report.pop("promoted", None)  # older reports said so before it was decided
    report.pop(tuned.ORIGIN_FOLDER, None)  # a path of the owner's machine is not for who compares versions
    gain, against = _gain(report)
    parent = report.get("parent")
    return TunedVersion(
        model=name,
        version=version,
        made=_made(models / name / version),
        in_force=tuned.current(models, name) == version,
        parent=parent if isinstance(parent, str) else None,
        since=_number(report.get("since")),
        until=_number(report.get("until")),
        judgements=int(_number(report.get("judgements"))),
        people=int(_number(report.get("people"))),
        gain=gain,
        against=against,
        report=report,
    )


def _made(folder: Path) -> float:
    """When its card was written, which is last; of a version whose card is lost, when its folder changed."""
    card = folder / tuned.CARD
    return (card if card.is_file() else folder).stat().st_mtime


def _gain(report: Mapping[str, Any]) -> tuple[Gain | None, str]:
    """The gain that the gate went by: over the model then in force where there was one."""
    against = str(report.get("against", ""))
    # of a re-ranker over the one in force, or none; of a writing model over the one it began as
    for key, over in (("over_current", against), ("over_nothing", ""), ("gain", against)):
        found = report.get(key)
        if isinstance(found, Mapping) and {"value", "low", "high"} <= set(found):
            return Gain(*(_number(found[part]) for part in ("value", "low", "high"))), over
    return None, ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _flat(report: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """{"a": 1, "b": {"c": 2}} as {"a": 1, "b.c": 2}; lists are left out."""
    found: dict[str, object] = {}
    for name, value in report.items():
        if isinstance(value, Mapping) and set(value) == {"value", "low", "high"}:
            numbers = (_number(value[part]) for part in ("value", "low", "high"))
            found[prefix + name] = "{:+.3f} ({:+.3f} to {:+.3f})".format(*numbers)
        elif isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str | int | float) or value is None:
            found[prefix + name] = value
    return found
