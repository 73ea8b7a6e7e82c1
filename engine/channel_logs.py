"""Annotated channel logs: what people marked as points, topics and noise, and how a choice fares against it.

Knows: the format {"id", "messages", "topics": [{"messages"}], "points": [{"sources", "weight"}], "noise"},
JSON lines.
Does not know: how anything is chosen.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from engine.errors import BadFile
from engine.values import Message


@dataclass(frozen=True)
class ChannelLog:
    """One log; points are (sources, weight), topics maps a message's id to its topic's number."""

    name: str
    messages: tuple[Message, ...]
    points: tuple[tuple[tuple[str, ...], float], ...]
    topics: dict[str, int]
    noise: frozenset[str]

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for a record of another kind."""
        messages = tuple(
            Message(
                str(row["id"]),
                row["author"],
                row["text"],
                float(row["minute"]),
                None if row.get("reply_to") is None else str(row["reply_to"]),
            )
            for row in record["messages"]
        )
        return cls(
            str(record["id"]),
            messages,
            tuple((tuple(map(str, row["sources"])), float(row["weight"])) for row in record["points"]),
            {str(i): number for number, row in enumerate(record["topics"]) for i in row["messages"]},
            frozenset(map(str, record["noise"])),
        )

    @property
    def budget(self) -> int:
        """Characters of each point's first source."""
        texts = {message.id: message.text for message in self.messages}
        return sum(len(texts[sources[0]]) for sources, _ in self.points)

    def recall(self, chosen: Collection[str]) -> float:
        """Share of the points' weight that is found: a point counts when one of its sources is chosen."""
        found = sum(weight for sources, weight in self.points if not set(sources).isdisjoint(chosen))
        return found / sum(weight for _, weight in self.points)

    def weight_of(self, identities: Iterable[str]) -> float:
        """Of the weightiest point that one of these messages carries."""
        weights = [weight for name in identities for sources, weight in self.points if name in sources]
        return max(weights, default=0.0)


def read_logs(file: Path) -> list[ChannelLog]:
    """Raises BadFile, naming the line."""
    logs = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            logs.append(ChannelLog.of(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise BadFile(file=file.name, reason=f"line {number} is no annotated channel log") from error
    return logs
