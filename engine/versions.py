"""What was tuned here, version by version: parents, data, findings, and which is in force.

    for row in listed(models): ...
    compared(models, "talk/0123456789ab", "talk/ba9876543210")

Knows: folders of versions and their reports. Does not know: how a version came to be, how it is promoted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine import tuned
from engine.errors import ModelMissing

_SHOWN = ("parent", "judgements", "people", "since", "until", "way")


def listed(models: Path) -> list[dict[str, Any]]:
    """Every version, by name and the newest first, with what its report says in short."""
    return [
        _row(models, name, version)
        for name in tuned.names(models)
        for version in tuned.versions(models, name)
    ]


def _row(models: Path, name: str, version: str) -> dict[str, Any]:
    report = tuned.read_report(models, name, version) or {}
    made = (models / name / version).stat().st_mtime
    row: dict[str, Any] = {
        "model": name,
        "version": version,
        "in_force": tuned.current(models, name) == version,
        "made": round(made),
    }
    row |= {key: report[key] for key in _SHOWN if key in report}
    gain = report.get("gain") or report.get("over_current") or report.get("over_nothing")
    if isinstance(gain, dict):
        row["gain"] = {key: gain.get(key) for key in ("value", "low", "high")}
    return row


def compared(models: Path, first: str, second: str) -> list[dict[str, Any]]:
    """What two versions' reports say differently: {"what", "first", "second"}, in the first one's order.

    Both by NAME/VERSION. Raises ModelMissing, also for a version without a report.
    """
    one, other = (_flat(_report(models, named)) for named in (first, second))
    return [
        {"what": key, "first": one.get(key), "second": other.get(key)}
        for key in dict.fromkeys([*one, *other])
        if one.get(key) != other.get(key)
    ]


def _report(models: Path, named: str) -> dict[str, Any]:
    name, _, version = named.partition("/")
    found = tuned.read_report(models, name, version) if version in tuned.versions(models, name) else None
    if found is None:
        raise ModelMissing(model=named, folder=models)
    return found


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found
