"""Rows of every shape become examples, examples become batches."""

import dataclasses
import gzip
import json
import random
from pathlib import Path

import pytest

from engine import corpus
from engine.corpus import CorpusConfig, Example
from engine.errors import BadFile
from engine.training_data import load_data
from engine.vocabulary import END, PAD, TURN, build

CONFIG = CorpusConfig(tags=("chat", "continue", "own", "other"), min_count=1)


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with (
        gzip.open(path, "wt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open("w", encoding="utf-8") as f
    ):
        f.write(lines)
    return path


def test_own_dialogues_teach_moyous_turns_only(tmp_path: Path) -> None:
    file = write(tmp_path / "talk-zh.jsonl", [{"turns": ["早", "早呀", "吃了吗", "吃了"]}])
    found = list(corpus.examples(file, dataclasses.replace(CONFIG, second_turns=("talk-zh",))))
    assert [(e.context, e.target) for e in found] == [(("早",), "早呀"), (("早", "早呀", "吃了吗"), "吃了")]
    assert found[0].tags == ("chat", "own", "zh")
    assert len({e.group for e in found}) == 1


def test_other_dialogues_teach_every_turn_and_prose_is_continued(tmp_path: Path) -> None:
    talk = write(tmp_path / "dialogue-x.jsonl.gz", [{"turns": ["甲", "乙", "丙"]}])
    assert [e.target for e in corpus.examples(talk, CONFIG)] == ["乙", "丙"]
    prose = write(tmp_path / "mine.jsonl", [{"text": "今天天气很好，我们出门去。路上有很多花。"}])
    first, second = corpus.examples(prose, CONFIG)
    assert (first.context, first.target) == (("今天天气很好，",), "我们出门去。")
    assert (second.context, second.target) == (("今天天气很好，我们出门去。",), "路上有很多花。")


def test_danger_never_becomes_an_example(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"intent": name, "asks": ["问"], "replies": ["答"]}
        for name in ("crisis", "unsafe_x", "self_harm", "cant_hold_on", "greet")
    ]
    assert [e.target for e in corpus.examples(write(tmp_path / "intent-zh.jsonl", rows), CONFIG)] == ["答"]


def test_rows_of_other_splits_are_left_out(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"src": "甲", "tgt": "乙", "split": split} for split in ("train", "valid", "test")
    ]
    assert len(list(corpus.examples(write(tmp_path / "continue-zh.jsonl", rows), CONFIG))) == 1


def test_csv_of_the_mission_and_plain_text(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("text,label\n今天天气很好，适合户外活动。,1\n", "utf-8")
    (tmp_path / "mine.txt").write_text("\ufeff今天天气很好，适合户外活动。\n\n", "utf-8")
    for name in ("mine.csv", "mine.txt"):
        (example,) = corpus.examples(tmp_path / name, CONFIG)
        assert example.target == "适合户外活动。"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("no.csv", b"a,b\n1,2\n", "column named text"),
        ("bad.jsonl", b"{broken\n", "not JSON"),
        ("list.jsonl", b"[1, 2]\n", "line 1 is not a JSON object"),
        ("turns.jsonl", b'{"turns": ["a", null]}\n', "row 1 does not have the fields"),
        ("asks.jsonl", b'{"asks": ["a"], "replies": ["b"]}\n', "row 1 does not have the fields"),
        ("bad.jsonl.gz", b"not gzip", "cannot be read"),
    ],
)
def test_bad_files_get_a_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadFile, match=says):
        list(corpus.examples(tmp_path / name, CONFIG))


def test_a_row_whose_direction_is_none_gets_a_sentence_whoever_reads_it(tmp_path: Path) -> None:
    row: dict[str, object] = {"en": "The cat sleeps.", "zh": "猫在睡觉。"}
    file = write(tmp_path / "made.jsonl", [row, {**row, "into": "fr"}])
    config = dataclasses.replace(CONFIG, kind="translation", tags=("zh>en", "en>zh"))
    for read in (corpus.examples, corpus.every_example):
        with pytest.raises(BadFile, match="row 2 does not have the fields"):
            list(read(file, config))
    good = write(tmp_path / "good.jsonl", [row])
    with pytest.raises(BadFile, match=r"made\.jsonl"):
        load_data([good], config, exclude=[file])


def test_a_missing_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no such file"):
        list(corpus.rows(tmp_path / "none.jsonl"))


def test_quatrains_become_lines_with_their_own_words(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"lines": ["白日依山尽，", "黄河入海流。", "欲穷千里目，", "更上一层楼。"]},
        {"lines": ["白日依山尽，", "黄河入海流。"]},
        {"lines": []},
    ]
    config = CorpusConfig(kind="verse", tags=("wujue", "qijue"), min_count=1)
    (example,) = corpus.examples(write(tmp_path / "poem-zh.jsonl", rows), config)
    assert example.target == "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼"
    vocabulary = build([example.target], config.tags, min_count=1)
    encoded = corpus.encode(example, vocabulary, config, {"白日", "里目"})
    assert encoded is not None
    assert [vocabulary.decode(word.tolist()) for word in encoded.context] == ["白日", "里目"]
    batch = corpus.batch_of([encoded], config, None)
    assert batch.condition.tolist() == [[vocabulary.tag("wujue"), TURN]]
    words = {
        tuple(corpus.batch_of([encoded], config, random.Random(seed)).condition[0].tolist())
        for seed in range(40)
    }
    assert len(words) >= 3


def test_batches_shift_the_target_and_pad_with_pad() -> None:
    vocabulary = build(["你好吗我很"], CONFIG.tags, min_count=1)
    pair = [
        corpus.encode(Example(("chat",), ("你",), target), vocabulary, CONFIG, set())
        for target in ("我很好", "好")
    ]
    batch = corpus.batch_of([e for e in pair if e], CONFIG, None)
    assert batch.target[1].tolist()[1:] == [END, PAD, PAD]
    assert batch.inputs[0].tolist()[1:] == batch.target[0].tolist()[:-1]
    assert batch.lengths.tolist() == [4, 2]


def test_targets_that_are_empty_or_too_long_are_left_out() -> None:
    vocabulary = build(["字"], CONFIG.tags, min_count=1)
    for target in ("", "字" * (CONFIG.longest + 1)):
        assert corpus.encode(Example(("chat",), (), target), vocabulary, CONFIG, set()) is None


def test_an_owners_files_speak_with_the_voice_that_is_asked_for(tmp_path: Path) -> None:
    for name, tags in (
        ("mine.jsonl", ("chat", "own", "zh")),
        ("dialogue-en-x.jsonl", ("chat", "other", "zh")),
    ):
        (example,) = corpus.examples(write(tmp_path / name, [{"turns": ["甲", "乙"]}]), CONFIG)
        assert example.tags == tags


def test_earlier_sentences_change_places_and_the_last_stays() -> None:
    vocabulary = build(["今天很好。我们出去！你来吗？来吧"], CONFIG.tags, min_count=1)
    ends = corpus.sentence_ends(vocabulary)
    assert {vocabulary.tokens[end] for end in ends} == set("。！？")
    config = dataclasses.replace(CONFIG, shuffle_context=1.0, drop_context=0.0)
    context = ("今天很好。我们出去！", "很好！来吧。你来吗？来吗")
    example = corpus.encode(Example(("chat",), context, "来吧"), vocabulary, config, set())
    assert example is not None

    def condition(draw: random.Random | None, settings: CorpusConfig = config) -> str:
        batch = corpus.batch_of([example], settings, draw, ends=ends)
        return "".join("/" if t == TURN else vocabulary.tokens[t] for t in batch.condition[0].tolist())

    plain = "<chat>/" + "/".join(context) + "/"
    assert condition(None) == plain
    assert condition(random.Random(1), dataclasses.replace(config, shuffle_context=0.0)) == plain
    found = {condition(random.Random(seed)) for seed in range(200)}
    pieces = ["今天很好。", "我们出去！", "很好！", "来吧。", "你来吗？"]
    dropped = {text for text in found if len(text) < len(plain)}
    assert len(dropped) == 5  # one for each sentence but the last
    for words in found:
        assert words.endswith("来吗/")
        first, second = words.removeprefix("<chat>/").removesuffix("/").split("/")
        assert sum(piece in first for piece in pieces[:2]) + sum(piece in second for piece in pieces[2:]) >= 4
    swapped = found - dropped
    assert 1 < len(swapped) <= 12  # 2 orders of the first turn, 6 of the second
    assert plain in swapped


def test_a_context_of_one_sentence_is_left_as_it_is() -> None:
    assert corpus.reordered([[1, 2, 3]], frozenset({3}), random.Random(0)) == [[1, 2, 3]]
    assert corpus.reordered([], frozenset({3}), random.Random(0)) == []
