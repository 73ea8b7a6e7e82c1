"""What of a reply the journal keeps: all of the chosen draft, less of the others, in few bytes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import draft_bytes
from engine.journal_body import Beside, as_kept, drafts_in, packed, scores_in, unpacked
from engine.values import Draft, FormCheck, Mark, Problem, Reply
from tests.replies import reply

SCORES = {"balance": 1.0, "ending": 1.0, "fit": 0.6589975647914869, "fluency": 1.0, "language": 1.0}


def drafts(count: int) -> tuple[Draft, ...]:
    return tuple(
        Draft(
            text=f"第{number}句，今天的风很轻。",
            own_text=f"第{number}句，今天的风很轻。" if number % 2 else "□□□，今天的风很轻。",
            origin="generated",
            latent=tuple((number * 31 + place) / 64 for place in range(32)),
            log_probability=-21.795506739988923 - number,
            scores=SCORES,
            score=0.515912345,
        )
        for number in range(count)
    )


@given(st.integers(1, 17), st.data())
def test_the_chosen_draft_comes_back_bit_for_bit_and_the_others_words(
    count: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, count - 1))
    made = replace(reply("g"), drafts=drafts(count), chosen=chosen, text=drafts(count)[chosen].text)
    assert packed(made)[:1] == b"\x02"
    kept = as_kept(made)
    assert kept.draft == made.draft
    assert replace(kept, drafts=()) == replace(made, drafts=())
    for found, wanted in zip(kept.drafts, made.drafts, strict=True):
        assert (found.text, found.own_text, found.origin) == (wanted.text, wanted.own_text, wanted.origin)
        assert found.scores == pytest.approx(wanted.scores, abs=1e-4)
    assert as_kept(kept) == kept


@given(st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)))
def test_a_latent_that_four_bytes_do_not_hold_is_kept_as_it_is(latent: tuple[float, ...]) -> None:
    made = replace(reply("g"), drafts=(replace(drafts(1)[0], latent=latent),), chosen=0)
    assert as_kept(made).latent == latent


def test_a_reply_of_many_drafts_takes_a_twentieth_of_its_json() -> None:
    made = replace(reply("g"), drafts=drafts(17), chosen=3, text=drafts(17)[3].text)
    assert len(packed(made)) * 20 < len(made.to_json().encode())


def test_a_reply_that_was_kept_as_json_is_read() -> None:
    made = replace(reply("g"), drafts=drafts(3), chosen=1)
    assert unpacked(made.to_json()) == made


def test_what_a_newer_moyou_packed_is_refused() -> None:
    with pytest.raises(ValueError, match="newer"):
        unpacked(b"\x03" + packed(reply("g"))[1:])


def test_a_reply_without_drafts_is_kept() -> None:
    made: Reply = replace(reply("g"), drafts=(), chosen=0)
    assert as_kept(made) == made


def test_what_the_row_says_is_not_said_again() -> None:
    made = replace(reply("g"), drafts=drafts(9), chosen=3, text=drafts(9)[3].text)
    latent = draft_bytes.floats(made.latent)
    beside = Beside(made.generation, made.task, made.origin, made.model, "", made.text, latent)
    assert unpacked(packed(made, beside), beside) == as_kept(made)
    assert len(packed(made, beside)) + len(made.latent) * 4 < len(packed(made))
    another = beside._replace(own_text="□", latent=None)
    assert unpacked(packed(made, another), another) == as_kept(made)


@given(st.integers(1, 17), st.data())
def test_what_was_chosen_and_what_drafts_were_worth_is_read_alone(count: int, data: st.DataObject) -> None:
    chosen = data.draw(st.integers(0, count - 1))
    worth = data.draw(st.lists(st.floats(-3, 3), min_size=count, max_size=count))
    made = tuple(replace(draft, score=score) for draft, score in zip(drafts(count), worth, strict=True))
    kept = packed(replace(reply("g"), drafts=made, chosen=chosen, text=made[chosen].text))
    assert scores_in(kept) == (chosen, pytest.approx(worth, abs=1e-4))


@pytest.mark.parametrize(
    "odd",
    [
        {"score": 4.0},
        {"score": float("inf")},
        {"log_probability": 1.0},
        {"log_probability": -1e4},
        {"text": "a\0b", "own_text": "a\0b"},
        {"text": "", "own_text": ""},
        {"text": "\ud800", "own_text": "\ud800"},
    ],
)
def test_what_is_out_of_the_ordinary_comes_back_all_the_same(odd: dict[str, object]) -> None:
    draft = replace(drafts(1)[0], **odd)  # type: ignore[arg-type]
    made = replace(
        reply("g"), drafts=(draft,), chosen=0, text=draft.text, seed=-1 if "text" not in odd else 5
    )
    assert as_kept(made) == made
    assert scores_in(packed(made)) == (0, [draft.score])
    assert drafts_in(packed(made)) == 1


@given(st.text(max_size=30), st.text("云来云去é—…", max_size=30))
def test_texts_of_any_script_come_back(one: str, other: str) -> None:
    made = tuple(replace(drafts(1)[0], text=text, own_text=text) for text in (one, other))
    kept = as_kept(replace(reply("g"), drafts=made, chosen=1, text=other))
    assert [draft.text for draft in kept.drafts] == [one, other]


@given(
    st.lists(
        st.lists(
            st.tuples(*map(st.sampled_from, ("云来去", "平仄中", "平仄中?", ["", "六鱼"], (True, False)))),
            min_size=1,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_a_verse_comes_back_with_its_marks(
    rows: list[list[tuple[str, str, str, str, bool]]], plain: bool
) -> None:
    marks = tuple(tuple(Mark(*mark) for mark in row) for row in rows)
    lines = tuple("".join(mark.character for mark in row) for row in marks)
    form = FormCheck("qijue", True, "仄起", ("tone",), marks, (Problem(1, 2, "rhyme"),), 1)
    text = "，\n".join(lines) + "。" if plain else "别的"
    draft = replace(drafts(1)[0], text=text, own_text=text)
    made = replace(reply("g"), drafts=(draft,), chosen=0, text=text, lines=lines, form=form)
    assert packed(made)[:1] == b"\x02"
    assert as_kept(made) == made
