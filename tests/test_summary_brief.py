"""Prose and talk between two: headlines and pieces stand in their text."""

from hypothesis import given
from hypothesis import strategies as st

from engine.summarize import summarize
from engine.summary_brief import headline, pieces, said_plainly
from engine.values import Message

NEWS = (
    "近日，市政府表示，明年春天会在三十条街上种下两千棵树。"
    "居民可以在网上提出自己的街道，种树的预算是八百万元。"
)


def test_a_headline_begins_where_the_news_does() -> None:
    found = headline(NEWS, 20)
    assert found in NEWS
    assert len(found) <= 20
    assert not found.startswith("近日")


@given(st.text(max_size=120), st.integers(5, 40))
def test_a_headline_stands_in_its_text(text: str, characters: int) -> None:
    found = headline(text, characters)
    assert found in text
    assert len(found) <= characters


def test_interjections_go_and_the_sentence_stays() -> None:
    assert said_plainly("Well, yes, I'll call them tomorrow.") == "I'll call them tomorrow."
    assert said_plainly("Oh!") == "Oh!"


def test_talk_between_two_is_told_in_short_pieces_of_both() -> None:
    talk = [
        Message(
            "1", "A", "Hello. Well, I want to book a table for four on Friday night, if you have one left.", 0
        ),
        Message("2", "B", "Sorry, Friday is full. How about Saturday at seven?", 1),
        Message("3", "A", "Saturday at seven is fine, please book the table by the window.", 2),
    ]
    texts = {message.id: message.text for message in talk}
    assert all(unit.text in talk[unit.messages[0]].text for unit in pieces(talk))
    points = summarize(talk, points=3).points
    assert {point.author for point in points} == {"A", "B"}
    assert all(point.text in texts[point.sources[0]] for point in points)
