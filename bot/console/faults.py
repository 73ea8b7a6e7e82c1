"""Turns whatever goes wrong into one sentence with a reference number.

Knows: which exception becomes which status and whose words. Does not know: how to mend it.

The log gets the same number, the exception's class and where it was raised. It never gets the
request's words, nor an exception's own text, which may have them: what people type stays out of logs.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from dataclasses import dataclass

from aiohttp import web

from bot.console.guard import Handler, Refused
from bot.console.pages import Pages
from bot.console.state import CONSOLE, VISITOR, Visitor
from bot.wording import say, sentence_of
from engine import BadInput, Busy, MoyouError, NothingGood, SetupError, TuneError

log = logging.getLogger(__name__)

_BY_STATUS = {
    403: "console.refused",
    404: "console.not_found",
    405: "console.wrong_method",
    413: "console.too_large",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a person is told: a sentence, the number that stands in the log as well, the status."""

    sentence: str
    reference: str
    status: int


def fault_of(error: BaseException, locale: str) -> Fault:
    """The fault of an exception, logged unless it is the person's own to mend."""
    reference = secrets.token_hex(4)
    if isinstance(error, Refused):
        fault = Fault(say(error.key, locale), reference, 403)
    elif isinstance(error, web.HTTPException):
        key = _BY_STATUS.get(error.status, "console.bad_request")
        fault = Fault(say(key, locale), reference, error.status)
    elif isinstance(error, BadInput):
        fault = Fault(sentence_of(error, locale), reference, 400)
    elif isinstance(error, Busy):
        fault = Fault(sentence_of(error, locale), reference, 503)
    elif isinstance(error, NothingGood):
        fault = Fault(sentence_of(error, locale), reference, 422)
    elif isinstance(error, TuneError):
        fault = Fault(sentence_of(error, locale), reference, 409)
    elif isinstance(error, MoyouError):
        fault = Fault(say("failure.setup", locale), reference, 500)
    else:
        fault = Fault(say("failure.unexpected", locale), reference, 500)
    if fault.status == 500:
        # a setting's or a file's name is the owner's own and may be logged
        words = f": {error}" if isinstance(error, SetupError) else ""
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("reference %s: %s%s\n%s", reference, type(error).__name__, words, where)
    else:
        log.info("reference %s: %s, status %d", reference, type(error).__name__, fault.status)
    return fault


def page_of(pages: Pages, visitor: Visitor, fault: Fault) -> web.Response:
    """The fault as a page of its own, or as a notice where the page's script asked."""
    name = "_notice.html" if visitor.part else "fault.html"
    return pages.answer(name, visitor, status=fault.status, fault=fault)


@web.middleware
async def sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing but a page with a sentence ever leaves."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        fault = fault_of(error, request[VISITOR].locale)
    except Exception as error:  # noqa: BLE001 (the last place where an error can become a sentence)
        fault = fault_of(error, request[VISITOR].locale)
    return page_of(request.app[CONSOLE].pages, request[VISITOR], fault)
