"""Characters and pieces to ids and back, saved with the checkpoint.

Knows: which tokens exist. A Han character and a CJK punctuation mark are always one token; other
text is split by SentencePiece (Kudo & Richardson 2018) with byte fallback, or by characters.
Does not know: what the tokens are used for.

Encoding is lossless for text that `text.clean` has passed wherever byte fallback is on.
"""

from __future__ import annotations

import collections
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.text import HAN

PAD, UNKNOWN, BEGIN, END, TURN, LINE = range(6)
_SPECIALS = ("<pad>", "<unknown>", "<begin>", "<end>", "<turn>", "\n")
_SINGLE = re.compile(f"([{HAN}\u3000-\u303f\uff00-\uffef\u2010-\u2027\u2030-\u205e\n\u2581])")
_SPACE = "\u2581"

MOST_SPANS = 1 << 24
"""Characters of spans that pieces are learnt from at most."""


class Vocabulary:
    """An ordered list of tokens: specials, tags, bytes, single characters, pieces."""

    def __init__(
        self,
        tags: Sequence[str],
        characters: Sequence[str],
        pieces: bytes = b"",
        *,
        byte_fallback: bool = False,
    ) -> None:
        self.tags, self.characters, self.pieces = tuple(tags), tuple(characters), pieces
        self.byte_fallback = byte_fallback
        self.tokens: list[str] = [*_SPECIALS, *(f"<{tag}>" for tag in self.tags)]
        self._tag = {tag: len(_SPECIALS) + index for index, tag in enumerate(self.tags)}
        self._first_byte = len(self.tokens)
        if byte_fallback:
            self.tokens += [f"<0x{value:02X}>" for value in range(256)]
        self._first_character = len(self.tokens)
        self.tokens += self.characters
        self._character = {
            character: self._first_character + i for i, character in enumerate(self.characters)
        }
        self._character["\n"] = LINE
        self._first_piece = len(self.tokens)
        self._processor: Any = None
        self._piece_ids: dict[int, int] = {}
        if pieces:
            import sentencepiece

            processor = sentencepiece.SentencePieceProcessor(model_proto=pieces)
            self._processor = processor
            for index in range(processor.get_piece_size()):
                if processor.is_byte(index) or processor.is_control(index) or processor.is_unknown(index):
                    continue
                self._piece_ids[index] = len(self.tokens)
                self.tokens.append(processor.id_to_piece(index))

    def __len__(self) -> int:
        return len(self.tokens)

    def tag(self, name: str) -> int:
        return self._tag[name]

    def has_tag(self, name: str) -> bool:
        return name in self._tag

    def character_list(self) -> list[str]:
        """For each id, its single Han or other character; "" for every other token (V entries)."""
        end = self._first_character + len(self.characters)
        return [t if self._first_character <= i < end else "" for i, t in enumerate(self.tokens)]

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in _SINGLE.split(text):
            if not part:
                continue
            single = self._character.get(part) if len(part) == 1 else None
            if single is not None:
                ids.append(single)
            elif self._processor is not None and not _SINGLE.fullmatch(part):
                ids += self._encode_span(part)
            else:
                ids += [self._character.get(c, UNKNOWN) if c in self._character else -1 for c in part]
                if -1 in ids:
                    ids = self._fall_back(ids, part)
        return ids

    def _fall_back(self, ids: list[int], part: str) -> list[int]:
        head, tail = ids[: -len(part)], ids[-len(part) :]
        for character, token in zip(part, tail, strict=True):
            head += self._bytes(character) if token == -1 else [token]
        return head

    def _bytes(self, character: str) -> list[int]:
        if not self.byte_fallback:
            return [UNKNOWN]
        return [self._first_byte + value for value in character.encode("utf-8")]

    def _encode_span(self, span: str) -> list[int]:
        processor = self._processor
        ids: list[int] = []
        for index in processor.encode(span):
            known = self._piece_ids.get(index)
            if known is not None:
                ids.append(known)
            elif processor.is_byte(index):
                ids.append(self._first_byte + int(processor.id_to_piece(index)[3:5], 16))
            else:
                ids.append(UNKNOWN)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids; special tokens and tags are passed over, a broken byte run shows U+FFFD."""
        out: list[str] = []
        pending = bytearray()
        for token in ids:
            if self.byte_fallback and self._first_byte <= token < self._first_byte + 256:
                pending.append(token - self._first_byte)
                continue
            if pending:
                out.append(pending.decode("utf-8", "replace"))
                pending.clear()
            if token == LINE:
                out.append("\n")
            elif token == UNKNOWN:
                out.append("\ufffd")
            elif token >= self._first_piece:
                out.append(self.tokens[token].replace(_SPACE, " "))
            elif token >= self._first_character:
                out.append(self.tokens[token])
        if pending:
            out.append(pending.decode("utf-8", "replace"))
        return "".join(out)

    def save(self, folder: Path) -> None:
        values = {
            "tags": self.tags,
            "byte_fallback": self.byte_fallback,
            "characters": "".join(self.characters),
        }
        (folder / "vocabulary.json").write_text(json.dumps(values, ensure_ascii=False), "utf-8")
        if self.pieces:
            (folder / "pieces.model").write_bytes(self.pieces)

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        values = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        pieces = folder / "pieces.model"
        return cls(
            values["tags"],
            list(values["characters"]),
            pieces.read_bytes() if pieces.exists() else b"",
            byte_fallback=values["byte_fallback"],
        )


def build(
    texts: Iterable[str],
    tags: Sequence[str],
    *,
    min_count: int = 2,
    pieces: int = 0,
    piece_kind: str = "unigram",
    byte_fallback: bool = False,
) -> Vocabulary:
    """Count characters of `texts` (kept from `min_count` on, commonest first); train `pieces` pieces.

    `piece_kind` "word" makes every piece a whole word, parted by blanks; a rarer word is <unknown>.
    With pieces = 0 every character is a token and rare ones are <unknown> (or bytes).
    """
    singles: collections.Counter[str] = collections.Counter()
    spans: list[str] = []
    held, every, number = 0, 1, 0
    for text in texts:
        for part in _SINGLE.split(text):
            if len(part) == 1 and _SINGLE.fullmatch(part):
                singles[part] += 1
            elif part and pieces:
                number += 1
                if number % every:
                    continue
                spans.append(part)
                held += len(part)
                if held > MOST_SPANS:
                    # A corpus of any size is sampled evenly: every second one goes, and of those to come.
                    spans, every = spans[1::2], 2 * every
                    held = sum(map(len, spans))
            else:
                singles.update(part)
    singles.pop("\n", None)
    singles.pop(_SPACE, None)
    characters = [
        c for c, n in sorted(singles.items(), key=lambda item: (-item[1], item[0])) if n >= min_count
    ]
    model = _train_pieces(spans, pieces, piece_kind) if spans else b""
    return Vocabulary(tags, characters, model, byte_fallback=byte_fallback)


def _train_pieces(spans: list[str], size: int, kind: str) -> bytes:
    import sentencepiece

    writer = io.BytesIO()
    # A small corpus cannot ask for fewer pieces than its characters and the 256 bytes need.
    least = 257 + len(set("".join(spans))) + 8
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(spans),
        model_writer=writer,
        vocab_size=max(size, least),
        model_type=kind,
        byte_fallback=kind != "word",
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        character_coverage=0.9995,
        hard_vocab_limit=False,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return writer.getvalue()
