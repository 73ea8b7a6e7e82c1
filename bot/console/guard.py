"""Who may come in, from where: headers, hosts, cookies, form tokens, the console's token.

Knows: the browser's rules (Content-Security-Policy, Sec-Fetch-Site, SameSite) and how they stop DNS
rebinding, forged posts and guessing. Does not know: pages, tasks, the journal.

A visitor is a random cookie. A post is accepted when the browser itself says that it comes from the
console's own page (Sec-Fetch-Site), or, where the browser says nothing, when it carries the form
token that only such a page has. Bound to loopback with no token, only loopback names are
answered, so that a name rebound to this machine reads nothing; with a token, the cookie of the
sign-in protects under any name, because browsers keep cookies by name.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from bot.console.state import VISITOR, Visitor
from bot.settings import Settings, is_loopback
from bot.wording import language

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""For a picture that is opened by itself: it may be styled as it says and reach nothing."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "Moyou",
}
PERSON_COOKIE = "moyou_person"
LOCALE_COOKIE = "moyou_locale"
SIGN_IN_COOKIE = "moyou_sign_in"
FORM_TOKEN = "form_token"  # noqa: S105 (a field's name)
PART_HEADER = "X-Moyou-Part"
STATIC = "/static/"
LOCALES = ("zh-CN", "zh-TW", "en")

YEAR = 365 * 24 * 3600
_SIGNED_IN_SECONDS = 30 * 24 * 3600
_SAFE_METHODS = ("GET", "HEAD")
_WATCHED = ("/healthz", "/metrics")
"""Asked by machines, which have no cookies; the second wants the token in its own way."""
_OPEN_PATHS = ("/login", "/language/", STATIC, *_WATCHED)


class Refused(web.HTTPForbidden):
    """A request that is not let in; `key` is the sentence in `bot.wording`."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class Guard:
    """The checks of one console. `clock` gives seconds since 1970."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.token_needed = bool(settings.console_token) or not settings.loopback
        self._token = settings.console_token.encode()
        self._default_locale = settings.locale
        self._clock = clock
        # tokens of forms and of sign-ins: the first live as long as the process, the second as the token
        self._form_key = secrets.token_bytes(32)
        self._sign_in_key = hashlib.sha256(b"moyou console sign-in\0" + self._token).digest()
        self._failures: deque[float] = deque(maxlen=10)

    # --- the chain, outermost first

    @web.middleware
    async def headers(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every answer carries the same strict headers."""
        response = await handler(request)
        own = response.headers.get("Content-Security-Policy", POLICY)
        response.headers.update({**HEADERS, "Content-Security-Policy": own})
        if not request.path.startswith(STATIC):
            response.headers["Cache-Control"] = "no-store"
        return response

    @web.middleware
    async def visitor(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Says who asks; a new visitor gets a cookie."""
        brought = request.cookies.get(PERSON_COOKIE, "")
        known = len(brought) == 32 and set(brought) <= set("0123456789abcdef")
        identity = brought if known else secrets.token_hex(16)
        request[VISITOR] = Visitor(
            id=identity,
            known=known,
            locale=self._locale(request),
            form_token=self._sign(self._form_key, identity),
            part=request.headers.get(PART_HEADER) == "1",
        )
        response = await handler(request)
        if (
            not known
            and not request.path.startswith((STATIC, *_WATCHED))
            and PERSON_COOKIE not in response.cookies
        ):
            set_cookie(request, response, PERSON_COOKIE, identity, YEAR, samesite="Lax")
        return response

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses strange hosts, forged posts and visitors who have not signed in."""
        self._check_host(request)
        if request.method not in _SAFE_METHODS:
            await self._check_post(request)
        is_open = request.path.startswith(_OPEN_PATHS)
        if self.token_needed and not is_open and not self.signed_in(request):
            if request.method in _SAFE_METHODS and not request[VISITOR].part:
                return redirect("/login")
            raise Refused("console.refused_sign_in")
        return await handler(request)

    # --- signing in

    def signed_in(self, request: web.Request) -> bool:
        until, _, signature = request.cookies.get(SIGN_IN_COOKIE, "").partition(".")
        right = hmac.compare_digest(signature.encode(), self._sign(self._sign_in_key, until).encode())
        return right and until.isdigit() and int(until) > self._clock()

    def too_many_failures(self) -> bool:
        """Ten wrong tokens within a minute, from whomever: the next try has to wait."""
        full = len(self._failures) == self._failures.maxlen
        return full and self._clock() - self._failures[0] < 60

    def right_token(self, given: str) -> bool:
        """Compares in a time that does not depend on how much is right."""
        right = bool(self._token) and hmac.compare_digest(
            hashlib.sha256(given.strip().encode("utf-8", "surrogatepass")).digest(),
            hashlib.sha256(self._token).digest(),
        )
        if not right:
            self._failures.append(self._clock())
        return right

    def sign_in(self, request: web.Request, response: web.StreamResponse) -> None:
        until = str(int(self._clock()) + _SIGNED_IN_SECONDS)
        value = f"{until}.{self._sign(self._sign_in_key, until)}"
        set_cookie(request, response, SIGN_IN_COOKIE, value, _SIGNED_IN_SECONDS, samesite="Strict")

    # --- the checks

    def _check_host(self, request: web.Request) -> None:
        if not self.token_needed and not is_loopback(host_name(request.headers.get("Host", ""))):
            raise Refused("console.refused_host")

    async def _check_post(self, request: web.Request) -> None:
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin")
        if site is not None:
            if site != "same-origin":
                raise Refused("console.refused_post")
            return
        # "null" is what a page with Referrer-Policy: no-referrer sends from a plain form
        if origin not in (None, "null") and not _same(origin, request.headers.get("Host")):
            raise Refused("console.refused_post")
        given = (await request.post()).get(FORM_TOKEN, "")
        expected = request[VISITOR].form_token
        if not request[VISITOR].known or not isinstance(given, str):
            raise Refused("console.refused_post")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode()):
            raise Refused("console.refused_post")

    def _locale(self, request: web.Request) -> str:
        chosen = request.cookies.get(LOCALE_COOKIE, "")
        if chosen in LOCALES:
            return chosen
        return accepted_locale(request.headers.get("Accept-Language", ""), self._default_locale)

    @staticmethod
    def _sign(key: bytes, value: str) -> str:
        return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def accepted_locale(header: str, otherwise: str) -> str:
    """The first of our locales that an Accept-Language header prefers; `otherwise` if it names none."""
    wishes: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            weight = 0.0
        if weight > 0 and tag.strip()[:2].lower() in ("zh", "en"):
            wishes.append((-weight, tag.strip()))
    wishes.sort(key=lambda wish: wish[0])
    return language(_spelt(wishes[0][1])) if wishes else otherwise


def _spelt(tag: str) -> str:
    """A language tag in its usual spelling: zh-TW, zh-Hant."""
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(part.upper() if len(part) == 2 else part.title() for part in rest)])


def host_name(host: str) -> str:
    """The name or address in a Host header, without its port; "" where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same(origin: str | None, host: str | None) -> bool:
    try:
        return bool(host) and urlsplit(origin or "").netloc == host
    except ValueError:
        return False


def set_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, seconds: int, samesite: str
) -> None:
    """A cookie that no script can read."""
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, secure=request.secure, samesite=samesite, path="/"
    )


def redirect(place: str) -> web.Response:
    """See Other: after a post the browser gets the page it can load again."""
    return web.Response(status=303, headers={"Location": place})


GUARD = web.AppKey("guard", Guard)
