"""Gauss-Newton: second order, and one family with the other solvers."""

import numpy as np
import pytest
from problems import FORMS, make_problem

from skmc._factors import Factors
from skmc._tangent import TangentSystem
from skmc.solvers import AlternatingLeastSquares, GaussNewton


def run(solver, problem, **options):
    start = solver.start(problem, "svd")
    return solver.solve(problem, start, **{"max_iter": 3000, "tol": 1e-9, **options})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["column", "none", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_system_is_the_gauss_newton_matrix(kind, form, weighted):
    problem = make_problem(alpha=0.5, kind=kind, form=form, weighted=weighted, row_scale=weighted)
    rng = np.random.default_rng(0)
    n, m = problem.shape
    factors = Factors(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)))
    system = TangentSystem(problem, factors)
    c = rng.normal(size=(n, 2)), rng.normal(size=(m, 2))
    A, B = system.step(c)
    # The gradient of the loss of x - s (A V' + U B') in s is linear in s; so is its adjoint image.
    quadratic = sum(np.vdot(a, b) for a, b in zip(c, system.matvec(c), strict=True))
    change = system.change((A, B))
    projected, offsets = problem.offsets.project(change)
    expected = problem.observed.dot(problem.observed.weighted(projected), projected)
    expected += problem.alpha * (np.vdot(A, A) + np.vdot(B, B))
    if offsets.rows is not None:
        expected += problem.offsets.row_penalty * np.vdot(offsets.rows, offsets.rows)
    np.testing.assert_allclose(quadratic, expected, rtol=1e-8)


def test_diagonal_blocks_are_whitened():
    problem = make_problem(alpha=0.0, rank=3, kind="none")
    system = TangentSystem(problem, run(GaussNewton(), problem, max_iter=2).factors)
    n, m = problem.shape
    for k in range(3):
        unit = np.zeros((n, 3)), np.zeros((m, 3))
        unit[0][4, k] = 1.0
        np.testing.assert_allclose(system.matvec(unit)[0][4], unit[0][4], atol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("kind", ["column", "none", "both"])
def test_agrees_with_alternating_least_squares(alpha, kind):
    options = {"alpha": alpha, "kind": kind} | ({} if alpha else {"rank": 3})
    problem = make_problem(**options)
    ours, theirs = run(GaussNewton(), problem), run(AlternatingLeastSquares(), problem)
    assert ours.converged
    values = [problem.objective(result.factors) for result in (ours, theirs)]
    assert abs(values[0] - values[1]) <= 1e-7 * values[1]
    objective = np.array(ours.trace["objective"])
    assert (np.diff(objective) <= 1e-10 * objective[:-1]).all()


def test_converges_quadratically_on_exact_data():
    rng = np.random.default_rng(0)
    problem = make_problem(alpha=0.0, rank=3, kind="none")
    U, V = (rng.normal(size=(k, 3)) for k in problem.shape)
    exact = -problem.observed.residual(U, V) + problem.observed.values
    observed = problem.observed.with_values(exact, problem.observed.weights)
    problem = type(problem)(observed, 3, 0.0, problem.offsets.of_values(observed))
    near = Factors(U + 1e-2 * rng.normal(size=U.shape), V + 1e-2 * rng.normal(size=V.shape))
    result = GaussNewton().solve(problem, near, max_iter=12, tol=0)
    assert result.residual.loss <= 1e-18 * problem.at_zero.loss
