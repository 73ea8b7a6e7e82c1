"""The moderators' queue: the replies that a review teaches most of, what reviewers said, how far they agree.

First come replies that were reported, then those that people disagree about, both however old; then, of the
latest, those whose liking the reward model cannot tell. A reply that one reviewer judged comes a little
earlier, so that two judge it and their agreement can be measured; after two it is done. What Moyou answered
in direct messages is shown to nobody, unless it was reported. Only its own words are shown, passages copied
from people as □.

A review is a fact of the kind `review`: one a reviewer and reply, its reason the verdict and what was
ticked, by commas, and the reviewer's own words on the next line. Those words are a review, as what is
written after a 👎: they train nothing.

Knows: the order, the verdicts, Cohen's κ. Does not know: who may review, words that people see.

Functions on a Journal, called as its methods are: await journal(review_queue, reviewer, guild).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.disputes import disputed
from engine.journal import Journal
from engine.journal_body import COLUMNS, Beside, unpacked
from engine.journal_reports import reports
from engine.journal_rows import Fact
from engine.journal_tables import KINDS, NEWEST_MESSAGE

REVIEW = "review"
"""The label of a review, and its kind."""
VERDICTS: Mapping[str, float] = {"good": 1.0, "bad": -1.0, "unsafe": -1.0}
POOL = 600
"""Replies that are looked at for a queue, the latest, beside those that are reported or disputed."""
ENOUGH = 2
"""Reviews of a reply after which it is done."""
FEWEST_SHARED = 10
"""Replies that two reviewers must share before their agreement is spoken of."""
_ABSTAINED = 0.9
"""How much is learnt of a reply that the reward model would not judge."""
_UNKNOWN = 0.3
"""How much is learnt of a reply that nobody judged and no model scored."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reply to review. `why`: reported, disputed, uncertain, second, by weight; `liking` is the reward
    model's guess in [0, 1], None where no model scored it. `channel` and `message` as in `Report`."""

    generation: str
    task: str
    locale: str
    own_text: str
    at: float
    why: tuple[str, ...]
    likes: int = 0
    dislikes: int = 0
    reasons: tuple[str, ...] = ()
    liking: float | None = None
    channel: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far reviewers agree. `shared`: replies that two of them judged; `same`: with the same verdict.

    `kappa`: Cohen's κ of each pair of reviewers with at least 10 shared replies, by how many they share,
    with its 95 % interval; None where there is no such pair, or all verdicts are the same.
    """

    reviews: int
    shared: int
    same: int
    pairs: int = 0
    kappa: float | None = None
    low: float = -1.0
    high: float = 1.0


def review_queue(
    journal: Journal,
    reviewer: str,
    guild: str | None = None,
    channels: Collection[str] = (),
    most: int = 20,
) -> tuple[Candidate, ...]:
    """What this reviewer should look at, the most informative first; of one server or of all (None).

    `channels`: ids of the server's channels that the reviewer may read; replies elsewhere are left out.
    """
    me = journal._hash("person", reviewer)
    known = {journal._hash("channel", channel): channel for channel in channels}
    told = {report.generation: report.reasons for report in reports(journal, guild, channels)}
    where = "g.guild = :guild" if guild is not None else "(g.guild <> '' OR g.surface = 'console')"
    here = None if guild is None else journal._hash("guild", guild)
    latest = journal._db.execute(
        f"SELECT number FROM generations AS g WHERE {where} AND origin NOT IN ('fixed', 'extract') "
        "AND own_text <> '' ORDER BY number DESC LIMIT :pool",
        {"guild": here, "pool": POOL},
    ).fetchall()
    numbers = {int(number) for (number,) in latest}
    numbers.update(disputed(journal, me, ENOUGH, most, here, ["", *known]))
    rows = journal._db.execute(
        f"SELECT locale, at, channel, body, {NEWEST_MESSAGE}, {COLUMNS} FROM generations "
        f"WHERE number IN ({', '.join(map(str, sorted(numbers)))})"
    ).fetchall()
    rows += _besides(journal, set(told) - {row[5] for row in rows})
    found: list[tuple[float, float, Candidate]] = []
    for locale, at, channel, body, message, *columns in rows:
        beside = Beside(*columns)
        generation, task, own_text, ranked = (
            beside.generation,
            beside.task,
            beside.own_text,
            beside.reward_model,
        )
        if not own_text or (guild is not None and channel and channel not in known):
            continue
        judged = Counter[str]()
        for (value,) in journal._db.execute(
            "SELECT value FROM current_signals WHERE generation = ? AND kind <> 'review'",
            (generation,),
        ):
            judged["likes" if value > 0 else "dislikes"] += value != 0
        reviewers = set(_standing(journal, generation))
        if me in reviewers or len(reviewers) >= ENOUGH:
            continue
        # unpacking takes long: only where a model scored drafts
        liking = unpacked(body, beside).draft.scores.get("reward") if ranked and body else None
        weight, why = _weight(judged, told.get(generation), liking, bool(ranked), bool(reviewers))
        found.append(
            (
                weight,
                at,
                Candidate(
                    generation,
                    task,
                    locale,
                    own_text,
                    at,
                    why,
                    judged["likes"],
                    judged["dislikes"],
                    told.get(generation, ()),
                    liking,
                    known.get(channel, ""),
                    message or "",
                ),
            )
        )
    found.sort(key=lambda one: (-one[0], -one[1]))
    return tuple(candidate for _, _, candidate in found[:most])


def _besides(journal: Journal, generations: Collection[str]) -> list[tuple[object, ...]]:
    """Reported replies that are not among the latest."""
    rows: list[tuple[object, ...]] = []
    for generation in sorted(generations):
        rows += journal._db.execute(
            f"SELECT locale, at, channel, NULL, {NEWEST_MESSAGE}, {COLUMNS} FROM generations WHERE id = ?",
            (generation,),
        ).fetchall()
    return rows


def _weight(
    judged: Mapping[str, int],
    reported: Sequence[str] | None,
    liking: float | None,
    ranked: bool,
    second: bool,
) -> tuple[float, tuple[str, ...]]:
    """How much a review teaches, and the reasons why, the weightiest first."""
    parts: list[tuple[float, str]] = []
    if reported is not None:
        parts.append((3.0 + min(len(reported), 10) / 10, "reported"))
    minority, all_ = min(judged["likes"], judged["dislikes"]), judged["likes"] + judged["dislikes"]
    if minority:
        # as `engine.disputes.WEIGHT`
        parts.append((1.0 + 2 * minority / all_ * (1 - 1 / (1 + all_)), "disputed"))
    if liking is not None:
        parts.append((1 - abs(2 * liking - 1), "uncertain"))
    elif ranked:  # a model was there and abstained: it knows nothing of such replies
        parts.append((_ABSTAINED, "uncertain"))
    elif not all_:
        parts.append((_UNKNOWN, "unknown"))
    if second:
        parts.append((0.75, "second"))
    parts.sort(reverse=True)
    weight = sum(part for part, _ in parts)
    return weight, tuple(name for part, name in parts if part >= _UNKNOWN)


def review(
    journal: Journal,
    generation: str,
    reviewer: str,
    verdict: str,
    reason: str = "",
    guild: str | None = None,
) -> bool:
    """Note a review in place of this reviewer's last one. `reason`: what was ticked, then own words.

    False: nothing was noted, because the reply is gone or belongs to another server, or the reviewer asked
    that nothing be kept. Raises ValueError for a verdict there is not.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"unknown verdict: {verdict}")
    if guild is not None:
        row = journal._row("SELECT guild FROM generations WHERE id = ?", (generation,))
        if row is None or row[0] != journal._hash("guild", guild):
            return False
    ticked, _, words = reason.partition("\n")
    text = "\n".join([",".join(filter(None, [verdict, ticked])), words]).rstrip()
    return journal.react(Fact(generation, reviewer, "review", VERDICTS[verdict], REVIEW, text))


def unreview(journal: Journal, generation: str, reviewer: str) -> bool:
    """Take this reviewer's review back."""
    return journal.react(Fact(generation, reviewer, "review", 0.0, REVIEW, withdrawn=True))


def verdict_of(reason: str) -> str:
    """The verdict in a review's reason."""
    return reason.partition("\n")[0].partition(",")[0]


def _standing(journal: Journal, generation: str) -> dict[str, str]:
    """The verdict of each reviewer of a reply."""
    rows = journal._db.execute(
        "SELECT person, coalesce(reason, ''), withdrawn, max(sequence) FROM judgements "
        "JOIN persons ON persons.number = who "
        "WHERE kind = ? AND generation = (SELECT number FROM replies WHERE id = ?) GROUP BY who",
        (KINDS.index("review"), generation),
    )
    return {person: verdict_of(reason) for person, reason, withdrawn, _ in rows if not withdrawn}


def agreement(journal: Journal, guild: str | None = None) -> Agreement:
    """How far the reviewers of a server, or of all, agree."""
    rows = journal._db.execute(
        "SELECT generation, person, coalesce(reason, ''), withdrawn, max(sequence) FROM judgements AS j "
        "JOIN replies AS r ON r.number = generation JOIN places AS l ON l.number = place "
        "JOIN persons AS p ON p.number = j.who "
        f"WHERE kind = {KINDS.index('review')} AND (:guild IS NULL OR guild = :guild) "
        "GROUP BY generation, j.who",
        {"guild": None if guild is None else journal._hash("guild", guild)},
    )
    by_reply: dict[str, list[tuple[str, str]]] = defaultdict(list)
    reviews = 0
    for generation, person, reason, withdrawn, _ in rows:
        if not withdrawn:
            reviews += 1
            by_reply[generation].append((person, verdict_of(reason)))
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for judged in by_reply.values():
        judged.sort()
        for place, (one, verdict) in enumerate(judged):
            for other, another in judged[place + 1 :]:
                pairs[one, other].append((verdict, another))
    shared = sum(map(len, pairs.values()))
    same = sum(a == b for verdicts in pairs.values() for a, b in verdicts)
    enough = [verdicts for verdicts in pairs.values() if len(verdicts) >= FEWEST_SHARED]
    measured = [(len(verdicts), found) for verdicts in enough if (found := cohens_kappa(verdicts))]
    if not measured:
        return Agreement(reviews, shared, same, len(enough))
    weight = sum(count for count, _ in measured)
    kappa = sum(count * value for count, (value, _) in measured) / weight
    error = math.sqrt(sum((count * error) ** 2 for count, (_, error) in measured)) / weight
    low, high = max(-1.0, kappa - 1.96 * error), min(1.0, kappa + 1.96 * error)
    return Agreement(reviews, shared, same, len(measured), kappa, low, high)


def cohens_kappa(verdicts: Sequence[tuple[str, str]]) -> tuple[float, float] | None:
    """Cohen's κ of two reviewers' verdicts on the same replies, and its standard error (Cohen 1960).

    None where chance alone would make them agree always: κ says nothing then.
    """
    count = len(verdicts)
    observed = sum(a == b for a, b in verdicts) / count
    first, second = Counter(a for a, _ in verdicts), Counter(b for _, b in verdicts)
    chance = sum(first[name] * second[name] for name in first) / count**2
    if chance >= 1:
        return None
    kappa = (observed - chance) / (1 - chance)
    return kappa, math.sqrt(observed * (1 - observed) / count) / (1 - chance)
