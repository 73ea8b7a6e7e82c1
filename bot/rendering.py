"""How a reply looks in Discord: verse with its form check, a quoted question, and the answer to "why?".

Knows: markdown, what a form check and a draft hold, and that zh-TW reads traditional characters: only
what is shown is converted. Does not know: sending, the journal, the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from discord.utils import escape_markdown

from bot import syllables
from bot.doubt import doubt
from bot.wording import in_characters_of, say
from engine import FormCheck, Reply, Request

TITLE_LIMIT = 40
QUOTE_LIMIT = 300
DRAFT_LIMIT = 80
TONES = {"平": "○", "仄": "●", "中": "◎"}

NAMED = ("wujue", "qijue", "wulv", "qilv", "cangtou", "duilian")
"""Forms that have words of their own; a ci goes by the name of its tune in every language."""
PROBLEMS = 4
"""Problems that are listed, at most."""
ASPECTS = {
    "verse.length": {"lines", "length"},
    "verse.tone": {"tone", "lone-level", "three-level-tail", "character"},
    "verse.rhyme": {"rhyme", "repeat"},
    "verse.parallel": {"same", "mirror"},
}
"""What people look for in a form, and the rules (engine's names) that break it."""


def reply_text(request: Request, reply: Reply, *, quoted: bool = False) -> str:
    """The message for a reply. `quoted`: a slash command, whose question nobody else sees, is repeated."""
    locale = request.locale
    if reply.origin == "fixed":
        return reply.text  # people wrote it for this locale
    if reply.form is not None and reply.lines:
        return verse(reply.lines, reply.form, request.text, locale)
    text = in_characters_of(reply.text, locale)
    if unsure := doubt(reply, locale):
        text += f"\n-# {unsure}"
    asked = [quote(words) for words in (request.text, request.options.get("second", "")) if words]
    return "\n".join([*asked, text]) if quoted else text


def quote(text: str) -> str:
    """A member's words as a quotation of one paragraph."""
    return "> " + escape_markdown(shortened(re.sub(r"\s+", " ", text).strip(), QUOTE_LIMIT))


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def verse(lines: tuple[str, ...], form: FormCheck, theme: str, locale: str) -> str:
    """A poem to read, and under it the same lines with their tones and rhymes."""
    theme = shortened(re.sub(r"\s+", " ", theme).strip(), TITLE_LIMIT)
    # A couplet's first line that was given is no title.
    title = [f"**{escape_markdown(theme)}**"] if theme and theme != lines[0] else []
    toned = form.lines and not syllables.is_syllabic(form)
    marked = [f"```\n{marks(form, locale)}\n```"] if toned else []
    shown = [escape_markdown(in_characters_of(line, locale)) for line in lines]
    if form.stanza:
        shown.insert(form.stanza, "")
    return "\n".join([*title, *shown, *marked, *verdict(form, locale)])


def marks(form: FormCheck, locale: str) -> str:
    """Each line over its tones: ○ 平, ● 仄, ◎ both; × under what its form does not allow."""
    rows: list[str] = []
    for number, line in enumerate(form.lines):
        if form.stanza and number == form.stanza:
            rows.append("")
        rows.append(in_characters_of("".join(mark.character for mark in line), locale))
        rhyme = in_characters_of(next((mark.rhyme for mark in reversed(line) if mark.rhyme), ""), locale)
        tones = "".join(TONES.get(mark.tone, "？") if mark.ok else "×" for mark in line)
        rows.append(tones + (f" {say('verse.rhyme_of', locale, group=rhyme)}" if rhyme else ""))
    return "\n".join(rows)


def verdict(form: FormCheck, locale: str) -> list[str]:
    """The form's name, its rhymes and whether length, tones and rhymes hold, then every problem."""
    if syllables.is_syllabic(form):
        return [f"-# {row}" for row in syllables.verdict(form, locale)]
    broken = {problem.rule for problem in form.problems}
    name = say(f"verse.form.{form.name}", locale) if form.name in NAMED else form.name
    parts = [in_characters_of(name, locale)]
    if form.pattern:
        parts.append(in_characters_of(form.pattern, locale))
    groups = dict.fromkeys(mark.rhyme for line in form.lines for mark in line if mark.rhyme)
    if groups:
        shown = say("verse.comma", locale).join(in_characters_of(group, locale) for group in groups)
        parts.append(say("verse.rhyme_of", locale, group=shown))
    couplet = form.name == "duilian"
    for key, rules in ASPECTS.items():
        # A couplet has no rhyme, and only a couplet is held to the characters that face each other.
        if key == ("verse.rhyme" if couplet else "verse.parallel") and not broken & rules:
            continue
        parts.append(f"{say(key, locale)} {'✗' if broken & rules else '✓'}")
    rows = [f"-# {' · '.join(parts)}"]
    for problem in form.problems[:PROBLEMS]:
        key = "verse.problem_at" if problem.position else "verse.problem_line"
        rule = say(f"verse.rule.{problem.rule}", locale)
        rows.append("-# " + say(key, locale, line=problem.line, position=problem.position, rule=rule))
    if form.relaxed:
        comma = say("verse.comma", locale)
        given_up = comma.join(say(f"verse.relaxed.{rule}", locale) for rule in form.relaxed)
        rows.append("-# " + say("verse.relaxed", locale, rules=given_up))
    return rows


def why(reply: Reply, locale: str, blocked: Callable[[str], bool] = lambda text: False) -> str:
    """How a reply came to be: origin, model, seed, and every draft with its score.

    `blocked`: whether a server does not allow a text to be shown; such a draft is counted and not spelt.
    """
    rows = [
        say(f"why.origin.{reply.origin}", locale),
        say(
            "why.model", locale, model=reply.model, seed=reply.seed, milliseconds=f"{reply.milliseconds:.0f}"
        ),
        say("why.reward", locale, model=reply.reward_model[:12])
        if reply.reward_model
        else say("why.no_reward", locale),
        say("why.novelty", locale, novelty=f"{reply.novelty:.2f}"),
        say("why.drafts", locale, count=len(reply.drafts)),
    ]
    order = sorted(range(len(reply.drafts)), key=lambda index: -reply.drafts[index].score)
    for index in order:
        draft = reply.drafts[index]
        allowed = not blocked(draft.text)
        shown = in_characters_of(draft.text, locale) if allowed else say("why.blocked", locale)
        text = escape_markdown(shortened(re.sub(r"\s+", " ", shown).strip(), DRAFT_LIMIT))
        parts = " ".join(f"{name} {value:.2f}" for name, value in sorted(draft.scores.items()))
        chosen = " ✓" if index == reply.chosen else ""
        rows.append(f"{draft.score:.2f}{chosen} {text}\n-# {say(f'why.from.{draft.origin}', locale)} {parts}")
    return "\n".join(rows)
