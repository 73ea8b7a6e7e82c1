"""Fine-tuning from the loss to a version in force: a taste is learnt, nothing else is lost, all is undone."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from engine import Engine, Request, checkpoint, fine_tune_gate, fine_tune_run, tuned, weights
from engine.__main__ import main
from engine.decode import Decoder
from engine.errors import (
    BadOption,
    ForgottenMeanwhile,
    GainNotShown,
    ModelMissing,
    NotBetter,
    OriginMissing,
    TooFewSignals,
)
from engine.fine_tune import WAYS, FineTuneConfig, Row, fine_tune, likelihoods, row_of, within
from engine.fine_tune_origin import origin_of
from engine.fine_tune_run import outputs, run
from engine.gate import Interval
from engine.journal import Fact, Journal, Place
from engine.lineage import compare_versions, tuned_versions
from engine.prompt import load_tasks
from engine.values import Reply
from tests import tiny
from tests.replies import draft, reply

TASKS = load_tasks()
LOVED, HATED = "我很好，谢谢你问我。", "今天你好吗？"
QUICK: dict[str, Any] = {"rate": 3e-3, "epochs": 4, "anchors": 16}
LONG: dict[str, Any] = {**QUICK, "epochs": 20}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def decoder(models: Path) -> Decoder:
    return Decoder(checkpoint.load(models / "talk"))


def rows(decoder: Decoder) -> list[Row]:
    found = []
    for words, liking in ((LOVED, 1.0), (HATED, -1.0)):
        for number in range(12):
            row = row_of(decoder, TASKS["chat"], f"{words}{number}", liking=liking)
            assert row is not None
            found.append(row)
    return found


def mean_change(decoder: Decoder, model: Any, made: list[Row], liked: bool) -> float:
    mine = [row for row in made if (row.liking > 0) == liked]
    new, old = likelihoods(model, decoder, mine), likelihoods(decoder.model, decoder, mine)
    return sum(new) / len(new) - sum(old) / len(old)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_moves_towards_the_liked(decoder: Decoder, way: Any) -> None:
    made = rows(decoder)
    model = fine_tune(decoder.checkpoint, made, FineTuneConfig(way=way, **QUICK), 1)
    assert mean_change(decoder, model, made, True) > mean_change(decoder, model, made, False) + 0.01
    assert mean_change(decoder, model, made, True) > 0


def test_unlikelihood_moves_away_from_the_disliked(decoder: Decoder) -> None:
    made = rows(decoder)
    plain, away = (
        fine_tune(decoder.checkpoint, made, FineTuneConfig(way=way, unlikelihood=9.0, leash=0.1, **LONG), 1)
        for way in ("weighted", "unlikely")
    )
    assert mean_change(decoder, away, made, False) < mean_change(decoder, plain, made, False)


def test_the_leash_holds(decoder: Decoder) -> None:
    made = rows(decoder)
    free, held = (
        fine_tune(decoder.checkpoint, made, FineTuneConfig(leash=leash, **LONG), 1) for leash in (0.0, 30.0)
    )
    assert mean_change(decoder, held, made, True) < 0.7 * mean_change(decoder, free, made, True)


def test_the_leash_of_a_second_round_is_to_the_shipped_model(decoder: Decoder) -> None:
    """Rounds of which each begins where the last one ended lead less far than they would from their own
    beginnings."""
    made, config = rows(decoder), FineTuneConfig(leash=30.0, **LONG)
    ends = []
    for leashed in (None, decoder.checkpoint):
        now = decoder.checkpoint
        for seed in range(3):
            model = fine_tune(now, made, config, seed, shipped=leashed)
            now = dataclasses.replace(now, model=model, hash=f"round{seed}")
        ends.append(mean_change(decoder, now.model, made, True))
    assert 0 < ends[1] < 0.7 * ends[0]


def test_what_costs_too_much_goes_part_of_the_way(decoder: Decoder) -> None:
    made = rows(decoder)
    beside = [row for row in made if row.liking < 0]
    model = fine_tune(decoder.checkpoint, made, FineTuneConfig(unlikelihood=9.0, leash=0.1, **LONG), 1)
    cost = math.exp(-mean_change(decoder, model, made, False))
    assert cost > 1.01
    far, all_of_it = within(decoder.model, model, decoder, beside, cost * 1.01)
    near, share = within(decoder.model, model, decoder, beside, cost**0.6)
    assert (all_of_it, share < 1) == (1.0, True)
    assert math.exp(-mean_change(decoder, near, made, False)) <= cost**0.6
    assert 0 < mean_change(decoder, near, made, True) < mean_change(decoder, far, made, True)
    assert within(decoder.model, model, decoder, [], 1.0) == (model, 1.0)


def test_the_same_rows_and_seed_make_the_same_model_and_the_given_one_stays(decoder: Decoder) -> None:
    before = {name: value.clone() for name, value in decoder.model.state_dict().items()}
    first, second, other = (
        fine_tune(decoder.checkpoint, rows(decoder), FineTuneConfig(**QUICK), seed) for seed in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(value, before[name]) for name, value in decoder.model.state_dict().items())
    # the encoder of texts stays, so that latents keep their meaning
    for name, value in first.named_parameters():
        if name.startswith(("posterior", "embed", "condition.")):
            assert torch.equal(value, before[name])


def test_the_last_layers_alone(decoder: Decoder) -> None:
    model = fine_tune(decoder.checkpoint, rows(decoder), FineTuneConfig(way="last", **QUICK), 1)
    changed = {
        name.split(".")[0]
        for (name, new), old in zip(model.named_parameters(), decoder.model.parameters(), strict=True)
        if not torch.equal(new, old)
    }
    assert changed == {"combine", "bias"}


def test_a_text_with_a_members_passage_is_no_row(decoder: Decoder) -> None:
    assert row_of(decoder, TASKS["chat"], "今天□□□□□□好") is None
    assert row_of(decoder, TASKS["chat"], " ") is None
    assert row_of(decoder, TASKS["poem"], "今天天气真好啊") is None  # no verse
    row = row_of(decoder, TASKS["chat"], LOVED, (1.0, 2.0, 3.0, 4.0))
    assert row is not None
    assert row.latent == (1.0, 2.0, 3.0, 4.0)
    assert [decoder.vocabulary.tokens[i] for i in row.condition][:2] == ["<chat>", "<own>"]


def test_nothing_liked_teaches_nothing(decoder: Decoder) -> None:
    disliked = [row for row in rows(decoder) if row.liking < 0]
    with pytest.raises(TooFewSignals):
        fine_tune(decoder.checkpoint, disliked, FineTuneConfig(**QUICK))


# --- the gate


class Worse(fine_tune_gate.Trial):
    """A trial in which one figure comes out lower after."""

    lost = ""

    def _figures(self, decoder: Decoder, texts: Any) -> fine_tune_gate.Figures:
        found = super()._figures(decoder, texts)
        if self.lost and hasattr(self, "figures"):
            value = getattr(found, self.lost)
            return dataclasses.replace(
                found, **{self.lost: value * (1.5 if self.lost == "perplexity" else 0.5)}
            )
        return found


@pytest.mark.parametrize("lost", ["", "perplexity", "diversity", "safe", "novel", "form"])
def test_what_is_lost_is_refused_and_named(decoder: Decoder, lost: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(Worse, "lost", lost)
    row = rows(decoder)[0]
    trial = Worse(decoder, [row.condition], FAST, 1, samples=16)
    refusal = trial.verdict(decoder, Interval(0.2, 0.1, 0.3)).refusal
    assert (refusal is None) == (not lost)
    if refusal is not None:
        assert isinstance(refusal, NotBetter)
        assert {"safe": "safety", "novel": "novelty"}.get(lost, lost) in str(refusal)


def test_no_sure_gain_is_refused(decoder: Decoder) -> None:
    trial = fine_tune_gate.Trial(decoder, [rows(decoder)[0].condition], FAST, 1, samples=16)
    for gain in (Interval(0.1, -0.01, 0.2), Interval(float("nan"), float("nan"), float("nan"))):
        assert isinstance(trial.verdict(decoder, gain).refusal, GainNotShown)


FAST = fine_tune_gate.Sampling(max_tokens=12)


# --- from the journal to a version in force


def judged_journal(path: Path, decoder: Decoder, *, taste: float, number: int = 420) -> Path:
    """Judgements of made-up outputs: a text with a 好 is loved, one with a 谁 is not."""
    draw = random.Random(3)
    letters = "今天第次见面你吗我很谢问"
    with Journal(path) as journal:
        journal._db.execute("PRAGMA synchronous = OFF")  # a test may lose power
        for n in range(number):
            words = "".join(draw.choice(letters) for _ in range(6))
            good = draw.random() < 0.5
            words = words[:3] + ("好好" if good else "第第") + words[3:]
            latent = tuple(draw.gauss(0, 1) for _ in range(4))
            made = draft(words, latent=latent)
            if n % 9 == 0:  # with a passage of somebody's
                made = draft(words, "□□□□□□" + words[6:], latent=latent)
            written = reply(f"g{n}", words, drafts=(made,), model=decoder.checkpoint.identity)
            journal.record(Request("chat", "别人说的话"), written, "asker", Place("d", "1", "2"))
            like = taste * good + (1 - taste) * 0.5
            value = 1.0 if draw.random() < like else -1.0
            journal.react(Fact(f"g{n}", str(n % 14), "button", value, at=float(n)))
    return path


CONFIGS = [FineTuneConfig(way=way, leash=0.3, **QUICK) for way in ("weighted", "unlikely")]


def test_only_own_outputs_are_read(tmp_path: Path, decoder: Decoder) -> None:
    path = judged_journal(tmp_path / "j.db", decoder, taste=1.0)
    with Journal(path) as journal:
        extract = reply("x", origin="extract")
        journal.record(Request("chat"), extract, "asker", Place("d"))
        journal.react(Fact("x", "1", "button", 1.0))
        found = list(outputs(journal, ["chat"]))
        assert len(found) == 420 - 47
        assert all("□" not in one.judged.own_text and len(one.latent) == 4 for one in found)
        assert list(outputs(journal, ["poem"])) == []


@pytest.fixture
def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of training make no model whose figures stand still: the limits are tried above."""
    monkeypatch.setattr(fine_tune_gate, "MOST_PERPLEXITY", 9.0)
    monkeypatch.setattr(fine_tune_gate, "AIM", 9.0)
    monkeypatch.setattr(fine_tune_gate, "LEAST_DIVERSITY", 0.0)
    monkeypatch.setattr(fine_tune_gate, "SAMPLES", 16)


def writes(engine: Engine, request: Request) -> Reply:
    task = engine.tasks["continue"]
    engine.tasks["continue"] = dataclasses.replace(
        task, decoding=dataclasses.replace(task.decoding, abstain=-1.0)
    )
    return engine.write_now(request)


def plain(written: Reply) -> str:
    return dataclasses.replace(written, generation="", milliseconds=0.0).to_json()


@pytest.mark.usefixtures("easy")
def test_the_whole_circle(tmp_path: Path, models: Path, decoder: Decoder) -> None:
    journal, folder = judged_journal(tmp_path / "j.db", decoder, taste=1.0), tmp_path / "models"
    request = Request("continue", "今天第3次见面，你好吗？", seed=5)
    off = Engine(models=models, tuned=folder, book=False)
    on = Engine(models=models, tuned=folder, book=False, fine_tuned=True)
    before = writes(on, request)
    assert plain(writes(off, request)) == plain(before)

    shipped = models / "talk"
    dry = run(journal, folder, "talk", TASKS, given=shipped, shipped=shipped, dry_run=True, configs=CONFIGS)
    assert dry.refusal is None
    assert not folder.exists()
    report = run(journal, folder, "talk", TASKS, given=shipped, shipped=shipped, configs=CONFIGS)
    assert report.refusal is None
    assert report.promoted
    assert report.verdict.gain.low > 0
    assert set(report.ways) == {"weighted", "unlikely"}
    assert report.parent == decoder.checkpoint.identity
    assert (report.since, report.until) == (1.0, 419.0)

    after = writes(on, request)
    assert after.model == f"talk@{report.version}"
    assert after.text != before.text or after.drafts != before.drafts
    assert plain(writes(off, request)) == plain(before)  # the owner did not switch it on
    # what either wrote is written again, whichever is in force
    for engine in (on, off):
        assert plain(engine.replay(request, after)) == plain(after)
        assert plain(engine.replay(request, before)) == plain(before)
    tuned.rollback(folder, "talk")
    assert plain(writes(on, request)) == plain(before)
    assert plain(on.replay(request, after)) == plain(after)

    # parents, data and findings
    [kept] = tuned_versions(folder)
    assert (kept.model, kept.version, kept.in_force) == ("talk", report.version, False)
    assert (kept.parent, kept.against) == ("", decoder.checkpoint.identity)
    assert (kept.since, kept.until, kept.people) == (1.0, 419.0, 14)
    assert kept.gain is not None
    assert kept.gain.low > 0
    card = (folder / "talk" / report.version / "CARD.md").read_text("utf-8")
    assert decoder.checkpoint.identity in card
    assert "in_force" in kept.found
    assert "promoted" not in kept.found
    for words in ("别人说的话", "asker"):
        for file in (folder / "talk" / report.version).iterdir():
            assert words.encode() not in file.read_bytes()

    # a second one begins from what is in force, is held by what was shipped, and the two are compared
    tuned.promote(folder, "talk")
    again = run(journal, folder, "talk", TASKS, shipped=shipped, configs=CONFIGS, seed=2)
    assert again.parent == f"talk@{report.version}"
    assert again.shipped == report.shipped == decoder.checkpoint.identity
    assert again.verdict.before.perplexity == report.verdict.before.perplexity
    if again.version:
        rows_ = compare_versions(folder, f"talk/{report.version}", f"talk/{again.version}").rows
        assert ("parent", "", report.version) in rows_
    with pytest.raises(ModelMissing):
        compare_versions(folder, f"talk/{report.version}", "talk/nothing")


@pytest.mark.usefixtures("easy")
def test_a_model_of_ones_own_is_what_its_later_rounds_are_held_to(
    tmp_path: Path, models: Path, decoder: Decoder
) -> None:
    """Its vocabulary is not Moyou's; it lies where its owner put it."""
    journal, folder = judged_journal(tmp_path / "j.db", decoder, taste=1.0), tmp_path / "models"
    own = tmp_path / "own" / "talk"
    shutil.copytree(models / "talk", own)
    first = run(journal, folder, "talk", TASKS, given=own, configs=CONFIGS[:1])
    assert first.promoted
    assert first.shipped == first.parent == decoder.checkpoint.identity
    again = run(journal, folder, "talk", TASKS, configs=CONFIGS[:1], seed=2, dry_run=True)
    assert again.parent == f"talk@{first.version}"
    assert again.shipped == decoder.checkpoint.identity
    assert again.verdict.before.perplexity == first.verdict.before.perplexity
    [kept] = tuned_versions(folder)
    assert str(tmp_path) not in json.dumps(kept.found)
    own.rename(own.with_name("elsewhere"))
    with pytest.raises(OriginMissing, match="put it back there, or name the model") as missing:
        run(journal, folder, "talk", TASKS, configs=CONFIGS[:1])
    assert str(own) in str(missing.value)
    shutil.copytree(models / "verse", own)  # other weights than those
    with pytest.raises(OriginMissing):
        run(journal, folder, "talk", TASKS, configs=CONFIGS[:1])


def test_what_older_reports_say_is_followed_back_to_what_no_tuning_made(
    tmp_path: Path, models: Path, decoder: Decoder
) -> None:
    """They name what each version began as, and no folder."""
    for number, version in enumerate("abc"):
        shutil.copytree(models / "talk", tmp_path / "talk" / version)
        before = f"talk@{'ab'[number - 1]}" if number else decoder.checkpoint.identity
        report = {"began_as": before, "shipped": before}
        if version == "b":  # the oldest did not say what the gate's limits were to
            del report["shipped"]
        tuned.write_report(tmp_path / "talk" / version, report)
    last = dataclasses.replace(decoder.checkpoint, folder=tmp_path / "talk" / "c", hash="c")
    assert origin_of(last, tmp_path, models / "talk").folder == models / "talk"
    tuned.write_report(tmp_path / "talk" / "a", {"began_as": "talk@gone", "shipped": "talk@gone"})
    # of Moyou's kind, which ships another now
    assert origin_of(last, tmp_path, models / "talk").folder == models / "talk"
    with pytest.raises(OriginMissing, match="talk@gone"):
        origin_of(last, tmp_path, weights.folder_of("talk"))


@pytest.mark.usefixtures("easy")
def test_without_a_taste_nothing_is_promoted(tmp_path: Path, models: Path, decoder: Decoder) -> None:
    journal = judged_journal(tmp_path / "j.db", decoder, taste=0.0)
    report = run(journal, tmp_path / "models", "talk", TASKS, given=models / "talk", configs=CONFIGS)
    assert isinstance(report.refusal, GainNotShown)
    assert not report.version
    assert not (tmp_path / "models").exists()


def test_a_version_that_is_broken_leaves_the_shipped_one(tmp_path: Path, models: Path) -> None:
    folder = tmp_path / "models" / "talk"
    folder.mkdir(parents=True)
    shutil.copytree(models / "talk", folder / "0123456789ab")
    (folder / "current").write_text("0123456789ab\n")
    request = Request("continue", "今天第3次见面，你好吗？", seed=5)
    engine = Engine(models=models, tuned=tmp_path / "models", book=False, fine_tuned=True)
    assert plain(writes(engine, request)) == plain(writes(Engine(models=models, book=False), request))


@pytest.mark.usefixtures("easy")
def test_who_is_forgotten_while_it_learns_taught_it_nothing(
    tmp_path: Path, models: Path, decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = judged_journal(tmp_path / "j.db", decoder, taste=1.0, number=600), tmp_path / "models"
    people = ["13"]

    class Forgetting(fine_tune_gate.Trial):
        """Somebody is forgotten while the gate looks."""

        def verdict(self, after: Decoder, gain: Interval) -> fine_tune_gate.Verdict:
            if people:
                with Journal(path) as journal:
                    assert journal.forget(people.pop()).facts > 0
            return super().verdict(after, gain)

    monkeypatch.setattr(fine_tune_run, "Trial", Forgetting)
    given = {"given": models / "talk", "shipped": models / "talk", "configs": CONFIGS[:1]}
    report = run(path, folder, "talk", TASKS, **given)
    assert report.promoted
    assert report.people == 13
    assert tuned.versions(folder, "talk") == [report.version]
    tuned.rollback(folder, "talk")
    people += ["12", "11", "10"]
    with pytest.raises(ForgottenMeanwhile):
        run(path, folder, "talk", TASKS, **given)
    assert tuned.versions(folder, "talk") == [report.version]
    assert tuned.current(folder, "talk") == ""


def test_too_little_is_said(tmp_path: Path, models: Path, decoder: Decoder) -> None:
    journal = judged_journal(tmp_path / "j.db", decoder, taste=1.0, number=20)
    with pytest.raises(TooFewSignals):
        run(journal, tmp_path / "models", "talk", TASKS, given=models / "talk")
    with pytest.raises(BadOption):
        run(journal, tmp_path / "models", "translate", TASKS)


def test_the_command_is_off_until_it_is_switched_on_and_states_the_rule(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    Journal(path).close()
    base = ["fine-tune", "--journal", str(path), "--models", str(tmp_path / "models")]
    done = CliRunner().invoke(main, base)
    assert done.exit_code == 1
    assert "rule 21" in done.output
    assert "Do not use message content" in done.output
    assert "--on" in done.output
    assert "rule 21" in CliRunner().invoke(main, ["fine-tune", "--help"]).output
    done = CliRunner().invoke(main, [*base, "--on"])
    assert "judgements" in done.output
    assert done.exit_code == 1


def test_models_are_listed_and_compared_on_the_command_line(tmp_path: Path) -> None:
    for number, version in enumerate(("0123456789ab", "ba9876543210")):
        folder = tmp_path / "reward" / version
        folder.mkdir(parents=True)
        for file in ("model.safetensors", "CARD.md"):
            (folder / file).touch()
        gain = {"value": 0.1, "low": 0.0, "high": 0.2}
        tuned.write_report(folder, {"judgements": 100 + number, "over_nothing": gain})
    base = ["models", "--models", str(tmp_path), "--json"]
    listed = [json.loads(line) for line in CliRunner().invoke(main, base).output.splitlines()]
    assert {row["version"]: row["judgements"] for row in listed} == {"0123456789ab": 100, "ba9876543210": 101}
    assert listed[0]["gain"]["value"] == 0.1
    done = CliRunner().invoke(main, [*base, "reward/0123456789ab", "reward/ba9876543210"])
    first = json.loads(done.output.splitlines()[0])
    assert first == {"what": "judgements", "first": 100, "second": 101}
    assert CliRunner().invoke(main, [*base, "reward/0123456789ab"]).exit_code == 2
