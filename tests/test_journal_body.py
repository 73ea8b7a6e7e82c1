"""What of a reply the journal keeps: all of the chosen draft, less of the others, in few bytes."""

import base64
import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import draft_bytes
from engine.journal_body import Beside, as_kept, drafts_in, packed, scores_in, unpacked
from engine.values import Draft, FormCheck, Mark, Problem, Reply
from tests.replies import reply

SCORES = {"balance": 1.0, "ending": 1.0, "fit": 0.6589975647914869, "fluency": 1.0, "language": 1.0}

# Written by the form before this one.
_SECOND_CHINESE = (
    "0uTew0INm`1B?<v2Q|s2Bd1wl8D(K&Y;LLp@){5unwlAb8ODYX+QiHPA`2Baw}47mLUfrKz!+d*GZO<S1FFHy+z?^_)EsjIs"
    "L3#Kb7QFe5CWzTW{<fgR3nscVFY79wOPPi0##-SbpV_;f?5PsW(o5e*x*>SY;Is^WNcz;W^Q4bn50Bz#KL0>6xfiEPX#4elq"
    "f`$Ck8-)N7EKU(EB|-Pj+`bU9$4|td^IH`=0LWc(Hf)<Ax@nawDSD0b{!)u^5=(ft3|7E!P470S5p8000000PsHm0BBUE%Qn"
    "D-2<Qk*2_z%|z8L{06xoTL4}uouKi(BAn_7b4KLFc$%V6J=#cTF{Jo9Gjk?qfS-8uen;bMlZw+yk08exh800"
)
_SECOND_OTHER = (
    "0uTb60G(Ai62dSH{0lV&x_mr_BFr#6fRf4IBiXA=0v&~8&B~J3(%Si)YVh+yT+fny9W@)W@<CSE!VsFXmR5%Wyf!$x44igjz"
    "@%81iKx;{fQd6RCm=c#Otc`5u@83;K$xT>!^A)U-wpyvL~|poS3{;enYQrUzpnX>oS2o``trE^+1R~XQS4dyXGr$g!noth+j"
    "Z&x6qnq(0RRU800000008hm003xIrpq<Jgb3&eBqRa883890*@>MGf)?dJ-W4pHT7uv|0dp$K%u81&NljEp%u7*7R7g%tJG@"
    "dMIU_N%NWnni!~6-$7@Y7ZF$60C00"
)
_SECOND_VERSE = (
    "0uTY)0G(Ay4#F@D{7YVdv*$4!iiEfTMHDVn{X4c}H;oVy;?Tx&VrQDpOy=$kJ{+Q{sEPP?A?=ylixu~?b@XzYSwP4Y%#KrqN"
    "{qTc&(x0PZ<fwf%wxPVv70wQ^M;M(K=T10Bj{9j+RBcUfe(ae0|gH1=wnVCNIqqmD30^62Al>j3$+m>s10PW+SzKt`P!gnqt"
    "sd1#})w~Wlkrw%mo1;?;-#ch}Vr|y${k!zszTv*?;jdwyhl?$`Dg7!@>MX)Rld7^7S_yNrD?nl4T7O(gv?cRM7GU00#g7000"
    "000PsHm0BBUE%Qe7+2qYu{z8L{06xoTL4}uouKi(BAn_7b4KLERO?8MT=YXA"
)


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
    assert packed(made)[:1] == b"\x03"
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


def test_replies_of_the_form_before_are_read() -> None:
    made = replace(reply("g"), drafts=drafts(3), chosen=1, text=drafts(3)[1].text)
    kept = base64.b85decode(_SECOND_CHINESE)
    assert unpacked(kept) == as_kept(made)
    assert (drafts_in(kept), scores_in(kept)) == (3, scores_in(packed(made)))
    texts = [f"Bring tea and a café chair {number} 🐦" for number in range(2)]
    others = tuple(replace(one, text=text, own_text=text) for one, text in zip(drafts(2), texts, strict=True))
    made = replace(reply("g"), drafts=others, chosen=0, text=texts[0])
    assert unpacked(base64.b85decode(_SECOND_OTHER)) == as_kept(made)
    marks = ((Mark("云", "平", "平", "", True), Mark("去", "中", "仄", "六鱼", False)),)
    form = FormCheck("qijue", True, "仄起", ("tone",), marks, (Problem(1, 2, "rhyme"),), 1)
    verse = replace(drafts(1)[0], text="云去，", own_text="云去，")
    made = replace(reply("g"), drafts=(verse,), chosen=0, text=verse.text, lines=("云去",), form=form)
    assert unpacked(base64.b85decode(_SECOND_VERSE)) == made


@given(st.booleans(), st.data())
def test_exact_numbers_come_back_from_four_bytes_or_eight(narrow: bool, data: st.DataObject) -> None:
    width = 32 if narrow else 64
    worth = data.draw(st.lists(st.floats(-3, 3, width=width), min_size=3, max_size=3))
    propensity = data.draw(st.floats(0, 1, width=width))
    made = tuple(
        replace(draft, score=score, scores={"fit": score / 4}, log_probability=-abs(score))
        for draft, score in zip(drafts(3), worth, strict=True)
    )
    whole = replace(reply("g"), drafts=made, chosen=1, text=made[1].text, propensity=propensity)
    kept = packed(whole)
    assert (kept[1] >= 128) or not narrow
    assert (unpacked(kept).draft, unpacked(kept).propensity) == (made[1], propensity)
    assert scores_in(kept) == (1, pytest.approx(worth, abs=1e-4))


def test_what_a_newer_moyou_packed_is_refused() -> None:
    with pytest.raises(ValueError, match="newer"):
        unpacked(b"\x04" + packed(reply("g"))[1:])


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
    assert packed(made)[:1] == b"\x03"
    assert as_kept(made) == made


@given(st.integers(1, 17), st.data())
def test_what_is_damaged_is_refused_or_read_and_nothing_else(count: int, data: st.DataObject) -> None:
    made = replace(reply("g"), drafts=drafts(count), chosen=0, text=drafts(count)[0].text)
    whole = packed(made)
    with pytest.raises(ValueError, match=r"."):
        unpacked(whole[: data.draw(st.integers(1, len(whole) - 1))])
    turned = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        turned[data.draw(st.integers(1, len(whole) - 1))] = data.draw(st.integers(0, 255))
    for read in (unpacked, scores_in, drafts_in):
        with contextlib.suppress(ValueError):
            read(bytes(turned))
