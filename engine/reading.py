"""Rows of files that people bring: which encoding, which separator, one dict a row, never the whole file.

Knows: JSON lines, plain text and CSV, gzipped too; UTF-8, UTF-16, UTF-32, GB18030 and Big5, told apart
by byte order marks, strict decoding and how ordinary the characters are that come out.
Does not know: what a row teaches.

Memory does not grow with a file: text is read in pieces of at most `PIECE` characters, even where a
file is one line. What is decided depends on the file's bytes alone.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from engine.errors import BadFile, FileNotText
from engine.text import HAN, simplify

PIECE = 1 << 20
"""Characters read at once; a line of plain text that is longer is cut after a sentence."""
LONGEST_ROW = 1 << 24
"""Characters of one JSON line."""
_LOOK = 1 << 16  # bytes by whose characters an encoding without a mark is judged
_ORDINARY = 0.6  # least share of ordinary characters in what an encoding gives
# UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TEXT_COLUMNS = ("text", "content", "sentence", "文本", "内容", "正文", "句子")
_SENTENCE_END = re.compile(r"[。！？!?…\n.](?=[^。！？!?…\n.]*$)")
_STRANGE = re.compile("[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffe\uffff]")
_HAN_CHARACTER = re.compile(f"[{HAN}]")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a file, one dict each. A plain text file gives {"text": line}. Raises BadFile."""
    if not path.is_file():
        raise BadFile(file=path.name, reason="there is no such file")
    name = path.name.removesuffix(".gz")
    try:
        encoding = encoding_of(path)
        with _opened(path, encoding) as stream:
            if name.endswith((".csv", ".tsv")):
                yield from _table(path, stream)
            elif name.endswith((".jsonl", ".json")):
                yield from _objects(path, stream)
            else:
                yield from ({"text": line} for line in _lines(stream))
    except UnicodeDecodeError as error:
        reason = f"it is not {error.encoding.upper()} throughout; save it as UTF-8 and try again"
        raise BadFile(file=path.name, reason=reason) from error
    except csv.Error as error:
        raise BadFile(file=path.name, reason=f"it is not a CSV that can be read ({error})") from error
    except (OSError, EOFError) as error:
        raise BadFile(file=path.name, reason="it cannot be read") from error


def encoding_of(path: Path) -> str:
    """The codec's name, for `open`. Raises BadFile for what is not text, OSError, EOFError.

    A byte order mark decides; else UTF-8 where the whole file is; else the one of GB18030, Big5 and
    UTF-16 whose characters are the most ordinary ones.
    """
    with _bytes(path) as stream:
        return _encoding(stream, path.name)


def text_in(content: bytes, file: str) -> str:
    """The text of a file that is in memory: whole, decoded, nothing unpacked. Raises FileNotText."""
    try:
        text = content.decode(_encoding(io.BytesIO(content), file))
    except (BadFile, UnicodeDecodeError) as error:
        raise FileNotText(file=file) from error
    # UTF-8 allows control characters, text has next to none
    if len(_STRANGE.findall(text)) > len(text) // 50:
        raise FileNotText(file=file)
    return text


def _encoding(stream: io.BufferedIOBase, name: str) -> str:
    head = stream.read(_LOOK)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    has_zeros = b"\0" in head
    if not has_zeros and _is_utf8(head, stream):
        return "utf-8"
    # Text in GB18030 and Big5 holds no zero bytes; in UTF-16 it does wherever a character is Latin.
    candidates = ("utf-16-le", "utf-16-be") if has_zeros else ("gb18030", "big5", "utf-16-le", "utf-16-be")
    ordinary = {encoding: _ordinary(head, encoding) for encoding in candidates}
    best = max(candidates, key=lambda encoding: ordinary[encoding])
    if ordinary[best] >= _ORDINARY:
        return best
    if has_zeros or sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head) > len(head) // 50:
        raise BadFile(file=name, reason="it is not text; give JSON lines, CSV or plain text")
    raise BadFile(
        file=name, reason="its encoding is neither UTF-8 nor GB18030; save it as UTF-8 and try again"
    )


def _bytes(path: Path) -> io.BufferedIOBase:
    return cast(io.BufferedIOBase, gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb"))


def _opened(path: Path, encoding: str) -> TextIO:
    return io.TextIOWrapper(cast(Any, _bytes(path)), encoding=encoding, newline="")


def _is_utf8(head: bytes, rest: io.BufferedIOBase) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        part = head
        while part:
            decoder.decode(part)
            part = rest.read(PIECE)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _ordinary(head: bytes, encoding: str) -> float:
    """The share of characters that modern Chinese or English text is made of; 0 where it does not decode.

    In the encodings of Chinese only Han characters count: ASCII is the same in all of them. A Han
    character is ordinary where its simplified form is of GB 2312's first level, the 3,755 commonest.
    """
    try:
        # The last bytes may be half a character.
        found = codecs.getincrementaldecoder(encoding)().decode(head[: len(head) & ~1])[:4000]
    except UnicodeDecodeError:
        return 0.0
    if encoding in ("gb18030", "big5"):
        found = "".join(character for character in found if ord(character) > 127)
        if not _HAN_CHARACTER.search(found):
            return 0.0
    ordinary = sum(map(_is_ordinary, simplify(found)))
    return ordinary / len(found) if found else 0.0


def _is_ordinary(character: str) -> bool:
    if character.isascii():
        return character.isprintable() or character in "\t\n\r"
    if not _HAN_CHARACTER.match(character):
        return (
            "\u2010" <= character <= "\u2030" or character in "·—…、。《》「」『』【】（），！？：；～％＋－"
        )
    try:
        return 0xB0 <= character.encode("gb2312")[0] <= 0xD7
    except UnicodeEncodeError:
        return False


def _lines(stream: TextIO) -> Iterator[str]:
    """Lines that hold something; one too long to hold at once comes in parts that end with sentences."""
    rest = ""
    while piece := stream.readline(PIECE):
        line = rest + piece
        rest = ""
        if not piece.endswith("\n") and len(piece) >= PIECE:
            last = _SENTENCE_END.search(line, max(0, len(line) - 5000))
            line, rest = (line[: last.end()], line[last.end() :]) if last else (line, "")
        # a file with bare carriage returns, as old editors wrote it, is one line to `readline`
        yield from (part.strip() for part in re.split("[\r\n]", line) if part.strip())
    if rest.strip():
        yield rest.strip()


def _objects(path: Path, stream: TextIO) -> Iterator[dict[str, Any]]:
    number = 0
    while line := stream.readline(LONGEST_ROW):
        number += 1
        if len(line) >= LONGEST_ROW:
            reason = f"line {number} is longer than {LONGEST_ROW:,} characters; write one object a line"
            raise BadFile(file=path.name, reason=reason)
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                reason = f"line {number} is not JSON ({error.msg}); write one object a line"
                raise BadFile(file=path.name, reason=reason) from error
            if not isinstance(row, dict):
                raise BadFile(file=path.name, reason=f"line {number} is not a JSON object")
            yield row


def _table(path: Path, stream: TextIO) -> Iterator[dict[str, Any]]:
    """Rows of a CSV whose first line names its columns, separated by commas, semicolons or tabs.

    The column of texts is `text`, or what others call it, or the only one there is.
    """
    first = stream.readline(PIECE)
    separator = max(",;\t", key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
    if not names:
        return
    lower = [name.lower() for name in names]
    pair = {"src", "tgt"} <= set(lower)
    column = next((lower.index(name) for name in _TEXT_COLUMNS if name in lower), None)
    if column is None and not pair:
        if len(names) > 1:
            shown = ", ".join(name[:20] for name in names[:6])
            reason = f"the CSV needs a column named text, its first line has {shown}"
            raise BadFile(file=path.name, reason=reason)
        column = 0
        yield {"text": names[0]}
    for values in csv.reader(stream, delimiter=separator):
        row: dict[str, Any] = dict(zip(lower, values, strict=False))
        if column is not None:
            row["text"] = values[column] if column < len(values) else ""
        elif len(values) < len(names):
            continue
        yield row


@contextmanager
def reading_row(path: Path, number: int) -> Iterator[None]:
    """What is raised in it where fields are not there, or not what they should be, becomes BadFile."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        reason = f"row {number} does not have the fields of its kind"
        raise BadFile(file=path.name, reason=reason) from error
