"""The model alone: padding, the KL term, what keeps z alive."""

import math

import pytest
import torch
from torch import Tensor

from engine.model import ConditionalVAE, ModelConfig, Posterior
from engine.recurrence import Bidirectional, Words

SIZES = ModelConfig(vocabulary=40, embedding=16, hidden=20, latent=6, condition_hidden=8, posterior_hidden=8)


def batch(rows: int = 5, width: int = 7) -> dict[str, Tensor]:
    torch.manual_seed(0)
    target = torch.randint(6, 40, (rows, width))
    lengths = torch.arange(rows) % 3 + width - 2
    target[torch.arange(width) >= lengths[:, None]] = 0
    inputs = torch.cat([torch.full((rows, 1), 2), target[:, :-1]], dim=1)
    condition = torch.randint(6, 40, (rows, 4))
    return {
        "condition": condition,
        "condition_lengths": torch.full((rows,), 4),
        "inputs": inputs,
        "target": target,
        "lengths": lengths,
    }


def model(**changes: object) -> ConditionalVAE:
    torch.manual_seed(1)
    return ConditionalVAE(ModelConfig(**{**vars(SIZES), **changes}))  # type: ignore[arg-type]


def test_the_encoder_does_not_see_padding() -> None:
    encoder = Bidirectional(3, 4)
    types, ids = torch.randn(9, 3), torch.randint(0, 9, (2, 6))
    for short_words, words in (
        (Words(types, ids[:, :4]), Words(types, ids)),
        (Words(types[ids[:, :4]]), Words(types[ids])),
    ):
        short, final = encoder(short_words, torch.tensor([4, 2]))
        padded, padded_final = encoder(words, torch.tensor([4, 2]))
        assert torch.allclose(final, padded_final, atol=1e-6)
        assert torch.allclose(short[1, :2], padded[1, :2], atol=1e-6)


@pytest.mark.parametrize("lexical", [False, True])
def test_training_computes_what_torch_computes_without_its_needless_products(lexical: bool) -> None:
    """The way of training (`recurrence`, real tokens alone) and the one of evaluation: loss and gradients."""
    still = {"dropout": 0.0, "word_dropout": 0.0, "gamma": 0.0, "copy": True, "lexical": lexical}
    found = []
    for training in (True, False):
        net = model(**still).train(training)
        if lexical:
            torch.nn.init.normal_(net.lexical.weight, generator=torch.Generator().manual_seed(1))
        given = {**batch(), "condition_lengths": torch.tensor([4, 1, 3, 2, 4])}
        loss = net(**given, noise=torch.ones(5, 6))
        loss.objective.backward()
        gradients = {name: weight.grad for name, weight in net.named_parameters()}
        found.append((loss.objective.detach(), gradients))
    (one, by_one), (other, by_other) = found
    assert torch.allclose(one, other, rtol=1e-5)
    for name, gradient in by_one.items():
        expected = by_other[name]
        assert (gradient is None) == (expected is None), name
        if gradient is not None and expected is not None:
            assert torch.allclose(gradient, expected, atol=1e-6), name


def test_without_gradients_or_in_bfloat16_training_reads_by_torch() -> None:
    net, ids = model().train(), batch()["target"]
    assert net.words(ids)[0].ids is not None
    with torch.no_grad():
        assert net.words(ids)[0].ids is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net.words(ids)[0].ids is None
        assert net(**batch()).objective.isfinite()


def test_dropout_takes_the_same_parts_of_a_token_wherever_it_stands() -> None:
    net = model(dropout=0.5).train()
    (words,) = net.words(torch.tensor([[7, 8, 7], [9, 7, 8]]))
    x = words.vectors()
    assert torch.equal(x[0, 0], x[0, 2])
    assert torch.equal(x[0, 1], x[1, 2])
    assert 0 < int((x[0, 0] == 0).sum()) < SIZES.embedding


def test_kl_is_the_gaussian_one() -> None:
    posterior = Posterior(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, math.log(0.25)]]))
    exact = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, torch.exp(0.5 * posterior.log_variance)),
        torch.distributions.Normal(0.0, 1.0),
    )
    assert torch.allclose(posterior.kl(), exact, atol=1e-6)


def test_batch_norm_keeps_the_kl_above_its_floor() -> None:
    net = model().train()
    net(**batch(rows=64))
    encoded = net.encode(batch(64)["condition"], batch(64)["condition_lengths"])
    posterior = net.infer(encoded, batch(64)["target"], batch(64)["lengths"])
    assert posterior.kl().sum(dim=1).mean().item() >= SIZES.latent * SIZES.gamma**2 / 2 * 0.95


def test_free_bits_are_a_floor_of_the_objective_and_not_of_the_report() -> None:
    free = model(free_bits=5.0, gamma=0.0, bag_of_words=0.0, dropout=0.0, word_dropout=0.0).eval()
    given = batch()
    torch.manual_seed(3)
    loss = free(**given)
    floor = 5.0 * SIZES.latent * len(given["target"])
    assert float(loss.kl) < floor
    assert loss.objective.item() == pytest.approx(
        (float(loss.reconstruction) + floor) / loss.tokens, rel=1e-5
    )


def test_padding_costs_nothing() -> None:
    net = model(dropout=0.0, word_dropout=0.0).eval()
    given = batch()
    wider = {
        **given,
        "inputs": torch.nn.functional.pad(given["inputs"], (0, 3)),
        "target": torch.nn.functional.pad(given["target"], (0, 3)),
    }
    torch.manual_seed(5)
    a = net(**given)
    torch.manual_seed(5)
    b = net(**wider)
    assert float(a.reconstruction) == pytest.approx(float(b.reconstruction), rel=1e-5)
    assert a.tokens == b.tokens == int(given["lengths"].sum())


def test_sampled_softmax_with_every_negative_is_the_full_softmax() -> None:
    sampled = model(sampled_softmax=40, dropout=0.0, word_dropout=0.0).train()
    features, target = torch.randn(9, 16), torch.randint(0, 40, (9,))
    full = torch.nn.functional.cross_entropy(sampled.logits(features), target, reduction="none")
    assert torch.allclose(sampled._cross_entropy(features, target, sampled.sample(target)), full, atol=1e-4)


def test_all_negatives_give_the_loss_and_gradients_of_the_whole_vocabulary() -> None:
    """Of the bag of words as well, which is told by the same sample."""
    found = []
    for negatives in (0, 40):
        net = model(sampled_softmax=negatives, dropout=0.0, word_dropout=0.0).train()
        loss = net(**batch(), noise=torch.ones(5, 6))
        loss.objective.backward()
        found.append((loss, {name: weight.grad for name, weight in net.named_parameters()}))
    (one, by_one), (other, by_other) = found
    assert torch.allclose(one.bag_of_words, other.bag_of_words, rtol=1e-5)
    assert torch.allclose(one.objective.detach(), other.objective.detach(), rtol=1e-5)
    for name, gradient in by_one.items():
        expected = by_other[name]
        assert gradient is not None
        assert expected is not None
        # looked up, padding learns no vector
        skip = 1 if name == "embed.weight" else 0
        assert torch.allclose(gradient[skip:], expected[skip:], atol=1e-6), name


def test_scoring_computes_with_the_lstms_own_output() -> None:
    """Bit for bit: replays choose between drafts by these numbers, and a product of joined rows rounds
    otherwise."""
    net = model(vocabulary=300, embedding=64, hidden=512, latent=6).eval()
    given = batch(8, 9)
    with torch.no_grad():
        encoded, z = net.encode(given["condition"], given["condition_lengths"]), torch.randn(8, 6)
        known = torch.cat([encoded.summary, z], dim=1)[:, None].expand(-1, 9, -1)
        hidden, cell = net.first_state(encoded, z)
        x = torch.cat([net.vectors(given["inputs"]), known], dim=2)
        out, _ = net.decoder(x, (hidden[None].contiguous(), cell[None].contiguous()))
        expected = net.attend(encoded, z[:, None].expand(-1, 9, -1), out)
        found = net.decode(encoded, z, given["inputs"])
    assert torch.equal(found.features, expected.features)
    assert torch.equal(found.attention, expected.attention)


def test_a_few_steps_lower_the_loss_and_the_twin_without_z_has_none() -> None:
    for latent in (6, 0):
        net = model(latent=latent, dropout=0.0, word_dropout=0.0).train()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        losses = []
        for _ in range(30):
            loss = net(**batch())
            optimizer.zero_grad()
            loss.objective.backward()
            optimizer.step()
            losses.append(float(loss.reconstruction))
        assert losses[-1] < 0.6 * losses[0]
        assert (float(loss.kl) > 0) == bool(latent)


def test_z_reaches_the_decoder() -> None:
    net = model().eval()
    given = batch(rows=2)
    encoded = net.encode(given["condition"], given["condition_lengths"])
    a = net.decode(encoded, torch.zeros(2, 6), given["inputs"])
    b = net.decode(encoded, torch.ones(2, 6), given["inputs"])
    assert not torch.allclose(a.features, b.features)


def with_classes(**changes: object) -> ConditionalVAE:
    """Tokens 20 and above rhyme by twos: 20 with 21, 22 with 23, and so on; odd ones have another tone."""
    torch.manual_seed(1)
    numbers = torch.zeros(40, 2, dtype=torch.long)
    for token in range(20, 40):
        numbers[token] = torch.tensor([1 + token % 2, 3 + (token - 20) // 2])
    return ConditionalVAE(ModelConfig(**{**vars(SIZES), **changes}), numbers)  # type: ignore[arg-type]


def test_a_plain_model_says_what_one_with_classes_says() -> None:
    net = with_classes().eval()
    torch.nn.init.normal_(net.shared.weight)
    plain = model().eval()
    plain.load_state_dict(net.plain_state())
    for name in ("reconstruction", "kl"):
        torch.manual_seed(5)
        expected = getattr(net(**batch()), name)
        torch.manual_seed(5)
        assert torch.allclose(getattr(plain(**batch()), name), expected, rtol=1e-5)


def test_what_is_learnt_of_one_token_of_a_class_is_learnt_of_all() -> None:
    net = with_classes()
    net.vectors(torch.tensor([20])).sum().backward()
    assert net.shared.weight.grad is not None
    assert net.shared.weight.grad[3].abs().sum() > 0  # the class that 21 has too
    assert net.embed.weight.grad is not None
    assert net.embed.weight.grad[21].abs().sum() == 0


def test_the_rhymes_of_line_ends_are_asked_of_z() -> None:
    rows = batch(64)
    rows["target"][:, 2], rows["target"][:, 4] = 5, 5  # line ends; what stands before them must rhyme
    pairs = torch.arange(64) % 10
    rows["target"][:, 1], rows["target"][:, 3] = 20 + 2 * pairs, 21 + 2 * pairs
    found = {}
    for weight in (0.0, 1.0):
        net = with_classes(line_ends=weight, dropout=0.0)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            net(**rows).objective.backward()
            optimizer.step()
        net.config = ModelConfig(**{**vars(net.config), "line_ends": 1.0})
        with torch.no_grad():
            encoded = net.encode(rows["condition"], rows["condition_lengths"])
            posterior = net.infer(encoded, rows["target"], rows["lengths"])
            features = net.bag(torch.cat([posterior.mean, encoded.summary], dim=1))
            found[weight] = float(net._line_ends(features, rows["target"])) / 128
    assert found[1.0] < 0.5 * found[0.0]


@pytest.mark.parametrize("setting", ["dropout", "word_dropout"])
def test_what_is_dropped_is_dropped_in_training_only(setting: str) -> None:
    chances = {"dropout": 0.0, "word_dropout": 0.0, setting: 0.5}
    net = model(**chances)
    rows = batch()
    noise = torch.zeros(len(rows["target"]), net.config.latent)

    def loss() -> float:
        return float(net(**rows, noise=noise).reconstruction)

    net.train()
    assert loss() != loss()
    net.eval()
    assert loss() == loss()


def test_a_new_way_from_source_words_changes_nothing_until_it_is_learnt() -> None:
    given = batch(rows=3)
    net = model(lexical=True).eval()
    encoded = net.encode(given["condition"], given["condition_lengths"])
    before = net.decode(encoded, torch.zeros(3, 6), given["inputs"]).features
    torch.nn.init.eye_(net.lexical.weight)
    after = net.decode(encoded, torch.zeros(3, 6), given["inputs"])
    way = torch.tanh(after.attention @ encoded.words)
    assert torch.allclose(after.features, before + way, atol=1e-5)


def test_rows_whose_latent_is_dropped_are_decoded_at_the_priors_mean() -> None:
    net = model(latent_dropout=1.0, dropout=0.0, word_dropout=0.0).train()
    given = batch()
    loss = net(**given)
    encoded = net.encode(given["condition"], given["condition_lengths"])
    steps = net.decode(encoded, torch.zeros(5, 6), given["inputs"])
    middle = net.negative_log_likelihood(steps, encoded, given["target"]).sum()
    assert float(loss.reconstruction) == pytest.approx(middle.item(), rel=1e-5)
    assert float(loss.kl) > 0


def test_unread_condition_tokens_can_still_be_copied() -> None:
    net = model(condition_dropout=1.0, dropout=0.0).train()
    condition = torch.tensor([[7, 8, 4], [9, 10, 4]])
    encoded = net.encode(condition, torch.tensor([3, 3]))
    assert torch.equal(encoded.tokens, condition)
    assert torch.equal(encoded.words[0], encoded.words[1]), "both read <unknown> <unknown> <turn>"
