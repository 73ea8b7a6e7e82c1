"""What the model is asked: the parts of a task's condition, options as the keywords of our written rows."""

from __future__ import annotations

import pytest

from engine import Request, load_tasks
from engine.talk_task import conversation, keywords

TASKS = load_tasks()


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        (Request("chat", "你好", context=("早", "早啊")), ["早", "早啊", "你好"]),
        (Request("continue", "從前有座山，"), ["从前有座山，"]),
        (Request("ask", "Why is the sky blue?"), ["Why is the sky blue?"]),
        (Request("post", "早起，跑步", {"mood": "清爽"}), ["早起 跑步 清爽"]),
        (Request("post", "rainy morning", {"mood": "cozy"}), ["rainy morning, cozy"]),
        (Request("post", "rainy morning"), ["rainy morning"]),
        (Request("ad", "陶杯", {"features": "保温、温润"}), ["陶杯 保温 温润"]),
        (Request("ad", "wool socks", {"features": "warm; mended free"}), ["wool socks, warm, mended free"]),
        (Request("story", "邮差", {"things": "雪夜 灯笼"}), ["邮差 雪夜 灯笼"]),
        (Request("story", "lighthouse", {"things": "cat, storm"}), ["lighthouse cat storm"]),
    ],
)
def test_options_become_what_the_written_rows_have(request_: Request, parts: list[str]) -> None:
    assert conversation(TASKS[request_.task], request_) == parts


def test_keywords_of_nothing_are_nothing() -> None:
    assert keywords(["", " "], commas=True) == ""
