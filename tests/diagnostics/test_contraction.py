"""Derivatives of the steps of solvers against theory and against the iterations themselves."""

import warnings

import numpy as np
import pytest
from problems import low_rank_table, symmetric_table

from skmc import (
    ALSCompleter,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SVTCompleter,
    SymmetricGDCompleter,
)
from skmc.diagnostics import _contraction, contraction, local_convergence
from skmc.diagnostics._point import point_of

TIGHT = {"tol": 1e-10, "max_iter": 5000, "scale": True}


def table(noise=0.3, **options):
    X, mask = low_rank_table(noise=noise, **options)
    return np.where(mask, X, np.nan)


@pytest.mark.parametrize("center", [False, True, "both"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_sweeps_contract_as_predicted(alpha, center, weighted):
    X = table()
    weights = np.random.default_rng(0).uniform(0.3, 3.0, X.shape) if weighted else None
    completer = ALSCompleter(3, alpha=alpha, center=center, **TIGHT).fit(X, entry_weight=weights)
    report = contraction(completer, X, entry_weight=weights)
    predicted = local_convergence(completer, X, entry_weight=weights).best.rate
    if alpha == 0:
        assert report.spectral_radius == pytest.approx(predicted, rel=1e-4)
    else:
        # Plain sweeps also have to bring the factors into balance, which is done for them here.
        assert report.spectral_radius <= predicted + 5e-3
    assert report.attracts
    assert report.lipschitz >= report.spectral_radius


def test_projected_gradient_without_noise_contracts_as_predicted():
    X = table(noise=1e-7)
    completer = ProjectedGDCompleter(3, step_size=1.0, **TIGHT).fit(X)
    report = contraction(completer, X)
    scheme = local_convergence(completer, X).schemes[0]
    assert scheme.name == "step that is always safe"
    assert report.spectral_radius == pytest.approx(scheme.rate, rel=1e-3)


def test_scaled_gradient_contracts_as_predicted():
    X = table()
    completer = FactorizedGDCompleter(3, alpha=0.0, update="joint", **TIGHT).fit(X)
    predicted = local_convergence(completer, X)
    report = contraction(completer.set_params(step_size=0.5), X)
    point = point_of(completer, X)
    # The preconditioner is damped by what the fit has left.
    damping = np.sqrt(2.0 * point.problem.residual(point.factors).loss / 40)
    smallest = point.factors.singular_values()[-1] * point.problem.mean_weight
    rate = predicted.rate(0.5 / point.problem.mean_weight)
    assert rate <= report.spectral_radius
    slower = 1.0 - (1.0 - rate) / (1.0 + damping / smallest)
    assert report.spectral_radius <= slower + 1e-3


@pytest.mark.parametrize(
    "completer",
    [
        SoftImputeCompleter(alpha=3.0, momentum=None, **TIGHT),
        NMFCompleter(3, alpha=0.5, update="hals", tol=1e-10, max_iter=5000),
        NMFCompleter(3, alpha=0.5, update="multiplicative", tol=1e-10, max_iter=20_000),
    ],
    ids=["soft_impute", "hals", "multiplicative"],
)
def test_the_spectral_radius_is_the_rate_at_which_steps_shrink(completer):
    X = np.abs(table(n=30, m=20)) if isinstance(completer, NMFCompleter) else table(n=30, m=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        completer.fit(X)
    report = contraction(completer, X)
    point = point_of(completer, X)
    solver = point.solver
    # What the report is about: no momentum, and the step length of the start.
    solver.momentum, solver.step_size = None, 1.0
    rng = np.random.default_rng(0)
    factors = point.factors
    moved = type(factors)(factors.U * rng.uniform(0.99, 1.01, factors.U.shape), factors.V)
    state, changes = solver.init_state(point.problem, moved), []
    for _ in range(4000):
        state = solver.step(point.problem, state)
        changes.append(state.change)
        if state.change < 1e-10 * state.norm:
            break
    observed = (changes[-1] / changes[-21]) ** (1 / 20)
    assert report.spectral_radius == pytest.approx(observed, abs=2e-3)


def soft_threshold_derivative(Z, alpha):
    """Derivative of the soft threshold of singular values at Z, as a function of the change."""
    n, m = Z.shape
    P, s, Qt = np.linalg.svd(Z)
    s = np.concatenate([s, np.zeros(max(n, m) - s.size)])
    f = np.maximum(s - alpha, 0.0)
    gap, total = np.subtract.outer(s, s), np.add.outer(s, s)
    equal = np.abs(gap) < 1e-12 * s[0]
    same = np.broadcast_to((s > alpha)[:, None], gap.shape)
    G1 = np.where(equal, same, np.subtract.outer(f, f) / np.where(equal, 1.0, gap))
    G2 = np.divide(np.add.outer(f, f), total, out=np.zeros_like(total), where=total > 0)

    def apply(D):
        A = np.zeros_like(gap)
        A[:n, :m] = P.T @ D @ Qt.T
        A = 0.5 * (G1 + G2) * A + 0.5 * (G1 - G2) * A.T
        return P @ A[:n, :m] @ Qt

    return apply


@pytest.mark.parametrize("alpha", [2.0, 8.0])
def test_soft_impute_contracts_by_the_derivative_of_the_soft_threshold(alpha):
    X = table(n=30, m=20)
    completer = SoftImputeCompleter(alpha=alpha, center=False, **TIGHT).fit(X)
    report = contraction(completer, X)
    point = point_of(completer, X)
    factors, hole = point.factors, np.isnan(X)
    Z = np.where(hole, factors.U @ factors.V.T, X / completer.scale_)
    derivative = soft_threshold_derivative(Z, point.problem.alpha)
    units = np.eye(X.size).reshape(-1, *X.shape)
    J = np.stack([derivative(hole * D).ravel() for D in units], axis=1)
    predicted = np.abs(np.linalg.eigvals(J)).max()
    assert report.spectral_radius == pytest.approx(predicted, rel=1e-3)


def test_arnoldi_agrees_with_all_eigenvalues(monkeypatch):
    X = table(n=30, m=20)
    completer = SoftImputeCompleter(alpha=3.0, **TIGHT).fit(X)
    monkeypatch.setattr(_contraction, "DENSE", 10**6)
    whole = contraction(completer, X)
    monkeypatch.setattr(_contraction, "DENSE", 0)
    iterated = contraction(completer, X)
    assert whole.lipschitz_exact
    assert not iterated.lipschitz_exact
    assert iterated.settled
    assert iterated.spectral_radius == pytest.approx(whole.spectral_radius, rel=1e-3)
    assert whole.spectral_radius <= whole.lipschitz * (1 + 1e-9)
    assert iterated.lipschitz <= whole.lipschitz * (1 + 1e-6)


def test_a_step_too_long_is_driven_away():
    X = table()
    completer = ProjectedGDCompleter(3, **TIGHT).fit(X)
    predicted = local_convergence(completer, X)
    assert contraction(completer.set_params(step_size=1.0), X).attracts
    step = 2.5 / predicted.largest
    report = contraction(completer.set_params(step_size=step, max_iter=1), X)
    assert not report.attracts
    assert report.iterations_needed(1e-3) == np.inf
    assert report.one_step_gradient_error == np.inf


def test_symmetric_factors_stay_symmetric():
    Y, mask = symmetric_table(noise=0.1)
    Y = np.where(mask, Y, np.nan)
    report = contraction(SymmetricGDCompleter(3).fit(Y), Y)
    assert report.attracts
    assert report.settled


def test_figures_that_follow():
    X = table()
    report = contraction(ALSCompleter(3, alpha=0.0).fit(X), X)
    rho = report.spectral_radius
    assert report.one_step_gradient_error == pytest.approx(rho / (1 - rho))
    assert rho ** report.iterations_needed(1e-6) <= 1e-6
    assert report.is_contraction == (report.lipschitz < 1)
    assert "spectral radius" in repr(report)


def test_refusals():
    X = table()
    with pytest.raises(ValueError, match="depend on more than the factors"):
        contraction(SVTCompleter().fit(X), X)
    with pytest.raises(ValueError, match="depend on more than the factors"):
        contraction(GaussNewtonCompleter(3).fit(X), X)
    with pytest.raises(ValueError, match="solver of a fitted completer"):
        contraction((np.ones((40, 1)), np.ones((25, 1))), X)
