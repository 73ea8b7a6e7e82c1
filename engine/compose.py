"""From a validated request to a Reply: load models when first needed, draft, judge, choose.

Knows: the shipped and the owner's checkpoints, the book, the judge, the reward model in force.
Does not know: queues, event loops, who asked, where the reply goes.

A Reply replays exactly: its seed fixes the latents, the draws and the choice; `decoding` fixes the
rest; the model's hash says whether the weights are the same.
"""

from __future__ import annotations

import dataclasses
import secrets
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine import (
    checkpoint,
    choice,
    decode,
    dial_tasks,
    dials,
    english_writing,
    judge,
    native,
    passages,
    safety,
    talk_task,
    theme,
    translate,
    translate_task,
    verse,
    verse_check,
    verse_task,
)
from engine.decode import Decoder, Row, Sampling
from engine.decoding_choice import ARMS, Choices
from engine.english_forms import ENGLISH_MODEL, english_form
from engine.errors import AnotherModel, ModelBroken, NoCompiler, NothingGood, SetupError
from engine.facing import Facing
from engine.latents import LatentEncoder
from engine.novelty import Bloom
from engine.passages import Passages
from engine.pool import Pool
from engine.rows import FLOAT32, NATIVE
from engine.talk_task import TAG, words_of
from engine.task import Task
from engine.trial import Arms
from engine.tuned import DECODING, CurrentReward, InForce
from engine.tuned_writers import Writers
from engine.values import Draft, Reply, Request
from engine.weights import LINES_FILE, folder_of

if TYPE_CHECKING:
    from engine.book import Book
    from engine.reward import RewardModel

_WARMTH = {"steady": 0.7, "lively": 1.3}  # of a tone, times the task's temperature
_ENDING = {"short": 1.5, "long": -1.5}  # nats that a wished length adds to a text's end
_PARALLEL_WEIGHT = 0.3  # of 对仗 in the score of a form that asks for it

_ALONE = 2  # times as many drafts of prose where none come from the book
_SAMPLED = ("temperature", "nucleus", "max_tokens", "no_repeat")  # of a task's decoding

PROSE_MODEL = "talk"
"""Whose latents say what prose is like."""


class Composer:
    """Holds the loaded models. Safe for several threads: loading is locked, decoding keeps no state."""

    def __init__(
        self,
        models: Path | None,
        tuned: Path | None,
        *,
        use_book: bool,
        book: Book | None = None,
        fine_tuned: bool = False,
        cores: int = 2,
    ) -> None:
        """`book`: in place of the shipped one, which is read when first needed. `fine_tuned`: whether models
        that were fine-tuned may write. `cores`: that write, at most."""
        self._models, self._use_book = models, use_book
        self._lock = threading.Lock()
        self._decoders: dict[str, Decoder] = {}
        self._latents: LatentEncoder | None = None
        self._rules: dict[str, verse.VerseRules] = {}
        self._facings: dict[str, Facing] = {}
        self._book = book
        self._passages: dict[str, Passages | None] = {}
        self._translators: dict[str, translate.Translator] = {}
        self._reward = Arms(tuned, CurrentReward(tuned)) if tuned is not None else None
        self._choices = InForce(tuned, DECODING, Choices.load) if tuned is not None else None
        self._pool = Pool(cores=native.cores(cores))
        self._writers = Writers(tuned, self._pool, in_use=fine_tuned)
        # More threads than one make small products slower and their sums depend on the machine.
        torch.set_num_threads(1)

    def decoder(self, name: str) -> Decoder:
        """The one that writes now. Raises ModelMissing or ModelBroken."""
        return self._writers.now(name) or self._untuned(name)

    def _untuned(self, name: str) -> Decoder:
        with self._lock:
            if name not in self._decoders:
                found = checkpoint.load(folder_of(name, self._models), lean=True)
                self._decoders[name] = Decoder(found, self._pool)
            return self._decoders[name]

    def latents(self) -> LatentEncoder | None:
        """What the prose model makes of texts; None where there is no such model."""
        try:
            decoder = self.decoder(PROSE_MODEL)
        except SetupError:
            return None
        with self._lock:
            if self._latents is None:
                self._latents = LatentEncoder(decoder.checkpoint)
            return self._latents

    def warm(self, name: str) -> None:
        """Loads all that a first reply of this model needs. Raises ModelMissing or ModelBroken."""
        decoder = self.decoder(name)
        if name == "translate":
            self._translator(decoder)
            decoder.floats()
        else:
            decoder.warm()  # a translator's beam takes no part in the batch
        if name == "verse":
            self._verse_rules(decoder)
            theme.imagery("月")
        elif name == ENGLISH_MODEL:
            english_writing.rules_of(decoder)
        elif name != "translate":
            self._known_passages(decoder)
            if self._use_book:
                self._the_book()
        safety.safe(["月"])

    def loaded(self) -> dict[str, str]:
        """Names of loaded models and their hashes."""
        return {
            name: (self._writers.now(name) or decoder).checkpoint.hash
            for name, decoder in list(self._decoders.items())
        }

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

    def _known_passages(self, decoder: Decoder) -> Passages | None:
        """The passages that a talk model may not write again; None where it learnt from nobody else's."""
        key = decoder.checkpoint.identity
        with self._lock:
            if key not in self._passages:
                file = decoder.checkpoint.folder / passages.FILE
                try:
                    self._passages[key] = Passages.load(file) if file.exists() else None
                except ValueError as error:
                    raise ModelBroken(folder=str(file.parent), reason=str(error)) from error
            return self._passages[key]

    def _translator(self, decoder: Decoder) -> translate.Translator:
        key = decoder.checkpoint.identity
        with self._lock:
            if key not in self._translators:
                self._translators[key] = translate.Translator(decoder)
            return self._translators[key]

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
        over, so that a reward model that came later changes nothing. Raises AnotherModel or NoCompiler for
        it.
        Raises ModelMissing, ModelBroken, UnknownForm, NothingGood.
        """
        began = time.perf_counter()
        model = dial_tasks.model_of(task, request, self.decoder) if task.dial else task.model
        if english_form(task.verse_form(request)):
            model = ENGLISH_MODEL
        decoder = self.decoder(model)
        if again is not None:
            decoder = self._that_wrote(again, model, decoder)
            decoding = again.decoding
        decoding = dict(decoding or self._decoding(task, request, seed, decoder))
        if again is None:
            decoding["arithmetic"] = decoder.arithmetic  # a reply that is varied may be older
        elif decoding.get("arithmetic") == NATIVE != decoder.arithmetic:
            raise NoCompiler()
        # A reply that does not say how it was computed is older than the choice.
        sampled = {name: decoding[name] for name in _SAMPLED}
        sampling = Sampling(**sampled, arithmetic=decoding.get("arithmetic", FLOAT32))
        drafts, extra = self._drafts(task, request, model, decoder, seed, decoding, sampling)
        if again is not None:
            return self._once_more(again, drafts, extra, began)
        if max(draft.score for draft in drafts) < task.decoding.abstain:
            raise NothingGood()
        allowed = [draft.score >= task.decoding.abstain for draft in drafts]
        reward = self._reward.model(seed) if self._reward is not None else None
        if reward is not None:
            drafts = _with_reward(reward, task, drafts)
        if request.length and task.model == "talk" and not task.dial:
            drafts = of_length(drafts, request.length)
        # Of translations the best is sent: people ask what a text means, not for variety.
        chosen, propensity = (0, 1.0) if task.model == "translate" else _choose(drafts, allowed, seed)
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

    def _that_wrote(self, again: Reply, name: str, now: Decoder) -> Decoder:
        """The model that a reply was written by, be it in force or not. Raises AnotherModel."""
        for decoder in (now, self._untuned(name)):
            if again.model == decoder.checkpoint.identity:
                return decoder
        found = self._writers.of(name, again.model)
        if found is None:
            raise AnotherModel(written=again.model, loaded=now.checkpoint.identity)
        return found

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
            tags = TAG.findall(task.condition)
            known = self._known_passages(decoder) if rules is None else None
            return dial_tasks.write(task, request, decoder, tags, seed, decoding, sampling, rules, known)
        around = decoding.get("near")
        rows = int(decoding["drafts"])
        if model == "translate" and around is None:
            z = torch.zeros(rows, decoder.latent_size)  # the middle one of all ways to say it
        elif around is None:
            # a reply that does not name it is older than the choice
            z = float(decoding.get("spread", 1.0)) * decode.latents(seed, rows, decoder.latent_size)
            if "lean" in decoding:  # what is liked where it is asked
                z = z + torch.tensor(decoding["lean"])
        else:
            z = decode.near(around, seed, rows, float(decoding["distance"]))
        if model == "translate":
            translator, source = self._translator(decoder), words_of(task, request)
            width = int(decoding.get("beam", translate.FIRST_WIDTH))
            ours = bool(decoding["book"])
            return translate_task.drafts_of(request, source, translator, z, use_book=ours, width=width)
        english = english_form(task.verse_form(request))
        if english is not None:
            source = words_of(task, request)
            return english_writing.drafts(request.text, source, english, decoder, z, seed, sampling)
        if model == "verse":
            return self._verse(task, request, decoder, z, seed, sampling)
        book = self._the_book() if decoding["book"] else None
        known = self._known_passages(decoder)
        ending = float(decoding.get("ending", 0.0))
        return talk_task.write(task, request, decoder, z, seed, sampling, book, known, ending)

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

    def _decoding(self, task: Task, request: Request, seed: int, decoder: Decoder) -> dict[str, Any]:
        """The settings to write with, all that a replay needs. `decoder`: the one that writes."""
        values: dict[str, Any] = {name: getattr(task.decoding, name) for name in _SAMPLED}
        choices = self._choices.now() if self._choices is not None else None
        chosen = choices.draw(task, request, seed) if choices is not None else None
        if chosen is not None:
            values |= {**ARMS[chosen.arm].of(task.decoding), "choice": chosen.values()}
        values["temperature"] *= _WARMTH.get(request.tone, 1.0)
        values["arithmetic"] = decoder.arithmetic
        if task.model == "translate":
            values["beam"] = translate.WIDTH
        if task.dial:
            return {**values, "drafts": task.decoding.drafts, "book": False, "distance": dials.FARTHEST}
        if request.length and task.model == "talk":
            values["ending"] = _ENDING[request.length]
        lean = request.leans.get(decoder.checkpoint.identity, ())
        if lean and task.model != "translate":
            values["lean"] = list(lean)
        drafts = task.decoding.drafts * (_ALONE if task.model == PROSE_MODEL and not self._use_book else 1)
        here = {"drafts": drafts, "spread": task.decoding.spread}
        return {**values, **here, "book": self._use_book}

    # --- verse -------------------------------------------------------------------------------

    def _verse(
        self,
        task: Task,
        request: Request,
        decoder: Decoder,
        z: torch.Tensor,
        seed: int,
        sampling: Sampling,
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
        whole = ["\n".join(asked.lines(row.text)) for row in rows]
        rows, z = _those(safety.safe(whole), rows, z)
        if not rows:
            raise NothingGood()
        poems = [asked.lines(row.text) for row in rows]
        checks = [
            dataclasses.replace(verse_check.check(lines, asked.whole), relaxed=row.relaxed)
            for lines, row in zip(poems, rows, strict=True)
        ]
        drafts = []
        for row, lines, latent in zip(rows, poems, z.tolist(), strict=True):
            fluency = row.fluency
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
            own = asked.without_heads(own, words, judge.COPIED)
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


def _those(wanted: Sequence[bool], rows: Sequence[Row], z: torch.Tensor) -> tuple[list[Row], torch.Tensor]:
    """The rows that may be sent, and their latents. What may not is no draft: `why` shows every draft."""
    kept = [number for number, fine in enumerate(wanted) if fine]
    return [rows[number] for number in kept], z[kept]


def _with_reward(model: RewardModel, task: Task, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts with the chance of being liked in their scores; as they are where the model abstains."""
    liked = model.rank([draft.own_text for draft in drafts], task.name)
    if liked is None:
        return list(drafts)
    return [
        dataclasses.replace(
            draft,
            scores={**draft.scores, "judge": draft.score, "reward": probability},
            score=choice.blended(draft.score, probability),
        )
        for draft, probability in zip(drafts, liked, strict=True)
    ]


def of_length(drafts: Sequence[Draft], wanted: str) -> list[Draft]:
    """The drafts; where short (long) ones are wanted, those longer (shorter) than half of them are lower."""
    lengths = [max(1, len(judge.tokens_of(draft.text))) for draft in drafts]
    middle = statistics.median(lengths)
    fits = [min(1.0, middle / n if wanted == "short" else n / middle) ** 0.5 for n in lengths]
    return [
        dataclasses.replace(draft, scores={**draft.scores, "wished": fit}, score=draft.score * fit)
        for draft, fit in zip(drafts, fits, strict=True)
    ]


def _choose(drafts: Sequence[Draft], allowed: Sequence[bool], seed: int) -> tuple[int, float]:
    """Draw a draft by its score, fixed by the seed: its index and its probability."""
    return choice.draw(choice.propensities([draft.score for draft in drafts], allowed), seed)
