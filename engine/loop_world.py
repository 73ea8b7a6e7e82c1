"""A made-up server for `bench loop`: drafts with a true worth, and people who judge them.

A draft's true worth has four parts, of which the ranker is told none. Three can be guessed from its text:
style (how it ends, how long it is, its particles), words (each with its own appeal, some in every subject,
some in one), and what goes with what (an ending suits one subject and spoils another). The fourth, how well
it answers its request, stands nowhere in the text: so no ranker that reads texts reaches the oracle. The
shares are fixed below; worth has mean 0 and standard deviation 1 among drafts of one request.

Seven kinds of people: fair ones, generous ones, sparse ones (they react to extremes only), always-likers,
people of a shifted taste, trolls who vote against what they think, trolls who vote at random. Reactions are
missing not at random: who likes much or dislikes much reacts more, and a like comes easier than a dislike.

Knows: how texts, worth and judgements come about. Does not know: models, the gate, what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.choice import draw, propensities
from engine.journal_rows import JudgedText

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Written = tuple[Places, Places, Places, int]

DRAFTS = 8
STYLE, WORDS, TOGETHER, UNSEEN = 0.24, 0.28, 0.12, 0.36
"""Shares of the variance of worth among the drafts of one request."""
JUDGE = 0.15
"""Correlation of the judge's score with worth: automatic measures know a little."""
_SUBJECTS, _OWN, _COMMON, _PARTICLES = 8, 16, 40, 8
_ENDINGS = "。！？～…"
_SCORE, _SPREAD = 0.7, 0.05  # the judge's scores
KINDS = {"fair": 0.3, "generous": 0.2, "sparse": 0.2, "likes all": 0.15, "shifted": 0.15}
TROLLS = ("against", "random")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its drafts' texts, what they are truly worth, and the judge's scores (all of 8)."""

    texts: tuple[str, ...]
    worth: Numbers
    shifted: Numbers
    scores: Numbers


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply of the log: which draft was sent, how likely that was, and people's judgements of it."""

    asked: Asked
    chosen: int
    propensity: float
    person: str
    judged: tuple[JudgedText, ...]


@dataclass(frozen=True, slots=True)
class _Taste:
    particles: Numbers
    common: Numbers
    own: Numbers
    endings: Numbers
    length: float
    together: Numbers

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> _Taste:
        return cls(
            rng.normal(size=_PARTICLES),
            rng.normal(size=_COMMON),
            rng.normal(size=(_SUBJECTS, _OWN)),
            rng.normal(size=len(_ENDINGS)),
            float(rng.uniform(6, 12)),
            rng.normal(size=(_SUBJECTS, len(_ENDINGS))),
        )


class World:
    """A server of `people` members, all drawn from `seed`; `trolls`: the share of members who are trolls."""

    def __init__(self, seed: int, people: int, trolls: float = 0.0, *, nothing: bool = False) -> None:
        """`nothing`: judgements have nothing to do with the texts (an A/A world)."""
        self._rng = rng = np.random.default_rng([seed, 7])
        self._nothing = nothing
        letters = [
            chr(0x4E00 + 3 * number)
            for number in rng.permutation(6000)[: _SUBJECTS * _OWN + _COMMON + _PARTICLES]
        ]
        self._particles, letters = letters[:_PARTICLES], letters[_PARTICLES:]
        self._common, letters = letters[:_COMMON], letters[_COMMON:]
        self._own = [letters[subject * _OWN : (subject + 1) * _OWN] for subject in range(_SUBJECTS)]
        self._taste, self._other = _Taste.drawn(rng), _Taste.drawn(rng)
        self._frequent = 1 / np.arange(2, _COMMON + 2)
        self._frequent = np.cumsum(self._frequent / self._frequent.sum())
        self._frequent[-1] = 1.0
        self._scales: list[Numbers] = []
        sample = [self._parts(*self._texts()) for _ in range(300)]
        for which in range(2):  # one scale for each part, so that the shares hold within requests
            self._scales.append(np.sqrt(np.mean([parts[which].var(axis=1) for parts in sample], axis=0)))
        kinds = list(KINDS)
        chances = np.array([KINDS[kind] for kind in kinds])
        self.kinds = [kinds[number] for number in rng.choice(len(kinds), people, p=chances)]
        for place, number in enumerate(rng.permutation(people)[: round(trolls * people)]):
            self.kinds[number] = TROLLS[place % 2]
        self._active = rng.pareto(1.5, people) + 0.3
        self._active = np.cumsum(self._active / self._active.sum())
        self._active[-1] = 1.0
        self._lenient = rng.normal(0.3, 0.5, people)
        self._clock = 0.0

    def kind(self, person: str) -> str:
        """What kind of person a name of a judgement is."""
        return str(self.kinds[int(person[1:])])

    def _texts(self) -> tuple[int, list[Written]]:
        rng, subject = self._rng, int(self._rng.integers(_SUBJECTS))
        drafts: list[Written] = []
        for _ in range(DRAFTS):
            drafts.append(
                (
                    rng.integers(_PARTICLES, size=rng.integers(0, 3)),
                    np.searchsorted(self._frequent, rng.random(int(rng.integers(2, 6)))),
                    rng.integers(_OWN, size=rng.integers(2, 5)),
                    int(rng.integers(len(_ENDINGS))),
                )
            )
        return subject, drafts

    def _parts(self, subject: int, drafts: list[Written]) -> tuple[Numbers, Numbers]:
        """(3, 8) for the server's taste and for the other one: style, words, together, as they come."""
        found = []
        for taste in (self._taste, self._other):
            rows = np.empty((3, len(drafts)))
            for column, (particles, common, own, ending) in enumerate(drafts):
                size = len(particles) + len(common) + len(own)
                rows[0, column] = (
                    taste.particles[particles].sum()
                    + taste.endings[ending]
                    - ((size - taste.length) / 3) ** 2
                )
                rows[1, column] = taste.common[common].sum() + taste.own[subject][own].sum()
                rows[2, column] = taste.together[subject][ending]
            found.append(rows)
        return found[0], found[1]

    def asked(self) -> Asked:
        """A new request with eight drafts."""
        rng = self._rng
        subject, drafts = self._texts()
        worth = []
        unseen = rng.normal(size=DRAFTS) * np.sqrt(UNSEEN)
        for parts, scale in zip(self._parts(subject, drafts), self._scales, strict=True):
            parts = (parts - parts.mean(axis=1, keepdims=True)) / scale[:, None]
            worth.append(np.sqrt([STYLE, WORDS, TOGETHER]) @ parts + unseen)
        texts = []
        for particles, common, own, ending in drafts:
            letters = [self._particles[n] for n in particles] + [self._common[n] for n in common]
            letters += [self._own[subject][n] for n in own]
            texts.append("".join(letters[n] for n in rng.permutation(len(letters))) + _ENDINGS[ending])
        known = JUDGE * worth[0] + np.sqrt(1 - JUDGE**2) * rng.normal(size=DRAFTS)
        return Asked(tuple(texts), worth[0], worth[1], _SCORE + _SPREAD * known)

    def sent(self, asked: Asked, probabilities: Numbers | None = None) -> Sent:
        """What becomes of a request: a draft is drawn, some people see it, some of them react."""
        rng = self._rng
        chances = propensities(asked.scores.tolist()) if probabilities is None else probabilities
        chosen, propensity = draw(chances, int(rng.integers(2**62)))
        self._clock += 1.0
        name = f"g{self._clock:.0f}"
        seen = np.unique(np.searchsorted(self._active, rng.random(1 + int(rng.poisson(2.0)))))
        judged = []
        for person in seen.tolist():
            value = self._judgement(person, asked, chosen)
            if value:
                judged.append(
                    JudgedText(name, "chat", asked.texts[chosen], value, f"p{person:04d}", self._clock)
                )
        return Sent(asked, chosen, propensity, f"p{int(seen[0]):04d}", tuple(judged))

    def judged(self, worth: float, shifted: float = 0.0, text: str = "") -> Sent:
        """What becomes of a reply of this worth, and of another to those of the other taste."""
        asked = Asked((text,), np.array([worth]), np.array([shifted]), np.array([_SCORE]))
        return self.sent(asked, np.ones(1))

    def _judgement(self, person: int, asked: Asked, chosen: int) -> float:
        """1, -1, or 0 for no reaction."""
        rng, kind = self._rng, self.kinds[person]
        if kind == "likes all":
            return float(rng.random() < 0.6)
        felt = float(rng.normal()) if self._nothing else float(asked.worth[chosen])
        if kind == "shifted" and not self._nothing:
            felt = 0.4 * felt + 0.9 * float(asked.shifted[chosen])
        likes = rng.random() < 1 / (
            1 + np.exp(-2.0 * (felt + self._lenient[person] + (0.8 if kind == "generous" else 0.0)))
        )
        if kind in TROLLS:
            likes = not likes if kind == "against" else rng.random() < 0.5
            return (1.0 if likes else -1.0) if rng.random() < 0.4 else 0.0
        # Missing not at random: strong feelings are shown, and a like more easily than a dislike.
        reacts = (0.15 + 0.25 * min(abs(felt), 2.0)) * (1.0 if likes else 0.7)
        if kind == "sparse":
            reacts *= 0.1 if abs(felt) < 1 else 0.6
        return (1.0 if likes else -1.0) if rng.random() < reacts else 0.0

    def log(self, signals: int) -> list[Sent]:
        """Replies until people have given so many judgements."""
        found, count = [], 0
        while count < signals:
            found.append(self.sent(self.asked()))
            count += len(found[-1].judged)
        return found


def judgements(log: list[Sent], signals: int) -> list[JudgedText]:
    """What tuning reads of a log."""
    return [one for sent in log for one in sent.judged][:signals]
