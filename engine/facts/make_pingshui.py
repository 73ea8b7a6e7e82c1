"""Makes pingshui.json, the readings of characters in verse, from the published rhyme tables.

Run: python -m engine.facts.make_pingshui TABLES POEMS... (the catalogue's rhyme-zh-tables.json.gz
and poem-zh-*.jsonl.gz). Knows: what is wrong or missing in those tables and why. Does not know:
how verse is written or checked (engine.verse does); nothing imports this module at run time.

Three steps, in this order:
1. MENDS corrects the tables by hand. The tables lack the third rising group 三讲 (the rising tone has
   29 groups in 平水韵, they have 28: 二肿 is followed by 四纸); it is restored from the standard list.
   Most other mends undo slips of conversion and recognition (昂 read as 昴, 缯 as 绘, 蘋 and 萍 both
   written 苹). Candidates were found by comparing each group with the modern finals of its members,
   and with how regulated poems use them; each was then judged singly.
2. Characters the tables lack (溪 啼 沉 迹 …, mostly variants) get their tone from use: in poems whose
   tones otherwise fit a template, the positions 2, 4, 6 and the line's end tell level from oblique.
   Level ones get their rhyme group from the company in which they rhyme, where it is clear.
3. A level or oblique reading that practically never occurs in verse is dropped (梦 as level: 28 of
   15,253), and so is a rhyme group in which a character practically never rhymes (逢 in 三江), since
   a reader would call its use a mistake.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

TONES = {
    "上平声部": "level",
    "下平声部": "level",
    "上声部": "rising",
    "去声部": "departing",
    "入声部": "entering",
}
UNPLACED = {"平": "未详平声", "仄": "未详仄声"}

# (group, members to remove, members to add)
MENDS: tuple[tuple[str, str, str], ...] = (
    ("三讲", "", "讲港棒蚌项耩玤缿傋"),
    ("一东", "冢", ""),  # 冡, another character
    ("二冬", "衡", "冲"),  # 衝, whose simplified form is 冲
    ("四支", "宦佳乖雎", "宧"),  # 宧 read as 宦; 隹, 雎 of the 鱼 group
    ("八齐", "", "犁"),
    ("九佳", "", "乖"),
    ("十一真", "", "苹"),  # 蘋, simplified to 苹 in the poems at hand
    ("十二文", "辉", ""),  # 煇
    ("十三元", "辉", ""),
    ("十灰", "抔", ""),  # 坏
    ("十四寒", "", "判"),  # 判 for 拚
    ("一先", "", "先阏圜"),
    ("二萧", "", "晁"),
    ("三肴", "", "茆"),
    ("四豪", "掺", ""),
    ("五歌", "", "酂靴"),
    ("六麻", "了祖锻", "槎"),
    ("七虞", "救", "跗莆摸"),
    ("七阳", "昴", "昂"),
    ("八庚", "栩", ""),
    ("八齐", "", "鞞"),
    ("九青", "", "箵鲭令"),
    ("十蒸", "绘", "缯镫"),
    ("十一尤", "仔", ""),
    ("十四盐", "铃", "钤"),
    ("十五咸", "才", ""),  # 纔, simplified to 才: no poet rhymes 才 so
    ("五微", "", "蜚"),
    ("四纸", "征芊花", "徵伎巂祗祇"),  # 徵 the musical note; 芈; 蘤; 祗 and 祇 for 只
    ("五尾", "靴猪", ""),
    ("七麌", "每", "侮"),
    ("七遇", "", "喻"),
    ("十九皓", "娼", ""),
    ("二十六寝", "", "椹"),
    ("十二震", "葭", ""),
    ("十五翰", "", "鼾"),
    ("十七霰", "授蔑", "援"),
    ("二十三漾", "", "倡瀼"),
    ("二十七沁", "维醅", ""),
    ("一屋", "颓国", "阿"),  # 阿 as a prefix (阿母, 阿谁): oblique in a third of its uses
    ("二沃", "北跫歊", ""),
    ("三觉", "儿", ""),
    ("七曷", "铦", ""),
    ("八黠", "耻北", ""),
    ("十二锡", "臭", ""),
    ("十四缉", "龙", ""),
)

ENOUGH_USES, CLEAR_RHYMES, CLEAR_SHARE = 15, 10, 0.7
BOTH_WAYS = 0.2  # an unknown character used this often either way counts as read both ways
DORMANT_USES, DORMANT_RHYMES, DORMANT_SHARE = 150, 60, 0.006

Groups = dict[str, dict[str, list[str]]]  # tone → group → members


def read_tables(path: Path) -> Groups:
    """The published 平水韵 by tone and group. The entering groups lose their prefix 入声."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        published: Mapping[str, Mapping[str, list[str]]] = json.load(file)["pingshui"]
    groups: Groups = {tone: {} for tone in TONES.values()}
    for part, members_by_name in published.items():
        for name, members in members_by_name.items():
            groups[TONES[part]][name.removeprefix("入声")] = list(dict.fromkeys(members))
    return groups


def mend(groups: Groups) -> None:
    rising = groups["rising"]
    names = list(rising)
    if "三讲" not in rising:
        names.insert(names.index("二肿") + 1, "三讲")
        groups["rising"] = {name: rising.get(name, []) for name in names}
    for name, removed, added in MENDS:
        (tone,) = (tone for tone in groups if name in groups[tone])
        members = [member for member in groups[tone][name] if member not in removed]
        groups[tone][name] = members + [member for member in added if member not in members]


def tones(groups: Groups) -> tuple[set[str], set[str]]:
    level = {member for members in groups["level"].values() for member in members}
    oblique = {
        member
        for tone in ("rising", "departing", "entering")
        for members in groups[tone].values()
        for member in members
    }
    return level, oblique


def regulated_lines(paths: Iterable[Path]) -> Iterator[list[str]]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in file:
                record = json.loads(row)
                if record["form"] not in ("5jue", "7jue", "5lv", "7lv"):
                    continue
                lines = [line.strip("，。！？；、：,.!?;: ") for line in record["lines"]]
                if len(lines) in (4, 8) and all(len(line) == int(record["form"][0]) for line in lines):
                    yield lines


def skeletons(size: int, count: int) -> list[list[str]]:
    """The four templates, only with the positions that decide: - elsewhere."""
    five = {"A": "-仄-平仄", "B": "-平-仄平", "C": "-平-仄仄", "D": "-仄-平平"}
    if size == 7:
        five = {key: ("-平" if line[1] == "仄" else "-仄") + line for key, line in five.items()}
    result = []
    for first, rest in (("A", "BCD"), ("D", "BCD"), ("C", "DAB"), ("B", "DAB")):
        later = {"BCD": "ABCD", "DAB": "CDAB"}[rest]
        result.append([five[key] for key in (first + rest + later)[:count]])
    return result


def observe(groups: Groups, paths: Iterable[Path]) -> tuple[dict[str, list[int]], dict[str, Counter[str]]]:
    """(character → [level, oblique] uses at deciding positions, character → groups it rhymes with)."""
    level, oblique = tones(groups)
    group_of: dict[str, list[str]] = defaultdict(list)
    for name, members in groups["level"].items():
        for member in members:
            group_of[member].append(name)
    uses: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    company: dict[str, Counter[str]] = defaultdict(Counter)
    for lines in regulated_lines(paths):
        fits = []
        for template in skeletons(len(lines[0]), len(lines)):
            wrong = 0
            for line, wanted_line in zip(lines, template, strict=True):
                for character, wanted in zip(line, wanted_line, strict=True):
                    only_level = character in level and character not in oblique
                    only_oblique = character in oblique and character not in level
                    wrong += (wanted == "仄" and only_level) or (wanted == "平" and only_oblique)
            fits.append((wrong, template))
        wrong, template = min(fits, key=lambda fit: fit[0])
        if wrong > 1:
            continue
        for line, wanted_line in zip(lines, template, strict=True):
            for character, wanted in zip(line, wanted_line, strict=True):
                if wanted != "-":
                    uses[character][wanted == "仄"] += 1
        rhymes = [line[-1] for line in lines[1::2]]
        for character in rhymes:
            for other in rhymes:
                if other != character and len(group_of[other]) == 1:
                    company[character][group_of[other][0]] += 1
    return uses, company


def supplement(groups: Groups, uses: Mapping[str, list[int]], company: Mapping[str, Counter[str]]) -> None:
    level, oblique = tones(groups)
    groups["level"][UNPLACED["平"]] = []
    groups["rising"][UNPLACED["仄"]] = []
    for character, (as_level, as_oblique) in sorted(uses.items()):
        total = as_level + as_oblique
        if total < ENOUGH_USES or character in level or character in oblique or character < "㐀":
            continue
        if as_level / total >= BOTH_WAYS:
            (name, count), rhymes = (
                company[character].most_common(1)[0] if company.get(character) else ("", 0),
                sum(company.get(character, Counter()).values()),
            )
            clear = count >= CLEAR_RHYMES and count / rhymes >= CLEAR_SHARE
            groups["level"][name if clear else UNPLACED["平"]].append(character)
        if as_oblique / total >= BOTH_WAYS:
            groups["rising"][UNPLACED["仄"]].append(character)


def drop_dormant(groups: Groups, uses: Mapping[str, list[int]]) -> list[str]:
    """Removes readings that verse does not use; returns what was removed, e.g. 梦平."""
    level, oblique = tones(groups)
    dropped = []
    for character in sorted(level & oblique):
        as_level, as_oblique = uses.get(character, [0, 0])
        total = as_level + as_oblique
        if total < DORMANT_USES:
            continue
        for tone, share in (("平", as_level / total), ("仄", as_oblique / total)):
            if share >= DORMANT_SHARE:
                continue
            dropped.append(character + tone)
            for part in ("level",) if tone == "平" else ("rising", "departing", "entering"):
                for members in groups[part].values():
                    if character in members:
                        members.remove(character)
    return dropped


def drop_dormant_rhymes(groups: Groups, company: Mapping[str, Counter[str]]) -> list[str]:
    """Removes level groups in which verse does not use a character; returns what was removed."""
    dropped = []
    for name, members in groups["level"].items():
        for character in list(members):
            rhymes = company.get(character, Counter())
            total = sum(rhymes[other] for other in groups["level"] if character in groups["level"][other])
            if (
                total >= DORMANT_RHYMES
                and rhymes[name] / total < DORMANT_SHARE
                and name not in UNPLACED.values()
            ):
                members.remove(character)
                dropped.append(f"{character}{name}")
    return dropped


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print("usage: python -m engine.facts.make_pingshui TABLES POEMS...", file=sys.stderr)
        return 2
    tables, *poems = (Path(argument) for argument in arguments)
    groups = read_tables(tables)
    mend(groups)
    uses, company = observe(groups, poems)
    supplement(groups, uses, company)
    dropped = drop_dormant(groups, uses) + drop_dormant_rhymes(groups, company)
    data = {
        "source": "charlesix59/chinese_word_rhyme (MIT), mended and supplemented by make_pingshui.py",
        "dropped": " ".join(dropped),
        **{
            tone: {name: "".join(members) for name, members in by_name.items()}
            for tone, by_name in groups.items()
        },
    }
    target = Path(__file__).with_name("pingshui.json")
    target.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    level, oblique = tones(groups)
    print(f"{target.name}: {len(level | oblique)} characters, {len(level & oblique)} read both ways")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
