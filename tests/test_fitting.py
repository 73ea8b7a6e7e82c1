"""How likely a text fits: what raises it, which replies of the book come first, which may be sent."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from engine.book import Book, Entry
from engine.compose import Composer
from engine.fitting import chance, first_safe, likeliest
from engine.prompt import load_tasks
from engine.values import Request
from tests import tiny

ASKED = "应酬好累"
FITS, DOES_NOT = "辛苦了，先坐下歇会儿。", "我不会算命，送你一句好话。"
UNSAFE = "你这个傻逼"


@pytest.mark.parametrize("likeness", [None, 0.0, 0.5, 1.0])
def test_what_is_more_relevant_is_likelier_to_fit(likeness: float | None) -> None:
    chances = [chance(relevant, likeness) for relevant in (-0.2, 0.1, 0.4, 0.8)]
    assert chances == sorted(chances)
    assert 0 < chances[0] < chances[-1] < 1


def test_what_answers_a_nearer_asking_is_likelier_to_fit() -> None:
    chances = [chance(0.4, tenth / 10) for tenth in range(11)]
    assert chances[2:] == sorted(chances[2:])
    assert chances[10] > chances[0] + 0.5


def test_what_is_written_beside_a_book_that_lacks_it_fits_less_often_than_where_there_is_none() -> None:
    assert chance(0.5, None) < chance(0.5, None, alone=True)


def test_of_replies_that_are_equally_near_the_relevant_one_is_first() -> None:
    found = [(DOES_NOT, 0.8), (FITS, 0.8)]
    assert [text for text, _ in likeliest(ASKED, found)] == [FITS, DOES_NOT]


def test_all_that_is_found_is_kept_with_its_likeness() -> None:
    found = [("好。", 0.3), (FITS, 0.9), (DOES_NOT, 0.6)]
    assert sorted(likeliest(ASKED, found)) == sorted(found)
    assert likeliest(ASKED, []) == []


def test_a_reply_of_a_far_entry_needs_more_than_relevance() -> None:
    assert likeliest(ASKED, [(FITS, 0.0), ("累了就歇，事情明天再说。", 0.95)])[0][1] == 0.95


def test_the_first_that_may_be_sent_are_kept_in_their_order() -> None:
    found = [(UNSAFE, 0.9), (FITS, 0.8), (f"{UNSAFE}。", 0.8), ("好。", 0.7), (DOES_NOT, 0.6), ("嗯。", 0.5)]
    assert first_safe(found, 3) == [(FITS, 0.8), ("好。", 0.7), (DOES_NOT, 0.6)]
    assert first_safe(found, 9) == [pair for pair in found if UNSAFE not in pair[0]]
    assert first_safe([(UNSAFE, 1.0)], 3) == []


def test_a_chat_drafts_the_replies_that_answer_best_wherever_they_stand_in_an_entry(tmp_path: Path) -> None:
    others = (
        "我不会算命，送你一句好话。",
        "价钱我不知道，我不联网。",
        "月亮像忘了关的灯。",
        "用 /poem，写上题目。",
    )
    asked = "今天应酬真的好累"
    book = Book([Entry("chat", "tired", ("应酬好累", "应酬太累了"), (*others, FITS))])
    composer = Composer(tiny.tiny_models(tmp_path), None, use_book=True, book=book)
    task = load_tasks(None)["chat"]
    never_silent = dataclasses.replace(task, decoding=dataclasses.replace(task.decoding, abstain=-1.0))
    reply = composer.compose(never_silent, task.validate(Request("chat", asked)), 1)
    drafts = [draft for draft in reply.drafts if draft.origin == "book"]
    assert len(drafts) == 3
    assert max(drafts, key=lambda draft: draft.score).text == FITS
