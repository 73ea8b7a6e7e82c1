"""From a request for a translation to drafts.

Knows: which language is asked for, what a translation's draft holds. Does not know: how a translation is
found (`engine.translate`), which draft is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from engine import judge, safety
from engine.errors import NothingGood
from engine.translate import Translator, language_asked
from engine.values import Draft, Request


def drafts_of(
    request: Request, source: str, translator: Translator, z: Tensor, *, use_book: bool, width: int
) -> tuple[list[Draft], Callable[[int], dict[str, Any]]]:
    """Translations of the request's text, best first; `source` is what the person wrote.

    z (N, Z): zeros, for the N best ones in the middle of all ways to say it, or latents around another
    reply's, for one translation each. `width`: of the beam. With them what a reply says of each besides.
    Raises BadOption, NothingGood.
    """
    language = language_asked(request.text, request.options.get("to", ""))
    if z.any():
        ways = [
            (found, latent)
            for latent in z
            for found in translator.translate(
                request.text, language, latent, drafts=1, memory=False, width=width
            )
        ]
    else:
        best = translator.translate(request.text, language, z[0], drafts=len(z), memory=use_book, width=width)
        ways = [(one, z[0]) for one in best]
    drafts: dict[str, Draft] = {}
    for one, latent in ways:
        confidence = round(one.confidence, 6)
        drafts.setdefault(
            one.text,
            Draft(
                text=one.text,
                own_text=judge.copied_passages(one.text, source),
                origin=one.origin,
                latent=tuple(latent.tolist()),
                log_probability=sum(part.log_probability for part in one.parts),
                scores={"confidence": confidence},
                score=confidence,
            ),
        )
    found = [draft for draft, safe in zip(drafts.values(), safety.safe(list(drafts)), strict=True) if safe]
    if not found:
        raise NothingGood()
    return found, lambda chosen: {"novelty": 0.0 if found[chosen].origin == "book" else 1.0}
