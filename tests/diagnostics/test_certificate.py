"""Proofs of optimality, and refusals of what is none."""

import warnings

import numpy as np
import pytest
from problems import low_rank_table

from skmc import (
    ALSCompleter,
    FactorizedGDCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
)
from skmc.diagnostics import certificate
from skmc.diagnostics._point import point_of

FULL = 25


def table(noise=0.3, **options):
    X, mask = low_rank_table(noise=noise, **options)
    return np.where(mask, X, np.nan)


@pytest.mark.parametrize("center", [False, True, "both"])
@pytest.mark.parametrize(
    "completer",
    [
        ALSCompleter(FULL, alpha=3.0),
        SoftImputeCompleter(alpha=3.0),
        SoftImputeCompleter(alpha=3.0, debias=True),
        FactorizedGDCompleter(FULL, alpha=3.0),
    ],
    ids=["als", "soft_impute", "debiased", "factorized_gd"],
)
def test_convex_fits_are_proved_and_the_gap_holds(completer, center):
    X = table()
    # On the way the factors get better, and the bound must hold all along.
    gaps = []
    exact = certificate(_fit(completer, X, center, tol=1e-9, max_iter=5000), X)
    for max_iter in (3, 10, 30, 5000):
        report = certificate(_fit(completer, X, center, tol=1e-9, max_iter=max_iter), X)
        assert report.objective - exact.objective <= report.gap * report.objective + 1e-9
        gaps.append(report.gap)
    assert exact.is_global
    assert exact.gap < 1e-6
    assert exact.dual_norm == pytest.approx(1.0, abs=1e-4)
    assert exact.stationarity < 1e-4
    assert gaps[0] > gaps[-1]


def _fit(completer, X, center, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return completer.set_params(center=center, scale=True, **options).fit(X)


@pytest.mark.parametrize("weighted", [False, True])
def test_too_small_a_rank_is_refused(weighted):
    X = table()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, X.shape) if weighted else None
    full = ALSCompleter(FULL, alpha=3.0, tol=1e-6).fit(X, entry_weight=weights)
    convex = certificate(full, X, entry_weight=weights)
    assert convex.is_global
    needed = np.count_nonzero(
        point_of(full, X, entry_weight=weights).factors.singular_values() > 1e-3
    )
    for rank in (1, needed - 1):
        small = ALSCompleter(rank, alpha=3.0, tol=1e-6).fit(X, entry_weight=weights)
        report = certificate(small, X, entry_weight=weights)
        assert report.verdict == "stationary only"
        assert "rank is below that of the convex solution" in report.reason
        assert report.dual_norm > 1.0
        assert report.objective > convex.objective * (1.0 - convex.gap)


def test_sample_weights_are_repetitions():
    X = table()
    counts = np.random.default_rng(0).integers(1, 3, len(X))
    repeated = np.repeat(X, counts, axis=0)
    options = {"alpha": 3.0, "tol": 1e-8, "max_iter": 5000}
    first = SoftImputeCompleter(**options).fit(X, sample_weight=counts)
    second = SoftImputeCompleter(**options).fit(repeated)
    one, two = certificate(first, X, sample_weight=counts), certificate(second, repeated)
    assert one.is_global
    assert two.is_global
    assert one.objective == pytest.approx(two.objective, rel=1e-6)


def test_a_fit_that_has_not_converged_is_not_stationary():
    X = table()
    hard = _fit(ProjectedGDCompleter(3), X, True, max_iter=2)
    assert certificate(hard, X).verdict == "not stationary"
    soft = _fit(FactorizedGDCompleter(FULL, alpha=1.0), X, True, max_iter=2)
    assert certificate(soft, X).verdict == "not stationary"


def test_hard_rank():
    noisy = table()
    report = certificate(ProjectedGDCompleter(3, tol=1e-4).fit(noisy), noisy)
    assert report.verdict == "local minimum"
    assert report.gap is None
    assert report.curvature > 0
    # A fixed point of projected gradient with steps of 1.
    assert report.dual_norm < 1.0
    exact = table(noise=0.0)
    report = certificate(ProjectedGDCompleter(3, tol=1e-6).fit(exact), exact)
    assert report.is_global
    assert "matched" in report.reason


def test_a_saddle_has_negative_curvature():
    rng = np.random.default_rng(0)
    P, Q = (np.linalg.qr(rng.normal(size=(size, 3)))[0] for size in (20, 15))
    X = (P * [9.0, 6.0, 3.0]) @ Q.T
    report = certificate((P[:, [0, 2]] * [9.0, 3.0], Q[:, [0, 2]]), X)
    assert report.verdict == "stationary only"
    assert "negative curvature" in report.reason
    # The second derivative where the component of 6 would turn into that of 3 is 3 - 6.
    assert report.curvature == pytest.approx(-3.0 / 18.0)
    best = certificate((P[:, :2] * [9.0, 6.0], Q[:, :2]), X)
    assert best.verdict == "local minimum"


def test_open_directions_and_columns_to_spare_are_told():
    rng = np.random.default_rng(0)
    U, V = rng.normal(size=(20, 2)), rng.normal(size=(15, 2))
    X = U @ V.T
    spare = certificate((np.hstack([U, U[:, :1]]), np.hstack([V, 0 * V[:, :1]])), X)
    assert spare.is_global
    assert spare.curvature is None


def test_the_objective_is_that_of_the_docstring():
    X = table()
    completer = ALSCompleter(FULL, alpha=2.0, center=False, scale=False, tol=1e-8).fit(X)
    report = certificate(completer, X)
    Z = completer.row_factors(X) @ completer.components_ * completer.scale_
    objective = 0.5 * np.nansum((X - Z) ** 2) + 2.0 * np.linalg.norm(Z, "nuc")
    assert report.is_global
    assert report.objective * completer.scale_[0] ** 2 == pytest.approx(objective, rel=1e-6)


def test_refusals():
    X = np.abs(table())
    with pytest.raises(ValueError, match="any completer but NMFCompleter"):
        certificate(NMFCompleter(3).fit(X), X)
    powered = ALSCompleter(3, alpha=1.0, penalty_power=0.5).fit(X)
    with pytest.raises(ValueError, match="penalty_power = 0"):
        certificate(powered, X)
    fitted = ALSCompleter(3, alpha=1.0).fit(X)
    with pytest.raises(ValueError, match="not what this ALSCompleter was fitted to"):
        certificate(fitted, X[1:])
    with pytest.raises(ValueError, match="tol must be a positive number"):
        certificate(fitted, X, tol=0)
    report = certificate(fitted, X)
    assert "verdict" in repr(report)
    assert "<table>" in report._repr_html_()


@pytest.mark.parametrize("E", [ALSCompleter, SoftImputeCompleter])
def test_the_default_penalty_has_no_certificate_and_says_why(E):
    X = table()
    report = certificate(E().fit(X), X)
    assert report.verdict == "stationary only"
    assert "alpha='auto' that is meant and no defect" in report.reason
    assert "alpha='auto'" not in certificate(ALSCompleter(1, alpha=3.0).fit(X), X).reason
