"""The plain values that go into the journal and come out of it.

Knows: where a reply was asked for, a judgement as it happened, what may outlive a request's words.
Does not know: how any of it is stored (`engine.journal` does), but for which tables name a person.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from engine.errors import TextTooLong
from engine.values import Reply, SignalKind

REASON_LIMIT = 300
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request was made. `guild` and `channel` are ids or "" (direct messages, console)."""

    surface: str
    guild: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One judgement as it happened: `person` did `label` (an emoji, a button's or form's name).

    `value` in [-1, 1]. `withdrawn` takes back exactly the fact of the same generation, person, kind
    and label; its value and reason do not matter. `at`: seconds since 1970; None: now.
    Raises ValueError (a programming mistake) and TextTooLong (a reason of more than 300 characters).
    """

    generation: str
    person: str
    kind: SignalKind
    value: float
    label: str = ""
    reason: str = ""
    at: float | None = None
    withdrawn: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(SignalKind):
            raise ValueError(f"unknown kind of signal: {self.kind}")
        if not -1.0 <= self.value <= 1.0:  # also false for NaN
            raise ValueError(f"a judgement's value lies in [-1, 1], not {self.value}")
        if len(self.reason) > REASON_LIMIT:
            raise TextTooLong(length=len(self.reason), limit=REASON_LIMIT)


@dataclass(frozen=True, slots=True)
class TaskCounts:
    generations: int
    likes: int
    dislikes: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What the journal holds. `people` have at least one standing judgement."""

    generations: int
    signals: int
    likes: int
    dislikes: int
    people: int
    by_task: Mapping[str, TaskCounts]


@dataclass(frozen=True, slots=True)
class JudgedText:
    """What tuning may see of one person's standing judgement: the bot's own words, never the request's.

    `options` holds only options whose values come from a closed list (see Journal). `person` is a hash.
    """

    generation: str
    task: str
    own_text: str
    value: float
    person: str
    at: float
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    model: str = ""


def drawn_columns(reply: Reply) -> dict[str, object]:
    """Which setting of decoding a reply was drawn with, if any was, and the latent it was drawn from.

    What was written near another text or reply says nothing of the latents that are liked.
    """
    choice = reply.decoding.get("choice") or {}
    latent = () if "distance" in reply.decoding or not reply.drafts else reply.latent
    return {
        "arm": str(choice.get("arm", "")),
        "control": int(bool(choice.get("control"))),
        "latent": _floats(latent) if latent else None,
    }


def _floats(values: Sequence[float]) -> bytes:
    """As 32-bit floats; what is larger than they reach is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(values, "<f4").tobytes()


def latent_of(latent: bytes | None) -> tuple[float, ...]:
    """A latent as `drawn_columns` packs it."""
    return tuple(np.frombuffer(latent, "<f4").tolist()) if latent else ()


def latents_of(latents: Sequence[bytes]) -> NDArray[np.float64]:
    """N of one model, all at once: (N, Z)."""
    return np.frombuffer(b"".join(latents), "<f4").reshape(len(latents), -1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was erased for a person."""

    generations: int
    facts: int


def people_tables(db: Database) -> tuple[str, ...]:
    """The tables that say whose a row is, in a column `person`. Not `persons`, which has a number for each of
    those whose replies and facts there are, and goes with these."""
    rows = db.execute(
        "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c "
        "WHERE m.type = 'table' AND c.name = 'person' AND m.name <> 'persons' ORDER BY m.name"
    )
    return tuple(row[0] for row in rows)


def without_copies(reply: Reply) -> Reply:
    """The reply with every passage copied from the request blanked: what outlives the request's words.

    Extracts consist of people's words, so nothing of their text is left.
    """
    drafts = reply.drafts
    if reply.origin == "extract" or any(
        draft.text != draft.own_text or draft.origin == "extract" for draft in drafts
    ):
        drafts = tuple(
            dataclasses.replace(draft, text=own, own_text=own)
            for draft in drafts
            for own in ["" if "extract" in (reply.origin, draft.origin) else draft.own_text]
        )
    text = drafts[reply.chosen].text if drafts else ""
    if reply.origin == "fixed":  # a sentence of ours, with or without a draft
        text = reply.text
    if text == reply.text:
        return reply if drafts is reply.drafts else dataclasses.replace(reply, drafts=drafts)
    form = reply.form
    if form is not None:  # its marks spell the text
        form = dataclasses.replace(form, lines=())
    return dataclasses.replace(reply, text=text, drafts=drafts, lines=None, form=form)
