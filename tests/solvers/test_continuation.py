"""Recovery from about as few entries as determine the matrix."""

import numpy as np
import pytest
from problems import FORMS, make_problem
from recovery_problems import recovery_problem, relative_error, run

from skmc._observed import observed_from_dense
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import AlternatingLeastSquares, Continuation, ReweightedLeastSquares


@pytest.mark.parametrize("condition", [1, 100, 1e4])
@pytest.mark.parametrize("seed", [0, 1])
def test_recovers_from_few_entries_at_any_condition(condition, seed):
    problem, X = recovery_problem(1.9, condition, seed)
    result = run(Continuation(), problem)
    assert result.converged
    assert relative_error(X, result) < 1e-6


def test_recovers_with_column_offsets():
    problem, X = recovery_problem(2.2, kind="column")
    result = run(Continuation(), problem)
    assert relative_error(X, result) < 1e-6


def test_recovers_in_single_precision():
    problem, X = recovery_problem(2.2, dtype=np.float32)
    result = run(Continuation(), problem)
    assert result.factors.U.dtype == np.float32
    assert relative_error(X, result) < 1e-3


def test_recovers_lines_with_no_more_entries_than_unknowns():
    problem, X = recovery_problem(2.5)
    mask = np.zeros(X.shape, bool)
    mask[problem.observed.rows_and_columns()] = True
    mask[0] = mask[:, 1] = False
    mask[0, 10:13] = mask[20:23, 1] = True
    observed = observed_from_dense(X, mask)
    problem = CompletionProblem(observed, 3, 0.0, OffsetModel(observed, "none"))
    assert relative_error(X, run(Continuation(), problem)) < 1e-6


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["column", "none", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_alternating_least_squares_on_noisy_data(kind, form, weighted):
    problem = make_problem(
        alpha=0.0, rank=3, kind=kind, form=form, weighted=weighted, row_scale=weighted
    )
    ours = run(Continuation(), problem, tol=1e-9)
    theirs = run(AlternatingLeastSquares(), problem, tol=1e-9)
    assert ours.residual.loss <= theirs.residual.loss * (1 + 1e-6)
    assert (np.diff(ours.trace["objective"]) <= 1e-10 * ours.trace["objective"][0]).all()


def test_stops_when_all_lines_have_run_away():
    # Two kinds of rows: their factors are all as large as the largest.
    X = np.repeat([[1.0, 3.0], [2.0, 1.0]], 6, axis=0)
    observed = observed_from_dense(X, np.ones(X.shape, bool))
    problem = CompletionProblem(observed, 1, 0.0, OffsetModel(observed, "none"))
    expected = 0.5 * np.linalg.svd(X, compute_uv=False)[1] ** 2
    assert run(Continuation(), problem).residual.loss == pytest.approx(expected)


def test_is_deterministic():
    problem, _ = recovery_problem(1.9)
    first, second = (run(Continuation(), problem).factors.U for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_zero_data_give_zero():
    problem, _ = recovery_problem(2.0)
    problem = CompletionProblem(
        problem.observed.with_values(0 * problem.observed.values), 3, 0.0, problem.offsets
    )
    result = run(Continuation(), problem)
    assert result.converged
    assert result.factors.norm() == 0


@pytest.mark.parametrize("solver", [Continuation, ReweightedLeastSquares])
def test_a_coarse_tolerance_does_not_end_the_search(solver):
    problem, X = recovery_problem(1.9, size=200)
    assert relative_error(X, run(solver(), problem, tol=0.5)) < 1e-6
