"""What our models never learn from: whole intents, single askings, dialogues; and nothing is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.held_out import held_out_asking, held_out_part, intent_is_held_out, is_written, training_part

ASKS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12, unique=True)


@given(st.text(min_size=1, max_size=12), ASKS)
def test_the_two_parts_of_an_intent_make_it_up_and_share_no_asking(intent: str, asks: list[str]) -> None:
    row: dict[str, Any] = {"intent": intent, "asks": asks, "replies": ["r"], "follow": [{"ask": "a"}]}
    learnt, aside = training_part("intent-zh", row), held_out_part("intent-zh", row)
    askings = [part["asks"] if part else [] for part in (learnt, aside)]
    assert sorted(askings[0] + askings[1]) == sorted(asks)
    assert not set(askings[0]) & set(askings[1])
    if intent_is_held_out("zh", intent):
        assert learnt is None
    else:
        assert len(askings[1]) == (held_out_asking("zh", intent, len(asks)) is not None)


@given(st.sampled_from(["talk-zh-daily", "post-en", "story-zh"]), st.text(max_size=9))
def test_a_row_is_on_one_side(stem: str, words: str) -> None:
    row = {"src": words, "tgt": "x"}
    sides = [training_part(stem, row), held_out_part(stem, row)]
    assert sides.count(None) == 1
    assert row in sides


def test_one_row_in_twenty_is_kept_aside_and_an_owners_files_are_whole() -> None:
    rows = [{"turns": [f"{n}", "x"]} for n in range(4000)]
    aside = sum(held_out_part("talk-en", row) is not None for row in rows)
    assert 120 < aside < 280
    assert all(training_part("mine", row) is row for row in rows)


def test_files_of_ours_by_name() -> None:
    assert all(map(is_written, ("talk-zh-daily", "ad-en", "continue-zh")))
    assert not any(map(is_written, ("text-zh-d2l", "story-zh-asp", "chat", "pair-zh_en", "talk")))
