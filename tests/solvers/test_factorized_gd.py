import numpy as np
import pytest
from problems import FORMS, make_problem, observe

from skmc import FactorizedGDCompleter
from skmc._factors import Factors
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.datasets import make_low_rank
from skmc.solvers import FactorizedGradient
from skmc.solvers._base import DivergenceError

PLAIN = {"update": "joint", "preconditioner": None, "momentum": None}
VARIANTS = [
    {"preconditioner": preconditioner, "momentum": momentum, "update": update}
    for preconditioner in ("scaled", None)
    for momentum in ("nesterov", None)
    for update in ("joint", "alternating")
]


def solve(solver, problem, init="svd", seed=0, **options):
    options = {"max_iter": 20_000, "tol": 1e-9, **options}
    start = init
    if not isinstance(init, Factors):
        start = solver.start(problem, init, np.random.RandomState(seed))
    return solver.solve(problem, start, **options)


def exact_problem(data, rank, fraction_mask=None):
    mask = data.mask if fraction_mask is None else fraction_mask
    observed = observe(data.truth, mask)
    return CompletionProblem(observed, rank, 0.0, OffsetModel(observed, "none"))


def product(factors):
    return factors.U @ factors.V.T


def iterations_to(solver, problem, start, truth, accuracy, max_iter=20_000):
    def near(_, state):
        return np.linalg.norm(product(state.factors) - truth) <= accuracy

    result = solver.solve(problem, start, max_iter=max_iter, tol=0.0, callback=near)
    assert np.linalg.norm(product(result.factors) - truth) <= accuracy
    return result.n_iter


def near_the_truth(truth, rank, distance, seed=0):
    """Balanced factors of a matrix at this distance."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=truth.shape)
    P, s, Qt = np.linalg.svd(truth + distance * noise / np.linalg.norm(noise), full_matrices=False)
    root = np.sqrt(s[:rank])
    return Factors(P[:, :rank] * root, Qt[:rank].T * root)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_a_step_follows_the_gradient_of_the_problem(update, form):
    problem = make_problem(alpha=0.7, rank=4, weighted=True, kind="both", form=form)
    solver = FactorizedGradient(step_size=0.1, **{**PLAIN, "update": update})
    start = solver.start(problem, "svd")
    state = solver.step(problem, solver.init_state(problem, start))
    t = 0.1 / problem.alpha_max()
    G = problem.gradient(start)
    U = start.U - t * G[0]
    if update == "alternating":
        G = problem.gradient(Factors(U, start.V))
    np.testing.assert_allclose(state.factors.U, U, atol=1e-8)
    np.testing.assert_allclose(state.factors.V, start.V - t * G[1], atol=1e-8)


@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_balancing_is_part_of_the_gradient(update):
    problem = make_problem(alpha=0.0, rank=3)
    solver = FactorizedGradient(step_size=1e-4, balancing=2.0, **{**PLAIN, "update": update})
    rng = np.random.default_rng(0)
    n, m = problem.shape
    start = Factors(rng.normal(size=(n, 3)), rng.normal(size=(m, 3)))

    def objective(factors):
        B = factors.U.T @ factors.U - factors.V.T @ factors.V
        p = problem.observed.row_counts.sum() / (n * m)
        return problem.residual(factors).loss + 2.0 * p / 8.0 * np.sum(B**2)

    before = solver.init_state(problem, start)
    after = solver.step(problem, before)
    assert before.objective == pytest.approx(objective(start))
    assert after.objective == pytest.approx(objective(after.factors))
    t = 1e-4 / problem.alpha_max()
    dU, dV = after.factors.U - start.U, after.factors.V - start.V
    predicted = -(np.sum(dU**2) + np.sum(dV**2)) / t
    assert after.objective - before.objective == pytest.approx(predicted, rel=1e-2)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("init", ["svd", "random", "balanced", "unbalanced"])
def test_every_variant_reaches_the_global_optimum(options, init):
    problem = make_problem(alpha=2.0)
    result = solve(FactorizedGradient(**options), problem, init)
    assert result.converged
    gap = problem.duality_gap(result.factors)
    assert gap <= 1e-6 * problem.objective(result.factors)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("init", ["svd", "random"])
def test_objective_never_rises(options, init):
    problem = make_problem(alpha=0.0, rank=6, weighted=True)
    result = solve(FactorizedGradient(**options), problem, init, max_iter=300, tol=0)
    objective = np.array(result.trace["objective"])
    assert (np.diff(objective) <= 1e-10 * objective[:-1]).all()


@pytest.mark.parametrize("preconditioner", ["scaled", None])
def test_alternating_and_joint_steps_have_one_limit(preconditioner):
    problem = make_problem(alpha=0.0, rank=3)
    joint, alternating = (
        solve(FactorizedGradient(update=update, preconditioner=preconditioner), problem)
        for update in ("joint", "alternating")
    )
    difference = product(joint.factors) - product(alternating.factors)
    assert np.linalg.norm(difference) <= 1e-6 * joint.factors.norm()


def test_iterations_do_not_depend_on_the_condition_number_if_scaled():
    needed = {"scaled": [], None: []}
    for kappa in (1, 10, 100):
        data = make_low_rank(60, 40, 3, observed=0.7, condition_number=kappa, random_state=0)
        problem = exact_problem(data, 3)
        smallest = np.linalg.svd(data.truth, compute_uv=False)[2]
        start = near_the_truth(data.truth, 3, 0.1 * smallest)
        for preconditioner, counts in needed.items():
            solver = FactorizedGradient(0.5, "joint", preconditioner, momentum=None)
            goal = 1e-6 * smallest
            counts.append(iterations_to(solver, problem, start, data.truth, goal))
    scaled, plain = needed["scaled"], np.array(needed[None])
    assert max(scaled) <= 1.3 * min(scaled), needed
    growth = plain[1:] / plain[:-1]
    assert ((growth > 5) & (growth < 20)).all(), needed


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_more_components_than_the_matrix_has(options):
    data = make_low_rank(60, 40, 2, observed=0.8, random_state=0)
    problem = exact_problem(data, 5, np.ones((60, 40), bool))
    result = solve(FactorizedGradient(**options), problem, "random", max_iter=3000, tol=1e-4)
    assert np.linalg.norm(product(result.factors) - data.truth) <= 1e-4 * np.linalg.norm(data.truth)


@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_damping_lets_constant_steps_have_components_to_spare(update):
    data = make_low_rank(60, 40, 2, observed=0.6, random_state=0)
    solver = FactorizedGradient(0.5, update, momentum=None)
    for mask, accuracy in ((np.ones((60, 40), bool), 1e-8), (data.mask, 0.15)):
        problem = exact_problem(data, 6, mask)
        result = solve(solver, problem, "random", max_iter=300, tol=0)
        error = np.linalg.norm(product(result.factors) - data.truth)
        assert error <= accuracy * np.linalg.norm(data.truth)


def test_small_steps_keep_the_balance():
    data = make_low_rank(60, 40, 3, observed=0.8, condition_number=3, random_state=0)
    problem = exact_problem(data, 3)
    drift = []
    for step_size in (0.4, 0.04):
        solver = FactorizedGradient(step_size, **PLAIN)
        result = solve(solver, problem, "random", tol=0, max_iter=round(120 / step_size))
        imbalance = np.array(result.trace["imbalance"])
        assert imbalance.shape == (result.n_iter,)
        # The change per step is of second order, that of the whole way of first order.
        drift.append(imbalance.max())
    assert drift[1] < 0.5 * drift[0] < 1e-2 * result.factors.norm()


def test_unbalanced_factors_stay_so_unless_told():
    problem = make_problem(alpha=0.0, rank=3)
    factors = FactorizedGradient(init_scale=1.0).start(problem, "svd")
    start = Factors(3.0 * factors.U, factors.V / 3.0)
    left = {}
    for balancing in (0.0, 1.0):
        solver = FactorizedGradient(balancing=balancing, **PLAIN)
        result = solve(solver, problem, start, max_iter=2000, tol=0)
        imbalance = result.trace["imbalance"]
        left[balancing] = imbalance[-1] / imbalance[0]
    assert left[0.0] > 0.5
    assert left[1.0] < 1e-3


@pytest.mark.parametrize("options", [{}, {"update": "joint"}, PLAIN], ids=str)
def test_rotated_factors_take_the_same_steps(options):
    problem = make_problem(alpha=0.5, rank=4)
    solver = FactorizedGradient(**options)
    start = solver.start(problem, "random", np.random.RandomState(0))
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    turned = Factors(start.U @ Q, start.V @ Q)
    one, two = (solve(solver, problem, f, max_iter=20, tol=0) for f in (start, turned))
    np.testing.assert_allclose(product(one.factors), product(two.factors), atol=1e-8)


def test_scaled_steps_do_not_see_the_balance():
    # Without damping: the residual of the noiseless problem at its solution is zero.
    data = make_low_rank(60, 40, 3, observed=0.8, random_state=0)
    problem = exact_problem(data, 3)
    start = near_the_truth(data.truth, 3, 1e-6)
    skewed = Factors(start.U * 3.0, start.V / 3.0)
    solver = FactorizedGradient(step_size=0.5, momentum=None)
    one, two = (solve(solver, problem, f, max_iter=5, tol=0) for f in (start, skewed))
    moved = np.linalg.norm(product(one.factors) - product(start))
    assert np.linalg.norm(product(one.factors) - product(two.factors)) <= 1e-3 * moved


def test_momentum_pays_for_plain_steps():
    data = make_low_rank(60, 40, 3, observed=0.8, condition_number=30, random_state=0)
    problem = exact_problem(data, 3)
    goal = 1e-6 * np.linalg.norm(data.truth)
    start = FactorizedGradient().start(problem, "svd")
    plain, fast = (
        iterations_to(
            FactorizedGradient(preconditioner=None, momentum=momentum),
            problem, start, data.truth, goal,
        )
        for momentum in (None, "nesterov")
    )  # fmt: skip
    assert fast < 0.5 * plain


@pytest.mark.parametrize("scale", [1e-3, 1e-6])
@pytest.mark.parametrize("options", [{}, PLAIN], ids=str)
def test_a_small_start_is_no_end(options, scale):
    # Little changes while components grow from next to nothing, and between one and the next.
    data = make_low_rank(60, 40, 3, observed=0.8, noise=0.1, condition_number=20, random_state=0)
    observed = observe(np.where(data.mask, data.X, 0.0), data.mask)
    problem = CompletionProblem(observed, 3, 0.0, OffsetModel(observed, "none"))
    best = solve(FactorizedGradient(), problem).trace["objective"][-1]
    found = solve(FactorizedGradient(init_scale=scale, **options), problem, "random", tol=1e-2)
    assert found.converged
    assert found.trace["objective"][-1] <= 1.01 * best


@pytest.mark.parametrize("preconditioner", ["scaled", None])
@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_too_long_a_step_is_a_divergence_error(preconditioner, update):
    problem = make_problem(alpha=0.0, rank=3, fraction=0.9)
    solver = FactorizedGradient(5.0, update, preconditioner, momentum=None)
    with pytest.raises(DivergenceError, match="step_size"):
        solve(solver, problem)


def test_too_few_given_components_are_joined_by_others():
    problem = make_problem(alpha=0.0, rank=3)
    given = (FactorizedGradient().start(problem, "svd").V[:, :1].T, np.zeros(problem.shape[1]))
    result = solve(FactorizedGradient(), problem, given)
    best = solve(FactorizedGradient(), problem)
    assert result.trace["objective"][-1] == pytest.approx(best.trace["objective"][-1], rel=1e-6)


def test_the_completer_hands_its_parameters_on():
    data = make_low_rank(60, 40, 3, observed=0.7, random_state=0)
    params = {"step_size": 0.3, "update": "alternating", "preconditioner": None, "momentum": None}
    params |= {"balancing": 0.5, "init_scale": 1e-2}
    completer = FactorizedGDCompleter(rank=3, alpha=0, max_iter=5000, **params)
    solver = completer._make_solver()
    assert {name: getattr(solver, name) for name in params} == params
    for init in ("svd", "random", "balanced", "unbalanced"):
        completer.set_params(init=init, random_state=0).fit(data.X)
        assert completer.trace_["imbalance"].shape == completer.trace_["objective"].shape
        i, j = np.nonzero(~data.mask)
        found = completer.predict_entries(i, j)
        np.testing.assert_allclose(found, data.truth[i, j], atol=1e-3)


def test_the_completer_reports_divergence_as_a_value_error():
    X = make_low_rank(60, 40, 3, observed=0.9, noise=0.1, random_state=0).X
    with pytest.raises(ValueError, match="diverged"):
        FactorizedGDCompleter(rank=3, alpha=0, step_size=10.0, momentum=None).fit(X)
