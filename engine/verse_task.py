"""From a request for verse to what is to be written, and from the written lines to a text.

Knows: that a 对联 may answer a given first line, which heads an acrostic takes, images for a theme,
how a form is printed. Does not know: models, sampling, how good a draft is.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine import couplet, forms, text, theme
from engine.errors import HeadMissing, HeadUnfit, HeadUnwritable
from engine.forms import ACROSTIC, COUPLET, Form
from engine.verse_rows import RHYME_TAG, TAGS

# How often level rhymes are used, in thousandths of 40,000 quatrains and regulated poems of the Song.
RHYME_SHARES = {
    "四支": 86, "八庚": 86, "一先": 85, "七阳": 79, "十一真": 75, "十一尤": 70, "一东": 65, "十灰": 60,
    "六麻": 42, "十四寒": 41, "五微": 41, "十五删": 38, "十二侵": 35, "六鱼": 30, "十三元": 29, "七虞": 29,
    "五歌": 22, "十二文": 19, "九青": 17, "八齐": 15, "二萧": 13, "二冬": 13, "十蒸": 13, "四豪": 11,
}  # fmt: skip
COUPLET_SIZES = (5, 7)  # characters a line, where both lines are asked for
HALVED = 8  # lines of a form that also takes a head for every other line


@dataclass(frozen=True, slots=True)
class Asked:
    """`written`: the form decoding keeps; `whole`: the form of the reply. They differ for the answer to
    `first`, a given line, whose characters it must not use. `tags` and `context` are the model's
    condition, `words` the images that a verse should hold. `heads`: line from 0 → its first character.
    """

    written: Form
    whole: Form
    tags: tuple[str, ...]
    context: tuple[str, ...]
    words: tuple[str, ...] = ()
    first: str = ""
    heads: Mapping[int, str] = field(default_factory=dict)
    group: str = ""  # the rhyme chosen beforehand, which the model is told

    def lines(self, written: str) -> list[str]:
        """All lines of a reply, from the text that was decoded."""
        return [*([self.first] if self.first else []), *written.split("\n")]

    def forced(self, ids: Mapping[str, int]) -> dict[int, int]:
        """Position → the id that must stand there. `ids`: character → id. Raises HeadUnwritable.

        A traditional character stands for its simplified one, where the model knows that.
        """
        starts = [sum(self.written.lengths[:row]) for row in range(len(self.written.lengths))]
        simple = {head: text.simplify(head) for head in self.heads.values()}
        tokens = {head: ids.get(simple[head], ids.get(head)) for head in simple}
        if unknown := "".join(head for head, token in tokens.items() if token is None):
            raise HeadUnwritable(characters=unknown)
        return {starts[row]: token for row, head in self.heads.items() if (token := tokens[head]) is not None}

    def without_heads(self, own: str, words: str, blank: str) -> str:
        """`own`, which has the letters of the printed verse `words` or blanks, with each head blank too: down
        the lines they spell what the asker wrote, often a name.
        """
        letters = [place for place, character in enumerate(words) if character.isalnum()]
        given = sum(character.isalnum() for character in self.first)
        places = {letters[given + sum(self.written.lengths[:row])] for row in self.heads}
        return "".join(blank if place in places else character for place, character in enumerate(own))


def asked(form: str, words: str, head: str, seed: int) -> Asked:
    """What a request asks for. `words`: its text. Raises UnknownForm, HeadMissing, HeadUnfit,
    HeadUnwritable.
    """
    wanted = forms.form_named(form)
    first = couplet.first_line(words) if wanted.name == COUPLET else ""
    if first:
        found = Asked(couplet.answer(first), couplet.pair(first), (COUPLET,), (first,), first=first)
    else:
        images = tuple(verse_condition(words))
        if wanted.name == COUPLET:
            wanted = forms.couplet(COUPLET_SIZES[seed % len(COUPLET_SIZES)])
        tag = wanted.tag or wanted.name
        # A model that knows where a poem's rhyme lies leads up to it; one that meets it at the first
        # rhyme only is surprised by the second.
        group = _rhyme(seed) if tag in TAGS.values() else ""
        tags = (tag, f"{RHYME_TAG}{group}") if group else (tag,)
        found = Asked(wanted, wanted, tags, images, images, group=group)
    return dataclasses.replace(found, heads=_heads(head, found.written))


def _rhyme(seed: int) -> str:
    """A level group of 平水韵, as often as poets chose it; fixed by the seed."""
    groups = list(RHYME_SHARES)
    draw = random.Random(seed ^ 0x97D5)  # not a secret; away from the draws of the text
    return draw.choices(groups, list(RHYME_SHARES.values()))[0]


def _heads(head: str, form: Form) -> dict[int, str]:
    """Line → its head: one a line, or of eight lines the first of each couplet."""
    letters = "".join(c for c in text.clean(head) if c.isalnum())
    if not letters:
        if form.name == ACROSTIC:
            raise HeadMissing(lines=len(form.lengths))
        return {}
    if foreign := "".join(dict.fromkeys(c for c in letters if not text.han_only(c))):
        raise HeadUnwritable(characters=foreign)
    count = len(form.lengths)
    if len(letters) not in (count, count // 2 if count == HALVED else count):
        raise HeadUnfit(lines=count, have=len(letters))
    return dict(zip(range(0, count, count // len(letters)), letters, strict=True))


def verse_condition(words: str) -> list[str]:
    """Up to four image words for a theme: its own short Chinese words, then imagery near it."""
    words = text.simplify(text.clean(words))
    own = [words] if 1 <= len(words) <= 2 and text.han_only(words) == words else []
    return [*own, *(word for word in theme.imagery(words) if word not in own)][:4] if words else []


def printed(lines: Sequence[str], form: Form) -> str:
    """A verse as it is printed: a ci with the marks and pauses of its 词牌 and a blank line between
    its stanzas, any other form in pairs of ， and 。.
    """
    rows: list[str] = []
    for row, (line, model) in enumerate(zip(lines, form.patterns[0].lines, strict=True)):
        if form.stanza and row == form.stanza:
            rows.append("")
        body = f"{line[: model.pause]}、{line[model.pause :]}" if model.pause else line
        rows.append(body + (model.mark or ("。" if row % 2 else "，")))
    return "\n".join(rows)
