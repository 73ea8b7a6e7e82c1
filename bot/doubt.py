"""How a reply that may be wrong says so: translations carry a confidence.

Knows: from which confidence on nothing is said, and the sentences below it. Does not know: how confidence
is found (`engine.translate`), where the sentence is shown.
"""

from __future__ import annotations

from bot.wording import say
from engine import Reply

SURE = 0.6
GUESS = 0.25
"""Below it a translation is called a guess."""


def doubt(reply: Reply, locale: str) -> str:
    """What people should know before they rely on a reply; "" when there is nothing to say."""
    confidence = reply.draft.scores.get("confidence", 1.0)
    if confidence >= SURE:
        return ""
    key = "doubt.unsure" if confidence >= GUESS else "doubt.guess"
    return say(key, locale, percent=max(1, round(100 * confidence)))
