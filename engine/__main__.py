"""python -m engine: generate, vary, blend, replay, check-verse, summarize, words, train, evaluate, tune …

Knows: the commands, their options, and how a result is printed (`--json`: one object a line).
Does not know: how anything is done; each command hands its arguments to one module of the engine,
imported when it is needed, so that `--help` costs nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.bench_commands import bench
from engine.command_line import (
    FILE,
    FOLDER,
    NEW_FILE,
    Function,
    Group,
    as_json,
    assignments,
    emit,
    read_lines,
    show,
)
from engine.dial_commands import blend, vary
from engine.errors import AnotherRequest, BadOption, UnknownTask
from engine.report_command import report
from engine.training_commands import evaluate, passages, prepare, train
from engine.trial_commands import begun, trial

if TYPE_CHECKING:
    from engine.export import Format
    from engine.values import FormCheck, Reply
    from engine.writer import Engine

DATA = Path("moyou-data")
LOCALES = ("zh-CN", "zh-TW", "en")


def journal_option(function: Function) -> Function:
    return click.option("--journal", type=FILE, default=DATA / "journal.db", help="The journal's file.")(
        function
    )


def models_option(function: Function) -> Function:
    return click.option(
        "--models",
        type=FOLDER,
        default=DATA / "models",
        help="Where tuned models are kept.",
    )(function)


@click.group(cls=Group, no_args_is_help=False, context_settings={"show_default": True})
def main() -> None:
    """Moyou's engine: text in, text out."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")


@main.command
@click.argument("task")
@click.argument("text", default="")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="An option of the task; repeatable.")
@click.option("--context", multiple=True, metavar="TURN", help="An earlier turn, oldest first; repeatable.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=1, help="How many.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Same seed, same text; the next text takes the next."
)
@click.option("--locale", help="The language of the conversation.  [default: that of TEXT]")
@click.option("--model", metavar="NAME|DIR", help="A checkpoint to write with, in place of the task's own.")
@click.option("--prompts", type=FOLDER, help="A folder of tasks, in place of the shipped ones.")
@click.option("--no-book", is_flag=True, help="Take nothing from the book of examples.")
@as_json
def generate(
    task: str,
    text: str,
    pairs: Sequence[str],
    context: Sequence[str],
    count: int,
    seed: int | None,
    locale: str | None,
    model: str | None,
    prompts: Path | None,
    no_book: bool,
    as_json: bool,
) -> None:
    """Write for a task of prompts/. TEXT may be - for stdin."""
    from engine.text import locale_of
    from engine.values import Request

    if text == "-":
        text = "\n".join(read_lines(sys.stdin.buffer, "stdin"))
    request = Request(task, text, assignments(pairs), locale or locale_of(text), tuple(context))
    with _engine(task, model, prompts, book=not no_book) as engine:
        for number in range(count):
            reply = engine.write_now(
                dataclasses.replace(request, seed=None if seed is None else seed + number)
            )
            if as_json:
                emit(_reply_values(reply))
            else:
                print(reply.text + ("\n" if number + 1 < count else ""), flush=True)


main.add_command(vary)
main.add_command(blend)
main.add_command(bench)
main.add_command(prepare)
main.add_command(train)
main.add_command(passages)
main.add_command(evaluate)
main.add_command(report)
main.add_command(trial)


@contextlib.contextmanager
def _engine(task: str, model: str | None, prompts: Path | None, *, book: bool) -> Iterator[Engine]:
    """An engine for one task; `model`, a name or a folder, takes the place of the task's own.

    Raises UnknownTask and ModelMissing before anything is loaded.
    """
    from engine.prompt import load_tasks
    from engine.weights import folder_of
    from engine.writer import Engine

    tasks = load_tasks(prompts)
    if task not in tasks:
        raise UnknownTask(task=task, known=", ".join(tasks))
    if model is None:
        yield Engine(prompts=prompts, book=book)
        return
    with tempfile.TemporaryDirectory(prefix="moyou-") as folder:
        # the engine looks for a task's models by their names in this folder first
        given = folder_of(model).resolve()
        name = json.loads((given / "config.json").read_text("utf-8")).get("name", "")
        name = name if name in tasks[task].models else tasks[task].model
        (Path(folder) / name).symlink_to(given, target_is_directory=True)
        yield Engine(models=Path(folder), prompts=prompts, book=book)


def _reply_values(reply: Reply) -> dict[str, object]:
    return {
        "task": reply.task,
        "text": reply.text,
        "lines": None if reply.lines is None else list(reply.lines),
        "form": None if reply.form is None else _form_values(reply.form),
        "model": reply.model,
        "seed": reply.seed,
        "score": reply.score,
        "novelty": reply.novelty,
        "ms": round(reply.milliseconds, 1),
    }


def _form_values(form: FormCheck) -> dict[str, object]:
    return {"name": form.name, "ok": form.ok, "relaxed": list(form.relaxed)}


@main.command
@click.argument("generation")
@click.argument("text", default="")
@journal_option
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="An option it was asked with.")
@click.option("--context", multiple=True, metavar="TURN", help="An earlier turn, oldest first; repeatable.")
@click.option("--models", type=FOLDER, help="A folder of models that goes before the shipped ones.")
@as_json
def replay(
    generation: str,
    text: str,
    journal: Path,
    pairs: Sequence[str],
    context: Sequence[str],
    models: Path | None,
    as_json: bool,
) -> None:
    """Write a reply of the journal once more and say whether it is the same.

    While its request's words are kept, GENERATION is enough; afterwards give them again.
    """
    from engine.journal import Journal
    from engine.values import Request
    from engine.writer import Engine

    with Journal(journal) as book:
        reply = book.reply(generation)
        if reply is None:
            raise BadOption(option="GENERATION", reason="the journal holds no reply of this name")
        request = book.request(generation)
        if request is None or text:
            given = [Request(reply.task, text, assignments(pairs), name, tuple(context)) for name in LOCALES]
            request = next((one for one in given if book.given_again(generation, one)), None)
            if request is None:
                raise AnotherRequest()
        again = Engine(models=models, tuned=journal.parent / "models").replay(request, reply)
        same = book.same_text(generation, again.text) and again.latent == reply.latent
    show({"text": again.text, "same": same, "model": again.model, "seed": again.seed}, as_json)


@main.command
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--top", type=click.IntRange(1, 100_000), default=50, help="So many words.")
@as_json
def words(files: Sequence[Path], top: int, as_json: bool) -> None:
    """The commonest words of texts, without stop words and punctuation: a look before training."""
    from collections import Counter

    from engine.corpus import rows
    from engine.text import clean, words_for_analysis

    counts: Counter[str] = Counter()
    for file in files:
        for row in rows(file):
            for value in row.values():
                for passage in value if isinstance(value, list) else [value]:
                    if isinstance(passage, str):
                        counts.update(words_for_analysis(clean(passage)))
    for word, count in counts.most_common(top):
        show({"word": word, "count": count}, as_json) if as_json else print(f"{count}\t{word}")


@main.command("check-verse")
@click.option(
    "--form", required=True, metavar="NAME", help="wujue, qilv, duilian, 浣溪沙 …: any form poem writes."
)
@as_json
def check_verse(form: str, as_json: bool) -> None:
    """Hold verses on stdin to a form; a blank line parts two verses."""
    from engine import english_forms
    from engine.forms import form_named
    from engine.verse_check import check, verse_lines

    english = english_forms.english_form(form)
    wanted = None if english else form_named(form)
    text = "\n".join(line.strip() for line in read_lines(sys.stdin.buffer, "stdin")).strip("\n")
    for verse in re.split("\n{2,}", text):
        if english:
            found = english_forms.check(verse.split("\n"), english)
        elif wanted:
            found = check(verse_lines(verse, wanted), wanted)
        if as_json:
            emit({"ok": found.ok, "problems": [dataclasses.asdict(problem) for problem in found.problems]})
            continue
        print(f"{found.name} {found.pattern}: {'ok' if found.ok else 'not ok'}")
        for problem in found.problems:
            where = f"line {problem.line}" + (f", character {problem.position}" if problem.position else "")
            print(f"  {where}: {problem.rule}")


@main.command
@click.argument("file", type=click.File("rb"))
@click.option("--points", type=click.IntRange(1, 100), help="At most this many points.  [default: 5]")
@click.option("--characters", type=click.IntRange(1, 100_000), help="At most this many characters in all.")
@as_json
def summarize(file: Any, points: int | None, characters: int | None, as_json: bool) -> None:
    """The points of a conversation.

    FILE: JSON lines {id, author, text, minute or time, reply_to?}; - for stdin.
    """
    from engine.messages import read_messages
    from engine.writer import Engine

    if points is not None and characters is not None:
        raise click.UsageError("Give --points or --characters, not both.")
    name = str(getattr(file, "name", "stdin"))
    messages, identities = read_messages(read_lines(file, name), name)
    limits: dict[str, Any] = {"characters": characters} if characters else {"points": points or 5}
    summary = Engine().summarize_now(messages, **limits)
    found = [
        {"text": point.text, "sources": [identities[source] for source in point.sources]}
        for point in summary.points
    ]
    if as_json:
        emit({"title": summary.title, "points": found})
        return
    print(summary.title)
    for point in found:
        print(f"- {point['text']}  [{', '.join(map(str, point['sources']))}]")


@main.command
@journal_option
@models_option
@click.option("--dry-run", is_flag=True, help="Say what would come of it, change nothing.")
@click.option("--no-promote", is_flag=True, help="Keep it, but do not put it in force.")
@click.option(
    "--trial", is_flag=True, help="Begin a live test of the reward model, do not promote it at once."
)
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--prompts", type=FOLDER, help="A folder of tasks, in place of the shipped ones.")
@as_json
def tune(
    journal: Path,
    models: Path,
    dry_run: bool,
    no_promote: bool,
    trial: bool,
    seed: int,
    prompts: Path | None,
    as_json: bool,
) -> None:
    """Learn from the journal's judgements: settings, channels' tastes, and a reward model if it is better."""
    from engine.errors import TuneError
    from engine.prompt import load_tasks
    from engine.trying import begin_trial, refuse_a_second
    from engine.tune import tune as run
    from engine.tune_places import tune_places

    if trial and no_promote:
        raise click.UsageError("Give --trial or --no-promote, not both: a live test may end in a promotion.")
    if trial:  # before minutes of learning, whose model could not be tried
        refuse_a_second(models)
    places = tune_places(journal, models, load_tasks(prompts), dry_run=dry_run, promote=not no_promote)
    try:
        at_once = not (no_promote or trial)
        report = run(journal, models, dry_run=dry_run, promote=at_once, seed=seed, prompts=prompts)
    except TuneError:
        if places.choices or places.tastes:
            show(places.to_dict(), as_json)
        raise
    show(report.to_dict() | places.to_dict(), as_json)
    if report.refusal is not None and not dry_run:
        raise report.refusal
    if trial and report.model:
        show(begun(begin_trial(models, f"reward/{report.model}")), as_json)


@main.command("fine-tune")
@click.argument("model", default="talk")
@journal_option
@models_option
@click.option(
    "--on",
    is_flag=True,
    help="Switch it on. Discord's Developer Policy, rule 21: “Do not use message content obtained through "
    "the APIs to train machine learning or AI models (including large language models) unless express "
    "permission is granted by Discord.” This learns from Moyou's own outputs and de-identified judgements.",
)
@click.option("--from", "given", type=FOLDER, help="The model to begin from.  [default: the one in force]")
@click.option("--dry-run", is_flag=True, help="Say what would come of it, change nothing.")
@click.option("--no-promote", is_flag=True, help="Keep it, but do not put it in force.")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--prompts", type=FOLDER, help="A folder of tasks, in place of the shipped ones.")
@as_json
def fine_tune(
    model: str,
    journal: Path,
    models: Path,
    on: bool,
    given: Path | None,
    dry_run: bool,
    no_promote: bool,
    seed: int,
    prompts: Path | None,
    as_json: bool,
) -> None:
    """Teach a writing model what people liked of its outputs; adopt it only if it is better. MODEL: talk."""
    from engine.errors import FineTuningOff
    from engine.fine_tune_run import run
    from engine.prompt import load_tasks

    if not on:
        raise FineTuningOff()
    promote_it = not no_promote
    tasks = load_tasks(prompts)
    report = run(journal, models, model, tasks, given=given, dry_run=dry_run, promote=promote_it, seed=seed)
    show(report.to_dict(), as_json)
    if report.refusal is not None and not dry_run:
        raise report.refusal


@main.command("models")
@click.argument("two", nargs=-1, metavar="[NAME/VERSION NAME/VERSION]")
@models_option
@as_json
def models_(two: tuple[str, ...], models: Path, as_json: bool) -> None:
    """The tuned models with their parents, data and findings; two given, side by side."""
    from engine.lineage import compare_versions, tuned_versions

    if len(two) not in (0, 2):
        raise click.UsageError("Give no versions, or two to compare.")
    found: list[dict[str, Any]] = []
    if two:
        rows = compare_versions(models, *two).rows
        found += [{"what": name, "first": first, "second": second} for name, first, second in rows]
    else:
        for version in tuned_versions(models):
            values = dataclasses.asdict(version)
            del values["report"]
            found.append(values)
    for row in found:
        show(row, as_json)
        if not as_json:
            print()


@main.command
@click.argument("model")
@models_option
@as_json
def promote(model: str, models: Path, as_json: bool) -> None:
    """Put a tuned model in force. MODEL: reward, decoding or talk (its newest version), or NAME/VERSION."""
    from engine import tuned

    name, _, version = model.partition("/")
    show({"model": name, "version": tuned.promote(models, name, version or None)}, as_json)


@main.command
@click.argument("model")
@models_option
@as_json
def rollback(model: str, models: Path, as_json: bool) -> None:
    """Put the version in force that was before. MODEL: reward, decoding or talk."""
    from engine import tuned

    show({"model": model, "version": tuned.rollback(models, model)}, as_json)


@main.command
@journal_option
@click.option("--format", "kind", required=True, type=click.Choice(["kto", "dpo", "csv"]))
@click.option("--out", required=True, type=NEW_FILE, help="The file to write.")
@as_json
def export(journal: Path, kind: Format, out: Path, as_json: bool) -> None:
    """De-identified judgements as training data with a data card, without the words of any request."""
    from engine.export import export as run

    show({"out": str(out), "rows": run(journal, kind, out)}, as_json)


@main.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--journal", type=NEW_FILE, default=DATA / "journal.db", help="The journal that takes them.")
@as_json
def merge(files: tuple[Path, ...], journal: Path, as_json: bool) -> None:
    """Take the journals of other processes or machines into --journal; nothing comes in twice."""
    from engine.journal_union import merge as run

    for file in files:
        merged = run(journal, file)
        show({"file": str(file), "generations": merged.generations, "facts": merged.facts}, as_json)


@main.command()
@journal_option
@click.option("--into", type=FOLDER, default=DATA / "backups", help="The folder of the copies.")
@click.option("--keep-days", type=click.FloatRange(1, 365), default=30.0, help="Older copies there go.")
@as_json
def backup(journal: Path, into: Path, keep_days: float, as_json: bool) -> None:
    """Copy the journal, also while it is in use, into a file named by the time; requests' words stay out."""
    from engine.backups import back_up, erase_old

    file = back_up(journal, into)
    show({"file": str(file), "bytes": file.stat().st_size, "erased": erase_old(into, keep_days)}, as_json)


if __name__ == "__main__":
    main(prog_name="python -m engine")
