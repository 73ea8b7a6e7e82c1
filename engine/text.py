"""Preprocess text: clean, normalise, mask, segment, split into sentences.

Knows: Unicode, Chinese and English writing, the mission's cleaning for analysis.
Does not know: vocabularies, models, who wrote the text.
"""

from __future__ import annotations

import functools
import re
import unicodedata

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3007\U00020000-\U0003ffff"
_HAN = re.compile(f"[{HAN}]")
_LATIN = re.compile(r"[A-Za-z]")
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TOKEN = re.compile(rf"[^\W{HAN}]+|\S")
_SPACES = re.compile(r"[^\S\n]+")
_NEWLINES = re.compile(r" *\n *(?:\n *)+")
_SENTENCE = re.compile(r"[^。！？!?…\n]*?(?:[。！？!?…]+[”’」』）)\"']*|\.(?=\s|$)[\"')]*|\n|$)", re.DOTALL)
_LINK = re.compile(r"https?://\S+|www\.\S+")
_MENTION = re.compile(r"<(?:@[!&]?|#|a?:\w+:)\d+>|(?<!\w)@[\w.-]{2,32}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_LONG_NUMBER = re.compile(r"\d{6,}")

# Analysis only, as the mission asks (stop words and punctuation out); the generator never uses it.
_CHINESE_STOP_WORDS = (
    "的 了 在 是 我 有 和 就 不 人 都 一 一个 上 也 很 到 说 要 去 你 会 着 没有 看 好 自己 这 那 吗 呢 吧 啊"
)
_ENGLISH_STOP_WORDS = (
    "the a an and or of to in is are was were be it this that i you he she we they for on with as at by"
)
STOP_WORDS = frozenset(f"{_CHINESE_STOP_WORDS} {_ENGLISH_STOP_WORDS}".split())


def clean(text: str) -> str:
    """Make text safe to encode, changing nothing that a reader would see.

    NFC, line ends as \\n, control and invisible direction characters out, lone surrogates to
    U+FFFD, runs of blanks to one space, runs of empty lines to one. Idempotent.
    """
    text = whole_characters(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _INVISIBLE.sub("", text)
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")
    text = unicodedata.normalize("NFC", _SPACES.sub(" ", text))
    return _NEWLINES.sub("\n\n", text).strip()


def token_count(text: str) -> int:
    """About how many tokens a model reads in a text: one a Han character or mark, four letters each.

    For bounds that hold before any vocabulary is loaded.
    """
    return sum(max(1, -(-len(run) // 4)) for run in _TOKEN.findall(text))


def whole_characters(text: str) -> str:
    """Lone surrogates, which no encoding takes, as U+FFFD; pairs of them as what they mean."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mask(text: str) -> str:
    """Replace links, mentions, mail addresses and long numbers by neutral words."""
    text = _LINK.sub("［链接］", text)
    text = _MAIL.sub("［邮箱］", text)
    text = _MENTION.sub("［某人］", text)
    return _LONG_NUMBER.sub("［号码］", text)


def locale_of(text: str, otherwise: str = "zh-CN") -> str:
    """The conversation's language: zh-CN with any Han character, en with any Latin letter."""
    if _HAN.search(text):
        return "zh-CN"
    return "en" if _LATIN.search(text) else otherwise


@functools.cache
def _converter() -> object:
    import opencc

    return opencc.OpenCC("t2s")


def simplify(text: str) -> str:
    """Traditional characters to simplified ones; other text is unchanged."""
    if not _HAN.search(text):
        return text
    converted: str = _converter().convert(whole_characters(text))  # type: ignore[attr-defined]
    return converted


def segment(text: str) -> list[str]:
    """Words of Chinese and English text, in order, nothing lost: joined they give the text."""
    import rjieba

    return list(rjieba.cut(text))


def words_for_analysis(text: str) -> list[str]:
    """The mission's cleaning: words without stop words, punctuation and blanks, lower case."""
    return [
        word
        for word in (word.strip().lower() for word in segment(text))
        if word and word not in STOP_WORDS and any(character.isalnum() for character in word)
    ]


def sentences(text: str) -> list[str]:
    """Sentences in order, closing marks attached; joined they give the text."""
    return [part for part in _SENTENCE.findall(text) if part]


def han_only(text: str) -> str:
    """The Han characters of a text, in order: a line of verse without its punctuation."""
    return "".join(_HAN.findall(text))
