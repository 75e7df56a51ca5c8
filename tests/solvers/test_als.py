"""Alternating least squares without a penalty: where it starts."""

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem
from recovery_problems import recovery_problem, relative_error, run
from scipy import sparse

from skmc import ALSCompleter
from skmc.solvers import AlternatingLeastSquares
from skmc.solvers._init import initial_factors


def test_falling_penalties_lead_where_the_spectral_start_does_not():
    problem, X = recovery_problem(2.0, condition=10.0, size=200, rank=5)
    solver, options = AlternatingLeastSquares(), {"max_iter": 500, "tol": 1e-2}
    spectral = solver.solve(problem, initial_factors(problem, "svd"), **options)
    assert relative_error(X, spectral) > 0.1
    assert relative_error(X, run(solver, problem, **options)) < 1e-6


def test_the_start_is_spectral_with_entries_to_spare_or_a_penalty():
    solver = AlternatingLeastSquares()
    for problem in (make_problem(alpha=0.0, rank=1), make_problem(alpha=1e-6, rank=5)):
        start = solver.start(problem, "svd")
        np.testing.assert_array_equal(start.U, initial_factors(problem, "svd").U)


def test_zero_data_give_zero():
    problem, _ = recovery_problem(2.0)
    observed = problem.observed.with_values(0 * problem.observed.values)
    problem = type(problem)(observed, 3, 0.0, problem.offsets.of_values(observed))
    assert run(AlternatingLeastSquares(), problem).factors.norm() == 0


@pytest.mark.parametrize("form", FORMS)
def test_warm_start_brings_back_what_a_large_penalty_has_removed_altogether(form):
    X, mask = low_rank_table()
    X = np.where(mask, X, np.nan)
    if form == "sparse":
        X = sparse.csr_array((X[mask], np.nonzero(mask)), shape=X.shape)
    warm = ALSCompleter(3, alpha=1e4, warm_start=True, scale=False).fit(X)
    warm.set_params(alpha=1.0, tol=1e-6).fit(X)
    cold = ALSCompleter(3, alpha=1.0, tol=1e-6, scale=False).fit(X)
    np.testing.assert_allclose(warm.components_, cold.components_, atol=1e-3)
