"""From a validated request to a Reply: load models when first needed, draft, judge, choose.

Knows: the shipped and the owner's checkpoints, the book, the judge, the reward model in force.
Does not know: queues, event loops, who asked, where the reply goes.

A Reply replays exactly: its seed fixes the latents, the draws and the choice; `decoding` fixes the
rest; the model's hash says whether the weights are the same.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine import (
    checkpoint,
    decode,
    dial_tasks,
    dials,
    english_writing,
    judge,
    text,
    theme,
    verse,
    verse_check,
    verse_task,
)
from engine.decode import Decoder, Row, Sampling
from engine.english_forms import ENGLISH_MODEL, english_form
from engine.errors import AnotherModel, ModelBroken, NothingGood
from engine.facing import Facing
from engine.novelty import Bloom
from engine.task import CONTEXT, Task
from engine.tuned import CurrentReward
from engine.values import Draft, Origin, Reply, Request
from engine.weights import LINES_FILE, folder_of

if TYPE_CHECKING:
    from engine.book import Book
    from engine.reward import RewardModel

_TAG = re.compile(r"<(\w+)>")
_HOLE = re.compile(r"\{(\w+)\}")
_CHOICE_TEMPERATURE = 0.04  # of the softmax over scores by which the draft to send is drawn
_REWARD_WEIGHT = 0.5  # of the reward model's probability in a draft's score
_BOOK_DRAFTS = 3
_PROTOTYPES, _EDITS = 2, 3  # replies of the book that are edited, and drafts of each
# What a book text is worth at no likeness, and more at full: a continuation may go anywhere, a story or a
# post need only share something with what was asked; a reply has to answer, an ad to name its product.
_BOOK_WORTH = {"continue": (0.45, 0.55), "story": (0.35, 0.9), "post": (0.25, 1.0)}
_PARALLEL_WEIGHT = 0.3  # of 对仗 in the score of a form that asks for it


class Composer:
    """Holds the loaded models. Safe for several threads: loading is locked, decoding keeps no state."""

    def __init__(
        self, models: Path | None, tuned: Path | None, *, use_book: bool, book: Book | None = None
    ) -> None:
        """`book`: in place of the shipped one, which is read when first needed."""
        self._models, self._use_book = models, use_book
        self._lock = threading.Lock()
        self._decoders: dict[str, Decoder] = {}
        self._rules: dict[str, verse.VerseRules] = {}
        self._facings: dict[str, Facing] = {}
        self._book = book
        self._reward = CurrentReward(tuned) if tuned is not None else None
        # More threads than one make small products slower and their sums depend on the machine.
        torch.set_num_threads(1)

    def decoder(self, name: str) -> Decoder:
        """Raises ModelMissing or ModelBroken."""
        with self._lock:
            if name not in self._decoders:
                self._decoders[name] = Decoder(checkpoint.load(folder_of(name, self._models)))
            return self._decoders[name]

    def warm(self, name: str) -> None:
        """Loads all that a first reply of this model needs. Raises ModelMissing or ModelBroken."""
        decoder = self.decoder(name)
        if name == "verse":
            self._verse_rules(decoder)
            theme.imagery("月")
        elif name == ENGLISH_MODEL:
            english_writing.rules_of(decoder)
        else:
            if self._use_book:
                self._the_book()

    def loaded(self) -> dict[str, str]:
        """Names of loaded models and their hashes."""
        return {name: decoder.checkpoint.hash for name, decoder in list(self._decoders.items())}

    def _verse_rules(self, decoder: Decoder) -> verse.VerseRules:
        key = decoder.checkpoint.identity
        with self._lock:
            if key not in self._rules:
                file = decoder.checkpoint.folder / LINES_FILE
                try:
                    corpus = Bloom.load(file) if file.exists() else None
                    rules = verse.VerseRules(decoder.vocabulary.character_list(), corpus)
                except ValueError as error:
                    raise ModelBroken(folder=str(file.parent), reason=str(error)) from error
                self._rules[key] = rules
            return self._rules[key]

    def _facing(self, decoder: Decoder) -> Facing:
        key = decoder.checkpoint.identity
        with self._lock:
            if key not in self._facings:
                characters = decoder.vocabulary.character_list()
                self._facings[key] = Facing(decoder.model.embed.weight, characters)
            return self._facings[key]

    def _the_book(self) -> Book:
        with self._lock:
            if self._book is None:
                from engine import book

                self._book = book.Book.load()
            return self._book

    def compose(
        self,
        task: Task,
        request: Request,
        seed: int,
        *,
        decoding: Mapping[str, Any] | None = None,
        again: Reply | None = None,
    ) -> Reply:
        """Write for a validated request. `decoding`: to use instead of the task's own.

        `again` is a Reply to be written once more: its decoding, its choice and its scores are taken
        over, so that a reward model that came later changes nothing. Raises AnotherModel for it.
        Raises ModelMissing, ModelBroken, UnknownForm, NothingGood.
        """
        began = time.perf_counter()
        model = dial_tasks.model_of(task, request, self.decoder) if task.dial else task.model
        if english_form(task.verse_form(request)):
            model = ENGLISH_MODEL
        decoder = self.decoder(model)
        if again is not None and again.model != decoder.checkpoint.identity:
            raise AnotherModel(written=again.model, loaded=decoder.checkpoint.identity)
        decoding = dict(again.decoding if again else decoding or self._decoding(task))
        sampling = Sampling(**{f.name: decoding[f.name] for f in dataclasses.fields(Sampling)})
        drafts, extra = self._drafts(task, request, model, decoder, seed, decoding, sampling)
        if again is not None:
            return self._once_more(again, drafts, extra, began)
        if max(draft.score for draft in drafts) < task.decoding.abstain:
            raise NothingGood()
        reward = self._reward.model() if self._reward is not None else None
        if reward is not None:
            drafts = _with_reward(reward, task, drafts)
        chosen, propensity = _choose(drafts, seed)
        reply = Reply(
            generation=f"{int(time.time() * 1000):011x}{secrets.token_hex(5)}",
            task=task.name,
            text=drafts[chosen].text,
            origin=drafts[chosen].origin,
            model=decoder.checkpoint.identity,
            seed=seed,
            decoding=decoding,
            drafts=tuple(drafts),
            chosen=chosen,
            propensity=propensity,
            reward_model=reward.hash if reward is not None else "",
            milliseconds=round((time.perf_counter() - began) * 1000, 1),
        )
        return dataclasses.replace(reply, **extra(chosen))

    def _drafts(
        self,
        task: Task,
        request: Request,
        model: str,
        decoder: Decoder,
        seed: int,
        decoding: Mapping[str, Any],
        sampling: Sampling,
    ) -> tuple[list[Draft], Any]:
        if task.dial:
            rules = self._verse_rules(decoder) if model == "verse" else None
            tags = _TAG.findall(task.condition)
            return dial_tasks.write(task, request, decoder, tags, seed, decoding, sampling, rules)
        around = decoding.get("near")
        rows = int(decoding["drafts"])
        if around is None:
            z = decode.latents(seed, rows, decoder.latent_size)
        else:
            z = decode.near(around, seed, rows, float(decoding["distance"]))
        english = english_form(task.verse_form(request))
        if english is not None:
            source = words_of(task, request)
            return english_writing.drafts(request.text, source, english, decoder, z, seed, sampling)
        make = self._verse if model == "verse" else self._talk
        return make(task, request, decoder, z, seed, sampling, bool(decoding["book"]))

    def _once_more(self, written: Reply, drafts: Sequence[Draft], extra: Any, began: float) -> Reply:
        """`written` with its drafts as they came out now, scored as they were then."""
        if len(drafts) != len(written.drafts):
            raise AnotherModel(written=f"{written.model} and its book", loaded="another book")
        scored = tuple(
            dataclasses.replace(new, scores=old.scores, score=old.score)
            for new, old in zip(drafts, written.drafts, strict=True)
        )
        chosen = scored[written.chosen]
        elapsed = round((time.perf_counter() - began) * 1000, 1)
        values: dict[str, Any] = {
            "text": chosen.text,
            "origin": chosen.origin,
            "drafts": scored,
            "milliseconds": elapsed,
        }
        return dataclasses.replace(written, **values, **extra(written.chosen))

    def _decoding(self, task: Task) -> dict[str, Any]:
        values = {f.name: getattr(task.decoding, f.name) for f in dataclasses.fields(Sampling)}
        if task.dial:
            return {**values, "drafts": task.decoding.drafts, "book": False, "distance": dials.FARTHEST}
        return {**values, "drafts": task.decoding.drafts, "book": self._use_book}

    # --- verse -------------------------------------------------------------------------------

    def _verse(
        self,
        task: Task,
        request: Request,
        decoder: Decoder,
        z: torch.Tensor,
        seed: int,
        sampling: Sampling,
        use_book: bool,
    ) -> tuple[list[Draft], Any]:
        asked = verse_task.asked(
            task.verse_form(request), request.text, request.options.get("head", ""), seed
        )
        rules = self._verse_rules(decoder)
        condition = decoder.condition(asked.tags, asked.context)
        forced = asked.forced(rules.ids)
        # A model that cannot be told the rhyme is left to choose it.
        group = asked.group if all(map(decoder.vocabulary.has_tag, asked.tags)) else ""
        plans = [rules.plan(asked.written, forced, asked.first, group) for _ in z]
        room = sum(asked.written.lengths) + len(asked.written.lengths) + 1
        rows = decoder.sample(condition, z, seed, dataclasses.replace(sampling, max_tokens=room), plans)
        poems = [asked.lines(row.text) for row in rows]
        checks = [
            dataclasses.replace(verse_check.check(lines, asked.whole), relaxed=row.relaxed)
            for lines, row in zip(poems, rows, strict=True)
        ]
        drafts = []
        for row, lines, latent in zip(rows, poems, z.tolist(), strict=True):
            fluency = _fluency(row.log_probability, len(row.tokens))
            # A line is better when its theme's words are in it, and a poem that kept its form is best.
            touched = sum(any(c in row.text for c in word) for word in asked.words) / max(1, len(asked.words))
            scores = {
                "fluency": fluency,
                "theme": touched if asked.words else 1.0,
                "form": float(not row.relaxed),
            }
            worth = 0.7 * fluency + 0.3 * scores["theme"]
            if asked.whole.facing:
                couplets = [(lines[upper], lines[lower]) for upper, lower in asked.whole.facing]
                scores["parallel"] = self._facing(decoder).score(couplets)
                worth = (1 - _PARALLEL_WEIGHT) * worth + _PARALLEL_WEIGHT * scores["parallel"]
            words = verse_task.printed(lines, asked.whole)
            own = judge.copied_passages(words, words_of(task, request))
            if asked.first:  # however short it is, it is the asker's
                own = judge.COPIED * len(asked.first) + own[len(asked.first) :]
            drafts.append(
                Draft(
                    text=words,
                    own_text=own,
                    origin="generated",
                    latent=tuple(latent),
                    log_probability=row.log_probability,
                    scores=scores,
                    score=round(worth * (0.2 + 0.8 * scores["form"]), 6),
                )
            )

        def extra(chosen: int) -> dict[str, Any]:
            known = rules.corpus
            new = [known is None or line not in known for line in rows[chosen].text.split("\n")]
            return {"lines": tuple(poems[chosen]), "form": checks[chosen], "novelty": sum(new) / len(new)}

        return drafts, extra

    # --- talk --------------------------------------------------------------------------------

    def _talk(
        self,
        task: Task,
        request: Request,
        decoder: Decoder,
        z: torch.Tensor,
        seed: int,
        sampling: Sampling,
        use_book: bool,
    ) -> tuple[list[Draft], Any]:
        context = conversation(task, request)
        # the language is asked for by a tag as well, where the model learnt it so
        spoken = text.locale_of(request.text, request.locale)
        tags = [*_TAG.findall(task.condition), "zh" if spoken.startswith("zh") else "en"]
        asked = context[-1] if context and CONTEXT not in task.condition else request.text
        condition = decoder.condition(tags, context)
        rows = decoder.sample(condition, z, seed, sampling)
        kept = [number for number, row in enumerate(rows) if row.text.strip()]
        rows, z = [rows[number] for number in kept], z[kept]
        fits = self._fit(decoder, condition, tags, z, rows)
        source = words_of(task, request)
        drafts = [
            _judged(row, "generated", request, source, latent, fit)
            for row, latent, fit in zip(rows, z.tolist(), fits, strict=True)
        ]
        found: list[tuple[str, float]] = []
        if use_book:
            found = self._the_book().nearest(asked, request.context, task.name, _BOOK_DRAFTS)
        for words, likeness in found:
            drafts.append(_judged(Row(text=words), "book", request, source, (), likeness))
        if decoder.edits:
            for number, (words, likeness) in enumerate(found[:_PROTOTYPES]):
                shown = decoder.condition(tags, context, words)
                edits = decoder.sample(shown, z[:_EDITS], seed + number + 1, sampling)
                fits = self._fit(decoder, condition, tags, z[:_EDITS], edits)
                drafts += [
                    _judged(row, "edited", request, source, latent, fit, likeness)
                    for row, latent, fit in zip(edits, z[:_EDITS].tolist(), fits, strict=True)
                    if row.text.strip()
                ]
        drafts = list({draft.text: draft for draft in drafts}.values())
        if not drafts:
            raise NothingGood()

        def extra(chosen: int) -> dict[str, Any]:
            words = drafts[chosen].text
            shared = max((_longest_shared(words, entry) for entry, _ in found), default=0)
            return {"novelty": 1 - shared / max(1, len(words))}

        return drafts, extra

    def _fit(
        self,
        decoder: Decoder,
        condition: Sequence[int],
        tags: Sequence[str],
        z: torch.Tensor,
        rows: Sequence[Row],
    ) -> list[float]:
        """How much more likely each text is here than anywhere: nats a token over no context.

        This is what keeps replies that would suit every asking from winning (Li et al. 2016).
        """
        if not rows:
            return []
        tokens = [row.tokens for row in rows]
        alone = decoder.log_probabilities(decoder.condition(tags, ()), z[: len(rows)], tokens)
        here = decoder.log_probabilities(condition, z[: len(rows)], tokens)
        lengths = torch.tensor([len(t) + 1 for t in tokens])
        return [float(x) for x in (here - alone) / lengths]


def _judged(
    row: Row,
    origin: Origin,
    request: Request,
    source: str,
    latent: Sequence[float],
    fit: float,
    likeness: float = 0.0,
) -> Draft:
    """A draft with its scores. `source`: what may have been copied. `fit`: from `_fit` or the book.
    `likeness`: of the prototype that was edited.
    """
    words = row.text.strip()
    scores, quality = judge.judge(words, request.text, request.context, request.locale)
    if origin == "book":
        # A book reply is well written; what is in doubt is whether it fits. From a likeness of about
        # 0.4 it is worth more than what a small model makes up.
        scores = {**scores, "likeness": fit}
        least, more = _BOOK_WORTH.get(request.task, (0.0, 1.25))
        score = quality * min(1.0, least + more * fit)
    else:
        fluency = _fluency(row.log_probability, len(row.tokens))
        scores = {**scores, "fluency": fluency, "fit": fit}
        score = quality * (0.05 + 0.4 * fluency + 0.1 * max(-1.0, min(1.0, fit)))
        if origin == "edited":
            # As good as its prototype at best, and only as far as the edit reads well.
            scores = {**scores, "likeness": likeness}
            least, more = _BOOK_WORTH.get(request.task, (0.0, 1.25))
            score = max(score, quality * min(1.0, least + more * likeness) * fluency * 0.9)
    own = judge.copied_passages(words, source)
    return Draft(words, own, origin, tuple(latent), row.log_probability, scores, round(score, 6))


def _with_reward(model: RewardModel, task: Task, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts with the reward model's probability of being liked in their scores."""
    liked = model.score([draft.own_text for draft in drafts], task.name)
    return [
        dataclasses.replace(
            draft,
            scores={**draft.scores, "reward": probability},
            score=(1 - _REWARD_WEIGHT) * draft.score + _REWARD_WEIGHT * probability,
        )
        for draft, probability in zip(drafts, liked, strict=True)
    ]


def _fluency(log_probability: float, tokens: int) -> float:
    """The mean log-probability of a token, 0 at -7 nats and 1 at -2 and above."""
    mean = log_probability / (tokens + 1)
    return min(1.0, max(0.0, (mean + 7) / 5))


def _choose(drafts: Sequence[Draft], seed: int) -> tuple[int, float]:
    """Draw a draft by a softmax over scores, fixed by the seed: its index and its probability."""
    scores = np.array([draft.score for draft in drafts]) / _CHOICE_TEMPERATURE
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    uniform = np.random.Generator(np.random.Philox(key=[seed % 2**64, 2**63])).random()
    chosen = min(int(np.searchsorted(np.cumsum(weights), uniform, side="right")), len(drafts) - 1)
    return chosen, float(weights[chosen])


def conversation(task: Task, request: Request) -> list[str]:
    """The condition's parts in the order of the task's template; {context} is the earlier turns.

    Holes without a blank between them are one part: `{topic},{mood}` becomes keywords as our written rows
    have them (a blank between Chinese ones, else a comma), `{hero}+{things}` words with blanks between.
    """
    main = task.main
    values = {**request.options, **({main.name: request.text} if main else {})}
    parts: list[str] = []
    for piece in _TAG.sub("", task.condition).split():
        holes = _HOLE.findall(piece)
        if holes == [CONTEXT]:
            parts += request.context
        elif len(holes) == 1:
            parts.append(values.get(holes[0], ""))
        else:
            given = [values.get(name, "") for name in holes]
            parts.append(keywords(given, commas="," in piece))
    return [text.simplify(text.clean(part)) for part in parts if part.strip()]


def keywords(given: Sequence[str], *, commas: bool) -> str:
    """Words of several fields in one row, whatever they were separated by.

    Chinese ones have a blank between; others ", " where `commas`, and single words with blanks where not.
    """
    chinese = text.locale_of("".join(given)) == "zh-CN"
    marks = r"[\s,，、;；。]+" if chinese or not commas else r"\s*[,，、;；]\s*"
    words = [word for field in given for word in re.split(marks, field.strip()) if word]
    return (", " if commas and not chinese else " ").join(words)


def words_of(task: Task, request: Request) -> str:
    """Everything a person wrote for a request: what may be copied, and must not be learnt from.

    Options with choices or numbers are Moyou's own words. Traditional text stands there twice, since
    Moyou writes simplified characters.
    """
    closed = set(task.closed_options)
    free = [value for name, value in request.options.items() if name not in closed]
    written = "\n".join((*request.context, request.text, *free))
    return f"{written}\n{text.simplify(written)}"


def _longest_shared(a: str, b: str) -> int:
    """Length of the longest passage that two texts share."""
    best = 0
    row = [0] * (len(b) + 1)
    for x in a:
        previous = 0
        for j, y in enumerate(b, 1):
            row[j], previous = (previous + 1 if x == y else 0), row[j]
            best = max(best, row[j])
    return best
