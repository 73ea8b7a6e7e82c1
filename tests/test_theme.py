"""Images for themes: whatever is asked, an answer, always the same, and a fitting one where we can tell."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import theme
from engine.text import han_only
from engine.theme import IMAGES, imagery


@given(st.text(max_size=300))
@example("")
@example("👨‍👩‍👧‍👦🏳️‍🌈")
@example("\ud800")
@example("写首诗")
@example("a\u0301\u0000\u200d")
@example("月" * 5000)
@settings(max_examples=300, deadline=None)
def test_any_theme_has_up_to_four_two_character_images(asked: str) -> None:
    images = imagery(asked)
    assert len(images) <= IMAGES
    assert len(set(images)) == len(images)
    assert all(len(word) == 2 and han_only(word) == word for word in images)
    assert imagery(asked) == images


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("江雪", {"寒江", "孤舟", "蓑笠", "鸟绝"}),
        ("考研", {"青灯", "黄卷", "寒窗", "五更"}),
        ("给我写一首关于考研的诗", {"青灯", "黄卷", "寒窗", "五更"}),
        ("月", {"残月", "月下"}),
        ("今天加班到凌晨三点，走出公司看见月亮", {"三更", "残月"}),
        ("I miss my grandmother so much", {"相思"}),
        ("🌸", {"春深", "落英"}),
        ("🎂", {"寿酒"}),
        ("❤️", {"同心"}),
        ("机器人", {"偃师"}),
        ("春风吹过我的阳台", {"春风"}),
        ("編譯器又報錯", set()),
    ],
)
def test_images_fit_the_theme(asked: str, expected: set[str]) -> None:
    images = imagery(asked)
    assert images
    assert expected <= set(images)


@pytest.mark.parametrize("asked", ["", "   ", "!!!", "xyzzy", "12345"])
def test_nothing_is_invented_for_nothing(asked: str) -> None:
    assert imagery(asked) == ()


def test_writing_form_does_not_matter() -> None:
    assert imagery("Ｍｉｄｎｉｇｈｔ　Ｓｎａｃｋ") == imagery("midnight snack") == imagery("Midnight snacks!")
    assert imagery("高鐵") == imagery("高铁")


def test_a_theme_inside_a_sentence_is_found() -> None:
    index = theme._index()
    names = [name for name in index.exact if han_only(name) == name and len(name) >= 2][::5]
    found = [
        not set(imagery(f"昨晚聊起{name}，忽然想写点什么")).isdisjoint(index.images[index.exact[name]])
        for name in names
    ]
    assert len(names) > 200
    assert sum(found) > 0.95 * len(names)
