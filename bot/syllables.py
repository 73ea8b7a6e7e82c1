"""English verse as people read its check: syllables and rhyme letters where Chinese verse has tones.

Knows: which form checks are of English verse (engine.english_forms), what to say of one in a line.
Does not know: Discord, HTML, the rules themselves.
"""

from __future__ import annotations

from bot.wording import say
from engine import FormCheck

FORMS = ("haiku", "couplet", "quatrain")
PROBLEMS = 4
ASPECTS = {
    "english.syllables": {"lines", "length"},
    "english.rhyme": {"rhyme", "repeat"},
}
"""What people look for, and the rules that break it; a haiku has no rhyme to look for."""


def is_syllabic(form: FormCheck) -> bool:
    return form.name in FORMS


def counts(form: FormCheck) -> tuple[int, ...]:
    """Syllables of each line, estimates among them."""
    return tuple(sum(int(mark.tone.rstrip("?")) for mark in line) for line in form.lines)


def problem_words(form: FormCheck, locale: str) -> list[str]:
    """A sentence for each problem, the first PROBLEMS of them."""
    rows = []
    for problem in form.problems[:PROBLEMS]:
        key = "english.problem_at" if problem.position else "english.problem_line"
        rule = say(f"english.rule.{problem.rule}", locale)
        rows.append(say(key, locale, line=problem.line, position=problem.position, rule=rule))
    return rows


def verdict(form: FormCheck, locale: str) -> list[str]:
    """Sentences: the form, its syllables and rhyme letters and whether they hold, then every problem."""
    broken = {problem.rule for problem in form.problems}
    parts = [say(f"english.form.{form.name}", locale), form.pattern]
    for key, rules in ASPECTS.items():
        if key != "english.rhyme" or " " in form.pattern:
            parts.append(f"{say(key, locale)} {'✗' if broken & rules else '✓'}")
    rows = [" · ".join(parts), *problem_words(form, locale)]
    if form.relaxed:
        given_up = say("verse.comma", locale).join(
            say(f"english.relaxed.{rule}", locale) for rule in form.relaxed
        )
        rows.append(say("verse.relaxed", locale, rules=given_up))
    return rows
