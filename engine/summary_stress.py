"""Long logs and hostile ones: time, memory, and whether a summary stays honest.

Knows: how ten thousand messages are made of real ones, what nobody should send and somebody will.
Does not know: whether a summary is good (`summary_bench`).
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.channel_logs import read_logs
from engine.summarize import summarize
from engine.summary_bench import Measurement, data_file, found_in_sources, rows_of
from engine.summary_signals import Encoder
from engine.summary_units import LONGEST
from engine.values import Message

SMALL, LARGE = 1_000, 10_000
_SECONDS, _GROWTH, _MEGABYTES = 3.0, 15.0, 200.0
_REPEATS = 3
_POINTS = 12
_LANGUAGES = (
    "Die Sitzung ist auf Montag um neun Uhr verschoben.",
    "La réunion est reportée à lundi neuf heures.",
    "La reunión se aplaza al lunes a las nueve.",
    "A reunião foi adiada para segunda às nove.",
    "La riunione è rinviata a lunedì alle nove.",
    "Встреча перенесена на понедельник, девять утра.",
    "会議は月曜日の九時に延期されました。",
    "회의가 월요일 아홉 시로 연기되었습니다.",
    "تم تأجيل الاجتماع إلى يوم الاثنين الساعة التاسعة.",
    "הפגישה נדחתה ליום שני בתשע.",
    "बैठक सोमवार नौ बजे तक स्थगित कर दी गई है।",
    "การประชุมเลื่อนไปวันจันทร์เก้าโมง",
)


def many(data: Path, count: int) -> list[Message]:
    """Messages of all the logs and dialogues there are, then their halves put together anew; none twice."""
    texts: list[str] = []
    authors: list[str] = []
    for name in ("channel-zh", "channel-en"):
        for log in read_logs(data_file(data, name)):
            texts += [message.text for message in log.messages]
            authors += [message.author for message in log.messages]
    for row in rows_of(data_file(data, "dialogsum")):
        texts += [turn.partition(": ")[2] for turn in row["turns"]]
    chance = random.Random(1)
    real = list(dict.fromkeys(texts))
    while len(real) < count:
        one, other = chance.choice(texts), chance.choice(texts)
        real.append(f"{one[: len(one) // 2 + 1]} {other[len(other) // 2 :]}")
    minute = 0.0
    found = []
    for number, text in enumerate(real[:count]):
        minute += chance.choice((0, 0, 0, 1, 1, 2, 5, 30))
        reply = str(number - chance.randint(1, 9)) if number > 9 and chance.random() < 0.1 else None
        found.append(Message(str(number), chance.choice(authors), text, minute, reply))
    return found


def speed(data: Path, model: str) -> Iterator[Measurement]:
    """In a process of its own, so that idle memory is a bot's with this model loaded and no more."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, busy, growth, megabytes = pool.apply(_timed, (data, model))
    yield Measurement(
        f"{LARGE:,} messages", seconds, "s", bar=f"<= {_SECONDS:g}", ok=seconds <= _SECONDS, limit=_SECONDS
    )
    yield Measurement(f"{LARGE:,} messages, processor", busy, "s of one core")
    yield Measurement(
        f"time({LARGE:,}) / time({SMALL:,})", growth, "times", bar=f"<= {_GROWTH:g}", ok=growth <= _GROWTH
    )
    if megabytes is not None:
        yield Measurement(
            f"memory for {LARGE:,} messages",
            megabytes,
            "MB above idle",
            bar=f"<= {_MEGABYTES:g}",
            ok=megabytes <= _MEGABYTES,
        )


def _timed(data: Path, model: str) -> tuple[float, float, float, float | None]:
    import torch

    from engine.summary_training import talk_encoder

    torch.set_num_threads(1)
    encode = talk_encoder(model)
    small, large = many(data, SMALL), many(data, LARGE)
    summarize(small[:200], points=_POINTS, encode=encode)
    idle = _peak()
    times, processor = {}, {}
    for messages in (small, large):
        spent = []
        for _ in range(_REPEATS):
            began, worked = time.perf_counter(), time.process_time()
            summarize(messages, points=_POINTS, encode=encode)
            spent.append((time.perf_counter() - began, time.process_time() - worked))
        times[len(messages)] = min(wall for wall, _ in spent)
        processor[len(messages)] = min(busy for _, busy in spent)
    after = _peak()
    used = None if idle is None or after is None else after - idle
    return times[LARGE], processor[LARGE], processor[LARGE] / processor[SMALL], used


def _peak() -> float | None:
    """MB that this process held at most; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 * 1024 if sys.platform == "darwin" else 1024
    )


def hostile_logs() -> dict[str, list[Message]]:
    """Each must get a summary of its own words, or be called quiet."""

    def said(texts: Sequence[str], authors: Sequence[str] = ("a", "b", "c")) -> list[Message]:
        return [
            Message(str(number), authors[number % len(authors)], text, float(number // 3))
            for number, text in enumerate(texts)
        ]

    return {
        "one spammer": said(
            [f"BUY NOW {number % 7}0% OFF today only" for number in range(LARGE)], ("spammer",)
        ),
        "one line again and again": said(["加我领红包，今天最后一天"] * LARGE, ("spammer", "spammer2")),
        "one long word": said(["x" * 4000, "好" * 4000, "ok", "?"]),
        "empty messages": said(["", "  ", "\n", "\u200b"] * 50),
        "only links": said([f"https://example.org/{number}" for number in range(500)]),
        "only emoji": said(["😂😂😂", "👍", "🎉🎉", "<:party:123456789012345678>"] * 100),
        "twelve languages": said(_LANGUAGES, ("a", "b", "c", "d")),
        "a wall of brackets": said(["(" * 2000 + ")" * 2000, "[" * 4000, "<@" * 2000]),
        "broken characters": said(["\ud800\udc00 \x00\x07", "\u202eevil text for everyone", "é" * 300]),
        "times that go back": [
            Message(str(n), "abc"[n % 3], f"第{n}条：周{n % 6}见", -n * 1e6) for n in range(200)
        ],
        "replies in a ring": [
            Message(str(n), "abc"[n % 3], f"item {n} is due on friday at {n % 12} pm", n, str((n + 1) % 60))
            for n in range(60)
        ],
    }


def hostile(encode: Encoder | None) -> Iterator[Measurement]:
    for name, messages in hostile_logs().items():
        summary = summarize(messages, points=5, encode=encode)
        by_one = max((sum(p.author == m.author for p in summary.points) for m in messages[:3]), default=0)
        honest = (
            (summary.quiet or bool(summary.points))
            and found_in_sources(summary, messages)
            and all(len(point.text) <= LONGEST for point in summary.points)
        )
        yield Measurement(
            f"hostile: {name}",
            float(honest),
            f"honest ({len(summary.points)} points, at most {by_one} by one author)",
            bar="1",
            ok=honest,
        )
