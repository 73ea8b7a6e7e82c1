"""Vary and blend: texts near a given one, and a path between two, on the latent of the model that writes.

Knows: which form lines of verse have, how a text is cut to a model's length, the posterior of each part,
the pull of given words on decoding, how near two texts are, which candidates make the smoothest path.
Does not know: tasks' files, command lines, which draft is sent (`engine.compose` draws one).

A text's posterior under its fitting condition (tags only) says what it is like; texts are decoded around
its mean. A latent of some nats holds a theme and a manner, not the words, so words come by a *pull*: the
logits of what follows in the given text after the words just written, and of its words not yet used, are
raised. The farther a latent lies, the weaker the pull; what is written is still the model's own draw,
under the form's mask in verse. A blend follows the great circle between two means (White 2016) with the
same randomness at every point; of several candidates a point, dynamic programming picks those that lead
away from the first text and towards the second one step by step: the latent proposes, the judge picks.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine import decode, forms, judge, text, verse_check
from engine.between import SAME, Variant, distance, path, slerp
from engine.corpus import language_tag, spaced
from engine.decode import Decoder, Row, Sampling
from engine.errors import EmptyText, NotVerse, TextTooLong, TwoLanguages
from engine.forms import Form
from engine.pull import Pull
from engine.verse import VerseRules
from engine.vocabulary import END

_PIECE = re.compile(rf"[{text.HAN}]|[^\W{text.HAN}_]+")
NEAREST, FARTHEST = 0.15, 0.65  # distance of the first and the last candidate, in units of the prior
WANTED = 0.3  # edit distance at which a text is another one and still near
PULL = 1.2  # strength of the pull at no distance; a unit of distance takes away 1


@dataclass(frozen=True, slots=True)
class Part:
    """A text, or as much of it as the model takes at once: its words, ids and posterior mean (Z,)."""

    words: str
    ids: tuple[int, ...]
    mean: Tensor


def form_of(words: str, decoder: Decoder) -> Form | None:
    """The form whose line lengths a text has and the model knows; of several the one it breaks least."""
    lines = verse_check.verse_lines(words)
    if not lines or text.han_only(words) != "".join(lines):
        return None
    lengths = tuple(map(len, lines))
    known = [
        form
        for form in forms.FORMS.values()
        if form.lengths == lengths and decoder.vocabulary.has_tag(form.tag or form.name)
    ]
    return min(known, key=lambda f: len(verse_check.check(lines, f).problems), default=None)


def posterior(decoder: Decoder, condition: Sequence[int], ids: Sequence[int]) -> Tensor:
    """(Z,) the mean of q(z|x,y) for a text of `ids` under a condition."""
    with torch.inference_mode():
        target = torch.tensor([[*ids, END]])
        encoded = decoder.encode(condition, 1)
        return decoder.model.infer(encoded, target, torch.tensor([target.shape[1]])).mean[0].clone()


class Dials:
    """One request's texts under one model. `rules` and `form` are None for prose."""

    def __init__(
        self,
        decoder: Decoder,
        tags: Sequence[str],
        sampling: Sampling,
        seed: int,
        *,
        form: Form | None = None,
        rules: VerseRules | None = None,
    ) -> None:
        self.decoder, self.sampling, self.seed = decoder, sampling, seed
        self.form, self.rules, self._tags = form, rules, tuple(tags)
        self._held = decoder.writer()  # every text's likelihood is asked for

    def parts(self, words: str, option: str, *, whole: bool = False) -> list[Part]:
        """A text as the model takes it: verse at once, prose sentence by sentence where it is long.

        Raises EmptyText, and TextTooLong for a sentence (`whole`: a text) beyond the model's length.
        """
        words = text.simplify(text.clean(words))
        longest = int(self.decoder.checkpoint.corpus.get("longest", 64))
        if self.form is not None:
            pieces = ["\n".join(verse_check.verse_lines(words))]
        elif whole or len(self._encode(words)) <= longest:
            pieces = [words]
        else:
            pieces = self._gathered(words, longest)
        condition = self._condition(words)
        found = []
        for piece in pieces:
            ids = self._encode(piece)
            if not ids:
                raise EmptyText()
            if self.form is None and len(ids) > longest:
                limit = max(1, len(piece) * longest // len(ids))
                raise TextTooLong(option=option, length=len(piece), limit=limit)
            found.append(Part(piece, tuple(ids), posterior(self.decoder, condition, ids)))
        return found

    def _gathered(self, words: str, longest: int) -> list[str]:
        """Sentences, those beyond `longest` tokens cut at commas, put together while they are short."""
        pieces: list[str] = []
        for sentence in text.sentences(words):
            cut = len(self._encode(sentence)) > longest
            for piece in re.findall(r"[^，,;；、]*[，,;；、]*", sentence) if cut else [sentence]:
                if pieces and len(self._encode(pieces[-1] + piece)) <= longest:
                    pieces[-1] += piece
                else:
                    pieces.append(piece)
        return [piece.strip() for piece in pieces if piece.strip()]

    def _encode(self, words: str) -> list[int]:
        return self.decoder.vocabulary.encode(spaced(words) if self.form is None else words)

    def _condition(self, words: str) -> list[int]:
        tags = (
            (self.form.tag or self.form.name,)
            if self.form is not None
            else (*self._tags, language_tag(words))
        )
        return self.decoder.condition(tags, ())

    def _decode(self, like: str, z: Tensor, pulls: Sequence[Pull], room: int, salt: int) -> list[Row]:
        if self.form is not None and self.rules is not None:
            plans = [self.rules.plan(self.form) for _ in z]
            room = sum(self.form.lengths) + len(self.form.lengths) + 1
        else:
            plans = None
            room = min(self.sampling.max_tokens, room)
        sampling = dataclasses.replace(self.sampling, max_tokens=room)
        return self.decoder.sample(self._condition(like), z, self.seed + salt, sampling, plans, pulls)

    def _noise(self, rows: int, size: int) -> Tensor:
        return decode.latents(self.seed, rows, size)

    def vary(
        self, parts: Sequence[Part], count: int, around: Sequence[float] = (), spread: float = FARTHEST
    ) -> list[Variant]:
        """At most `count` distinct texts near one, by growing distance.

        `around`: latents to be near to in place of the text's own.
        """
        given = _joined([part.words for part in parts])
        size = self.decoder.latent_size
        base = torch.cat([part.mean for part in parts])
        if len(around) == len(base):  # another model may have cut the text otherwise
            base = torch.tensor(list(around))
        steps = torch.linspace(NEAREST, spread, count) if count > 1 else torch.tensor([NEAREST])
        z = (1 - steps.square()).sqrt()[:, None] * base + steps[:, None] * self._noise(count, len(base))
        rows: list[list[Row]] = []
        for place, part in enumerate(parts):
            # the pull weakens as the latent goes away, so that what changes is the latent's to say
            pulls = [Pull([(part.ids, PULL - step)]) for step in steps.tolist()]
            own = z[:, place * size : (place + 1) * size]
            rows.append(self._decode(given, own, pulls, _room(len(part.ids)), place))
        before = self._mean_log_probability(given, parts)
        found: dict[str, Variant] = {}
        for number in range(count):
            mine = [part[number] for part in rows]
            variant = self._variant([row.text for row in mine], mine, z[number].tolist(), [given], before)
            away = distance(variant.words, given)
            if variant.words and away > SAME:
                near = 1 - max(0.0, away - WANTED) * 1.4 - max(0.0, WANTED / 3 - away) * 3
                found.setdefault(variant.words, _scored(variant, near=max(0.0, near)))
        return list(found.values())

    def blend(
        self, first: Part, second: Part, steps: int, count: int, around: Sequence[float] = ()
    ) -> Variant:
        """A path of `steps` texts between two, the two themselves left out; `count` candidates a point."""
        ends = (first.words, second.words)
        before = max(self._mean_log_probability(part.words, [part]) for part in (first, second))
        shares = [(step + 1) / (steps + 1) for step in range(steps)]
        size = self.decoder.latent_size
        noise = self._noise(count, size)
        pool: list[Variant] = []
        for number, share in enumerate(shares):
            mean = slerp(first.mean, second.mean, share)
            if len(around) == steps * size:
                mean = torch.tensor(list(around[number * size : (number + 1) * size]))
            # candidates lie a little before and behind their point, so that there is something to pick
            places = [min(1.0, max(0.0, share + lean)) for lean in _leans(count, steps)]
            z = math.sqrt(1 - NEAREST**2) * mean + NEAREST * noise
            pulls = [Pull([(first.ids, _ease(1 - place)), (second.ids, _ease(place))]) for place in places]
            room = _room(max(len(first.ids), len(second.ids)))
            rows = self._decode(first.words, z, pulls, room, 0)
            pool += [
                self._variant([row.text], [row], latent, ends, before)
                for row, latent in zip(rows, z.tolist(), strict=True)
            ]
        return path([variant for variant in pool if variant.words] or pool, shares, ends)

    def _mean_log_probability(self, like: str, parts: Sequence[Part]) -> float:
        """Nats a token of the given text itself, each part under its own mean."""
        total = sum(
            float(self.decoder.log_probabilities(self._condition(like), part.mean[None], [part.ids]))
            for part in parts
        )
        return total / sum(len(part.ids) + 1 for part in parts)

    def _variant(
        self,
        texts: Sequence[str],
        rows: Sequence[Row],
        latent: Sequence[float],
        given: Sequence[str],
        before: float,
    ) -> Variant:
        words = _joined([re.sub(r"\n{2,}", "\n", one).strip() for one in texts])
        source = "\n".join(given)
        if all(one[:1].isupper() for one in given):
            words = words[:1].upper() + words[1:]
        total = sum(row.log_probability for row in rows)
        mean = total / sum(len(row.tokens) + 1 for row in rows)
        # As likely as the given text is enough: the likeliest texts are those that say nothing.
        scores = {"sense": min(1.0, max(0.0, 1 + mean - before))}
        if self.form is not None:
            relaxed = tuple(dict.fromkeys(name for row in rows for name in row.relaxed))
            scores |= {"form": float(not relaxed), "novelty": float("corpus" not in relaxed)}
            quality = 0.2 + 0.8 * scores["form"]
        else:
            relaxed = ()
            locale = text.locale_of(source)
            judged, _ = judge.judge(words, source, (), locale)
            whole = float(all(row.finished for row in rows))
            scores |= judged | {"length": judged["length"] * _alike(len(words), [len(one) for one in given])}
            quality = math.prod(value for name, value in scores.items() if name not in ("sense", "novelty"))
            # what breaks off at the limit is no sentence
            quality *= 0.3 + 0.7 * whole
        return Variant(words, tuple(latent), total, scores | {"quality": quality}, quality, relaxed)


def same_kind(first: str, second: str) -> None:
    """Raises TwoLanguages where one text is Chinese and the other is not."""
    if language_tag(first) != language_tag(second):
        raise TwoLanguages()


def form_for(texts: Sequence[str], decoder: Decoder, *, wanted: str) -> Form | None:
    """The form all texts have; None for prose, which is all else. Raises NotVerse where verse is `wanted`."""
    found = {form.name: form for form in (form_of(one, decoder) for one in texts) if form is not None}
    if len(found) == 1 and all(form_of(one, decoder) for one in texts):
        return next(iter(found.values()))
    if wanted == "verse":
        raise NotVerse(known=", ".join(name for name in forms.FORMS if decoder.vocabulary.has_tag(name)))
    return None


def without_given(words: str, given: str) -> str:
    """`words` with every letter (Han) or word (other scripts) of the given texts blanked by □.

    What is near a member's text is made of it: stricter than `judge.copied_passages`, which leaves
    passages of a few letters.
    """
    said = {piece.casefold() for piece in _PIECE.findall(given)}

    def blank(found: re.Match[str]) -> str:
        piece = found.group()
        return judge.COPIED * len(piece) if piece.casefold() in said else piece

    return judge.copied_passages(_PIECE.sub(blank, words), given)


def _joined(pieces: Sequence[str]) -> str:
    glue = "" if text.locale_of("".join(pieces)) == "zh-CN" else " "
    return glue.join(piece.strip() for piece in pieces if piece.strip())


def _room(tokens: int) -> int:
    return tokens + tokens // 3 + 6


def _ease(share: float) -> float:
    """The strength of a text's pull at a share of the way: full at its own end, none at the other's."""
    return min(1.0, 1.15 * share)


def _leans(count: int, steps: int) -> list[float]:
    """Offsets of a point's candidates along the path, in shares: within a step before and behind."""
    reach = 0.8 / (steps + 1)
    return [reach * (2 * number / (count - 1) - 1) for number in range(count)] if count > 1 else [0.0]


def _alike(length: int, given: Sequence[int]) -> float:
    """1 for a length between those of the given texts, less below three quarters of the shorter."""
    return min(1.0, length / max(1.0, 0.75 * min(given)), 1.5 * max(given) / max(1, length))


def _scored(variant: Variant, *, near: float) -> Variant:
    scores = {**variant.scores, "near": near}
    score = scores["quality"] * (0.45 * scores["sense"] + 0.55 * near)
    return Variant(
        variant.words, variant.latent, variant.log_probability, scores, round(score, 6), variant.relaxed
    )
