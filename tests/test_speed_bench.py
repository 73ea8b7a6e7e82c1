"""The speed bench: what it counts as written, how it is shown; no speed is held to anything here."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from engine import checkpoint, speed_bench, speed_burst, speed_peers, speed_report
from engine.decode import Decoder
from engine.errors import BadFile, NothingGood
from engine.summary_bench import Measurement
from engine.values import Request
from tests import tiny


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> speed_bench.Ours:
    models = tiny.tiny_models(tmp_path_factory.mktemp("models"))
    return speed_bench.Ours(Decoder(checkpoint.load(models / "talk")))


def test_every_row_writes_as_many_tokens_as_were_asked_for(
    ours: speed_bench.Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ours.decoder.batch()
    made = []
    ask = batch.ask
    monkeypatch.setattr(batch, "ask", lambda *given, **named: made.append(ask(*given, **named)) or made[-1])
    ours.write(3, 2, 7)
    assert [len(row.tokens) for asked in made for row in asked.rows] == [7] * 6
    assert len(batch) == 0


def test_a_step_is_timed_with_its_rows_in_flight(ours: speed_bench.Ours) -> None:
    assert ours.step_seconds(3, 4) > 0
    assert len(ours.decoder.batch()) == 0


def test_parameters_are_those_that_writing_uses(ours: speed_bench.Ours) -> None:
    whole = sum(weight.numel() for weight in ours.decoder.model.parameters())
    assert 0 < ours.parameters < whole
    assert 0 < ours.weight_bytes < 2 * ours.parameters


@pytest.mark.parametrize("parameters", [3_000_000, 7_000_000, 20_000_000])
def test_the_peer_has_as_many_parameters_within_half_a_layer(parameters: int) -> None:
    width = speed_peers.WIDTH
    layer = 12 * width**2 + 13 * width
    whole = (8975 + speed_peers.PLACES) * width + speed_peers.sized(8975, parameters) * layer
    assert abs(whole - parameters) <= layer


def test_medians_take_turns() -> None:
    order: list[str] = []
    speed_bench.medians([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert order == ["a", "b"] * 4


def test_the_table_says_what_holds() -> None:
    found = [
        Measurement("reply", 20.0, "replies/s", "other", 2.0, bar=">= 8x", ok=True),
        Measurement("step_1", 100.0, "steps/s", limit=400.0, bar=">= 0.4", ok=False),
    ]
    lines = speed_report.table(found).splitlines()
    assert lines[-2] == "| reply | 20 replies/s | other 2 | 10.00 | >= 8x | holds |"
    assert lines[-1] == "| step_1 | 100 steps/s | limit 400 | 0.25 | >= 0.4 | does not hold |"


def test_the_table_of_a_file_is_replaced_between_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("一<!-- bench -->\nold\n<!-- /bench -->二\n<!-- bench --><!-- /bench -->\n", "utf-8")
    for _ in range(2):
        speed_report.write_into(file, "| new \\1 |")
    new = "<!-- bench -->\n\n| new \\1 |\n\n<!-- /bench -->"
    assert file.read_text("utf-8") == f"一{new}二\n{new}\n"
    file.write_text("nothing", "utf-8")
    with pytest.raises(BadFile):
        speed_report.write_into(file, "|")


class Slow:
    """An engine in which everybody waits as long as there are people, and every tenth asking fails."""

    asked = 0

    async def write(self, request: Request) -> None:
        self.asked += 1
        await asyncio.sleep(0.02)
        if request.seed == 3:
            raise NothingGood()


async def test_who_was_lost_among_many_is_seen() -> None:
    waits, spent, longest = await speed_burst._at_once(cast(Any, Slow()), 8)
    assert waits[3] is None
    assert all(wait is not None and 0.02 <= wait <= spent for n, wait in enumerate(waits) if n != 3)
    assert 0 <= longest <= spent


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", exc_type=ImportError)
    rates = {"Moyou": {1: 10.0, 8: 60.0}, "limit": {1: 20.0, 8: 100.0}}
    speed_report.picture(rates, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 1000
