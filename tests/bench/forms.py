"""python -m tests.bench.forms --poems 2000 | python -m tests.bench.verse_form: poems in every form.

Themes of one character, two, a modern sentence, English, emoji, 60 characters, and none; acrostics with
four heads, couplets with and without a first line. Every draft counts as a poem, the one sent and the
others, for each was decoded under the form. Writes what `python -m engine generate poem --json` writes;
which constraint a draft gave up is only known of the one sent, the others say "form".
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

from engine import Engine, Request
from engine.forms import FORMS, form_named
from engine.verse_check import verse_lines

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


HEADS = ("春夏秋冬", "岁岁平安", "生日快乐", "天地玄黄")
FIRSTS = ("明月松间照", "海阔凭鱼跃", "春风又绿江南岸", "风声雨声读书声", "山山水水", "青山绿水共为邻里")


def asked(form: str, number: int) -> tuple[str, dict[str, str]]:
    """(text, options) of the request with this number."""
    options = {"form": form}
    if form == "cangtou":
        options["head"] = HEADS[number % len(HEADS)]
    theme = THEMES[number % len(THEMES)]
    return (FIRSTS[number % len(FIRSTS)] if form == "duilian" and number % 2 else theme), options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--poems", type=int, default=2000)
    parser.add_argument("--form", action="append", choices=list(FORMS), help="Only this one; repeatable.")
    options = parser.parse_args()
    engine = Engine(models=options.models)
    written = 0
    for number, form in enumerate(itertools.cycle(options.form or FORMS)):
        text, chosen = asked(form, number)
        reply = engine.write_now(Request("poem", text, chosen, seed=number))
        assert reply.form is not None
        for place, draft in enumerate(reply.drafts):
            relaxed = reply.form.relaxed if place == reply.chosen else ("form",)
            values = {
                "theme": text,
                "head": chosen.get("head", ""),
                "text": draft.text,
                "lines": verse_lines(draft.text, form_named(form)),
                "form": {"name": reply.form.name, "relaxed": () if draft.scores["form"] == 1 else relaxed},
                "model": reply.model,
                "seed": reply.seed,
            }
            print(json.dumps(values, ensure_ascii=False), flush=True)
            written += 1
            if written >= options.poems:
                return


if __name__ == "__main__":
    main()
