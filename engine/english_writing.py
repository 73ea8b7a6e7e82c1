"""English verse from a request: words of its theme, the pattern for a seed, lines as people read them.

Knows: how a theme in English or Chinese becomes words that the rhyme model knows, how tokens become
lines with capitals and marks in place, how well a draft does. Does not know: which draft is sent, how
the masks keep a form (engine.english_verse).
"""

from __future__ import annotations

import dataclasses
import functools
import re
import threading
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from engine import english, judge, safety, text, theme
from engine.decode import Decoder, Row, Sampling
from engine.english_forms import EnglishForm, Pattern, check
from engine.english_verse import EnglishRules
from engine.errors import ModelBroken, NothingGood
from engine.facts import read_text
from engine.values import Draft
from engine.vocabulary import UNKNOWN, Vocabulary
from engine.word_pairs import line_key

KEYWORDS = 4  # as many as training shows at once
_rules: dict[str, EnglishRules] = {}
_lock = threading.Lock()
_ENOUGH = 2  # words that a theme names itself
_ENDINGS = (
    ("ies", "y"), ("ing", "e"), ("ing", ""), ("ed", "e"), ("ed", ""), ("es", ""), ("s", ""), ("", "s"),
)  # fmt: skip
_FIRST_PERSON = re.compile(r"\bi\b(?=$|['\s,.;:!?])")


def pattern_for(form: EnglishForm, seed: int) -> Pattern:
    return form.written[seed % len(form.written)]


def tags(form: EnglishForm, pattern: Pattern) -> list[str]:
    """The tags a pattern was learnt under: form, syllables, scheme."""
    if not pattern.scheme:
        return [form.name]
    metre = f"{pattern.lengths[0]}" if len(set(pattern.lengths)) == 1 else "8-6"
    return [form.name, metre, pattern.scheme]


def room(pattern: Pattern) -> int:
    """Tokens that a poem can take at most: a word a syllable, two marks and an end a line."""
    return sum(pattern.lengths) + 3 * len(pattern.lengths) + 1


def theme_words(asked: str, vocabulary: Vocabulary) -> list[str]:
    """Up to KEYWORDS words of the vocabulary for a theme: its own, or their stems; for a Chinese theme
    the things it names, and where it names fewer than two, words of English themes that share its
    images."""
    found = _known_words([asked, *_things(text.simplify(asked))], vocabulary)
    if len(found) < _ENOUGH:
        found += [w for w in _known_words(theme.english_themes(asked), vocabulary) if w not in found]
    return found[:KEYWORDS]


def _known_words(parts: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The words of a theme in these texts as the vocabulary has them, each once."""
    found: dict[str, None] = {}
    for word in english.bare(english.tokens("\n".join(parts))):
        known = next((form for form in _forms_of(word) if _is_known(form, vocabulary)), "")
        if known and known not in english.words("plain") | english.words("coarse"):
            found.setdefault(known)
    return list(found)


def _things(asked: str) -> list[str]:
    """English words for what a Chinese theme names, in its order; a longer name hides one inside it."""
    found: dict[int, str] = {}
    for name, word in _named_things():
        while (place := asked.find(name)) >= 0:
            found[place] = word
            asked = asked[:place] + "\0" * len(name) + asked[place + len(name) :]
    return [found[place] for place in sorted(found)]


@functools.cache
def _named_things() -> list[tuple[str, str]]:
    listed = tomllib.loads(read_text("english-words.toml"))["things"]["pairs"].split()
    return sorted(zip(listed[::2], listed[1::2], strict=True), key=lambda pair: -len(pair[0]))


def _forms_of(word: str) -> list[str]:
    stems = [word.removesuffix(old) + new for old, new in _ENDINGS if word.endswith(old)]
    return [word, *(stem for stem in stems if len(stem) > 2)]


def _is_known(word: str, vocabulary: Vocabulary) -> bool:
    ids = vocabulary.encode(f" {word}")
    return len(ids) == 1 and ids[0] != UNKNOWN


def read(row: Row) -> list[list[str]]:
    """A decoded row's lines, words and marks in the order of reading."""
    return [line for line in english.forwards(row.text) if line]


def shown(lines: Sequence[Sequence[str]], form: EnglishForm) -> tuple[str, ...]:
    """Lines as people read them: marks at their words, I, and capitals where the form is not haiku."""
    found = []
    for line in lines:
        words = re.sub(r" (?=[,.;:!?])", "", " ".join(line))
        words = _FIRST_PERSON.sub("I", words)
        found.append(words if form.name == "haiku" else words[:1].upper() + words[1:])
    return tuple(found)


def novelty_key(line: Sequence[str], vocabulary: Vocabulary) -> str:
    """A line as the checkpoint's filter of lines keeps it (see corpus.rhyme_lines)."""
    backwards = reversed(english.bare(line))
    return line_key(vocabulary.encode("".join(f" {word}" for word in backwards)))


def rules_of(decoder: Decoder) -> EnglishRules:
    """What a checkpoint's words can do, made once for each. Raises ModelBroken."""
    loaded = decoder.checkpoint
    with _lock:
        if loaded.identity not in _rules:
            try:
                _rules[loaded.identity] = EnglishRules.of(loaded.folder, loaded.vocabulary.tokens)
            except ValueError as error:
                raise ModelBroken(folder=str(loaded.folder), reason=str(error)) from error
        return _rules[loaded.identity]


def drafts(
    asked: str,
    source: str,
    form: EnglishForm,
    decoder: Decoder,
    z: Tensor,
    seed: int,
    sampling: Sampling,
) -> tuple[list[Draft], Callable[[int], dict[str, Any]]]:
    """A draft for each latent of z (N, Z), and what a Reply holds of the chosen one.

    `asked` is the theme, `source` everything a person wrote for the request. Raises ModelBroken,
    NothingGood.
    """
    vocabulary, rules = decoder.vocabulary, rules_of(decoder)
    pattern = pattern_for(form, seed)
    wanted = theme_words(asked, vocabulary)
    theme_ids = [vocabulary.encode(f" {word}")[0] for word in wanted]
    # Each draft has a word of the theme at the end of another line.
    plans = [rules.plan(pattern, theme_ids, number) for number in range(len(z))]
    sampling = dataclasses.replace(sampling, max_tokens=room(pattern))
    rows = decoder.sample(decoder.condition(tags(form, pattern), wanted), z, seed, sampling, plans)
    poems = [read(row) for row in rows]
    lines = [shown(poem, form) for poem in poems]
    kept = [number for number, ok in enumerate(safety.safe(["\n".join(one) for one in lines])) if ok]
    if not kept:
        raise NothingGood()
    rows, z = [rows[number] for number in kept], z[kept]
    poems, lines = [poems[number] for number in kept], [lines[number] for number in kept]
    found = []
    for row, poem, printed, latent in zip(rows, poems, lines, z.tolist(), strict=True):
        fluency = _fluency(row)
        held = {word for line in poem for word in line}
        touched = len(held.intersection(wanted)) / len(wanted) if wanted else 1.0
        scores = {"fluency": fluency, "theme": touched, "form": float(not row.relaxed)}
        words = "\n".join(printed)
        found.append(
            Draft(
                text=words,
                own_text=judge.copied_passages(words, source),
                origin="generated",
                latent=tuple(latent),
                log_probability=row.log_probability,
                scores=scores,
                score=round((0.7 * fluency + 0.3 * touched) * (0.2 + 0.8 * scores["form"]), 6),
            )
        )

    def extra(chosen: int) -> dict[str, Any]:
        keys = [novelty_key(line, vocabulary) for line in poems[chosen]]
        new = [rules.corpus is None or key not in rules.corpus for key in keys]
        checked = check(lines[chosen], form, rows[chosen].relaxed)
        return {"lines": lines[chosen], "form": checked, "novelty": sum(new) / len(new)}

    return found, extra


def _fluency(row: Row) -> float:
    """The mean log-probability of a token, 0 at -8 nats and 1 at -3 and above: a word says more
    than a character."""
    return min(1.0, max(0.0, (row.log_probability / (len(row.tokens) + 1) + 8) / 5))
