"""What people liked and disliked: by task, model, channel, week and origin, with drafts compared.

    report = feedback_report(journal)                       everything, for the owner
    report = feedback_report(journal, guild, channels)      one server, for its moderators

A share is likes among judgements. Judgements of one person are not independent, so its 95 % interval
counts people: the variance between people says how many independent judgements these are worth
(the design effect of a cluster sample), and Wilson's interval is drawn for that many, with Student's
quantile for so few people as there are. Where nobody differs nothing says how much people agree: then
each counts for one at most (Kish). Below 5 people or 10 judgements a share is said to be too few to say.

Knows: the counts that the journal keeps (`engine.tallies`), intervals, the latest drafts.
Does not know: words of members, who judged, Discord, pictures, how a model was tuned.

Functions on a Journal, called as its methods are: await journal(feedback_report, guild, channels).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from engine.journal import Journal
from engine.journal_body import scores_in
from engine.journal_tables import KINDS
from engine.tallies import MONDAY, SORT, WEEK

REVIEW = KINDS.index("review")
FEWEST_PEOPLE = 5
FEWEST_JUDGEMENTS = 10
LATEST = 300
"""Judged replies whose drafts are looked into, the latest."""
ORDER = ("all", "task", "model", "channel", "week", "origin", "reward", "draft")
LABEL = 8
"""Digits of a channel's hash that name it where its id is not known."""
_EVERYWHERE = "(by <> :channel OR guild <> '')"  # a direct message has no server
MOST = 60
"""Names of one kind that a report lists, the most judged."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much was liked of one kind of reply. `by` and `name` say which; `share` in [0, 1].

    `name`: a task, a model, a channel's id (or its hash where the id is not known; of all servers together
    the first digits of the hash, which stay the same and tell nothing), the seconds since 1970 of a week's
    Monday, an origin, a reward model's hash, "best" or "other" draft.
    """

    by: str
    name: str
    people: int
    likes: int
    dislikes: int
    share: float
    low: float
    high: float

    @property
    def judged(self) -> int:
        return self.likes + self.dislikes

    @property
    def enough(self) -> bool:
        """Whether so many people judged that a share can be spoken of."""
        return self.people >= FEWEST_PEOPLE and self.judged >= FEWEST_JUDGEMENTS


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """Everything counted, in the order of `ORDER`; weeks in order of time, the rest by judgements."""

    shares: tuple[Share, ...]

    def by(self, way: str) -> tuple[Share, ...]:
        return tuple(share for share in self.shares if share.by == way)

    @property
    def whole(self) -> Share:
        return next(iter(self.by("all")), share_of("all", "", 0, 0, 0, 0, 0, 0))


def feedback_report(
    journal: Journal, guild: str | None = None, channels: Collection[str] = ()
) -> FeedbackReport:
    """What people liked in one server, or everywhere (None).

    `channels`: ids of the server's channels; of others the journal knows only hashes. Everywhere no channel
    is listed that fewer than five people judged in, nor are direct messages: it would be one person's taste.
    """
    which = None if guild is None else journal._hash("guild", guild)
    rows = journal._db.execute(
        "SELECT by, name, sum(people), sum(judged), sum(liked), sum(judged2), sum(both), sum(liked2) "
        "FROM cells WHERE judged > 0 AND by <> :sort "
        f"AND {_EVERYWHERE if guild is None else 'guild = :guild'} GROUP BY by, name",
        {"guild": which, "channel": "channel", "sort": SORT},
    ).fetchall()
    known = {journal._hash("channel", channel): channel for channel in channels}
    found: dict[str, list[Share]] = defaultdict(list)
    for by, name, *numbers in rows:
        if by == "channel":
            if not name:
                continue
            if guild is None and numbers[0] < FEWEST_PEOPLE:
                continue
            name = name[:LABEL] if guild is None else known.get(name, name)
        elif by == "week":
            name = str(MONDAY + int(name) * WEEK)
        found[by].append(share_of(by, name, *numbers))
    found["draft"] = _drafts(journal, which)
    shares: list[Share] = []
    for way in ORDER:
        most = sorted(found[way], key=lambda share: (-share.judged, share.name))[:MOST]
        if way == "week":
            most = sorted(found[way], key=lambda share: int(share.name))[-MOST:]
        shares += most
    return FeedbackReport(tuple(shares))


def share_of(
    by: str, name: str, people: int, judged: int, liked: int, judged2: int, both: int, liked2: int
) -> Share:
    """A share from its sums over people of n, l, n², n·l and l²: n judgements of whom l likes."""
    from engine.gate import student  # with it comes the numeric library

    if not judged:
        return Share(by, name, 0, 0, 0, 0.0, 0.0, 1.0)
    share = liked / judged
    worth = kish = judged**2 / judged2  # so many equally busy people are as good as these
    between = liked2 - 2 * share * both + share**2 * judged2
    if people > 1 and between > 0 and 0 < share < 1:
        variance = people / (people - 1) * between / judged**2
        worth = min(float(judged), share * (1 - share) / variance)
    reach = student(max(kish - 1, 1))
    low, high = wilson(share, worth, reach) if people > 1 else (0.0, 1.0)
    return Share(by, name, people, liked, judged - liked, share, low, high)


def wilson(share: float, worth: float, reach: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a share of `worth` independent judgements, `reach` standard errors wide."""
    square = reach * reach / worth
    middle = (share + square / 2) / (1 + square)
    half = reach / (1 + square) * math.sqrt(share * (1 - share) / worth + square / (4 * worth))
    return max(0.0, middle - half), min(1.0, middle + half)


def sums(pairs: Iterable[tuple[object, bool]]) -> tuple[int, int, int, int, int, int]:
    """The sums that `share_of` wants, of (person, liked)."""
    people: dict[object, list[int]] = defaultdict(lambda: [0, 0])
    for person, liked in pairs:
        people[person][0] += 1
        people[person][1] += liked
    n, k = [each[0] for each in people.values()], [each[1] for each in people.values()]
    squares = sum(a * a for a in n), sum(a * b for a, b in zip(n, k, strict=True)), sum(b * b for b in k)
    return len(people), sum(n), sum(k), *squares


def _drafts(journal: Journal, guild: str | None) -> list[Share]:
    """The latest replies with several drafts: was what the judge put first liked more than the others?"""
    there = "" if guild is None else "WHERE place IN (SELECT number FROM places WHERE guild = :guild) "
    judged = journal._db.execute(
        "SELECT number, body FROM replies WHERE number IN (SELECT number FROM "
        f"(SELECT number FROM replies {there}ORDER BY number DESC LIMIT :read) AS latest "
        "WHERE EXISTS (SELECT 1 FROM judgements WHERE generation = latest.number) "
        "ORDER BY number DESC LIMIT :most) ORDER BY number DESC",
        {"guild": guild, "read": LATEST * 10, "most": LATEST},
    ).fetchall()
    sent: dict[str, list[tuple[object, bool]]] = {"best": [], "other": []}
    for number, body in judged:
        chosen, scores = scores_in(body)
        if len(scores) < 2:
            continue
        name = "best" if scores[chosen] >= max(scores) else "other"
        sent[name] += journal._db.execute(
            f"SELECT who, value > 0 FROM standing WHERE generation = ? AND value <> 0 AND kind <> {REVIEW}",
            (number,),
        ).fetchall()
    return [share_of("draft", name, *sums(pairs)) for name, pairs in sent.items() if pairs]
