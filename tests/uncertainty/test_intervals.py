"""Intervals and standard deviations: their levels, containers, and those of entries by label."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import ndtr, ndtri
from sklearn.base import clone

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    ConformalCompleter,
    EntryRegressor,
    SymmetricGDCompleter,
)
from skmc._compat import InvalidParameterError
from skmc._intervals import normal_width
from skmc.model_selection import to_entries

pd = pytest.importorskip("pandas")
UNSEEN = "rows or columns that were not in the fit"
ELSEWHERE = 99


def table(n=60, m=12, rank=2, noise=0.2, seed=0):
    """A noisy matrix of low rank in columns about 5, and where it has holes."""
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, m)) + noise * rng.normal(size=(n, m))
    return Y + 5, rng.random((n, m)) < 0.3


Y, HOLES = table()
X = np.where(HOLES, np.nan, Y)
FRAME = pd.DataFrame(X, columns=[f"c{j}" for j in range(12)], index=range(100, 160))
ENTRIES, VALUES = to_entries(X, random_state=0)
MISSING = np.argwhere(HOLES)
BAYES = BayesianCompleter(rank=4, n_samples=60, burn_in=30, n_draws=15, random_state=0)
CONFORMAL = ConformalCompleter(ALSCompleter(rank=2), propensity="uniform", random_state=0)
each = pytest.mark.parametrize("estimator", [BAYES, CONFORMAL], ids=["Bayesian", "conformal"])


@pytest.fixture(scope="module")
def bayes():
    return clone(BAYES).fit(X)


@pytest.fixture(scope="module")
def regressor():
    return EntryRegressor(BAYES).fit(ENTRIES, VALUES)


# Levels


def test_intervals_of_a_posterior_are_quantiles_of_its_normal_distribution(bayes):
    mean, std = bayes.transform(X, return_std=True)
    for alpha in (0.1, 0.5, 0.01):
        z = ndtri(1 - alpha / 2)
        lower, upper = bayes.predict_interval(X, alpha)
        np.testing.assert_allclose(lower, mean - z * std, atol=1e-12)
        np.testing.assert_allclose(upper, mean + z * std, atol=1e-12)
        entries = bayes.predict_entries_interval(*MISSING.T, alpha=alpha)
        for one, all_of in zip(entries, (lower, upper), strict=True):
            np.testing.assert_allclose(one, all_of[HOLES], atol=1e-10)
    for default in (bayes.predict_interval(X), bayes.predict_interval(X, alpha=0.1)):
        np.testing.assert_array_equal(default, bayes.predict_interval(X, 0.1))
    np.testing.assert_array_equal(lower[~HOLES], X[~HOLES])
    np.testing.assert_array_equal(upper[~HOLES], X[~HOLES])


@pytest.mark.parametrize("alpha", [0.05, 0.4])
def test_a_calibration_serves_all_levels(alpha):
    """What a fit at another level gives, as the entries set aside are the same."""
    found, wanted = clone(CONFORMAL).fit(X), clone(CONFORMAL).set_params(alpha=alpha).fit(X)
    for name, given in (("predict_interval", (X,)), ("predict_entries_interval", MISSING.T)):
        np.testing.assert_array_equal(
            getattr(found, name)(*given, alpha=alpha), getattr(wanted, name)(*given)
        )


@each
@pytest.mark.parametrize("alpha", [0, 1.0, 90, -0.1, "0.1", True, float("nan")])
def test_parts_that_are_none_are_refused(estimator, alpha):
    fitted = clone(estimator).fit(X)
    for call in (
        lambda: fitted.predict_interval(X, alpha=alpha),
        lambda: fitted.predict_entries_interval([0], [0], alpha=alpha),
        lambda: EntryRegressor(estimator).fit(ENTRIES, VALUES).predict_interval(ENTRIES, alpha),
    ):
        with pytest.raises(ValueError, match=r"may lie outside .* got .* 90 % take alpha=0\.1"):
            call()


def test_coverage_given_for_miscoverage_is_refused():
    with pytest.raises(InvalidParameterError, match=r"miss 90 % .* set alpha=0\.1\."):
        clone(CONFORMAL).set_params(alpha=0.9).fit(X)
    clone(CONFORMAL).set_params(alpha=0.5).fit(X)


def test_intervals_stay_within_bounds():
    bounded = clone(BAYES).set_params(min_value=4.5, max_value=5.5).fit(X)
    for lower, upper in (
        [part[HOLES] for part in bounded.predict_interval(X)],
        bounded.predict_entries_interval(*MISSING.T),
    ):
        assert lower.min() == 4.5
        assert upper.max() == 5.5
    lower, _ = bounded.predict_interval(X)
    np.testing.assert_array_equal(lower[~HOLES], X[~HOLES])


def test_one_draw_has_no_interval():
    one = clone(BAYES).set_params(n_draws=1)
    fitted = one.fit(X)
    with pytest.raises(ValueError, match="take two draws"):
        fitted.predict_interval(X)
    fitted = EntryRegressor(one).fit(ENTRIES, VALUES)
    for call in (fitted.predict_interval, lambda X: fitted.predict(X, return_std=True)):
        with pytest.raises(ValueError, match="take two draws"):
            call(ENTRIES)
    conformal = ConformalCompleter(one, random_state=0)
    with pytest.raises(ValueError, match="take two draws"):
        conformal.fit(X)
    assert not hasattr(conformal, "completer_")
    assert conformal.set_params(conformity_score="absolute").fit(X).n_calibration_ > 0


def test_a_draw_in_place_of_the_mean_has_no_interval():
    fitted = clone(BAYES).set_params(sample_posterior=True).fit(X)
    for call in (fitted.predict_interval, lambda X: fitted.transform(X, return_std=True)):
        with pytest.raises(ValueError, match=r"A draw has no .* set sample_posterior=False"):
            call(X)
    # These are about `predict_entries`, which is no draw.
    lower, upper = fitted.predict_entries_interval([0], [0])
    assert lower < fitted.predict_entries([0], [0]) < upper


@pytest.mark.parametrize("alpha", [1e-3, 1e-17, 1e-300])
def test_small_parts_may_lie_outside(alpha, regressor):
    assert ndtr(-normal_width(alpha)) == pytest.approx(alpha / 2, rel=1e-10)
    lower, upper = regressor.predict_interval(MISSING, alpha)
    assert np.isfinite(upper - lower).all()


def test_intervals_that_hold_nothing(regressor):
    """The largest alpha below 1 leaves predictions, in unknown rows and columns too."""
    new = [[0, 0], [ELSEWHERE, 3], [3, ELSEWHERE]]
    with pytest.warns(UserWarning, match=UNSEEN):
        value = regressor.predict(new)
    with pytest.warns(UserWarning, match=UNSEEN):
        ends = regressor.predict_interval(new, np.nextafter(1.0, 0.0))
    for end in ends:
        np.testing.assert_allclose(end, value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, bool])
@pytest.mark.parametrize("options", [{}, {"min_value": 0.0}, {"add_indicator": True}], ids=str)
@each
def test_memory_is_asked_for_as_much_as_is_taken(estimator, options, dtype, monkeypatch):
    n, m = 2000, 200
    rng = np.random.default_rng(0)
    S = sparse.random_array((n, m), density=0.05, rng=rng, format="csr").astype(dtype)
    fitted = clone(estimator)
    if isinstance(fitted, ConformalCompleter):
        fitted.set_params(**{f"completer__{name}": value for name, value in options.items()})
    else:
        fitted.set_params(rank=2, n_samples=3, burn_in=1, n_draws=2, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(S)
    asked = []
    # Quantiles are looked up for few cells at a time.
    monkeypatch.setattr("skmc._conformal.CELLS", 10_000)
    monkeypatch.setattr("skmc._intervals.check_fits", lambda needed, *_: asked.append(needed))
    fitted.predict_interval(S[:10])
    tracemalloc.start()
    fitted.predict_interval(S)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 * asked[-1] < peak < 1.1 * asked[-1]


def test_intervals_are_as_wide_as_the_units_of_columns():
    """A column in other units has its interval in other units."""
    Y, holes = table(120, 60)
    X, unit = np.where(holes, np.nan, Y), np.geomspace(0.01, 100, Y.shape[1])
    conformal = ConformalCompleter(ALSCompleter(rank=2), random_state=0)
    widths = []
    for given in (X, X * unit):
        lower, upper = conformal.fit(given).predict_entries_interval(*np.nonzero(holes))
        widths.append(upper - lower)
    np.testing.assert_allclose(widths[1], widths[0] * unit[np.nonzero(holes)[1]], rtol=1e-5)
    absolute = clone(conformal).set_params(conformity_score="absolute", propensity="uniform")
    lower, upper = absolute.fit(X).predict_entries_interval(*np.nonzero(holes))
    np.testing.assert_allclose(upper - lower, (upper - lower)[0])


def test_one_width_for_columns_of_other_units_is_warned_of():
    conformal = clone(CONFORMAL).set_params(calibration_size=0.4)
    absolute = clone(conformal).set_params(conformity_score="absolute")
    # Columns that vary by different factors are predicted with errors of one size.
    assert np.ptp(np.log(np.nanstd(X, axis=0))) > np.log(10)
    absolute.fit(X)
    units = np.ones(12)
    units[3] = 100.0
    with pytest.warns(UserWarning, match=r'one width .* from .* to .* Take "scaled"'):
        absolute.fit(X * units)
    conformal.fit(X * units)
    # A few errors do not tell.
    rare = X * units
    rare[5:, 3] = np.nan
    absolute.fit(rare)
    # Nor do those of a constant column.
    rare[:, 3] = 7.0
    absolute.fit(rare)


# Containers


@each
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_second_results_are_in_the_container_of_the_first(estimator, library):
    frames = pytest.importorskip(library)
    given = FRAME if library == "pandas" else frames.DataFrame(X, schema=list(FRAME.columns))
    plain = clone(estimator).fit(given)
    framed = clone(plain).set_output(transform=library).fit(given)
    results = [(framed.predict_interval(given), plain.predict_interval(given))]
    if estimator is BAYES:
        # scikit-learn makes a frame of the first.
        results.append([x.transform(given, return_std=True) for x in (framed, plain)])
        assert isinstance(framed.sample(given, 2), np.ndarray)
    for tables, arrays in results:
        for found, wanted in zip(tables, arrays, strict=True):
            assert isinstance(found, frames.DataFrame)
            assert isinstance(wanted, np.ndarray)
            np.testing.assert_array_equal(found.to_numpy(), wanted)
            assert list(found.columns) == list(FRAME.columns)
            if library == "pandas":
                assert (found.index == FRAME.index).all()


def test_columns_of_second_results_are_those_of_the_output():
    X = FRAME.assign(empty=np.nan)
    completer = clone(BAYES).set_params(keep_empty_features=False, add_indicator=True)
    with pytest.warns(UserWarning, match="dropped"):
        completed, std = completer.set_output(transform="pandas").fit(X).transform(X, True)
    lower, upper = completer.predict_interval(X)
    for other in (std, lower, upper):
        assert list(other.columns) == list(completed.columns) == list(
            completer.get_feature_names_out()
        )  # fmt: skip
    indicators = completed.columns.str.startswith("missingindicator")
    assert indicators.sum() == 13
    assert (lower.loc[:, indicators] == completed.loc[:, indicators]).all(axis=None)


# Entries by their labels


def test_standard_deviations_by_label_are_those_of_the_entries(regressor):
    values, std = regressor.predict(MISSING, return_std=True)
    wanted = regressor.completer_.predict_entries(*MISSING.T, return_std=True)
    np.testing.assert_array_equal(values, wanted[0])
    np.testing.assert_array_equal(std, wanted[1])
    np.testing.assert_array_equal(values, regressor.predict(MISSING))
    lower, upper = regressor.predict_interval(MISSING, alpha=0.2)
    np.testing.assert_allclose((upper - lower) / 2, ndtri(0.9) * std)
    np.testing.assert_allclose((upper + lower) / 2, values)


def test_an_unknown_row_is_one_without_entries(regressor):
    new = np.c_[np.full(12, ELSEWHERE), np.arange(12)]
    with pytest.warns(UserWarning, match=UNSEEN):
        values, std = regressor.predict(new, return_std=True)
    wanted = regressor.completer_.transform(np.full((1, 12), np.nan), return_std=True)
    np.testing.assert_allclose(values, wanted[0][0])
    np.testing.assert_allclose(std, wanted[1][0])


@pytest.mark.parametrize("center", [False, True, "both"])
def test_intervals_of_an_unknown_row_are_about_its_prediction(center):
    """With offsets or not: columns far apart are not taken for one another."""
    shift = np.linspace(0, 100, 12)
    entries, values = to_entries(X + shift, random_state=0)
    fitted = EntryRegressor(clone(BAYES).set_params(center=center, n_draws=60)).fit(entries, values)
    new = np.c_[np.full(12, ELSEWHERE), np.arange(12)]
    with pytest.warns(UserWarning, match=UNSEEN):
        value = fitted.predict(new)
    with pytest.warns(UserWarning, match=UNSEEN):
        lower, upper = fitted.predict_interval(new)
    np.testing.assert_array_equal(value, fitted.completer_.offsets_)
    assert np.mean((lower <= Y + shift) & (Y + shift <= upper)) > 0.85


def test_an_unknown_column_is_one_at_random(regressor):
    """Total variance of what is predicted in the known columns, about the mean that it gets."""
    new = [[ELSEWHERE, ELSEWHERE], [3, ELSEWHERE]]
    with pytest.warns(UserWarning, match=UNSEEN):
        (value, _), (std, of_known_row) = regressor.predict(new, return_std=True)
    with pytest.warns(UserWarning, match=UNSEEN):
        lower, upper = regressor.predict_interval(new[:1])
    mean, within = regressor.completer_.transform(np.full((1, 12), np.nan), return_std=True)
    total = np.mean(within**2) + np.mean((mean - value) ** 2)
    np.testing.assert_allclose(std**2, total)
    assert of_known_row == std
    z = 1.6448536
    np.testing.assert_allclose([*lower, *upper], [value - z * std, value + z * std])


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_conformal_intervals_by_label_are_those_of_the_matrix(order):
    wanted = clone(CONFORMAL).fit(X).predict_entries_interval(*MISSING.T)
    fitted = EntryRegressor(CONFORMAL).fit(ENTRIES[order], VALUES[order])
    for found, end in zip(fitted.predict_interval(MISSING), wanted, strict=True):
        np.testing.assert_allclose(found, end, atol=1e-9)
    np.testing.assert_allclose(
        fitted.predict(MISSING), clone(CONFORMAL).fit(X).predict_entries(*MISSING.T), atol=1e-9
    )
    columns, values = fitted.recommend([0, 1], 2)
    assert HOLES[[[0], [1]], columns.astype(int)].all()
    np.testing.assert_allclose(values[:, 0], fitted.predict(np.c_[[0, 1], columns[:, 0]]))


def test_conformal_intervals_of_unknown_labels():
    """Nothing is known of the errors in an unknown row or column."""
    completer = clone(CONFORMAL).set_params(completer__min_value=0.0)
    fitted = EntryRegressor(completer).fit(ENTRIES, VALUES)
    new = [[ELSEWHERE, 3], [3, ELSEWHERE], [ELSEWHERE, ELSEWHERE]]
    with pytest.warns(UserWarning, match=UNSEEN):
        lower, upper = fitted.predict_interval(new)
    np.testing.assert_array_equal(lower, 0.0)
    assert np.isposinf(upper).all()


def test_conformal_intervals_by_label_cover():
    covered = []
    for seed in range(6):
        Y, holes = table(120, 40, seed=seed)
        entries, y = to_entries(np.where(holes, np.nan, Y), random_state=seed)
        completer = ConformalCompleter(ALSCompleter(rank=2), random_state=seed)
        weights = np.random.default_rng(seed).uniform(0.5, 2.0, y.size)
        fitted = EntryRegressor(completer).fit(entries, y, sample_weight=weights)
        lower, upper = fitted.predict_interval(np.argwhere(holes))
        covered.append(np.mean((lower <= Y[holes]) & (Y[holes] <= upper)))
    assert abs(np.mean(covered) - 0.9) < 0.03


def test_what_has_no_intervals_says_where_they_are():
    fitted = EntryRegressor().fit(ENTRIES, VALUES)
    with pytest.raises(TypeError, match=r"ALSCompleter has no intervals.*BayesianCompleter\(\)"):
        fitted.predict_interval(ENTRIES)
    for completer in (None, CONFORMAL):
        fitted = EntryRegressor(completer).fit(ENTRIES, VALUES)
        with pytest.raises(TypeError, match=r"no standard deviations: .* predict_interval"):
            fitted.predict(ENTRIES, return_std=True)
    with pytest.raises(ValueError, match="not the same object"):
        EntryRegressor(ConformalCompleter(SymmetricGDCompleter())).fit(ENTRIES, VALUES)


# What stands for None


@pytest.mark.parametrize("holder", [EntryRegressor(), ConformalCompleter()], ids=str)
def test_parameters_of_no_completer_cannot_be_set(holder):
    with pytest.raises(ValueError, match=r"completer__rank cannot .* \w+\(ALSCompleter\(.*\)\)\."):
        holder.set_params(completer__rank=3)
    both = holder.set_params(completer=ALSCompleter(), completer__rank=3)
    assert both.completer.rank == 3
    assert both.set_params(completer__rank=4).completer.rank == 4
