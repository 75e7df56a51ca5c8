"""Singular value thresholding: the smallest matrix that matches, and the nuclear norm in the limit.

References here are dense and slow, and share nothing with the package.
"""

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skmc import SVTCompleter
from skmc._interpolating import InterpolatingFactors
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.datasets import make_low_rank
from skmc.solvers import SVT, SoftImpute


def solve(problem, start=None, *, max_iter=20_000, tol=1e-9, **params):
    solver = SVT(**params)
    start = solver.start(problem, "svd") if start is None else start
    return solver.solve(problem, start, max_iter=max_iter, tol=tol)


def product(result):
    return result.factors.U @ result.factors.V.T


def problem_of(X, mask, kind="none", form="dense"):
    observed = observe(X, mask, form=form)
    return CompletionProblem(observed, min(X.shape), 0.0, OffsetModel(observed, kind))


def textbook(rho, n=200, rank=5, seed=0):
    """A square Gaussian matrix with `rho` entries per degree of freedom, and their places."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))
    mask = np.zeros(n * n, dtype=bool)
    mask[rng.permutation(n * n)[: int(rho * rank * (2 * n - rank))]] = True
    return X, mask.reshape(n, n)


def shrunk(M, amount):
    U, s, Vt = np.linalg.svd(M, full_matrices=False)
    return (U * np.maximum(s - amount, 0)) @ Vt


def nuclear(Z):
    return np.linalg.svd(Z, compute_uv=False).sum()


def matched(Z, X, mask, *, center):
    """The matrix nearest to Z that matches X on the mask, up to column offsets if `center`."""
    residual = np.where(mask, X - Z, 0.0)
    if center:
        residual -= np.where(mask, residual.sum(axis=0) / mask.sum(axis=0), 0.0)
    return Z + residual


def reference(X, mask, tau=1.0, *, ridge, center=False, n_iter=2000):
    """minimise tau |Z|_* + ridge/2 |Z|_F^2 among the Z that match, by alternating directions."""
    Z = L = np.zeros_like(X)
    for _ in range(n_iter):
        A = shrunk(Z - L, tau) / (1.0 + ridge)
        Z = matched(A + L, X, mask, center=center)
        L = L + A - Z
    return Z


@pytest.mark.parametrize("form", FORMS)
def test_textbook_problem(form):
    X, mask = textbook(rho=6)
    problem, p = problem_of(X, mask, form=form), mask.mean()
    original = {"tau": 5.0 * 200, "step_size": 1.2 / p, "momentum": None}
    counts = {}
    for name, params in (("original", original), ("default", {})):
        result = solve(problem, tol=1e-4, max_iter=500, **params)
        assert result.converged
        assert result.factors.rank == 5
        assert np.linalg.norm(product(result) - X) < 2e-4 * np.linalg.norm(X)
        counts[name] = result.n_iter
    # The steps of the reference, whose number depends a little on the draw.
    assert 120 <= counts["original"] <= 160
    assert counts["default"] <= 0.5 * counts["original"]


@pytest.mark.parametrize("kind", ["none", "column"])
def test_agrees_with_alternating_directions(kind):
    X, mask = low_rank_table(n=12, m=10, rank=2, noise=0.1)
    result = solve(problem_of(X, mask, kind), tau=5.0)
    expected = reference(X, mask, 5.0, ridge=1.0, center=kind == "column")
    np.testing.assert_allclose(product(result), expected, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["none", "column"])
@pytest.mark.parametrize("row_scale", [False, True])
def test_multipliers_prove_the_minimum(kind, form, row_scale):
    problem = make_problem(alpha=0.0, kind=kind, form=form, row_scale=row_scale)
    tau, observed = 30.0, problem.observed
    result = solve(problem, tau=tau)
    Z, Y = product(result), result.factors.multiplier
    assert result.residual.loss <= 1e-16 * problem.at_zero.loss
    if kind == "column":
        # Offsets are free, so the multipliers must have no say in them.
        sums = observed.column_sums(Y, problem.offsets.design)
        assert np.abs(sums).max() <= 1e-9 * np.abs(Y).max()
    dense = observed.matmul(Y, np.eye(Z.shape[1]))
    np.testing.assert_allclose(shrunk(dense, tau), Z, atol=1e-6)
    primal = tau * nuclear(Z) + 0.5 * np.vdot(Z, Z)
    dual = observed.dot(Y, observed.values) - 0.5 * np.sum(shrunk(dense, tau) ** 2)
    assert abs(primal - dual) <= 1e-7 * primal


def test_nuclear_norm_is_the_limit_of_both():
    X, mask = low_rank_table(n=12, m=10, rank=2, noise=0.1, fraction=0.7)
    problem = problem_of(X, mask)
    expected = reference(X, mask, ridge=0.0)
    solver, largest = SoftImpute(), problem.alpha_max()
    factors = solver.start(problem.with_alpha(largest), "svd")
    for alpha in largest * np.geomspace(1.0, 1e-5, 16):
        penalised = solver.solve(problem.with_alpha(alpha), factors, max_iter=2000, tol=1e-3)
        factors = penalised.factors
    np.testing.assert_allclose(product(penalised), expected, atol=2e-3)
    # The squared norm costs what it is worth against tau, so the distance falls as 1 / tau.
    thresholded = [product(solve(problem, tau=tau, tol=1e-6)) for tau in (20.0, 80.0)]
    distance = [np.linalg.norm(Z - expected) for Z in thresholded]
    assert 0.2 < distance[1] / distance[0] < 0.35
    assert [nuclear(Z) > nuclear(expected) for Z in thresholded] == [True, True]
    np.testing.assert_allclose(nuclear(thresholded[1]), nuclear(expected), rtol=2e-3)


def certificate(X, mask, rank):
    """Norm off the tangent space of the least-squares dual W: below one proves recovery."""
    U, _, Vt = np.linalg.svd(X)
    U, V = U[:, :rank], Vt[:rank].T
    n, m = X.shape
    # Spans the tangent space: u_k e_j' and e_i v_k'.
    span = [np.outer(U[:, k], e) for k in range(rank) for e in np.eye(m)]
    span += [np.outer(e, V[:, k]) for k in range(rank) for e in np.eye(n)]
    basis, s, _ = np.linalg.svd(np.array([b.ravel() for b in span]).T, full_matrices=False)
    basis = basis[:, s > 1e-9 * s[0]]
    on_omega = basis * mask.ravel()[:, None]
    coordinates = np.linalg.solve(basis.T @ on_omega, basis.T @ (U @ V.T).ravel())
    W = (on_omega @ coordinates).reshape(n, m)
    off = W - U @ (U.T @ W)
    return np.linalg.norm(off - (off @ V) @ V.T, 2)


@pytest.mark.parametrize(("rho", "recovers"), [(6.0, True), (2.0, False)])
def test_recovers_where_there_is_a_certificate(rho, recovers):
    X, mask = textbook(rho, n=40, rank=1)
    problem = problem_of(X, mask)
    result = solve(problem, tau=20.0 * np.linalg.norm(X, 2), tol=1e-6)
    assert (certificate(X, mask, rank=1) < 1.0) == recovers
    error = np.linalg.norm(product(result) - X) / np.linalg.norm(X)
    assert error < 1e-4 if recovers else error > 1e-2


def test_step_is_halved_until_the_residual_falls():
    X, mask = textbook(rho=2.5, n=60, rank=2)
    problem = problem_of(X, mask)
    result = solve(problem, tol=1e-3)
    steps = result.trace["step_size"]
    assert result.converged
    assert steps[0] > 2.0 * steps[-1] >= 2.0
    assert (np.diff(result.trace["objective"]) <= 0).all()
    fixed = solve(problem, tol=1e-3, step_size=1.2 / mask.mean(), max_iter=result.n_iter)
    assert not fixed.converged


def test_start_changes_nothing_but_the_way():
    problem = make_problem(alpha=0.0)
    solver, first = SVT(tau=20.0), solve(problem, tau=20.0)
    for init in ("random", (np.ones((2, 25)), np.zeros(25))):
        start = solver.start(problem.with_alpha(0.0, rank=2), init, np.random.RandomState(0))
        np.testing.assert_allclose(
            product(solve(problem, start, tau=20.0)), product(first), atol=1e-5
        )


def test_nothing_to_match():
    result = solve(problem_of(np.zeros((5, 4)), np.ones((5, 4), dtype=bool)))
    assert result.converged
    assert result.factors.rank == 0


def test_ridge_is_in_the_units_of_the_factors():
    U = np.full((10, 2), 3.0)
    factors = InterpolatingFactors(U, np.ones((4, 2)))
    assert factors.ridge(0.9, n_rows=10) == pytest.approx(0.1)


def noisy(observed=0.4, **options):
    return make_low_rank(60, 40, 3, observed=observed, noise=0.1, random_state=0, **options)


def test_rows_are_folded_in_by_the_rule_of_the_fit():
    # The rank is above the number of entries of many rows, which then have many fits: the smallest
    # is that of the fit itself.
    X = noisy().X
    params = {"center": False, "scale": False, "keep_observed": False}
    completer = SVTCompleter(tau=50.0, tol=1e-7, max_iter=5000, **params)
    folded = completer.fit(X).transform(X)
    assert (np.sum(~np.isnan(X), axis=1) < completer.rank_).any()
    mask = ~np.isnan(X)
    fitted = product(solve(problem_of(np.where(mask, X, 0.0), mask), tau=50.0, tol=1e-7))
    np.testing.assert_allclose(folded, fitted, atol=1e-5)
    np.testing.assert_allclose(folded[mask], X[mask], atol=1e-5)


def test_threshold_is_in_the_units_of_the_data():
    X = noisy().X
    params = {"scale": False, "tol": 1e-8, "keep_observed": False}
    one = SVTCompleter(tau=50.0, **params).fit(X)
    thousand = SVTCompleter(tau=50_000.0, **params).fit(1000.0 * X)
    assert one.tau_ == pytest.approx(50.0)
    np.testing.assert_allclose(thousand.transform(1000.0 * X), 1000.0 * one.transform(X), rtol=1e-6)
    auto = [SVTCompleter(scale=False).fit(c * X).tau_ for c in (1.0, 1000.0)]
    assert auto[1] == pytest.approx(1000.0 * auto[0])


@pytest.mark.parametrize("params", [{}, {"tau": 50.0}, {"tau": 50.0, "scale": False}])
def test_weights_of_rows_and_entries(params):
    X = noisy().X
    completer = SVTCompleter(tol=1e-8, keep_observed=False, **params)
    weight = np.arange(60) % 3
    weighted = completer.fit(X, sample_weight=weight).transform(X)
    repeated = completer.fit(np.repeat(X, weight, axis=0)).transform(X)
    np.testing.assert_allclose(weighted, repeated, atol=1e-5)
    plain = completer.fit(X).transform(X)
    # Equations hold however much they weigh, and an entry of weight zero is missing.
    full = np.where(np.isnan(X), 7.0, X)
    doubled = completer.fit(full, entry_weight=2.0 * ~np.isnan(X)).transform(X)
    np.testing.assert_array_equal(doubled, plain)
    with pytest.raises(ValueError, match=r"svt.*weights"):
        completer.fit(X, entry_weight=np.where(np.arange(40) < 20, 1.0, 2.0) + np.zeros(X.shape))


def test_bound_on_the_rank():
    X = noisy().X
    completer = SVTCompleter(max_rank=2, max_iter=50)
    with pytest.warns(ConvergenceWarning, match="max_rank"):
        completer.fit(X)
    assert completer.rank_ == 2
    with pytest.raises(ValueError, match="center"):
        SVTCompleter(center="both").fit(X)


def test_a_first_step_that_leaves_zero_far_behind_is_taken_back():
    # Entries that share no row and no column say nothing of each other: Z has their size, and not
    # that of a matrix of which they are a small part.
    n = 2000
    values = np.random.default_rng(0).normal(size=n)
    X = sparse.csr_array((values, (np.arange(n), np.arange(n))), shape=(n, n))
    completer = SVTCompleter(max_iter=10, center=False, scale=False)
    with pytest.warns(ConvergenceWarning):
        completer.fit(X)
    assert (np.diff(completer.trace_["objective"]) <= 1e-9).all()
    assert completer.trace_["objective"][0] <= 0.51 * float(values @ values)
