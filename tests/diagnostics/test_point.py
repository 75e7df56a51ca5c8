"""The problem and the solution that reports rebuild from a fitted completer and its data."""

import numpy as np
import pytest
from problems import low_rank_table, symmetric_table
from scipy import sparse

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    EntryRegressor,
    FactorizedGDCompleter,
    IRLSCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
    SymmetricGDCompleter,
)
from skmc.diagnostics import certificate, contraction, incoherence, local_convergence
from skmc.diagnostics._point import factors_of, point_of

COMPLETERS = (
    ALSCompleter(3, alpha=1.0),
    ALSCompleter(3, alpha=1.0, center="both", scale=False),
    ALSCompleterCV(),
    SoftImputeCompleter(),
    SoftImputeCompleterCV(),
    ProjectedGDCompleter(3),
    FactorizedGDCompleter(3, alpha=0.5),
    IRLSCompleter(3),
    NMFCompleter(3),
)


def table(non_negative=False, **options):
    X, mask = low_rank_table(n=60, m=30, noise=0.2, non_negative=non_negative, **options)
    return np.where(mask, X, np.nan)


@pytest.mark.parametrize("completer", COMPLETERS, ids=lambda c: type(c).__name__)
def test_the_point_is_the_fit(completer):
    X = table(isinstance(completer, NMFCompleter))
    fitted = completer.fit(X)
    point = point_of(fitted, X)
    problem, factors = point.problem, point.factors
    offsets = problem.residual(factors).offsets
    Z = factors.U @ factors.V.T + offsets.columns
    if offsets.rows is not None:
        Z += offsets.rows[:, None]
    units = fitted.scale_
    center = fitted._column_means if fitted.center else 0.0
    i, j = np.indices(X.shape).reshape(2, -1)
    predicted = fitted.predict_entries(i, j).reshape(X.shape)
    if getattr(fitted, "relaxation_", 1.0) == 1.0:
        # Without a penalty completers see rows through a ridge, the problem does not.
        size = np.abs(predicted - center).max()
        tolerance = 1e-2 if problem.alpha > 0 else 0.2
        np.testing.assert_allclose(Z * units + center, predicted, atol=tolerance * size)
    gradient = problem.gradient(factors)[0]
    if not isinstance(completer, NMFCompleter):
        # The rows are exact, given the columns.
        assert np.linalg.norm(gradient) < 0.05 * np.linalg.norm(problem.observed.values)


@pytest.mark.filterwarnings("ignore:1 column.s. of X have no observed entry")
@pytest.mark.parametrize("kind", ["sparse", "single"])
def test_reports_do_not_depend_on_the_container(kind):
    X = table(fraction=0.4)
    X[4], X[:, 7] = np.nan, np.nan
    i, j = np.nonzero(~np.isnan(X))
    other = X.astype(np.float32)
    if kind == "sparse":
        other = sparse.csr_array((X[i, j], (i, j)), shape=X.shape)
    for completer in (ALSCompleter(3, alpha=1.0, tol=1e-4), ProjectedGDCompleter(3)):
        found = []
        for data in (X, other):
            completer.fit(data)
            found.append(
                [
                    certificate(completer, data).stationarity,
                    local_convergence(completer, data).smallest,
                    contraction(completer, data).spectral_radius,
                    incoherence(completer, data).mu_rows,
                ]
            )
        np.testing.assert_allclose(*found, rtol=1e-6 if kind == "sparse" else 2e-2, atol=1e-4)


def test_symmetric_fits_keep_their_factors():
    Y, mask = symmetric_table(signs=(1, -1, 1), noise=0.1)
    Y = np.where(mask, Y, np.nan)
    completer = SymmetricGDCompleter(3, signed=True, tol=1e-6).fit(Y)
    factors = point_of(completer, Y).factors
    i, j = np.indices(Y.shape).reshape(2, -1)
    Z = (factors.U @ factors.V.T) * completer.scale_[0]
    np.testing.assert_allclose(Z.ravel(), completer.predict_entries(i, j), atol=1e-8)
    np.testing.assert_array_equal(np.sort(factors.signs), [-1, 1, 1])


def test_arrays_are_checked():
    with pytest.raises(TypeError, match="pass the completer inside"):
        factors_of(EntryRegressor())
    with pytest.raises(ValueError, match=r"must be \(n, r\) and \(m, r\)"):
        factors_of((np.ones((3, 2)), np.ones((3, 1))))
    with pytest.raises(ValueError, match="must be finite"):
        factors_of((np.ones((3, 1)), np.full((3, 1), np.nan)))
    with pytest.raises(ValueError, match="Weights go with a completer"):
        point_of((np.ones((3, 1)), np.ones((4, 1))), np.ones((3, 4)), np.ones(3))
    with pytest.raises(ValueError, match="X has shape"):
        point_of((np.ones((3, 1)), np.ones((4, 1))), np.ones((3, 5)))


def test_weights_of_the_fit_are_asked_for():
    X = table()
    weights = np.arange(1.0, 61.0)
    completer = ALSCompleter(3, alpha=1.0).fit(X, sample_weight=weights)
    with pytest.raises(ValueError, match="with the weights of the fit"):
        certificate(completer, X)
    assert certificate(completer, X, sample_weight=weights).rank == 3


def test_rank_zero_has_nothing_to_examine():
    X = table()
    completer = SoftImputeCompleter(alpha=1e6).fit(X)
    with pytest.raises(ValueError, match="rank 0"):
        local_convergence(completer, X, "als")
