"""Tasks with a dial: a validated request for vary or blend becomes drafts that replay like all others.

Knows: which model a text asks for, the options of such a task, what of a draft may be learnt from.
Does not know: how texts are moved on the latent (`engine.dials`), which draft is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine import safety, text, verse_check
from engine.between import POINT, Variant
from engine.decode import Decoder, Sampling
from engine.dials import Dials, form_for, same_kind, without_given
from engine.errors import NothingGood
from engine.forms import Form
from engine.passages import Passages
from engine.task import MODEL, SECOND, STEPS, Task
from engine.values import Draft, Request
from engine.verse import VerseRules
from engine.verse_task import printed

Loader = Callable[[str], Decoder]


def texts_of(task: Task, request: Request) -> list[str]:
    """The texts to move, in the characters that the models write."""
    given = [request.text, *([request.options[SECOND]] if task.dial == "blend" else [])]
    return [text.simplify(text.clean(one)) for one in given]


def model_of(task: Task, request: Request, load: Loader) -> str:
    """verse where every text has a form that the verse model knows, unless prose is asked for.

    Raises NotVerse where verse is asked for and a text has no form, ModelMissing, ModelBroken.
    """
    wanted = request.options.get(MODEL, "")
    if wanted == "talk":
        return "talk"
    texts = texts_of(task, request)
    # the verse model is loaded only for what may be verse
    if not wanted and any(text.han_only(one) != "".join(verse_check.verse_lines(one)) for one in texts):
        return "talk"
    return "verse" if form_for(texts, load("verse"), wanted=wanted) else "talk"


def write(
    task: Task,
    request: Request,
    decoder: Decoder,
    tags: Sequence[str],
    seed: int,
    decoding: Mapping[str, Any],
    sampling: Sampling,
    rules: VerseRules | None,
    known: Passages | None = None,
) -> tuple[list[Draft], Callable[[int], dict[str, Any]]]:
    """Drafts, and what a Reply says beside the chosen one. `rules`: those of the verse model, None for prose.

    `known`: passages that may not be written again unless they were given.

    Raises TwoLanguages, TextTooLong, EmptyText, NothingGood.
    """
    texts = texts_of(task, request)
    form = form_for(texts, decoder, wanted="verse") if rules is not None else None
    dials = Dials(decoder, tags, sampling, seed, form=form, rules=rules)
    around, count = decoding.get("near", ()), int(decoding["drafts"])
    main = task.main.name if task.main else "text"
    if task.dial == "vary":
        parts = dials.parts(texts[0], main)
        variants = dials.vary(parts, count, around, float(decoding["distance"]))
    else:
        same_kind(*texts)
        (first,) = dials.parts(texts[0], main, whole=True)
        (second,) = dials.parts(texts[1], SECOND, whole=True)
        variants = [dials.blend(first, second, int(request.options[STEPS]), count, around)]
    given = "\n".join((request.text, request.options.get(SECOND, ""), *texts))
    safe = safety.safe([variant.words for variant in variants])
    variants = [
        variant
        for variant, ok in zip(variants, safe, strict=True)
        if ok and not (known is not None and known.copies(variant.words, given))
    ]
    if not variants:
        raise NothingGood()
    drafts = [_draft(variant, form, given) for variant in variants]

    def extra(chosen: int) -> dict[str, Any]:
        variant = variants[chosen]
        values: dict[str, Any] = {"novelty": variant.scores["novelty"]}
        if form is not None:
            values["decoding"] = {**decoding, "form": form.name, "relaxed": list(variant.relaxed)}
        if form is not None and task.dial == "vary":
            lines = tuple(variant.words.split("\n"))
            values |= {"lines": lines, "form": verse_check.check(lines, form, variant.relaxed)}
        return values

    return drafts, extra


def _draft(variant: Variant, form: Form | None, given: str) -> Draft:
    words = variant.words
    if form is not None:
        words = POINT.join(printed(point.split("\n"), form) for point in words.split(POINT))
    return Draft(
        text=words,
        own_text=without_given(words, given),
        origin="generated",
        latent=variant.latent,
        log_probability=variant.log_probability,
        scores=variant.scores,
        score=variant.score,
    )
