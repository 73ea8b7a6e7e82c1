"""A reward model's card: what it is, what it learnt from, what the gate found. It names nobody.

Knows: the words. Does not know: how a model is tuned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.gate import Interval

if TYPE_CHECKING:
    from engine.reward import RewardConfig
    from engine.tune import TuneReport


def card(report: TuneReport, config: RewardConfig, seed: int) -> str:
    """The model's card. It names nobody and holds nobody's words."""

    def said(found: Interval | None) -> str:
        return "-" if found is None else f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"

    anew = report.rechosen
    changes = {} if anew is None else anew.changes
    changed = "".join(
        f"| {name} of what it would send less that of what was sent | {said(change)} |\n"
        for name, change in changes.items()
    )
    return f"""# Reward model

How well people will like a draft: {config.folds} networks (embedding {config.embedding}, {config.layers} LSTM
layers of {config.units} units, sigmoid, binary cross-entropy) and words and phrases by logistic regression.
Re-ranks drafts of one request; says nothing across tasks. Trained by `python -m engine tune` with seed {seed}
on judgements of one journal: the bot's own words less passages copied from requests.

| | |
|---|---|
| judgements (likes / dislikes) | {report.judgements} ({report.likes} / {report.dislikes}) |
| people | {report.people} |
| learnt from / kept aside | {report.training} / {report.held_out}, {report.people_aside} people aside |
| pairwise accuracy on those kept aside | {report.accuracy:.3f} |
| gain over no skill, 95 % interval | {said(report.over_nothing)} |
| gain over the model then in force | {said(report.over_current)} |
| slope of likes on its logits, on those kept aside (1 is right) | {report.calibration:.3f} |
| replies chosen anew | {0 if anew is None else anew.replies} |
| value of a reply as sent | {said(None if anew is None else anew.sent)} |
| gain by SNIPS | {said(None if anew is None else anew.snips)} |
| gain by the doubly robust estimate | {said(None if anew is None else anew.doubly_robust)} |
| share of what it would send that the safety check stops | {0.0 if anew is None else anew.flagged:.4f} |
{changed}"""
