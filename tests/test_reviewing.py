"""The review queue and the reviewers' agreement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.journal import Fact, Journal, Place
from engine.reviewing import (
    POOL,
    agreement,
    cohens_kappa,
    review,
    review_queue,
    unreview,
    verdict_of,
)
from engine.values import Request
from tests.replies import WORDS, draft, reply


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "j.db") as opened:
        yield opened


def put(
    journal: Journal, name: str, liking: float | None = None, where: Place | None = None, **more: object
) -> None:
    scores = {} if liking is None else {"reward": liking}
    if scores:
        more["reward_model"] = "abc"
    one = draft(f"{WORDS}{name}", f"□{name}", scores=scores)
    written = reply(name, one.text, drafts=(one,), **more)
    journal.record(Request("chat", text=WORDS), written, "asker", where or Place("discord", "1", "2"))


def judge(journal: Journal, name: str, likes: int, dislikes: int) -> None:
    for number in range(likes + dislikes):
        journal.react(Fact(name, f"p{number}", "button", 1.0 if number < likes else -1.0, "up"))


def names(journal: Journal, reviewer: str = "mo", guild: str | None = "1") -> list[str]:
    return [one.generation for one in review_queue(journal, reviewer, guild, ["2"], 100)]


def test_reported_then_disputed_then_uncertain_comes_first(journal: Journal) -> None:
    put(journal, "sure", 0.98)
    put(journal, "unsure", 0.55)
    put(journal, "even", 0.9)
    judge(journal, "even", 5, 5)
    put(journal, "uneven", 0.9)
    judge(journal, "uneven", 9, 1)
    put(journal, "reported", 0.9)
    journal.react(Fact("reported", "p", "button", -1.0, "report", "spam\n广告"))
    put(journal, "unknown")
    put(journal, "abstained", reward_model="abc")
    found = review_queue(journal, "mo", "1", ["2"])
    assert [one.generation for one in found] == [
        *("reported", "even", "uneven", "abstained", "unsure", "unknown", "sure"),
    ]
    assert [one.why[:1] for one in found] == [
        ("reported",), ("disputed",), ("disputed",), ("uncertain",), ("uncertain",), ("unknown",), (),
    ]  # fmt: skip
    assert found[0].reasons == ("spam\n广告",)
    assert (found[1].likes, found[1].dislikes, found[1].liking) == (5, 5, 0.9)
    assert all(WORDS not in one.own_text for one in found)


def test_a_dispute_comes_first_however_many_replies_came_since(journal: Journal) -> None:
    journal._db.execute("PRAGMA synchronous = OFF")  # a test may lose power
    put(journal, "even", 0.9)
    judge(journal, "even", 5, 5)
    put(journal, "uneven")
    judge(journal, "uneven", 9, 1)
    put(journal, "unreadable", where=Place("discord", "1", "3"))
    judge(journal, "unreadable", 3, 3)
    put(journal, "agreed", 0.5)
    judge(journal, "agreed", 6, 0)
    for number in range(POOL):
        put(journal, f"g{number}", 0.9)
    assert names(journal)[:3] == ["even", "uneven", f"g{POOL - 1}"]
    assert "agreed" not in names(journal), "uncertain ones are of the latest"
    assert names(journal, guild=None)[:2] == ["even", "unreadable"]
    review(journal, "even", "mo", "bad")
    assert names(journal)[0] == "uneven"
    assert names(journal, "second")[0] == "even"
    review(journal, "even", "second", "good")
    assert "even" not in names(journal, "third")
    unreview(journal, "even", "mo")
    assert names(journal, "third")[0] == "even"
    for number in range(5):
        journal.forget(f"p{number}")  # who liked it
    assert names(journal, "third")[:1] != ["even"]


def test_what_is_nobodys_to_review_is_left_out(journal: Journal) -> None:
    put(journal, "here")
    put(journal, "elsewhere", where=Place("discord", "9", "2"))
    put(journal, "unreadable", where=Place("discord", "1", "3"))
    put(journal, "directly", where=Place("discord", "", "5"))
    put(journal, "console", where=Place("console"))
    put(journal, "fixed", origin="fixed")
    assert names(journal) == ["here"]
    assert set(names(journal, guild=None)) == {"here", "elsewhere", "unreadable", "console"}
    journal.react(Fact("directly", "p", "button", -1.0, "report"))
    assert names(journal, guild=None)[0] == "directly", "reported by who got it"
    assert not review(journal, "elsewhere", "mo", "bad", guild="1")
    assert not review(journal, "gone", "mo", "bad")


def test_a_reply_is_done_after_two_reviews_and_each_reviews_once(journal: Journal) -> None:
    for name in ("a", "b", "c"):
        put(journal, name, 0.9)
    assert review(journal, "a", "mo", "bad", "dull\n换一句", "1")
    assert names(journal) == ["c", "b"]
    assert names(journal, "second") == ["a", "c", "b"], "a second opinion is wanted"
    assert review_queue(journal, "second", "1", ["2"])[0].why == ("second",)
    assert review(journal, "a", "second", "bad", guild="1")
    assert "a" not in names(journal, "third")
    assert unreview(journal, "a", "second")
    assert "a" in names(journal, "third")
    assert review(journal, "a", "mo", "good", guild="1"), "a change of mind replaces the first"
    [kept] = [s for s in journal.signals() if s.kind == "review"]
    assert (kept.value, kept.reason, verdict_of("bad,dull\n换")) == (1.0, "good", "bad")
    with pytest.raises(ValueError, match="unknown verdict"):
        review(journal, "a", "mo", "fine")


def test_cohens_kappa_is_the_published_one() -> None:
    # the textbook's 50 grant proposals: both yes 20, both no 15, yes/no 5, no/yes 10: κ = 0.40
    verdicts = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    kappa, error = cohens_kappa(verdicts) or (0.0, 0.0)
    assert kappa == pytest.approx(0.4)
    assert error == pytest.approx(0.1296, abs=1e-4)
    assert cohens_kappa([("y", "y")] * 9) is None
    assert (cohens_kappa([("y", "n"), ("n", "y")] * 9) or (0,))[0] == pytest.approx(-1.0)


def test_agreement_needs_enough_that_the_same_two_judged(journal: Journal) -> None:
    for number in range(12):
        put(journal, f"g{number:02}")
        review(journal, f"g{number:02}", "a", "good" if number % 2 else "bad")
        if number < 9:
            review(journal, f"g{number:02}", "b", "good" if number % 2 else "unsafe")
    found = agreement(journal, "1")
    assert (found.reviews, found.shared, found.same, found.kappa) == (21, 9, 4, None)
    for number in range(9, 12):
        review(journal, f"g{number:02}", "b", "good" if number % 2 else "unsafe")
    found = agreement(journal, "1")
    assert (found.shared, found.same, found.pairs) == (12, 6, 1)
    assert found.kappa == pytest.approx(1 / 3)  # observed 1/2, by chance 1/4
    assert found.low < found.kappa < found.high
    assert agreement(journal, "9").reviews == 0
