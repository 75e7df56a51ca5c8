"""What every solver in the registry must satisfy, by the theorems that make it one family."""

import numpy as np
import pytest
from problems import (
    FORMS,
    low_rank_table,
    make_problem,
    observe,
    symmetric_problem,
    symmetric_table,
)

from skmc._non_negative import non_negative_rows
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import SOLVERS

ALL = sorted(SOLVERS)
# Bounds on the factors make another problem, for data without offsets, with an optimum of its own.
NON_NEGATIVE = [name for name in ALL if "non_negative" in SOLVERS[name].supports]
# Of all that match the observed entries there is one smallest, whether or not they have a rank.
INTERPOLATING = [name for name in ALL if "interpolates" in SOLVERS[name].supports]
# One factor instead of two makes another problem as well.
SYMMETRIC = [name for name in ALL if "symmetric" in SOLVERS[name].supports]
FREE = [name for name in ALL if name not in NON_NEGATIVE + INTERPOLATING + SYMMETRIC]
PENALISED = [name for name in FREE if "positive_alpha" in SOLVERS[name].supports]
HARD = [name for name in FREE if "zero_alpha" in SOLVERS[name].supports]
WEIGHTED = [name for name in ALL if "weights" in SOLVERS[name].supports]
# Endings of a solver on data with noise whose pattern determines no matrix of the rank.
WITHOUT_MINIMUM = (
    "no Gauss-Newton step lowers the objective",
    "rows or columns ran away from the data",
    "did not settle in 300 Gauss-Newton steps",
)
TIGHT = {"max_iter": 20_000, "tol": 1e-9}


def problem_for(name, **options):
    """A problem that the solver can solve: penalised if it can, else of hard rank, or of any."""
    if name in NON_NEGATIVE:
        own = {"alpha": 0.5, "rank": 3, "kind": "none", "non_negative": True}
        return make_problem(**{**own, **options})
    if name in SYMMETRIC:
        return symmetric_problem(**{"alpha": 0.5, **options})
    if name in PENALISED:
        return make_problem(alpha=2.0, **options)
    if name in INTERPOLATING:
        return make_problem(alpha=0.0, **options)
    return make_problem(**{"alpha": 0.0, "rank": 3, **options})


def small_problem_for(name):
    """X and mask of a small table that the solver can complete, with a penalty and a rank."""
    alpha = 2.0 if name in PENALISED else problem_for(name).alpha
    if name in SYMMETRIC:
        return *symmetric_table(n=30), alpha, 3
    table = low_rank_table(n=30, m=20, non_negative=name in NON_NEGATIVE)
    return *table, alpha, 20 if name in PENALISED + INTERPOLATING else 3


def run(name, problem, init="svd", seed=0, **options):
    solver = SOLVERS[name]()
    start = solver.start(problem, init, np.random.RandomState(seed))
    return solver.solve(problem, start, **{**TIGHT, **options})


def factors_of(factors):
    return factors.U, factors.V


def product(result):
    return result.factors.U @ result.factors.V.T


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["column", "none", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_penalised_solvers_agree_at_the_global_optimum(kind, form, weighted):
    problem = make_problem(alpha=2.0, kind=kind, form=form, weighted=weighted, row_scale=weighted)
    values = {}
    for name in PENALISED:
        result = run(name, problem)
        assert result.converged, name
        values[name] = problem.objective(result.factors)
        assert problem.duality_gap(result.factors) <= 1e-6 * values[name], name
    least = min(values.values())
    assert max(values.values()) <= least * (1 + 1e-8), values


@pytest.mark.parametrize("kind", ["column", "both"])
def test_hard_rank_solvers_agree(kind):
    problem = make_problem(alpha=0.0, rank=3, kind=kind)
    results = {name: run(name, problem) for name in HARD}
    values = {name: problem.objective(result.factors) for name, result in results.items()}
    assert max(values.values()) <= min(values.values()) * (1 + 1e-6), values


@pytest.mark.parametrize(
    ("name", "weighted"), [(name, w) for w in (False, True) for name in (WEIGHTED if w else ALL)]
)
def test_objective_never_rises(name, weighted):
    problem = problem_for(name, weighted=weighted)
    objective = np.array(run(name, problem, max_iter=200, tol=0).trace["objective"])
    assert (np.diff(objective) <= 1e-10 * objective[:-1]).all()


@pytest.mark.parametrize("name", ALL)
def test_solution_is_stationary(name):
    check_stationary(name, problem_for(name))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "pattern",
    [
        {"fraction": 0.9, "seed": 3},
        {"fraction": 0.6, "seed": 4, "blocks": 5},
        pytest.param({"fraction": 0.15, "seed": 1}, marks=pytest.mark.slow),
        pytest.param({"fraction": 0.3, "seed": 2}, marks=pytest.mark.slow),
        pytest.param({"fraction": 1.0, "seed": 5, "blocks": 5}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_solution_is_stationary_on_any_pattern(name, pattern):
    # At hard rank the infimum need not be attained where the entries leave factors open.
    check_stationary(name, problem_for(name, **pattern), settles=name not in HARD)


def check_stationary(name, problem, *, settles=True):
    """Whether the solution is stationary; where there need not be one a solver may say so."""
    result = run(name, problem)
    if not (result.converged or settles):
        assert result.stop_reason in WITHOUT_MINIMUM
        return
    assert result.converged
    factors, gradients = result.factors, problem.gradient(result.factors)
    if name in NON_NEGATIVE:
        # At a bound the gradient may point outwards.
        gradients = [np.minimum(*pair) for pair in zip(factors_of(factors), gradients, strict=True)]
    scale = np.abs(problem.observed.values).max() * np.abs(result.factors.V).max()
    assert max(np.abs(g).max() for g in gradients) <= 1e-5 * scale


@pytest.mark.parametrize("name", NON_NEGATIVE)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("init", ["svd", "random"])
def test_factors_are_never_negative(name, form, init):
    problem = problem_for(name, form=form)
    smallest = []
    result = run(
        name, problem, init, max_iter=50, tol=0,
        callback=lambda _, state: smallest.append(min(F.min() for F in factors_of(state.factors))),
    )  # fmt: skip
    assert len(smallest) == 50
    assert min(*smallest, *(F.min() for F in factors_of(result.factors))) >= 0


@pytest.mark.parametrize("name", NON_NEGATIVE)
def test_non_negative_solvers_refuse_other_problems(name):
    with pytest.raises(ValueError, match=f"{name}.*offsets"):
        run(name, make_problem(alpha=0.5, rank=3, non_negative=True))
    with pytest.raises(ValueError, match=f"{name}.*negative"):
        run(name, make_problem(alpha=0.5, rank=3, kind="none"))


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_solvers_refuse_other_problems(name):
    solver = SOLVERS[name]()
    with pytest.raises(ValueError, match=f"{name}.*offsets"):
        solver.check_supports(make_problem(alpha=0.5, rank=3))
    with pytest.raises(ValueError, match=f"{name}.*not symmetric"):
        solver.check_supports(make_problem(alpha=0.5, rank=3, kind="none"))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("form", FORMS)
def test_fold_in_reproduces_the_training_rows(name, form):
    noisy = name in PENALISED + NON_NEGATIVE + INTERPOLATING + SYMMETRIC
    problem = problem_for(name, form=form, noise=0.1 if noisy else 0.0)
    result = run(name, problem)
    factors = result.factors.balanced()
    columns = problem.residual(factors).offsets.columns
    if name in NON_NEGATIVE:
        U = non_negative_rows(problem.observed, factors.V, problem.alpha)
    else:
        U, _ = problem.observed.ridge_rows(
            factors.V, problem.alpha, shift=columns, shift_scale=problem.offsets.design
        )
    difference = (U - factors.U) @ factors.V.T
    assert np.abs(difference).max() <= 1e-6 * np.abs(product(result)).max()


@pytest.mark.parametrize("name", ALL)
def test_transposition_swaps_the_factors(name):
    X, mask, alpha, rank = small_problem_for(name)
    results = []
    for table, pattern in ((X, mask), (X.T.copy(), mask.T.copy())):
        observed = observe(table, pattern)
        problem = CompletionProblem(observed, rank, alpha, OffsetModel(observed, "none"))
        results.append(product(run(name, problem)))
    np.testing.assert_allclose(results[0], results[1].T, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("form", FORMS)
def test_permutation_of_rows_and_columns(name, form):
    X, mask, alpha, rank = small_problem_for(name)
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(30), rng.permutation(20)
    if name in SYMMETRIC:
        columns = rows
    results = []
    for table, pattern in ((X, mask), (X[rows][:, columns], mask[rows][:, columns])):
        observed = observe(table, pattern, form=form)
        offsets = OffsetModel(observed, problem_for(name).offsets.kind)
        problem = CompletionProblem(observed, rank, alpha, offsets)
        results.append(product(run(name, problem)))
    np.testing.assert_allclose(results[0][rows][:, columns], results[1], atol=1e-6)


@pytest.mark.parametrize("name", WEIGHTED)
def test_integer_weights_equal_repeated_columns_of_entries(name):
    # Weight two on every entry doubles the loss: the same as half the penalty.
    one = problem_for(name)
    observed = one.observed
    doubled = observed.with_values(observed.values, 2.0 * np.where(observed.mask, 1.0, 0.0))
    offsets = OffsetModel(doubled, one.offsets.kind)
    two = CompletionProblem(doubled, one.rank, 2.0 * one.alpha, offsets)
    np.testing.assert_allclose(product(run(name, one)), product(run(name, two)), atol=1e-6)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("form", FORMS)
def test_exact_recovery(name, form):
    problem = make_problem(alpha=0.0, rank=3, n=80, m=60, noise=0.0, fraction=0.5, form=form)
    X, _ = low_rank_table(n=80, m=60, noise=0.0, fraction=0.5)
    result = run(name, problem, tol=1e-3)
    columns = problem.residual(result.factors).offsets.columns
    assert np.abs(product(result) + columns - X).max() < 1e-7


@pytest.mark.parametrize("name", ALL)
def test_a_solution_is_a_fixed_point(name):
    problem = problem_for(name)
    first = run(name, problem)
    again = SOLVERS[name]().solve(problem, first.factors, max_iter=3, tol=0)
    np.testing.assert_allclose(product(again), product(first), atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("form", FORMS)
def test_float32_in_float32_out(name, form):
    single = problem_for(name, dtype=np.float32, form=form)
    result = run(name, single, tol=1e-3)
    assert result.factors.U.dtype == result.factors.V.dtype == np.float32
    double = run(name, problem_for(name, form=form), tol=1e-6)
    np.testing.assert_allclose(product(result), product(double), atol=2e-2)


@pytest.mark.parametrize("name", ALL)
def test_random_start_depends_on_the_seed_alone(name):
    problem = problem_for(name)
    one, two, other = (run(name, problem, init="random", seed=s, max_iter=3) for s in (1, 1, 2))
    np.testing.assert_array_equal(product(one), product(two))
    assert not np.array_equal(product(one), product(other))


@pytest.mark.parametrize("name", ALL)
def test_max_iter_is_a_reason_to_stop(name):
    result = run(name, problem_for(name), max_iter=1)
    assert not result.converged
    assert result.n_iter == 1
    assert "max_iter" in result.stop_reason
    assert all(len(values) == 1 for values in result.trace.values())


@pytest.mark.parametrize("name", ALL)
def test_callback_stops_the_loop(name):
    calls = []
    result = run(
        name, problem_for(name), tol=0, callback=lambda i, state: calls.append(i) or i == 4
    )
    assert calls == [1, 2, 3, 4]
    assert result.n_iter == 4
    assert "callback" in result.stop_reason


@pytest.mark.parametrize("name", INTERPOLATING)
def test_interpolating_solvers_refuse_what_equations_do_not_know(name):
    with pytest.raises(ValueError, match=f"{name}.*weights"):
        run(name, make_problem(alpha=0.0, weighted=True))
    with pytest.raises(ValueError, match=f"{name}.*row offsets"):
        run(name, make_problem(alpha=0.0, kind="both"))


@pytest.mark.parametrize("name", ALL)
def test_unsupported_problems_are_named(name):
    alpha = 1.0 if "positive_alpha" not in SOLVERS[name].supports else 0.0
    missing = "positive_alpha" if alpha else "zero_alpha"
    if missing in SOLVERS[name].supports:
        return
    problem = make_problem(alpha=alpha)
    with pytest.raises(ValueError, match=f"{name}.*{missing}"):
        run(name, problem)
