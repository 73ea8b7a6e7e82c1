"""How good is this draft, seen from outside: scores in [0, 1] and one for all.

Knows: repetition, unclosed quotes and brackets, mixed languages, cut sentences, copied words, length.
Does not know: models and their probabilities, people's judgements (engine.reward), danger
(engine.danger, which comes first).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

COPIED = "□"
"""Stands for each character of a passage that was copied from a request."""
_PASSAGE = 6  # characters of a shared passage from which it is somebody else's
_WORDS = 3  # the same in words of Latin script
_PAIRS = {
    "“": "”",
    "‘": "’",
    "「": "」",
    "『": "』",
    "《": "》",
    "（": "）",
    "(": ")",
    "[": "]",
    "【": "】",
    "〈": "〉",
    "{": "}",
}
_HAN = re.compile(r"[㐀-鿿]")
_COMMAND = re.compile(r"(?<![\w/])/[a-z][a-z-]*")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*")
_LAUGHTER = re.compile(r"([哈呵嘿嘻啊呜])\1+")
_END = re.compile(r"[。！？!?…~～.♪）)」』”\"'’》】]\s*$")
_HANGING = re.compile(
    r"(?:[，、；：,;:（(“「『《—-]|的|和|与|跟|或者?|在|把|被|让|因为|如果|虽然|而|但|但是|并且|以及|就像|比如|从|向|对于|关于"
    r"|\b(?:the|a|an|and|or|but|of|to|in|with|for|because|if|that|is|are|was|my|your|his|her|their|our))\s*$",
    re.IGNORECASE,
)


def judge(
    draft: str,
    request: str = "",
    context: Sequence[str] = (),
    locale: str = "zh-CN",
    log_probabilities: Sequence[float] | None = None,
) -> tuple[dict[str, float], float]:
    """The scores of a draft by name, each in [0, 1] (1 is good), and their product, its quality.

    A product, so that a single bad fault cannot be bought off. `log_probabilities` are natural
    logarithms, one a token; with them the scores name the draft's `fluency`, which is no part of the
    product: models differ in how sure they are.
    """
    text = draft.strip()
    scores = {
        "repetition": repetition(text),
        "balance": balance(text),
        "language": language(text, request, context, locale),
        "ending": ending(text),
        "novelty": 1 - copy_rate(text, request, context),
        "length": length(text),
    }
    quality = math.prod(scores.values())
    if log_probabilities:
        mean = sum(log_probabilities) / len(log_probabilities)
        scores["fluency"] = math.exp(max(-20.0, min(0.0, mean)))
    return {name: round(value, 6) for name, value in scores.items()}, round(quality, 6)


def tokens_of(text: str) -> list[str]:
    """Han characters and Latin words, lower case, without punctuation and blanks."""
    return re.findall(r"[㐀-鿿]|[^\W㐀-鿿_]+(?:['’-][^\W㐀-鿿_]+)*", text.lower())


def repetition(text: str) -> float:
    """1 without a repeated n-gram of 4 tokens, falling with the share of repeated ones.

    A token three times in a row, or one sentence said twice, counts as well; 哈哈哈 is laughter.
    """
    tokens = tokens_of(_LAUGHTER.sub(r"\1", text))
    repeated = 0.0
    for size, harm in ((4, 3.0), (2, 0.6)):
        pieces = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
        if pieces:
            repeated += harm * (len(pieces) - len(set(pieces))) / len(pieces)
    stutters = sum(1 for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False) if a == b == c)
    clauses = [c for c in re.split(r"[，。！？；,.!?;\n]+", text.lower()) if len(c.strip()) > 3]
    twice = len(clauses) - len({clause.strip() for clause in clauses})
    return max(0.0, 1.0 - repeated - 0.3 * stutters - 0.3 * twice)


def balance(text: str) -> float:
    """1 when every quote and bracket closes in order, less for each that does not."""
    opened: list[str] = []
    faults = 0
    closing = set(_PAIRS.values())
    for index, character in enumerate(text):
        if character == "’" and index and text[index - 1].isalpha():
            continue  # an apostrophe
        if character in _PAIRS:
            opened.append(_PAIRS[character])
        elif character in closing:
            if opened and opened[-1] == character:
                opened.pop()
            elif not (character == ")" and index and text[index - 1] in ":;1234567890abcdefgh"):
                faults += 1  # :) and a) need no partner
    faults += len(opened) + text.count('"') % 2
    return max(0.0, 1 - 0.5 * faults)


def language(text: str, request: str, context: Sequence[str], locale: str) -> float:
    """1 when the draft is in one language, the conversation's; names, commands and short borrowings are free.

    The request's script decides, then the context's, then the locale.
    """
    text = _COMMAND.sub("", text)
    han = len(_HAN.findall(text))
    asked = "\n".join([*context, request]).lower()
    foreign = [word for word in _LATIN_WORD.findall(text) if len(word) > 1 and word.lower() not in asked]
    if len(foreign) <= 2 and all(word[0].isupper() for word in foreign):
        foreign = []  # a name
    chinese = _wants_chinese(request, context, locale)
    if chinese:
        share = 2 * len(foreign) / max(1, han + 2 * len(foreign))
        return max(0.0, 1 - 1.5 * max(0.0, share - 0.1))
    strange = sum(1 for character in _HAN.findall(text) if character not in asked)
    share = strange / max(1, strange + 2 * len(_LATIN_WORD.findall(text)))
    return max(0.0, 1 - 2 * share)


def _wants_chinese(request: str, context: Sequence[str], locale: str) -> bool:
    for text in (request, *reversed(context)):
        han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
        if han or latin:
            return han >= latin
    return locale.startswith("zh")


def ending(text: str) -> float:
    """1 when the draft ends a sentence, 0.7 without a full stop, 0.1 when it breaks off in the middle."""
    if not text:
        return 0.0
    if _HANGING.search(text) and not re.search(r"(?:是|好|真|我|你|他|她|它|们)的$", text):
        return 0.1
    return 1.0 if _END.search(text) or not text[-1].isalnum() else 0.7


def length(text: str) -> float:
    """1 from 4 to 200 tokens; shorter and longer drafts score less."""
    count = len(tokens_of(text))
    if count == 0:
        return 0.3 if text else 0.0
    if count < 4:
        return 0.55 + 0.1 * count
    return 1.0 if count <= 200 else max(0.2, 200 / count)


def copy_rate(text: str, request: str, context: Sequence[str]) -> float:
    """Share of the draft's letters in passages that the request or its context holds too."""
    letters = sum(character.isalnum() for character in text)
    if letters < _PASSAGE:
        return 0.0  # 晚安 answers 晚安
    held = copied_passages(text, "\n".join((*context, request)))
    kept = sum(character.isalnum() for character in held.replace(COPIED, ""))
    return min(1.0, (letters - kept) / letters)


def copied_passages(text: str, request: str) -> str:
    """`text` with every passage that `request` holds too blanked by □, letter by letter.

    A passage is 6 or more letters in a row (blanks, punctuation and case do not count), 6 or more
    characters of any kind, or 3 or more words of Latin script; a shorter text that stands in the
    request is one as a whole. What is left holds no such passage.
    """
    if 1 < len(text.strip()) < _PASSAGE and text.strip().casefold() in request.casefold():
        return COPIED * len(text)
    places = [index for index, character in enumerate(text) if character.isalnum()]
    said = "".join(text[index] for index in places).casefold()
    if len(said) != len(places):  # a letter whose folded form has another length, such as ß
        said = "".join((text[index].casefold() or text[index])[0] for index in places)
    source = "".join((c.casefold() or c)[0] for c in request if c.isalnum())
    blank = [False] * len(text)
    known = Counter(source[i : i + _PASSAGE] for i in range(len(source) - _PASSAGE + 1))
    for start in range(len(said) - _PASSAGE + 1):
        if said[start : start + _PASSAGE] in known:
            for index in places[start : start + _PASSAGE]:
                blank[index] = True
    exact = {request[i : i + _PASSAGE] for i in range(len(request) - _PASSAGE + 1)}
    for start in range(len(text) - _PASSAGE + 1):
        if text[start : start + _PASSAGE] in exact:
            blank[start : start + _PASSAGE] = [True] * _PASSAGE
    words = list(_LATIN_WORD.finditer(text))
    asked = [word.casefold() for word in _LATIN_WORD.findall(request)]
    phrases = {tuple(asked[i : i + _WORDS]) for i in range(len(asked) - _WORDS + 1)}
    for start in range(len(words) - _WORDS + 1):
        if tuple(word.group().casefold() for word in words[start : start + _WORDS]) in phrases:
            for word in words[start : start + _WORDS]:
                blank[word.start() : word.end()] = [True] * (word.end() - word.start())
    return "".join(COPIED if blank[index] else character for index, character in enumerate(text))
