"""What of a reply the journal keeps: all of the chosen draft, less of the others, in few bytes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.journal_body import as_kept, packed, unpacked
from engine.values import Draft, Reply
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
    made = replace(reply("g"), drafts=drafts(count), chosen=chosen)
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


def test_a_reply_of_many_drafts_takes_a_tenth_of_its_json() -> None:
    made = replace(reply("g"), drafts=drafts(17), chosen=3)
    assert len(packed(made)) * 10 < len(made.to_json().encode())


def test_a_reply_that_was_kept_as_json_is_read() -> None:
    made = replace(reply("g"), drafts=drafts(3), chosen=1)
    assert unpacked(made.to_json()) == made


def test_what_a_newer_moyou_packed_is_refused() -> None:
    with pytest.raises(ValueError, match="newer"):
        unpacked(b"\x03" + packed(reply("g"))[1:])


def test_a_reply_without_drafts_is_kept() -> None:
    made: Reply = replace(reply("g"), drafts=(), chosen=0)
    assert as_kept(made) == made
