"""The page of a conversation, where several requests of one visitor are on their way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from bot.console.chat import _shown
from bot.console.conversation import Turn
from bot.console.state import Console, Visitor
from tests.replies import reply


async def test_a_conversation_may_grow_while_its_page_is_made() -> None:
    turn = Turn("你好", [reply("g1")])

    async def journal(*_: object) -> dict[str, object]:
        turn.replies.append(reply("g2"))
        return {}

    visitor = cast("Visitor", SimpleNamespace(person="1", locale="zh-CN"))
    (shown,) = await _shown(cast("Console", SimpleNamespace(journal=journal)), visitor, [turn])
    assert [view.reply.generation for view in shown.views] == ["g1"]
