"""Penalties that grow with what is observed of a row or column."""

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe

from skmc import ALSCompleter, ALSCompleterCV
from skmc._factors import Factors
from skmc._fold_in import FoldIn
from skmc._observed import observed_from_csr
from skmc._training import prepare
from skmc.datasets import make_ratings
from skmc.solvers import SOLVERS, AlternatingLeastSquares

POWERS = [0.5, 1.0]


def problem_with(power, **options):
    problem = make_problem(**options)
    return problem.with_alpha(problem.alpha, penalty_power=power)


def solve(problem, **options):
    solver = AlternatingLeastSquares()
    options = {"max_iter": 5000, "tol": 1e-10, **options}
    return solver.solve(problem, solver.start(problem, "svd"), **options)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("options", [{}, {"weighted": True, "row_scale": True}])
def test_the_gradient_is_that_of_the_objective(power, options):
    problem = problem_with(power, rank=3, kind="both", **options)
    rng = np.random.default_rng(0)
    factors, step = (
        Factors(*(rng.normal(size=(size, 3)) for size in problem.shape)) for _ in range(2)
    )
    slope = sum(
        np.vdot(*pair) for pair in zip(problem.gradient(factors), (step.U, step.V), strict=True)
    )
    h = 1e-5
    ahead, behind = (
        problem.objective(Factors(factors.U + t * step.U, factors.V + t * step.V)) for t in (h, -h)
    )
    assert (ahead - behind) / (2 * h) == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"weighted": True}, {"row_scale": True, "kind": "both"}])
def test_the_solution_is_stationary_and_the_objective_never_rises(power, form, options):
    problem = problem_with(power, alpha=3.0, rank=6, form=form, **options)
    result = solve(problem)
    assert result.converged
    objectives = np.asarray(result.trace["objective"])
    assert (np.diff(objectives) <= 1e-10 * objectives[0]).all()
    size = np.abs(problem.observed.rmatmul(problem.observed.values, result.factors.U)).max()
    for gradient in problem.gradient(result.factors):
        assert np.abs(gradient).max() <= 1e-5 * size
    assert problem.objective(result.factors) == pytest.approx(objectives[-1], rel=1e-9)


def test_it_is_the_nuclear_norm_problem_of_a_rescaled_matrix():
    # Factors times the roots of the multiples p and q have the plain penalty, on entries of weight
    # 1 / (p q) that are as much larger.
    problem = problem_with(0.5, alpha=2.0, kind="none")
    p, q = problem.row_multiples, problem.column_multiples
    assert np.ptp(p) > 0.1
    assert np.ptp(q) > 0.1
    observed = problem.observed
    scaled = observed.with_values(
        observed.values * np.sqrt(np.outer(p, q)), observed.mask / np.outer(p, q)
    )
    plain = make_problem(alpha=2.0, kind="none")
    plain = type(plain)(scaled, plain.rank, 2.0, plain.offsets.of_values(scaled))
    expected, found = solve(plain).factors, solve(problem).factors
    np.testing.assert_allclose(
        found.U @ found.V.T, (expected.U @ expected.V.T) / np.sqrt(np.outer(p, q)), atol=1e-5
    )
    assert plain.duality_gap(expected) <= 1e-6 * plain.objective(expected)


@pytest.mark.parametrize("power", POWERS)
def test_balanced_factors_have_the_least_penalty(power):
    problem = problem_with(power, rank=3)
    rng = np.random.default_rng(0)
    factors = Factors(*(rng.normal(size=(size, 3)) for size in problem.shape))
    balanced = problem.balanced(factors)
    np.testing.assert_allclose(balanced.U @ balanced.V.T, factors.U @ factors.V.T, atol=1e-12)
    assert problem.penalty(balanced) < problem.penalty(factors)
    assert problem.row_penalty(balanced.U) == pytest.approx(problem.column_penalty(balanced.V))
    for _ in range(5):
        turn = np.eye(3) + 0.1 * rng.normal(size=(3, 3))
        other = Factors(balanced.U @ turn, balanced.V @ np.linalg.inv(turn).T)
        assert problem.penalty(other) > problem.penalty(balanced)


def test_fold_in_is_a_fixed_point():
    X = make_ratings(60, 40, 900, random_state=0, dtype=np.float64).X
    completer = ALSCompleter(3, alpha=2.0, penalty_power=0.5, center="both", tol=1e-10)
    training = prepare(
        observed_from_csr(X.indptr, X.indices, X.data, X.shape), None,
        center="both", scale=False, penalty_power=0.5,
    )  # fmt: skip
    problem = training.pose()
    result = solve(problem.with_alpha(2.0 / training.units.common, rank=3))
    fold_in = training.fold_in(result)
    U, rows = fold_in.factors(training.observed)
    np.testing.assert_allclose(U, result.factors.U, atol=1e-6)
    np.testing.assert_allclose(rows, result.residual.offsets.rows, atol=1e-6)
    completer.set_params(scale=False, max_iter=5000).fit(X)
    np.testing.assert_allclose(completer.transform(X[:20]), completer.transform(X)[:20], atol=1e-12)
    np.testing.assert_allclose(
        completer.row_factors(X) @ completer.components_, U @ result.factors.V.T, atol=1e-5
    )


def test_is_found_with_the_noise():
    X = make_ratings(300, 200, 9000, random_state=0).X
    plain, grown = (ALSCompleter(5, penalty_power=power).fit(X) for power in (0.0, 0.5))
    assert grown.rank_ == plain.rank_ > 0
    assert grown.alpha_ == pytest.approx(plain.alpha_)
    assert not np.allclose(grown.transform(X[:5]), plain.transform(X[:5]))


def test_cross_validation_has_it_in_the_folds_and_in_the_last_fit():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2)) @ rng.normal(size=(2, 40)) + 0.3 * rng.normal(size=(120, 40))
    X[rng.random(X.shape) < np.linspace(0.1, 0.8, 120)[:, None]] = np.nan
    options = {"center": "both", "scale": False, "penalty_power": 0.5}
    path = ALSCompleterCV([2], alphas=[8.0, 4.0], cv=3, **options).fit(X)
    plain = ALSCompleterCV([2], alphas=[8.0, 4.0], cv=3, **options | {"penalty_power": 0.0}).fit(X)
    assert not np.allclose(path.score_path_[0, 0], plain.score_path_[0, 0], rtol=1e-4)
    assert path.rank_ == 2
    one = ALSCompleter(2, alpha=path.alpha_, **options).fit(X)
    np.testing.assert_array_equal(path.components_, one.components_)


@pytest.mark.parametrize("center", [True, "both"])
def test_score_leaves_entries_out(center):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 1)) @ rng.normal(size=(1, 8)) + 0.1 * rng.normal(size=(12, 8))
    X[rng.random(X.shape) < 0.3] = np.nan
    completer = ALSCompleter(2, alpha=1.0, penalty_power=0.5, center=center).fit(X)
    predictions = completer.leave_one_out(X)
    i, j = np.argwhere(~np.isnan(X))[5]
    V = completer.components_.T[~np.isnan(X[i])]
    z = ((X[i] - completer.offsets_) / completer.scale_)[~np.isnan(X[i])]
    power, mean = completer._penalty_growth
    ridge = np.full(V.shape[1], completer.fold_in_alpha_ * ((z.size - 1) / mean) ** power)
    if center == "both":
        V, ridge = (
            np.hstack([V, np.ones((z.size, 1))]),
            np.append(ridge, completer.row_offset_alpha_),
        )
    at = np.count_nonzero(~np.isnan(X[i, :j]))
    others = np.arange(z.size) != at
    u = np.linalg.solve(V[others].T @ V[others] + np.diag(ridge), V[others].T @ z[others])
    expected = completer.offsets_[j] + completer.scale_[j] * (V[at] @ u)
    assert predictions[i, j] == pytest.approx(expected)


def test_sample_weights_are_repetitions():
    rng = np.random.default_rng(0)
    X = make_ratings(40, 25, 500, random_state=0, dtype=np.float64).X
    weight = rng.integers(1, 4, 40)
    options = {"alpha": 3.0, "penalty_power": 0.5, "tol": 1e-9, "max_iter": 5000, "scale": False}
    weighted = ALSCompleter(3, **options).fit(X, sample_weight=weight)
    repeated = ALSCompleter(3, **options).fit(X[np.repeat(np.arange(40), weight)])
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-5)


def test_uneven_ratings_are_predicted_better():
    ratings = make_ratings(1500, 800, 90_000, random_state=0)
    X = ratings.X.tocoo()
    held_out = np.random.default_rng(0).random(X.nnz) < 0.1
    train = X.copy()
    train.data, train.coords = X.data[~held_out], tuple(x[~held_out] for x in X.coords)
    rows, columns = (x[held_out] for x in X.coords)

    def error(power):
        # Each power with its best penalty.
        errors = []
        for alpha in (4.0, 6.0, 9.0, 13.0, 19.0):
            completer = ALSCompleter(
                20, alpha=alpha, penalty_power=power, center="both", scale=False, max_iter=15, tol=0
            )
            with pytest.warns(match="stopped after 15"):
                completer.fit(train)
            difference = completer.predict_entries(rows, columns) - X.data[held_out]
            errors.append(np.sqrt(np.mean(difference**2)))
        return min(errors)

    assert error(0.5) < error(0.0)


def test_other_solvers_say_that_they_cannot():
    problem = problem_with(0.5)
    for name, solver in SOLVERS.items():
        if "penalty_power" not in solver.supports:
            with pytest.raises(ValueError, match="penalty_power"):
                solver().check_supports(problem)
            assert name != "als"
    with pytest.raises(ValueError, match="nuclear norm"):
        problem.duality_gap(Factors(np.ones((40, 1)), np.ones((25, 1))))


def test_weights_that_vanish_against_the_others():
    X = make_ratings(40, 25, 500, random_state=0).X
    weight = X.copy()
    weight.data[:] = 1e9
    weight.data[: X.indptr[3]] = 1e-30
    completer = ALSCompleter(2, alpha=1.0, penalty_power=0.5).fit(X, entry_weight=weight)
    assert np.isfinite(completer.transform(X)).all()


@pytest.mark.parametrize("form", FORMS)
def test_the_ridge_of_a_row_grows_with_its_weight_in_learned_columns(form):
    X, mask = low_rank_table(n=12, m=8)
    rng = np.random.default_rng(1)
    weights, learned = rng.uniform(0.2, 3, X.shape), np.arange(8) != 5
    C = rng.normal(size=(2, 8)) * learned
    fold = FoldIn(C, 1.5, np.zeros(8), np.ones(8), learned, penalty_power=0.5, mean_row_weight=2.0)
    found, _ = fold.factors(observe(X, mask, weights, form))
    for i in range(12):
        w = weights[i] * mask[i]
        ridge = 1.5 * np.sqrt((w @ learned) / 2.0)
        wanted = np.linalg.solve((C * w) @ C.T + ridge * np.eye(2), C @ (w * X[i]))
        np.testing.assert_allclose(found[i], wanted, rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_columns_that_were_not_learned_have_no_part_in_the_offset_of_a_row(form):
    X, mask = low_rank_table(n=12, m=8)
    learned = np.arange(8) != 5
    C = np.random.default_rng(1).normal(size=(2, 8)) * learned
    fold = FoldIn(C, 1.5, np.zeros(8), np.ones(8), learned, row_penalty=0.7)
    found = fold.factors(observe(X, mask, form=form))
    X, mask = np.ascontiguousarray(X[:, learned]), np.ascontiguousarray(mask[:, learned])
    wanted = fold.of_columns(learned).factors(observe(X, mask, form=form))
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
