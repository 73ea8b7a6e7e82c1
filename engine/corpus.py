"""Rows of files become examples, examples become length-bucketed batches.

Knows: the fields of our corpora and of an owner's files, and how a row of each kind becomes (tags,
context, target).
Does not know: encodings and separators (`engine.reading` does), the model, the schedule.
"""

from __future__ import annotations

import dataclasses
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine import english, parallel, text, verse_rows
from engine.danger_texts import is_dangerous
from engine.held_out import training_part
from engine.lexicon import Lexicon
from engine.reading import reading_row
from engine.reading import rows as rows  # what others know as corpus.rows
from engine.vocabulary import BEGIN, END, PAD, TURN, Vocabulary

PROTOTYPE_TAG = "prototype"
_COUPLETS = ((2, 3), (4, 5))  # the lines of regulated verse that face each other
# Stems of the third-party corpora in the catalogue, whose voice is not the one to answer in.
_OTHERS = ("dialogue-", "text-", "qa-", "pair-en", "summary-", "story-zh-asp", "story-en-asp")
_OTHERS_WORDS = (*_OTHERS, "pair-zh-", "couplet-", "rating-", "poem-")


def is_third_party(stem: str) -> bool:
    """Whether a file of this stem is of the catalogue's corpora and not ours, nor an owner's."""
    return stem.startswith(_OTHERS_WORDS)


@dataclass
class Example:
    """One training pair as text. `context`: earlier turns or keywords; `target`: what to write.

    `droppable`: the context may be dropped or thinned, so that z has to carry the text.
    """

    tags: tuple[str, ...]
    context: tuple[str, ...]
    target: str
    keywords: bool = False
    droppable: bool = True
    group: str = ""  # rows of one group stay on one side of a split
    longest: int = 0  # target tokens; 0: the configuration's
    prototypes: tuple[str, ...] = ()  # replies to like askings, one of which may be shown
    hint: str = ""  # one more tag that may be shown: the rhyme of a verse


@dataclass
class CorpusConfig:
    """How rows are chosen and cut; the [corpus] table of a training configuration."""

    kind: str = "prose"  # verse | prose | rhyme (English verse) | translation
    tags: tuple[str, ...] = ()
    min_count: int = 4
    pieces: int = 0
    piece_kind: str = "unigram"  # | bpe: common words stay whole | word: nothing but whole words
    byte_fallback: bool = False
    validation: int = 2000
    longest: int = 64  # target tokens; longer examples are left out
    longest_context: int = 96  # tokens of context kept, the nearest
    drop_context: float = 0.5
    shuffle_context: float = 0.0  # chance that a context's earlier sentences change order or one is left out
    weights: dict[str, float] = field(default_factory=dict)  # file stem → how often a row counts
    limits: dict[str, int] = field(default_factory=dict)  # file stem → rows used at most
    longest_of: dict[str, int] = field(default_factory=dict)  # file stem → target tokens, where not `longest`
    whole: tuple[str, ...] = ()  # file stems whose rows are read whatever their published split
    reject: str = ""  # a pattern: third-party examples that match it are left out
    shares: dict[str, float] = field(default_factory=dict)  # verse tag → share of its texts that is read
    show_hint: float = 0.5  # chance that a verse's rhyme is told beforehand
    gloss: bool = False  # whether a translation shows its source word by word in the other language
    prototypes: float = 0.0  # chance that an example of our own shows one; 0 looks for none
    second_turns: tuple[str, ...] = ()  # file stems of dialogues in which only every second turn teaches
    thin_meaning: float = 0.5  # share of n-grams that the meaning of a condition lacks, in training


def config_of(values: Mapping[str, Any]) -> CorpusConfig:
    """The configuration that a checkpoint carries, read back from JSON."""
    tuples = {name: tuple(values.get(name, ())) for name in ("tags", "whole", "second_turns")}
    return CorpusConfig(**{**values, **tuples})


def examples(path: Path, config: CorpusConfig) -> Iterator[Example]:
    """Examples of one file. Rows marked with a split other than train are left out."""
    stem = path.name.split(".")[0]
    limit = config.limits.get(stem)
    phrases: set[tuple[str, ...]] = set()  # of English verse
    for count, row in enumerate(rows(path)):
        if limit is not None and count >= limit:
            break
        if row.get("split", "train") != "train" and stem not in config.whole:
            continue
        with reading_row(path, count + 1):
            kept = training_part(stem, row)
            found = list(of_row(kept, stem, config)) if kept else []
            if config.kind == "rhyme":
                phrases.update(map(tuple, english.phrases(row)))
        yield from found
    yield from map(_rhyme, english.montages(sorted(phrases)))


def every_example(path: Path, config: CorpusConfig) -> Iterator[Example]:
    """Examples of all rows of one file, whatever their split. Raises BadFile."""
    stem = path.name.split(".")[0]
    for number, row in enumerate(rows(path), 1):
        with reading_row(path, number):
            found = list(of_row(row, stem, config))
        yield from found


def of_row(row: dict[str, Any], stem: str, config: CorpusConfig) -> Iterator[Example]:
    """Examples of one row, whatever its split. `stem`: its file's name without endings.

    Of a row without the fields of its kind it raises what comes of that: see `reading_row`.
    """
    if config.kind == "verse":
        yield from (example for example in _verse(row) if _is_read(example, config))
        return
    if config.kind == "rhyme":
        yield from map(_rhyme, english.examples(row))
        return
    if config.kind == "translation":
        yield from _translations(row)
        return
    other = stem.startswith(_OTHERS)
    for example in _prose(row, stem, config):
        if other and config.reject and _rejects(config.reject, example):
            continue
        tags = (*example.tags, language_tag(example.target))
        yield dataclasses.replace(example, tags=tags, longest=config.longest_of.get(stem, config.longest))


def _rejects(pattern: str, example: Example) -> bool:
    return any(re.search(pattern, part) for part in (example.target, *example.context))


def language_tag(words: str) -> str:
    """The tag of a text's language: zh where it holds a Han character, else en."""
    return "zh" if text.locale_of(words) == "zh-CN" else "en"


def _verse(row: dict[str, Any]) -> Iterator[Example]:
    """Verse of a form that is known, and the couplets in it and of their own."""
    if "src" in row and "tgt" in row:
        yield from _couplet(text.han_only(row["src"]), text.han_only(row["tgt"]), "")
        return
    lines = tuple(text.han_only(line) for line in row.get("lines", ()))
    tag = verse_rows.tag_of(row, lines)
    if tag is None:
        return
    group = "".join(lines[:2])
    hint = verse_rows.rhyme_tag(lines) if tag in verse_rows.TAGS.values() else ""
    yield Example((tag,), (), "\n".join(lines), keywords=True, group=group, hint=hint)
    if tag in ("wulv", "qilv"):
        for first, second in _COUPLETS:
            yield from _couplet(lines[first], lines[second], group)


def _couplet(first: str, second: str, group: str) -> Iterator[Example]:
    if first and len(first) == len(second):
        group = group or first
        yield Example((verse_rows.COUPLET_TAG,), (first,), second, droppable=False, group=group)
        yield Example((verse_rows.COUPLET_TAG,), (), f"{first}\n{second}", keywords=True, group=group)


def _is_read(example: Example, config: CorpusConfig) -> bool:
    """Whether an example is within its tag's share, by a hash of its text."""
    share = config.shares.get(example.tags[0], 1.0)
    return share >= 1 or zlib.crc32(example.target.encode()) < share * 2**32


def _rhyme(made: english.Made) -> Example:
    # A word is one token wherever it stands: with the blank before it.
    return Example(made.tags, tuple(f" {word}" for word in made.keywords), made.target, keywords=True)


def _translations(row: dict[str, Any]) -> Iterator[Example]:
    """Both directions of each pair, or the one that the row asks for; the source is never dropped."""
    into = row.get("into", "")
    for en, zh in parallel.pairs(row):
        ways = {"en": (zh, en), "zh": (en, zh)}
        for source, target in [ways[into]] if into else ways.values():
            tags = (parallel.direction(source),)
            yield Example(tags, (source,), target, droppable=False, group=en)


def glossed(example: Example, dictionary: Lexicon) -> Example:
    """The example with its source word by word in the other language as one more part of the context."""
    return dataclasses.replace(example, context=(*example.context, dictionary.gloss(example.context[0])))


def _prose(row: dict[str, Any], stem: str, config: CorpusConfig) -> Iterator[Example]:
    if "turns" in row:
        turns = [text.clean(turn) for turn in row["turns"]]
        group = f"{stem}:{turns[0]}" if turns else ""
        for index in range(1, len(turns), 2 if stem in config.second_turns else 1):
            yield Example(
                ("chat", _style(stem)), tuple(turns[max(0, index - 4) : index]), turns[index], group=group
            )
    elif "asks" in row:
        if not is_dangerous(row["intent"]):
            replies = row["replies"]
            # every reply fits every asking
            pairs = [(ask, reply) for ask in row["asks"] for reply in replies]
            pairs += [(pair["ask"], pair["reply"]) for pair in row.get("follow", ())]
            for ask, reply in pairs:
                # whole intents are kept aside by `held_out`; of those that are learnt, askings are
                context, group = (text.clean(ask),), f"ask:{ask}"
                yield Example(("chat", "own"), context, text.clean(reply), group=group)
    elif isinstance(row.get("context"), str):
        yield from _continuations(text.clean(row["context"]), stem)
    elif stem.startswith("pair-en"):
        for side in (row["src"], row["tgt"]):
            yield from _continuations(text.clean(side), stem)
    elif "src" in row and "tgt" in row:
        task = stem.split("-")[0]
        yield Example(
            (task if task in ("chat", "ask", "post", "ad", "story") else "continue", _style(stem)),
            (text.clean(row["src"]),),
            text.clean(row["tgt"]),
        )
    elif isinstance(row.get("text"), str):
        yield from _continuations(text.clean(row["text"]), stem)
    elif isinstance(row.get("summary"), str):
        for passage in (row.get("src", ""), row["summary"]):
            yield from _continuations(text.clean(passage), stem)


def _style(stem: str) -> str:
    """The tag that keeps voices apart: what is asked for is always "own", an owner's files too."""
    if stem.startswith("dialogue-zh-smile"):
        return "counsel"
    return "other" if stem.startswith(_OTHERS) else "own"


def _continuations(passage: str, stem: str) -> Iterator[Example]:
    """Prose gives pairs (what stands before, the next sentence).

    A sentence with nothing before it is cut at a comma; of others' texts every other one is read whole
    too, since its beginning would never be written otherwise.
    """
    parts = [part.strip() for part in text.sentences(passage) if part.strip()]
    tags, group = ("continue", _style(stem)), f"{stem}:{passage[:20]}"
    for index, part in enumerate(parts):
        before = "".join(parts[max(0, index - 2) : index])
        cut = max(part.rfind(mark, 4, max(5, len(part) * 2 // 3)) for mark in "，,；;：")
        if before:
            yield Example(tags, (before,), part, group=group)
        elif cut > 0:
            yield Example(tags, (part[: cut + 1],), part[cut + 1 :].strip(), group=group)
            if tags[1] == "other" and zlib.crc32(part.encode()) % 2:
                yield Example(tags, (), part, group=group)
        elif len(part) >= 6:
            yield Example(tags, (), part, group=group)


def rhyme_lines(
    files: Iterable[Path], config: CorpusConfig, vocabulary: Vocabulary
) -> Iterator[tuple[list[int], list[int]]]:
    """Every line that the rhyme model is shown, as ids from its end: its words, and words with marks."""
    for file in files:
        for example in examples(file, config):
            for line in example.target.split("\n"):
                bare = "".join(f" {word}" for word in line.split() if word not in english.MARKS)
                yield vocabulary.encode(bare), vocabulary.encode(line)


@dataclass
class Encoded:
    """An example as ids. `keywords` are chosen from at random for each epoch."""

    head: np.ndarray[Any, Any]
    context: tuple[np.ndarray[Any, Any], ...]
    target: np.ndarray[Any, Any]
    keywords: bool
    droppable: bool
    prototypes: tuple[np.ndarray[Any, Any], ...] = ()
    hint: int | None = None


@dataclass
class Batch:
    """condition (B, X), condition_lengths (B,), inputs, target (B, Y), lengths (B,), meaning (B, M)."""

    condition: Tensor
    condition_lengths: Tensor
    inputs: Tensor
    target: Tensor
    lengths: Tensor
    meaning: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        moved = {name: part.to(device) for name, part in vars(self).items() if part is not None}
        return dataclasses.replace(self, **moved)


class Meant(Protocol):
    """What tells a condition's meaning from its ids, such as `condition_meaning.ConditionMeaning`."""

    def of(self, conditions: Sequence[Sequence[int]], thin: float = 0.0, seed: int = 0) -> Tensor: ...


def encode(example: Example, vocabulary: Vocabulary, config: CorpusConfig, pairs: set[str]) -> Encoded | None:
    """None when the target is empty or too long."""
    target = vocabulary.encode(spaced(example.target))
    if not target or len(target) > (example.longest or config.longest):
        return None
    words = example.context
    if example.keywords and not words:  # Chinese verse: its words are known once all lines are
        words = tuple(p for line in example.target.split("\n") for p in verse_rows.places(line) if p in pairs)
    return Encoded(
        np.array([vocabulary.tag(tag) for tag in example.tags if vocabulary.has_tag(tag)], dtype=np.int32),
        tuple(np.array(vocabulary.encode(spaced(word)), dtype=np.int32) for word in words),
        np.array([*target, END], dtype=np.int32),
        example.keywords,
        example.droppable,
        tuple(
            np.array([vocabulary.tag(PROTOTYPE_TAG), *vocabulary.encode(spaced(words))], dtype=np.int32)
            for words in example.prototypes
        ),
        vocabulary.tag(example.hint) if vocabulary.has_tag(example.hint) else None,
    )


def spaced(words: str) -> str:
    """A text whose first Latin word begins with a blank, as inside a sentence: one piece, not two."""
    return f" {words}" if words[:1].isascii() and words[:1].isalnum() else words


def condition_ids(
    head: Sequence[int],
    context: Sequence[Sequence[int]],
    longest: int,
    prototype: Sequence[int] = (),
) -> list[int]:
    """Tags, then the context's parts with <turn> between them; the nearest `longest` tokens are kept.

    `prototype` is a reply to edit, <prototype> before it; it comes last and is kept whole.
    """
    tail: list[int] = []
    for part in context:
        tail += [*part, TURN]
    return [*head, TURN, *tail[-longest:], *prototype, *([TURN] if len(prototype) else [])]


def batch_of(
    chosen: Sequence[Encoded],
    config: CorpusConfig,
    draw: random.Random | None,
    *,
    part: slice = slice(None),
    ends: frozenset[int] = frozenset(),
    meant: Meant | None = None,
) -> Batch:
    """`draw` thins keywords, drops and reorders contexts as in training; None keeps contexts, drops keywords.

    Only the rows of `part` are made, from the same draws whatever the part. `ends`: tokens that end a
    sentence (`sentence_ends`). `meant` adds what the conditions mean.
    """
    conditions = []
    for example in chosen:
        context = [piece.tolist() for piece in example.context]
        if example.keywords:
            count = draw.choice((1, 2, 2, 3, 4)) if draw else 0
            context = draw.sample(context, min(count, len(context))) if draw else []
        prototype: Sequence[int] = ()
        if draw and example.prototypes and draw.random() < config.prototypes:
            prototype = draw.choice(example.prototypes).tolist()
        if draw and example.droppable and draw.random() < config.drop_context:
            context = []
        # the chance is asked for only where it is set, so that other configurations draw what they drew
        chance = 0.0 if example.keywords else config.shuffle_context
        if draw and chance and draw.random() < chance:
            context = reordered(context, ends, draw)
        head = example.head.tolist()
        if draw and example.hint is not None and draw.random() < config.show_hint:
            head.append(example.hint)
        conditions.append((head, context, config.longest_context, prototype))
    rows = [condition_ids(*condition) for condition in conditions[part]]
    targets = [example.target.tolist() for example in chosen[part]]
    width = max(map(len, targets))
    meaning = None
    if meant is not None:
        thin, seed = (config.thin_meaning, draw.getrandbits(32)) if draw else (0.0, 0)
        meaning = meant.of(rows, thin, seed)
    return Batch(
        _padded(rows),
        torch.tensor([len(c) for c in rows]),
        torch.tensor([[BEGIN, *t[:-1], *[PAD] * (width - len(t))] for t in targets]),
        _padded(targets),
        torch.tensor([len(t) for t in targets]),
        meaning,
    )


def sentence_ends(vocabulary: Vocabulary) -> frozenset[int]:
    """Ids of the tokens that end with a mark that ends a sentence."""
    marks = tuple("。！？!?….")
    return frozenset(number for number, token in enumerate(vocabulary.tokens) if token.endswith(marks))


def reordered(context: Sequence[list[int]], ends: frozenset[int], draw: random.Random) -> list[list[int]]:
    """A context whose earlier sentences are shuffled within their part, or one of them left out.

    Its last sentence, which the target answers or goes on from, stays whole and last. (Sentence
    shuffling as a noise: Lewis et al. 2020, BART, section 2.2.)
    """
    parts = [_sentences(part, ends) for part in context]
    flat = [(number, sentence) for number, part in enumerate(parts) for sentence in part]
    if len(flat) < 2:
        return list(context)
    *earlier, last = flat
    if draw.random() < 0.5:
        earlier.pop(draw.randrange(len(earlier)))
    else:
        draw.shuffle(earlier)
        earlier.sort(key=lambda item: item[0])  # a sentence stays with who said it
    result: dict[int, list[int]] = {}
    for number, sentence in (*earlier, last):
        result.setdefault(number, []).extend(sentence)
    return list(result.values())


def _sentences(tokens: list[int], ends: frozenset[int]) -> list[list[int]]:
    """Cut after each run of end tokens; joined they give the tokens."""
    cuts = [i for i in range(1, len(tokens)) if tokens[i - 1] in ends and tokens[i] not in ends]
    return [tokens[start:end] for start, end in zip([0, *cuts], [*cuts, len(tokens)], strict=True)]


def _padded(sequences: Sequence[Sequence[int]]) -> Tensor:
    width = max(map(len, sequences))
    return torch.tensor([[*s, *[PAD] * (width - len(s))] for s in sequences])
