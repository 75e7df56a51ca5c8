"""Iteratively reweighted least squares on exact data."""

import numpy as np
import pytest
from recovery_problems import recovery_problem, relative_error, run

from skmc.solvers._irls import ReweightedLeastSquares


@pytest.mark.parametrize("condition", [1, 100])
def test_recovers_at_any_condition(condition):
    problem, X = recovery_problem(3.0, condition)
    result = run(ReweightedLeastSquares(), problem, max_iter=100)
    assert result.converged
    assert relative_error(X, result) < 1e-6
    assert (np.diff(result.trace["objective"]) <= 0).all()


def test_refuses_offsets():
    problem, _ = recovery_problem(3.0, kind="column")
    with pytest.raises(ValueError, match="offsets"):
        run(ReweightedLeastSquares(), problem)
