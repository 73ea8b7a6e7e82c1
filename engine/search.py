"""`train --search N`: which settings learn most in a short time, by optuna.

Knows: the space that is searched, how a trial is judged and given up, how the best is written down.
Does not know: how a trial is trained (`engine.train` does).

Every trial gets an equal share of the budget, runs its whole schedule in it, and is judged by the
validation's negative ELBO; the first trial is the configuration as it stands. γ is searched from 0.5
upwards only: below, the ELBO gains by what the latent loses.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import BadOption, ExtraMissing
from engine.observer import Observer
from engine.train import RunConfig, train
from engine.training_data import load_data
from engine.vocabulary import Vocabulary

log = logging.getLogger(__name__)

STUDY, BEST = "search.db", "best.toml"
VALIDATIONS = 8
"""Times that a trial is compared with the others while it runs."""
HELD_OUT = 500
"""Examples of the validation part that a trial is judged by."""


@dataclasses.dataclass(frozen=True)
class Range:
    """Values between two ends, evenly or by factors; or one of `choices`."""

    low: float = 0.0
    high: float = 0.0
    by_factors: bool = False
    choices: tuple[int, ...] = ()


SPACE: Mapping[str, Range] = {
    "training.learning_rate": Range(3e-4, 6e-3, by_factors=True),
    "training.batch": Range(choices=(32, 48, 64, 96, 128)),
    "model.dropout": Range(0.0, 0.4),
    "model.word_dropout": Range(0.0, 0.3),
    "model.gamma": Range(0.5, 0.9),
    "model.bag_of_words": Range(0.0, 0.6),
}


class _Judge(Observer):
    """Tells a trial's progress to optuna, which may end it."""

    def __init__(self, trial: Any, pruned: type[Exception]) -> None:
        self._trial, self._pruned = trial, pruned
        self._told: set[int] = set()

    def validated(self, step: int, share: float, figures: Mapping[str, float]) -> None:
        mark = int(VALIDATIONS * min(share, 1.0))
        if mark not in self._told:
            self._told.add(mark)
            self._trial.report(figures["elbo"], mark)
            if mark < VALIDATIONS and self._trial.should_prune():
                raise self._pruned


def search(
    config: RunConfig,
    files: Sequence[Path],
    out: Path,
    trials: int,
    *,
    minutes: float | None = None,
    device: str = "auto",
    exclude: Sequence[Path] = (),
    init: Path | None = None,
) -> dict[str, Any]:
    """Run trials until the study in `out` holds so many; write best.toml there, a configuration to train.

    A trial trains for minutes / trials, or steps / trials where the configuration bounds steps. An
    interrupted search goes on with the next trial. Raises ExtraMissing, BadFile or BadOption.
    """
    try:
        import optuna
    except ImportError as error:
        raise ExtraMissing(option="--search", package="optuna", extra="train") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    given = Vocabulary.load(init) if init else None
    if given is not None and not set(config.corpus.tags) <= set(given.tags):
        given = None
    data = load_data(files, config.corpus, exclude=exclude, vocabulary=given)
    data = dataclasses.replace(data, validation=data.validation[:HELD_OUT])
    out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=config.name,
        storage=f"sqlite:///{(out / STUDY).resolve()}",
        direction="minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
    )
    budget = minutes if minutes is not None else config.training.minutes
    about = {"data": data.checksum(), "minutes": budget / trials, "steps": config.training.steps // trials}
    _hold_to(study, about)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # cut off with an earlier search
    if not study.trials:
        study.enqueue_trial({name: _current(config, name) for name in SPACE})
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    # Another seed for what goes on: with the same one it would ask for the same values again.
    study.sampler = optuna.samplers.TPESampler(seed=config.training.seed + len(study.trials))

    def objective(trial: Any) -> float:
        chosen = {name: _suggested(trial, name, SPACE[name]) for name in SPACE}
        run = _with(config, chosen)
        run.training.validate_share = 1 / VALIDATIONS
        run.training.validate_every = run.training.patience = 1_000_000_000
        if run.training.steps:
            run.training.steps = max(1, run.training.steps // trials)
            run.training.warm_up = min(run.training.warm_up, run.training.steps // 5)
            run.training.anneal = min(run.training.anneal, run.training.steps // 3)
        with tempfile.TemporaryDirectory(prefix=".trial-", dir=out) as scratch:
            figures = train(
                run,
                files,
                Path(scratch) / "run",
                minutes=budget / trials,
                device=device,
                init=init,
                quiet=True,
                observers=[_Judge(trial, optuna.TrialPruned)],
                data=data,
            )
        log.info("trial %d: %.4f with %s", trial.number, figures["best"], _overrides(chosen))
        return float(figures["best"])

    while (done := len(study.get_trials(states=ended, deepcopy=False))) < trials:
        study.optimize(objective, n_trials=trials - done)
    # The values that were trained; the configuration's own may lie outside of the space.
    best = {name: study.best_params[name] for name in SPACE}
    (out / BEST).write_text(to_toml(_with(config, best)), "utf-8")
    pruned = len(study.get_trials(states=(optuna.trial.TrialState.PRUNED,), deepcopy=False))
    first = study.trials[0].value
    return {
        "trials": done,
        "pruned": pruned,
        "elbo": study.best_value,
        "elbo_of_the_configuration": first,
        "config": str(out / BEST),
        "set": _overrides(best),
    }


def _hold_to(study: Any, about: Mapping[str, float]) -> None:
    """Trials compare only on the same data with the same budget. Raises BadOption."""
    known = study.user_attrs
    if not known:
        for name, value in about.items():
            study.set_user_attr(name, value)
    elif any(known.get(name) != value for name, value in about.items()):
        reason = "it holds a search with other data or another budget; choose another folder"
        raise BadOption(option="out", reason=reason)


def _table_of(config: RunConfig, name: str) -> tuple[dict[str, Any], str]:
    table, _, key = name.partition(".")
    return (config.model if table == "model" else vars(config.training)), key


def _current(config: RunConfig, name: str) -> float:
    """A setting as it stands, moved into the space where it lies outside."""
    from engine.model import ModelConfig

    table, key = _table_of(config, name)
    value = float(table.get(key, getattr(ModelConfig, key, 0.0)))
    space = SPACE[name]
    if space.choices:
        return min(space.choices, key=lambda choice: abs(choice - value))
    return min(max(value, space.low), space.high)


def _suggested(trial: Any, name: str, space: Range) -> float:
    if space.choices:
        return int(trial.suggest_categorical(name, space.choices))
    return float(trial.suggest_float(name, space.low, space.high, log=space.by_factors))


def _with(config: RunConfig, values: Mapping[str, float]) -> RunConfig:
    changed = copy.deepcopy(config)
    for name, value in values.items():
        table, key = _table_of(changed, name)
        table[key] = value
    return changed


def _overrides(values: Mapping[str, float]) -> str:
    """As options of `train`."""
    return " ".join(f"--set {name}={value:.4g}" for name, value in values.items())


def to_toml(config: RunConfig) -> str:
    """A configuration as the file it could have been read from."""
    tables = {
        "corpus": dataclasses.asdict(config.corpus),
        "model": config.model,
        "training": dataclasses.asdict(config.training),
    }
    lines = [f"name = {_value(config.name)}"]
    for table, values in tables.items():
        lines += ["", f"[{table}]"]
        lines += [f"{key} = {_value(value)}" for key, value in values.items() if not isinstance(value, dict)]
        for key, inner in values.items():
            if isinstance(inner, dict) and inner:
                lines += ["", f"[{table}.{key}]"]
                lines += [f"{_value(name)} = {_value(value)}" for name, value in inner.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """JSON's strings, numbers and lists are TOML's too."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
