"""The plain values that cross the engine's door: what is asked, what is answered, what is judged.

Knows: the fields, and how to turn them into JSON and back.
Does not know: models, people's names, Discord, storage.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Origin = Literal["generated", "edited", "book", "extract", "fixed"]
SignalKind = Literal["reaction", "button", "review"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Built by `bot` (or the command line), immutable.

    `context` holds earlier turns, oldest first, the last one just before `text`; odd ones from
    the end are Moyou's. `options` are the task's options as strings, already named as in the
    task's file. `seed` None lets the engine draw one; the Reply says which.
    `tone`: "steady" keeps to what is likely, "lively" dares more, "" is the task's own. `length`: "short",
    "long" or "", of prose whose length nothing else says. `channel`: the journal's name for the channel it
    is asked in, "" for none. `leans`: for models by name@hash, how far the latents of what is liked there
    lie from the prior's middle.
    """

    task: str
    text: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    locale: str = "zh-CN"
    context: tuple[str, ...] = ()
    seed: int | None = None
    tone: str = ""
    length: str = ""
    channel: str = ""
    leans: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> str:
        names = ("task", "text", "locale", "context", "seed", "tone", "length", "channel")
        values = {name: getattr(self, name) for name in names}
        values |= {"options": dict(self.options), "leans": dict(self.leans)}
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Request:
        values: dict[str, Any] = json.loads(text)
        leans = {model: tuple(lean) for model, lean in values.get("leans", {}).items()}
        return cls(**{**values, "context": tuple(values["context"]), "leans": leans})


@dataclass(frozen=True, slots=True)
class Mark:
    """One character of a verse with what its form asks there and what it is.

    `wanted`: 平, 仄 or 中 (either). `tone`: 平, 仄, 中 (read both ways) or ? (unknown).
    `rhyme`: the 平水韵 group's name where the position rhymes (in ci the part's of 词林正韵), else "".
    `ok`: wanted is met.
    """

    character: str
    wanted: str
    tone: str
    rhyme: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a verse breaks its form. `line` and `position` count from 1; position 0 is the line."""

    line: int
    position: int
    rule: str


@dataclass(frozen=True, slots=True)
class FormCheck:
    """The form of a verse, held against its rules.

    `pattern` names the tone template met best (仄起首句入韵 …). `relaxed` lists the constraints
    that decoding gave up, in order; empty for nearly all.
    """

    name: str
    ok: bool
    pattern: str = ""
    relaxed: tuple[str, ...] = ()
    lines: tuple[tuple[Mark, ...], ...] = ()
    problems: tuple[Problem, ...] = ()
    stanza: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """One decoded candidate. `latent` has the model's z values; `scores` are the judge's parts.

    `own_text` is `text` with every passage copied from the request blanked by □: the only form
    in which tuning may see it.
    """

    text: str
    own_text: str
    origin: Origin
    latent: tuple[float, ...]
    log_probability: float
    scores: Mapping[str, float]
    score: float


@dataclass(frozen=True, slots=True)
class Reply:
    """The chosen draft, with everything needed to replay it when the request is given again.

    `generation` is unique anywhere. `model` is "name@hash". `reward_model` is the hash of the
    reward model that re-ranked, or "". `decoding` are the settings used. `chosen` indexes
    `drafts`; `propensity` is the probability with which that draft was chosen.
    """

    generation: str
    task: str
    text: str
    origin: Origin
    model: str
    seed: int
    decoding: Mapping[str, Any]
    drafts: tuple[Draft, ...]
    chosen: int
    propensity: float = 1.0
    reward_model: str = ""
    lines: tuple[str, ...] | None = None
    form: FormCheck | None = None
    novelty: float = 1.0
    milliseconds: float = 0.0

    @property
    def draft(self) -> Draft:
        return self.drafts[self.chosen]

    @property
    def copies(self) -> bool:
        """Whether passages of its request stand in its text: words of people."""
        if self.origin == "extract":
            return bool(self.text)
        return bool(self.drafts) and self.draft.own_text != self.text

    @property
    def latent(self) -> tuple[float, ...]:
        return self.draft.latent

    @property
    def score(self) -> float:
        return self.draft.score

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Reply:
        return cls.from_values(json.loads(text))

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Reply:
        """From what its JSON holds."""
        drafts = tuple(Draft(**{**draft, "latent": tuple(draft["latent"])}) for draft in values["drafts"])
        form = values["form"]
        if form is not None:
            marks = tuple(tuple(Mark(**mark) for mark in line) for line in form["lines"])
            problems = tuple(Problem(**problem) for problem in form["problems"])
            form = FormCheck(
                **{**form, "relaxed": tuple(form["relaxed"]), "lines": marks, "problems": problems}
            )
        lines = None if values["lines"] is None else tuple(values["lines"])
        return cls(**{**values, "drafts": drafts, "form": form, "lines": lines})


@dataclass(frozen=True, slots=True)
class Signal:
    """One person's current judgement of one generation: value in [-1, 1]."""

    generation: str
    person: str
    kind: SignalKind
    value: float
    reason: str = ""
    at: float = 0.0
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message to be summarised. `minute` is a time in minutes from any origin.

    `reactions`: how many reactions of people stand under it. `replies`: how many answers it got that are
    not among the messages themselves, such as those in a thread that was opened on it; answers that name
    it by `reply_to` come on top.
    """

    id: str
    author: str
    text: str
    minute: float = 0.0
    reply_to: str | None = None
    reactions: int = 0
    replies: int = 0


PointKind = Literal["", "decision", "question", "action"]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a summary: words that stand in its sources, whose ids it names."""

    text: str
    author: str
    sources: tuple[str, ...]
    kind: PointKind = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """Points of one conversation, in order of time, under words of their own."""

    title: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A title and points, by topic and time. `quiet` says that nothing much happened."""

    title: str
    points: tuple[Point, ...]
    messages: int
    quiet: bool = False
    topics: tuple[Topic, ...] = ()
