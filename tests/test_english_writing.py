"""The shipped rhyme model through the engine's door: forms kept, replies replayed, themes heard."""

from __future__ import annotations

import pytest
import torch

from engine import Engine, Request
from tests.bench.english_verse import keeps


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.set_num_threads(1)
    return Engine()


@pytest.mark.parametrize("form", ["haiku", "couplet", "quatrain"])
def test_the_form_holds_by_another_dictionary(engine: Engine, form: str) -> None:
    reply = engine.write_now(Request("poem", "rain on the window", {"form": form}, "en", seed=11))
    assert reply.model.startswith("rhyme@")
    assert reply.lines is not None
    assert reply.form is not None
    assert reply.form.ok
    assert reply.form.name == form
    assert keeps(reply.lines, form)
    assert reply.text == "\n".join(reply.lines)
    assert reply.novelty == 1.0


def test_the_same_request_is_replayed(engine: Engine) -> None:
    request = Request("poem", "the sea at night", {"form": "couplet"}, "en", seed=5)
    reply = engine.write_now(request)
    assert engine.replay(request, reply).text == reply.text
    assert engine.write_now(request).lines == reply.lines


@pytest.mark.parametrize("theme", ["first snow", "初雪"])
def test_a_theme_in_either_language_is_in_the_poem(engine: Engine, theme: str) -> None:
    drafts = engine.write_now(Request("poem", theme, {"form": "haiku"}, "en", seed=3)).drafts
    assert sum("snow" in draft.text for draft in drafts) >= 2


def test_a_theme_that_nobody_knows_is_no_obstacle(engine: Engine) -> None:
    for theme in ("", "zxqv!!", "🍕", "the of and"):
        assert engine.write_now(Request("poem", theme, {"form": "haiku"}, "en", seed=1)).form
