"""python -m tests.bench.quatrains | python -m tests.bench.verse_form [CORPUS...]: 500 poems over 50 themes.

Themes of one character, two, a modern sentence, English, emoji, 60 characters, and none. Writes what
`python -m engine generate poem --json` writes, ten poems a theme in turn of both forms.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from engine import Engine, Request

THEMES = (
    *"月雪酒雁梅舟",
    *("故乡", "秋夜", "送别", "春雨", "边塞", "归隐", "怀古", "咏竹", "登高", "听琴"),
    *(
        "考试失败后的夜晚",
        "加班到凌晨三点",
        "地铁里睡着的人",
        "给妈妈打电话",
        "第一次一个人搬家",
        "手机没电了",
    ),
    *("外婆家的院子已经拆了", "程序终于跑通了", "和好朋友吵架以后", "超市关门前的面包打折"),
    *("a cat waiting at the door", "first snow", "homesick", "the last train", "rain on the window"),
    *(
        "graduation day",
        "an old friend I have not seen for years",
        "coffee",
        "Monday morning",
        "the sea at night",
    ),
    *("🌙", "🌧️☔", "🐱", "🎂🎉", "❄️🏔️", "👩‍👩‍👧"),
    "今天下班路上看到一只橘猫蹲在便利店门口等人，旁边的路灯一闪一闪，忽然想起小时候在乡下外婆家过的那些漫长又安静的夏天。",
    "写一首关于这个世界上所有还没有睡着的人此刻正在窗前想着另外一个也没有睡着的人的诗，要有风，有灯，有很远的路和很近的心啊",
    *("", " ", "？！……", "1234567", "ＡＢＣ", "憂鬱的臺灣烏龜"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--each", type=int, default=10)
    options = parser.parse_args()
    engine = Engine(models=options.models)
    for place, theme in enumerate(THEMES):
        for number in range(options.each):
            form = ("qijue", "wujue")[number % 2]
            reply = engine.write_now(Request("poem", theme, {"form": form}, seed=place * 1000 + number))
            assert reply.form is not None
            values = {
                "theme": theme,
                "text": reply.text,
                "lines": reply.lines,
                "form": {"name": reply.form.name, "ok": reply.form.ok, "relaxed": reply.form.relaxed},
                "model": reply.model,
                "seed": reply.seed,
            }
            print(json.dumps(values, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
