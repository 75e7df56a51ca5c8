import tracemalloc

import numpy as np
import pytest
from problems import low_rank_table, make_problem, observe

from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import ProjectedGradient, SoftImpute
from skmc.solvers._base import DivergenceError


def solve(solver, problem, **options):
    options = {"max_iter": 5000, "tol": 1e-8, **options}
    return solver.solve(problem, solver.start(problem, "svd"), **options)


def test_complete_data_are_solved_by_one_decomposition():
    X, _ = low_rank_table(n=40, m=30)
    observed = observe(X, np.ones(X.shape, bool))
    problem = CompletionProblem(observed, 3, 0.0, OffsetModel(observed))
    result = solve(ProjectedGradient(step_size=1.0, momentum=None), problem)
    centred = X - X.mean(axis=0)
    P, s, Qt = np.linalg.svd(centred, full_matrices=False)
    expected = (P[:, :3] * s[:3]) @ Qt[:3]
    np.testing.assert_allclose(result.factors.U @ result.factors.V.T, expected, atol=1e-8)


def test_soft_threshold_on_complete_data():
    X, _ = low_rank_table(n=40, m=30)
    observed = observe(X, np.ones(X.shape, bool))
    problem = CompletionProblem(observed, 30, 2.0, OffsetModel(observed))
    result = solve(SoftImpute(), problem)
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    expected = np.maximum(s - 2.0, 0)
    found = np.zeros_like(s)
    values = result.factors.singular_values()
    found[: values.size] = values
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.parametrize("solver", [SoftImpute, ProjectedGradient])
def test_acceleration_reaches_the_same_objective_in_fewer_iterations(solver):
    options = {"n": 120, "m": 80, "fraction": 0.25, "form": "sparse"}
    if solver is SoftImpute:
        problem = make_problem(alpha=1.0, rank=80, **options)
    else:
        problem = make_problem(alpha=0.0, rank=3, **options)
    plain = solve(solver(step_size=1.0, momentum=None), problem)
    fast = solve(solver(), problem)
    values = [problem.objective(r.factors) for r in (plain, fast)]
    assert values[1] == pytest.approx(values[0], rel=1e-6)
    assert fast.n_iter < 0.5 * plain.n_iter


def test_too_long_a_step_is_a_divergence_error():
    problem = make_problem(alpha=0.0, rank=3, fraction=0.9)
    with pytest.raises(DivergenceError, match="step_size"):
        solve(ProjectedGradient(step_size=30.0, momentum=None), problem)


def test_sparse_problems_take_memory_in_their_entries():
    problem = make_problem(n=2500, m=2000, fraction=0.002, alpha=8.0, form="sparse")
    dense = 8 * np.prod(problem.shape)
    tracemalloc.start()
    result = solve(SoftImpute(), problem, tol=1e-2, max_iter=30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.factors.rank > 0
    assert peak < 0.3 * dense


def test_the_rank_cap_holds():
    problem = make_problem(alpha=0.1, rank=2)
    assert solve(SoftImpute(), problem, tol=1e-4).factors.rank <= 2


@pytest.mark.parametrize("fraction", [0.3, 1e-2, 1e-12, 1e-300])
def test_soft_impute_starts_with_few_steps_however_small_the_penalty(fraction):
    problem = make_problem()
    problem = problem.with_alpha(fraction * problem.alpha_max())
    steps = []

    class Counting(SoftImpute):
        def step(self, problem, state):
            steps.append(problem.alpha)
            return super().step(problem, state)

    factors = Counting().start(problem, "svd")
    assert len(steps) <= 16
    assert (np.diff(steps) <= 0).all()
    assert not steps or min(steps) > problem.alpha
    assert problem.objective(factors) < problem.at_zero.loss
