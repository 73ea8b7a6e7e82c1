"""Exports as people who train with TRL load them: `datasets` reads them, TRL's column rules hold.

TRL's rules (its "Dataset formats"): an unpaired preference has the columns prompt, completion and label, the
label boolean; a preference with an explicit prompt has prompt, chosen and rejected; all texts are strings in
the standard format. KTO wants both labels. Skips where `datasets` is not installed.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from engine.export import card_of, export
from engine.journal import Fact, Journal, Place
from engine.values import Request
from tests.replies import WORDS, draft, reply

datasets = pytest.importorskip("datasets")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Texts that readers of JSON and CSV stumble over: quotes, line ends, formulas, □, long ones."""
    texts = [
        '他说"好"，走了',
        "第一行\n第二行",
        "=1+1",
        f"□{'长' * 900}",
        "It's, well, fine\r\nso",
        "\u2028分行",
    ]
    path = tmp_path / "journal.db"
    with Journal(path, closed_options={"poem": ["form"]}) as opened:
        for number in range(24):
            task = "poem" if number % 2 else "chat"
            own = f"{texts[number % len(texts)]}{number}"
            one = draft(own.replace("□", WORDS), own)
            request = Request(task, text=WORDS, options={"form": "wujue"} if task == "poem" else {})
            where = Place("discord", "1", "2")
            opened.record(request, reply(f"g{number}", one.text, task=task, drafts=(one,)), "asker", where)
            for person in range(3):
                value = 1.0 if (number // 2 + person * (number % 4 == 0)) % 2 else -1.0
                opened.react(Fact(f"g{number}", f"p{person}", "button", value, "up", reason=WORDS))
    return path


def loaded(kind: str, file: Path, tmp_path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the library's own dependencies
        return datasets.load_dataset(
            kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
        )


def test_kto_is_an_unpaired_preference(journal: Path, tmp_path: Path) -> None:
    rows = export(journal, "kto", tmp_path / "kto.jsonl")
    found = loaded("json", tmp_path / "kto.jsonl", tmp_path)
    assert found.column_names == ["prompt", "completion", "label"]
    assert len(found) == rows == 72
    kinds = {name: feature.dtype for name, feature in found.features.items()}
    assert kinds["label"] == "bool"
    assert kinds["prompt"] in ("string", "large_string")
    assert kinds["completion"] == kinds["prompt"]
    assert set(found["label"]) == {True, False}
    assert all(text for text in (*found["prompt"], *found["completion"]))


def test_dpo_is_a_preference_with_an_explicit_prompt(journal: Path, tmp_path: Path) -> None:
    rows = export(journal, "dpo", tmp_path / "dpo.jsonl")
    found = loaded("json", tmp_path / "dpo.jsonl", tmp_path)
    assert found.column_names == ["prompt", "chosen", "rejected"]
    assert len(found) == rows >= 5
    assert {feature.dtype for feature in found.features.values()} <= {"string", "large_string"}
    for row in found:
        assert row["prompt"] in ("chat", "poem form=wujue")
        assert row["chosen"] != row["rejected"]
    assert len(set(found["chosen"])) == len(found), "no text weighs more than another"


def test_csv_comes_back_row_by_row(journal: Path, tmp_path: Path) -> None:
    rows = export(journal, "csv", tmp_path / "all.csv")
    found = loaded("csv", tmp_path / "all.csv", tmp_path)
    assert len(found) == rows == 24
    assert found.column_names == ["prompt", "completion", "likes", "dislikes", "mean", "model"]
    assert sum(found["likes"]) + sum(found["dislikes"]) == 72
    assert any("\n" in text for text in found["completion"])


def test_the_code_on_the_card_loads_the_file(journal: Path, tmp_path: Path) -> None:
    for kind in ("kto", "dpo"):
        out = tmp_path / f"{kind}.jsonl"
        export(journal, kind, out)  # type: ignore[arg-type]
        card = card_of(out).read_text("utf-8")
        assert f'load_dataset("json", data_files="{out.name}")' in card
        assert WORDS not in card
