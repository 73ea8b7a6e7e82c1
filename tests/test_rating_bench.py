"""People's ratings against logistic regression and length: which rows are read, that all see the same."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
import torch

from engine import rating_bench
from engine.errors import BadFile
from engine.rating_bench import FILES, balanced, ratings, read
from engine.reward import RewardConfig

TINY = RewardConfig(embedding=4, units=4, epochs=2, folds=2, patience=1)


def write(folder: Path, count: int = 240) -> None:
    """Texts that are liked where a certain word stands in them, whatever their length."""
    draw = random.Random(1)
    for name, file in FILES.items():
        with gzip.open(folder / file, "wt", encoding="utf-8") as lines:
            for number in range(count):
                liked = number % 2 == 0
                words = draw.choices(["one", "two", "three", "four", "five", "six"], k=draw.randint(3, 12))
                words.insert(draw.randrange(len(words)), "lovely" if liked else "dreadful")
                row = {"response": f"{' '.join(words)} {number}", "rating": float(liked)}
                if name == "topical chat":
                    row |= {"rating": 5 if liked else 2, "split": "train"}
                lines.write(json.dumps(row) + "\n")


@pytest.mark.parametrize("full", [False, True])
def test_all_ways_see_the_same_ratings_and_how_many_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    pytest.importorskip("sklearn")
    torch.set_num_threads(1)
    monkeypatch.setattr(rating_bench, "MOST", 150)
    write(tmp_path)
    found = list(ratings(tmp_path, TINY, full=full))
    assert [one.peer_name for one in found] == ["logistic regression on TF-IDF", "length"] * 2
    assert all(f"{240 if full else 150} of 240 ratings" in one.name for one in found[::2])
    for words, length in zip(found[::2], found[1::2], strict=True):
        assert words.ours == length.ours > 0.9
        assert words.peer is not None
        assert words.peer > 0.9
        assert length.peer is not None
        assert 0.3 < length.peer < 0.7
        assert length.ok == words.ok == (words.ours > max(words.peer, length.peer))


def test_what_was_rated_in_between_is_left_out_and_kinds_are_balanced(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl.gz"
    rows = [{"response": f"t{n}", "rating": 1 + n % 5, "split": "train"} for n in range(50)]
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    found = read(file)
    assert sum(liked for _, liked in found) == 10
    assert len(found) == 40
    assert sorted(liked for _, liked in balanced(found)) == [False] * 10 + [True] * 10
    file.write_bytes(b"nothing packed")
    with pytest.raises(BadFile):
        read(file)
