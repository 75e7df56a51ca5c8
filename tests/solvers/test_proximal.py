import tracemalloc

import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe

from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem, zero_factors
from skmc.solvers import ProjectedGradient, SoftImpute
from skmc.solvers._base import DivergenceError
from skmc.solvers._proximal import ProximalGradient


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
def test_soft_impute_starts_with_few_steps_however_small_the_penalty(fraction, monkeypatch):
    problem = make_problem()
    problem = problem.with_alpha(fraction * problem.alpha_max())
    steps, step = [], ProximalGradient.step

    def counting(self, problem, state):
        steps.append(problem.alpha)
        return step(self, problem, state)

    monkeypatch.setattr(ProximalGradient, "step", counting)
    factors = SoftImpute().start(problem, "svd")
    assert 1 <= len(steps) <= 8
    assert (np.diff(steps) < 0).all()
    assert min(steps) > problem.alpha
    assert problem.objective(factors) < problem.at_zero.loss


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["none", "column", "both"])
def test_the_start_hands_over_its_residual(form, kind):
    problem = make_problem(form=form, kind=kind)
    problem = problem.with_alpha(0.1 * problem.alpha_max())
    factors = SoftImpute().start(problem, "svd")
    known, again = problem.residual(factors), problem.residual(factors)
    assert known is not again
    np.testing.assert_allclose(known.entries, again.entries, atol=1e-8)
    assert known.loss == pytest.approx(again.loss)


@pytest.mark.parametrize("m", [40, 300])
def test_the_first_step_on_narrow_data_is_the_thresholded_decomposition(m):
    rng = np.random.default_rng(0)
    X, mask = rng.normal(size=(400, m)), rng.random((400, m)) < 0.7
    observed = observe(X, mask, form="dense")
    s = np.linalg.svd(np.where(mask, X, 0), compute_uv=False)
    alpha = 0.5 * (s[4] + s[5])
    problem = CompletionProblem(observed, min(400, m), alpha, OffsetModel(observed, "none"))
    assert problem.alpha_max() == pytest.approx(s[0], rel=1e-10)
    solver = SoftImpute()
    state = solver.step(problem, solver.init_state(problem, zero_factors(problem)))
    np.testing.assert_allclose(solver.singular_values(state), s[:5] - alpha, rtol=1e-8)
