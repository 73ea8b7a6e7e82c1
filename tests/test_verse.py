"""Laws of verse: whatever is chosen among allowed characters keeps the form, by two checkers."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UnknownForm
from engine.facts import read_text
from engine.facts.pingshui import reading, readings, rhyme_groups
from engine.novelty import Bloom
from engine.verse import FORMS, RELAXATION, RULES, Form, VersePlan, VerseRules, check, form_named, verse_lines
from tests.verse_oracle import faults

torch.set_num_threads(1)

CHARACTERS = ["", "<line>", "，", *sorted(readings())]
RULES_OF_ALL = VerseRules(CHARACTERS)
# Without characters that are read both ways a verse has one reading, so a fault has one place.
RULES_OF_CERTAIN = VerseRules([c for c in CHARACTERS if reading(c).tone in ("平", "仄")])
SEEDS = st.integers(0, 2**32)
FORM = st.sampled_from(sorted(FORMS)).map(FORMS.__getitem__)
# Forms whose lines are of four kinds and whose characters never come again.
REGULATED = st.sampled_from(["wujue", "qijue", "wulv", "qilv"]).map(FORMS.__getitem__)

SPRING = ["春眠不觉晓", "处处闻啼鸟", "夜来风雨声", "花落知多少"]  # oblique rhyme: an old-style poem
HERON = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]
EMPEROR = ["朝辞白帝彩云间", "千里江陵一日还", "两岸猿声啼不住", "轻舟已过万重山"]
QINHUAI = ["烟笼寒水月笼沙", "夜泊秦淮近酒家", "商女不知亡国恨", "隔江犹唱后庭花"]
RED_BEANS = ["红豆生南国", "春来发几枝", "愿君多采撷", "此物最相思"]


def write(rules: VerseRules, form: Form, seed: int) -> VersePlan:
    """A verse of random choices among the allowed characters."""
    return finish(rules.plan(form), seed)


def finish(plan: VersePlan, seed: int) -> VersePlan:
    choose = random.Random(seed)
    while not plan.done:
        allowed = plan.mask().nonzero().squeeze(1).tolist()
        assert allowed, f"nothing may follow {plan.lines}"
        plan.advance(choose.choice(allowed))
    return plan


@given(FORM, SEEDS)
@settings(max_examples=100, deadline=None)
def test_any_choice_keeps_the_form(form: Form, seed: int) -> None:
    plan = write(RULES_OF_ALL, form, seed)
    result = check(plan.lines, form)
    assert plan.relaxed == ()
    assert result.ok, (plan.lines, result.problems)
    assert faults(plan.lines, form.name) == []
    if form.name != "duilian":  # whose check asks only for what opposes the first line
        assert result.pattern in plan.patterns
    if not form.recurring:
        assert len(set("".join(plan.lines))) == sum(form.lengths)
    assert all(mark.ok for line in result.lines for mark in line)


@given(REGULATED, SEEDS, st.sampled_from([1, 2, 5, 20, 60, 300]))
@settings(max_examples=120, deadline=None)
def test_a_tiny_vocabulary_relaxes_and_says_so(form: Form, seed: int, size: int) -> None:
    characters = random.Random(seed).sample(sorted(readings()), size)
    plan = write(VerseRules(characters), form, seed)
    result = check(plan.lines, form)
    assert tuple(map(len, plan.lines)) == form.lengths
    assert list(plan.relaxed) == [name for name in RELAXATION if name in plan.relaxed]
    repeated = len(set("".join(plan.lines))) < sum(form.lengths)
    assert repeated == ("repeat" in plan.relaxed)
    if not set(plan.relaxed) - {"repeat", "corpus"}:
        assert {problem.rule for problem in result.problems} <= {"repeat"}
    # The other way round does not hold: with five characters that are all read both ways, what breaks
    # the pattern the plan had settled on may turn out to fit another.
    if not plan.relaxed:
        assert faults(plan.lines, form.name) == []


def test_three_hundred_common_characters_rarely_relax_more_than_repetition() -> None:
    common = "".join(HERON + EMPEROR + QINHUAI + RED_BEANS)
    pool = sorted(set(common) | set(random.Random(7).sample(sorted(readings()), 260)))
    rules = VerseRules(pool)
    plans = [write(rules, FORMS["qijue"], seed) for seed in range(60)]
    assert sum(bool(set(plan.relaxed) - {"repeat"}) for plan in plans) <= 6


def test_relaxation_gives_up_the_cheapest_first() -> None:
    # Twelve characters, all of one group and its obliques: repetition is enough.
    plan = write(VerseRules(list("东同中风空红上下白日月")), FORMS["wujue"], 3)
    assert plan.relaxed == ("repeat",)
    assert {problem.rule for problem in check(plan.lines, FORMS["wujue"]).problems} <= {"repeat"}
    # Without one oblique character tones cannot hold, but the rhyme does.
    level = [character for character in "东铜童虫终崇弓宫融雄" if reading(character).tone == "平"]
    plan = write(VerseRules(level), FORMS["wujue"], 3)
    assert "tone" in plan.relaxed
    assert "rhyme" not in plan.relaxed
    # Without one level character the rhyme cannot hold either.
    plan = write(VerseRules(list("白日月玉石")), FORMS["wujue"], 3)
    assert {"tone", "rhyme"} <= set(plan.relaxed)


@given(FORM, SEEDS)
@settings(max_examples=30, deadline=None)
def test_no_line_of_the_corpus_is_written_again(form: Form, seed: int) -> None:
    first = write(RULES_OF_ALL, form, seed).lines
    choose = random.Random(seed)
    corpus = Bloom.build(
        line[:-1] + last for line in first for last in [line[-1], *choose.sample(CHARACTERS[3:], 300)]
    )
    # The same seed writes the same line again, up to the character that would end it.
    plan = write(VerseRules(CHARACTERS, corpus), form, seed)
    assert plan.lines[0][:-1] == first[0][:-1]
    assert not any(line in corpus for line in plan.lines)
    assert plan.relaxed == ()


def test_the_corpus_gives_way_when_every_ending_is_in_it() -> None:
    form, rules = FORMS["wujue"], VerseRules(CHARACTERS)
    line = write(rules, form, 5).lines[0]
    corpus = Bloom.build(line[:-1] + character for character in CHARACTERS[3:])
    plan = VerseRules(CHARACTERS, corpus).plan(form)
    for character in line[:-1]:
        plan.advance(CHARACTERS.index(character))
    token = int(plan.mask().nonzero()[0])
    plan.advance(token)
    assert plan.relaxed == ("corpus",)


def test_line_ends_and_positions() -> None:
    plan, ends = RULES_OF_ALL.plan(FORMS["wujue"]), []
    assert not plan.at_line_end
    while not plan.done:
        plan.advance(int(plan.mask().nonzero()[0]))
        if plan.at_line_end:
            ends.append(plan.position)
    assert ends == [5, 10, 15, 20]
    assert not plan.mask().any()
    with pytest.raises(ValueError, match="done"):
        plan.advance(5)


def test_a_mask_belongs_to_the_caller() -> None:
    plan = RULES_OF_ALL.plan(FORMS["qijue"])
    before = plan.mask()
    plan.mask().fill_(False)
    assert torch.equal(plan.mask(), before)
    assert not before[:3].any()


def test_only_characters_of_the_tables_are_written() -> None:
    rules = VerseRules(["們", "们", "月"])  # the first two have a reading only as a guess
    assert rules.known.tolist() == [False, "们" in readings(), True]


def test_a_forced_character_is_named_when_it_breaks_something() -> None:
    plan = RULES_OF_ALL.plan(FORMS["wujue"])
    for character in "白日依山日":
        plan.advance(CHARACTERS.index(character))
    assert plan.relaxed == ("repeat",)
    for character in "黄月":
        plan.advance(CHARACTERS.index(character))
    assert plan.relaxed == ("repeat", "tone")
    with pytest.raises(ValueError, match="not one character"):
        plan.advance(1)


def test_a_vocabulary_without_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="no Chinese character"):
        VerseRules(["", "a", "<line>"])


@pytest.mark.parametrize(
    ("lines", "form", "pattern"),
    [
        (HERON, "wujue", "仄起首句不入韵"),
        (EMPEROR, "qijue", "平起首句入韵"),
        (QINHUAI, "qijue", "平起首句入韵"),
        (RED_BEANS, "wujue", "仄起首句不入韵"),
    ],
)
def test_famous_quatrains(lines: list[str], form: str, pattern: str) -> None:
    result = check([line + "，" for line in lines], FORMS[form])
    assert result.problems == ()
    assert (result.ok, result.pattern) == (True, pattern)
    assert faults(lines, form) == []


def test_an_old_style_poem_is_told_from_regulated_verse() -> None:
    assert not check(SPRING, FORMS["wujue"]).ok
    assert faults(SPRING, "wujue")


@given(REGULATED, SEEDS, st.data())
@settings(max_examples=60, deadline=None)
def test_one_wrong_tone_is_reported_where_it_stands(form: Form, seed: int, data: st.DataObject) -> None:
    lines = list(write(RULES_OF_CERTAIN, form, seed).lines)
    result = check(lines, form)
    row = data.draw(st.integers(0, len(lines) - 1))
    # The positions that alternate; a wrong first line's end is another pattern's right one.
    columns = [1, 3] if form.lengths[0] == 5 else [1, 3, 5]
    column = data.draw(st.sampled_from(columns))
    wanted = result.lines[row][column].wanted
    wrong = data.draw(st.sampled_from(WRONG[wanted]))
    lines[row] = lines[row][:column] + wrong + lines[row][column + 1 :]
    after = check(lines, form)
    assert not after.ok
    assert (row + 1, column + 1, "tone") in {(p.line, p.position, p.rule) for p in after.problems}
    assert not after.lines[row][column].ok
    assert faults(lines, form.name)


WRONG = {
    "平": [c for c in CHARACTERS[3:] if reading(c).tone == "仄"][:400],
    "仄": [c for c in CHARACTERS[3:] if reading(c).tone == "平"][:400],
}


@given(REGULATED, SEEDS, st.sampled_from([1, 3]))
@settings(max_examples=60, deadline=None)
def test_one_wrong_rhyme_is_reported_where_it_stands(form: Form, seed: int, row: int) -> None:
    lines = list(write(RULES_OF_CERTAIN, form, seed).lines)
    groups = frozenset[str]().union(*(reading(line[-1]).groups for line in lines))
    wrong = next(c for c in "天风山河花霜云人秋心" if not reading(c).groups & groups)
    lines[row] = lines[row][:-1] + wrong
    after = check(lines, form)
    assert "rhyme" in {problem.rule for problem in after.problems}
    assert {problem.rule for problem in after.problems} <= {"rhyme", "three-level-tail", "lone-level"}
    assert faults(lines, form.name)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([HERON[0], HERON[1] + "水", *HERON[2:]], [(2, 0, "length")]),
        (HERON[:3], [(4, 0, "lines")]),
        ([*HERON, "白日依山尽"], [(5, 0, "lines")]),
        ([HERON[0], HERON[1], "欲穷千里x", HERON[3]], [(3, 5, "character")]),
        ([HERON[0], HERON[1], HERON[2], "更上一层流"], [(4, 5, "repeat")]),
        ([HERON[0], HERON[1], HERON[2], "更上一层山"], [(4, 5, "rhyme")]),
        ([HERON[0], HERON[1], HERON[2], "更上山中楼"], [(4, 3, "three-level-tail"), (4, 4, "tone")][:1]),
        ([HERON[0], "月河入海流", *HERON[2:]], [(2, 1, "lone-level")]),
        ([HERON[0], "月河山海流", *HERON[2:]], []),
    ],
)
def test_problems_by_line_and_position(lines: list[str], expected: list[tuple[int, int, str]]) -> None:
    result = check(lines, FORMS["wujue"])
    assert [(p.line, p.position, p.rule) for p in result.problems] == expected
    assert {p.rule for p in result.problems} <= set(RULES)


@given(FORM, st.data())
@settings(max_examples=120, deadline=None)
def test_both_checkers_agree_on_what_is_regular(form: Form, data: st.DataObject) -> None:
    """Verses near the edge: regular ones with up to three characters changed for any others."""
    lines = list(write(RULES_OF_ALL, form, data.draw(SEEDS)).lines)
    for _ in range(data.draw(st.integers(0, 3))):
        row = data.draw(st.integers(0, len(lines) - 1))
        column = data.draw(st.integers(0, form.lengths[row] - 1))
        character = data.draw(st.sampled_from(CHARACTERS[3:]))
        lines[row] = lines[row][:column] + character + lines[row][column + 1 :]
    assert check(lines, form).ok == (faults(lines, form.name) == []), lines


def test_the_tables_have_every_group() -> None:
    tables = json.loads(read_text("pingshui.json"))
    names = {tone: [name for name in tables[tone] if "未详" not in name] for tone in ("level", "rising")}
    assert names["level"] == list(rhyme_groups())
    assert (len(names["level"]), len(names["rising"])) == (30, 29)
    assert names["rising"][:4] == ["一董", "二肿", "三讲", "四纸"]
    assert (len(tables["departing"]), len(tables["entering"])) == (30, 17)


def test_readings() -> None:
    assert {c for c in "看过教听思望胜忘醒应分重中空论为相" if reading(c).tone != "中"} == set()
    assert reading("讲").tone == "仄"
    assert reading("先").groups == {"一先"}
    assert reading("溪").groups == {"八齐"}
    assert reading("國").tone == "仄"
    assert reading("们").tone != "?"
    assert [reading(text).tone for text in ("a", "，", "", "🌙")] == ["?"] * 4


def test_forms_by_any_name() -> None:
    assert {form_named(name).name for name in ("wujue", "五绝", " 五言绝句", "WUJUE")} == {"wujue"}
    assert form_named("七绝").lengths == (7, 7, 7, 7)
    assert {form_named(name).name for name in ("qilv", "qilü", "QILÜ", "七律", "七言律诗")} == {"qilv"}
    assert form_named("对子").name == form_named("duilian").name == "duilian"
    assert all(form_named(name).name == name for name in FORMS)
    with pytest.raises(UnknownForm, match="qilyu"):
        form_named("qilyu")


def test_lines_out_of_any_punctuation() -> None:
    assert list(verse_lines("白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼！")) == HERON


def test_a_tune_says_no_word_of_two_characters_twice() -> None:
    rules = VerseRules(sorted(readings()))
    draw = random.Random(3)
    for name in ("浣溪沙", "西江月", "满江红"):
        plan = rules.plan(form_named(name))
        while not plan.done:
            plan.advance(draw.choice(np.flatnonzero(plan.mask().numpy()).tolist()))
        words = [line[i : i + 2] for line in plan.lines for i in range(len(line) - 1)]
        assert len(words) == len(set(words))
