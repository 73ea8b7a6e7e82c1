"""Pairs whose one side a checkpoint wrote: what is taken, what must not be met, which way they teach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import back_translation, corpus
from engine.back_translation import chosen, is_plain, key_of, known, language_of, sentences
from engine.corpus import CorpusConfig
from engine.errors import BadFile
from tests.test_translate import data as pairs_of_a_toy
from tests.test_translate import folder as toy

data, folder = pairs_of_a_toy, toy  # fixtures


@pytest.mark.parametrize(
    ("sentence", "plain"),
    [
        ("The cat sleeps on the roof.", True),
        ("the cat sleeps on the roof.", False),  # no beginning
        ("The cat sleeps on the roof", False),  # no end
        ("Stop it.", False),  # too short
        ("See https://example.org for more of it.", False),
        ("猫睡在屋顶上。", True),
        ("一个男人和一只长颈鹿站在沙滩上", True),
        ("你好。", False),
        ("猫睡在roof上。", False),
    ],
)
def test_only_whole_and_plain_sentences_are_taken(sentence: str, plain: bool) -> None:
    assert is_plain(sentence) == plain


def test_marks_and_capitals_make_no_other_sentence() -> None:
    assert key_of("It's late, Tom.") == key_of("its late Tom!")
    assert key_of("It's late, Tom.") != key_of("It's late, Tim.")


@pytest.fixture
def corpora(tmp_path: Path) -> list[Path]:
    rows: dict[str, list[dict[str, object]]] = {
        "text-en-toy": [
            {"text": "The first one is here. The second one is there."},
            {"text": "The third one is nowhere.", "split": "valid"},
            {"text": "The first one is here!"},
        ],
        "intent-zh": [{"intent": "dinner", "asks": ["今天去哪里吃饭？"], "replies": ["去楼下吃一碗面。"]}],
        "pairs": [{"en": "The second one is there.", "zh": "第二个在那里。", "split": "valid"}],
    }
    files = []
    for name, some in rows.items():
        files.append(tmp_path / f"{name}.jsonl")
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in some), "utf-8")
    return files


def test_what_is_measured_with_is_never_taken_and_nothing_twice(corpora: list[Path]) -> None:
    english, intents, pairs = corpora
    assert list(sentences(english)) == [
        "The first one is here.",
        "The second one is there.",
        "The first one is here!",
    ]
    found = chosen([english, intents], known([pairs]), 10, 0)
    assert [key_of(one) for one in found["en"]] == [key_of("The first one is here.")]
    assert all(language_of(one) == "zh" for one in found["zh"])
    assert sorted(found["zh"]) == ["今天去哪里吃饭？", "去楼下吃一碗面。"]
    assert len(chosen([english, intents], set(), 1, 0)["zh"]) == 1


@pytest.mark.parametrize("row", [{"text": None}, {"turns": [1]}, {"asks": 2}])
def test_a_row_of_no_words_gets_a_sentence(tmp_path: Path, row: dict[str, object]) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text('{"text": "A cat."}\n' + json.dumps(row) + "\n", "utf-8")
    with pytest.raises(BadFile, match="row 2 does not have the fields"):
        list(sentences(file))
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"en": "A cat.", "zh": null}\n', "utf-8")
    with pytest.raises(BadFile, match="row 1 does not have the fields"):
        known([pairs])


@pytest.mark.parametrize("into", ["en", "zh", ""])
def test_a_row_teaches_the_way_it_says(into: str) -> None:
    row = {"en": "The cat sleeps.", "zh": "猫在睡觉。"} | ({"into": into} if into else {})
    found = corpus.of_row(row, "made", CorpusConfig(kind="translation"))
    targets = {"en": ["The cat sleeps."], "zh": ["猫在睡觉。"], "": ["猫在睡觉。", "The cat sleeps."]}
    assert sorted(example.target for example in found) == sorted(targets[into])


def test_the_command_writes_rows_that_training_reads(folder: Path, tmp_path: Path) -> None:
    said, out = tmp_path / "text-toy.jsonl", tmp_path / "made.jsonl"
    texts = ["They like cats. We want bread.", "你们喜欢花。", "Bring me three of those!"]
    said.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    options = ["--data", str(said), "--out", str(out), "--least", "0"]
    result = CliRunner().invoke(back_translation.main, [str(folder), *options])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert json.loads(result.stdout.splitlines()[-1]) == {"pairs": len(rows)}
    assert "They like cats." in {row["en"] for row in rows if row["into"] == "en"}
    for row in rows:
        assert row[row["into"]] in "".join(texts)
        assert (language_of(row["en"]), language_of(row["zh"])) == ("en", "zh")
    examples = list(corpus.examples(out, CorpusConfig(kind="translation")))
    assert [one.target for one in examples] == [row[row["into"]] for row in rows]
