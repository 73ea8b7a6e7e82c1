"""Any theme to images of classical verse: 考研 becomes 青灯 黄卷 寒窗 五更.

Knows: our own list of themes with their images (engine/facts/themes.tsv), nearness by characters,
words and the names of emoji. Does not know: models, or which words a model's vocabulary has.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from engine import text
from engine.facts import read_text

IMAGES = 4  # the most that `imagery` returns
_NEAR = 0.08  # cosine below which two themes share next to nothing
_NEIGHBOURS = 4
_LONGEST = 200  # characters of a theme that count

_HAN_RUN = re.compile(f"[{text.HAN}]+")
_LATIN_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_LATIN_STOP = frozenset(
    [
        *("a", "an", "and", "are", "as", "at", "be", "black", "by", "face", "for", "from", "heavy"),
        *("i", "in", "is", "it", "me", "my", "of", "on", "or", "our", "sign", "symbol", "that", "the"),
        *("this", "to", "was", "we", "white", "with", "you", "your"),
    ]
)
# Words of emoji names and of askers, for which our themes have another word.
_ALIASES = {
    "airplane": "travel",
    "anniversary": "wedding",
    "beer": "drinking",
    "blooming": "blossoms",
    "bouquet": "blossoms",
    "crescent": "moon",
    "crying": "tears",
    "exhausted": "tired",
    "flower": "blossoms",
    "flowers": "blossoms",
    "friendship": "friends",
    "grinning": "smile",
    "happiness": "happy",
    "heart": "love",
    "heartbroken": "heartbreak",
    "homesick": "hometown",
    "laughing": "smile",
    "leaf": "leaves",
    "loneliness": "lonely",
    "nostalgia": "childhood",
    "parting": "farewell",
    "sadness": "sad",
    "sea": "ocean",
    "snowflake": "snow",
    "starry": "stars",
    "sweat": "hot",
    "sunny": "sun",
    "wine": "drinking",
}
# Characters of everyday Chinese that say nothing of a theme, and words of asking for a poem.
_HAN_STOP = frozenset("的了在是我你他她它们有就不都也很到说要会着没这那吗呢吧啊把被给让和与")
_ASKING = re.compile(
    r"(请|帮我|给我|为我|能不能|可以)*(写|作|来|做|赋)(一|1|两|几)?(首|个|篇|点)?(关于|有关)?|(的)?(古诗|绝句|诗歌|诗|poem)$"
)


@dataclass(frozen=True, slots=True)
class _Index:
    """Every theme's images, and for each feature the themes that have it with their weights."""

    images: tuple[tuple[str, ...], ...]
    exact: dict[str, int]
    rarity: dict[str, float]  # feature → inverse document frequency
    postings: dict[str, tuple[tuple[int, float], ...]]
    known: dict[str, int]  # image word → how many themes name it


def imagery(theme: str) -> tuple[str, ...]:
    """Up to IMAGES two-character words for a theme in Chinese, English or emoji; () when none is near.

    Always the same for the same theme. Never raises.
    """
    asked = _plain(theme)
    index = _index()
    if asked in index.exact:
        return index.images[index.exact[asked]][:IMAGES]
    found: Counter[str] = Counter()
    for run in _HAN_RUN.findall(asked):
        for start in range(len(run) - 1):
            if (word := run[start : start + 2]) in index.known:
                found[word] += 2  # the asker's own image leads
        if len(run) == 1:
            found.update(_images_with(run))
    for number, score in _nearest(asked):
        for rank, word in enumerate(index.images[number]):
            found[word] += score * (1 - 0.08 * rank)  # type: ignore[assignment]  # counts as weights
    return tuple(word for word, _ in found.most_common(IMAGES))


def english_themes(theme: str, most: int = 3) -> tuple[str, ...]:
    """English themes that share the images of a Chinese one, the nearest first; () for any other."""
    if not _HAN_RUN.search(theme):
        return ()
    images = imagery(theme)
    scores = ((sum(word in own for word in images) / len(own), name) for name, own in _english())
    best = sorted(((score, name) for score, name in scores if score), key=lambda pair: -pair[0])
    return tuple(name for _, name in best[:most])


def _plain(theme: str) -> str:
    shown = unicodedata.normalize("NFKC", text.simplify(text.clean(theme[:_LONGEST]))).lower()
    named = "".join(_named(character) for character in shown)
    asked = _ASKING.sub("", " ".join(named.split())).strip(" ，。！？!?.,、:：#《》“”\"'")
    return asked or named.strip()


def _named(character: str) -> str:
    """An emoji or other symbol as the words of its name."""
    if unicodedata.category(character) in ("So", "Sk"):
        return " " + unicodedata.name(character, "").lower().replace("-", " ") + " "
    return "" if unicodedata.category(character) in ("Mn", "Cf") else character


def _images_with(character: str) -> dict[str, float]:
    """The images that hold one character, the commonest ones first."""
    words = [(word, count) for word, count in _index().known.items() if character in word]
    words.sort(key=lambda entry: -entry[1])
    return {word: 1 - 0.1 * rank for rank, (word, _) in enumerate(words[:IMAGES])}


def _features(asked: str) -> Iterator[tuple[str, float]]:
    for run in _HAN_RUN.findall(asked):
        for start, character in enumerate(run):
            if character not in _HAN_STOP:
                yield character, 0.5
            pair = run[start : start + 2]
            if len(pair) == 2 and not _HAN_STOP.issuperset(pair):
                yield pair, 1.0
    for word in _LATIN_WORD.findall(asked):
        if word not in _LATIN_STOP:
            yield _stem(_ALIASES.get(word, word)), 1.0


def _stem(word: str) -> str:
    for ending in ("'s", "ing", "ies", "ed", "es", "s", "ly", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls" else stem
    return word


def _vector(asked: str, rarity: dict[str, float]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for feature, weight in _features(asked):
        weights[feature] = max(weights.get(feature, 0.0), weight * rarity.get(feature, 0.0))
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {feature: weight / length for feature, weight in weights.items() if weight} if length else {}


def _nearest(asked: str) -> list[tuple[int, float]]:
    """The themes that are near enough, best first, with their cosines."""
    index = _index()
    scores: Counter[int] = Counter()
    for feature, weight in _vector(asked, index.rarity).items():
        for number, other in index.postings[feature]:
            scores[number] += weight * other  # type: ignore[assignment]  # counts as weights
    best = scores.most_common(_NEIGHBOURS)
    return [(number, score) for number, score in best if score >= max(_NEAR, 0.5 * best[0][1])]


@functools.cache
def _index() -> _Index:
    rows = [line.split("\t") for line in read_text("themes.tsv").splitlines()]
    images = tuple(tuple(words.split()) for _, words in rows)
    frequency: Counter[str] = Counter()
    for theme, _ in rows:
        frequency.update({feature for feature, _ in _features(theme)})
    rarity = {feature: math.log(1 + len(rows) / count) for feature, count in frequency.items()}
    postings: dict[str, list[tuple[int, float]]] = {feature: [] for feature in rarity}
    for number, (theme, _) in enumerate(rows):
        for feature, weight in _vector(theme, rarity).items():
            postings[feature].append((number, weight))
    return _Index(
        images,
        {theme: number for number, (theme, _) in enumerate(rows)},
        rarity,
        {feature: tuple(entries) for feature, entries in postings.items()},
        dict(Counter(word for words in images for word in words)),
    )


@functools.cache
def _english() -> tuple[tuple[str, frozenset[str]], ...]:
    rows = (line.split("\t") for line in read_text("themes.tsv").splitlines())
    return tuple((theme, frozenset(words.split())) for theme, words in rows if theme.isascii())
