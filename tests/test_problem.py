import numpy as np
import pytest
from problems import FORMS, low_rank_table, make_problem, observe

from skmc._factors import Factors
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem, zero_factors

VARIANTS = [
    {},
    {"weighted": True},
    {"row_scale": True, "weighted": True},
    {"kind": "none"},
    {"kind": "both", "row_scale": True},
]


def random_factors(problem, rank=4, seed=0):
    rng = np.random.default_rng(seed)
    n, m = problem.shape
    return Factors(rng.normal(size=(n, rank)), rng.normal(size=(m, rank)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_has_a_taylor_remainder_of_second_order(form, variant):
    problem = make_problem(alpha=0.7, form=form, **variant)
    x, d = random_factors(problem), random_factors(problem, seed=1)
    gradient = problem.gradient(x)
    slope = sum(float(np.vdot(g, v)) for g, v in zip(gradient, (d.U, d.V), strict=True))
    f = problem.objective(x)
    steps = np.array([1e-2, 1e-3])
    remainders = [
        abs(problem.objective(Factors(x.U + t * d.U, x.V + t * d.V)) - f - t * slope) for t in steps
    ]
    order = np.diff(np.log(remainders)) / np.diff(np.log(steps))
    assert order == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["none", "column", "both"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("row_scale", [False, True])
@pytest.mark.parametrize(("alpha", "power"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.5), (0.7, 1.0)])
def test_gradient_is_that_of_central_differences(form, kind, weighted, row_scale, alpha, power):
    options = {"kind": kind, "weighted": weighted, "row_scale": row_scale, "row_effects": 2.0}
    problem = make_problem(alpha, 2, form=form, n=8, m=6, fraction=0.5, **options)
    problem = problem.with_alpha(alpha, penalty_power=power)
    factors, step = random_factors(problem, rank=2), 1e-4
    for F, gradient in zip((factors.U, factors.V), problem.gradient(factors), strict=True):
        found = np.empty_like(F)
        for place in np.ndindex(F.shape):
            middle, values = F[place], []
            for side in (1, -1):
                F[place] = middle + side * step
                values.append(problem.objective(factors))
            F[place] = middle
            found[place] = (values[0] - values[1]) / (2 * step)
        assert np.abs(found - gradient).max() < 1e-5 * np.abs(gradient).max()


@pytest.mark.parametrize("variant", VARIANTS)
def test_objective_by_its_definition(variant):
    problem = make_problem(alpha=0.7, form="sparse", **variant)
    factors = random_factors(problem)
    observed, model = problem.observed, problem.offsets
    offsets = problem.residual(factors).offsets
    i, j = observed.rows_and_columns()
    rows = np.zeros(problem.shape[0]) if offsets.rows is None else offsets.rows
    residual = (
        observed.values - model.design[i] * offsets.columns[j] - rows[i] - factors.entries(i, j)
    )
    weights = 1.0 if observed.weights is None else observed.weights
    expected = 0.5 * np.sum(weights * residual**2)
    expected += 0.35 * (np.sum(factors.U**2) + np.sum(factors.V**2))
    if model.has_rows:
        expected += 0.5 * model.row_penalty * rows @ rows
    assert problem.objective(factors) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_alpha_max_is_where_zero_stops_being_optimal(form):
    problem = make_problem(form=form, weighted=True)
    largest = problem.alpha_max()
    zero = zero_factors(problem)
    above, below = (problem.with_alpha(c * largest).duality_gap(zero) for c in (1.001, 0.99))
    assert above == pytest.approx(0, abs=1e-9)
    assert below > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_duality_gap_bounds_the_distance_to_every_other_point(variant):
    problem = make_problem(alpha=2.0, **variant)
    factors = [random_factors(problem, seed=s).balanced() for s in range(3)]
    factors += [Factors(0.1 * f.U, 0.1 * f.V) for f in factors] + [zero_factors(problem)]
    values = [problem.objective(f) for f in factors]
    for f, value in zip(factors, values, strict=True):
        assert problem.duality_gap(f) >= value - min(values) - 1e-9


def test_the_hard_rank_problem_has_no_gap():
    problem = make_problem(alpha=0.0)
    with pytest.raises(ValueError, match="alpha > 0"):
        problem.duality_gap(zero_factors(problem))


def test_repeated_rows_and_row_scales_give_the_same_numbers():
    X, mask = low_rank_table()
    times = np.random.default_rng(0).integers(1, 4, X.shape[0])
    a = np.sqrt(times.astype(float))
    scaled = observe(a[:, None] * X, mask)
    repeated = observe(np.repeat(X, times, axis=0), np.repeat(mask, times, axis=0))
    one = CompletionProblem(scaled, 5, 1.0, OffsetModel(scaled, "column", a))
    two = CompletionProblem(repeated, 5, 1.0, OffsetModel(repeated, "column"))
    assert one.at_zero.loss == pytest.approx(two.at_zero.loss)
    assert one.alpha_max() == pytest.approx(two.alpha_max())
    assert one.total_weight == two.total_weight
    assert one.fraction_observed == pytest.approx(two.fraction_observed)
    assert one.mean_degrees == pytest.approx(two.mean_degrees)
