"""How good are texts that a model wrote: figures of `python -m engine evaluate` that need samples.

Knows: diversity, repetition, form of verse masked and free, overlap with references (sacrebleu, where
it is installed), what was copied from the context or from the training text.
Does not know: likelihoods (`engine.evaluate`), which draft would be sent.
"""

from __future__ import annotations

import collections
import itertools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine import corpus, decode, judge, verse_task
from engine.checkpoint import Checkpoint
from engine.corpus import Encoded
from engine.decode import Decoder, Sampling
from engine.facts.pingshui import reading
from engine.forms import FORMS, Form
from engine.novelty import Bloom
from engine.passages import FILE, Passages
from engine.text import locale_of
from engine.verse import VerseRules
from engine.verse_check import check
from engine.weights import LINES_FILE

log = logging.getLogger(__name__)

_ROWS = 8  # latents for each context
_COLD = 0.3
_CONTEXTS = 20  # for which distinct texts of eight latents are counted


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with what it was written for: its context's parts and its tags."""

    text: str
    context: tuple[str, ...]
    tags: tuple[str, ...]


def report(loaded: Checkpoint, data: Sequence[Encoded], count: int, seed: int) -> dict[str, Any]:
    """All figures from `count` samples for contexts taken evenly from `data`."""
    samples = free_samples(loaded, data, count, seed)
    texts = [sample.text for sample in samples]
    verse = loaded.corpus["kind"] == "verse"
    found: dict[str, Any] = diversity(texts)
    found |= copying(loaded, samples)
    found["distinct_of_8_latents"] = distinct_of_latents(loaded, data, seed)
    if verse:
        found |= verse_figures(loaded, samples, data, count, seed)
    else:
        found |= overlap(loaded, data, count)
    return found


def _context(loaded: Checkpoint, example: Encoded) -> list[int]:
    batch = corpus.batch_of([example], corpus.config_of(loaded.corpus), None)
    ids: list[int] = batch.condition[0].tolist()
    return ids


def _evenly(data: Sequence[Encoded], count: int) -> list[Encoded]:
    count = min(max(1, count), len(data))
    return [data[number * len(data) // count] for number in range(count)]


def free_samples(loaded: Checkpoint, data: Sequence[Encoded], count: int, seed: int) -> list[Sample]:
    """Texts sampled at T = 1 with no mask, eight for each context."""
    decoder = Decoder(loaded)
    longest = corpus.config_of(loaded.corpus).longest
    sampling = Sampling(temperature=1.0, nucleus=1.0, max_tokens=longest, no_repeat=0)
    found = []
    groups = math.ceil(count / _ROWS)
    for number in range(groups):
        example = data[number * len(data) // max(1, groups)]
        z = decode.latents(seed + number, _ROWS, decoder.latent_size)
        rows = decoder.sample(_context(loaded, example), z, seed + number, sampling)
        # keywords of verse are left out of an evaluated context
        given = () if example.keywords else example.context
        context = tuple(loaded.vocabulary.decode(part.tolist()) for part in given)
        tags = tuple(loaded.vocabulary.tokens[tag].strip("<>") for tag in example.head.tolist())
        found += [Sample(row.text, context, tags) for row in rows]
    return found[:count]


def diversity(texts: Sequence[str]) -> dict[str, float]:
    """distinct-1 and -2 over all texts (Li et al. 2016), self-BLEU-4 (Zhu et al. 2018), by characters.

    repetition: the share of texts that say four tokens in a row twice.
    """
    units = [list(text.replace("\n", "")) for text in texts]
    characters = [character for unit in units for character in unit]
    pairs = [pair for unit in units for pair in itertools.pairwise(unit)]
    bleu = [_bleu(unit, units[:i] + units[i + 1 :]) for i, unit in enumerate(units)]
    return {
        "distinct_1": len(set(characters)) / max(1, len(characters)),
        "distinct_2": len(set(pairs)) / max(1, len(pairs)),
        "self_bleu_4": float(np.mean(bleu)),
        "repetition": float(np.mean([_repeats(judge.tokens_of(text)) for text in texts])),
    }


def _repeats(tokens: Sequence[str], size: int = 4) -> bool:
    grams = list(zip(*(tokens[i:] for i in range(size)), strict=False))
    return len(set(grams)) < len(grams)


def _bleu(candidate: list[str], references: list[list[str]]) -> float:
    """BLEU-4 of one text against the others, add-one smoothed above unigrams, no brevity penalty."""
    logs = 0.0
    for size in range(1, 5):
        grams = collections.Counter(zip(*(candidate[i:] for i in range(size)), strict=False))
        if not grams:
            return 0.0
        most: collections.Counter[tuple[str, ...]] = collections.Counter()
        for reference in references:
            counted = collections.Counter(zip(*(reference[i:] for i in range(size)), strict=False))
            for gram in grams.keys() & counted.keys():
                most[gram] = max(most[gram], counted[gram])
        hits = sum(min(count, most[gram]) for gram, count in grams.items())
        smooth = 0 if size == 1 else 1
        logs += math.log(max(hits + smooth, 1e-9) / (sum(grams.values()) + smooth))
    return math.exp(logs / 4)


def copying(loaded: Checkpoint, samples: Sequence[Sample]) -> dict[str, float]:
    """copy_rate: mean share of letters copied from the context. known: share of texts that hold a passage
    (verse: a line) of the training text, where the checkpoint carries a filter of them.
    """
    rates = [judge.copy_rate(sample.text, "", sample.context) for sample in samples]
    found = {"copy_rate": float(np.mean(rates))}
    lines, passages = loaded.folder / LINES_FILE, loaded.folder / FILE
    if loaded.corpus["kind"] == "verse" and lines.exists():
        bloom = Bloom.load(lines)
        found["known"] = float(np.mean([any(x in bloom for x in s.text.split("\n")) for s in samples]))
    elif passages.exists():
        filter_ = Passages.load(passages)
        copied = [filter_.copies(sample.text, "\n".join(sample.context)) for sample in samples]
        found["known"] = float(np.mean(copied))
    return found


def distinct_of_latents(loaded: Checkpoint, data: Sequence[Encoded], seed: int) -> float:
    """How many different texts eight latents give at T 0.3 with the same draws, mean over contexts.

    Every row draws the same numbers, so what differs comes from z alone; 1 for a model without one.
    """
    decoder = Decoder(loaded)
    longest = corpus.config_of(loaded.corpus).longest
    sampling = Sampling(temperature=_COLD, nucleus=1.0, max_tokens=longest, no_repeat=0)
    counts = []
    for number, example in enumerate(_evenly(data, _CONTEXTS)):
        z = decode.latents(seed + number, _ROWS, decoder.latent_size)
        condition = _context(loaded, example)
        texts = {decoder.sample(condition, row[None], seed + number, sampling)[0].text for row in z}
        counts.append(len(texts))
    return float(np.mean(counts))


def form_of(lines: Sequence[str], form: Form) -> tuple[bool, bool, bool]:
    """Whether a verse has its form's lengths, rhymes on lines 2 and 4, and alternating tones at 2, 4, 6.

    Characters that are read both ways count as what is asked. A verse of other lengths has neither.
    """
    if tuple(map(len, lines)) != form.lengths:
        return False, False, False
    second, fourth = (reading(lines[row][-1]) for row in (1, 3))
    rhymes = bool(second.groups & fourth.groups) and lines[1][-1] != lines[3][-1]
    return True, rhymes, all(map(_alternates, lines))


def _alternates(line: str) -> bool:
    entries = [reading(line[place]) for place in range(1, len(line) - 1, 2)]
    return any(
        all(
            entry.level if (number % 2 == 0) == starts_level else entry.oblique
            for number, entry in enumerate(entries)
        )
        for starts_level in (True, False)
    )


def verse_figures(
    loaded: Checkpoint, samples: Sequence[Sample], data: Sequence[Encoded], count: int, seed: int
) -> dict[str, float]:
    """Shares of verses that keep their form: `free_…` without masks, `told_…` without masks but told the
    rhyme as a request does, `people_…` the data, `masked_ok`.
    """

    def shares(prefix: str, verses: Sequence[tuple[str, str]]) -> dict[str, float]:
        kept = [form_of(text.split("\n"), FORMS[name]) for text, name in verses if name in FORMS]
        columns = zip(*kept, strict=True) if kept else ((), (), ())
        names = ("length", "rhyme", "tones")
        return {
            f"{prefix}_{name}": float(np.mean(column)) if column else 0.0
            for name, column in zip(names, columns, strict=True)
        }

    tokens = loaded.vocabulary
    people = [
        (tokens.decode(one.target[:-1].tolist()), tokens.tokens[int(one.head[0])].strip("<>"))
        for one in data
        if len(one.head)
    ]
    found = shares("free", [(one.text, one.tags[0]) for one in samples if one.tags])
    found |= shares("people", people)
    lines = loaded.folder / LINES_FILE
    rules = VerseRules(tokens.character_list(), Bloom.load(lines) if lines.exists() else None)
    decoder = Decoder(loaded)
    kept: list[bool] = []
    told: list[tuple[str, str]] = []
    for number in range(math.ceil(count / _ROWS)):
        form = FORMS[("wujue", "qijue")[number % 2]]
        z = decode.latents(seed + number, _ROWS, decoder.latent_size)
        room = sum(form.lengths) + len(form.lengths) + 1
        sampling = Sampling(temperature=1.0, nucleus=1.0, max_tokens=room, no_repeat=0)
        plans = [rules.plan(form) for _ in z]
        rows = decoder.sample(decoder.condition([form.name], []), z, seed + number, sampling, plans)
        kept += [check(row.text.split("\n"), form).ok for row in rows]
        asked = verse_task.asked(form.name, "", "", seed + number)
        if all(map(tokens.has_tag, asked.tags)):
            rows = decoder.sample(decoder.condition(asked.tags, []), z, seed + number, sampling)
            told += [(row.text, form.name) for row in rows]
    if told:
        found |= shares("told", told)
    found["masked_ok"] = float(np.mean(kept[:count]))
    return found


@torch.inference_mode()
def overlap(loaded: Checkpoint, data: Sequence[Encoded], count: int) -> dict[str, float]:
    """chrF and BLEU (sacrebleu) of what is written at the prior's mean, likeliest token by token."""
    try:
        import sacrebleu
    except ImportError:
        log.warning("chrF and BLEU are left out: install sacrebleu (the extra bench) to have them")
        return {}
    decoder = Decoder(loaded)
    longest = corpus.config_of(loaded.corpus).longest
    greedy = Sampling(temperature=1.0, nucleus=1e-9, max_tokens=longest, no_repeat=0)
    written, wanted = [], []
    for example in _evenly([one for one in data if one.context] or data, count):
        z = torch.zeros(1, decoder.latent_size)
        written.append(decoder.sample(_context(loaded, example), z, 0, greedy)[0].text)
        wanted.append(loaded.vocabulary.decode(example.target[:-1].tolist()))
    chinese = sum(locale_of(text) == "zh-CN" for text in wanted) * 2 >= len(wanted)
    bleu = sacrebleu.corpus_bleu(written, [wanted], tokenize="zh" if chinese else "13a")
    return {"chrf": float(sacrebleu.corpus_chrf(written, [wanted]).score), "bleu": float(bleu.score)}
