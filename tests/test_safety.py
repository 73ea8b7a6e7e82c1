"""What may be sent: coarse and hateful drafts are dropped, ours and the classics' are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import safety, safety_training


@pytest.mark.parametrize(
    "text",
    [
        "你他妈的给我滚。",
        "傻逼，别来烦我。",
        "You stupid bitch, shut up.",
        "What the fuck do you want?",
        "He is a faggot and a retard.",
        "我也不想活了。",
        "I want to kill myself too.",
    ],
)
def test_a_bad_draft_may_not_be_sent(text: str) -> None:
    assert safety.safe([text, "今天天气很好。"]) == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "那就好，早点休息吧。",
        "窗外下雨了，正好写点什么。",
        "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼",
        "商女不知亡国恨\n隔江犹唱后庭花",
        "A bit of rain never hurt a good walk.",
        "The class will assess the passage.",
        "I'm sorry to hear that. Do you want to talk about it?",
        "",
        "。",
    ],
)
def test_a_good_draft_may(text: str) -> None:
    assert safety.reasons([text]) == [""]


def test_words_do_not_meet_over_the_end_of_a_line() -> None:
    assert safety.safe(["他\n妈的花儿开了"]) == [True]


def test_latin_words_count_only_whole() -> None:
    pattern = safety.word_pattern(["ass", "傻逼"])
    assert pattern.search("you ass hat")
    assert not pattern.search("the class passes")
    assert pattern.search("说傻逼话")
    assert not safety.word_pattern([]).search("anything")


@given(st.lists(st.text(max_size=30), max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_texts_can_be_read_and_stand_alone(texts: list[str]) -> None:
    together = safety.reasons(texts)
    assert together == [safety.reasons([text])[0] for text in texts]


def test_a_classifier_learns_both_languages_and_its_threshold_spares_the_harmless() -> None:
    def rows(good: str, bad: str) -> list[safety_training.Row]:
        found = []
        for n in range(90):
            text = safety.plain(f"{bad if n % 2 else good} {n}")
            found.append(safety_training.Row(text, bool(n % 2), "toxic-x" if n % 2 else "written", n > 60))
        return found

    chinese = rows("清晨的风吹过安静的湖面", "你这个讨厌的坏东西滚开")
    english = rows("a calm morning by lake", "you awful rotten thing")
    model = safety_training.train([*chinese, *english])
    asked = ("清晨的湖面很安静", "你这个坏东西快滚开", "a calm lake morning", "you rotten awful thing")
    texts = [safety.plain(text) for text in asked]
    assert model.offends(texts).tolist() == [False, True, False, True]


def test_the_threshold_is_raised_until_the_harmless_pass() -> None:
    probability = np.array([0.2, 0.6, 0.8, 0.9])
    offends = np.array([False, True, True, True])
    low = safety_training.threshold(probability, offends, np.full(1000, 0.01))
    assert 0.2 < low <= 0.6
    high = safety_training.threshold(probability, offends, np.array([0.01] * 900 + [0.7] * 100))
    assert 0.7 < high < 0.75


def test_words_that_harmless_text_holds_are_no_words_of_the_list() -> None:
    lists = {"zh": ["后庭", "傻逼", "奶"], "en": ["ass", "nude beach"]}
    harmless = ["隔江犹唱后庭花", "后庭有树", "后庭春深", "an ass is a donkey", "ass", "the ass", "class"]
    assert safety_training.choose_words(lists, harmless) == ["nude beach", "傻逼"]


def test_what_ships_is_small_and_names_its_source() -> None:
    folder = Path(safety.__file__).parent / "facts"
    assert (folder / safety.WEIGHTS).stat().st_size < 1_500_000
    assert "CC BY 4.0" in (folder / safety.WORDS).read_text("utf-8")
