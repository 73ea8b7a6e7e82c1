"""A corpus read once: training on the folder is training on the files, and the folder holds no letters."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine import prepared, train
from engine.__main__ import main
from engine.errors import BadFile, BadOption
from engine.passages import Passages
from engine.train import RunConfig
from tests import tiny


def write_dialogues(folder: Path) -> Path:
    """Other people's, which a filter keeps from being written again."""
    return tiny.write_talk(folder).rename(folder / "dialogue-tiny.jsonl")


WRITERS = {"verse": tiny.write_verses, "talk": write_dialogues, "translate": tiny.write_pairs}
FILTERS = {"verse": ["lines.npy"], "talk": ["passages.npy"], "translate": []}


def made(folder: Path, name: str, steps: int = 4) -> tuple[RunConfig, Path]:
    config = tiny.write_config(folder, name, steps=steps)
    result = CliRunner().invoke(
        main,
        [
            "prepare",
            "--config",
            str(config),
            "--data",
            str(WRITERS[name](folder)),
            "--out",
            str(folder / "p"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "vocabulary:" in result.output
    return train.read_config(str(config)), folder / "p"


@pytest.mark.parametrize("name", WRITERS)
def test_training_on_the_folder_gives_the_weights_that_training_on_the_files_gives(
    tmp_path: Path, name: str
) -> None:
    run, folder = made(tmp_path, name)
    train.train(run, [WRITERS[name](tmp_path)], tmp_path / "files", device="cpu", quiet=True)
    figures = train.train(run, [], tmp_path / "folder", device="cpu", quiet=True, folder=folder)
    assert figures["step"] == 4
    a, b = (torch.load(tmp_path / out / "state.pt", weights_only=True) for out in ("files", "folder"))
    assert all(torch.equal(a["model"][key], b["model"][key]) for key in a["model"])
    for known in FILTERS[name]:
        assert (tmp_path / "files" / known).read_bytes() == (tmp_path / "folder" / known).read_bytes()
    assert sorted(f.name for f in (tmp_path / "files").iterdir()) == sorted(
        f.name for f in (tmp_path / "folder").iterdir()
    )


def test_a_glosses_dictionary_travels_with_the_folder(tmp_path: Path) -> None:
    run, _ = made(tmp_path, "translate")
    run.corpus.gloss = True
    data = train.load_data([tiny.write_pairs(tmp_path)], run.corpus)
    prepared.save(data, run.corpus, tmp_path / "glossed")
    read = prepared.load(tmp_path / "glossed", run.corpus)
    assert data.lexicon is not None
    assert read.lexicon is not None
    assert read.lexicon.translations("red") == data.lexicon.translations("red") != []


def test_what_the_start_must_not_repeat_stays_forbidden(tmp_path: Path) -> None:
    run, folder = made(tmp_path, "talk")
    (tmp_path / "other").mkdir()
    file = tmp_path / "other" / "dialogue-other.jsonl"
    said = "从前有一座山山上住着一位不爱说话的老人"
    rows = [{"turns": [f"今天第{n}次见面，你好吗？", f"我很好，谢谢你第{n}次问我。"]} for n in range(40)]
    rows.append({"turns": ["讲个故事吧", said]})
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    start = tmp_path / "start"
    vocabulary = prepared.load(folder, run.corpus).vocabulary
    data = train.load_data([file], run.corpus, vocabulary=vocabulary)
    train.train(run, [file], start, device="cpu", quiet=True, data=data)
    for out in ("once", "again"):
        train.train(run, [], tmp_path / out, device="cpu", quiet=True, folder=folder, init=start)
        assert Passages.load(tmp_path / out / "passages.npy").copies(said)
        folder = folder if out == "again" else tmp_path / "p2"
        if out == "once":
            shutil.copytree(tmp_path / "p", folder)
            shutil.copyfile(tmp_path / out / "passages.npy", folder / "passages.npy")
    sizes = {(tmp_path / out / "passages.npy").stat().st_size for out in ("once", "again")}
    assert len(sizes) == 1  # what is there already is not added once more


def test_a_corpus_that_is_prepared_again_and_never_finished_is_none(tmp_path: Path) -> None:
    run, folder = made(tmp_path, "talk")
    prepared.clear(folder)
    with pytest.raises(BadFile, match="engine prepare"):
        prepared.load(folder, run.corpus)


def test_letters_do_not_travel(tmp_path: Path) -> None:
    _, folder = made(tmp_path, "talk")
    with np.load(folder / prepared.DATA) as arrays:
        assert all(arrays[name].dtype.kind in "uif" for name in arrays.files)
    held = b"".join(file.read_bytes() for file in folder.iterdir())
    assert "第3次见面".encode() not in held


def test_another_corpus_table_gets_a_sentence_and_what_is_drawn_anew_does_not(tmp_path: Path) -> None:
    run, folder = made(tmp_path, "talk")
    run.corpus.drop_context = 0.9
    assert len(prepared.load(folder, run.corpus).train)
    run.corpus.longest = 5
    with pytest.raises(BadOption, match="prepare it again"):
        prepared.load(folder, run.corpus)


def test_another_vocabulary_gets_a_sentence(tmp_path: Path) -> None:
    run, folder = made(tmp_path, "talk")
    (tmp_path / "other").mkdir()
    start = tmp_path / "start"
    train.train(run, [tiny.write_talk(tmp_path / "other", 90)], start, device="cpu", quiet=True)
    with pytest.raises(BadOption, match="prepare it with the --init of this command"):
        train.train(run, [], tmp_path / "out", device="cpu", quiet=True, folder=folder, init=start)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_none_or_unfinished_gets_a_sentence(tmp_path: Path) -> None:
    run, folder = made(tmp_path, "talk")
    (folder / prepared.DATA).write_bytes((folder / prepared.DATA).read_bytes()[:200])
    for wrong in (tmp_path, folder):
        with pytest.raises(BadFile, match="engine prepare"):
            prepared.load(wrong, run.corpus)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "either --data or --prepared"),
        (["--data", "FILE", "--prepared", "p"], "either --data or --prepared"),
        (["--prepared", "p", "--search", "2"], "goes with none of"),
        (["--prepared", "p", "--profile"], "goes with none of"),
    ],
)
def test_options_that_do_not_go_together_are_said(tmp_path: Path, options: list[str], said: str) -> None:
    file = tiny.write_talk(tmp_path)
    options = [str(file) if option == "FILE" else option for option in options]
    result = CliRunner().invoke(
        main,
        [
            "train",
            "--config",
            str(tiny.write_config(tmp_path, "talk")),
            "--out",
            str(tmp_path / "o"),
            *options,
        ],
    )
    assert result.exit_code == 2
    assert said in result.output
