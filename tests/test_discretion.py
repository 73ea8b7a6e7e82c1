"""What is never written down: the turns that a fixed sentence answered, in either script, whole or cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import danger
from engine.discretion import LEAST, is_fixed, without_danger
from engine.values import Request

INTENTS = (*danger.INTENTS, danger.FOLLOW)


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en"])
@pytest.mark.parametrize("intent", INTENTS)
def test_every_fixed_answer_goes_with_what_it_answered_and_nothing_else(intent: str, locale: str) -> None:
    answer = danger.answer(intent, locale)
    before, after = ("早上好", "早！"), ("谢谢", "不客气")
    asked = Request("chat", "嗯", context=(*before, "说不出口的话", answer, *after))
    assert without_danger(asked) == Request("chat", "嗯", context=(*before, *after))
    # merged with what stood beside it, or what is left of it where the context began
    assert is_fixed(f"别的话\n{answer}")
    assert is_fixed(answer[-2 * LEAST :])
    cut = Request("chat", "嗯", context=(answer[5:], *after))
    assert without_danger(cut).context == after


@given(st.lists(st.text(max_size=30)).map(tuple))
def test_other_turns_stay(turns: tuple[str, ...]) -> None:
    asked = Request("chat", "嗯", context=turns)
    assert without_danger(asked) == asked
