"""对联: the form that a given first line asks of its answer, and what a couplet does wrong.

Knows: 平仄 opposed at the rhythm's even places and at the end, no character shared, 叠字 answered by
叠字. Does not know: how an answer is written (engine.verse), or how lines are parallel in meaning.
"""

from __future__ import annotations

from engine import text
from engine.facts.pingshui import reading
from engine.forms import COUPLET, Form, Line, Pattern
from engine.values import Problem

SHORTEST, LONGEST = 4, 12  # characters of a first line that is answered
_OPPOSITE = {"平": "仄", "仄": "平"}


def first_line(asked: str) -> str:
    """What was asked for as a first line: 4 to 12 Han characters and nothing else, or ""."""
    bare = text.simplify(text.clean(asked)).strip(" 　，。！？；：,.!?;:")
    return bare if SHORTEST <= len(bare) <= LONGEST and text.han_only(bare) == bare else ""


def template(first: str) -> str:
    """The tones of the line that answers `first`: 平, 仄, or 中 where anything goes.

    The second, fourth … character and the last stand opposed, as custom asks (一三五不论). Where the
    first line's last character is read both ways it counts as oblique: 上联仄收，下联平收.
    """
    tones = [reading(character).tone for character in first]
    wanted = [_OPPOSITE.get(tone, "中") if place % 2 else "中" for place, tone in enumerate(tones)]
    wanted[-1] = _OPPOSITE.get(tones[-1], "平")
    # Where the first line repeats a character its answer does: one tone for all of them.
    for earlier, later in _repetitions(first).values():
        tone = next((wanted[place] for place in (later, earlier) if wanted[place] != "中"), "中")
        wanted[earlier] = wanted[later] = tone
    for earlier, later in reversed(_repetitions(first).values()):
        wanted[earlier] = wanted[later]
    return "".join(wanted)


def answer(first: str) -> Form:
    """The form of one line that answers `first`."""
    line = _line(template(first))
    return Form(
        COUPLET,
        "对联",
        (Pattern("", (line,)),),
        echoes=tuple((later, earlier) for earlier, later in _repetitions(first).values()),
    )


def pair(first: str) -> Form:
    """The form of both lines, `first` as it is."""
    tones = template(first)
    pattern = "上平下仄" if tones[-1:] == "仄" else "上仄下平"
    return Form(COUPLET, "对联", (Pattern(pattern, (_line("中" * len(first)), _line(tones))),))


def faults(first: str, second: str) -> list[Problem]:
    """Characters of the second line that stand in the first, and repetitions that are not answered."""
    found = [Problem(2, place, "same") for place, character in enumerate(second, 1) if character in first]
    if len(first) == len(second):
        mirrored, own = _repetitions(first), _repetitions(second)
        found += [
            Problem(2, place + 1, "mirror")
            for place in range(len(first))
            if mirrored.get(place) != own.get(place)
        ]
    return found


def _repetitions(line: str) -> dict[int, tuple[int, int]]:
    """Place → (the nearest place before that has the same character, place)."""
    return {
        place: (line.rindex(character, 0, place), place)
        for place, character in enumerate(line)
        if character in line[:place]
    }


def _line(tones: str) -> Line:
    return Line((tones,), (), tones)
