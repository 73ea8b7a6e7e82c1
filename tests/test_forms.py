"""Forms as data: what the corpus gave the 词牌 is what tradition says, and famous poems keep it."""

from __future__ import annotations

import pytest

from engine.facts import cilin
from engine.facts.pingshui import reading, readings, rhyme_groups
from engine.forms import FORMS
from engine.verse_check import check, verse_lines
from tests.verse_oracle import faults

CI = [form for form in FORMS.values() if form.book == "cilin"]

FAMOUS = {
    "浣溪沙": "一曲新词酒一杯，去年天气旧亭台。夕阳西下几时回？\n\n无可奈何花落去，似曾相识燕归来。"
    "小园香径独徘徊。",
    "如梦令": "昨夜雨疏风骤。浓睡不消残酒。试问卷帘人，却道海棠依旧。知否。知否。应是绿肥红瘦。",
    "卜算子": "驿外断桥边，寂寞开无主。已是黄昏独自愁，更著风和雨。\n无意苦争春，一任群芳妒。"
    "零落成泥碾作尘，只有香如故。",
    "虞美人": "春花秋月何时了，往事知多少。小楼昨夜又东风，故国不堪回首、月明中。\n"
    "雕栏玉砌应犹在，只是朱颜改。问君能有几多愁，恰似一江春水、向东流。",
    "清平乐": "茅檐低小，溪上青青草。醉里吴音相媚好，白发谁家翁媪。\n大儿锄豆溪东，中儿正织鸡笼。"
    "最喜小儿亡赖，溪头卧剥莲蓬。",
    "菩萨蛮": "平林漠漠烟如织，寒山一带伤心碧。暝色入高楼，有人楼上愁。\n玉阶空伫立，宿鸟归飞急。"
    "何处是归程，长亭更短亭。",
    "西江月": "明月别枝惊鹊，清风半夜鸣蝉。稻花香里说丰年，听取蛙声一片。\n七八个星天外，两三点雨山前。"
    "旧时茅店社林边，路转溪桥忽见。",
    "蝶恋花": "花褪残红青杏小。燕子飞时，绿水人家绕。枝上柳绵吹又少，天涯何处无芳草。\n"
    "墙里秋千墙外道。墙外行人，墙里佳人笑。笑渐不闻声渐悄，多情却被无情恼。",
    "临江仙": "滚滚长江东逝水，浪花淘尽英雄。是非成败转头空。青山依旧在，几度夕阳红。\n"
    "白发渔樵江渚上，惯看秋月春风。一壶浊酒喜相逢。古今多少事，都付笑谈中。",
    "浪淘沙": "帘外雨潺潺，春意阑珊。罗衾不耐五更寒。梦里不知身是客，一晌贪欢。\n独自莫凭栏，无限江山。"
    "别时容易见时难。流水落花春去也，天上人间。",
    "踏莎行": "雾失楼台，月迷津渡。桃源望断无寻处。可堪孤馆闭春寒，杜鹃声里斜阳暮。\n驿寄梅花，鱼传尺素。"
    "砌成此恨无重数。郴江幸自绕郴山，为谁流下潇湘去。",
    "水调歌头": "明月几时有，把酒问青天。不知天上宫阙，今夕是何年。我欲乘风归去，又恐琼楼玉宇，高处不胜寒。"
    "起舞弄清影，何似在人间。\n转朱阁，低绮户，照无眠。不应有恨何事，长向别时圆。人有悲欢离合，"
    "月有阴晴圆缺，此事古难全。但愿人长久，千里共婵娟。",
    "wulv": "国破山河在，城春草木深。感时花溅泪，恨别鸟惊心。烽火连三月，家书抵万金。"
    "白头搔更短，浑欲不胜簪。",
    "qilv": "风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。万里悲秋常作客，百年多病独登台。"
    "艰难苦恨繁霜鬓，潦倒新停浊酒杯。",
}


@pytest.mark.parametrize("name", FAMOUS)
def test_famous_poems_keep_their_form(name: str) -> None:
    form = FORMS[name]
    lines = verse_lines(FAMOUS[name], form)
    result = check(lines, form)
    assert result.problems == ()
    assert (result.ok, result.name, result.stanza) == (True, name, form.stanza)
    assert faults(list(lines), name) == []


@pytest.mark.parametrize("name", FAMOUS)
def test_a_wrong_rhyme_and_a_missing_line_are_found(name: str) -> None:
    form, lines = FORMS[name], list(verse_lines(FAMOUS[name], FORMS[name]))
    assert ("lines", len(lines), 0) in {
        (p.rule, p.line, p.position) for p in check(lines[:-1], form).problems
    }
    last = form.patterns[0].lines[-1].loose[-1]
    group = {mark.rhyme for line in check(lines, form).lines for mark in line} - {""}
    wrong = next(
        c
        for c in ("月夜雪竹客雨水酒" if last == "仄" else "花天风声秋心舟烟")
        if last in reading(c).tone and not group & ({*reading(c).rhymes(form.book, last)} | reading(c).groups)
    )
    lines[-1] = lines[-1][:-1] + wrong
    assert "rhyme" in {problem.rule for problem in check(lines, form).problems}
    assert "rhyme" in {rule for _, _, rule in faults(lines, name)}


@pytest.mark.parametrize(
    ("name", "rhymes", "stanza"),
    [
        ("浣溪沙", (0, 0, 0, None, 0, 0), 3),
        ("菩萨蛮", (0, 0, 1, 1, 2, 2, 3, 3), 4),
        ("鹧鸪天", (0, 0, None, 0, None, 0, 0, None, 0), 4),
        ("西江月", (None, 0, 0, 0, None, 0, 0, 0), 4),
        ("减字木兰花", (0, 0, 1, 1, 2, 2, 3, 3), 4),
        ("虞美人", (0, 0, 1, 1, 2, 2, 3, 3), 4),
        ("清平乐", (0, 0, 0, 0, 1, 1, None, 1), 4),
        ("如梦令", (0, 0, None, 0, 0, 0, 0), 0),
        ("卜算子", (None, 0, None, 0, None, 0, None, 0), 4),
    ],
)
def test_where_the_tunes_rhyme(name: str, rhymes: tuple[int | None, ...], stanza: int) -> None:
    form = FORMS[name]
    assert tuple(line.rhyme for line in form.patterns[0].lines) == rhymes
    assert form.stanza == stanza


def test_every_form_is_whole() -> None:
    assert len(CI) == 16
    for form in FORMS.values():
        for pattern in form.patterns:
            assert tuple(len(line.loose) for line in pattern.lines) == form.lengths
            for line in pattern.lines:
                for template in (*line.written, *line.read):
                    assert len(template) == len(line.loose)
                    assert set(template) <= set("平仄中只")
                assert not line.rhymes or line.loose[-1] in "平仄"
        assert all(earlier < later < sum(form.lengths) for later, earlier in form.echoes)


def test_stanzas_are_alike_where_tradition_has_them_so() -> None:
    for name in ("踏莎行", "浪淘沙", "卜算子", "临江仙"):
        form, lines = FORMS[name], FORMS[name].patterns[0].lines
        assert form.lengths[: form.stanza] == form.lengths[form.stanza :]
        assert [line.loose for line in lines[: form.stanza]] == [line.loose for line in lines[form.stanza :]]


def test_the_parts_of_cilin() -> None:
    assert len(cilin.parts()) == 19
    assert rhyme_groups("cilin") == cilin.parts()
    expected = {
        ("东", "平"): "第一部",
        ("回", "平"): "第三部",
        ("来", "平"): "第五部",
        ("花", "平"): "第十部",
    }
    expected |= {("画", "仄"): "第十部", ("月", "仄"): "第十八部", ("雪", "仄"): "第十八部"}
    for (character, tone), part in expected.items():
        assert part in reading(character).rhymes("cilin", tone)
    entering = set(cilin.parts()[14:])
    for character, entry in readings().items():
        # A reading that a character does not have rhymes with nothing.
        assert entry.level or not entry.level_parts, character
        assert entry.oblique or not entry.oblique_parts, character
        assert not entry.level_parts & entering, character
    assert not reading("雨").oblique_parts & entering
    assert reading("月").oblique_parts <= entering


def test_a_pause_inside_a_line_is_no_end_of_it() -> None:
    lines = verse_lines(FAMOUS["虞美人"], FORMS["虞美人"])
    assert tuple(map(len, lines)) == FORMS["虞美人"].lengths
    assert verse_lines("白日依山尽、黄河入海流") == ("白日依山尽", "黄河入海流")
