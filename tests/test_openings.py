"""How openings break off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.openings import break_of


@pytest.mark.parametrize(
    ("opening", "kind"),
    [
        ("The sea was calm that morning,", ","),
        ("We got lost on the way to the wedding.", "."),
        ('She said, "Wait!"', "."),
        ("There was a note on the kitchen table:", ":"),
        ("He had promised to call, but", "but"),
        ("The best thing about winter IS ", "is"),
        ("She opened the old suitcase and found", ""),
        ("The old man on the bench", ""),
        ("雪停了，村子里", "里"),
        ("我以为他已经忘了那件事，没想到", "没想到"),
        ("周末的早晨，最舒服的事就是", "就是"),
        ("他把辞职信写好，又", "又"),
        ("山顶的风很大，", ","),
        ("他推开门。", "."),
        ("老师说：“上课！”", "."),
        ("第一道菜", ""),
        ("", ""),
        ("“”", ""),
    ],
)
def test_the_kind_of_a_break(opening: str, kind: str) -> None:
    assert break_of(opening) == kind


@given(st.text(max_size=20))
def test_blanks_and_quotation_marks_change_nothing(opening: str) -> None:
    assert break_of(f"  {opening}” \n") == break_of(opening)
