"""How a summary looks in Discord: title, topics, points with their authors, kinds and jump links.

Knows: markdown and what a summary consists of. Does not know: channels, how points were chosen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from discord.utils import escape_markdown, escape_mentions

from bot.wording import say
from engine import Point, Summary

POINT_LIMIT = 300
LINKS = 3
FEW = 3
"""Points up to which topics have no headings of their own."""
_LINK = re.compile(r"(?<!<)https?://[^\s<>…]+")
KINDS = ("decision", "action", "question")


def summary_text(
    summary: Summary,
    links: Mapping[str, str],
    locale: str,
    *,
    private: bool = True,
    more: bool = False,
    file: str = "",
) -> str:
    """Title and points in markdown; every point ends in links to its messages.

    `more`: not all that was asked for was read. `file`: the name of the file that was read; its messages
    have no links, so points end in their numbers.
    """
    rows = [f"**{_shown(summary.title)}**"] if summary.title else []
    rows.append(f"-# {' · '.join(_facts(summary, locale, private, more, file))}")
    if summary.quiet:
        rows.append(say("summary.quiet", locale))
    headed = len(summary.topics) > 1 and len(summary.points) > FEW
    for topic in summary.topics if headed else ():
        if topic.title:
            rows.append(f"__{_shown(topic.title)}__")
        rows += [_row(point, links, locale, bool(file)) for point in topic.points]
    if not headed:
        rows += [_row(point, links, locale, bool(file)) for point in summary.points]
    return "\n".join(rows)


def _facts(summary: Summary, locale: str, private: bool, more: bool, file: str) -> list[str]:
    read = say("summary.read_file" if file else "summary.read", locale, count=summary.messages, file=file)
    facts = [read]
    if more:
        facts.append(say("summary.more", locale))
    if private:
        facts.append(say("summary.private", locale))
    counts: Counter[str] = Counter(point.kind for point in summary.points)
    facts += [f"{say(f'summary.kind.{kind}', locale)} {counts[kind]}" for kind in KINDS if counts[kind]]
    return facts


def _row(point: Point, links: Mapping[str, str], locale: str, numbered: bool) -> str:
    author = f"{_shown(point.author)}{say('summary.colon', locale)}" if point.author else ""
    kind = f"`{say(f'summary.kind.{point.kind}', locale)}` " if point.kind else ""
    sources = _numbers(point.sources) if numbered else _jumps(point.sources, links)
    return f"- {kind}{author}{_shown(point.text)} {sources}".rstrip()


def _shown(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    text = escape_markdown(text if len(text) <= POINT_LIMIT else text[: POINT_LIMIT - 1] + "…")
    # a file may name people as Discord does; and no link opens a preview
    return _LINK.sub(r"<\g<0>>", escape_mentions(text))


def _jumps(sources: Sequence[str], links: Mapping[str, str]) -> str:
    known = [links[source] for source in sources if source in links]
    return " ".join(f"[↗{number}](<{link}>)" for number, link in enumerate(known[:LINKS], 1))


def _numbers(sources: Sequence[str]) -> str:
    return f"({', '.join(f'#{source}' for source in sources[:LINKS])})"
