"""Numbers about a running Moyou, in Prometheus' text: no person, no server, no word in them.

Knows: which numbers there are and their names. Does not know: who reads them, or where (the console's
port: `bot.console.health`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from engine import Counts, MoyouError

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The numbers of one process; counters live as long as it does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._registry = registry = CollectorRegistry()
        self._answers = Counter(
            "moyou_discord_answers",
            "Answers asked for in Discord; outcome: sent, or the code of what went wrong",
            ["task", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "moyou_discord_answer_seconds",
            "Seconds from a request to its text",
            ["task"],
            buckets=SECONDS,
            registry=registry,
        )
        self._failures = Counter("moyou_failures", "Failures told to people", ["code"], registry=registry)
        self._starts = Counter("moyou_discord_starts", "Starts of the Discord client", registry=registry)
        self._connected = Gauge("moyou_discord_connected", "1: Discord is heard", registry=registry)
        self._servers = Gauge("moyou_discord_servers", "Servers that Moyou is in", registry=registry)
        self._waiting = Gauge("moyou_waiting", "Requests that wait to be written", registry=registry)
        self._queue = Gauge("moyou_queue", "Requests that may wait", registry=registry)
        self._loaded = Gauge("moyou_model_loaded", "1: in memory", ["model"], registry=registry)
        self._replies = Gauge("moyou_journal_replies", "Replies kept", ["task"], registry=registry)
        self._judgements = Gauge(
            "moyou_journal_judgements", "Judgements that stand", ["task", "value"], registry=registry
        )

    @contextlib.contextmanager
    def answering(self, task: str) -> Iterator[None]:
        """Counts and times one answer, however it ends."""
        began = self._clock()
        outcome = "cancelled"
        try:
            yield
            outcome = "sent"
        except Exception as error:
            outcome = code_of(error)
            raise
        finally:
            self._answers.labels(task, outcome).inc()
            self._seconds.labels(task).observe(self._clock() - began)

    def failed(self, error: BaseException) -> None:
        self._failures.labels(code_of(error)).inc()

    def started(self) -> None:
        self._starts.inc()

    def connected(self, servers: int | None) -> None:
        """How many servers are heard; None: the line is down."""
        self._connected.set(servers is not None)
        if servers is not None:
            self._servers.set(servers)

    @property
    def is_connected(self) -> bool:
        return bool(self._registry.get_sample_value("moyou_discord_connected"))

    def text(self, status: Mapping[str, Any], counts: Counts) -> bytes:
        """Everything, with the engine's status and the journal's counts as they are now."""
        self._waiting.set(status["waiting"])
        self._queue.set(status["queue"])
        for name, model in status["models"].items():
            self._loaded.labels(name).set(model["loaded"])
        for task, row in counts.by_task.items():
            self._replies.labels(task).set(row.generations)
            self._judgements.labels(task, "like").set(row.likes)
            self._judgements.labels(task, "dislike").set(row.dislikes)
        return generate_latest(self._registry)


def code_of(error: BaseException) -> str:
    return error.code if isinstance(error, MoyouError) else "unexpected"
