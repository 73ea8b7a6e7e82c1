"""对联: the answer's form is made from its first line, by tone, by character and by repetition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import couplet
from engine.facts.pingshui import reading, readings
from engine.forms import FORMS
from engine.verse import VerseRules, check
from tests.test_verse import finish
from tests.verse_oracle import faults

CHARACTERS = sorted(readings())
RULES = VerseRules(CHARACTERS)
COMMON = "春风秋月山水人心天地花鸟云雨朝暮南北声色光影"
FIRSTS = st.text(st.sampled_from(COMMON), min_size=couplet.SHORTEST, max_size=couplet.LONGEST)


@given(FIRSTS, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_any_first_line_is_answered_in_form(first: str, seed: int) -> None:
    plan = finish(RULES.plan(couplet.answer(first), avoid=first), seed)
    lines = [first, *plan.lines]
    assert plan.relaxed == ()
    assert check(lines, FORMS["duilian"]).problems == ()
    assert faults(lines, "duilian") == []
    assert not set(first) & set(lines[1])
    assert [first.index(c) for c in first] == [lines[1].index(c) for c in lines[1]]


@given(FIRSTS, st.integers(0, 2**32), st.data())
@settings(max_examples=60, deadline=None)
def test_both_checkers_agree_on_couplets(first: str, seed: int, data: st.DataObject) -> None:
    second = finish(RULES.plan(couplet.answer(first), avoid=first), seed).lines[0]
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(second) - 1))
        character = data.draw(st.sampled_from([*COMMON, *CHARACTERS[::40]]))
        second = second[:place] + character + second[place + 1 :]
    assert check([first, second], FORMS["duilian"]).ok == (faults([first, second], "duilian") == [])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("海阔凭鱼跃", "天高任鸟飞", []),
        ("海阔凭鱼跃", "天高任鸟过", []),  # read both ways
        ("海阔凭鱼跃", "天高任鸟去", [(5, "tone")]),
        ("海阔凭鱼跃", "天大任鸟飞", [(2, "tone")]),
        ("海阔凭鱼跃", "天高任鱼飞", [(4, "same"), (4, "tone")]),
        ("海阔凭鱼跃", "天高任鸟高", [(5, "mirror")]),
        ("海阔凭鱼跃", "天高鸟飞", [(0, "length")]),
        ("山山水水", "处处明明", []),
        ("山山水水", "处处明秀", [(4, "mirror"), (4, "tone")]),
    ],
)
def test_what_is_wrong_with_an_answer(first: str, second: str, expected: list[tuple[int, str]]) -> None:
    problems = check([first + "，", second + "。"], FORMS["duilian"]).problems
    assert [(problem.position, problem.rule) for problem in problems] == expected
    assert all(problem.line == 2 for problem in problems)


def test_a_line_that_ends_level_is_answered_obliquely() -> None:
    assert couplet.template("春风又绿江南岸")[-1] == "平"
    assert couplet.template("一江春水向东流")[-1] == "仄"
    assert reading("看").tone == "中"
    assert couplet.template("明月松间看")[-1] == "平"


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("海阔凭鱼跃，", "海阔凭鱼跃"),
        ("  海闊憑魚躍。", "海阔凭鱼跃"),
        ("秋夜", ""),
        ("写一副关于春天的对联好吗谢谢", ""),
        ("风声，雨声", ""),
        ("spring", ""),
        ("", ""),
    ],
)
def test_which_words_are_a_first_line(asked: str, first: str) -> None:
    assert couplet.first_line(asked) == first
