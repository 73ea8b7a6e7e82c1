"""Files as people have them: any encoding they meet, any size, or one clear sentence."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import reading, train, vocabulary
from engine.corpus import CorpusConfig, Encoded
from engine.errors import BadFile
from engine.packed import Packer
from engine.reading import encoding_of, rows
from tests import tiny

CHINESE = "今天天气很好，适合户外活动。\n我们明天一起去公园散步，好吗？\n"
TRADITIONAL = "今天天氣很好，適合戶外活動。\n我們明天一起去公園散步，好嗎？\n"
ENGLISH = "The weather is fine today.\nShall we walk to the café?\n"
MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        *(
            (CHINESE, encoding)
            for encoding in ("utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16-le", "utf-16-be")
        ),
        *((TRADITIONAL, encoding) for encoding in ("utf-8", "big5", "gbk", "utf-16", "utf-32")),
        *((ENGLISH, encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-16")),
        (CHINESE + ENGLISH, "gb18030"),
        ("一" * 7, "utf-16-le"),
        ("好", "gb18030"),
    ],
)
@pytest.mark.parametrize("ending", ["txt", "txt.gz"])
def test_text_is_read_in_the_encoding_it_has(tmp_path: Path, words: str, encoding: str, ending: str) -> None:
    content = words.encode(encoding)
    file = tmp_path / f"mine.{ending}"
    file.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    assert [row["text"] for row in rows(file)] == words.splitlines()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_decides(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(MARKS[encoding] + "label\ttext\n1\t韩语 안녕하세요\n".encode(encoding))
    assert list(rows(file)) == [{"label": "1", "text": "韩语 안녕하세요"}]


def test_chinese_that_begins_late_in_a_file_of_ascii_is_still_found(tmp_path: Path) -> None:
    for encoding in ("utf-8", "gb18030"):
        (tmp_path / encoding).write_bytes(b"plain words\n" * 9000 + CHINESE.encode(encoding))
    assert encoding_of(tmp_path / "utf-8") == "utf-8"
    assert list(rows(tmp_path / "utf-8"))[-2]["text"] == CHINESE.splitlines()[0]
    with pytest.raises(BadFile, match="save it as UTF-8"):  # nothing to judge the encoding by
        list(rows(tmp_path / "gb18030"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "latin.txt",
            "Où est le café ? Déjà là, près de l'hôtel.".encode("latin-1"),
            "neither UTF-8 nor GB18030",
        ),
        ("photo.txt", bytes(range(256)) * 40, "it is not text"),
        ("zeros.csv", b"\0" * 1000, "it is not text"),
        ("torn.txt", CHINESE.encode("utf-16") + b"\x00", "throughout; save it as UTF-8"),
        ("torn.gz.txt", ("好" * 70_000).encode("gb18030") + b"\xff\xff", "not GB18030 throughout"),
        ("other.csv", "name,age\n小明,3\n".encode(), "column named text, its first line has name, age"),
        ("quote.csv", b'text,label\n"' + b"a" * 200_000, "not a CSV that can be read"),
        ("array.json", b'{"text": "a"}\n[\n]', "line 2 is not JSON .*write one object a line"),
        ("long.jsonl", b'{"text": "' + b"a" * reading.LONGEST_ROW, "line 1 is longer than"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadFile, match=says):
        list(rows(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("text,label\n天气很好。,1\n,0\n", ["天气很好。", ""]),
        ("text\n天气很好。\n", ["天气很好。"]),
        ("label;Text\n1;天气，很好。\n", ["天气，很好。"]),
        ("id\t内容\n1\t天气很好。\n", ["天气很好。"]),
        ("天气很好。\n明天也是。\n", ["天气很好。", "明天也是。"]),  # no first line of names
        ('text,label\n"天气,\n很好。",1\n短行\n', ["天气,\n很好。", "短行"]),
        ("", []),
    ],
)
def test_the_texts_of_a_csv_are_found(tmp_path: Path, content: str, texts: list[str]) -> None:
    (tmp_path / "mine.csv").write_text(content, "utf-8")
    assert [row["text"] for row in rows(tmp_path / "mine.csv")] == texts


def test_a_csv_of_pairs_is_read_by_its_names(tmp_path: Path) -> None:
    (tmp_path / "chat-mine.csv").write_text("src,tgt\n你好,你好呀\n缺一半\n", "utf-8")
    assert list(rows(tmp_path / "chat-mine.csv")) == [{"src": "你好", "tgt": "你好呀"}]


def test_a_file_of_one_endless_line_is_cut_after_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 100)
    (tmp_path / "mine.txt").write_text("今天天气很好。" * 99 + "完", "utf-8")
    found = [row["text"] for row in rows(tmp_path / "mine.txt")]
    assert len(found) > 5
    assert all(text.endswith("。") and len(text) <= 200 for text in found[:-1])
    assert "".join(found) == "今天天气很好。" * 99 + "完"


@pytest.mark.parametrize("count", [1, 3])
def test_a_tiny_corpus_trains(tmp_path: Path, count: int) -> None:
    (tmp_path / "mine.csv").write_text(
        "text\n" + "".join(f"今天第{n}次出门，天气很好。\n" for n in range(count)), "utf-8"
    )
    run = train.read_config(
        str(tiny.write_config(tmp_path, "talk")), ["corpus.pieces=300", "corpus.byte_fallback=true"]
    )
    figures = train.train(run, [tmp_path / "mine.csv"], tmp_path / "out", device="cpu", quiet=True)
    assert figures["step"] == 2


parts = st.lists(st.lists(st.integers(0, 65_535), max_size=9), max_size=4)


@given(
    st.lists(
        st.tuples(parts, parts, st.booleans(), st.booleans(), st.none() | st.integers(0, 99)), max_size=8
    ),
    st.sampled_from([100, 70_000]),
)
def test_packed_examples_are_what_was_packed(
    rows: list[tuple[list[list[int]], list[list[int]], bool, bool, int | None]], largest: int
) -> None:
    def arrays(lists: list[list[int]]) -> tuple[np.ndarray[Any, Any], ...]:
        return tuple(np.array(part, dtype=np.int32) for part in lists)

    packer = Packer(largest, longest_context=6)
    for context, prototypes, keywords, droppable, hint in rows:
        packer.add(
            Encoded(
                *(np.array([7]), arrays(context), np.array([1, 3])),
                *(keywords, droppable, arrays(prototypes), hint),
            )
        )
    packed = packer.finish()
    assert len(packed) == len(rows)
    assert packed.lengths.tolist() == [2] * len(rows)
    for one, (context, prototypes, keywords, droppable, hint) in zip(packed, rows, strict=True):
        assert (one.head.tolist(), one.target.tolist()) == ([7], [1, 3])
        assert [part.tolist() for part in one.context] == [part[-6:] for part in context]
        assert [part.tolist() for part in one.prototypes] == prototypes
        assert (one.keywords, one.droppable, one.hint) == (keywords, droppable, hint)


def test_a_large_corpus_lies_in_a_file_that_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = train.read_config(str(tiny.write_config(tmp_path, "talk"))), tiny.write_talk(tmp_path)
    held = train.load_data([data], run.corpus)
    monkeypatch.setattr("engine.packed.SPILL", 64)
    spilt = train.load_data([data], run.corpus, scratch=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert spilt.checksum() == held.checksum()
    assert len(spilt.train) == len(held.train) > 30
    for a, b in zip(spilt.train, held.train, strict=True):
        assert (a.target.tolist(), [c.tolist() for c in a.context]) == (
            b.target.tolist(),
            [c.tolist() for c in b.context],
        )


def test_duplicates_are_read_once(tmp_path: Path) -> None:
    rows_ = [{"turns": [f"问{n % 5}", f"答{n % 5}"]} for n in range(100)]
    file = tmp_path / "dialogues.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_), "utf-8")
    run = train.read_config(str(tiny.write_config(tmp_path, "talk")), ["corpus.validation=0"])
    assert len(train.load_data([file], run.corpus).train) == 5


def test_pieces_are_learnt_from_a_bounded_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(vocabulary, "MOST_SPANS", 1000)
    monkeypatch.setattr(vocabulary, "_train_pieces", lambda spans, size, kind: seen.append(spans) or b"")
    vocabulary.build((f"word {n:05d}" for n in range(5000)), ("a",), pieces=300)
    assert 400 < sum(map(len, seen[0])) <= 1000
    places = [int(span.split()[1]) for span in seen[0]]
    assert len({b - a for a, b in itertools.pairwise(places)}) == 1
    assert places[-1] > 4800


def test_a_configurations_longest_text_fits(tmp_path: Path) -> None:
    config = CorpusConfig(tags=("continue", "own"), min_count=1, validation=0, longest=70_000)
    (tmp_path / "mine.jsonl").write_text(json.dumps({"text": "长" * 69_000}), "utf-8")
    assert train.load_data([tmp_path / "mine.jsonl"], config).train.lengths.tolist() == [69_001]
