"""python -m engine.card FOLDER: the card of a checkpoint, with samples that nobody picked.

Knows: how a run's configuration, history, evaluations and words about data become CARD.md.
Does not know: how any figure was measured; figures are JSON lines of `evaluate` and the benches.

    python -m engine.card engine/weights/verse --command "python -m engine train …" --about about.md \\
        --figures figures.jsonl

`about.md` holds what a person must say: what it is for, data and licences, what was tried, limits.
Samples are the first drafts of seeds 1 to 20, in order, decoded as the tasks are, contexts fixed below;
of translation the best of each fixed sentence.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from engine import checkpoint, decode, english_writing, translate, verse_task
from engine.corpus import language_tag
from engine.english_forms import FORMS as ENGLISH_FORMS
from engine.forms import FORMS
from engine.novelty import Bloom
from engine.prompt import load_tasks
from engine.task import Task
from engine.verse import VerseRules
from engine.weights import LINES_FILE

SAMPLES = 20
_HOW = {
    "": "Seeds 1 to 20 in order, one draft each, decoded as the tasks are, before any judge.",
    "translation": "Sentences fixed before any was translated, in order, with the confidence of each.",
}
_CONTEXTS = (
    ("chat", ("你好",)),
    ("chat", ("今天有点累",)),
    ("chat", ("Do you like rain?",)),
    ("continue", ("今天天气很好，适合户外活动，",)),
    ("continue", ("The old clock on the wall",)),
)


_THEMES = ("", "rain on the window", "the sea at night", "losing a friend", "spring in the garden")
_SENTENCES = (
    *("你好，很高兴认识你。", "今天下雨了，我没带伞。", "这家店的面条很好吃。", "你能帮我一个忙吗？"),
    *("我昨天买了三本书。", "他们下个月要搬家。", "妈妈在厨房做饭。", "火车几点开？"),
    *("如果明天天气好，我们就去爬山。", "科学家发现了一种新的材料。"),
    *(
        "Good morning!",
        "I lost my keys again.",
        "Where is the nearest station?",
        "She has two brothers and a sister.",
    ),
    *(
        "We should leave before it gets dark.",
        "The movie was better than the book.",
        "Please turn off the light.",
    ),
    *("He works at a hospital in Boston.", "I have never eaten anything like this."),
    "The government announced a new plan for public transport on Monday.",
)


def translations(loaded: checkpoint.Checkpoint) -> list[tuple[str, str]]:
    """(sentence, its translation with the confidence), without the memory of our own pairs."""
    translator = translate.Translator(decode.Decoder(loaded))
    found = []
    for sentence in _SENTENCES:
        best = translator.translate(sentence, translate.language_of(sentence), memory=False)[0]
        found.append((sentence, f"{best.text} ({best.confidence:.2f})"))
    return found


def samples(loaded: checkpoint.Checkpoint) -> list[tuple[str, str]]:
    """(what it was given, what it wrote) for seeds 1 to SAMPLES, the first draft of each."""
    if loaded.corpus["kind"] == "translation":
        return translations(loaded)
    writer = decode.Decoder(loaded)
    tasks = load_tasks()
    found = []
    for seed in range(1, SAMPLES + 1):
        z = decode.latents(seed, 1, writer.latent_size)
        if loaded.corpus["kind"] == "rhyme":
            found.append(_english(writer, seed, settings("poem", tasks)))
        elif loaded.corpus["kind"] == "verse":
            found.append(_verse(writer, seed, settings("poem", tasks)))
        else:
            task, context = _CONTEXTS[(seed - 1) % len(_CONTEXTS)]
            sampling = settings(task, tasks)
            condition = writer.condition([task, "own", language_tag(context[-1])], context)
            (row,) = writer.sample(condition, tasks[task].decoding.spread * z, seed, sampling)
            found.append((f"{task}: {context[-1]}", row.text.replace("\n", " ")))
    return found


def _verse(writer: decode.Decoder, seed: int, sampling: decode.Sampling) -> tuple[str, str]:
    """A form that the model knows, each in turn, on no theme."""
    known = [form for form in FORMS.values() if writer.vocabulary.has_tag(form.name)]
    asked = verse_task.asked(known[seed % len(known)].name, "", "", seed)
    lines = writer.checkpoint.folder / LINES_FILE
    rules = VerseRules(writer.vocabulary.character_list(), Bloom.load(lines) if lines.exists() else None)
    group = asked.group if all(map(writer.vocabulary.has_tag, asked.tags)) else ""
    room = sum(asked.written.lengths) + len(asked.written.lengths) + 1
    z = decode.latents(seed, 1, writer.latent_size)
    (row,) = writer.sample(
        writer.condition(asked.tags, ()), z, seed,
        dataclasses.replace(sampling, max_tokens=room), [rules.plan(asked.written, group=group)],
    )  # fmt: skip
    return asked.whole.title, verse_task.printed(row.text.split("\n"), asked.whole).replace("\n", "")


def _english(writer: decode.Decoder, seed: int, sampling: decode.Sampling) -> tuple[str, str]:
    """An English form, each in turn, on one of _THEMES."""
    form = list(ENGLISH_FORMS.values())[seed % len(ENGLISH_FORMS)]
    theme = _THEMES[seed % len(_THEMES)]
    z = decode.latents(seed, 1, writer.latent_size)
    (draft,), _ = english_writing.drafts(theme, theme, form, writer, z, seed, sampling)
    return f"{form.name}: {theme or 'no theme'}", draft.text.replace("\n", " / ")


def settings(name: str, tasks: Mapping[str, Task]) -> decode.Sampling:
    asked = tasks[name].decoding
    return decode.Sampling(asked.temperature, asked.nucleus, asked.max_tokens, asked.no_repeat)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Figures as a Markdown table, one column a row's `name`; numbers to four digits."""
    keys = list(dict.fromkeys(key for row in rows for key in row if key != "name"))
    head = "| | " + " | ".join(str(row.get("name", "")) for row in rows) + " |"
    lines = [head, "|---" * (len(rows) + 1) + "|"]
    for key in keys:
        values = (row.get(key, "") for row in rows)
        shown = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in values)
        lines.append(f"| {key} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def card(folder: Path, command: str, about: str, figures: Sequence[dict[str, Any]]) -> str:
    loaded = checkpoint.load(folder)
    config = loaded.model.config
    parameters = sum(p.numel() for p in loaded.model.parameters())
    written = "\n".join(f"| {n} | {given} | {text} |" for n, (given, text) in enumerate(samples(loaded), 1))
    return (
        "\n\n".join(
            (
                f"# {loaded.name}@{loaded.hash}",
                about.strip(),
                "## Command",
                f"```\n{command.strip()}\n```",
                f"{parameters / 1e6:.1f} M parameters; vocabulary {config.vocabulary}; "
                f"embedding {config.embedding}, "
                f"decoder {config.hidden}, latent {config.latent}; dropout {config.dropout}; "
                f"γ {config.gamma}, "
                f"bag of words {config.bag_of_words}, sampled softmax {config.sampled_softmax}.",
                "## Figures",
                table(figures),
                "## Twenty samples that nobody picked",
                _HOW["translation" if loaded.corpus["kind"] == "translation" else ""],
                "| | given | written |\n|---|---|---|\n" + written,
            )
        )
        + "\n"
    )


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--command", required=True)
@click.option("--about", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--figures", type=click.Path(exists=True, path_type=Path), required=True)
def main(folder: Path, command: str, about: Path, figures: Path) -> None:
    rows = [json.loads(line) for line in figures.read_text("utf-8").splitlines() if line.strip()]
    (folder / "CARD.md").write_text(card(folder, command, about.read_text("utf-8"), rows), "utf-8")


if __name__ == "__main__":
    main(prog_name="python -m engine.card")
