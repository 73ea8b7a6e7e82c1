"""What a request for verse asks for: acrostics, first lines, themes; and how a verse is printed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import HeadMissing, HeadUnfit, HeadUnwritable, UnknownForm
from engine.facts.pingshui import reading, readings
from engine.forms import FORMS
from engine.verse import VerseRules, check
from engine.verse_task import asked, printed, verse_condition
from tests.test_verse import finish
from tests.verse_oracle import faults

RULES = VerseRules(sorted(readings()))


def parts(own: str) -> list[str]:
    """What stands after each blank."""
    return own.split("□")[1:]


@given(st.text(max_size=80))
def test_any_theme_gives_at_most_four_image_words(theme: str) -> None:
    words = verse_condition(theme)
    assert len(words) <= 4
    assert all(1 <= len(word) <= 2 for word in words)


@given(
    st.sampled_from(["wujue", "qijue", "cangtou", "wulv", "qilv", "浣溪沙", "菩萨蛮", "duilian"]),
    st.integers(0, 2**32),
)
@settings(max_examples=50, deadline=None)
def test_heads_begin_the_lines_and_break_nothing_that_can_be_kept(form: str, seed: int) -> None:
    choose = random.Random(seed)
    lines = len(asked(form, "", "春夏秋冬" if form == "cangtou" else "", 1).whole.lengths)
    heads = "".join(choose.sample("春夏秋冬天地山水人心花鸟云风", lines))
    wanted = asked(form, "", heads, 1)
    plan = finish(RULES.plan(wanted.written, wanted.forced(RULES.ids)), seed)
    assert "".join(line[0] for line in plan.lines) == heads
    assert sum(line.count(head) for line in plan.lines for head in heads) == len(heads)
    words = printed(plan.lines, wanted.whole)
    own = wanted.without_heads(words, words, "□")  # what outlives the request does not spell it
    assert [line[1:] for line in plan.lines] == ["".join(filter(str.isalnum, part)) for part in parts(own)]
    assert not set(heads) & set(own)
    if form in ("wujue", "qijue", "cangtou", "wulv", "qilv"):  # no first place has a tone of its own
        assert plan.relaxed == ()
        assert check(plan.lines, wanted.whole).ok
        assert faults(plan.lines, form) == []
    else:
        assert set(plan.relaxed) <= {"tone"}


def test_a_head_that_breaks_a_tone_is_named() -> None:
    form = FORMS["水调歌头"]
    row = next(n for n, line in enumerate(form.patterns[0].lines) if line.loose[0] in "平仄")
    heads = "".join("中" if n != row else "平" for n in range(len(form.lengths)))
    assert form.patterns[0].lines[row].loose[0] == "仄"
    wanted = asked("水调歌头", "", heads, 1)
    plan = finish(RULES.plan(wanted.written, wanted.forced(RULES.ids)), 1)
    assert plan.relaxed == ("tone",)  # a character may come again in another line of a ci
    assert [(p.line, p.position) for p in check(plan.lines, form).problems] == [(row + 1, 1)]


def test_eight_lines_take_four_heads_at_every_couplet() -> None:
    wanted = asked("qilv", "", "生日快樂", 1)
    assert wanted.heads == {0: "生", 2: "日", 4: "快", 6: "樂"}
    ids = {character: token for token, character in enumerate("生日快乐樂")}
    assert wanted.forced(ids) == {0: 0, 14: 1, 28: 2, 42: 3}
    assert wanted.forced({"生": 0, "日": 1, "快": 2, "樂": 4})[42] == 4


def test_heads_of_the_answer_to_a_given_line_are_blanked_where_they_stand() -> None:
    wanted = asked("duilian", "春风又绿江南岸", "明", 1)
    words = printed(["春风又绿江南岸", "明月何时照我还"], wanted.whole)
    assert wanted.without_heads(words, words, "□") == words.replace("明", "□")
    assert wanted.without_heads("□" * len(words), words, "□") == "□" * len(words)


@pytest.mark.parametrize(
    ("form", "head", "error"),
    [
        ("cangtou", "", HeadMissing),
        ("cangtou", " ，", HeadMissing),
        ("cangtou", "春夏秋", HeadUnfit),
        ("qijue", "春夏秋冬春夏秋冬", HeadUnfit),
        ("qilv", "春夏", HeadUnfit),
        ("浣溪沙", "春夏秋", HeadUnfit),
        ("qijue", "abcd", HeadUnwritable),
        ("qijue", "春夏秋1", HeadUnwritable),
        ("qilu", "", UnknownForm),
    ],
)
def test_what_does_not_fit_is_said(form: str, head: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asked(form, "", head, 1)


def test_a_character_that_the_model_lacks_is_named() -> None:
    with pytest.raises(HeadUnwritable, match="冬"):
        asked("qijue", "", "春夏秋冬", 1).forced({"春": 1, "夏": 2, "秋": 3})


def test_a_first_line_is_answered_and_a_theme_is_not() -> None:
    answer = asked("duilian", "海阔凭鱼跃", "", 1)
    assert (answer.first, answer.context, answer.tags) == ("海阔凭鱼跃", ("海阔凭鱼跃",), ("duilian",))
    assert answer.written.lengths == (5,)
    assert answer.whole.lengths == (5, 5)
    assert answer.lines("天高任鸟飞") == ["海阔凭鱼跃", "天高任鸟飞"]
    both = asked("duilian", "秋夜", "", 1)
    assert (both.first, both.whole.lengths) == ("", (7, 7))
    assert both.words[0] == "秋夜"
    assert asked("duilian", "", "", 2).whole.lengths == (5, 5)
    assert asked("qijue", "海阔凭鱼跃", "", 1).first == ""


def test_a_ci_is_printed_with_its_marks_pauses_and_stanzas() -> None:
    form = FORMS["虞美人"]
    lines = ["春花秋月何时了", "往事知多少", "小楼昨夜又东风", "故国不堪回首月明中"]
    lines += ["雕栏玉砌应犹在", "只是朱颜改", "问君能有几多愁", "恰似一江春水向东流"]
    text = printed(lines, form)
    assert text.split("\n")[3:5] == ["故国不堪回首、月明中。", ""]
    assert printed(["海阔凭鱼跃", "天高任鸟飞"], FORMS["duilian"]) == "海阔凭鱼跃，\n天高任鸟飞。"
    assert printed(lines[:4], FORMS["qijue"]).count("，") == 2
    assert reading("风").tone == "平"
