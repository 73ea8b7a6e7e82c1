"""A reply as the journal keeps it: a thirtieth of its JSON.

    kept = packed(reply, beside)        beside: what the columns of its row say already
    assert unpacked(kept, beside) == as_kept(reply)

A reply is written again from its seed (`Engine.replay`), so of drafts that were not chosen no latents are
kept, their scores to four digits, their log-probabilities to two. All that belongs to the chosen one comes
back bit for bit.

    1  3     one byte: this form; numbers out of the ordinary go into the first (`journal_body_json`)
    2  what  which of `Beside` are to be had from the row; 128: exact numbers have four bytes
    3  n m   drafts, and two bytes: how long the head is
       head  JSON, deflated with a dictionary of what most replies have in common
       ...   scores of all drafts as whole numbers, those of the chosen one exactly (`draft_bytes`)
       text  of all drafts, deflated (`draft_texts`)

The second form, which older journals hold, has another dictionary of heads and never that 128.

Knows: what of a reply can be had again and need not be kept, how the rest is packed and read back.
Does not know: where it is stored, whose it is, what of it must be erased (`journal_rows.without_copies`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from engine import draft_bytes, draft_texts, facts, journal_body_json
from engine.values import FormCheck, Reply

_SECOND, _THIRD = b"\x02", b"\x03"
_PACKED = (_SECOND, _THIRD)
_NARROW = 128
HEADS = "reply-heads.txt"
"""What heads of the third form have in common. Never edited once released, nor is that of the second."""
_HEAD = (
    '{"decoding":{"arithmetic":"int8","book":true,"choice":{"arm":"","control":false},"distance":0.45,'
    '"drafts":8,"max_tokens":24,"near":[],"no_repeat":0,"nucleus":0.95,"spread":0.5,"temperature":0.8}'
    '"form":{"name":"qijue","ok":true,"pattern":"仄起首句入韵","problems":[],"relaxed":[],"stanza":0,'
    '"marks":[["mzmppzz","mpmzzpp","mzmppzz","ppzzmpp"]],"rhymes":[[6,"六鱼"],[13,"七阳"],[27,"十一真"]],"wrong":[]},'
    '"form":{"name":"wujue","ok":true,"pattern":"平起首句不入韵","problems":[],'
    '"lines":null,"lines":true,"model":"verse@","model":"talk@","own":{"generation":"","latent":[],'
    '"names":["fluency","form","parallel","theme"],"names":["fluency","form","theme"],"novelty":0.0,'
    '"decoding":{"arithmetic":"int8","book":true,"drafts":8,"max_tokens":40,"no_repeat":2,"nucleus":0.9,'
    '"spread":1.0,"temperature":0.75},"origins":"gggggggg"'
    '"names":["balance","ending","fit","fluency","judge","language","length","likeness","novelty","repetition",'
    '"reward","wished"],'
    '"decoding":{"arithmetic":"int8","book":true,"drafts":8,"max_tokens":90,"no_repeat":3,"nucleus":0.8,'
    '"spread":0.5,"temperature":0.5},"names":["balance","ending","fit","fluency","language","length",'
    '"likeness","novelty","repetition"],"origins":"ggggggggbbbeeeeee"'
).encode()
"""Never edited once released: what was kept with it could not be read."""
_DAMAGED = (struct.error, zlib.error, LookupError, StopIteration, TypeError, AttributeError, OverflowError)
_LONGEST_HEAD = 65_535  # as two bytes say it
_ORIGINS = ("generated", "edited", "book", "extract", "fixed")
_TONES = {"平": "p", "仄": "z", "中": "m", "?": "?"}
_TONE = {letter: tone for tone, letter in _TONES.items()}


class Beside(NamedTuple):
    """The columns of a reply's row that its body does not say again. Empty: it says everything."""

    generation: str = ""
    task: str = ""
    origin: str = ""
    model: str = ""
    reward_model: str = ""
    own_text: str = ""
    latent: bytes | None = None


ALONE = Beside()
COLUMNS = "id, task, origin, model, reward_model, own_text, latent"
"""Of `generations`, for `Beside`."""
_SAME = ("generation", "task", "origin", "model", "reward_model")


def packed(reply: Reply, beside: Beside = ALONE) -> bytes:
    """What is kept of a reply."""
    try:
        return _packed(reply, beside)
    except draft_bytes.Unusual:
        return journal_body_json.packed(reply)


def unpacked(kept: bytes | str, beside: Beside = ALONE) -> Reply:
    """The reply that was kept, in this form or an earlier one. Raises ValueError for anything else."""
    with _refused():
        if isinstance(kept, str) or kept[:1] == journal_body_json.FIRST:
            return journal_body_json.unpacked(kept)
        return _unpacked(kept, beside)


def as_json(kept: bytes | str | None, *beside: Any) -> str | None:
    """What was kept as JSON, for SQL: `reply_json(body, {COLUMNS})`; None of nothing."""
    return None if kept is None else unpacked(kept, Beside(*beside)).to_json()


def drafts_in(kept: bytes | str) -> int:
    """How many drafts a kept reply has, without making a Reply of it. Raises ValueError as `unpacked`."""
    with _refused():
        if isinstance(kept, str) or kept[:1] not in _PACKED:
            return journal_body_json.drafts_in(kept)
        return kept[2]


def scores_in(kept: bytes | str) -> tuple[int, list[float]]:
    """Which draft was chosen and what each was worth, without making a Reply of it. Raises ValueError."""
    with _refused():
        if isinstance(kept, str) or kept[:1] not in _PACKED:
            reply = journal_body_json.unpacked(kept)
            return reply.chosen, [draft.score for draft in reply.drafts]
        head, end = _head(kept)
        read = draft_bytes.read_numbers(kept, end, kept[2], head["names"], 2, _narrow(kept))
        return read.chosen, read.score


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    """What damaged bytes raise, whatever it is, as ValueError."""
    try:
        yield
    except _DAMAGED as error:
        raise ValueError("this reply is damaged") from error


def as_kept(reply: Reply) -> Reply:
    """The reply as it will come back."""
    return unpacked(packed(reply))


def head(reply: Reply, beside: Beside) -> str:
    """What is kept of a reply as JSON. Raises `draft_bytes.Unusual`."""
    return _head_of(reply, _same(reply, beside), _names(reply))


def _head_of(reply: Reply, same: Sequence[bool], names: Sequence[str]) -> str:
    values: dict[str, Any] = {
        "decoding": reply.decoding,
        "names": names,
        "origins": "".join(draft.origin[0] for draft in reply.drafts),
    }
    for name, known in zip(_SAME, same, strict=False):
        if not known:
            values[name] = getattr(reply, name)
    if not same[6]:
        values["latent"] = reply.latent
    if reply.novelty != 1.0:
        values["novelty"] = reply.novelty
    if reply.lines is not None:
        values["lines"] = reply.lines == _lines(reply.text) or reply.lines
    if reply.form is not None:
        values["form"] = _form(reply.form, reply.lines or ())
    own = {
        str(place): draft.own_text for place, draft in enumerate(reply.drafts) if draft.own_text != draft.text
    }
    if own:
        values["own"] = own
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _same(reply: Reply, beside: Beside) -> list[bool]:
    """What the row says already: a bit each."""
    same = [getattr(reply, name) == getattr(beside, name) for name in _SAME]
    return [*same, reply.text == beside.own_text, draft_bytes.floats(reply.latent) == (beside.latent or b"")]


def _names(reply: Reply) -> list[str]:
    return sorted(set().union(*(draft.scores for draft in reply.drafts)))


def _packed(reply: Reply, beside: Beside) -> bytes:
    drafts, chosen = reply.drafts, reply.chosen
    tenths = round(reply.milliseconds * 10)
    if not drafts or len(drafts) > 255 or reply.text != drafts[chosen].text:
        raise draft_bytes.Unusual
    if min(reply.seed, tenths) < 0 or tenths / 10 != reply.milliseconds:
        raise draft_bytes.Unusual
    same, names = _same(reply, beside), _names(reply)
    press = _compressor().copy()
    heading = press.compress(_head_of(reply, same, names).encode("utf-8", "surrogatepass")) + press.flush()
    if len(heading) > _LONGEST_HEAD:
        raise draft_bytes.Unusual
    numbers, narrow = draft_bytes.numbers(drafts, names, chosen, reply.propensity, (reply.seed, tenths))
    texts = draft_texts.texts(
        [draft.text for place, draft in enumerate(drafts) if place != chosen or not same[5]]
    )
    what = sum(1 << place for place, is_same in enumerate(same) if is_same) | (_NARROW if narrow else 0)
    return b"".join(
        (_THIRD, bytes((what, len(drafts))), struct.pack("<H", len(heading)), heading, numbers, texts)
    )


def _unpacked(kept: bytes, beside: Beside) -> Reply:
    if kept[:1] not in _PACKED:
        raise ValueError("a newer Moyou packed this reply")
    same, count = kept[1], kept[2]
    head, end = _head(kept)
    read = draft_bytes.read_numbers(kept, end, count, head["names"], 2, _narrow(kept))
    texts = draft_texts.read_texts(kept[read.end :])
    if same & 32:
        texts.insert(read.chosen, beside.own_text)
    latent = draft_bytes.read_floats(beside.latent or b"") if same & 64 else tuple(head["latent"])
    own = head.get("own", {})
    drafts = [
        {
            "text": text,
            "own_text": own.get(str(place), text),
            "origin": next(origin for origin in _ORIGINS if origin[0] == letter),
            "latent": latent if place == read.chosen else (),
            "log_probability": log_probability,
            "scores": scores,
            "score": score,
        }
        for place, (text, letter, log_probability, scores, score) in enumerate(
            zip(texts, head["origins"], read.log_probabilities, read.scores, read.score, strict=True)
        )
    ]
    values = {
        name: getattr(beside, name) if same >> bit & 1 else head[name] for bit, name in enumerate(_SAME)
    }
    text = drafts[read.chosen]["text"]
    lines = head.get("lines")
    if lines is not None:
        lines = _lines(text) if lines is True else tuple(lines)
    values |= {
        "text": text,
        "seed": read.whole[0],
        "decoding": head["decoding"],
        "drafts": drafts,
        "chosen": read.chosen,
        "propensity": read.propensity,
        "milliseconds": read.whole[1] / 10,
        "novelty": head.get("novelty", 1.0),
        "lines": lines,
        "form": _whole_form(head["form"], lines or ()) if "form" in head else None,
    }
    return Reply.from_values(values)


def _head(kept: bytes) -> tuple[dict[str, Any], int]:
    """The head, and where it ends."""
    end = 5 + struct.unpack_from("<H", kept, 3)[0]
    press = zlib.decompressobj(-15, zdict=_heads(kept[:1]))
    text = press.decompress(kept[5:end]).decode("utf-8", "surrogatepass")
    if not press.eof or press.unused_data:
        raise ValueError("this head was cut short")
    head: dict[str, Any] = json.loads(text)
    return head, end


@cache
def _heads(form: bytes) -> bytes:
    return _HEAD if form == _SECOND else facts.read_bytes(HEADS)


@cache
def _compressor() -> zlib._Compress:
    """Of heads, to be copied: reading the dictionary takes longer than deflating a head."""
    return zlib.compressobj(9, zlib.DEFLATED, -13, draft_texts.MEMORY, zdict=_heads(_THIRD))


def _narrow(kept: bytes) -> bool:
    return kept[:1] != _SECOND and kept[1] >= _NARROW


def _lines(text: str) -> tuple[str, ...]:
    """What the lines of nearly all verse are."""
    return tuple(re.sub("[，。！？；、]+$", "", line) for line in text.split("\n"))


def _form(form: FormCheck, lines: tuple[str, ...]) -> dict[str, Any]:
    """With letters for the marks, and their characters only where they are not the lines'."""
    values = dataclasses.asdict(form)
    marks = values.pop("lines")
    every = [mark for line in marks for mark in line]
    if any(mark[name] not in _TONES for mark in every for name in ("wanted", "tone")):
        raise draft_bytes.Unusual
    values["marks"] = [
        ["".join(_TONES[mark[name]] for mark in line) for line in marks] for name in ("wanted", "tone")
    ]
    values["rhymes"] = [[place, mark["rhyme"]] for place, mark in enumerate(every) if mark["rhyme"]]
    values["wrong"] = [place for place, mark in enumerate(every) if not mark["ok"]]
    written = ["".join(mark["character"] for mark in line) for line in marks]
    if written != list(lines):
        values["written"] = [[mark["character"] for mark in line] for line in marks]
    return values


def _whole_form(kept: Mapping[str, Any], lines: tuple[str, ...]) -> dict[str, Any]:
    values = dict(kept)
    wanted, tones = ([[_TONE[one] for one in line] for line in letters] for letters in values.pop("marks"))
    written = values.pop("written", [list(line) for line in lines])
    rhymes, wrong = dict(map(tuple, values.pop("rhymes"))), set(values.pop("wrong"))
    marks: list[list[dict[str, Any]]] = []
    place = 0
    for line, wants, has in zip(written, wanted, tones, strict=True):
        marks.append([])
        for character, want, tone in zip(line, wants, has, strict=True):
            marks[-1].append(
                {
                    "character": character,
                    "wanted": want,
                    "tone": tone,
                    "rhyme": rhymes.get(place, ""),
                    "ok": place not in wrong,
                }
            )
            place += 1
    return {**values, "lines": marks}
