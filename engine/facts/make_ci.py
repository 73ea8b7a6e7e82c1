"""Makes ci.json, sixteen 词牌 as templates, and cilin.json, the rhymes of 词林正韵, from the corpora.

Run: python -m engine.facts.make_ci TABLES POEMS (the catalogue's rhyme-zh-tables.json.gz and
poem-zh-ci-qu.jsonl.gz), after make_pingshui. Knows: how a pattern is read off many poems by majority.
Does not know: how verse is written or checked; nothing imports this module at run time.

1. cilin.json: nineteen parts, each with the characters that rhyme in it level (平) and oblique (仄).
   Rising and departing tones rhyme together, entering ones apart (parts fifteen to nineteen hold
   nothing else). The published table places 4,900 characters; the others of pingshui.json go where
   most of their 平水韵 group went, unless the group is split too evenly to tell. A reading that
   pingshui.json does not have is left out, so that both tables read a character alike.
2. ci.json, for each name, by the commonest row of line lengths: which lines rhyme together (the ends
   of two lines share a part in most poems), then from the poems that rhyme so the tone of every
   position: 平 or 仄 where nine in ten agree, 中 where custom allows both; the mark that ends a line,
   and the place of a pause inside it. A line is an echo of the one before where most poems repeat it.
   The corpus does not mark stanzas: where the second one begins is tradition's (STANZAS).
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# The first line of the second stanza, from 0; None: there is but one.
STANZAS: dict[str, int | None] = {
    "浣溪沙": 3,
    "菩萨蛮": 4,
    "鹧鸪天": 4,
    "蝶恋花": 5,
    "西江月": 4,
    "清平乐": 4,
    "临江仙": 5,
    "减字木兰花": 4,
    "点绛唇": 4,
    "虞美人": 4,
    "踏莎行": 5,
    "如梦令": None,
    "浪淘沙": 5,
    "卜算子": 4,
    "满江红": 8,
    "水调歌头": 9,
}
AGREEMENT = 0.9  # of the poems, where a position's tone is a rule
RHYMING = 0.5  # of the poems, where two lines rhyme
CLEAR_GROUP = 0.8  # of a 平水韵 group's members in one part, for the others to follow
STRAY = 0.05  # of a group's members, below which a part is not theirs
NUMBERS = (*"一二三四五六七八九十", *(f"十{unit}" for unit in "一二三四五六七八九"))

Parts = dict[str, dict[str, set[str]]]  # tone → character → parts


def read_parts(tables: Path, pingshui: Mapping[str, Mapping[str, str]]) -> Parts:
    with gzip.open(tables, "rt", encoding="utf-8") as file:
        published: Mapping[str, Mapping[str, list[str]]] = json.load(file)["cilin"]
    listed: dict[str, dict[str, set[str]]] = {kind: defaultdict(set) for kind in ("平声", "仄声", "入声")}
    for part, members_by_kind in published.items():
        for kind, members in members_by_kind.items():
            for member in members:
                listed[kind][member].add(part)
    parts: Parts = {"平": defaultdict(set), "仄": defaultdict(set)}
    kinds = {"level": "平声", "rising": "仄声", "departing": "仄声", "entering": "入声"}
    for tone, groups in pingshui.items():
        if tone not in kinds:
            continue
        found = listed[kinds[tone]]
        into = parts["平" if tone == "level" else "仄"]
        for group in groups.values():
            went = Counter(part for member in group for part in found.get(member, ()))
            share = Counter({part: count / max(1, sum(went.values())) for part, count in went.items()})
            usual = {part for part, value in share.items() if value >= CLEAR_GROUP}
            for member in group:
                # A part that a group's members practically never share came from another group.
                own = {part for part in found.get(member, ()) if share[part] >= STRAY}
                into[member] |= own or usual
    return parts


def readings(pingshui: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Character → 平, 仄 or 中."""
    level = {member for members in pingshui["level"].values() for member in members}
    oblique = {
        member
        for tone in ("rising", "departing", "entering")
        for members in pingshui[tone].values()
        for member in members
    }
    return {
        character: "中" if character in level & oblique else "平" if character in level else "仄"
        for character in level | oblique
    }


def poems(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(词牌, lines with their marks) of the rows for training."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in file:
            record = json.loads(row)
            if record["form"] == "ci" and record.get("split", "train") == "train":
                yield re.split(r"[·・\s（(]", record.get("title", ""))[0], record["lines"]


def han(line: str) -> str:
    return re.sub("[^\u3400-\u9fff\U00020000-\U0003ffff]", "", line)


def chains(rows: Sequence[Sequence[str]], parts: Parts) -> list[int | None]:
    """For each line the number of its rhyme, from 0 in order of appearance, or None."""
    count = len(rows[0])
    ends = [
        [{part for tone in parts.values() for part in tone.get(line[-1], ())} for line in lines]
        for lines in rows
    ]
    rhymes: list[int | None] = [None] * count
    following = 0
    for later in range(count):
        for earlier in range(later):
            if lines_rhyme(ends, earlier, later) >= RHYMING:
                if rhymes[earlier] is None:
                    rhymes[earlier], following = following, following + 1
                rhymes[later] = rhymes[earlier]
                break
    order = {name: number for number, name in enumerate(dict.fromkeys(r for r in rhymes if r is not None))}
    return [None if rhyme is None else order[rhyme] for rhyme in rhymes]


def lines_rhyme(ends: Sequence[Sequence[set[str]]], one: int, other: int) -> float:
    return sum(bool(row[one] & row[other]) for row in ends) / len(ends)


def template(rows: Sequence[str], tones: Mapping[str, str], rhymes: bool) -> str:
    """One line's tones over many poems; a rhyme is always one of both."""
    found = ""
    for column in range(len(rows[0])):
        counts = Counter(tones.get(row[column], "中") for row in rows)
        level, oblique = counts["平"], counts["仄"]
        share = level / max(1, level + oblique)
        least = 0.5 if rhymes and column == len(rows[0]) - 1 else AGREEMENT
        found += "平" if share >= least else "仄" if 1 - share >= least else "中"
    return found


def induce(marked: Sequence[Sequence[str]], tones: Mapping[str, str], parts: Parts) -> dict[str, Any]:
    plain = [[han(line) for line in lines] for lines in marked]
    lengths, _ = Counter(tuple(map(len, lines)) for lines in plain).most_common(1)[0]
    chosen = [number for number, lines in enumerate(plain) if tuple(map(len, lines)) == lengths]
    rows = [plain[number] for number in chosen]
    rhymes = chains(rows, parts)
    ends = [
        Counter(tones.get(lines[row][-1], "中") for lines in rows if tones.get(lines[row][-1]) != "中")
        for row in range(len(lengths))
    ]
    wanted = [end.most_common(1)[0][0] for end in ends]

    def keeps(lines: Sequence[str]) -> bool:
        sets: dict[int, set[str]] = {}
        for line, rhyme, tone in zip(lines, rhymes, wanted, strict=True):
            if rhyme is not None:
                own = parts[tone].get(line[-1], set())
                sets[rhyme] = sets[rhyme] & own if rhyme in sets else set(own)
        return all(sets.values())

    kept = [number for number, lines in zip(chosen, rows, strict=True) if keeps(lines)]
    found = []
    for row in range(len(lengths)):
        of_row = [plain[number][row] for number in kept]
        line: dict[str, Any] = {
            "template": template(of_row, tones, rhymes[row] is not None),
            "rhyme": rhymes[row],
        }
        written = [marked[number][row] for number in kept]
        line["mark"] = "。" if sum(text[-1:] in "。？！" for text in written) * 2 > len(written) else "，"
        pauses = Counter(len(han(text.split("、")[0])) for text in written if text.count("、") == 1)
        if pauses and pauses.most_common(1)[0][1] * 2 > len(written):
            line["pause"] = pauses.most_common(1)[0][0]
        if row and sum(plain[n][row] == plain[n][row - 1] for n in kept) * 2 > len(kept):
            line["echo"] = row - 1
        found.append(line)
    return {"lengths": list(lengths), "lines": found, "support": len(kept), "poems": len(marked)}


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m engine.facts.make_ci TABLES POEMS", file=sys.stderr)
        return 2
    tables, corpus = map(Path, arguments)
    folder = Path(__file__).parent
    pingshui = json.loads((folder / "pingshui.json").read_text(encoding="utf-8"))
    sorted_out = {key: groups for key, groups in pingshui.items() if isinstance(groups, dict)}
    parts, tones = read_parts(tables, sorted_out), readings(sorted_out)
    by_part: dict[str, dict[str, str]] = {f"第{number}部": {} for number in NUMBERS}
    for part, by_tone in by_part.items():
        for tone, placed in parts.items():
            members = "".join(sorted(character for character, own in placed.items() if part in own))
            if members:
                by_tone[tone] = members
    write(folder / "cilin.json", by_part)
    by_name: dict[str, list[list[str]]] = {name: [] for name in STANZAS}
    for name, lines in poems(corpus):
        if name in by_name and all(map(han, lines)):
            by_name[name].append(lines)
    forms = {name: {**induce(rows, tones, parts), "break": STANZAS[name]} for name, rows in by_name.items()}
    write(folder / "ci.json", forms)
    for name, form in forms.items():
        shown = " ".join(
            line["template"] + ("" if line["rhyme"] is None else str(line["rhyme"])) for line in form["lines"]
        )
        print(f"{name} {form['support']}/{form['poems']}: {shown}")
    return 0


def write(path: Path, data: Mapping[str, Any]) -> None:
    rows = ",\n".join(
        f" {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}" for k, v in data.items()
    )
    path.write_text("{\n" + rows + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
