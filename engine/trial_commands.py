"""python -m engine trial: put a reward model on a live test, see how it stands, and do what its rule says.

Knows: the command and what it prints. Does not know: arms, the rule.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.command_line import FILE, FOLDER, as_json, show

if TYPE_CHECKING:
    from engine.gate import Interval
    from engine.trial import Trial

DATA = Path("moyou-data")


@click.command()
@click.argument("model", default="")
@click.option("--journal", type=FILE, default=DATA / "journal.db", help="The journal's file.")
@click.option("--models", type=FOLDER, default=DATA / "models", help="Where tuned models are kept.")
@click.option("--most", type=click.IntRange(100), default=3000, help="Replies after which it ends.")
@as_json
def trial(model: str, journal: Path, models: Path, most: int, as_json: bool) -> None:
    """Try a reward model on half of all replies until it is decided.

    MODEL: reward/VERSION begins a trial. Without it, say how the trial stands; where its rule, fixed
    beforehand, has decided, the model is promoted or dropped.
    """
    from engine import trial as live
    from engine.errors import BadOption
    from engine.journal import Journal
    from engine.trying import begin_trial

    if model:
        if model.partition("/")[0] != "reward":
            raise BadOption(option="MODEL", reason="only reward/VERSION can be tried")
        show(begun(begin_trial(models, model, most)), as_json)
        return
    if live.running(models) is None:
        show({"trial": "", "state": "none"}, as_json)
        return
    with Journal(journal) as opened:
        standing = live.settle_trial(opened, models)
    if standing is None:  # it ended this very moment
        show({"trial": "", "state": "none"}, as_json)
        return
    found = standing.trial
    show(
        {
            "trial": found.version,
            "against": found.against,
            "state": standing.verdict,
            "replies": {"new": standing.new, "old": standing.old},
            "value": {"new": standing.new_value, "old": standing.old_value},
            "gain": asdict(standing.gain) if as_json else _said(standing.gain),
            "most": found.most,
        },
        as_json,
    )


def _said(gain: Interval) -> str:
    """The gain with its interval, of which a test that says nothing yet has none."""
    if not (math.isfinite(gain.low) and math.isfinite(gain.high)):
        return f"{gain.value:+.3f} (-)"
    return f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"


def begun(trial: Trial) -> dict[str, object]:
    """What is said of a trial that began."""
    return {"trial": trial.version, "against": trial.against, "most": trial.most, "state": "begun"}
