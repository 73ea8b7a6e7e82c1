"""`python -m engine fine-tune`: from people's judgements to a writing model in the shipped one's place.

    report = run(journal, models, "talk", tasks)

Reads what stands of judgements of the model's own outputs, keeps people and a stretch of time aside as
`engine.tune` does, lets each way learn from four fifths of the rest and keeps the one whose judgements of the
last fifth are best, teaches that way with all of the rest, and lets the gate judge it. What passes becomes a
version in models/<name>/<hash>/: a checkpoint like the shipped one, with a card and a report that name its
parent and the time its judgements come from.

Discord's Developer Policy, rule 21, holds by construction: the journal hands out Moyou's own outputs, and
those that hold a passage copied from somebody (□) are left out; no request's words, no names.

Knows: what is read, split, compared, written. Does not know: the loss, the gate's limits, when the owner
switched it on (the command and `bot.settings` do).
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import checkpoint, fine_tune_gate, gate, passages, tuned, weights
from engine.checkpoint import Checkpoint
from engine.decode import Decoder, Sampling
from engine.errors import BadOption, JournalUnreadable, MoyouError, OneSided, TooFewSignals
from engine.fine_tune import WAYS, FineTuneConfig, Row, Way, fine_tune, row_of, within
from engine.fine_tune_gate import Trial, Verdict, gained, written_rows
from engine.journal import Journal, JudgedText
from engine.journal_rows import latent_of
from engine.model import ConditionalVAE
from engine.novelty import Bloom
from engine.passages import Passages
from engine.task import Task
from engine.tune import MIN_EITHER, MIN_HELD_OUT, MIN_PEOPLE, MIN_TRAINING, split
from engine.verse import VerseRules

MODELS = ("talk", "verse")
NEWEST = 20_000
"""Judgements that are read at most, the newest."""
_CHECKED = 5  # of the judgements to learn from, every so many-th is kept for choosing the way


@dataclass(frozen=True, slots=True)
class FineTuneReport:
    """`ways`: the pairwise accuracy of each, less chance, on what it did not learn from. `since`, `until`:
    when the judgements were made. `version`: "" in a dry run and when refused."""

    parent: str
    judgements: int
    people: int
    since: float
    until: float
    training: int
    held_out: int
    ways: Mapping[str, float]
    way: Way
    verdict: Verdict
    seconds: float
    version: str = ""
    promoted: bool = False

    @property
    def refusal(self) -> MoyouError | None:
        return self.verdict.refusal

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["verdict"]
        return {**values, "ways": dict(self.ways), **self.verdict.to_dict(), "passed": self.refusal is None}


@dataclass(frozen=True, slots=True)
class Output:
    """A judged text of Moyou's own, and the latent it was written from, () where it has none."""

    judged: JudgedText
    latent: tuple[float, ...]


def outputs(journal: Journal, names: Sequence[str]) -> Iterator[Output]:
    """The newest judgements of these tasks, oldest first, of texts that nobody else's words are in."""
    marks = ", ".join("?" * len(names))
    rows = journal._db.execute(
        "SELECT * FROM (SELECT generation, task, own_text, value, s.person, s.at AS at, model, latent, "
        "reply, sequence FROM current_signals AS s JOIN generations AS g ON g.number = reply "
        f"WHERE task IN ({marks}) AND origin IN ('generated', 'edited', 'book') AND value <> 0 "
        "AND own_text <> '' AND instr(own_text, '□') = 0 "
        "ORDER BY s.at DESC, reply DESC, sequence DESC LIMIT ?) "
        "ORDER BY at, reply, sequence",
        (*names, NEWEST),
    )
    for generation, task, own_text, value, person, at, model, latent, _, _ in rows:
        judged = JudgedText(generation, task, own_text, value, person, at, model=model)
        yield Output(judged, latent_of(latent))


def run(
    journal: Path,
    models: Path,
    name: str,
    tasks: Mapping[str, Task],
    *,
    given: Path | None = None,
    dry_run: bool = False,
    promote: bool = True,
    seed: int = 0,
    configs: Sequence[FineTuneConfig] = (),
) -> FineTuneReport:
    """Teach, judge and, if it is better, put in force. A refusal by the gate is in the report, not raised.

    `given`: the folder it starts from; None: the version in force, or the shipped model. `configs`: the ways
    to compare. Raises BadOption, TooFewSignals, OneSided, JournalUnreadable, ModelMissing, ModelBroken.
    """
    begun = time.monotonic()
    if name not in MODELS:
        raise BadOption(option="MODEL", reason=f"choose one of: {', '.join(MODELS)}")
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    parent = checkpoint.load(given or _folder_in_force(models, name))
    decoder = Decoder(parent)
    writes = {task.name: task for task in tasks.values() if task.model == name and not task.dial}
    with Journal(journal) as opened:
        found = list(outputs(opened, sorted(writes)))
    rows = _rows(decoder, writes, found, parent)
    judged = [one for one in (output.judged for output in found) if one.generation in rows]
    parts = split(judged)
    _check_enough(judged, parts.training, parts.held_out)
    beside = written_rows(decoder, 200, part=1)
    likings = likings_of(parts.training)

    def taught(config: FineTuneConfig, judgements: Sequence[JudgedText]) -> ConditionalVAE:
        taught_rows = teaching(rows, judgements, likings)
        model = fine_tune(parent, taught_rows, config, seed, beside=beside)
        return within(parent.model, model, decoder, beside, fine_tune_gate.AIM)[0]

    def says(model: ConditionalVAE, judgements: Sequence[JudgedText]) -> gate.Interval:
        texts = [rows[one.generation] for one in judgements]
        return gained(parent.model, model, decoder, texts, judgements, seed)

    order = sorted({one.own_text for one in parts.training})
    checked = set(order[::_CHECKED])
    learnt = [one for one in parts.training if one.own_text not in checked]
    rest = [one for one in parts.training if one.own_text in checked]
    choice = list(configs) or [FineTuneConfig(way=way) for way in WAYS]
    values = {config.way: says(taught(config, learnt), rest).value for config in choice}
    best = max(choice, key=lambda config: -1.0 if math.isnan(values[config.way]) else values[config.way])
    model = _as_kept(taught(best, parts.training))
    conditions = [rows[one.generation].condition for one in parts.training]
    trial = _trial(decoder, parent, conditions, writes, seed)
    after = Decoder(dataclasses.replace(parent, model=model, hash="learnt"))
    verdict = trial.verdict(after, says(model, parts.held_out))
    report = FineTuneReport(
        parent=parent.identity,
        judgements=len(judged),
        people=len({one.person for one in judged}),
        since=judged[0].at,
        until=judged[-1].at,
        training=len(parts.training),
        held_out=len(parts.held_out),
        ways={way: round(value, 4) for way, value in values.items()},
        way=best.way,
        verdict=verdict,
        seconds=round(time.monotonic() - begun, 1),
    )
    if dry_run or report.refusal is not None:
        return report
    version = _write(models, parent, model, report, best)
    if promote:
        tuned.promote(models, name, version)
    return dataclasses.replace(report, version=version, promoted=promote)


def _folder_in_force(models: Path, name: str) -> Path:
    version = tuned.current(models, name)
    return models / name / version if version else weights.folder_of(name)


def _rows(
    decoder: Decoder, writes: Mapping[str, Task], found: Sequence[Output], parent: Checkpoint
) -> dict[str, Row]:
    """By reply; a latent of another model says nothing to this one."""
    rows: dict[str, Row] = {}
    for output in found:
        one = output.judged
        if one.generation not in rows:
            latent = output.latent if one.model == parent.identity else ()
            row = row_of(decoder, writes[one.task], one.own_text, latent)
            if row is not None:
                rows[one.generation] = row
    return rows


def _check_enough(
    judged: Sequence[JudgedText], training: Sequence[JudgedText], held_out: Sequence[JudgedText]
) -> None:
    people = len({one.person for one in judged})
    learnt = len({one.person for one in training})
    if len(training) < MIN_TRAINING or len(held_out) < MIN_HELD_OUT or learnt < MIN_PEOPLE:
        need = max(MIN_TRAINING + MIN_HELD_OUT, len(judged) + 1)
        raise TooFewSignals(have=len(judged), people=people, need=need, need_people=max(MIN_PEOPLE, people))
    for part in (training, held_out):
        likes = sum(one.value > 0 for one in part)
        if min(likes, len(part) - likes) < MIN_EITHER:
            raise OneSided(have=len(judged))


def likings_of(judged: Sequence[JudgedText]) -> dict[tuple[str, str], tuple[float, float]]:
    """For each reply and person how far the judgement lies from what this person thinks of the task's
    replies at large, and how much it weighs: by person, not by vote."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in judged:
        sums[one.task, one.person].append(one.value)
    everybody = sum(one.value for one in judged) / len(judged)
    mean = {key: (sum(v) + 2 * everybody) / (len(v) + 2) for key, v in sums.items()}
    by_person = gate.weights_by_person(judged)
    return {
        (one.generation, one.person): (one.value - mean[one.task, one.person], float(weight))
        for one, weight in zip(judged, by_person, strict=True)
    }


def teaching(
    rows: Mapping[str, Row],
    judged: Sequence[JudgedText],
    likings: Mapping[tuple[str, str], tuple[float, float]],
) -> list[Row]:
    """The rows that were judged, each once, with what all who judged it make of it."""
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for one in judged:
        liking, weight = likings[one.generation, one.person]
        total, weights_ = sums[one.generation]
        sums[one.generation] = (total + liking * weight, weights_ + weight)
    return [
        dataclasses.replace(
            rows[generation], liking=max(-1.0, min(1.0, total / weight)), weight=min(2.0, weight**0.5)
        )
        for generation, (total, weight) in sums.items()
        if weight > 0
    ]


def _trial(
    decoder: Decoder,
    parent: Checkpoint,
    conditions: Sequence[tuple[int, ...]],
    writes: Mapping[str, Task],
    seed: int,
) -> Trial:
    """As replies are sampled: by the decoding of the tasks, in the mean."""
    decodings = [task.decoding for task in writes.values()]
    sampling = Sampling(
        temperature=sum(one.temperature for one in decodings) / len(decodings),
        nucleus=sum(one.nucleus for one in decodings) / len(decodings),
    )
    passages_file = parent.folder / passages.FILE
    known = Passages.load(passages_file) if passages_file.exists() else None
    rules = None
    if parent.name == "verse":
        lines = parent.folder / weights.LINES_FILE
        corpus = Bloom.load(lines) if lines.exists() else None
        rules = VerseRules(decoder.vocabulary.character_list(), corpus)
    return Trial(decoder, conditions, sampling, seed, known=known, rules=rules)


def _as_kept(model: ConditionalVAE) -> ConditionalVAE:
    """The model as its checkpoint holds it: what is judged is what would be promoted."""
    for value in model.parameters():
        value.data = value.data.half().float()
    return model


def _write(
    models: Path, parent: Checkpoint, model: ConditionalVAE, report: FineTuneReport, config: FineTuneConfig
) -> str:
    """The new version's folder appears whole or not at all."""
    with tuned.draft_of(models, parent.name) as draft:
        # What stands beside the weights (pieces, passages, lines of verse) is the parent's.
        for file in sorted(parent.folder.iterdir()):
            if file.is_file() and file.suffix in (".npy", ".model"):
                shutil.copyfile(file, draft / file.name)
        checkpoint.save(draft, parent.name, model, parent.vocabulary, parent.corpus)
        (draft / tuned.CARD).write_text(card(report, config), "utf-8")
        version = tuned.hash_of(draft, parent.name)
        before = tuned.current(models, parent.name)
        kept = {"version": version, "parent": before, "began_as": report.parent, "against": report.parent}
        tuned.write_report(draft, report.to_dict() | kept)
        tuned.settle(draft, version)
        return version


def card(report: FineTuneReport, config: FineTuneConfig) -> str:
    """The version's card. It names nobody and holds nobody's words."""
    gain, before, after = report.verdict.gain, report.verdict.before, report.verdict.after
    rows = [
        f"| {field.name} | {getattr(before, field.name):.3f} | {getattr(after, field.name):.3f} |"
        for field in dataclasses.fields(before)
    ]
    since, until = (time.strftime("%Y-%m-%d", time.gmtime(at)) for at in (report.since, report.until))
    return "\n".join(
        [
            f"# {report.parent.partition('@')[0]}, fine-tuned",
            "",
            f"From {report.parent} by `python -m engine fine-tune`, way `{report.way}` (rate {config.rate},",
            f"{config.epochs} epochs, leash {config.leash}), on {report.judgements} judgements by "
            f"{report.people} people, {since} to {until}: Moyou's own outputs less",
            "all with a passage copied from a person, and de-identified judgements. No member's words.",
            "",
            f"Pairwise accuracy over chance on {report.held_out} judgements kept aside by person and time: "
            f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}).",
            "",
            "| | before | after |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
