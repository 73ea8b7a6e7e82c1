"""The half of tuning that needs no gate: how replies are decoded, and what each channel likes.

    report = tune_places(Path("moyou-data/journal.db"), Path("moyou-data/models"), tasks)

Both follow people's judgements by little steps: a choice between settings near the prompt files' own, with
a tenth of all draws at random to be held against, and a shift of latents that only agreement moves. The
choice is a version of `decoding` beside other tuned models and is taken back like them; the shifts lie in the
journal, where *forget me* and a moderator's reset reach them at once.

Knows: what is read, learnt, written and put in force. Does not know: the estimates, the reward model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import decoding_learning, tuned
from engine.decoding_choice import Choices, arms_of
from engine.decoding_judged import JudgedArms
from engine.decoding_learning import Learnt, choices_of, learnt_from
from engine.errors import ForgottenMeanwhile, JournalUnreadable, MoyouError
from engine.journal import Journal
from engine.journal_personal import ATTEMPTS, erasures, forgettings, learn_tastes, unless_forgotten
from engine.task import Task
from engine.taste import Taste
from engine.tuned import DECODING


@dataclass(frozen=True, slots=True)
class PlacesReport:
    """What was learnt. `version`: of `decoding`, "" where none was made; `promoted`: it is in force now."""

    choices: Mapping[str, Learnt]
    tastes: Mapping[tuple[str, str], Taste]
    version: str = ""
    promoted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON. Channels are counted, not named."""
        return {
            "decoding": {task: learnt.values() for task, learnt in self.choices.items()},
            "decoding_version": self.version,
            "decoding_promoted": self.promoted,
            "tastes": [
                {
                    "model": model,
                    "judgements": taste.judgements,
                    "people": taste.people,
                    "far": round(taste.far, 4),
                }
                for (_, model), taste in self.tastes.items()
            ],
        }


def tune_places(
    journal: Path, models: Path, tasks: Mapping[str, Task], *, dry_run: bool = False, promote: bool = True
) -> PlacesReport:
    """Learn both and put them in force (`promote`: the choice). A dry run writes nothing.

    Where somebody is forgotten before the choice is kept, all is read and learnt anew. Raises
    JournalUnreadable, and ForgottenMeanwhile when that happened each time.
    """
    if not journal.is_file():
        raise JournalUnreadable(file=journal, reason="no such file")
    arms = {name: arms_of(task) for name, task in tasks.items()}
    with Journal(journal) as opened:
        for _ in range(ATTEMPTS):
            before = forgettings(opened)
            learnt = learn_settings(opened, arms)
            report = PlacesReport(learnt, learn_tastes(opened, dry_run=dry_run or not promote))
            in_force = _in_force(models)
            # nothing to draw, and nothing drawn so far: there is no version to make
            if dry_run or (not learnt and (in_force is None or not in_force.tasks)):
                return report
            with (
                _draft(models, learnt, report) as (draft, version),
                unless_forgotten(opened, before) as whole,
            ):
                if whole:
                    tuned.keep(models, DECODING, draft, version, promoted=promote)
                    return dataclasses.replace(report, version=version, promoted=promote)
    raise ForgottenMeanwhile(times=ATTEMPTS)


def learn_settings(journal: Journal, arms: Mapping[str, Sequence[str]]) -> dict[str, Learnt]:
    """How settings are liked in each task. `arms`: the settings of each.

    Where something is erased while it is read, for its age too, all is read anew: a person's number, which
    somebody else may have by then, does not make two people one.
    """
    while True:
        before = erasures(journal)
        learnt = decoding_learning.learn(JudgedArms(journal), arms)
        if erasures(journal) == before:
            return learnt


def _in_force(models: Path) -> Choices | None:
    version = tuned.current(models, DECODING)
    if not version:
        return None
    try:
        return Choices.load(models / DECODING / version)
    except MoyouError:  # it draws nothing either
        return None


@contextmanager
def _draft(models: Path, learnt: Mapping[str, Learnt], report: PlacesReport) -> Iterator[tuple[Path, str]]:
    """A new version of the choices in a folder that is to be settled, and its name."""
    with tuned.draft_of(models, DECODING) as draft:
        choices_of(learnt).save(draft)
        (draft / tuned.CARD).write_text(decoding_learning.card(learnt), "utf-8")
        version = tuned.hash_of(draft, DECODING)
        found = {**report.to_dict()["decoding"], **learnt_from(learnt)}
        found |= {"parent": tuned.current(models, DECODING)}
        tuned.write_report(draft, found | {"model": version})
        yield draft, version
