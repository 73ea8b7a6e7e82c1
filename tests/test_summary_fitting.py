"""The regressions find what the rows were made by."""

import numpy as np
import pytest

from engine.summary_fitting import Listed, listwise, logistic


def test_logistic_regression_finds_the_chances_of_a_table() -> None:
    # of 4 rows with a mark 3 are right, of 4 without it 1 is: log-odds of ±log 3
    table = np.array([[1.0]] * 4 + [[0.0]] * 4)
    target = np.array([1, 1, 1, 0, 1, 0, 0, 0], float)
    found = logistic(table, target, np.ones(8), 1e-9)
    assert found == pytest.approx([2 * np.log(3), -np.log(3)], abs=1e-3)


def test_the_best_row_of_a_point_is_enough() -> None:
    # the second column marks one source of each point, the first says nothing
    table = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    wanted = np.array([[1.0, 1.0, 0.0, 0.0]])
    found = listwise([Listed(table, wanted, np.array([1.0]))], 0.1)
    scores = table @ found
    assert scores.argmax() == 0
    assert found[1] > 0


def test_a_weighty_point_ranks_before_a_light_one() -> None:
    table = np.eye(3)
    wanted = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    found = listwise([Listed(table, wanted, np.array([3.0, 1.0]))], 0.1)
    assert found[0] > found[1] > found[2]
