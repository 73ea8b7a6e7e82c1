"""Sentences about places: each is named, whole, and the two sides name the same ones."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from engine import parallel, place_pairs


def test_every_place_is_named_on_both_sides_and_known_by_one_name() -> None:
    known = place_pairs.places()
    assert len({en for en, _ in known}) == len({zh for _, zh in known}) == len(known) > 100
    found = list(place_pairs.pairs(3))
    for english, chinese in known:
        named = [(en, zh) for en, zh in found if chinese in zh and english.casefold() in en.casefold()]
        assert len(named) >= 8
    for english, chinese in found:
        assert parallel.direction(english) == parallel.TAGS[1]
        assert parallel.direction(chinese) == parallel.TAGS[0]
        assert english[0].isupper()
        assert "{" not in english + chinese
    assert found == list(place_pairs.pairs(3)) != list(place_pairs.pairs(4))


def test_the_command_writes_pairs(tmp_path: Path) -> None:
    out = tmp_path / "places.jsonl"
    result = CliRunner().invoke(place_pairs.main, ["--out", str(out)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [next(parallel.pairs(row)) for row in rows] == list(place_pairs.pairs(0))
