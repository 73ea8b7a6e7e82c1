"""The report of what people liked, in a reader's language: lines to read and the panels of its picture.

Knows: how a share, a week, a channel and a promotion are named. Does not know: how anything is counted,
Discord, HTML; who names channels says how.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.translator import in_locale
from bot.wording import say
from engine import Bar, FeedbackReport, Gain, Panel, Share, Switch, Task

WAYS = ("task", "model", "channel", "week", "origin", "draft", "reward")
LISTED = 12
"""Names of one kind that are drawn and told of, the most judged; weeks, the latest."""
WEEKS = 26


@dataclass(frozen=True, slots=True)
class Row:
    """A share ready to be shown."""

    name: str
    share: Share

    @property
    def percent(self) -> str:
        return f"{100 * self.share.share:.0f}"

    @property
    def low(self) -> str:
        return f"{100 * self.share.low:.0f}"

    @property
    def high(self) -> str:
        return f"{100 * self.share.high:.0f}"


@dataclass(frozen=True, slots=True)
class Section:
    """The shares of one kind under their heading."""

    way: str
    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A report in a language. `gains`: a sentence for each promotion, the latest first."""

    whole: Share
    sections: tuple[Section, ...]
    gains: tuple[str, ...]
    panels: tuple[Panel, ...]
    title: str


def told(
    report: FeedbackReport,
    changes: Sequence[Switch],
    tasks: Mapping[str, Task],
    locale: str,
    channel: Callable[[str], str] = lambda identity: "",
) -> Told:
    """The report for a reader. `channel`: the name of a channel by its id, "" for one that is gone."""
    sections = []
    for way in WAYS:
        most = WEEKS if way == "week" else LISTED
        shares = report.by(way)[-most:] if way == "week" else report.by(way)[:most]
        # one origin, or no reward model at all, says no more than the whole
        if way in ("origin", "reward", "draft") and len(shares) < 2:
            continue
        if shares:
            rows = tuple(Row(_named(share, tasks, locale, channel), share) for share in shares)
            sections.append(Section(way, say(f"liked.by_{way}", locale), rows))
    promotions = [change for change in changes if change.action == "promote"][-LISTED:]
    return Told(
        report.whole,
        tuple(sections),
        tuple(_gain(change, locale) for change in reversed(promotions)),
        (*_panels(sections, locale), *_gains(promotions, locale)),
        say("liked.title", locale),
    )


def lines(found: Told, locale: str) -> list[str]:
    """The report as lines of Markdown."""
    whole = found.whole
    if not whole.judged:
        return [say("liked.nothing", locale)]
    numbers = {"judged": whole.judged, "people": whole.people}
    rows = [
        f"**{found.title}**",
        say("liked.whole", locale, **numbers, likes=whole.likes, dislikes=whole.dislikes),
        row_text(Row(say("liked.by_all", locale), whole), locale),
    ]
    for section in found.sections:
        rows.append(f"**{section.heading}**")
        rows += [f"- {row_text(row, locale)}" for row in section.rows]
    if found.gains:
        rows.append(f"**{say('liked.gains', locale)}**")
        rows += [f"- {gain}" for gain in found.gains]
    return rows


def row_text(row: Row, locale: str) -> str:
    """A share as a sentence: with its interval, or that there are too few to say."""
    share = row.share
    if not share.enough:
        return say("liked.row_few", locale, name=row.name, judged=share.judged, people=share.people)
    numbers = {"percent": row.percent, "low": row.low, "high": row.high}
    return say("liked.row", locale, name=row.name, **numbers, judged=share.judged, people=share.people)


def gain_text(gain: Gain, locale: str) -> str:
    """A gain with its interval."""
    return say(
        "model.gain_value",
        locale,
        value=f"{gain.value:+.3f}",
        low=f"{gain.low:+.3f}",
        high=f"{gain.high:+.3f}",
    )


def day(seconds: float) -> str:
    """A day as 2026-11-27, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _named(share: Share, tasks: Mapping[str, Task], locale: str, channel: Callable[[str], str]) -> str:
    if share.by == "task" and share.name in tasks:
        return in_locale(tasks[share.name].names, locale)
    if share.by == "channel":
        return channel(share.name) or say("liked.here_no_more", locale)
    if share.by == "week":
        return day(float(share.name))
    if share.by == "origin":
        return say(f"why.from.{share.name}", locale)
    if share.by == "draft":
        return say(f"liked.draft_{share.name}", locale)
    if share.by == "reward":
        return share.name[:12] or say("liked.no_reward", locale)
    return share.name


def _panels(sections: Sequence[Section], locale: str) -> list[Panel]:
    return [
        Panel(
            section.heading,
            tuple(
                Bar(
                    row.name[5:] if section.way == "week" else row.name,
                    row.share.share,
                    row.share.low,
                    row.share.high,
                    say(
                        "liked.note" if row.share.enough else "liked.note_few",
                        locale,
                        judged=row.share.judged,
                        people=row.share.people,
                    ),
                    faint=not row.share.enough,
                )
                for row in section.rows
            ),
            weekly=section.way == "week",
        )
        for section in sections
    ]


def _gains(promotions: Sequence[Switch], locale: str) -> list[Panel]:
    bars = tuple(
        Bar(
            f"{day(change.at)[5:]} {change.model}/{change.after[:8]}",
            change.gain.value,
            change.gain.low,
            change.gain.high,
            f"{change.gain.value:+.3f}",
        )
        for change in promotions
        if change.gain is not None
    )
    return [Panel(say("liked.gains", locale), bars, gains=True)] if bars else []


def _gain(change: Switch, locale: str) -> str:
    names = {"at": day(change.at), "model": f"{change.model}/{change.after}"}
    if change.gain is None:
        return say("liked.gain_unknown", locale, **names)
    numbers = (change.gain.value, change.gain.low, change.gain.high)
    value, low, high = (f"{number:+.3f}" for number in numbers)
    return say("liked.gain", locale, **names, value=value, low=low, high=high)
