"""`python -m engine report`: what people liked and disliked, on the command line.

Knows: how the report is printed and drawn here. Does not know: how it is counted, languages (`bot.liking`
tells people in theirs).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from engine.command_line import FILE, FOLDER, NEW_FILE, as_json, emit

if TYPE_CHECKING:
    from engine.liked import Share
    from engine.lineage import Switch
    from engine.report_picture import Panel

DATA = Path("moyou-data")
DRAWN = 12
"""Names of one kind in the picture."""


@click.command
@click.option("--journal", type=FILE, default=DATA / "journal.db", help="The journal's file.")
@click.option("--models", type=FOLDER, default=DATA / "models", help="Where tuned models are kept.")
@click.option("--picture", "out", type=NEW_FILE, help="Draw it as well: a file that ends in .png or .svg.")
@as_json
def report(journal: Path, models: Path, out: Path | None, as_json: bool) -> None:
    """What people liked, with 95 % intervals by person, and what each promotion gained."""
    from engine.journal import Journal
    from engine.liked import feedback_report
    from engine.lineage import switches

    if out is not None and out.suffix not in (".png", ".svg"):
        raise click.UsageError("--picture takes a file that ends in .png or .svg.")
    with Journal(journal) as opened:
        shares = feedback_report(opened).shares
    promotions = [change for change in switches(models) if change.action == "promote"]
    for share in shares:
        if as_json:
            emit({**dataclasses.asdict(share), "enough": share.enough})
        else:
            print(_line(share))
    for change in promotions:
        if as_json:
            emit(_promotion(change))
        else:
            gain = change.gain
            shown = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" if gain else "gain not known"
            print(f"promotion {change.model}/{change.after}: {shown}")
    if out is not None:
        from engine.report_picture import picture

        kind: Literal["png", "svg"] = "svg" if out.suffix == ".svg" else "png"
        out.write_bytes(picture("What people liked", _panels(shares, promotions), kind))


def _promotion(change: Switch) -> dict[str, object]:
    gain: dict[str, float | None] = {"gain": None, "low": None, "high": None}
    if change.gain is not None:
        gain = {"gain": change.gain.value, "low": change.gain.low, "high": change.gain.high}
    return {"by": "promotion", "name": f"{change.model}/{change.after}", "at": change.at, **gain}


def _named(share: Share) -> str:
    if share.by == "week":
        return time.strftime("%Y-%m-%d", time.gmtime(float(share.name)))
    return share.name or "-"


def _line(share: Share) -> str:
    name = share.by if share.by == "all" else f"{share.by} {_named(share)}"
    if not share.enough:
        return f"{name}: {share.judged} from {share.people}, too few to say"
    interval = f"{share.low:.0%} to {share.high:.0%}"
    return f"{name}: {share.share:.0%} liked ({interval}), {share.judged} from {share.people}"


def _panels(shares: Sequence[Share], promotions: Sequence[Switch]) -> list[Panel]:
    from engine.report_picture import Bar, Panel

    panels = []
    for by, group in groupby(shares, key=lambda share: share.by):
        listed = list(group)
        bars = tuple(
            Bar(
                _named(share),
                share.share,
                share.low,
                share.high,
                f"{share.judged} from {share.people}",
                faint=not share.enough,
            )
            for share in (listed[-2 * DRAWN :] if by == "week" else listed[:DRAWN])
        )
        panels.append(Panel(by, bars, weekly=by == "week"))
    gains = tuple(
        Bar(f"{change.model}/{change.after[:8]}", change.gain.value, change.gain.low, change.gain.high)
        for change in promotions
        if change.gain is not None
    )
    return [*panels, Panel("gain of promotions", gains, gains=True)]
