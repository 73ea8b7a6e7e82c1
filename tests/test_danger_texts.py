"""What danger learns from and what measures it never meet, and a corpus is read as its own splits say."""

import gzip
import json
from pathlib import Path

import pytest

from engine import danger_texts, reading


def _corpus(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in records).encode()))
    return path


def test_a_corpus_with_a_train_split_is_learnt_from_by_it(tmp_path: Path) -> None:
    records = [{"text": str(n), "split": "valid" if n % 2 else "train"} for n in range(10)]
    path = _corpus(tmp_path / "one.jsonl.gz", records)
    assert [record["text"] for record in danger_texts.aside(path)] == ["1", "3", "5", "7", "9"]


def test_of_a_corpus_without_one_the_first_of_five_stays_aside(tmp_path: Path) -> None:
    records = [{"text": str(n), "split": "valid"} for n in range(11)]
    path = _corpus(tmp_path / "one.jsonl.gz", records)
    assert [record["text"] for record in danger_texts.aside(path)] == ["0", "5", "10"]


def test_broad_texts_are_those_not_aside_without_what_rules_hear(tmp_path: Path) -> None:
    records = [{"turns": [f"turn {n}", "the bus is late"], "attr": "someone"} for n in range(6)]
    _corpus(tmp_path / "talk.jsonl.gz", [*records, {"turns": ["i want to die"]}, {"question": "which bus"}])
    (tmp_path / "written").mkdir()
    broad = [row for row in danger_texts.gather(tmp_path, {"talk": 100}) if row.source == danger_texts.BROAD]
    assert {row.text for row in broad} == {
        *(f"turn {n}" for n in range(1, 5)),
        "the bus is late",
        "which bus",
    }
    assert all(row.intent == "" for row in broad)
    few = [row for row in danger_texts.gather(tmp_path, {"talk": 2}) if row.source == danger_texts.BROAD]
    assert few
    assert {row.group for row in few} <= {"talk 0", "talk 1"}


def test_what_is_kept_aside_is_not_learnt_from_but_for_a_few_common_words() -> None:
    folder = Path(danger_texts.__file__).parent / "facts"
    learnt = {ask for row in reading.rows(folder / "danger-examples.jsonl") for ask in row["asks"]}
    for path in sorted(Path(__file__).parent.glob("danger_*.jsonl")):
        kept = {ask for row in reading.rows(path) for ask in row["asks"]}
        assert len(kept) > 50
        assert len(kept & learnt) < 0.07 * len(kept), path.name


@pytest.mark.parametrize(
    ("intent", "dangerous"),
    [("crisis_abuse", True), ("self_harm", True), ("unsafe_hate", True), ("sad_today", False)],
)
def test_which_intents_are_dangerous(intent: str, dangerous: bool) -> None:
    assert danger_texts.is_dangerous(intent) is dangerous
