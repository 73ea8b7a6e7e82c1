"""The book finds its own askings, says how near they are, and holds nothing untrue or dangerous."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import book_making, danger, held_out, written_later
from engine.book import Book, Entry
from engine.danger_texts import is_dangerous
from engine.likeness import Index, grams, plain

WRITTEN = Path(__file__).resolve().parents[2] / "shared" / "data" / "written"
# asks and turns are plain: no punctuation, lower case
SMALL = Book(
    [
        Entry("chat", "hello", ("你好", "hello"), ("你好呀。", "嗨，来啦。")),
        Entry("chat", "tired", ("好累", "累死了", "im tired"), ("辛苦了，歇会儿。",)),
        Entry("chat", "fine", ("好的",), ("那先去吃早饭。",), ("吃早饭了没",)),
        Entry("chat", "fine too", ("好的",), ("那我们从哪儿写起？",), ("想写点什么吗",)),
        Entry("continue", "rain", ("窗外下着雨",), ("他把灯调暗了一点。",)),
    ]
)


@pytest.fixture(scope="module")
def shipped() -> Book:
    return Book.load()


def test_an_asking_of_the_book_is_found_whole() -> None:
    reply, likeness = SMALL.nearest("好累", n=1)[0]
    assert reply == "辛苦了，歇会儿。"
    assert likeness == pytest.approx(1.0, abs=1e-4)


def test_traditional_full_width_and_case_do_not_matter() -> None:
    assert SMALL.nearest("ＨＥＬＬＯ！", n=2) == SMALL.nearest("hello", n=2) or {
        reply for reply, _ in SMALL.nearest("ＨＥＬＬＯ！", n=2)
    } == {"你好呀。", "嗨，来啦。"}
    assert SMALL.nearest("I’m tired", n=1)[0][1] == pytest.approx(1.0, abs=1e-4)


def test_what_was_said_before_decides_between_equal_askings() -> None:
    assert SMALL.nearest("好的", ["早呀，吃早饭了没？"], n=1)[0][0] == "那先去吃早饭。"
    assert SMALL.nearest("好的", ["嗯，想写点什么吗？"], n=1)[0][0] == "那我们从哪儿写起？"
    alone = SMALL.nearest("好的", n=1)[0][1]
    assert alone < SMALL.nearest("好的", ["吃早饭了没？"], n=1)[0][1]


def test_other_tasks_and_strange_texts_find_nothing() -> None:
    assert SMALL.nearest("窗外下着雨，")[0][1] < 0.3
    assert SMALL.nearest("窗外下着雨，", task="continue")[0][0] == "他把灯调暗了一点。"
    assert SMALL.nearest("量子色动力学")[0][1] < 0.3
    assert SMALL.nearest("好累", task="unknown") == []
    assert SMALL.nearest("") == []


def test_more_replies_come_from_the_next_entries() -> None:
    found = SMALL.nearest("你好，好累", n=5)
    assert len(found) == len({reply for reply, _ in found}) >= 2
    likenesses = [likeness for _, likeness in found]
    assert likenesses == sorted(likenesses, reverse=True)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_likeness_is_a_cosine(first: str, second: str) -> None:
    index = Index([plain(first), plain(second)])
    for text, own in ((first, 0), (second, 1)):
        likeness = index.likeness(plain(text))
        assert np.all(likeness >= 0)
        assert np.all(likeness <= 1 + 1e-4)
        if len(grams([plain(text)]).codes):
            assert likeness[own] == pytest.approx(1, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="你好abc 😀", max_size=8), min_size=1, max_size=5))
def test_grams_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    together = grams(texts)
    for row, text in enumerate(texts):
        alone = grams([text])
        assert set(together.codes[together.rows == row]) == set(alone.codes)


def test_the_shipped_book_answers_common_words(shipped: Book) -> None:
    for text in ("你好", "好累", "早上好", "good morning", "i'm tired", "谢谢", "你是谁"):
        assert shipped.nearest(text, n=3)[0][1] > 0.9, text
    assert shipped.nearest("今天天气很好，适合户外活动，", task="continue")


def test_the_shipped_book_says_nothing_untrue(shipped: Book) -> None:
    for entry in shipped.entries:
        for reply in entry.replies:
            assert book_making.is_true(reply), reply


def test_the_shipped_book_asks_nothing_dangerous(shipped: Book) -> None:
    asks = [ask for entry in shipped.entries for ask in entry.asks if len(ask) < 12][::40]
    for ask in asks:
        assert not any(map(danger.by_rules, danger.pieces(ask))), ask


def test_the_shipped_book_is_compact() -> None:
    file = Path(book_making.__file__).parent / "facts" / "book.jsonl.gz"
    assert file.stat().st_size < 2_000_000


def test_corrections_name_only_what_exists() -> None:
    for (locale, intent), row in book_making._corrections().items():
        assert locale in ("zh", "en")
        assert row["replies"], intent
        for text in (*row["replies"], *(follow["reply"] for follow in row["follow"])):
            assert book_making.is_true(text), text


def test_openings_that_people_often_give_are_gone_on_with(shipped: Book) -> None:
    for asked in ("今天天气很好，适合户外活动，", "天气真好，适合户外活动，"):
        found = shipped.nearest(asked, task="continue", n=3)
        replies = {r for e in book_making.additions() if e.name == "weather outdoors zh" for r in e.replies}
        assert {reply for reply, _ in found} <= replies


def test_a_book_is_made_from_written_rows(tmp_path: Path) -> None:
    rows = {
        "intent-zh.jsonl": [
            {"intent": "tea", "asks": ["喝茶"], "replies": ["好呀，喝什么茶？", "用 /horoscope 试试。"],
             "follow": [{"ask": "绿茶", "reply": "绿茶清爽。"}]},
            {"intent": "self_harm", "asks": ["不想活了"], "replies": ["x"], "follow": []},
        ],
        "talk-en.jsonl": [{"topic": "t", "turns": ["hi", "Hello.", "how are you", "Fine, thanks."]}],
        "continue-zh.jsonl": [{"src": "下雨了，", "tgt": "他没带伞。"}],
    }  # fmt: skip
    for name, records in rows.items():
        (tmp_path / name).write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in records), "utf-8")
    assert book_making.main(["make", "--written", str(tmp_path), "--out", str(tmp_path / "b.gz")]) == 0
    made = Book.load(tmp_path / "b.gz")
    later = {reply for entry in book_making.additions() for reply in entry.replies}
    assert {reply for entry in made.entries for reply in entry.replies} - later == {
        "好呀，喝什么茶？", "绿茶清爽。", "Hello.", "Fine, thanks.", "他没带伞。"
    }  # fmt: skip
    assert not any("不想活" in ask for entry in made.entries for ask in entry.asks)
    first = (tmp_path / "b.gz").read_bytes()
    book_making.main(["make", "--written", str(tmp_path), "--out", str(tmp_path / "b.gz")])
    assert (tmp_path / "b.gz").read_bytes() == first
    assert gzip.decompress(first).count(b"\n") == 5 + len(list(book_making.additions()))


@pytest.mark.skipif(not WRITTEN.exists(), reason="the written data is not here")
def test_written_askings_are_in_the_shipped_book(shipped: Book) -> None:
    known = {ask for entry in shipped.entries for ask in entry.asks}
    for line in (WRITTEN / "intent-en.jsonl").read_text("utf-8").splitlines()[:100]:
        record = json.loads(line)
        if not is_dangerous(record["intent"]):
            assert plain(record["asks"][0]) in known


def test_more_askings_are_new_words_for_intents_in_their_own_language() -> None:
    no_words = ("random_keys", "gibberish", "single_sad_emoji", "single_happy_emoji")
    for (locale, intent), asks in written_later.more_askings().items():
        assert len({plain(ask) for ask in asks}) > 10, intent
        letters = sum(any("㐀" <= character <= "鿿" for character in ask) for ask in asks)
        assert (letters > len(asks) / 2) == (locale == "zh") or intent.startswith(("emoji", *no_words)), (
            locale,
            intent,
        )


def test_more_entries_are_whole_in_their_own_language_and_break_off_alike() -> None:
    names = set()
    for locale, task, row in written_later.more_entries():
        assert (locale, task, row["name"]) not in names
        names.add((locale, task, row["name"]))
        assert len({plain(ask) for ask in row["asks"]}) > 1, row["name"]
        for said in (*row["asks"], *row["replies"]):
            assert any("㐀" <= character <= "鿿" for character in said) == (locale == "zh"), said
        for reply in row["replies"]:
            assert reply[-1] in '。！？.!?”’"…', reply
    assert {(locale, task) for locale, task, _ in names} == {
        ("zh", "continue"), ("en", "continue"), ("zh", "ask"), ("en", "ask")
    }  # fmt: skip


def test_an_opening_is_gone_on_with_by_what_joins_it() -> None:
    entries = [
        Entry("continue", "comma", ("the train was late",), ("the coffee was cold.",), breaks=","),
        Entry("continue", "and", ("the train was late and",), ("so was I.",), breaks="and"),
        Entry("continue", "stop", ("the train was late today",), ("Nobody minded.",), breaks="."),
    ]
    book = Book(entries)
    for opening, reply in (
        ("The train was late again,", "the coffee was cold."),
        ("The train was late again, and", "so was I."),
        ("The train was late again.", "Nobody minded."),
    ):
        assert book.nearest(opening, task="continue", n=1)[0][0] == reply


def test_what_is_kept_aside_is_in_no_book_to_measure_with(tmp_path: Path) -> None:
    (locale, intent), (asked, *_) = next(iter(written_later.more_askings().items()))
    held = "把这句话留到最后"
    index = held_out.held_out_asking(locale, intent, 5) or 0
    asks = ["甲乙", "丙丁", "戊己", "庚辛"]
    asks.insert(index, asked)  # written by us before the other hand wrote the same
    row = {"intent": intent, "asks": asks, "replies": [held], "follow": []}
    (tmp_path / f"intent-{locale}.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    known = {ask for e in book_making.entries(tmp_path, without_held_out=True) for ask in e.asks}
    everything = {ask for e in book_making.entries(tmp_path) for ask in e.asks}
    assert plain(asked) not in known
    assert plain(asked) in everything
    assert len(known) > 10
