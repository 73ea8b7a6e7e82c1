"""How good summaries are beside other people's summarisers: the measurements behind `bench summary`.

Knows: weighted recall of points, noise, overturned statements, conversations against gold topics,
DialogSum and LCSTS by ROUGE, the peers of `summary_peers`; whatever was learnt is measured on logs it
was not fitted on.
Does not know: the command line, speed and hostile input (`summary_stress`).
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine import rouge
from engine.channel_logs import ChannelLog, read_logs
from engine.errors import BadFile
from engine.summarize import summarize
from engine.summary_brief import headline
from engine.summary_conversations import GAPS, against_topics, by_gap, out_of_fold
from engine.summary_peers import Peer, peers
from engine.summary_signals import Encoder
from engine.summary_threads import threads
from engine.summary_training import Fitted, TrainingLog, fold_of, held_out
from engine.text import whole_characters
from engine.values import Message, Summary

FILES = {
    "channel-zh": "written/channel-zh.jsonl",
    "channel-en": "written/channel-en.jsonl",
    "dialogsum": "evaluate/summary-en-dialogsum.valid.jsonl.gz",
    "lcsts": "evaluate/summary-zh-lcsts-clge.valid.jsonl.gz",
}
HEADLINE = 30  # characters
_TURNS = 3
_SENTENCE = re.compile(r"[^，。！？；!?;,\n…]+[，。！？；!?;,\n…”」』）]*")

Chosen = frozenset[str]


class Measurement(NamedTuple):
    """One line of the bench. `ratio` above 1 means that ours is better; `bar` is what `ok` holds it to."""

    name: str
    ours: float
    unit: str
    peer_name: str = ""
    peer: float | None = None
    limit: float | None = None
    bar: str = ""
    ok: bool | None = None

    def values(self) -> dict[str, Any]:
        peer, limit = self.peer, self.limit
        return {
            **{key: _rounded(value) for key, value in self._asdict().items() if key not in ("bar", "ok")},
            "ratio": _rounded(self.ours / peer) if peer else None,
            "fraction_of_limit": _rounded(self.ours / limit) if limit else None,
            "bar": self.bar,
            "ok": self.ok,
        }


def _rounded(value: Any) -> Any:
    return round(float(value), 4) if isinstance(value, float | np.floating) else value


def data_file(data: Path, name: str) -> Path:
    """Raises BadFile."""
    file = data / FILES[name]
    if not file.is_file():
        raise BadFile(
            file=str(file), reason="it is not there; give --data the folder that holds written/ and evaluate/"
        )
    return file


def rows_of(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Channels:
    """Annotated logs with, for each, what was fitted on the other folds."""

    def __init__(self, data: Path, encode: Encoder | None) -> None:
        self.logs = {name: read_logs(data_file(data, name)) for name in ("channel-zh", "channel-en")}
        self.encode = encode
        everything = [TrainingLog(log, encode) for logs in self.logs.values() for log in logs]
        self.fitted: Mapping[str, Fitted] = held_out(everything)
        saved = json.loads((resources.files("engine.facts") / "summary-overturned.json").read_text("utf-8"))
        self.overturned: dict[str, dict[str, list[str]]] = saved

    def ours(self, log: ChannelLog, encode: Encoder | None, **limit: int) -> Summary:
        return summarize(log.messages, encode=encode, scorer=self.fitted[log.name].scorer, **limit)

    def conversations(self, log: ChannelLog, encode: Encoder | None) -> Sequence[int]:
        latents = None if encode is None else encode([message.text for message in log.messages])
        return [int(label) for label in threads(log.messages, latents, self.fitted[log.name].threads)]

    def measure(self) -> Iterator[Measurement]:
        ranked = {name: rank for name, rank in peers().items()}
        unfound = 0
        points = 0
        for name, logs in self.logs.items():
            for budget, bar in (("equal length", 0.75), ("gold number", 0.80)):
                mine = [self.ours(log, self.encode, **_limit(log, budget)) for log in logs]
                unfound += sum(
                    not found_in_sources(s, log.messages) for s, log in zip(mine, logs, strict=True)
                )
                points += sum(len(summary.points) for summary in mine)
                chosen = [sources_of(summary) for summary in mine]
                recall = _mean(log.recall(one) for log, one in zip(logs, chosen, strict=True))
                others = {
                    peer: [peer_choice(log, rank, budget) for log in logs] for peer, rank in ranked.items()
                }
                scores = {
                    peer: _mean(log.recall(one) for log, one in zip(logs, some, strict=True))
                    for peer, some in others.items()
                }
                limit = _mean(log.recall(oracle_choice(log, budget)) for log in logs)
                for peer, score in scores.items():
                    yield Measurement(
                        f"{name} recall at {budget}",
                        recall,
                        "share of weight",
                        peer,
                        score,
                        limit,
                        f">= {bar:.2f}",
                        recall >= bar,
                    )
                without = _mean(
                    log.recall(sources_of(self.ours(log, None, **_limit(log, budget)))) for log in logs
                )
                yield Measurement(
                    f"{name} recall at {budget}, ablation",
                    recall,
                    "share of weight",
                    "without the latent",
                    without,
                )
                noise = _share(chosen, logs)
                yield Measurement(
                    f"{name} noise at {budget}",
                    noise,
                    "share of messages chosen",
                    "LONGEST",
                    _share(others["LONGEST"], logs),
                    bar="<= 0.03",
                    ok=noise <= 0.03,
                )
                wrong = self.wrong(chosen, logs)
                yield Measurement(
                    f"{name} overturned statements at {budget}",
                    wrong,
                    "chosen without what overturns them",
                    "LONGEST",
                    self.wrong(others["LONGEST"], logs),
                    bar="0",
                    ok=wrong == 0,
                )
            yield from self.disentangled(name, logs)
        share = 1 - unfound / max(1, points)
        yield Measurement("points found in their sources", share, "share of points", bar="1", ok=unfound == 0)

    def wrong(self, chosen: Sequence[Chosen], logs: Sequence[ChannelLog]) -> int:
        return sum(
            old in one and one.isdisjoint(new)
            for one, log in zip(chosen, logs, strict=True)
            for old, new in self.overturned.get(log.name, {}).items()
        )

    def disentangled(self, name: str, logs: Sequence[ChannelLog]) -> Iterator[Measurement]:
        def index(labels: Callable[[ChannelLog], Sequence[int]]) -> float:
            return _mean(against_topics(labels(log), log) for log in logs)

        ours = index(lambda log: self.conversations(log, self.encode))
        pauses = np.array([[against_topics(by_gap(log, gap), log) for log in logs] for gap in GAPS])
        baseline = out_of_fold(pauses, [fold_of(log.name) for log in logs])
        yield Measurement(
            f"{name} conversations",
            ours,
            "adjusted Rand index",
            "a pause, chosen on the other folds as ours is fitted on them",
            baseline,
            1.0,
            f">= 0.60 and >= {baseline:.3f} + 0.20",
            ours >= 0.6 and ours >= baseline + 0.2,
        )
        best = int(pauses.mean(1).argmax())
        yield Measurement(
            f"{name} conversations, hindsight",
            ours,
            "adjusted Rand index",
            f"a pause of {GAPS[best]} minutes, the best in hindsight on these very logs",
            float(pauses[best].mean()),
        )
        plain = index(lambda log: self.conversations(log, None))
        yield Measurement(
            f"{name} conversations, ablation", ours, "adjusted Rand index", "without the latent", plain
        )


def _limit(log: ChannelLog, budget: str) -> dict[str, int]:
    return {"points": len(log.points)} if budget == "gold number" else {"characters": log.budget}


def sources_of(summary: Summary) -> Chosen:
    return frozenset(source for point in summary.points for source in point.sources)


def found_in_sources(summary: Summary, messages: Sequence[Message]) -> bool:
    texts = {message.id: whole_characters(message.text).strip() for message in messages}
    return all(point.text in " ".join(texts[source] for source in point.sources) for point in summary.points)


def peer_choice(log: ChannelLog, rank: Peer, budget: str) -> Chosen:
    """A ranking's best messages; under a budget of characters those that fit, in its order."""
    order = [log.messages[row] for row in rank([message.text for message in log.messages])]
    if budget == "gold number":
        return frozenset(message.id for message in order[: len(log.points)])
    left = log.budget
    chosen = []
    for message in order:
        if len(message.text) <= left:
            chosen.append(message.id)
            left -= len(message.text)
    return frozenset(chosen)


def oracle_choice(log: ChannelLog, budget: str) -> Chosen:
    """Each point's shortest source, weighty points first."""
    texts = {message.id: message.text for message in log.messages}
    left = log.budget if budget == "equal length" else sum(map(len, texts.values()))
    chosen = []
    for sources, _ in sorted(log.points, key=lambda point: -point[1]):
        shortest = min(sources, key=lambda source: len(texts[source]))
        if len(texts[shortest]) <= left:
            chosen.append(shortest)
            left -= len(texts[shortest])
    return frozenset(chosen)


def _share(chosen: Sequence[Chosen], logs: Sequence[ChannelLog]) -> float:
    noise = sum(len(one & log.noise) for one, log in zip(chosen, logs, strict=True))
    return noise / max(1, sum(map(len, chosen)))


def _mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def dialogsum(data: Path, most: int | None = None) -> Iterator[Measurement]:
    """Three points each: whole turns for the peers, sentences or parts of them for us."""
    rows = rows_of(data_file(data, "dialogsum"))[:most]
    talks = [(_turns(row["turns"]), row["summary"]) for row in rows]

    def extract(messages: Sequence[Message], chosen: Sequence[int]) -> str:
        return " ".join(f"{messages[row].author}: {messages[row].text}" for row in sorted(chosen))

    def score(texts: Sequence[str]) -> rouge.Rouge:
        return rouge.mean([rouge.rouge(text, wanted) for text, (_, wanted) in zip(texts, talks, strict=True)])

    ours = score(
        [
            " ".join(f"{point.author}: {point.text}" for point in summarize(messages, points=_TURNS).points)
            for messages, _ in talks
        ]
    )
    others = {
        f"{name}-{_TURNS}": score([extract(m, rank([one.text for one in m])[:_TURNS]) for m, _ in talks])
        for name, rank in peers().items()
        if name != "random"
    }
    limit = score([extract(m, _best_turns(m, wanted, extract)) for m, wanted in talks])
    best = rouge.Rouge(*(max(column) for column in zip(*others.values(), strict=True)))
    for place, (field, margin) in enumerate((("ROUGE-1", 0.02), ("ROUGE-2", 0.0), ("ROUGE-L", 0.0))):
        bar = best[place] + margin
        for name, other in others.items():
            yield Measurement(
                f"DialogSum {field}",
                ours[place],
                "F",
                name,
                other[place],
                limit[place],
                f">= {bar:.4f}",
                ours[place] >= bar,
            )


def _turns(turns: Sequence[str]) -> list[Message]:
    found = []
    for number, turn in enumerate(turns):
        author, _, text = turn.partition(": ")
        found.append(Message(str(number), f"#Person{author.removeprefix('P')}#", text, float(number)))
    return found


def _best_turns(
    messages: Sequence[Message], wanted: str, extract: Callable[[Sequence[Message], Sequence[int]], str]
) -> list[int]:
    chosen: list[int] = []
    for _ in range(min(_TURNS, len(messages))):
        left = [row for row in range(len(messages)) if row not in chosen]
        chosen.append(max(left, key=lambda row: rouge.rouge(extract(messages, [*chosen, row]), wanted).one))
    return chosen


def lcsts(data: Path, most: int | None = None) -> Iterator[Measurement]:
    """An extract of at most HEADLINE characters each."""
    rows = rows_of(data_file(data, "lcsts"))[:most]

    def score(texts: Sequence[str]) -> rouge.Rouge:
        return rouge.mean([rouge.rouge(text, row["summary"]) for text, row in zip(texts, rows, strict=True)])

    ours = score([headline(row["src"], HEADLINE) for row in rows])
    others = {name: score([_cut(row["src"], rank) for row in rows]) for name, rank in peers().items()}
    others["LEAD"] = max(others["LEAD"], score([row["src"][:HEADLINE] for row in rows]))
    limit = score([_best_parts(row["src"], row["summary"]) for row in rows])
    best = rouge.Rouge(*(max(column) for column in zip(*others.values(), strict=True)))
    for place, field in enumerate(("ROUGE-1", "ROUGE-2", "ROUGE-L")):
        for name, other in others.items():
            yield Measurement(
                f"LCSTS {field}",
                ours[place],
                "F",
                name,
                other[place],
                limit[place],
                f">= {best[place]:.4f}",
                ours[place] >= best[place],
            )


def _cut(text: str, rank: Peer) -> str:
    """A ranking's best clauses that fit, in the text's order; the best one cut where none fits."""
    parts = _SENTENCE.findall(text) or [text]
    order = rank(parts)
    left = HEADLINE
    chosen = []
    for row in order:
        if len(parts[row]) <= left:
            chosen.append(row)
            left -= len(parts[row])
    return "".join(parts[row] for row in sorted(chosen)) if chosen else parts[order[0]][:HEADLINE]


def _best_parts(text: str, wanted: str) -> str:
    """The span of HEADLINE characters that is likest to what was wanted."""
    spans = [text[start : start + HEADLINE] for start in range(0, max(1, len(text) - HEADLINE + 1), 3)]
    return max(spans, key=lambda span: rouge.rouge(span, wanted).one)
