"""Runs that end, runs that are cut and go on, corpora that cannot be used."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from engine import checkpoint, train
from engine.corpus import Encoded
from engine.errors import BadFile, BadOption, ModelBroken, ModelMissing
from engine.train import RunConfig
from tests import tiny


def config(folder: Path, name: str = "verse", steps: int = 6) -> RunConfig:
    return train.read_config(str(tiny.write_config(folder, name, steps=steps)))


def test_training_ends_with_a_checkpoint_that_loads(tmp_path: Path) -> None:
    figures = train.train(
        config(tmp_path), [tiny.write_verses(tmp_path)], tmp_path / "out", device="cpu", quiet=True
    )
    assert figures["step"] == 6
    loaded = checkpoint.load(tmp_path / "out")
    assert loaded.name == "verse"
    assert loaded.identity == f"verse@{checkpoint.load(tmp_path / 'out').hash}"
    assert not loaded.model.training
    assert (tmp_path / "out" / "lines.npy").exists()


def test_what_is_common_is_likelier_before_anything_is_learnt(tmp_path: Path) -> None:
    run = config(tmp_path, "talk", steps=1)
    run.training.learning_rate = 0.0
    run.corpus.weights = {"talk-tiny": 3.0}
    files = [tiny.write_talk(tmp_path), tmp_path / "aside.txt"]
    files[1].write_text("一行一行又一行。\n", "utf-8")
    data = train.load_data(files, run.corpus)
    train.train(run, files, tmp_path / "out", device="cpu", quiet=True)
    bias = torch.load(tmp_path / "out" / "state.pt", weights_only=True)["model"]["bias"]
    counted = torch.zeros(len(data.vocabulary))
    for number, example in enumerate(data.train):
        for token in example.target.tolist():
            counted[token] += float(data.weights[number])
    assert len(counted.unique()) > 4
    order = counted.argsort(descending=True)
    assert (bias[order].diff() <= 0).all()
    most, seldom = counted.argmax(), bias[counted == 1.0][0]
    assert float(bias[most] - seldom) == pytest.approx(float(counted[most].log()), abs=0.1)
    assert bias[counted == 0].max() < seldom


def test_a_run_cut_in_the_middle_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    data = [tiny.write_verses(tmp_path)]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    # validation draws random numbers, so both runs validate at the same steps
    train.train(config(tmp_path, steps=8), data, whole, device="cpu", quiet=True)
    eight = config(tmp_path, steps=8)
    eight.training.pause_at = 4
    train.train(eight, data, parts, device="cpu", quiet=True)
    train.train(config(tmp_path, steps=8), data, parts, resume=True, device="cpu", quiet=True)
    a, b = (torch.load(folder / "state.pt", weights_only=True) for folder in (whole, parts))
    assert a["progress"]["step"] == b["progress"]["step"] == 8
    assert all(torch.equal(a["model"][key], b["model"][key]) for key in a["model"])


def test_what_will_be_evaluated_is_never_trained_on(tmp_path: Path) -> None:
    file = tiny.write_verses(tmp_path)
    run = config(tmp_path)
    with pytest.raises(BadFile, match="no usable text"):
        train.load_data([file], run.corpus, exclude=[file])


def test_bad_corpora_get_a_sentence_and_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", "utf-8")
    with pytest.raises(BadFile, match="no usable text"):
        train.train(
            config(tmp_path, "talk"), [tmp_path / "empty.txt"], tmp_path / "out", device="cpu", quiet=True
        )
    assert not (tmp_path / "out").exists()


def test_configurations_are_read_by_name_and_overridden() -> None:
    shipped = train.read_config("verse", ["training.steps=7", "model.latent=0"])
    assert (shipped.training.steps, shipped.model["latent"]) == (7, 0)
    with pytest.raises(BadFile, match="no such configuration"):
        train.read_config("nothing")
    with pytest.raises(BadOption, match="wrong or missing key"):
        train.read_config("talk", ["training.step=7"])


def test_a_configuration_may_stand_on_another(tmp_path: Path) -> None:
    tiny.write_config(tmp_path, "talk")
    above = tmp_path / "above.toml"
    above.write_text('base = "talk"\n[model]\nhidden = 48\n[corpus.limits]\nmine = 3\n', "utf-8")
    run = train.read_config(str(above), ["training.batch=4"])
    assert (run.name, run.model["hidden"], run.model["latent"]) == ("talk", 48, 4)
    assert (run.training.batch, run.training.steps, run.corpus.limits) == (4, 2, {"mine": 3})
    above.write_text('base = "above"\n', "utf-8")
    with pytest.raises(BadFile, match="leads back to itself"):
        train.read_config(str(above))
    above.write_text('base = "nothing"\n', "utf-8")
    with pytest.raises(BadFile, match="no such configuration"):
        train.read_config(str(above))


@pytest.mark.parametrize("name", ["verse", "talk-reading", "talk", "translate", "rhyme"])
def test_what_a_gpu_learns_serves_where_the_processors_does(name: str) -> None:
    gpu, cpu = train.read_config(f"{name}-gpu"), train.read_config(name)
    assert gpu.name == cpu.name
    assert gpu.corpus.tags == cpu.corpus.tags
    assert gpu.training.batch > cpu.training.batch


def test_a_run_is_never_overwritten_by_mistake(tmp_path: Path) -> None:
    data = [tiny.write_verses(tmp_path)]
    with pytest.raises(BadOption, match="leave --resume out"):
        train.train(config(tmp_path), data, tmp_path / "out", resume=True, device="cpu", quiet=True)
    train.train(config(tmp_path, steps=2), data, tmp_path / "out", device="cpu", quiet=True)
    with pytest.raises(BadOption, match="add --resume"):
        train.train(config(tmp_path), data, tmp_path / "out", device="cpu", quiet=True)


def test_a_resumed_run_of_another_shape_gets_a_sentence(tmp_path: Path) -> None:
    data = [tiny.write_verses(tmp_path)]
    train.train(config(tmp_path, steps=2), data, tmp_path / "out", device="cpu", quiet=True)
    other = config(tmp_path)
    other.model["hidden"] = 32
    with pytest.raises(BadOption, match="another"):
        train.train(other, data, tmp_path / "out", resume=True, device="cpu", quiet=True)


@pytest.mark.parametrize("count", [9, 17])
def test_a_last_batch_of_one_row_trains(tmp_path: Path, count: int) -> None:
    run = config(tmp_path, "talk", steps=4)
    run.corpus.validation = 0
    figures = train.train(run, [tiny.write_talk(tmp_path, count)], tmp_path / "out", device="cpu", quiet=True)
    assert figures["step"] == 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="--device cpu"):
        train.device_of("cuda")


def test_the_held_out_part_never_shares_a_dialogue(tmp_path: Path) -> None:
    run = config(tmp_path, "talk")
    run.corpus.validation = 60
    rows = [{"turns": [f"第{n}个", f"答{n}一", f"问{n}二", f"答{n}三"]} for n in range(200)]
    file = tmp_path / "dialogues.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    data = train.load_data([file], run.corpus)

    def first_turn(example: Encoded) -> str:
        return data.vocabulary.decode(example.context[0].tolist())

    assert 0 < len(data.validation) <= 60
    held = {first_turn(e) for e in data.validation}
    assert not held & {first_turn(e) for e in data.train}


def test_missing_and_broken_checkpoints_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="not found"):
        checkpoint.load(tmp_path / "none")
    train.train(config(tmp_path), [tiny.write_verses(tmp_path)], tmp_path / "out", device="cpu", quiet=True)
    weights = tmp_path / "out" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelBroken, match="restore it from a copy"):
        checkpoint.load(tmp_path / "out")


def test_the_hash_changes_with_the_weights_alone(tmp_path: Path) -> None:
    train.train(config(tmp_path), [tiny.write_verses(tmp_path)], tmp_path / "out", device="cpu", quiet=True)
    loaded = checkpoint.load(tmp_path / "out")
    (tmp_path / "out" / "CARD.md").write_text("words", "utf-8")
    checkpoint.save(tmp_path / "out", "verse", loaded.model, loaded.vocabulary, loaded.corpus)
    assert checkpoint.load(tmp_path / "out").hash == loaded.hash
    assert (tmp_path / "out" / "CARD.md").read_text("utf-8") == "words"
    loaded.model.bias.data += 1
    checkpoint.save(tmp_path / "out", "verse", loaded.model, loaded.vocabulary, loaded.corpus)
    assert checkpoint.load(tmp_path / "out").hash != loaded.hash


def test_a_run_can_start_from_a_checkpoint_and_learn_new_tokens(tmp_path: Path) -> None:
    data = [tiny.write_verses(tmp_path)]
    train.train(config(tmp_path, steps=2), data, tmp_path / "first", device="cpu", quiet=True)
    old = checkpoint.load(tmp_path / "first")
    more = config(tmp_path, steps=1)
    more.corpus = dataclasses.replace(more.corpus, tags=("ci", *more.corpus.tags))
    more.training.learning_rate = 0.0
    train.train(more, data, tmp_path / "second", init=tmp_path / "first", device="cpu", quiet=True)
    new = checkpoint.load(tmp_path / "second")
    assert new.vocabulary.tags == ("ci", "wujue", "qijue")
    for token in ("<qijue>", *old.vocabulary.characters[:3]):
        here, there = new.vocabulary.tokens.index(token), old.vocabulary.tokens.index(token)
        assert torch.equal(new.model.embed.weight[here], old.model.embed.weight[there])
        assert new.model.bias[here] == old.model.bias[there]
    assert torch.equal(new.model.query.weight, old.model.query.weight)


def test_starting_from_a_model_of_another_size_gets_a_sentence(tmp_path: Path) -> None:
    data = [tiny.write_verses(tmp_path)]
    train.train(config(tmp_path, steps=2), data, tmp_path / "first", device="cpu", quiet=True)
    other = config(tmp_path)
    other.model |= {"embedding": 24, "hidden": 32, "condition_hidden": 12, "posterior_hidden": 12}
    with pytest.raises(BadOption, match="another size"):
        train.train(other, data, tmp_path / "second", init=tmp_path / "first", device="cpu", quiet=True)


def test_the_learning_rate_warms_up_and_falls_to_its_lowest() -> None:
    settings = train.TrainingConfig(learning_rate=0.1, warm_up=10, lowest_rate=0.05)
    rising = [train.rate_at(settings, step, 0.0) for step in range(12)]
    assert rising[0] == pytest.approx(0.01)
    assert rising[9] == rising[11] == pytest.approx(0.1)
    falling = [train.rate_at(settings, 1000, share / 10) for share in range(11)]
    assert falling == sorted(falling, reverse=True)
    assert falling[5] == pytest.approx(0.1 * (0.05 + 0.95 / 2))
    assert falling[10] == pytest.approx(0.005)


def test_a_run_stops_when_validation_gains_nothing_more(tmp_path: Path) -> None:
    run = config(tmp_path, "talk", steps=500)
    run.training.learning_rate, run.training.patience, run.training.validate_every = 0.0, 3, 4
    run.model["gamma"] = 0.0  # batch statistics change without learning
    figures = train.train(run, [tiny.write_talk(tmp_path)], tmp_path / "out", device="cpu", quiet=True)
    # one validation that is the best so far, then three that are not better
    assert figures["step"] == 16
    assert figures["tokens_per_second"] > 0


def test_a_tiny_corpus_is_validated_once_an_epoch_of_ten_steps(tmp_path: Path) -> None:
    run = config(tmp_path, "talk", steps=25)
    run.training.validate_every = 500
    train.train(run, [tiny.write_talk(tmp_path, 8)], tmp_path / "out", device="cpu", quiet=True)
    history = json.loads((tmp_path / "out" / "history.json").read_text("utf-8"))
    assert [figures["step"] for figures in history] == [10, 20, 25]


def test_validation_comes_at_shares_of_the_budget(tmp_path: Path) -> None:
    run = config(tmp_path, "talk", steps=20)
    run.training.validate_every, run.training.validate_share = 10_000, 0.25
    run.training.batch = 4
    train.train(run, [tiny.write_talk(tmp_path, 200)], tmp_path / "out", device="cpu", quiet=True)
    history = json.loads((tmp_path / "out" / "history.json").read_text("utf-8"))
    assert [figures["step"] for figures in history] == [6, 11, 16, 20]


def test_validation_is_the_same_for_the_same_weights(tmp_path: Path) -> None:
    run = config(tmp_path, "talk", steps=2)
    data = train.load_data([tiny.write_talk(tmp_path)], run.corpus)
    train.train(run, [], tmp_path / "out", device="cpu", quiet=True, data=data)
    model = checkpoint.load(tmp_path / "out").model
    cpu = torch.device("cpu")
    first = train.validate(model, data.validation, run.corpus, cpu)
    torch.manual_seed(9)
    assert train.validate(model, data.validation, run.corpus, cpu) == first
