"""How replies look in Discord: verse with its form marked, quotations, why."""

from __future__ import annotations

import dataclasses

import pytest

from bot.rendering import QUOTE_LIMIT, quote, reply_text, why
from bot.splitting import length
from bot.wording import language_of, traditional
from engine import FormCheck, Mark, Problem, Reply, Request
from engine.verse_check import RULES
from tests.fakes import POEM, FakeEngine, poem_check

RELAXED = ("repeat", "corpus", "tail", "tone", "rhyme", "character")


async def poem(theme: str = "登高") -> tuple[Request, Reply]:
    request = Request("poem", theme, locale="zh-CN")
    return request, await FakeEngine().write(request)


async def test_every_line_stands_over_its_tones_and_rhyme() -> None:
    text = reply_text(*await poem())
    for line, tones in zip(POEM, ("●●○○●", "○○●●○", "●○○●●", "●●●○○"), strict=True):
        assert f"{line}\n{tones}" in text
    assert "○○●●○ 韵：十一尤" in text
    assert "字数 ✓ · 平仄 ✓ · 押韵 ✓" in text
    assert "仄起首句不入韵" in text


async def test_taiwan_reads_verse_tones_and_drafts_in_traditional_characters() -> None:
    request, reply = await poem("里面的灯")
    text = reply_text(dataclasses.replace(request, locale="zh-TW"), reply)
    assert "黃河入海流\n" in text
    assert text.count("黃河入海流") == text.count("欲窮千里目") == 2, "to read, and over its tones"
    assert "欲穷千里目" not in text
    assert "仄起首句不入韻" in text
    assert "里面的灯" in text, "the member's own words stay as they are"
    assert "另一個草稿" in why(reply, "zh-TW")
    assert reply.lines == POEM


async def test_conversion_keeps_nothing_of_what_people_said_or_got() -> None:
    request = Request("continue", "头发白了", locale="zh-TW")
    reply = await FakeEngine().write(request)
    reply_text(request, reply)  # our own words are remembered from here on
    before = traditional.cache_info().currsize
    assert reply_text(request, reply, quoted=True) == "> 头发白了\n頭髮白了!"
    language_of("这些话谁也不该记住", "zh-TW")
    assert traditional.cache_info().currsize == before


async def test_a_fixed_answer_is_written_for_its_locale_and_stays() -> None:
    request = Request("chat", "我想死", locale="zh-TW")
    reply = dataclasses.replace(await FakeEngine().write(request), text="在台灣可以打 1925")
    assert reply_text(request, reply) == "在台灣可以打 1925"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en"])
async def test_every_problem_is_named_where_it_is_and_spoils_one_aspect(rule: str, locale: str) -> None:
    request, reply = await poem()
    form = dataclasses.replace(poem_check(), ok=False, problems=(Problem(2, 3, rule), Problem(4, 0, rule)))
    text = reply_text(dataclasses.replace(request, locale=locale), dataclasses.replace(reply, form=form))
    assert text.count("✗") == 1
    assert rule not in text or locale == "en"
    assert "第 2 句第 3 字" in text or "character 3" in text


@pytest.mark.parametrize("rule", RELAXED)
async def test_what_was_given_up_is_named(rule: str) -> None:
    request, reply = await poem()
    form = dataclasses.replace(poem_check(), relaxed=(rule,))
    assert "放宽了：" in reply_text(request, dataclasses.replace(reply, form=form))


async def test_several_that_were_given_up_are_a_list_in_either_language() -> None:
    request, reply = await poem()
    reply = dataclasses.replace(reply, form=dataclasses.replace(poem_check(), relaxed=("tone", "rhyme")))
    assert "放宽了：平仄、押韵" in reply_text(request, reply)
    assert "given up while writing: tones; rhyme" in reply_text(
        dataclasses.replace(request, locale="en"), reply
    )


def test_the_names_of_what_can_be_given_up_are_the_engines() -> None:
    verse = pytest.importorskip("engine.verse")
    assert set(verse.RELAXATION) == set(RELAXED)


async def test_a_mark_that_breaks_the_form_is_crossed() -> None:
    request, reply = await poem()
    line = (
        Mark("白", "平", "仄", "", False),
        Mark("日", "中", "中", "", True),
        Mark("呀", "平", "?", "", True),
    )
    form = FormCheck("wujue", False, lines=(line,))
    assert "白日呀\n×◎？" in reply_text(request, dataclasses.replace(reply, form=form))


async def test_a_theme_cannot_break_the_page() -> None:
    text = reply_text(*await poem("**粗** `码`\n```\n" + "长" * 100))
    title = text.split("\n")[0]
    assert title.startswith("**\\*\\*粗")
    assert title.endswith("**")
    assert length(title) < 100
    assert text.replace("\\`\\`\\`", "").count("```") == 2


def test_a_quotation_is_one_short_paragraph() -> None:
    quoted = quote("一\n\n二 **三** " + "四" * 1000)
    assert quoted.startswith("> 一 二 \\*\\*三\\*\\*")
    assert "\n" not in quoted
    assert length(quoted) < QUOTE_LIMIT + 20


async def test_why_marks_the_chosen_draft_and_orders_by_score() -> None:
    _, reply = await poem()
    text = why(dataclasses.replace(reply, chosen=1, reward_model="abcdef0123456789"), "zh-CN")
    assert text.index("0.75 ") < text.index("0.50 ✓ 另一个草稿")
    assert "abcdef012345" in text


async def test_a_ci_goes_by_its_tune_with_its_rhymes_and_a_gap_between_its_stanzas() -> None:
    request, reply = await poem()
    marks = (Mark("远", "仄", "仄", "", True), Mark("月", "仄", "仄", "第十八部", True))
    form = FormCheck("卜算子", True, "仄韵", lines=(marks,) * 4, stanza=2)
    reply = dataclasses.replace(reply, form=form, lines=("远月",) * 4)
    text = reply_text(request, reply)
    assert "远月\n远月\n\n远月\n远月" in text
    assert "●● 韵：第十八部\n\n远月" in text
    assert "卜算子 · 仄韵 · 韵：第十八部 · 字数 ✓ · 平仄 ✓ · 押韵 ✓" in text
    assert "卜算子 · 仄韻" in reply_text(dataclasses.replace(request, locale="zh-TW"), reply)


async def test_a_couplet_is_held_to_facing_characters_and_its_first_line_is_no_title() -> None:
    request, reply = await poem("海阔凭鱼跃")
    form = FormCheck("duilian", True, "上仄下平")
    text = reply_text(request, dataclasses.replace(reply, form=form, lines=("海阔凭鱼跃", "天高任鸟飞")))
    assert text.startswith("海阔凭鱼跃\n天高任鸟飞\n")
    assert "对联 · 上仄下平 · 字数 ✓ · 平仄 ✓ · 字面相对 ✓" in text
    assert "押韵" not in text
