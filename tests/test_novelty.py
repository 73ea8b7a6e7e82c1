"""The filter of lines: it never forgets one, and rarely takes a new one for known."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.novelty import Bloom, letters

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4EFF), min_size=1, max_size=7)


@given(st.sets(HAN, max_size=60), HAN)
@settings(max_examples=150, deadline=None)
def test_every_item_is_found_in_both_ways(items: set[str], other: str) -> None:
    bloom = Bloom.build(items)
    assert len(bloom) == len(items)
    assert all(item in bloom for item in items)
    characters = [chr(code) for code in range(0x4E00, 0x4F00)]
    for item in [*sorted(items)[:5], other]:
        flags = bloom.endings(item[:-1], letters(characters))
        assert flags.tolist() == [item[:-1] + character in bloom for character in characters]


def test_the_rate_is_kept() -> None:
    choose = random.Random(1)
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
    lines = {"".join(choose.choices(characters, k=size)) for size in (5, 7) for _ in range(15_000)}
    rate = 1e-3
    bloom = Bloom.build(lines, rate)
    last = letters(characters)
    wrong = asked = 0
    for line in sorted(lines)[:150]:  # near misses: known beginnings with other endings
        flags = bloom.endings(line[:-1], last)
        wrong += int(flags.sum()) - sum(line[:-1] + character in lines for character in characters)
        asked += len(characters)
    assert wrong / asked < 2 * rate
    bytes_a_line = bloom._blocks.nbytes / len(lines)
    assert bytes_a_line < 2.0


def test_the_default_rate_on_lines_never_seen() -> None:
    choose = random.Random(2)
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
    bloom = Bloom.build("".join(choose.choices(characters, k=7)) for _ in range(40_000))
    last = letters(characters)
    wrong = sum(int(bloom.endings("".join(choose.choices(characters, k=6)), last).sum()) for _ in range(200))
    assert wrong < 1e-4 * 200 * 3000 * 1.5


def test_saved_and_mapped(tmp_path: Path) -> None:
    lines = ["白日依山尽", "黄河入海流", "朝辞白帝彩云间"]
    bloom = Bloom.build(lines)
    file = tmp_path / "lines.npy"
    bloom.save(file)
    mapped = Bloom.load(file)
    assert all(line in mapped for line in lines)
    assert "白日依山青" not in mapped
    assert "" not in mapped
    assert (len(mapped), mapped.probes) == (3, bloom.probes)
    again = tmp_path / "again.npy"
    Bloom.build(reversed(lines)).save(again)
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "content",
    [np.zeros(3, np.uint8), np.zeros(600, np.uint8), np.zeros((4, 4), np.uint8), np.zeros(600, np.float32)],
)
def test_another_file_is_refused(tmp_path: Path, content: np.ndarray) -> None:
    np.save(tmp_path / "other.npy", content)
    with pytest.raises(ValueError, match="not a novelty filter"):
        Bloom.load(tmp_path / "other.npy")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lines.npy"
    Bloom.build(["白日依山尽"]).save(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"."):
        Bloom.load(file)


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, 2.0])
def test_a_rate_must_be_a_probability(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Bloom.build(["行"], rate)


def test_an_empty_filter_holds_nothing() -> None:
    bloom = Bloom.build([])
    assert "月" not in bloom
    assert not bloom.endings("明", letters("月日")).any()
