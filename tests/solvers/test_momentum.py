"""Momentum leads to the same solution as plain iterations, by a shorter way."""

from dataclasses import replace

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc._compat import InvalidParameterError
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import AlternatingLeastSquares, ProjectedGradient, SoftImpute
from skmc.solvers._als import BALANCE_EVERY

SOLVERS = [AlternatingLeastSquares, SoftImpute, ProjectedGradient]
WAYS = ["nesterov", None]


def problem_for(solver, **options):
    if solver is ProjectedGradient:
        return make_problem(alpha=0.0, rank=3, **options)
    return make_problem(alpha=2.0, **options)


def solve(solver, problem, **options):
    options = {"max_iter": 20_000, "tol": 1e-9, **options}
    return solver.solve(problem, solver.start(problem, "svd"), **options)


def product(result):
    return result.factors.U @ result.factors.V.T


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("momentum", WAYS)
@pytest.mark.parametrize("kind", ["column", "none", "both"])
def test_objective_never_rises(solver, momentum, kind):
    problem = problem_for(solver, kind=kind, fraction=0.3)
    trace = solve(solver(momentum=momentum), problem, max_iter=150, tol=0).trace
    objective = np.array(trace["objective"])
    assert (np.diff(objective) <= 1e-10 * objective[:-1]).all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weighted", [False, True])
def test_both_ways_lead_to_one_solution(solver, form, weighted):
    problem = problem_for(solver, form=form, weighted=weighted, row_scale=weighted)
    found = [product(solve(solver(momentum=momentum), problem)) for momentum in WAYS]
    np.testing.assert_allclose(*found, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_momentum_takes_fewer_iterations_where_plain_ones_are_slow(solver):
    hard = solver is ProjectedGradient
    problem = make_problem(
        n=60, m=40, fraction=0.2, alpha=0.0 if hard else 0.5, rank=3 if hard else 20
    )
    counts = [solve(solver(momentum=momentum), problem, tol=1e-4).n_iter for momentum in WAYS]
    assert counts[0] < 0.7 * counts[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_plain_iterations_do_not_depend_on_the_order_of_rows_and_columns(solver):
    X, mask = low_rank_table(n=30, m=20)
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(30), rng.permutation(20)
    alpha, rank = (0.0, 3) if solver is ProjectedGradient else (2.0, 20)
    found = []
    for table, pattern in ((X, mask), (X[rows][:, columns], mask[rows][:, columns])):
        observed = observe(table, pattern)
        problem = CompletionProblem(observed, rank, alpha, OffsetModel(observed))
        found.append(product(solve(solver(momentum=None), problem)))
    np.testing.assert_allclose(found[0][rows][:, columns], found[1], atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["column", "none", "both"])
@pytest.mark.parametrize("form", FORMS)
def test_iterations_write_over_nothing_that_others_hold(solver, kind, form):
    problem = problem_for(solver, kind=kind, form=form)
    held = [problem.observed.values, problem.at_zero.entries]
    start = solver().start(problem, "svd")
    held += [start.U, start.V]
    before = [array.copy() for array in held]
    result = solver().solve(problem, start, max_iter=30, tol=0)
    for array, copy in zip(held, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    np.testing.assert_allclose(
        result.residual.entries, problem.residual(result.factors).entries, atol=1e-8
    )


def test_balancing_takes_the_momentum_along():
    problem, solver = make_problem(alpha=0.5, rank=3), AlternatingLeastSquares()
    state = solver.init_state(problem, solver.start(problem, "svd"))
    for _ in range(BALANCE_EVERY - 1):
        state = solver.step(problem, state)
    new = solver._balance(problem, replace(state))
    U, V = new.factors.U, new.factors.V
    before = state.factors
    np.testing.assert_allclose(U @ V.T, before.U @ before.V.T, atol=1e-10)
    np.testing.assert_allclose(U.T @ U, V.T @ V, atol=1e-8)
    # The last step, as a change of Z, is the same in either basis.
    step = before.V - state.previous_V
    np.testing.assert_allclose(U @ (V - new.previous_V).T, before.U @ step.T, atol=1e-8)
    assert new.objective == pytest.approx(problem.objective(new.factors), rel=1e-8)
    assert new.objective < state.objective


@pytest.mark.parametrize(
    "completer",
    [
        ALSCompleter(3, alpha=1.0, scale=True),
        SoftImputeCompleter(1.0, scale=True),
        ProjectedGDCompleter(3, scale=True),
        ALSCompleterCV(ranks=[3], alphas=[1.0], cv=2, scale=True),
        SoftImputeCompleterCV(alphas=[1.0], relaxations=[1.0], cv=2, scale=True),
    ],
    ids=lambda completer: type(completer).__name__,
)
def test_completers_take_it(completer):
    X, mask = low_rank_table()
    X = np.where(mask, X, np.nan)
    completer.set_params(tol=1e-6, max_iter=3000)
    found = [completer.set_params(momentum=way).fit_transform(X) for way in WAYS]
    np.testing.assert_allclose(*found, atol=1e-3)
    with pytest.raises(InvalidParameterError, match="momentum"):
        completer.set_params(momentum="heavy").fit(X)
