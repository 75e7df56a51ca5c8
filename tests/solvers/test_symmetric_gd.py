"""Gradient descent on one factor: what the contract of all solvers does not say."""

import numpy as np
import pytest
from problems import FORMS, observe, symmetric_problem, symmetric_table

from skmc._factors import Factors
from skmc._observed import is_symmetric, mirror_images, with_mirror_images
from skmc._symmetric import SymmetricFactors, nearest_symmetric
from skmc.solvers import SOLVERS, SymmetricGradient
from skmc.solvers._base import DivergenceError

SIGNS = {"definite": (1, 1, 1), "signed": (1, -1, 1)}
each_form = pytest.mark.parametrize("form", FORMS)
each_sign = pytest.mark.parametrize("kind", SIGNS)


def posed(kind="definite", **options):
    return symmetric_problem(signs=SIGNS[kind], **options)


def solver(kind="definite", **options):
    return SymmetricGradient(signed=kind == "signed", **options)


def solve(problem, kind="definite", init="svd", start=None, seed=0, callback=None, **options):
    run = {"max_iter": 20_000, "tol": 1e-8}
    run |= {key: options.pop(key) for key in ("max_iter", "tol") if key in options}
    method = solver(kind, **options)
    if start is None:
        start = method.start(problem, init, np.random.RandomState(seed))
    return method.solve(problem, start, callback=callback, **run)


def product(factors):
    return factors.U @ factors.V.T


def distances(X, *args, **options):
    """Distance of Z from X after each iteration."""
    found = []
    solve(
        *args, **options,
        callback=lambda _, state: found.append(np.linalg.norm(product(state.factors) - X)),
    )  # fmt: skip
    return np.array(found)


def dense_hessian(problem, factors):
    shape = factors.U.shape
    columns = [
        SymmetricGradient().hessian(problem, factors, unit.reshape(shape)).ravel()
        for unit in np.eye(factors.U.size)
    ]
    return np.array(columns).T


def spectrum(problem, factors):
    """Zeros of the Hessian, its least positive and largest eigenvalue, with their eigenvectors."""
    H = dense_hessian(problem, factors)
    np.testing.assert_allclose(H, H.T, atol=1e-9 * np.abs(H).max())
    values, vectors = np.linalg.eigh(H)
    zeros = np.count_nonzero(np.abs(values) < 1e-6 * values[-1])
    ends = vectors[:, [zeros, -1]].T.reshape(2, *factors.U.shape)
    return zeros, values[zeros], values[-1], ends


@each_form
@each_sign
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_hessian_is_the_derivative_of_half_the_gradient(form, kind, alpha):
    problem = posed(kind, alpha=alpha, weighted=True, form=form, n=20)
    rng = np.random.default_rng(0)
    signs = np.array(SIGNS[kind])
    U, direction = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))

    def gradient(t):
        # The first part of the gradient of the problem at V = U D.
        return problem.gradient(SymmetricFactors.of(U + t * direction, signs))[0]

    expected = (gradient(1e-5) - gradient(-1e-5)) / 2e-5
    found = solver(kind).hessian(problem, SymmetricFactors.of(U, signs), direction)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("signs", "condition", "fraction"),
    [
        ((1, 1, 1), 1.0, 0.3),
        ((1, 1, 1), 4.0, 0.3),
        ((1, 1, 1, 1), 10.0, 0.5),
        ((1, -1, 1), 3.0, 0.3),
    ],
)
def test_local_rate_is_that_of_the_spectrum(signs, condition, fraction):
    kind, rank = "signed" if -1 in signs else "definite", len(signs)
    table = {"signs": signs, "condition": condition, "noise": 0.0, "fraction": fraction, "n": 50}
    problem, (X, _) = symmetric_problem(rank=rank, **table), symmetric_table(**table)
    limit = nearest_symmetric(Factors(X, np.eye(50)), rank, kind == "signed")
    zeros, least, largest, ends = spectrum(problem, limit)
    # Rotations of U change nothing.
    assert zeros == rank * (rank - 1) // 2
    start = SymmetricFactors.of(limit.U + 1e-3 * ends.sum(axis=0), limit.signs)
    for length in (2.0 / (least + largest), 1.0 / largest):
        errors = distances(
            X, problem, kind, start=start, preconditioner=None, momentum=None, tol=0,
            step_size=length * problem.alpha_max(), max_iter=3000,
        )  # fmt: skip
        tail = errors[errors > 1e-6 * errors[0]][-100:]
        rate = (tail[-1] / tail[-51]) ** (1 / 50)
        predicted = max(abs(1 - length * least), abs(1 - length * largest))
        assert rate == pytest.approx(predicted, abs=1e-3)


@each_sign
def test_automatic_step_is_the_inverse_of_the_largest_eigenvalue(kind):
    problem = posed(kind, noise=0.3)
    result = solve(problem, kind, preconditioner=None, momentum=None)
    largest = spectrum(problem, result.factors)[2]
    assert result.trace["step"][-1] == pytest.approx(problem.alpha_max() / largest, rel=0.02)


@each_form
@each_sign
@pytest.mark.parametrize("init", ["svd", "random"])
def test_exact_recovery(form, kind, init):
    options = {"n": 80, "noise": 0.0, "fraction": 0.4, "condition": 10.0}
    X, _ = symmetric_table(signs=SIGNS[kind], **options)
    result = solve(posed(kind, form=form, **options), kind, init)
    assert result.converged
    assert np.abs(product(result.factors) - X).max() < 1e-6
    np.testing.assert_array_equal(np.sort(result.factors.signs), np.sort(SIGNS[kind]))


@each_form
@each_sign
@pytest.mark.parametrize("preconditioner", ["scaled", None])
@pytest.mark.parametrize("momentum", ["nesterov", None])
def test_objective_never_rises(form, kind, preconditioner, momentum):
    for alpha, init in ((0.0, "svd"), (2.0, "random")):
        problem = posed(kind, form=form, alpha=alpha, weighted=True, noise=0.5)
        options = {"preconditioner": preconditioner, "momentum": momentum}
        result = solve(problem, kind, init, max_iter=200, tol=0, **options)
        objective = np.array(result.trace["objective"])
        assert (np.diff(objective) <= 1e-12 * objective[:-1]).all()
        assert problem.objective(result.factors) == pytest.approx(objective[-1])


def test_momentum_and_preconditioner_save_iterations():
    options = {"n": 80, "noise": 0.0, "fraction": 0.4, "condition": 30.0}
    problem = posed(**options)
    scaled, plain, plainest = (
        solve(problem, preconditioner=p, momentum=m).n_iter
        for p, m in (("scaled", "nesterov"), (None, "nesterov"), (None, None))
    )
    assert 2 * scaled < plain
    assert 2 * plain < plainest


@pytest.mark.parametrize("alpha", [2.0, 6.0])
@pytest.mark.parametrize("init", ["svd", "random"])
def test_with_signs_it_solves_the_nuclear_norm_problem(alpha, init):
    # The nuclear norm of a symmetric matrix is that of its eigenvalues.
    problem = posed("signed", alpha=alpha, rank=40, noise=0.5)
    result = solve(problem, "signed", init, tol=1e-9)
    other = SOLVERS["soft_impute"]()
    convex = other.solve(problem, other.start(problem, "svd"), max_iter=20_000, tol=1e-9)
    optimum = problem.objective(convex.factors)
    assert problem.objective(result.factors) == pytest.approx(optimum, rel=1e-8)
    assert problem.duality_gap(result.factors) <= 1e-5 * optimum
    # Where this is positive semidefinite, as little as possible of it is lost without signs.
    definite = posed(alpha=alpha, rank=40, noise=0.5)
    values = [
        definite.objective(solve(definite, kind, tol=1e-9).factors)
        for kind in ("definite", "signed")
    ]
    assert values[0] >= values[1] * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_plateau_is_not_the_end(seed):
    # Weak components grow out of a small start while little else changes.
    table = {"n": 200, "signs": (1, 1, 1, 1), "condition": 20.0, "noise": 0.3, "fraction": 0.3}
    problem = symmetric_problem(rank=4, seed=seed, **table)
    default, patient = (solve(problem, tol=tol).trace["objective"][-1] for tol in (1e-2, 1e-6))
    assert default <= 1.01 * patient


def test_wrong_signs_are_exchanged():
    options = {"n": 80, "noise": 0.0, "fraction": 0.5}
    problem, (X, _) = posed("signed", **options), symmetric_table(signs=SIGNS["signed"], **options)
    start = solver("signed").start(problem, "svd")
    wrong = SymmetricFactors.of(start.U, np.ones(3))
    result = solve(problem, "signed", start=wrong)
    np.testing.assert_array_equal(np.sort(result.factors.signs), [-1, 1, 1])
    assert np.abs(product(result.factors) - X).max() < 1e-6
    objective = np.array(result.trace["objective"])
    assert (np.diff(objective) <= 1e-12 * objective[:-1]).all()


def test_without_signs_negative_ones_are_made_positive():
    problem = posed("signed", noise=0.0)
    signed = solve(problem, "signed").factors
    result = solve(problem, start=signed)
    assert (result.factors.signs > 0).all()
    assert np.linalg.eigvalsh(product(result.factors))[0] > -1e-9


@each_sign
@pytest.mark.parametrize("preconditioner", ["scaled", None])
def test_a_step_that_is_too_long_diverges(kind, preconditioner):
    problem = posed(kind)
    with pytest.raises(DivergenceError, match=r"symmetric_gd diverged.*Lower step_size"):
        solve(problem, kind, step_size=50.0, preconditioner=preconditioner, momentum=None)


def test_complete_data_give_the_nearest_matrix():
    problem = posed(noise=0.5, fraction=1.0, n=30)
    for kind in SIGNS:
        expected = nearest_symmetric(
            Factors(problem.observed.values, np.eye(30)), 3, kind == "signed"
        )
        found = solve(problem, kind, tol=1e-9).factors
        np.testing.assert_allclose(product(found), product(expected), atol=1e-6)


@pytest.mark.parametrize("kind", ["definite", "signed"])
def test_given_vectors_are_multiplied_by_what_fits_best(kind):
    problem = posed(kind, noise=0.0)
    limit = solve(problem, kind).factors.balanced()
    lengths = np.array([[0.5], [3.0], [10.0]])
    start = solver(kind).start(problem, (lengths * limit.U.T, np.zeros(40)))
    np.testing.assert_allclose(product(start), product(limit), atol=1e-6)


def test_signs_of_a_pair_of_opposite_eigenvalues():
    factors = nearest_symmetric(Factors(np.array([[0.0, 2.0], [2.0, 0.0]]), np.eye(2)), 2, True)
    np.testing.assert_allclose(product(factors), [[0, 2], [2, 0]], atol=1e-12)
    np.testing.assert_array_equal(np.sort(factors.signs), [-1, 1])
    P, s, Q = factors.svd()
    np.testing.assert_allclose((P * s) @ Q.T, [[0, 2], [2, 0]], atol=1e-12)
    np.testing.assert_allclose(np.abs(np.einsum("ik,ik->k", P, Q)), 1)
    np.testing.assert_allclose(product(factors.balanced()), product(factors), atol=1e-12)


def test_nearest_symmetric_is_that_of_the_symmetric_part():
    rng = np.random.default_rng(0)
    factors = Factors(rng.normal(size=(9, 2)), rng.normal(size=(9, 2)))
    Z = product(factors)
    found = nearest_symmetric(factors, 4, True)
    np.testing.assert_allclose(product(found), 0.5 * (Z + Z.T), atol=1e-12)
    values = np.linalg.eigvalsh(product(nearest_symmetric(factors, 4, False)))
    assert values[0] > -1e-12


@each_form
@pytest.mark.parametrize("weighted", [False, True])
def test_mirror_images_complete_the_other_half(form, weighted):
    X, mask = symmetric_table(n=12)
    weights = np.add.outer(np.arange(12.0), np.arange(12.0)) + 1 if weighted else None
    both = observe(X, mask, weights, form)
    assert is_symmetric(both)
    images, (rows, columns) = mirror_images(both), both.rows_and_columns()
    np.testing.assert_array_equal(rows[images], columns)
    np.testing.assert_array_equal(columns[images], rows)
    assert with_mirror_images(both, images) is both
    half = mask & (np.random.default_rng(0).random(X.shape) < 0.5)
    half |= mask & ~half.T & np.tri(12, dtype=bool)
    one = observe(X, half, weights, form)
    assert not is_symmetric(one)
    images = mirror_images(one)
    rows, columns = one.rows_and_columns()
    np.testing.assert_array_equal(images < 0, ~half.T[rows, columns])
    again = with_mirror_images(one, images)
    for found, expected in zip(
        (*again.rows_and_columns(), again.rows.values), (*both.rows_and_columns(), X[mask]),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(found, expected)
    if weighted:
        np.testing.assert_array_equal(again.rows.weights, weights[mask])


def test_matrices_that_are_not_symmetric():
    X, mask = symmetric_table(n=12)
    other = X.copy()
    other[0, 1] += 1e-3
    mask[0, 1] = mask[1, 0] = True
    weights = np.ones(X.shape)
    weights[0, 1] = 2.0
    assert is_symmetric(observe(X, mask))
    assert not is_symmetric(observe(other, mask))
    assert not is_symmetric(observe(X, mask, weights))
    assert not is_symmetric(observe(X[:, :9], mask[:, :9]))
