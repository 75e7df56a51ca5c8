"""Iteratively reweighted least squares: its quadratic model, exact data, weights, memory."""

import tracemalloc

import numpy as np
import pytest
from problems import FORMS, make_problem, observe
from recovery_problems import recovery_problem, relative_error, run

from skmc._factors import Factors
from skmc._observed import observed_from_csr
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import ReweightedLeastSquares
from skmc.solvers._irls import _Model


def dense_minimum(problem, P, s, Q, eps):
    """X of least sum_ij (p_i' X q_j)^2 / (d_i d_j) that fits, as the docstring of the solver says.

    An entry of weight w, at most 1, has noise of variance eps^2 (1 / w - 1), row offsets have the
    variance eps^2 / kappa, and column offsets are free: with C the covariance of X on Omega, l the
    multipliers and N the indicator of columns, times the design, (C + noise) l + N mu = x and
    N'l = 0.
    """
    n, m = problem.shape
    rows, columns = problem.observed.rows_and_columns()
    x = problem.observed.values[rows, columns]
    weights = problem.observed.weights
    unit = 1.0 if weights is None else weights.max()
    w = np.ones(x.size) if weights is None else weights[rows, columns] / unit
    left = np.linalg.qr(np.hstack([P, np.eye(n)]))[0][:, :n]
    right = np.linalg.qr(np.hstack([Q, np.eye(m)]))[0][:, :m]
    d = [np.append(s, np.full(size - s.size, eps)) for size in (n, m)]
    covariances = [(F * v) @ F.T for F, v in zip((left, right), d, strict=True)]
    # Of a matrix with independent coefficients of variance d_i d_j the covariance is a product.
    C = covariances[0][np.ix_(rows, rows)] * covariances[1][np.ix_(columns, columns)]
    N = np.zeros((x.size, m if problem.offsets.has_columns else 0))
    if N.size:
        N[np.arange(x.size), columns] = problem.offsets.design[rows]
    noise = np.diag(eps**2 * (1 / w - 1))
    if problem.offsets.has_rows:
        noise += eps**2 * unit / problem.offsets.row_penalty * (rows[:, None] == rows)
    system = np.block([[C + noise, N], [N.T, np.zeros((N.shape[1],) * 2)]])
    multipliers = np.linalg.lstsq(system, np.append(x, np.zeros(N.shape[1])))[0][: x.size]
    spread = np.zeros((n, m))
    spread[rows, columns] = multipliers
    return covariances[0] @ spread @ covariances[1]


@pytest.mark.parametrize("kind", ["none", "column", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_minimises_the_quadratic_model(kind, weighted):
    problem = make_problem(
        alpha=0.0, rank=3, n=14, m=10, kind=kind, weighted=weighted, row_scale=weighted
    )
    rng = np.random.default_rng(0)
    P, Q = (np.linalg.qr(rng.normal(size=(size, 3)))[0] for size in problem.shape)
    s, eps = np.array([5.0, 2.0, 1.0]), 0.3
    A, B = _Model(problem, P, s, Q, eps).minimum(1e-13, 1000)
    entries = problem.observed.weighted(problem.residual(Factors(A, B)).entries)
    if weighted:
        entries = entries / problem.observed.weights.max()
    expected = dense_minimum(problem, P, s, Q, eps)
    np.testing.assert_allclose(A @ B.T + entries, expected, atol=1e-8)


@pytest.mark.parametrize("kind", ["none", "column"])
@pytest.mark.parametrize("condition", [1, 100, 1e4])
def test_recovers_at_any_condition(condition, kind):
    problem, X = recovery_problem(2.2, condition, kind=kind)
    result = run(ReweightedLeastSquares(), problem)
    assert result.converged
    assert relative_error(X, result) < 1e-6
    assert (np.diff(result.trace["objective"]) <= 0).all()


def test_recovers_in_single_precision():
    problem, X = recovery_problem(2.5, dtype=np.float32, kind="column")
    result = run(ReweightedLeastSquares(), problem)
    assert result.factors.U.dtype == np.float32
    assert relative_error(X, result) < 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_weights_do_not_matter_on_exact_data(form):
    options = {"alpha": 0.0, "rank": 3, "n": 60, "m": 50, "noise": 0.0, "form": form}
    found = []
    for weighted in (False, True):
        problem = make_problem(weighted=weighted, row_scale=weighted, **options)
        result = run(ReweightedLeastSquares(), problem)
        Z = result.factors.U @ result.factors.V.T / problem.offsets.design[:, None]
        found.append(Z + result.residual.offsets.columns)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_entries_of_little_weight_are_as_good_as_missing():
    problem, X = recovery_problem(3.0, kind="column")
    mask = np.zeros(X.shape, bool)
    mask[problem.observed.rows_and_columns()] = True
    wrong = np.random.default_rng(0).random(X.shape) < 0.05
    observed = observe(X + 10 * wrong, mask, np.where(wrong, 1e-9, 1.0), "sparse")
    problem = CompletionProblem(observed, 3, 0.0, OffsetModel(observed, "column"))
    assert relative_error(X, run(ReweightedLeastSquares(), problem)) < 1e-4


@pytest.mark.slow
def test_memory_is_linear_in_the_observed_entries():
    n, r = 5000, 10
    rng = np.random.default_rng(0)
    U, V = rng.normal(size=(n, r)), rng.normal(size=(n, r))
    indices = np.sort(np.stack([rng.permutation(n)[:60] for _ in range(n)]), axis=1).ravel()
    indptr = np.arange(0, 60 * n + 1, 60)
    values = np.einsum("ik,ik->i", U[np.repeat(np.arange(n), 60)], V[indices])
    observed = observed_from_csr(indptr, indices, values, (n, n))
    problem = CompletionProblem(observed, r, 0.0, OffsetModel(observed, "column"))
    tracemalloc.start()
    result = run(ReweightedLeastSquares(), problem)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    rows, columns = rng.integers(n, size=(2, 10_000))
    Z = np.einsum("ik,ik->i", result.factors.U[rows], result.factors.V[columns])
    Z += result.residual.offsets.columns[columns]
    truth = np.einsum("ik,ik->i", U[rows], V[columns])
    assert np.linalg.norm(Z - truth) < 1e-6 * np.linalg.norm(truth)
    # A third of one dense matrix.
    assert peak < 8 * (10 * values.size + 60 * 2 * n * r)
