"""Non-negative factors: what the contract of all solvers does not say."""

import warnings

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe
from scipy.optimize import nnls
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from skmc import EntryRegressor, NMFCompleter
from skmc._factors import Factors
from skmc._non_negative import NonNegativeFactors, leave_one_out, minimise, non_negative_rows
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import NonNegativeALS

UPDATES = ("hals", "multiplicative")
SEEDS = (0, 1, 2)


def problem(alpha=0.0, rank=3, **options):
    return make_problem(alpha=alpha, rank=rank, kind="none", non_negative=True, **options)


def solve(problem, update="hals", init="svd", seed=0, *, momentum="nesterov", **options):
    solver = NonNegativeALS(update, momentum)
    start = solver.start(problem, init, np.random.RandomState(seed))
    return solver.solve(problem, start, **{"max_iter": 20_000, "tol": 1e-8, **options})


def with_holes(X, fraction=0.6, seed=0):
    mask = np.random.default_rng(seed).random(X.shape) < fraction
    return np.where(mask, X, np.nan), mask


def exact(n=80, m=60, rank=3, seed=0):
    """Product of non-negative factors with zeros among them."""
    rng = np.random.default_rng(seed)
    U, V = (np.maximum(rng.normal(size=(k, rank)) + 0.3, 0) for k in (n, m))
    return U @ V.T


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_objective_never_rises_and_factors_are_never_negative(update, form, weighted, alpha):
    smallest = []

    def see(_, state):
        smallest.append(min(state.factors.U.min(), state.factors.V.min()))

    posed = problem(alpha, form=form, weighted=weighted)
    for init in ("svd", "random"):
        result = solve(posed, update, init, max_iter=100, tol=0, callback=see)
        objective = np.array(result.trace["objective"])
        assert (np.diff(objective) <= 1e-12 * objective[:-1]).all()
        # Balancing the last factors may lower the penalty a little more.
        last = posed.objective(result.factors)
        assert objective[-1] * (1 - 1e-3 * (alpha > 0) - 1e-9) <= last
        assert last <= objective[-1] * (1 + 1e-9)
    assert min(smallest) >= 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("update", UPDATES)
def test_complete_data_tie_with_scikit_learn(update, seed):
    X, _ = low_rank_table(non_negative=True, rank=3, seed=seed)
    reference = NMF(3, init="nndsvda", tol=1e-8, max_iter=5000).fit(X)
    expected = 0.5 * reference.reconstruction_err_**2
    observed = observe(X, np.ones(X.shape, dtype=bool))
    posed = CompletionProblem(observed, 3, 0.0, OffsetModel(observed, "none"))
    result = solve(posed, update, tol=1e-3)
    assert posed.objective(result.factors) <= 1.01 * expected


@pytest.mark.parametrize("seed", SEEDS)
def test_coordinate_descent_needs_far_fewer_iterations(seed):
    posed = problem(seed=seed)
    best = solve(posed).trace["objective"][-1]

    def needed(update, momentum=None):
        trace = solve(posed, update, momentum=momentum, max_iter=3000, tol=0).trace["objective"]
        good = np.flatnonzero(np.array(trace) <= best * (1 + 1e-4))
        return good[0] + 1 if good.size else np.inf

    # Each iteration of either costs about the same.
    assert 5 * needed("hals") <= needed("multiplicative")
    assert needed("hals", "nesterov") <= needed("hals")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_exact_recovery_from_a_part_of_the_entries(form, seed):
    X = exact(seed=seed)
    _, mask = with_holes(X)
    observed = observe(X, mask, form=form)
    posed = CompletionProblem(observed, 3, 0.0, OffsetModel(observed, "none"))
    result = solve(posed)
    assert result.converged
    assert np.abs(result.factors.U @ result.factors.V.T - X).max() < 1e-6


@pytest.mark.parametrize("update", UPDATES)
def test_iteration_map_is_an_iteration(update):
    posed = problem(0.5)
    solver = NonNegativeALS(update, momentum=None)
    start = solver.start(posed, "svd")
    before = start.U.copy(), start.V.copy()
    U, V = start.U, start.V
    for _ in range(5):
        U, V = solver.iteration_map(posed, U, V)
    result = solver.solve(posed, start, max_iter=5, tol=0)
    np.testing.assert_allclose(U @ V.T, result.factors.U @ result.factors.V.T, rtol=1e-10)
    np.testing.assert_array_equal(start.U, before[0])
    np.testing.assert_array_equal(start.V, before[1])


def test_solutions_are_fixed_points_of_the_iteration_map():
    posed = problem(0.5)
    factors = solve(posed, tol=1e-8).factors
    for update in UPDATES:
        U, V = NonNegativeALS(update).iteration_map(posed, factors.U, factors.V)
        np.testing.assert_allclose(U, factors.U, atol=1e-5)
        np.testing.assert_allclose(V, factors.V, atol=1e-5)


def test_balanced_keeps_product_and_sign():
    rng = np.random.default_rng(0)
    factors = NonNegativeFactors(rng.random((6, 3)), rng.random((5, 3)) * [1e3, 0, 1])
    balanced = factors.balanced()
    np.testing.assert_allclose(balanced.U @ balanced.V.T, factors.U @ factors.V.T)
    np.testing.assert_allclose(*(np.linalg.norm(F, axis=0) for F in (balanced.U, balanced.V)))
    assert min(balanced.U.min(), balanced.V.min()) >= 0


def test_a_start_with_signs_is_made_non_negative():
    posed = problem(0.5)
    rng = np.random.default_rng(0)
    start = Factors(rng.normal(size=(40, 3)), rng.normal(size=(25, 3)))
    result = NonNegativeALS().solve(posed, start, max_iter=2, tol=0)
    assert min(result.factors.U.min(), result.factors.V.min()) >= 0


@pytest.mark.parametrize("entries", [3, 8, 30])
def test_small_problems_agree_with_active_sets(entries):
    rng = np.random.default_rng(entries)
    A, y = rng.random((200, entries, 8)), rng.normal(size=(200, entries)) + 0.3
    ridge = 1e-3 * np.eye(8)
    G = np.einsum("nij,nik->njk", A, A) + ridge
    u = minimise(G, np.einsum("nij,ni->nj", A, y))
    expected = [
        nnls(np.vstack([a, np.sqrt(ridge)]), np.append(b, np.zeros(8)))[0]
        for a, b in zip(A, y, strict=True)
    ]
    np.testing.assert_allclose(u, expected, atol=1e-9)
    assert (u == 0).any()
    assert (u > 0).any()


def test_degenerate_rows_have_finite_coefficients():
    V = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    X = np.array([[1.0, 1.0, 2.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    mask = np.array([[True, True, True], [False, False, False], [True, False, False]])
    for form in FORMS:
        U = non_negative_rows(observe(X, mask, form=form), V, 0.0)
        assert (U >= 0).all()
        np.testing.assert_allclose((U @ V.T)[:, 0], [1, 0, 3], atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [1e-8, 0.1, 10.0])
def test_leave_one_out_is_what_hiding_gives(form, weighted, alpha):
    observed = problem(form=form, weighted=weighted, noise=0.5).observed
    rng = np.random.default_rng(0)
    V = rng.random((25, 5))
    fast = leave_one_out(observed, V, alpha)
    i, j = observed.rows_and_columns()
    for at in range(0, i.size, 7):
        kept = np.arange(i.size) != at
        u = non_negative_rows(observed.keep(kept), V, alpha)[i[at]]
        assert fast[at] == pytest.approx(observed.rows.values[at] - u @ V[j[at]], abs=1e-6)


def test_leave_one_out_in_blocks(monkeypatch):
    observed = problem(noise=0.5).observed
    V = np.random.default_rng(0).random((25, 5))
    whole, rows = leave_one_out(observed, V, 0.1), non_negative_rows(observed, V, 0.1)
    monkeypatch.setattr("skmc._non_negative.BLOCK", 100)
    np.testing.assert_array_equal(leave_one_out(observed, V, 0.1), whole)
    np.testing.assert_array_equal(non_negative_rows(observed, V, 0.1), rows)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_fold_in_is_non_negative_and_the_transform_of_the_fit(alpha):
    X, mask = low_rank_table(non_negative=True)
    X = np.where(mask, X, np.nan)
    completer = NMFCompleter(3, alpha=alpha, keep_observed=False, tol=1e-8, max_iter=10_000)
    Z = completer.fit_transform(X)
    np.testing.assert_array_equal(Z, completer.transform(X))
    U = completer.row_factors(X)
    assert min(U.min(), Z.min(), completer.components_.min()) >= 0
    if alpha:
        # At convergence the fold-in of the training rows solves the problem, too.
        expected = one_more_iteration(completer, X)
        np.testing.assert_allclose(U, expected, atol=1e-5)


def one_more_iteration(completer, X):
    """Row factors after another iteration from the fold-in."""
    mask = ~np.isnan(X)
    observed = observe(np.where(mask, X, 0) / completer.scale_, mask)
    posed = CompletionProblem(
        observed, completer.rank_, completer.alpha_, OffsetModel(observed, "none")
    )
    U = completer.row_factors(X)
    return NonNegativeALS().iteration_map(posed, U, completer.components_.T)[0]


def test_zeros_are_observed_and_holes_are_not():
    X = exact()
    X_holes, mask = with_holes(X)
    zeros = NMFCompleter(3, keep_observed=False).fit(np.where(mask, X, 0.0))
    holes = NMFCompleter(3, keep_observed=False).fit(X_holes)
    hidden = ~mask
    truth = X[hidden]
    assert np.abs(holes.transform(X_holes)[hidden] - truth).max() < 0.05
    # Zeros in their place draw the prediction down to about the fraction that is left.
    drawn = zeros.transform(np.where(mask, X, 0.0))[hidden]
    assert drawn.mean() < 0.8 * truth.mean()


def test_a_negative_entry_is_named():
    X, _ = with_holes(exact())
    fitted = NMFCompleter(2).fit(X)
    row, column = np.argwhere(~np.isnan(X))[100]
    X[row, column] = -2.5
    message = rf"Negative values in data.* 1 of .*-2.5 in row {row}, column {column}"
    for call in (NMFCompleter(2).fit, fitted.transform, fitted.score, fitted.leave_one_out):
        with pytest.raises(ValueError, match=message):
            call(X)
    with pytest.raises(ValueError, match="Negative values in data passed to init"):
        NMFCompleter(1, init=-np.ones((1, 60))).fit(np.abs(X))


def test_a_negative_triplet_is_named():
    labels = np.argwhere(np.ones((6, 5)))
    values = np.ones(30)
    assert EntryRegressor(NMFCompleter(1)).fit(labels, values).predict(labels) == pytest.approx(1)
    values[7] = -1
    with pytest.raises(ValueError, match=r"Negative values in data.* in row 1, column 2"):
        EntryRegressor(NMFCompleter(1)).fit(labels, values)


@pytest.mark.parametrize("options", [{}, {"rank": 2}, {"rank": 2, "alpha": 1.0}])
@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("init", ["svd", "random"])
def test_nothing_but_zeros(options, update, init):
    X = np.zeros((6, 5))
    X[0, 0] = np.nan
    completed = NMFCompleter(update=update, init=init, random_state=0, **options).fit_transform(X)
    np.testing.assert_array_equal(completed, np.zeros((6, 5)))


def test_defaults_find_the_rank_of_noisy_data():
    rng = np.random.default_rng(0)
    X = exact(120, 60)
    noisy, mask = with_holes(np.abs(X + 0.1 * rng.normal(size=X.shape)))
    completer = NMFCompleter()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        completed = completer.fit_transform(noisy)
    assert completer.rank_ == 3
    assert np.sqrt(np.mean((completed - X)[~mask] ** 2)) < 0.15
    assert completer.score(noisy) > 0.9


@pytest.mark.parametrize("far", [1e160, 1e300])
def test_single_row_of_values_far_apart(far):
    X = np.array([[far, 0.5]])
    for table in (X, X.T.copy()):
        np.testing.assert_array_equal(NMFCompleter(rank=2).fit(table).transform(table), table)
