"""What is said below a translation that may be wrong."""

from __future__ import annotations

import dataclasses

import pytest

from bot.doubt import GUESS, SURE, doubt
from bot.rendering import reply_text
from engine import Reply, Request
from tests.fakes import FakeEngine


async def reply_of(scores: dict[str, float]) -> tuple[Request, Reply]:
    request = Request("continue", "今天", locale="zh-CN")
    reply = await FakeEngine().write(request)
    draft = dataclasses.replace(reply.draft, scores=scores)
    return request, dataclasses.replace(reply, drafts=(draft,), chosen=0)


@pytest.mark.parametrize("scores", [{}, {"confidence": SURE}, {"fluency": 0.1}])
async def test_nothing_is_said_of_what_is_sure_or_no_translation(scores: dict[str, float]) -> None:
    request, reply = await reply_of(scores)
    assert doubt(reply, "en") == ""
    assert "-#" not in reply_text(request, reply)


async def test_doubt_names_its_confidence_in_the_readers_language() -> None:
    request, reply = await reply_of({"confidence": 0.42})
    assert "42 %" in doubt(reply, "en")
    assert "42%" in doubt(reply, "zh-TW")
    assert reply_text(request, reply).endswith("-# " + doubt(reply, "zh-CN"))


async def test_a_guess_is_called_one() -> None:
    _, reply = await reply_of({"confidence": GUESS - 0.01})
    assert "guess" in doubt(reply, "en")
    _, nothing = await reply_of({"confidence": 0.0})
    assert "1 %" in doubt(nothing, "en")
