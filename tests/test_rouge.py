"""ROUGE by hand: three examples whose numbers were worked out on paper."""

import pytest

from engine.rouge import Rouge, mean, rouge, tokens


def test_tokens_are_characters_of_chinese_and_words_of_english() -> None:
    assert tokens("Hello, 周六3点 it's OK") == ["hello", "周", "六", "3", "点", "it", "s", "ok"]


@pytest.mark.parametrize(
    ("candidate", "reference", "expected"),
    [
        # 3 of 3 and 4 words in common; pairs "the cat" of 2 and 3; subsequence of 3
        ("the cat sat", "the cat also sat", Rouge(6 / 7, 2 / 5, 6 / 7)),
        # 定 周 六 of 3 and 4 characters; the pair 周六 of 2 and 3; subsequence 周六
        ("周六定", "定在周六", Rouge(6 / 7, 2 / 5, 4 / 7)),
        # a word that comes twice counts twice only where both have it twice
        ("go go go", "go now", Rouge(2 / 5, 0.0, 2 / 5)),
    ],
)
def test_by_hand(candidate: str, reference: str, expected: Rouge) -> None:
    assert rouge(candidate, reference) == pytest.approx(expected)


def test_nothing_scores_nothing_and_the_mean_is_by_column() -> None:
    assert rouge("", "text") == Rouge(0.0, 0.0, 0.0)
    assert mean([Rouge(0.0, 0.5, 1.0), Rouge(1.0, 0.5, 0.0)]) == Rouge(0.5, 0.5, 0.5)
