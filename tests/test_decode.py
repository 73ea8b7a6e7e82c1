"""Sampling: the same in any process, in agreement with the likelihood, within its masks."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import checkpoint, decode
from engine.decode import Decoder, Sampling
from engine.forms import FORMS
from engine.verse import VerseRules
from tests import tiny

PROGRAM = """
import sys, torch
from pathlib import Path
from engine import checkpoint, decode
d = decode.Decoder(checkpoint.load(Path(sys.argv[1])))
torch.set_num_threads(1)
c = d.condition(["chat"], ["你好"])
for row in d.sample(c, decode.latents(5, 3, d.latent_size), 5, decode.Sampling(max_tokens=20)):
    print(row.tokens, row.log_probability.hex())
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def talk(models: Path) -> Decoder:
    return Decoder(checkpoint.load(models / "talk"))


def test_the_same_seed_writes_the_same_text_in_two_processes(models: Path) -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(models / "talk")], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] != ""


@pytest.mark.parametrize(("arithmetic", "close"), [("float32", 1e-3), ("int8", 0.3)])
def test_stepping_agrees_with_teacher_forcing(talk: Decoder, arithmetic: str, close: float) -> None:
    condition = talk.condition(["chat", "own"], ["今天第1次见面，你好吗？"])
    z = decode.latents(3, 4, talk.latent_size)
    sampling = Sampling(1.0, 1.0, 12, no_repeat=0, arithmetic=arithmetic)
    rows = talk.sample(condition, z, 3, sampling, beside=[condition[:1]])
    for number, given_tokens in enumerate((condition, condition[:1])):
        exact = talk.log_probabilities(given_tokens, z, [row.tokens for row in rows])
        for row, value in zip(rows, exact.tolist(), strict=True):
            assert row.under[number] == pytest.approx(value, abs=close)
            assert not row.finished or row.log_probability == pytest.approx(row.under[0], abs=1e-3)
    assert any(row.finished or row.tokens for row in rows)


def test_latents_of_a_row_do_not_depend_on_the_number_of_rows() -> None:
    assert torch.equal(decode.latents(9, 2, 5), decode.latents(9, 8, 5)[:2])
    assert not torch.equal(decode.latents(9, 2, 5), decode.latents(10, 2, 5))


@given(st.integers(0, 2**53), st.floats(0.0, 1.0))
def test_near_latents_stay_at_the_priors_scale(seed: int, distance: float) -> None:
    base = decode.latents(seed, 1, 64)[0].tolist()
    around = decode.near(base, seed + 1, 4, distance)
    assert 0.5 < around.std().item() < 1.6
    if distance == 0:
        assert torch.allclose(around[0], torch.tensor(base))


def test_verse_rows_keep_their_form_and_end_with_it(models: Path) -> None:
    writer = Decoder(checkpoint.load(models / "verse"))
    rules = VerseRules(writer.vocabulary.character_list())
    form = FORMS["wujue"]
    plans = [rules.plan(form) for _ in range(3)]
    rows = writer.sample(
        writer.condition(["wujue"], []),
        decode.latents(1, 3, writer.latent_size),
        1,
        Sampling(max_tokens=24),
        plans,
    )
    assert [[len(line) for line in row.text.split("\n")] for row in rows] == [[5] * 4] * 3
    assert all(row.finished for row in rows)


def test_no_n_gram_comes_twice(talk: Decoder) -> None:
    condition = talk.condition(["chat"], ["你"])
    z = decode.latents(0, 4, talk.latent_size)
    for row in talk.sample(
        condition, z, 0, Sampling(temperature=0.05, nucleus=0.5, max_tokens=30, no_repeat=2)
    ):
        pairs = list(zip(row.tokens, row.tokens[1:], strict=False))
        assert len(pairs) == len(set(pairs))


@given(st.floats(0.01, 1.0), st.floats(0.0, 0.999999))
def test_the_nucleus_is_the_smallest_set_that_reaches_its_mass(nucleus: float, uniform: float) -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    logits = torch.cat([probabilities.log(), torch.tensor([-torch.inf])])
    token = decode._nucleus(logits, nucleus, uniform)
    mass_before = probabilities[:token].sum().item()
    assert token < 4
    assert mass_before < nucleus + 1e-6


def test_the_condition_keeps_the_nearest_tokens(talk: Decoder) -> None:
    long = talk.condition(["chat"], ["甲" * 500, "你好"])
    assert len(long) <= 2 + int(talk.checkpoint.corpus["longest_context"])
    assert talk.vocabulary.decode(long).endswith("你好")
