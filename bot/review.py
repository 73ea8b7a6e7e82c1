"""The review queue in Discord: one reply after the other, judged with one tap, on a phone as well.

Knows: the page, its buttons (which survive a restart), the form for reasons and a rewrite, and who may
press. Does not know: which reply teaches most, how reviews are kept, how agreement is measured (the engine).

A reviewer sees replies of channels that they may read themselves, and of those only Moyou's own words.
"""

from __future__ import annotations

import re
from typing import Any, Self, cast

import discord
from discord.utils import escape_markdown

from bot.answering import Answering, guarded
from bot.reasons import LONGEST, OPEN_FOR, REASONS, reason_of, report_words
from bot.rendering import shortened
from bot.splitting import LIMIT, length
from bot.summary_places import rights_to_read
from bot.translator import in_locale
from bot.wording import in_characters_of, say
from engine import (
    FEWEST_SHARED,
    VERDICTS,
    Agreement,
    Candidate,
    agreement,
    review,
    review_queue,
    unreview,
)

SHOWN = 1200
"""Characters of a reply that are shown."""
_EMOJI = {"good": "👍", "bad": "👎", "unsafe": "⚠️", "more": "📝", "skip": "⏭️", "back": "↩️"}


async def page(
    interaction: discord.Interaction[Any],
    answering: Answering,
    skipped: int = 0,
    said: str = "",
    last: str = "",
) -> tuple[str, discord.ui.View]:
    """The reply to review now, after `skipped` others; `said` stands above it, `last` can be taken back."""
    locale, guild = str(interaction.locale), str(interaction.guild_id)
    channels = tuple(readable_channels(interaction))
    person = str(interaction.user.id)
    queue = await answering.journal(review_queue, person, guild, channels, skipped + 1)
    shared = await answering.journal(agreement, guild)
    rows = [said] if said else []
    view = discord.ui.View(timeout=None)
    if len(queue) > skipped:
        one = queue[skipped]
        task = answering.engine.tasks.get(one.task)
        title = in_locale(task.names, locale) if task else one.task
        for action in ("good", "bad", "unsafe", "more", "skip"):
            view.add_item(ReviewButton(action, one.generation, skipped, locale))
    else:
        rows.append(say("review.empty", locale))
    if last:
        view.add_item(ReviewButton("back", last, skipped, locale))
    below = f"-# {agreement_text(shared, locale)}"
    text = "\n".join([*rows, below])
    if len(queue) > skipped:
        # signs that are escaped, short lines and long reports take more room than the reply itself
        for shown in (SHOWN, SHOWN // 2, SHOWN // 4, SHOWN // 12):
            about = candidate_lines(one, title, locale, interaction.guild_id or 0, shown)
            text = "\n".join([*rows, *about, below])
            if length(text) <= LIMIT:
                break
    return text, view


def candidate_lines(one: Candidate, title: str, locale: str, guild: int, most: int = SHOWN) -> list[str]:
    """A reply with why it is here, what people and the model think, what was reported; of the reply `most`
    characters, of a report a sixth of that."""
    why = [say(f"review.why.{name}", locale) for name in one.why]
    rows = [f"**{title}** · {say('verse.comma', locale).join(why)}"]
    text = escape_markdown(shortened(in_characters_of(one.own_text, locale), most))
    rows += [f"> {line}" if line else ">" for line in text.split("\n")]
    facts = [say("review.counts", locale, likes=one.likes, dislikes=one.dislikes)]
    if one.liking is not None:
        facts.append(say("review.liking", locale, percent=f"{100 * one.liking:.0f}"))
    if one.channel and one.message:
        link = f"https://discord.com/channels/{guild}/{one.channel}/{one.message}"
        facts.append(f"[{say('review.where', locale)}]({link})")
    rows.append(f"-# {' · '.join(facts)}")
    for reason in one.reasons[:5]:
        shown = " · ".join(filter(None, report_words(reason, locale)))
        rows += [f"- {escape_markdown(shortened(shown, most // 6))}"] if shown else []
    return rows


def agreement_text(found: Agreement, locale: str) -> str:
    """How far reviewers agree, or that too few replies were judged by the same two."""
    counts = {"reviews": found.reviews, "shared": found.shared, "same": found.same}
    if found.kappa is None:
        return say("review.agreement_few", locale, **counts, least=FEWEST_SHARED)
    numbers = {"kappa": found.kappa, "low": found.low, "high": found.high}
    return say(
        "review.agreement", locale, **counts, **{name: f"{value:.2f}" for name, value in numbers.items()}
    )


class ReviewButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"moyou-review:(?P<action>good|bad|unsafe|more|skip|back):(?P<skipped>\d{1,4}):(?P<generation>[\w.-]{1,60})",
):
    """One verdict on one reply, or another way on."""

    def __init__(self, action: str, generation: str, skipped: int, locale: str) -> None:
        self.action = action
        self.generation = generation
        self.skipped = skipped
        super().__init__(
            discord.ui.Button(
                style=discord.ButtonStyle.secondary,
                emoji=_EMOJI[action],
                label=say(f"review.{action}", locale),
                custom_id=f"moyou-review:{action}:{skipped}:{generation}",
                # verdicts in a row of their own: a thumb reaches them
                row=0 if action in VERDICTS else 1,
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["action"], match["generation"], int(match["skipped"]), str(interaction.locale))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        answering = cast(Answering, interaction.client.answering)
        locale, person = str(interaction.locale), str(interaction.user.id)
        async with guarded(answering, interaction, f"review {self.action}"):
            if not may_review(interaction):
                await interaction.response.send_message(say("command.not_allowed", locale), ephemeral=True)
            elif self.action == "more":
                await interaction.response.send_modal(
                    ReviewModal(self.generation, self.skipped, locale, answering)
                )
            elif self.action == "skip":
                await _turn(interaction, answering, self.skipped + 1)
            elif self.action == "back":
                await answering.journal(unreview, self.generation, person)
                await _turn(interaction, answering, self.skipped, say("review.taken_back", locale))
            else:
                await note(interaction, answering, self.generation, self.action, "", self.skipped)


class ReviewModal(discord.ui.Modal):
    """The verdict with reasons to tick and the reviewer's own words."""

    def __init__(self, generation: str, skipped: int, locale: str, answering: Answering) -> None:
        super().__init__(title=say("review.ask.title", locale), timeout=OPEN_FOR)
        self._generation, self._skipped, self._answering = generation, skipped, answering
        self._verdict: discord.ui.Select[Any] = discord.ui.Select(
            custom_id="verdict",
            options=[
                discord.SelectOption(label=say(f"review.{name}", locale), value=name, emoji=_EMOJI[name])
                for name in VERDICTS
            ],
        )
        self._reasons: discord.ui.CheckboxGroup[Any] = discord.ui.CheckboxGroup(
            custom_id="reasons",
            required=False,
            min_values=0,
            max_values=len(REASONS),
            options=[
                discord.CheckboxGroupOption(label=say(f"console.reason_{name}", locale), value=name)
                for name in REASONS
            ],
        )
        self._words: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="words", style=discord.TextStyle.paragraph, required=False, max_length=LONGEST
        )
        hint = say("review.ask.hint", locale)
        for key, item, more in (
            ("verdict", self._verdict, None),
            ("reasons", self._reasons, None),
            ("words", self._words, hint),
        ):
            label = say(f"review.ask.{key}", locale)
            self.add_item(discord.ui.Label(text=label, component=item, description=more))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        async with guarded(self._answering, interaction, "review form"):
            if not may_review(interaction):
                text = say("command.not_allowed", str(interaction.locale))
                await interaction.response.send_message(text, ephemeral=True)
                return
            verdict = next((name for name in self._verdict.values if name in VERDICTS), "bad")
            ticked = [name for name in REASONS if name in self._reasons.values]
            reason = reason_of(ticked, self._words.value)
            await note(interaction, self._answering, self._generation, verdict, reason, self._skipped)


async def note(
    interaction: discord.Interaction[Any],
    answering: Answering,
    generation: str,
    verdict: str,
    reason: str,
    skipped: int,
) -> None:
    """Keep a verdict and show the next reply."""
    locale, guild = str(interaction.locale), str(interaction.guild_id)
    person = str(interaction.user.id)
    noted = await answering.journal(review, generation, person, verdict, reason, guild)
    if not noted:
        await _turn(interaction, answering, skipped, say("review.not_noted", locale))
        return
    said = say("review.noted", locale, verdict=say(f"review.{verdict}", locale))
    await _turn(interaction, answering, skipped, said, generation)


async def _turn(
    interaction: discord.Interaction[Any], answering: Answering, skipped: int, said: str = "", last: str = ""
) -> None:
    text, view = await page(interaction, answering, skipped, said, last)
    await interaction.response.edit_message(content=text, view=view)


def may_review(interaction: discord.Interaction[Any]) -> bool:
    """Whether the presser manages the server still; the page may be older than that."""
    return interaction.guild_id is not None and interaction.permissions.manage_guild


def readable_channels(interaction: discord.Interaction[Any]) -> dict[str, str]:
    """Names by id of the server's channels and open threads that this member may read."""
    guild, member = interaction.guild, interaction.user
    if guild is None or not isinstance(member, discord.Member):
        return {}
    return {
        str(channel.id): channel.name
        for channel in (*guild.channels, *guild.threads)
        if readable(channel, member)
    }


def readable(channel: discord.abc.GuildChannel | discord.Thread, member: discord.Member) -> bool:
    """Whether this member may read a channel or thread, as far as is known without asking Discord."""
    rights = channel.permissions_for(member)
    if not rights_to_read(channel, rights):
        return False
    if not isinstance(channel, discord.Thread) or not channel.is_private():
        return True
    # a private thread's rights are its channel's, but only who is in it sees it; asking about each would
    # take longer than an answer may
    return (
        rights.manage_threads
        or channel.owner_id == member.id
        or any(each.id == member.id for each in channel.members)
    )
