"""Tuning from end to end: promotes what people's judgements bear out, refuses the rest, says why."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from engine import tuned
from engine.__main__ import main
from engine.belongings import forget_old
from engine.errors import ForgottenMeanwhile, GainNotShown, JournalUnreadable, OneSided, TooFewSignals
from engine.gate import text_of
from engine.journal import Fact, Journal, JudgedText, Place
from engine.journal_personal import forgettings, unless_forgotten
from engine.lineage import tuned_versions
from engine.reward import RewardConfig, RewardModel
from engine.tune import MIN_HELD_OUT, MIN_TRAINING, learn, split, tune
from engine.tuned import CurrentReward
from engine.values import Draft, Reply, Request
from tests.population import judgements
from tests.replies import draft, reply

SHIPPED = Path(__file__).resolve().parents[1] / "prompts"
TINY = RewardConfig(embedding=8, units=8, epochs=2)
QUICK = RewardConfig(embedding=24, units=32, epochs=12, rate=6e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def write(path: Path, judged: Iterable[JudgedText], *, first: int = 0) -> Path:
    """A journal in which these judgements stand; `first` numbers its replies, so that it can go on."""
    generations: dict[tuple[str, str], str] = {}
    with Journal(path) as journal:
        journal._db.execute("PRAGMA synchronous = OFF")  # a test may lose power
        for one in judged:
            key = text_of(one)
            if key not in generations:
                generations[key] = f"g{first + len(generations)}"
                draft = Draft(one.own_text, one.own_text, "generated", (), 0.0, {}, 0.0)
                reply = Reply(
                    generations[key], one.task, one.own_text, "generated", "talk@0", 1, {}, (draft,), 0
                )
                journal.record(Request(one.task, text="unsaid"), reply, one.person, Place("discord"))
            journal.react(Fact(generations[key], one.person, "reaction", one.value, "👍", at=one.at))
    return path


@pytest.fixture(scope="module")
def loving_the_moon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journal")
    return write(folder / "journal.db", judgements(1, number=500, people=15, taste=0.8))


def test_the_whole_circle(loving_the_moon: Path, tmp_path: Path) -> None:
    """500 judgements → tuned at full size → promoted → taken up → rolled back."""
    in_force = CurrentReward(tmp_path)
    drafts = ["江花山水云", "江花月水云", "江花霜水云"]
    assert in_force.model() is None

    dry = tune(loving_the_moon, tmp_path, dry_run=True, seed=1, config=QUICK)
    assert dry.refusal is None
    assert (dry.model, dry.promoted) == ("", False)
    assert list(tmp_path.iterdir()) == []

    report = tune(loving_the_moon, tmp_path, seed=1)
    assert report.refusal is None
    assert report.promoted
    assert report.over_nothing.low > 0
    assert report.accuracy == pytest.approx(0.5 + report.over_nothing.value)
    assert (report.judgements, report.over_current, report.against) == (500, None, "no skill")
    assert report.likes + report.dislikes == 500

    model = in_force.model()
    assert model is not None
    assert model.hash == report.model == tuned.current(tmp_path, "reward")
    scores = dict(zip(drafts, model.score(drafts, "poem"), strict=True))
    assert max(scores, key=scores.__getitem__) == "江花月水云"
    assert min(scores, key=scores.__getitem__) == "江花霜水云"

    folder = tmp_path / "reward" / report.model
    card = (folder / "CARD.md").read_text()
    assert f"{report.accuracy:.3f}" in card
    saved = json.loads((folder / "report.json").read_text())
    assert saved["model"] == report.model
    assert saved["passed"] is True
    assert "promoted" not in saved  # it is written before that is known
    [listed] = tuned_versions(tmp_path)
    assert listed.found["in_force"] is True
    assert b"unsaid" not in b"".join(file.read_bytes() for file in folder.iterdir())
    assert sorted(entry.name for entry in (tmp_path / "reward").iterdir()) == sorted(
        [report.model, "current", "history.jsonl"]
    )

    again = tune(loving_the_moon, tmp_path, seed=1)  # no better than itself
    assert isinstance(again.refusal, GainNotShown)
    assert again.against == report.model
    assert again.over_current is not None
    assert (again.over_current.value, again.promoted) == (0.0, False)

    assert tuned.rollback(tmp_path, "reward") == ""
    assert in_force.model() is None


def test_same_seed_same_version_and_it_can_wait_for_its_promotion(
    loving_the_moon: Path, tmp_path: Path
) -> None:
    reports = [tune(loving_the_moon, tmp_path / where, promote=False, seed=2, config=QUICK) for where in "ab"]
    assert reports[0].model == reports[1].model != ""
    assert not reports[0].promoted
    assert tuned.current(tmp_path / "a", "reward") == ""
    assert (
        tune(loving_the_moon, tmp_path / "a", promote=False, seed=2, config=QUICK).model == reports[0].model
    )
    assert tuned.promote(tmp_path / "a", "reward") == reports[0].model


def test_more_judgements_replace_a_model_that_is_worse(tmp_path: Path) -> None:
    """A version that got in force without the gate and knows nothing is replaced by one that does."""
    path = write(tmp_path / "journal.db", judgements(5, number=500, people=15, taste=0.8))
    with Journal(path) as journal:
        judged = list(journal.judged())
    reversed_ = [dataclasses.replace(one, value=-one.value) for one in judged]
    dull, _ = learn(reversed_, config=TINY, seed=0)
    draft = tmp_path / "models" / "reward" / "draft"
    version = dull.save(draft, "# Dull\n")
    draft.rename(draft.with_name(version))
    tuned.promote(tmp_path / "models", "reward", version)
    report = tune(path, tmp_path / "models", seed=1, config=QUICK)
    assert report.refusal is None
    assert report.over_current is not None
    assert report.over_current.low > 0
    assert tuned.rollback(tmp_path / "models", "reward") == version


def test_a_recurring_text_counts_in_the_value_of_replies_as_often_as_it_was_judged(tmp_path: Path) -> None:
    """Half of all likes are of one text, which training saw: late ones are worth what people said of them."""
    now = [0.0]
    other = Draft("另一句", "另一句", "generated", (), 0.0, {}, 0.5)
    with Journal(tmp_path / "journal.db", clock=lambda: now[0]) as journal:
        for number in range(400):
            now[0] = float(number)
            text = "好的" if number % 4 == 1 else f"话{number}"
            drafts = Draft(text, text, "book", (), 0.0, {}, 0.5), other
            reply = Reply(f"g{number}", "chat", text, "book", "talk@0", number, {}, drafts, 0, 0.5)
            journal.record(Request("chat"), reply, f"asker{number % 20}", Place("console"))
            liked = 1.0 if number % 2 else -1.0
            journal.react(Fact(f"g{number}", f"p{number % 9}", "button", liked, at=now[0]))
    found = tune(tmp_path / "journal.db", tmp_path / "models", dry_run=True, config=TINY).rechosen
    assert found is not None
    assert (found.replies, found.judged) == (100, 100)
    assert found.sent.value == 0.0, "as many likes as dislikes"


def test_likes_that_have_nothing_to_do_with_the_text_promote_nothing() -> None:
    """An A/A run: 24 populations that like at random. Of a nominal 2.5 % at most 5 % get past the gate."""
    passed, gains = 0, []
    for seed in range(24):
        judged = judgements(1000 + seed, number=260, people=12, taste=0.0)
        _, report = learn(judged, config=TINY, seed=seed)
        passed += report.refusal is None
        gains.append(report.over_nothing.value)
    assert passed <= 1
    assert abs(sum(gains) / len(gains)) < 0.05  # and the measure itself leans to neither side


def test_a_refusal_is_a_sentence_with_its_numbers() -> None:
    _, report = learn(judgements(7, number=200, people=8, taste=0.0), config=TINY)
    assert isinstance(report.refusal, GainNotShown)
    assert f"{report.over_nothing.low:+.3f}" in str(report.refusal)
    values = json.loads(json.dumps(report.to_dict()))
    assert values["refusal"] == str(report.refusal)
    assert values["passed"] is False
    assert values["over_nothing"]["low"] == report.over_nothing.low


def test_too_few_judgements_say_how_many_are_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "journal.db", [])
    with pytest.raises(TooFewSignals) as none:
        tune(path, tmp_path / "models")
    assert none.value.fields == {
        "have": 0,
        "people": 0,
        "need": MIN_TRAINING + MIN_HELD_OUT,
        "need_people": 3,
    }
    write(path, judgements(1, number=50, people=6, taste=1.0))
    with pytest.raises(TooFewSignals) as few:
        tune(path, tmp_path / "models")
    assert few.value.fields["have"] == 50
    need = few.value.fields["need"]
    assert isinstance(need, int)
    assert 60 <= need <= 150
    assert not (tmp_path / "models").exists()


def test_as_many_as_it_said_are_enough() -> None:
    for seed in range(20):
        everything = judgements(seed, number=400, people=10, taste=1.0)
        with pytest.raises(TooFewSignals) as few:
            learn(everything[:45], config=TINY)
        need = few.value.fields["need"]
        assert isinstance(need, int)
        learn(everything[: need + need // 3], config=TINY)  # proportions drift a little as people join


def test_two_people_are_too_few_however_much_they_judge() -> None:
    with pytest.raises(TooFewSignals):
        learn(judgements(1, number=400, people=2, taste=1.0), config=TINY)


def test_judgements_that_all_agree_teach_nothing() -> None:
    judged = [dataclasses.replace(one, value=1.0) for one in judgements(1, number=300, people=12, taste=0.0)]
    with pytest.raises(OneSided):
        learn(judged, config=TINY)


def test_neither_a_person_kept_aside_nor_a_later_text_is_learnt_from() -> None:
    for seed in range(30):
        judged = judgements(seed, number=300, people=4 + seed % 12, taste=0.5)
        parts = split(judged)
        learnt = {one.person for one in parts.training}
        assert len(learnt) >= 3
        newest = max(one.at for one in parts.training)
        for one in parts.held_out:
            assert one.person not in learnt or one.at > newest
        assert not {text_of(one) for one in parts.training} & {text_of(one) for one in parts.held_out}
        assert len(parts.training) >= 0.4 * len(judged)
        assert len(parts.held_out) >= 0.1 * len(judged)


def test_the_same_people_stay_aside_from_one_tuning_to_the_next() -> None:
    judged = judgements(3, number=600, people=14, taste=0.5)
    before, after = split(judged[:450]), split(judged)
    learnt_before = {one.person for one in before.training}
    aside_after = {one.person for one in after.held_out} - {one.person for one in after.training}
    assert len(aside_after - learnt_before) >= len(aside_after) - 1


def test_a_forgotten_person_is_not_in_the_next_model(loving_the_moon: Path, tmp_path: Path) -> None:
    path = copied(loving_the_moon, tmp_path / "journal.db")
    before = tune(path, tmp_path / "models", dry_run=True, config=TINY)
    with Journal(path) as journal:
        gone = journal.forget("0001")
    after = tune(path, tmp_path / "models", dry_run=True, config=TINY)
    assert gone.facts > 0
    assert after.judgements == before.judgements - gone.facts


def forgetting(path: Path, people: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """While a model learns, the next of `people` is forgotten."""
    plain = RewardModel.fit

    def fit(*arguments: Any, **options: Any) -> RewardModel:
        model = plain(*arguments, **options)
        if people:
            with Journal(path) as journal:
                assert journal.forget(people.pop()).facts > 0
        return model

    monkeypatch.setattr(RewardModel, "fit", fit)


def copied(journal: Path, path: Path) -> Path:
    with Journal(journal) as opened:
        opened._db.execute("VACUUM INTO ?", (str(path),))
    return path


def test_who_is_forgotten_while_a_model_learns_taught_it_nothing(
    loving_the_moon: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(loving_the_moon, tmp_path / "journal.db")
    forgetting(path, ["0001"], monkeypatch)
    report = tune(path, tmp_path / "models", seed=2, config=QUICK)
    with Journal(path) as journal:
        left = list(journal.judged())
    assert report.promoted
    assert (report.judgements, report.people) == (len(left), 14)
    assert tuned.versions(tmp_path / "models", "reward") == [report.model]


def test_where_somebody_is_forgotten_each_time_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "journal.db", judgements(1, number=500, people=24, taste=1.0))
    forgetting(path, ["0003", "0002", "0001"], monkeypatch)
    with pytest.raises(ForgottenMeanwhile, match="3 times"):
        tune(path, tmp_path / "models", seed=2, config=QUICK)
    assert list((tmp_path / "models" / "reward").iterdir()) == []


def test_what_goes_for_its_age_does_not_have_a_model_learn_anew(
    loving_the_moon: Path, tmp_path: Path
) -> None:
    with Journal(
        copied(loving_the_moon, tmp_path / "journal.db"), clock=lambda: time.time() + 9e6
    ) as journal:
        before = forgettings(journal)
        assert forget_old(journal, 1).generations > 0
        with unless_forgotten(journal, before) as whole:
            assert whole


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalUnreadable):
        tune(tmp_path / "nothing.db", tmp_path / "models")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_version_in_force_does_not_stand_in_the_way(loving_the_moon: Path, tmp_path: Path) -> None:
    first = tune(loving_the_moon, tmp_path, seed=2, config=QUICK)
    (tmp_path / "reward" / first.model / "model.safetensors").write_bytes(b"broken")
    second = tune(loving_the_moon, tmp_path, seed=3, config=QUICK)
    assert second.promoted
    assert second.over_current is None
    assert RewardModel.load(tmp_path / "reward" / second.model).hash == second.model


def test_the_command_tunes_for_the_prompts_it_is_given(tmp_path: Path) -> None:
    """Replies of a task that stands in no prompt file there are not chosen anew."""
    now, path = [0.0], tmp_path / "journal.db"
    with Journal(path, clock=lambda: now[0]) as journal:
        for one in judgements(1, number=200, people=12, taste=1.0, tasks=("chat",)):
            now[0] = one.at
            drafts = tuple(draft(text, score=0.5) for text in (one.own_text, "花月" * 5))
            sent = reply(one.generation, one.own_text, drafts=drafts, propensity=0.5)
            journal.record(Request("chat"), sent, one.person, Place("console"))
            journal.react(Fact(one.generation, one.person, "button", one.value, at=one.at))
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    shutil.copyfile(SHIPPED / "poem.toml", prompts / "poem.toml")
    found = []
    for more in ([], ["--prompts", str(prompts)]):
        done = CliRunner().invoke(
            main, ["tune", "--journal", str(path), "--models", str(tmp_path), "--dry-run", "--json", *more]
        )
        assert done.exit_code == 0, done.output
        found.append(json.loads(done.stdout.splitlines()[-1])["rechosen"])
    assert found[0]["replies"] >= 50
    assert found[1] is None
