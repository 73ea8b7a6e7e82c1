"""Files in memory as text: every encoding people meet, and one sentence for what is no text."""

from __future__ import annotations

import gzip
from types import SimpleNamespace
from typing import cast

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.attachments import LARGEST, shown, text_of
from engine import FileNotText, FileTooLarge, text_in

CHINESE = "从前有一座山，山里有一座庙，庙里有一个老和尚在讲故事。\n他讲的是什么呢？"
ENGLISH = "Once upon a time there was a mountain.\nOn it stood a temple."


@pytest.mark.parametrize("text", [CHINESE, ENGLISH, "", "一", "😀 emoji", "\ttab\r\nline"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_whole(text: str, encoding: str) -> None:
    assert text_in(text.encode(encoding), "a.txt") == text


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16-le", "utf-16-be"])
def test_encodings_without_a_mark_are_found_out(encoding: str) -> None:
    assert text_in(CHINESE.encode(encoding), "a.txt") == CHINESE


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 5000,
        b"\x1f\x8b" + bytes(range(256)),
        gzip.compress(CHINESE.encode() * 1000),
        b"\x7fELF" + bytes(range(256)) * 4,
        b"\x01\x02\x03" * 100,
        b"\xef\xbb\xbf\x01\x02\x03\x04",
        b"\xff\xfe" + b"\x00\xd8" * 50,
        b"%PDF-1.4\n" + bytes(range(128, 256)) * 8,
    ],
)
def test_what_is_no_text_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(FileNotText, match=r"a\.txt is not text"):
        text_in(content, "a.txt")


@given(st.binary(max_size=400))
def test_any_bytes_are_text_or_refused(content: bytes) -> None:
    try:
        text = text_in(content, "a.txt")
    except FileNotText:
        return
    text.encode("utf-8")


@given(st.text(max_size=300))
def test_a_files_name_may_stand_in_a_sentence(name: str) -> None:
    said = shown(name)
    assert said
    assert not set(said) & set("`@<>*_|~\n")


def attached(size: int, content: bytes | None) -> discord.Attachment:
    """A file of a size that its sender says; one without content cannot be fetched."""

    async def read() -> bytes:
        assert content is not None
        return content

    return cast(discord.Attachment, SimpleNamespace(filename="a.TXT", size=size, read=read))


async def test_a_file_that_is_too_large_is_not_even_fetched() -> None:
    with pytest.raises(FileTooLarge):
        await text_of(attached(LARGEST + 1, None))
    with pytest.raises(FileTooLarge):
        await text_of(attached(10, b"a" * (LARGEST + 1)))
    assert await text_of(attached(LARGEST, b"a" * LARGEST)) == "a" * LARGEST
