"""`python -m engine fine-tune`: from people's judgements to a writing model in the shipped one's place.

    report = run(journal, models, "talk", tasks)

Reads what stands of judgements of the model's own outputs, keeps people and a stretch of time aside as
`engine.tune` does, lets each way learn from four fifths of the rest and keeps the one whose judgements of the
last fifth are best, teaches that way with all of the rest, and lets the gate judge it. It begins from the
version in force; the leash and the gate's limits are to what that one's lineage began as
(`engine.fine_tune_origin`): Moyou's own model, or that of one's own which `--from` named. What passes becomes
a version in models/<name>/<hash>/: a checkpoint like the shipped one, with a card and a report that name its
parent, its origin and the time its judgements come from.

Discord's Developer Policy, rule 21, holds by construction: the journal hands out Moyou's own outputs, and
those that hold a passage copied from somebody (□) are left out; no request's words, no names.

Knows: what is read, split, compared, written. Does not know: people's weights, the loss, the gate's limits,
when the owner switched it on (the command and `bot.settings` do).
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import checkpoint, fine_tune_gate, gate, passages, tuned, weights
from engine.checkpoint import Checkpoint
from engine.decode import Decoder, Sampling
from engine.errors import (
    BadOption,
    ForgottenMeanwhile,
    JournalUnreadable,
    MoyouError,
    OneSided,
    TooFewSignals,
)
from engine.fine_tune import WAYS, FineTuneConfig, Row, Way, fine_tune, row_of, within
from engine.fine_tune_gate import Trial, Verdict, gained, written_rows
from engine.fine_tune_likings import likings_of, teaching
from engine.fine_tune_origin import noted, origin_of
from engine.journal import Journal, JudgedText
from engine.journal_personal import ATTEMPTS, forgettings, unless_forgotten
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
    """`parent`: what it began from. `shipped`: what the leash and the limits are to, its origin. `ways`: the
    pairwise accuracy of each, less chance, on what it did not learn from. `since`, `until`: when the
    judgements were made. `version`: "" in a dry run and when refused."""

    parent: str
    shipped: str
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
    shipped: Path | None = None,
    dry_run: bool = False,
    promote: bool = True,
    seed: int = 0,
    configs: Sequence[FineTuneConfig] = (),
) -> FineTuneReport:
    """Teach, judge and, if it is better, put in force. A refusal by the gate is in the report, not raised.

    `given`: the folder it starts from; None: the version in force, or the shipped model. `shipped`: the
    folder of the shipped model; None: Moyou's. `configs`: the ways to compare. Where somebody is forgotten
    before the version is kept, all is read and learnt anew. Raises BadOption, TooFewSignals, OneSided,
    JournalUnreadable, ModelMissing, ModelBroken, OriginMissing where what the version in force was first
    tuned from is not found, and ForgottenMeanwhile when that happened each time.
    """
    if name not in MODELS:
        raise BadOption(option="MODEL", reason=f"choose one of: {', '.join(MODELS)}")
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    parent = checkpoint.load(given or _folder_in_force(models, name))
    moyous = shipped or weights.folder_of(name)
    origin = origin_of(parent, models, moyous)
    origin_noted = noted(origin, moyous)
    writes = {task.name: task for task in tasks.values() if task.model == name and not task.dial}
    with Journal(journal) as opened:
        for _ in range(ATTEMPTS):
            before = forgettings(opened)
            found = list(outputs(opened, sorted(writes)))
            model, report, config = _learnt(found, parent, origin, writes, seed, configs)
            if dry_run or report.refusal is not None:
                return report
            with (
                _draft(models, parent, model, report, config, origin_noted) as (draft, version),
                unless_forgotten(opened, before) as whole,
            ):
                if whole:
                    tuned.keep(models, name, draft, version, promoted=promote)
                    return dataclasses.replace(report, version=version, promoted=promote)
    raise ForgottenMeanwhile(times=ATTEMPTS)


def _learnt(
    found: Sequence[Output],
    parent: Checkpoint,
    origin: Checkpoint,
    writes: Mapping[str, Task],
    seed: int,
    configs: Sequence[FineTuneConfig],
) -> tuple[ConditionalVAE, FineTuneReport, FineTuneConfig]:
    """The model that learnt the best way, what the gate says of it, and that way."""
    begun = time.monotonic()
    decoder = Decoder(parent)
    rows = _rows(decoder, writes, found, parent)
    judged = [one for one in (output.judged for output in found) if one.generation in rows]
    parts = split(judged)
    _check_enough(judged, parts.training, parts.held_out)
    beside = written_rows(decoder, 200, part=1)
    likings = likings_of(parts.training)

    def taught(config: FineTuneConfig, judgements: Sequence[JudgedText]) -> ConditionalVAE:
        taught_rows = teaching(rows, judgements, likings)
        model = fine_tune(parent, taught_rows, config, seed, beside=beside, shipped=origin)
        return within(origin.model, model, decoder, beside, fine_tune_gate.AIM)[0]

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
    trial = _trial(origin, conditions, writes, seed)
    after = Decoder(dataclasses.replace(parent, model=model, hash="learnt"))
    verdict = trial.verdict(after, says(model, parts.held_out))
    report = FineTuneReport(
        parent=parent.identity,
        shipped=origin.identity,
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
    return model, report, best


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


def _trial(
    origin: Checkpoint, conditions: Sequence[tuple[int, ...]], writes: Mapping[str, Task], seed: int
) -> Trial:
    """As replies are sampled: by the decoding of the tasks, in the mean."""
    decodings = [task.decoding for task in writes.values()]
    sampling = Sampling(
        temperature=sum(one.temperature for one in decodings) / len(decodings),
        nucleus=sum(one.nucleus for one in decodings) / len(decodings),
    )
    decoder = Decoder(origin)
    passages_file = origin.folder / passages.FILE
    known = Passages.load(passages_file) if passages_file.exists() else None
    rules = None
    if origin.name == "verse":
        lines = origin.folder / weights.LINES_FILE
        corpus = Bloom.load(lines) if lines.exists() else None
        rules = VerseRules(decoder.vocabulary.character_list(), corpus)
    return Trial(decoder, conditions, sampling, seed, known=known, rules=rules)


def _as_kept(model: ConditionalVAE) -> ConditionalVAE:
    """The model as its checkpoint holds it: what is judged is what would be promoted."""
    for value in model.parameters():
        value.data = value.data.half().float()
    return model


@contextmanager
def _draft(
    models: Path,
    parent: Checkpoint,
    model: ConditionalVAE,
    report: FineTuneReport,
    config: FineTuneConfig,
    origin: Mapping[str, str],
) -> Iterator[tuple[Path, str]]:
    """The new version in a folder that is to be settled, and its name."""
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
        tuned.write_report(draft, {**report.to_dict(), **kept, **origin})
        yield draft, version


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
            f"{config.epochs} epochs, leash {config.leash} to {report.shipped}), on {report.judgements} "
            f"judgements by {report.people} people, {since} to {until}: Moyou's own outputs less",
            "all with a passage copied from a person, and de-identified judgements. No member's words.",
            "",
            f"Pairwise accuracy over chance on {report.held_out} judgements kept aside by person and time: "
            f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}).",
            "",
            f"| | {report.shipped} | after |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
