"""Dictionaries of what texts have in common: what most have comes last, what one alone has is not in them."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine import facts
from engine.facts.make_drafts import SHAPES, Shape, chosen, documents, main
from tests.replies import draft, reply

_SHAPE = Shape(group=3, passage=8, size=40)


def _encode(text: str) -> bytes:
    return text.encode("gbk")


@given(st.lists(st.lists(st.text("云来去风", max_size=20), max_size=4), max_size=6))
def test_a_dictionary_is_no_longer_than_asked_and_of_the_texts(texts: list[list[str]]) -> None:
    found = chosen(texts, _SHAPE, _encode)
    assert len(_encode(found)) <= _SHAPE.size
    assert set(found) <= {one for document in texts for text in document for one in text}
    assert chosen(texts, _SHAPE, _encode) == found


def test_what_most_have_comes_last_and_what_one_alone_has_is_left_out() -> None:
    texts = [["早上好啊", "云来云去"], ["早上好啊", "云来云去"], ["早上好啊"], ["独此一句"]]
    assert chosen(texts, _SHAPE, _encode) == "云来云去早上好啊"


def test_what_is_chosen_from_are_the_drafts_that_were_not_and_heads() -> None:
    made = reply("g", "云来云去", drafts=(draft(), draft("早上好。"), draft("Good morning to you.")))
    found = documents([made, replace(made, drafts=(draft(), draft("Good morning to you.")))])
    assert list(found) == list(SHAPES)
    assert [len(one) for one in found.values()] == [0, 2, 2]


def test_the_command_writes_all_three(tmp_path: Path) -> None:
    rows = tmp_path / "replies.jsonl"
    texts = ("早上好，今天辛苦了。", "Good morning to you, and well done.")
    lines = [
        reply(f"g{number}", drafts=(draft(), draft(texts[number % 2]))).to_json() + "\n"
        for number in range(20)
    ]
    rows.write_text("".join(lines), encoding="utf-8")
    assert main(["choose", str(rows), "--to", str(tmp_path)]) == 0
    for name in SHAPES:
        assert (tmp_path / name).read_bytes()
        assert facts.read_bytes(name) != (tmp_path / name).read_bytes()
