"""English verse as people see it: syllables and rhyme letters, in Discord and on a page."""

from __future__ import annotations

import dataclasses

from bot import syllables
from bot.console.verse import sheet_of
from bot.rendering import reply_text
from bot.wording import _WORDS
from engine import Request
from engine.english_forms import FORMS, RULES, check
from engine.english_verse import RELAXATION
from tests.replies import reply

LINES = ("The moon is old, the night is bright,", "I sit beside the little light.")
COUPLET = dataclasses.replace(
    reply(text="\n".join(LINES), task="poem"), lines=LINES, form=check(LINES, FORMS["couplet"], ("metre",))
)


def test_discord_shows_the_poem_and_one_line_about_its_form() -> None:
    text = reply_text(Request("poem", "the moon", locale="en"), COUPLET)
    assert text.startswith("**the moon**\n" + "\n".join(LINES))
    assert "-# couplet · 8-8 aa · syllables ✓ · rhyme ✓" in text
    assert "given up while writing: iambic metre" in text
    assert "```" not in text
    assert "音节 ✓ · 押韵 ✓" in reply_text(Request("poem", "", locale="zh-CN"), COUPLET)


def test_discord_says_what_is_wrong_and_what_is_only_estimated() -> None:
    lines = ("The moon is old tonight,", "the brillig night is dim")
    broken = dataclasses.replace(COUPLET, lines=lines, form=check(lines, FORMS["couplet"]))
    text = reply_text(Request("poem", "", locale="en"), broken)
    assert "rhyme ✗" in text
    assert "line 2, word 5: does not rhyme" in text
    assert "line 2, word 2: not in the dictionary, its syllables are an estimate" in text


def test_a_haiku_has_no_rhyme_to_speak_of() -> None:
    lines = ("an old silent pond", "a frog jumps into the pond", "splash silence again")
    rows = syllables.verdict(check(lines, FORMS["haiku"]), "en")
    assert rows == ["haiku · 5-7-5 · syllables ✓"]


def test_a_page_shows_words_with_their_marks_and_no_tones() -> None:
    sheet = sheet_of(COUPLET)
    assert sheet is not None
    assert sheet.syllabic
    assert not sheet.columns
    assert sheet.texts == LINES
    assert sheet.lengths == (8, 8)
    assert sheet.rhymes == (("a", "bright light"),)
    assert [cell.rhyme for cell in sheet.lines[0] if cell.rhyme] == ["a"]


def test_every_form_and_rule_has_words() -> None:
    for area, names in (("form", FORMS), ("rule", RULES), ("relaxed", RELAXATION)):
        head = f"english.{area}."
        assert {key.removeprefix(head) for key in _WORDS if key.startswith(head)} == set(names)
    assert set(syllables.FORMS) == set(FORMS)
