"""How a summary looks in Discord: title, topics, points with their authors, kinds and jump links.

Knows: markdown and what a summary consists of. Does not know: channels, how points were chosen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from discord.utils import escape_markdown

from bot.wording import say
from engine import Point, Summary

POINT_LIMIT = 300
LINKS = 3
FEW = 3
"""Points up to which topics have no headings of their own."""


def summary_text(summary: Summary, links: dict[str, str], locale: str, *, private: bool = True) -> str:
    """Title and points in markdown; every point ends in links to its messages."""
    head = f"**{_shown(summary.title)}**\n" if summary.title else ""
    read = say("summary.read" if private else "summary.read_openly", locale, count=summary.messages)
    rows = [f"{head}-# {read}"]
    if summary.quiet:
        rows.append("-# " + say("summary.quiet", locale))
    headed = len(summary.topics) > 1 and len(summary.points) > FEW
    for topic in summary.topics if headed else ():
        if topic.title:
            rows.append(f"__{_shown(topic.title)}__")
        rows += [_row(point, links, locale) for point in topic.points]
    if not headed:
        rows += [_row(point, links, locale) for point in summary.points]
    return "\n".join(rows)


def _row(point: Point, links: dict[str, str], locale: str) -> str:
    author = f"{_shown(point.author)}{say('summary.colon', locale)}" if point.author else ""
    kind = f"`{say(f'summary.kind.{point.kind}', locale)}` " if point.kind else ""
    return f"- {kind}{author}{_shown(point.text)} {_jumps(point.sources, links)}".rstrip()


def _shown(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return escape_markdown(text if len(text) <= POINT_LIMIT else text[: POINT_LIMIT - 1] + "…")


def _jumps(sources: Sequence[str], links: dict[str, str]) -> str:
    known = [links[source] for source in sources if source in links]
    return " ".join(f"[↗{number}](<{link}>)" for number, link in enumerate(known[:LINKS], 1))
