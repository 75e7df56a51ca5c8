import numpy as np
import pytest
from problems import FORMS, observe

from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import RELAXATION, SOLVERS, NoiseSchedule, find_noise, solve_at_edge
from skmc.solvers._noise import edge_of_unit_noise

SHAPE = (300, 120)


def problem_of(X, mask, rank=120, form="dense"):
    observed = observe(X, mask, form=form)
    return CompletionProblem(observed, rank, 0.0, OffsetModel(observed))


def signal_and_noise(noise, seed=0, rank=3, fraction=0.5):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(SHAPE[0], rank)) @ rng.normal(size=(rank, SHAPE[1])) / np.sqrt(rank)
    return Z, Z + noise * rng.normal(size=SHAPE), rng.random(SHAPE) < fraction


def solve(name, problem, tol=1e-2, *, alpha=True, units=False, select=True):
    """At the edge of the noise, or at the penalty of the problem in the units of its noise."""
    solver = SOLVERS[name]()
    options = {"max_iter": 500, "tol": tol}
    if alpha:
        return solve_at_edge(
            solver, problem, "svd",
            select=select, relaxation=RELAXATION, units=units, random_state=None, **options,
        )  # fmt: skip
    schedule = NoiseSchedule(problem, 500, tol, alpha=False, units=True) if units else None
    return solver.solve(problem, solver.start(problem, "svd"), schedule=schedule, **options)


def test_edge_matches_the_singular_values_of_noise():
    rng = np.random.default_rng(0)
    mask = rng.random(SHAPE) < 0.5
    noise = np.where(mask, rng.normal(size=SHAPE), 0)
    largest = np.linalg.svd(noise, compute_uv=False)[0]
    assert edge_of_unit_noise(problem_of(noise, mask)) == pytest.approx(largest, rel=0.05)


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("rank", [1, 3, 8])
def test_noise_level_and_rank_are_found(noise, rank):
    _, X, mask = signal_and_noise(noise, rank=rank)
    problem = problem_of(X, mask)
    _, found = find_noise(problem, "svd", units=False, max_iter=500, tol=1e-2)
    assert found.rank == rank
    assert found.edge == pytest.approx(noise * (np.sqrt(150) + np.sqrt(60)), rel=0.1)
    assert not found.is_exact


@pytest.mark.parametrize("name", ["als", "soft_impute"])
@pytest.mark.parametrize("form", FORMS)
def test_pure_noise_is_fitted_by_nothing(name, form):
    rng = np.random.default_rng(1)
    mask = rng.random(SHAPE) < 0.5
    problem = problem_of(rng.normal(size=SHAPE), mask, form=form)
    result = solve(name, problem)
    assert result.factors.rank == 0


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("name", ["als", "soft_impute"])
def test_better_than_any_penalty_without_selection(name, noise):
    Z, X, mask = signal_and_noise(noise)
    problem = problem_of(X, mask, rank=10 if name == "als" else 120)

    def error(result):
        columns = problem.residual(result.factors).offsets.columns
        return np.sqrt(np.mean((result.factors.U @ result.factors.V.T + columns - Z) ** 2))

    found = solve(name, problem)
    solver = SOLVERS[name]()
    edge = noise * (np.sqrt(150) + np.sqrt(60))
    errors = []
    # Without a selection of components no penalty does as well.
    for alpha in edge * np.array([0.3, 0.45, 0.6, 0.75, 0.9]):
        fixed = problem.with_alpha(alpha)
        start = solver.start(fixed, "svd")
        errors.append(error(solver.solve(fixed, start, max_iter=500, tol=1e-3)))
    assert error(found) <= 0.9 * min(errors)


def test_penalty_scales_with_the_data():
    _, X, mask = signal_and_noise(0.3)
    one, ten = (solve("soft_impute", problem_of(c * X, mask)) for c in (1.0, 10.0))
    assert ten.problem.alpha == pytest.approx(10 * one.problem.alpha, rel=1e-6)


def test_noise_free_data_get_a_small_positive_penalty():
    _, X, mask = signal_and_noise(0.0)
    result = solve("soft_impute", problem_of(X, mask))
    assert result.problem.alpha > 0
    assert result.converged


def test_trace_tells_the_penalties():
    _, X, mask = signal_and_noise(0.3)
    result = solve("als", problem_of(X, mask, rank=10))
    assert {len(values) for values in result.trace.values()} == {result.n_iter}
    assert (np.diff(result.trace["time"]) >= 0).all()
    assert result.trace["alpha"][-1] == result.problem.alpha


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("als", {"alpha": True}),
        ("als", {"alpha": False}),
        ("soft_impute", {"alpha": True}),
        ("soft_impute", {"alpha": False}),
        ("projected_gd", {"alpha": False}),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_units_follow_the_noise_of_the_columns(name, options, form):
    Z, _, mask = signal_and_noise(0.0)
    level = np.repeat([0.1, 0.3], SHAPE[1] // 2)
    X = Z + level * np.random.default_rng(1).normal(size=SHAPE)
    problem = problem_of(X, mask, rank=3, form=form)
    if name != "projected_gd":
        problem = problem.with_alpha(1.0)

    def error(result):
        columns = result.residual.offsets.columns
        found = result.factors.U @ result.factors.V.T + columns
        return np.mean((found * (1.0 if result.units is None else result.units) - Z) ** 2)

    result = solve(name, problem, units=True, **options)
    quiet, loud = result.units[: SHAPE[1] // 2], result.units[SHAPE[1] // 2 :]
    # 3 in truth; some of the residual is signal, and levels are drawn towards the common one.
    assert 1.8 < np.median(loud) / np.median(quiet) < 3.2
    assert np.mean(result.units**2) == pytest.approx(1.0, rel=0.2)
    plain = solve(name, problem, units=False, **options)
    assert plain.units is None
    assert error(result) < 0.9 * error(plain)


def test_column_that_another_determines_does_not_take_over():
    _, X, mask = signal_and_noise(0.3)
    X[:, 1] = X[:, 0]
    X[:, 2] = 0.0
    units = solve("als", problem_of(X, mask, rank=10), units=True).units
    assert np.isfinite(units).all()
    assert units.min() >= 0.2
    assert units.max() <= 5.0


def test_exact_fit_leaves_the_units_alone():
    _, X, mask = signal_and_noise(0.0)
    problem = problem_of(X, np.ones_like(mask), rank=4)
    result = solve("projected_gd", problem, alpha=False, units=True)
    np.testing.assert_array_equal(result.units, 1.0)
