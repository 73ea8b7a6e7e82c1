"""Figures of samples: what they count, on texts whose figures are known and on a tiny real model."""

from __future__ import annotations

import builtins
import logging
from pathlib import Path
from typing import Any

import pytest

from engine import quality
from engine.evaluate import evaluate
from engine.forms import FORMS
from tests import tiny


def test_diversity_tells_copies_from_different_texts() -> None:
    same = quality.diversity(["春眠不觉晓处处闻啼鸟"] * 4)
    other = quality.diversity(["春眠不觉晓", "白日依山尽", "床前明月光", "红豆生南国"])
    assert same["self_bleu_4"] == pytest.approx(1.0)
    assert other["self_bleu_4"] < 0.3
    assert other["distinct_2"] == 1.0
    assert same["distinct_2"] == pytest.approx(0.25)
    assert same["distinct_1"] < other["distinct_1"] <= 1.0


def test_repetition_counts_texts_that_say_four_tokens_twice() -> None:
    assert quality.diversity(["今天下雨了，今天下雨了。", "今天下雨了。"])["repetition"] == 0.5


def test_the_form_of_a_verse() -> None:
    good = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]
    assert quality.form_of(good, FORMS["wujue"]) == (True, True, True)
    assert quality.form_of([*good[:3], "更上一层山"], FORMS["wujue"]) == (True, False, True)
    assert quality.form_of(["花花花花花", *good[1:]], FORMS["wujue"])[2] is False
    assert quality.form_of(good[:3], FORMS["wujue"]) == (False, False, False)
    assert quality.form_of(good, FORMS["qijue"])[0] is False


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


def test_the_report_of_verse(models: Path, tmp_path: Path) -> None:
    found = evaluate(str(models / "verse"), [tiny.write_verses(tmp_path, 8)], samples=8, importance=2)
    assert found["masked_ok"] == 1.0
    assert found["people_length"] == 1.0
    assert found["free_length"] <= 1.0
    assert 1 <= found["distinct_of_8_latents"] <= 8
    assert 0 <= found["known"] <= 1
    assert {"swap_cost", "distinct_1", "self_bleu_4", "copy_rate"} <= found.keys()


def test_the_report_of_talk_and_without_sacrebleu(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("sacrebleu")
    data = [tiny.write_talk(tmp_path, 8)]
    found = evaluate(str(models / "talk"), data, samples=8, importance=2)
    assert 0 <= found["chrf"] <= 100
    assert 0 <= found["bleu"] <= 100

    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "sacrebleu":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with caplog.at_level(logging.WARNING):
        again = evaluate(str(models / "talk"), data, samples=8, importance=2)
    assert "chrf" not in again
    assert "sacrebleu" in caplog.text
