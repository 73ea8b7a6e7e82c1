"""A reply as the journal kept it first, and still keeps one whose numbers are out of the ordinary.

Knows: how JSON of many drafts, which says the same words again and again, is deflated with a dictionary of
them. Does not know: what is kept of a reply (`engine.journal_body` says it).
"""

from __future__ import annotations

import base64
import dataclasses
import json
import struct
import zlib
from typing import Any

from engine.values import Reply

FIRST = b"\x01"
_WORDS = (
    '{"chosen":0,"decoding":{"arithmetic":"int8","book":true,"distance":0.45,"drafts":8,"max_tokens":24,'
    '"near":[],"max_tokens":90,"max_tokens":60,"no_repeat":0,"nucleus":0.95,"no_repeat":3,"nucleus":0.9,'
    '"nucleus":0.8,"spread":0.5,"temperature":0.8,"temperature":0.5},"drafts":[{"log_probability":-12.1,'
    '"origin":"generated","scores":{"form":1.0,"language":1.0,"novelty":0.9,"parallel":0.0,"repetition":1.0,'
    '"rhyme":1.0,"theme":0.0,"overlap":0.0,"reward":0.5},"own_text":"□□□","text":"，\\n。","relaxed":[]},'
    '{"log_probability":-21.8,"origin":"edited","score":0.9,"scores":{"balance":1.0,"ending":1.0,"fit":0.8,'
    '"fluency":1.0,"language":1.0,"length":1.0,"likeness":0.9,"novelty":1.0,"repetition":0.9},"text":"我的，你'
    '是不。"},{"log_probability":0.0,"origin":"book","score":0.95,"scores":{"balance":1.0,"ending":1.0,'
    '"fit":1.0,"fluency":1.0,"language":1.0,"length":1.0,"likeness":0.9,"novelty":0.0,"repetition":1.0},'
    '"text":" the you and is to it of I a that what for "},{"log_probability":-20.3,"origin":"generated",'
    '"score":0.5,"scores":{"balance":1.0,"ending":1.0,"fit":0.6,"fluency":1.0,"language":1.0,"length":1.0,'
    '"novelty":1.0,"repetition":1.0},"text":"'
    '"}],"form":null,"generation":"1a21e82","latent":"","lines":null,"milliseconds":12.3,"model":"verse@",'
    '"model":"talk@","novelty":1.0,"origin":"generated","propensity":0.3,"reward_model":"","seed":1,'
    '"task":"poem","task":"chat","text":"'
)


def packed(reply: Reply) -> bytes:
    """All of the chosen draft, of the others no latents and their scores to four digits."""
    values = dataclasses.asdict(reply)
    latent = reply.drafts[reply.chosen].latent if reply.drafts else ()
    values["drafts"] = [
        _draft(draft, number == reply.chosen) for number, draft in enumerate(values["drafts"])
    ]
    if reply.drafts and values["drafts"][reply.chosen]["text"] == reply.text:
        del values["text"]
    if latent:
        values["latent"] = _floats(latent)
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    press = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_WORDS.encode())
    return FIRST + press.compress(text.encode("utf-8", "surrogatepass")) + press.flush()


def unpacked(kept: bytes | str) -> Reply:
    """The reply that was kept; before there was packing it was JSON. Raises ValueError for anything else."""
    if isinstance(kept, str):
        return Reply.from_json(kept)
    values = _values(kept)
    latent = _numbers(values.pop("latent", ()))
    for number, draft in enumerate(values["drafts"]):
        draft["latent"] = latent if number == values["chosen"] else ()
        draft.setdefault("own_text", draft["text"])
    if "text" not in values:
        values["text"] = values["drafts"][values["chosen"]]["text"]
    return Reply.from_values(values)


def drafts_in(kept: bytes | str) -> int:
    """How many drafts a kept reply has, without making a Reply of it. Raises ValueError as `unpacked`."""
    return len(_values(kept)["drafts"])


def _values(kept: bytes | str) -> dict[str, Any]:
    if isinstance(kept, bytes):
        if kept[:1] != FIRST:
            raise ValueError("a newer Moyou packed this reply")
        press = zlib.decompressobj(-15, zdict=_WORDS.encode())
        kept = press.decompress(kept[1:]).decode("utf-8", "surrogatepass")
    values: dict[str, Any] = json.loads(kept)
    return values


def _draft(values: dict[str, Any], chosen: bool) -> dict[str, Any]:
    known = {key: value for key, value in values.items() if key != "latent"}
    if known["own_text"] == known["text"]:
        del known["own_text"]
    if not chosen:
        known["log_probability"] = round(known["log_probability"], 4)
        known["score"] = round(known["score"], 4)
        known["scores"] = {name: round(score, 4) for name, score in known["scores"].items()}
    return known


def _floats(latent: tuple[float, ...]) -> str | tuple[float, ...]:
    """As the four bytes each that a model's numbers have, where that loses nothing."""
    try:
        data = struct.pack(f"<{len(latent)}f", *latent)
    except OverflowError:
        return latent
    return base64.b64encode(data).decode() if struct.unpack(f"<{len(latent)}f", data) == latent else latent


def _numbers(kept: Any) -> tuple[float, ...]:
    if isinstance(kept, str):
        data = base64.b64decode(kept)
        return struct.unpack(f"<{len(data) // 4}f", data)
    return tuple(kept)
