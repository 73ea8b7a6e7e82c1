"""The field's table: figures against models known in closed form, a training against itself resumed."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.evaluate import active_units, log_normal, mutual_information
from engine.model import Posterior
from tests.bench import ptb, ptb_measure
from tests.bench.ptb_model import END, PAD, WORDS, SentenceVae, Shape, SoftmaxLoss

PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "data" / "evaluate" / "ptb"


class LinearGaussian:
    """z ~ N(0, I), x | z ~ N(a·z, s²I) for each dimension: everything about it has a formula."""

    def __init__(self, slope: Tensor, noise: float, wrong: float = 1.0) -> None:
        self.slope, self.noise, self.wrong = slope, noise, wrong

    def infer(self, target: Tensor, lengths: Tensor) -> Posterior:
        variance = 1 / (1 + self.slope**2 / self.noise**2)
        mean = variance * self.slope / self.noise**2 * target
        return Posterior(self.wrong * mean, torch.log(variance / self.wrong).expand_as(mean))

    def log_p(self, z: Tensor, target: Tensor) -> Tensor:
        return log_normal(target, self.slope * z, torch.full_like(target, 2 * math.log(self.noise)))

    def exact(self, target: Tensor) -> Tensor:
        variance = self.slope**2 + self.noise**2
        return log_normal(target, torch.zeros_like(target), variance.log().expand_as(target))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(count, len(self.slope), generator=generator)
        return self.slope * z + self.noise * torch.randn(count, len(self.slope), generator=generator)


def test_the_exact_posterior_gives_the_exact_likelihood_with_any_number_of_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    model = LinearGaussian(torch.tensor([0.3, 1.0, 2.0]), 0.7)
    x = model.draw(20, generator)
    for samples in (1, 5):
        found, _ = ptb_measure.log_likelihood(model, x, model.infer(x, torch.ones(20)), samples, generator)
        torch.testing.assert_close(found, model.exact(x), atol=1e-4, rtol=1e-4)


def test_a_wrong_posterior_still_leads_to_the_exact_likelihood_and_its_bound_lies_below() -> None:
    generator = torch.Generator().manual_seed(1)
    model = LinearGaussian(torch.tensor([0.5, 1.0]), 0.8, wrong=0.8)
    x = model.draw(30, generator)
    posterior = model.infer(x, torch.ones(30))
    found, rebuilt = ptb_measure.log_likelihood(model, x, posterior, 4000, generator)
    torch.testing.assert_close(found, model.exact(x), atol=0.05, rtol=0)
    assert bool((rebuilt - posterior.kl().sum(dim=1) < found).all())


def test_reconstruction_less_kl_is_the_likelihood_under_the_exact_posterior() -> None:
    generator = torch.Generator().manual_seed(2)
    model = LinearGaussian(torch.tensor([0.4, 1.5]), 0.6)
    x = model.draw(10, generator)
    posterior = model.infer(x, torch.ones(10))
    _, rebuilt = ptb_measure.log_likelihood(model, x, posterior, 40_000, generator)
    torch.testing.assert_close(rebuilt - posterior.kl().sum(dim=1), model.exact(x), atol=0.05, rtol=0)


def test_information_is_that_of_the_gaussian_channel_and_a_dead_unit_is_not_counted() -> None:
    generator = torch.Generator().manual_seed(3)
    model = LinearGaussian(torch.tensor([0.0, 1.0, 1.5]), 1.0)
    mean, log_variance = model.infer(model.draw(4000, generator), torch.ones(4000))
    exact = 0.5 * float(torch.log1p(model.slope**2 / model.noise**2).sum())
    assert mutual_information(mean, log_variance, generator) == pytest.approx(exact, abs=0.06)
    assert active_units(mean) == 2


def tiny(**changes: object) -> SentenceVae:
    torch.manual_seed(4)
    sizes = {"words": 12, "embedding": 6, "hidden": 6, "latent": 1, "negatives": 0, "tied": True}
    return SentenceVae(Shape(**{**sizes, **changes})).eval()  # type: ignore[arg-type]


def test_the_figures_of_a_sentence_model_are_those_of_an_integral_over_z() -> None:
    model = tiny()
    with torch.no_grad():  # so that z matters and the posterior is not the prior
        model.first.weight *= 4
        model.moments.weight *= 3
    rows = [[3, 5, END], [4, END], [7, 8, 9, END], [3, END]]
    grid = torch.linspace(-8, 8, 1601)[:, None]
    nll = 0.0
    for row in rows:
        given = model.log_p(grid, torch.tensor([row]).expand(len(grid), -1))
        density = log_normal(grid, torch.zeros_like(grid), torch.zeros_like(grid))
        nll -= float(torch.logsumexp(given.detach() + density, dim=0)) + math.log(16 / 1600)
    found = ptb_measure.figures(model, rows, 4000)
    assert found["words"] == 11
    assert found["nll"] == pytest.approx(nll / 4, abs=0.01)
    assert found["ppl"] == pytest.approx(math.exp(nll / 11), rel=0.005)
    assert found["elbo"] == pytest.approx(found["rebuilt"] + found["kl"])
    assert found["elbo"] > found["nll"]


def test_measuring_goes_on_where_it_stopped(tmp_path: Path) -> None:
    model, rows = tiny(), [[3 + n % 9, 4, END][n % 2 :] for n in range(40)]
    whole = ptb_measure.figures(model, rows, 20, tmp_path / "whole.pt")
    begun = torch.load(tmp_path / "whole.pt", weights_only=True)[:1]
    torch.save(begun, tmp_path / "part.pt")
    assert ptb_measure.figures(model, rows, 20, tmp_path / "part.pt") == whole


def test_padding_changes_nothing() -> None:
    model = tiny(latent=3)
    z = torch.randn(1, 3)
    short, length = torch.tensor([[3, 4, END]]), torch.tensor([3])
    padded = functional.pad(short, (0, 4), value=PAD)
    torch.testing.assert_close(model.log_p(z, short), model.log_p(z, padded))
    torch.testing.assert_close(model.infer(short, length).mean, model.infer(padded, length).mean)
    loss = model(padded, length, torch.zeros(1, 3))
    torch.testing.assert_close(-loss.reconstruction, model.log_p(model.infer(short, length).mean, short)[0])


def test_the_softmax_and_its_gradient_are_torchs() -> None:
    torch.manual_seed(5)
    sides = []
    for own in (True, False):
        torch.manual_seed(5)
        x, table, bias = (torch.randn(*size, requires_grad=True) for size in ((7, 4), (9, 4), (9,)))
        wanted = torch.tensor([0, 1, 1, 4, 5, 2, 0])
        if own:
            loss = SoftmaxLoss.apply(x, table, bias, wanted, 6, 2.5, False)
        else:  # the rows from the sixth stand for two and a half words each
            extra = torch.where(torch.arange(9) < 6, 0.0, math.log(2.5))
            loss = functional.cross_entropy(x @ table.T + bias + extra, wanted, reduction="sum")
        (2 * loss).backward()
        sides.append([loss.detach(), x.grad, table.grad, bias.grad])
    for mine, theirs in zip(*sides, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_the_sampled_softmax_is_unbiased_under_the_logarithm() -> None:
    model = tiny(words=200, negatives=70, common=20)
    with torch.no_grad():
        model.embed.weight.normal_()
    x, wanted = torch.randn(1, 6), torch.tensor([150])
    exact = float(model.told(x, wanted).detach())
    model.train()
    own = float((x @ model.embed.weight[150]).detach())
    sums = [math.exp(float(model.told(x, wanted).detach()) + own) for _ in range(3000)]
    assert len(set(sums)) > 100
    assert sum(sums) / len(sums) == pytest.approx(math.exp(exact + own), rel=0.02)


def test_a_dimension_within_its_free_bits_is_not_pressed() -> None:
    model = tiny(latent=4)
    target, lengths = torch.tensor([[3, 4, END], [5, 6, END]]), torch.tensor([3, 3])
    kl = model(target, lengths, torch.zeros(2, 4)).kl.detach()
    between = float((kl.min() + kl.max()) / 2)
    torch.manual_seed(0)
    free = ptb.objective(model, target, lengths, 1.0, between)
    torch.manual_seed(0)
    pressed = ptb.objective(model, target, lengths, 1.0, 0.0)
    expected = kl.clamp_min(between).sum() - kl.sum()
    assert float((free - pressed).detach()) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("latent", [0, 3])
def test_a_decoder_from_a_language_model_begins_as_that_model(latent: int) -> None:
    language, model = tiny(latent=0), tiny(latent=latent)
    with torch.no_grad():
        language.bias.normal_()
        language.decoder.bias.normal_()
    model.new_decoder(language.state_dict())
    target = torch.tensor([[3, 4, 5, END]])
    told = language.log_p(torch.zeros(1, 0), target)
    torch.testing.assert_close(model.eval().log_p(torch.randn(1, latent), target), told)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(6)
    for name, count in (("train", 70), ("valid", 12), ("test", 9)):
        lengths = torch.randint(1, 7, (count,), generator=generator).tolist()
        drawn = [torch.randint(0, 15, (length,), generator=generator).tolist() for length in lengths]
        lines = [" " + " ".join(f"w{word}" for word in line) + " \n" for line in drawn]
        (tmp_path / f"ptb.{name}.txt").write_text("".join(lines))
    return tmp_path


def test_words_are_the_training_sets_and_each_sentence_has_its_end(corpus: Path) -> None:
    (corpus / "ptb.train.txt").write_text("b b a <unk>\nb a\n\n")
    (corpus / "ptb.test.txt").write_text("a zzz b\n")
    words, splits = ptb.read_words(corpus)
    assert words == {"b": WORDS, "a": WORDS + 1, "<unk>": WORDS + 2}
    assert splits["train"] == [[WORDS, WORDS, WORDS + 1, WORDS + 2, END], [WORDS, WORDS + 1, END]]
    assert splits["test"] == [[WORDS + 1, WORDS + 2, WORDS, END]]


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(corpus: Path, tmp_path: Path) -> None:
    words, splits = ptb.read_words(corpus)
    shape = {"embedding": 8, "hidden": 8, "latent": 2, "gamma": 0.5, "bag_of_words": 0.1}
    shape |= {"negatives": 3, "common": 2}
    recipe = ptb.Recipe(
        shape, batch=16, warm_epochs=1, epochs=2, anneal_epochs=1, free_bits=0.1, averaging=0.7
    )
    language = ptb.Recipe({**shape, "latent": 0})
    given = ptb.Run(language, WORDS + len(words), splits, tmp_path / "words")
    weights = given.model.state_dict()
    whole = ptb.Run(recipe, WORDS + len(words), splits, tmp_path / "whole", given=weights)
    assert whole.train()
    for pause in (3, 5, 8, 0):  # in the autoencoder's part, where the decoder is reset, after it
        part = dataclasses.replace(recipe, pause_at=pause)
        run = ptb.Run(part, WORDS + len(words), splits, tmp_path / "parts", given=weights)
        assert run.train() is (pause == 0)
    figures = [
        {k: v for k, v in line.items() if k in ("epoch", "beta", "elbo", "kl")} for line in run.history
    ]
    assert figures == [{k: line[k] for k in figures[0]} for line in whole.history]
    assert len(figures) == 3
    for name, value in whole.chosen().state_dict().items():
        torch.testing.assert_close(run.chosen().state_dict()[name], value, rtol=0, atol=0)


def test_the_command_trains_and_measures(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [f"--set={key}=4" for key in ("embedding", "hidden", "latent")]
    given = [*small, "--set=epochs=1", "--set=warm_epochs=0", "--set=anneal_epochs=0", "--samples=3"]
    out = tmp_path / "run"
    monkeypatch.setattr(
        "sys.argv",
        ["ptb", f"--data={corpus}", f"--out={out}", *given, "--recipe=shorter", "--precision=fp32"],
    )
    ptb.main()
    report = json.loads(capsys.readouterr().out)
    assert report["sentences"] == 9
    assert report["samples"] == 3
    assert 1 < report["ppl"] < 20
    assert (out / "language-model" / "best.pt").exists()


def test_a_language_model_may_itself_start_from_one(corpus: Path, tmp_path: Path) -> None:
    words, splits = ptb.read_words(corpus)
    recipe = ptb.recipe_of("ours", ["embedding=4", "hidden=4", "latent=2"])
    run = ptb.prepared(recipe, WORDS + len(words), splits, tmp_path)
    assert run.step == 0
    assert (tmp_path / "language-model-on" / "language-model" / "best.pt").exists()
    assert run.given is not None
    assert run.given["embed.weight"].shape == (WORDS + len(words), 4)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the Penn Treebank does not lie beside the checkout")
def test_the_published_split() -> None:
    words, splits = ptb.read_words(PUBLISHED)
    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 42_068,
        "valid": 3_370,
        "test": 3_761,
    }
    assert len(words) == 9_999
    assert sum(map(len, splits["test"])) == 82_430
