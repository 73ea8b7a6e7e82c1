"""Vary and blend with small models: forms hold, replies replay, members' words are blanked, limits said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from engine import (
    EmptyText,
    Engine,
    NotVerse,
    Request,
    TextTooLong,
    TwoLanguages,
)
from engine.__main__ import main
from engine.between import POINT, distance
from engine.decode import Decoder, Sampling, pulled
from engine.dial_tasks import model_of
from engine.dials import Dials, form_of, posterior, without_given
from engine.forms import form_named
from engine.judge import COPIED
from engine.verse_check import check, verse_lines
from tests import tiny

POEM = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
OTHER = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
PROSE = "今天第3次见面，你好吗？"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def engine(models: Path) -> Engine:
    engine = Engine(models=models, book=False)
    for name in ("vary", "blend"):
        task = engine.tasks[name]
        # tiny models write nonsense, which the judge would not send
        decoding = dataclasses.replace(task.decoding, abstain=0.0, drafts=4, max_tokens=20)
        engine.tasks[name] = dataclasses.replace(task, decoding=decoding)
    return engine


@pytest.fixture(scope="module")
def verse(engine: Engine) -> Decoder:
    return engine._load().decoder("verse")


@pytest.fixture(scope="module")
def talk(engine: Engine) -> Decoder:
    return engine._load().decoder("talk")


def test_a_poem_is_varied_in_its_form(engine: Engine) -> None:
    request = Request("vary", POEM, seed=3)
    reply = engine.write_now(request)
    assert reply.model.startswith("verse@")
    assert reply.form is not None
    assert (reply.form.name, reply.form.ok) == ("wujue", True)
    assert len({draft.text for draft in reply.drafts}) == len(reply.drafts) > 1
    assert all(distance(draft.text, POEM) > 0 for draft in reply.drafts)
    again = engine.replay(request, reply)
    assert (again.text, again.latent, again.lines) == (reply.text, reply.latent, reply.lines)


def test_a_blend_has_its_points_in_form_without_the_ends_and_replays(engine: Engine) -> None:
    request = Request("blend", POEM, {"second": OTHER, "steps": "2"}, seed=3)
    reply = engine.write_now(request)
    points = reply.text.split(POINT)
    assert len(points) == 2
    for point in points:
        assert check(verse_lines(point), form_named("wujue")).ok
        assert verse_lines(point) not in (verse_lines(POEM), verse_lines(OTHER))
    assert len(reply.latent) == 2 * 4
    again = engine.replay(request, reply)
    assert (again.text, again.latent, again.decoding) == (reply.text, reply.latent, reply.decoding)


async def test_a_variation_is_varied_around_its_own_latent(engine: Engine) -> None:
    request = Request("vary", POEM, seed=3)
    first = engine.write_now(request)
    near = await engine.vary(request, first)
    assert near.decoding["near"] == list(first.latent)
    assert engine.replay(request, near).text == near.text
    path = Request("blend", POEM, {"second": OTHER, "steps": "2"}, seed=3)
    blended = engine.write_now(path)
    assert len((await engine.vary(path, blended)).latent) == len(blended.latent)


def test_prose_is_written_by_talk_and_long_prose_part_by_part(engine: Engine, talk: Decoder) -> None:
    dials = Dials(talk, ("continue", "own"), Sampling(max_tokens=20), 1)
    longest = int(talk.checkpoint.corpus["longest"])
    [short] = dials.parts(PROSE, "text")
    parts = dials.parts(PROSE * 12, "text")
    assert len(parts) > 1
    assert all(len(part.ids) <= longest for part in parts)
    assert "".join(part.words for part in parts) == PROSE * 12
    request = Request("blend", PROSE, {"second": "我很好，谢谢你第8次问我。", "steps": "2"}, seed=1)
    reply = engine.write_now(request)
    assert reply.model.startswith("talk@")
    assert (reply.lines, reply.form) == (None, None)
    assert engine.replay(request, reply).text == reply.text
    varied = dials.vary(parts, 6, spread=0.99)
    assert {len(one.latent) for one in varied} == {len(parts) * talk.latent_size}
    assert PROSE * 12 not in {one.words for one in varied}
    condition = talk.condition(("continue", "own", "zh"), ())
    assert torch.equal(short.mean, posterior(talk, condition, short.ids))
    assert not torch.equal(short.mean, parts[-1].mean)


def test_limits_are_said(engine: Engine) -> None:
    with pytest.raises(TextTooLong, match="shorten it to"):
        engine.write_now(Request("blend", "好" * 150, {"second": PROSE}))
    with pytest.raises(TextTooLong):
        engine.write_now(Request("vary", "好" * 300))
    with pytest.raises(TwoLanguages):
        engine.write_now(Request("blend", PROSE, {"second": "How are you?"}))
    with pytest.raises(NotVerse, match="wujue, qijue"):
        engine.write_now(Request("vary", PROSE, {"model": "verse"}))
    with pytest.raises(NotVerse):
        engine.write_now(Request("blend", POEM, {"second": PROSE, "model": "verse"}))
    with pytest.raises(EmptyText):
        engine.write_now(Request("vary", "  "))


def test_danger_in_either_text_is_answered_first(engine: Engine) -> None:
    reply = engine.write_now(Request("blend", PROSE, {"second": "我不想活了"}))
    assert reply.origin == "fixed"


def test_the_lines_decide_which_model_writes(engine: Engine, verse: Decoder) -> None:
    load = engine._load().decoder
    vary, blend = engine.tasks["vary"], engine.tasks["blend"]
    assert model_of(vary, Request("vary", POEM), load) == "verse"
    assert model_of(vary, Request("vary", POEM, {"model": "talk"}), load) == "talk"
    assert model_of(vary, Request("vary", PROSE), load) == "talk"
    assert model_of(blend, Request("blend", POEM, {"second": PROSE}), load) == "talk"
    form = form_of(POEM, verse)
    assert form is not None
    assert form.name == "wujue"
    assert form_of("one two, three four", verse) is None


def test_of_what_members_wrote_nothing_is_left_to_learn_from(engine: Engine) -> None:
    assert without_given("春风又绿江南", "江南春色") == f"{COPIED}风又绿{COPIED * 2}"
    assert (
        without_given("Tell her on Friday.", "tell him on Monday") == f"{COPIED * 4} her {COPIED * 2} Friday."
    )
    reply = engine.write_now(Request("blend", POEM, {"second": OTHER}, seed=1))
    assert not set(reply.draft.own_text) & set(verse_lines(POEM + OTHER)[0])
    traditional = engine.write_now(
        Request("vary", "白日依山盡，黃河入海流。欲窮千里目，更上一層樓。", seed=1)
    )
    assert not set(traditional.draft.own_text) & set("尽黄穷层楼")


def test_a_pull_leaves_the_logits_it_was_given() -> None:
    logits = torch.zeros(3)
    assert pulled(logits, {1: 2.0}).tolist() == [0.0, 2.0, 0.0]
    assert logits.tolist() == [0.0, 0.0, 0.0]


def test_the_commands_print_one_text_a_line(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.weights.SHIPPED", models)
    shown = CliRunner().invoke(main, ["blend", POEM, OTHER, "-n", "2", "--seed", "1", "--json"])
    rows = [json.loads(line) for line in shown.output.splitlines()]
    assert [row["task"] for row in rows] == ["blend"] * 2
    assert all(row["form"] == {"name": "wujue", "ok": True, "relaxed": []} for row in rows)
    assert all(len(row["lines"]) == 4 for row in rows)
    assert CliRunner().invoke(main, ["vary", "好吗", "--model", "verse"]).exit_code == 2
