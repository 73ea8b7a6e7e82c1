"""What the console's handlers share: the parts behind them and who is asking.

Knows: the typed keys under which aiohttp carries these values.
Does not know: how a page looks, how a request is checked, or what is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from bot.console.conversation import Conversations
from engine import JournalThread

if TYPE_CHECKING:
    from bot.console.pages import Pages
    from bot.settings import Settings
    from engine import Engine  # at run time this would load the numeric library

PLACE_SURFACE = "console"


@dataclass(frozen=True, slots=True)
class Console:
    """The parts behind the pages."""

    engine: Engine
    journal: JournalThread
    settings: Settings
    pages: Pages
    conversations: Conversations


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and how the answer is wanted.

    `id` is the random number of the cookie; `known` says whether the browser brought it.
    `form_token` belongs to this visitor and stands in every form. `part` is true when the page's
    own script asks and wants a piece of a page instead of a whole one.
    """

    id: str
    known: bool
    locale: str
    form_token: str
    part: bool

    @property
    def person(self) -> str:
        """The name the journal knows this visitor by."""
        return f"{PLACE_SURFACE}:{self.id}"


CONSOLE = web.AppKey("console", Console)
VISITOR = web.RequestKey("visitor", Visitor)
