"""Singular values fitted again: what the refit solves, and what it is worth."""

import numpy as np
import pytest
from problems import FORMS, make_problem

from skmc import SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.solvers import SoftImpute, debiased


def solve(problem):
    solver = SoftImpute()
    return solver.solve(problem, solver.start(problem, "svd"), max_iter=500, tol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["column", "none", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_residual_is_orthogonal_to_the_components(kind, form, weighted):
    problem = make_problem(alpha=4.0, kind=kind, form=form, weighted=weighted, row_scale=weighted)
    result = solve(problem)
    refit = debiased(result)
    assert refit.residual.loss < result.residual.loss
    assert refit.problem.alpha == 0.0
    P, s, Q = result.factors.svd()
    observed = problem.observed
    entries = problem.residual(refit.factors).entries
    left = np.einsum("ik,ik->k", P, observed.matmul(observed.weighted(entries), Q))
    assert np.abs(left).max() < 1e-8 * s[0]
    # The singular vectors are as they were, so the others of Z vanish.
    d = P.T @ refit.factors.U @ refit.factors.V.T @ Q
    np.testing.assert_allclose(d, np.diag(np.diag(d)), atol=1e-8 * s[0])


def test_nothing_to_refit():
    problem = make_problem(alpha=1e6)
    result = solve(problem)
    assert debiased(result) is result


def table(**options):
    options = {"observed": 0.5, "noise": 0.1, "random_state": 0, **options}
    return make_low_rank(500, 100, 5, **options)


def error(completer, data):
    missing = np.isnan(data.X)
    residual = (completer.transform(data.X) - data.truth) / completer.spread_
    return np.sqrt(np.mean(residual[missing] ** 2))


def pair(data, **params):
    return [SoftImputeCompleter(debias=d, **params).fit(data.X) for d in (False, True)]


def test_lowers_the_error_around_the_best_penalty():
    data = table()
    largest = SoftImputeCompleter(alpha=100.0, scale=True).fit(data.X).alpha_max_
    errors = []
    for fraction in (0.07, 0.04, 0.025, 0.015):
        plain, refit = pair(data, alpha=fraction * largest, scale=True)
        errors.append((error(plain, data), error(refit, data)))
        assert refit.rank_ == plain.rank_
        assert refit.alpha_ == plain.alpha_ == pytest.approx(fraction * largest)
    errors = np.array(errors)
    # The best penalty without a refit is inside of the range.
    assert 0 < errors[:, 0].argmin() < 3
    assert (errors[:, 1] < 0.95 * errors[:, 0]).all()
    assert errors[:, 1].min() < 0.75 * errors[:, 0].min()


def test_goes_with_the_search_for_the_penalty():
    data = table()
    plain, refit = pair(data)
    assert refit.alpha_ == plain.alpha_
    assert error(refit, data) < error(plain, data)
    assert refit.score(data.X) > plain.score(data.X)


def test_fold_in_is_that_of_the_refit():
    data = table()
    completer = SoftImputeCompleter(debias=True, keep_observed=False)
    completed = completer.fit_transform(data.X)
    np.testing.assert_allclose(completer.transform(data.X), completed, rtol=1e-10)
    # Rows of unit variance, and a ridge which is the variance of the noise.
    U = completer.row_factors(data.X)
    assert 0.8 < np.mean(U**2) < 1.1
    residual = ((data.X - data.truth) / completer.scale_)[~np.isnan(data.X)]
    assert completer.fold_in_alpha_ == pytest.approx(np.var(residual), rel=0.1)


def test_pure_noise_has_nothing_to_refit():
    X = np.random.default_rng(0).normal(size=(80, 30))
    X[::3, ::2] = np.nan
    completer = SoftImputeCompleter(debias=True).fit(X)
    assert completer.rank_ == 0
    assert completer.alpha_ > 0
