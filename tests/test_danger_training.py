"""What learns danger learns it, from what is hard before what is easy, and keeps it small."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine import danger, danger_texts, danger_training


def test_a_classifier_learns_and_leaves_out_a_fold(tmp_path: Path) -> None:
    rows = [
        *(danger_texts.Row(f"a{n}", "crisis", f"很暗很暗的夜{n}", "examples") for n in range(30)),
        *(danger_texts.Row(f"b{n}", "", f"晴朗的早晨{n}", "talk") for n in range(60)),
    ]
    data = danger_training.featurise(rows)
    model = danger_training.fit(data, data.folds != 0, batch=16)
    assert model.intent(danger.heard([danger.fold("很暗很暗的夜")])) == "crisis"
    assert model.intent(danger.heard([danger.fold("晴朗的早晨")])) is None
    danger_training._write(model, tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as saved:
        assert saved["weights"].shape == (danger.BUCKETS, len(danger.INTENTS) + 1)


@given(st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=20))
def test_weights_kept_as_steps_are_half_a_step_from_what_they_were(values: list[float]) -> None:
    weights = np.array(values, np.float32)
    steps, step = danger_training._stepped(weights)
    assert np.abs(steps * step - weights).max() <= 0.501 * step


def test_of_broad_texts_only_what_sounds_like_danger_is_learnt_from() -> None:
    rows = [
        *(danger_texts.Row(f"a{n}", "crisis", f"很暗很暗的夜里第{n}次", "examples") for n in range(40)),
        *(danger_texts.Row(f"b{n}", "", f"晴朗的早晨去公园第{n}次", "talk") for n in range(80)),
        *(danger_texts.Row(f"c{n}", "", f"很暗很暗的夜里有灯{n}", danger_texts.BROAD) for n in range(40)),
        *(danger_texts.Row(f"d{n}", "", f"晴朗的早晨去公园跑步{n}", danger_texts.BROAD) for n in range(400)),
    ]
    data = danger_training.featurise(rows)
    everything = np.ones(len(data.rows), bool)
    hard = danger_training._hard(data, everything)[data.broad]
    assert hard[:40].all()
    assert hard[40:].mean() < 0.2
    alike = danger.heard([danger.fold("很暗很暗的夜里有灯吗")])
    with_broad, without = (
        danger_training.learn(data, everything & kept) for kept in (everything, ~data.broad)
    )
    assert _danger(with_broad, alike) < _danger(without, alike) - 0.05
    assert with_broad.intent(danger.heard([danger.fold("很暗很暗的夜里第五次")])) == "crisis"


def _danger(model: danger.Classifier, text: danger.Heard) -> float:
    buckets, _ = danger.features_of([text.letters])
    return 1 - float(model.scores(buckets, np.array([len(buckets)]), danger.meanings([text.words]))[0, 0])
