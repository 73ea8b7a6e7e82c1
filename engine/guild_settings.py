"""What the moderators of one server decided: where Moyou speaks there, how, when, and what it never says.

Knows: the decisions as plain values, and what each of them means for a channel, a time, a text.
Does not know: how they are stored (`engine.journal_guilds`), asked for or told (`bot.guilds`).

    settings.may_speak("123", "45")     in this channel, or in this thread of a channel
    settings.is_home("123", "45")       every message there is meant for Moyou
    settings.is_quiet(time.time())      now lies within the quiet hours
    settings.blocked_in("some text")    the blocked word that a text has, or ""
    settings.worth                      what each emoji that judges is worth
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from engine import text
from engine.emoji_values import USUAL_EMOJI, EmojiValues, emoji_label

LANGUAGES = ("", "zh-CN", "zh-TW", "en")
TONES = ("", "steady", "lively")
DAY = 24 * 60
DAILY = "daily"
DIGEST_DAYS = (DAILY, *map(str, range(7)))
"""When digests come: every day, or once a week, on Monday (0) to Sunday (6)."""
DIGEST_CHANNELS = 5
"""Channels that one digest reads, at most."""
BLOCKED_WORDS, BLOCKED_WORD = 200, 60
"""How many words may be blocked, and how long one may be."""
_TEXTS = ("channels", "home_channels", "blocked_words", "digest_channels")


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """One server's decisions; the defaults are those of a server that decided nothing.

    `channels`: where it may speak; none: everywhere. `home_channels`: where every message is meant for
    it; it may speak there in any case. `report_channel`: where moderators read reports. `language`: of
    its own sentences, "" follows each person. `tone`: see Request. `daily_limit`: answers a member may get
    a day, 0: as many as they like. `quiet_from`, `quiet_until`: minutes of the day at `utc_offset` minutes
    east of Greenwich; the same: no quiet hours. `digest`: one of DIGEST_DAYS, or "" for none; it comes at
    `digest_at`, a minute of that day, tells of `digest_channels` and is written in `digest_to`.
    `emoji`: what a reaction is worth from now on; what was judged before keeps its value.
    """

    channels: tuple[str, ...] = ()
    home_channels: tuple[str, ...] = ()
    report_channel: str = ""
    language: str = ""
    tone: str = ""
    summaries: bool = True
    daily_limit: int = 0
    blocked_words: tuple[str, ...] = ()
    quiet_from: int = 0
    quiet_until: int = 0
    utc_offset: int = 0
    digest: str = ""
    digest_at: int = 9 * 60
    digest_channels: tuple[str, ...] = ()
    digest_to: str = ""
    emoji: EmojiValues = USUAL_EMOJI

    def may_speak(self, *channels: str) -> bool:
        """`channels`: the channel and, for a thread, the one it hangs on."""
        return not self.channels or any(each in self.channels + self.home_channels for each in channels)

    def is_home(self, *channels: str) -> bool:
        return any(each in self.home_channels for each in channels)

    @property
    def worth(self) -> dict[str, float]:
        """Values by the names that judgements keep of emoji; one worth 0 judges nothing."""
        return {emoji_label(emoji): value for emoji, value in self.emoji if value}

    @property
    def has_quiet_hours(self) -> bool:
        return self.quiet_from != self.quiet_until

    def is_quiet(self, now: float) -> bool:
        """`now`: seconds since 1970. The hours may run over midnight."""
        return self.is_quiet_at((int(now // 60) + self.utc_offset) % DAY)

    def is_quiet_at(self, minute: int) -> bool:
        """`minute`: of the server's day."""
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= minute < self.quiet_until
        return minute >= self.quiet_from or minute < self.quiet_until

    def day_began(self, now: float) -> float:
        """When today began there, in seconds since 1970."""
        local = int(now) + self.utc_offset * 60
        return float(local - local % (DAY * 60) - self.utc_offset * 60)

    @property
    def has_digest(self) -> bool:
        return self.summaries and bool(self.digest and self.digest_channels and self.digest_to)

    @property
    def digest_period(self) -> int:
        """Seconds from one digest to the next."""
        return (1 if self.digest == DAILY else 7) * DAY * 60

    def digest_due(self, now: float) -> int:
        """When the latest digest up to `now` was due, in seconds since 1970."""
        local = int(now) + self.utc_offset * 60
        # 1970 began on a Thursday
        offset = self.digest_at * 60 + (0 if self.digest == DAILY else (int(self.digest) - 3) * DAY * 60)
        return local - (local - offset) % self.digest_period - self.utc_offset * 60

    def blocked_in(self, words: str) -> str:
        """The first blocked word that stands in a text, "" when there is none.

        Case, width, script and invisible characters make no difference. A word of letters must stand
        by itself, so that a longer word that happens to contain it is left alone; Chinese has no blanks.
        """
        if not self.blocked_words or not words:
            return ""
        pattern = _pattern(self.blocked_words)
        found = pattern.search(_folded(words))
        return "" if found is None else self.blocked_words[int(str(found.lastgroup)[1:])]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, values_text: str) -> GuildSettings:
        """Names that a later Moyou added are passed over."""
        values: dict[str, Any] = json.loads(values_text)
        known = {field.name for field in dataclasses.fields(cls)}
        kept: dict[str, Any] = {name: value for name, value in values.items() if name in known}
        kept |= {name: tuple(kept[name]) for name in _TEXTS if name in kept}
        if "emoji" in kept:
            kept["emoji"] = tuple((emoji, float(value)) for emoji, value in kept["emoji"])
        return cls(**kept)


def blocked_words_in(typed: str) -> tuple[str, ...]:
    """The words that a moderator typed, one a line or with commas between: each once, those too long cut."""
    found = (re.sub(r"\s+", " ", each).strip()[:BLOCKED_WORD] for each in re.split(r"[\n,，、;；]", typed))
    words = dict.fromkeys(word for word in found if _folded(word).strip())
    return tuple(words)[:BLOCKED_WORDS]


def _folded(words: str) -> str:
    """A text as blocked words are compared in it."""
    plain = unicodedata.normalize("NFKC", words)
    visible = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn", "Me"))
    return text.simplify(visible).casefold()


@functools.lru_cache(maxsize=256)
def _pattern(blocked: tuple[str, ...]) -> re.Pattern[str]:
    """All blocked words at once; the group's number is the word's."""
    parts = []
    for number, word in enumerate(blocked):
        folded = _folded(word).strip()
        before = r"(?<![^\W_])" if _is_letter(folded[0]) else ""
        after = r"(?![^\W_])" if _is_letter(folded[-1]) else ""
        spelt = r"\s+".join(re.escape(part) for part in folded.split())
        parts.append(f"(?P<w{number}>{before}{spelt}{after})")
    return re.compile("|".join(parts))


def _is_letter(character: str) -> bool:
    """A letter or digit of a script that puts blanks between words."""
    return character.isalnum() and not re.match(f"[{text.HAN}]", character)
