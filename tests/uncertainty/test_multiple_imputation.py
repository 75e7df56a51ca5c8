"""Several completions of a table: what differs, what does not, and nominal coverage."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmc import ALSCompleter, BayesianCompleter, multiple_impute, pool_regression

SHORT = {"rank": 4, "n_samples": 60, "burn_in": 40, "n_draws": 20}
LOADINGS = np.array([[1.0, 0.8, 0.6, -0.5, 0.3, 0.9], [0.0, 0.5, -0.7, 0.4, 0.9, -0.2]])
NOISE = 0.5


def table(seed, n=150, missing=0.3):
    """Six columns of two factors and noise, with holes."""
    rng = np.random.default_rng(seed)
    Y = rng.standard_normal((n, 2)) @ LOADINGS + NOISE * rng.standard_normal((n, 6))
    return Y, np.where(rng.random(Y.shape) < missing, np.nan, Y)


def true_coefficients():
    """Of the regression of column 0 on all others, from the covariance of the model."""
    covariance = LOADINGS.T @ LOADINGS + NOISE**2 * np.eye(6)
    return np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])


WAYS = {
    "bayesian": (BayesianCompleter(**SHORT), {}),
    "iterative": (IterativeImputer(max_iter=3, sample_posterior=True), {}),
    "iterative by its parameter": (IterativeImputer(max_iter=3), {}),
    "pipeline": (make_pipeline(FunctionTransformer(), IterativeImputer(max_iter=3)), {}),
    "bootstrap": (ALSCompleter(rank=2), {"bootstrap": True}),
}
each_way = pytest.mark.parametrize(("imputer", "options"), WAYS.values(), ids=WAYS)


@pytest.mark.filterwarnings("ignore:.*Early stopping criterion")
@each_way
def test_tables_agree_where_observed_and_differ_elsewhere(imputer, options):
    _, X = table(0)
    before = X.copy()
    tables = multiple_impute(imputer, X, m=4, random_state=0, **options)
    again = multiple_impute(imputer, X, m=4, random_state=0, **options)
    seen = ~np.isnan(X)
    assert len(tables) == 4
    for one, two in zip(tables, again, strict=True):
        assert one.shape == X.shape
        np.testing.assert_array_equal(one[seen], X[seen])
        np.testing.assert_array_equal(one, two)
    spread = np.std(tables, axis=0, ddof=1)[~seen]
    # Noise and what is not known of the factors, more or less.
    assert 0.8 * NOISE < np.sqrt(np.mean(spread**2)) < 2 * NOISE
    np.testing.assert_array_equal(X, before)
    other = multiple_impute(imputer, X, m=2, random_state=1, **options)
    assert (other[0] != tables[0])[~seen].all()


def test_a_fitted_completer_is_not_fitted_again():
    _, X = table(0)
    completer = BayesianCompleter(**SHORT, random_state=0).fit(X)
    before = completer.components_
    tables = multiple_impute(completer, X, m=3, random_state=5)
    assert completer.components_ is before
    # The same draws as those of `sample` with some seed: their mean and spread are its.
    mean, std = completer.transform(X, return_std=True)
    many = multiple_impute(completer, X, m=300, random_state=0)
    z = (np.mean(many, axis=0) - mean)[np.isnan(X)] / std[np.isnan(X)]
    assert np.abs(z).mean() < 0.2
    assert len(tables) == 3


def test_frames_come_back_as_frames():
    pandas = pytest.importorskip("pandas")
    _, X = table(0)
    frame = pandas.DataFrame(X, columns=list("abcdef"), index=np.arange(150) + 7)
    for imputer, options in (WAYS["bayesian"], WAYS["bootstrap"]):
        for one in multiple_impute(imputer, frame, m=2, random_state=0, **options):
            assert list(one.columns) == list("abcdef")
            assert one.index.equals(frame.index)
            assert not one.isna().any(axis=None)


def test_sparse_tables():
    _, X = table(0)
    i, j = np.nonzero(~np.isnan(X))
    S = sparse.csr_array((X[i, j], (i, j)), shape=X.shape)
    for imputer, options in (WAYS["bayesian"], WAYS["bootstrap"]):
        for one in multiple_impute(imputer, S, m=2, random_state=0, **options):
            np.testing.assert_array_equal(one[i, j], X[i, j])


@pytest.mark.parametrize("imputer", [ALSCompleter(rank=2), KNNImputer()])
def test_imputers_that_do_not_draw_are_refused(imputer):
    name = type(imputer).__name__
    with pytest.raises(TypeError, match=rf"{name} does not draw: .*sample_posterior=True"):
        multiple_impute(imputer, table(0)[1])


def test_bootstrap_needs_residuals():
    with pytest.raises(TypeError, match=r"leave_one_out, which KNNImputer does not have"):
        multiple_impute(KNNImputer(), table(0)[1], bootstrap=True)


def test_bootstrap_takes_nan_for_missing():
    completer = ALSCompleter(rank=2, missing_values=-1)
    with pytest.raises(ValueError, match=r"NaN for missing, not missing_values=-1"):
        multiple_impute(completer, np.nan_to_num(table(0)[1], nan=-1), bootstrap=True)


def test_observed_entries_have_to_be_kept():
    with pytest.raises(ValueError, match="set keep_observed=True"):
        multiple_impute(BayesianCompleter(keep_observed=False), table(0)[1])


def test_tables_that_would_not_fit_are_refused_before_the_first(monkeypatch):
    monkeypatch.setattr("skmc._memory.available_bytes", lambda: 10**6)
    with pytest.raises(MemoryError, match=r"500 tables of 150 x 6 entries .* Lower m"):
        multiple_impute(BayesianCompleter(), table(0)[1], m=500)


def intervals(tables):
    """Whether the 95 % intervals hold the true coefficients, and the estimates."""
    pooled = pool_regression(LinearRegression(), tables, target=0)
    lower, upper = pooled.confidence_interval()
    truth = true_coefficients()
    return (lower[1:] <= truth) & (truth <= upper[1:]), pooled.estimate[1:] - truth


@pytest.mark.slow
def test_intervals_of_coefficients_have_their_level_as_those_of_one_table_have_not():
    found = {"draws": [], "bootstrap": [], "one table": []}
    for seed in range(60):
        _, X = table(seed)
        completer = BayesianCompleter(**SHORT, random_state=seed)
        als = ALSCompleter(rank=2)
        one = completer.fit_transform(X)
        found["one table"].append(intervals([one, one]))
        found["draws"].append(intervals(multiple_impute(completer, X, m=20, random_state=seed)))
        found["bootstrap"].append(
            intervals(multiple_impute(als, X, m=20, bootstrap=True, random_state=seed))
        )
    rates = {name: np.mean([inside for inside, _ in values]) for name, values in found.items()}
    errors = {name: np.std([error for _, error in values]) for name, values in found.items()}
    # At least: a model that knows more than the regression does makes estimates better than
    # Rubin's rules can know (Meng 1994, doi:10.1214/ss/1177010269).
    assert rates["draws"] > 0.93, rates
    assert rates["bootstrap"] > 0.93, rates
    assert rates["one table"] < 0.82, rates
    assert errors["draws"] < 0.8 * errors["one table"], errors
