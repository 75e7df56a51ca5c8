"""The completer that samples: accuracy, standard deviations, draws, and what it stores."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skmc import BayesianCompleter, EntryRegressor
from skmc.model_selection import to_entries

SHORT = {"rank": 6, "n_samples": 100, "burn_in": 50, "n_draws": 20}


def table(n=500, m=100, rank=5, noise=0.1, missing=0.5, seed=0):
    """The whole matrix, a noisy copy, and that with holes."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, m))
    Z /= Z.std()
    noisy = Z + noise * rng.standard_normal(Z.shape)
    return Z, noisy, np.where(rng.random(Z.shape) < missing, np.nan, noisy)


@pytest.fixture(scope="module")
def fitted():
    Z, noisy, X = table(120, 40, 3, 0.3)
    return Z, noisy, X, BayesianCompleter(**SHORT, random_state=0).fit(X)


def test_error_without_being_told_the_rank():
    Z, _, X = table()
    completer = BayesianCompleter(random_state=0, keep_observed=False)
    error = np.sqrt(np.mean((completer.fit_transform(X) - Z) ** 2))
    # Of all cells; least squares at rank 5 are at 0.036.
    assert error < 0.037
    assert completer.converged_
    assert completer.effective_rank_ == 5
    np.testing.assert_allclose(completer.noise_std_, 0.1, rtol=0.25)


def test_pure_noise_has_no_components_and_means_for_predictions():
    X = np.random.default_rng(0).standard_normal((300, 20)) + np.arange(20)
    completer = BayesianCompleter(random_state=0, keep_observed=False).fit(X)
    assert completer.effective_rank_ == 0
    error = np.sqrt(np.mean((completer.transform(X) - np.arange(20)) ** 2))
    assert error < 0.2
    np.testing.assert_allclose(completer.offsets_, X.mean(axis=0), atol=0.1)


@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-4), (np.float32, 0.03)])
def test_exact_data_come_back(dtype, atol):
    Z, _, X = table(200, 40, 2, noise=0.0)
    completed = BayesianCompleter(random_state=0).fit_transform((5 + 3 * X).astype(dtype))
    assert completed.dtype == dtype
    assert np.abs(completed - (5 + 3 * Z)).max() < 3 * atol


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["column", "common"])
def test_intervals_cover_what_they_say(noise):
    """Over 20 tables: 90 % intervals of held-out noisy entries."""
    covered = []
    for seed in range(20):
        _, noisy, X = table(200, 50, 4, 0.4, 0.4, seed)
        completer = BayesianCompleter(random_state=seed, noise=noise).fit(X)
        mean, std = completer.transform(X, return_std=True)
        hidden = np.isnan(X)
        covered.append(np.mean(np.abs(mean - noisy)[hidden] < 1.645 * std[hidden]))
    assert 0.87 < np.mean(covered) < 0.93
    assert min(covered) > 0.84


def test_noise_of_its_own_in_each_column():
    Z, _, _ = table(400, 20, 2)
    rng = np.random.default_rng(0)
    deviation = np.geomspace(0.05, 1, 20)
    X = Z + deviation * rng.standard_normal(Z.shape)
    X[rng.random(X.shape) < 0.2] = np.nan
    completer = BayesianCompleter(rank=5, random_state=0).fit(X)
    np.testing.assert_allclose(completer.noise_std_, deviation, rtol=0.3)


def test_entries_and_table_agree(fitted):
    _, _, X, completer = fitted
    mean, std = completer.transform(X, return_std=True)
    rows, columns = np.nonzero(np.isnan(X))
    values, deviations = completer.predict_entries(rows, columns, return_std=True)
    np.testing.assert_allclose(values, mean[rows, columns], atol=1e-12)
    np.testing.assert_allclose(deviations, std[rows, columns], atol=1e-12)


def test_standard_deviations_of_what_is_returned_as_observed_are_zero(fitted):
    _, _, X, completer = fitted
    _, std = completer.transform(X, return_std=True)
    np.testing.assert_array_equal(std == 0, ~np.isnan(X))


def test_a_row_does_not_depend_on_its_company(fitted):
    _, _, X, completer = fitted
    mean, std = completer.transform(X, return_std=True)
    alone = completer.transform(X[7:8], return_std=True)
    np.testing.assert_allclose(alone[0][0], mean[7], atol=1e-12)
    np.testing.assert_allclose(alone[1][0], std[7], atol=1e-12)


def test_unseen_rows_are_predicted_as_well_as_those_of_the_fit():
    Z, _, X = table(400, 40, 3, 0.3)
    completer = BayesianCompleter(**SHORT, random_state=0, keep_observed=False).fit(X[:200])
    seen, new = (np.mean((completer.transform(X[k]) - Z[k]) ** 2) for k in np.split(np.r_[:400], 2))
    assert new < 1.3 * seen


def test_an_empty_row_gets_the_offsets_and_the_spread_of_the_columns(fitted):
    _, noisy, X, completer = fitted
    mean, std = completer.transform(np.full((1, X.shape[1]), np.nan), return_std=True)
    np.testing.assert_allclose(mean[0], completer.offsets_, atol=1e-12)
    assert 0.7 < np.median(std[0] / noisy.std(axis=0)) < 1.5


def test_samples_have_the_mean_and_spread_that_are_reported(fitted):
    _, _, X, completer = fitted
    mean, std = completer.transform(X, return_std=True)
    draws = completer.sample(X, 400, random_state=0)
    hidden = np.isnan(X)
    np.testing.assert_array_equal(draws[7][~hidden], X[~hidden])
    z = (draws.mean(axis=0) - mean)[hidden] / (std[hidden] / 20)
    assert np.abs(z).mean() < 1.2
    assert 0.9 < np.median(draws.std(axis=0)[hidden] / std[hidden]) < 1.1


def test_samples_are_seeded_and_new_otherwise(fitted):
    _, _, X, completer = fitted
    one, two = (completer.sample(X, 2, random_state=5) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (one[0] != one[1]).any()
    assert (completer.sample(X, 1) != completer.sample(X, 1)).any()


def test_sample_posterior_returns_a_draw(fitted):
    _, _, X, completer = fitted
    mean, std = completer.transform(X, return_std=True)
    drawing = BayesianCompleter(**SHORT, random_state=0, sample_posterior=True)
    draw = drawing.fit_transform(X)
    np.testing.assert_array_equal(draw, drawing.transform(X))
    hidden = np.isnan(X)
    z = ((draw - mean) / np.where(hidden, std, 1))[hidden]
    assert 0.9 < z.std() < 1.1
    with pytest.raises(ValueError, match="no standard deviation"):
        drawing.transform(X, return_std=True)


@pytest.mark.parametrize("n_chains", [1, 2])
def test_same_seed_same_bits_for_any_number_of_threads(n_chains):
    _, _, X = table(300, 60)
    params = {**SHORT, "n_chains": n_chains, "random_state": 3}
    one, two, four = (BayesianCompleter(**params, n_jobs=n).fit(X) for n in (1, 2, 4))
    for other in (two, four):
        np.testing.assert_array_equal(one.trace_["noise"], other.trace_["noise"])
        for a, b in zip(
            one.transform(X, return_std=True), other.transform(X, return_std=True), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_constants_and_units_of_columns_about_their_means():
    """With ``center=True`` they do to the result what they do to the data, and nothing else."""
    _, _, X = table(60, 10, 2)
    shift, unit = np.linspace(-50, 50, 10), np.geomspace(0.01, 100, 10)
    completer = BayesianCompleter(**SHORT, center=True, random_state=0)
    wanted, wanted_std = completer.fit(X).transform(X, return_std=True)
    other = X * unit + shift
    found, found_std = completer.fit(other).transform(other, return_std=True)
    np.testing.assert_allclose(found, wanted * unit + shift, rtol=1e-6)
    np.testing.assert_allclose(found_std, wanted_std * unit, rtol=1e-4)


def test_offsets_of_columns_that_compare_are_drawn_together():
    """Of rare columns, whose own mean says little."""
    rng = np.random.default_rng(0)
    level = 3 + 0.3 * rng.standard_normal(200)
    rows, columns = np.nonzero(rng.random((300, 200)) < 0.02)
    y = level[columns] + rng.standard_normal(rows.size)
    X = np.full((300, 200), np.nan)
    X[rows, columns] = y
    seen = ~np.isnan(X).all(axis=0)
    error = {}
    for center in ("both", True):
        completer = BayesianCompleter(**SHORT, center=center, random_state=0).fit(X[:, seen])
        error[center] = np.mean((completer.offsets_ - level[seen]) ** 2)
    assert error["both"] < 0.6 * error[True]


def test_columns_far_apart_are_not_drawn_together():
    _, noisy, X = table(150, 12, 2, 0.3)
    shift = np.r_[np.zeros(6), np.geomspace(1e3, 1e8, 6)]
    completer = BayesianCompleter(**SHORT, random_state=0)
    near = completer.fit_transform(X) - noisy
    far = completer.fit_transform(X + shift) - noisy - shift
    hidden = np.isnan(X)
    assert np.mean(far[hidden] ** 2) < 1.1 * np.mean(near[hidden] ** 2)


def test_entry_weights_are_precisions():
    """Entries of weight nearly zero say nothing."""
    Z, _, X = table(200, 30, 2, 0.1, 0.3)
    rng = np.random.default_rng(0)
    bad = rng.random(X.shape) < 0.2
    spoilt = np.where(bad, X + 10 * rng.standard_normal(X.shape), X)
    completer = BayesianCompleter(**SHORT, random_state=0, keep_observed=False)
    heeded = completer.fit(spoilt, entry_weight=np.where(bad, 1e-4, 1.0))
    # Rows are folded in without weights; those that were not spoilt tell of the columns.
    error = np.mean((heeded.transform(X) - Z) ** 2)
    ignored = np.mean((completer.fit(spoilt).transform(X) - Z) ** 2)
    assert error < 0.05 * ignored


def test_labels():
    Z, _, X = table(80, 30, 2, 0.2)
    entries, values = to_entries(X, random_state=0)
    regressor = EntryRegressor(BayesianCompleter(**SHORT, random_state=0)).fit(entries, values)
    i, j = np.nonzero(np.isnan(X))
    assert np.mean((regressor.predict(np.c_[i, j]) - Z[i, j]) ** 2) < 0.05
    # A new row is at the offsets, a new column at the mean and the offset of the row.
    new = np.array([[999, 3], [3, 999], [3, 3], [4, 4]])
    predicted = regressor.predict(new)
    np.testing.assert_allclose(predicted[0], regressor.completer_.offsets_[3], rtol=1e-6)
    assert np.abs(predicted[1] - values.mean()) < 3 * values.std()


def test_recommendations_are_the_largest_predictions(fitted):
    _, _, X, completer = fitted
    columns, values = completer.recommend(X[:5], n=3)
    completed = np.where(np.isnan(X[:5]), completer.transform(X[:5]), -np.inf)
    np.testing.assert_array_equal(columns, np.argsort(-completed, axis=1)[:, :3])
    np.testing.assert_allclose(values, -np.sort(-completed, axis=1)[:, :3])


def test_components_reproduce_the_posterior_mean(fitted):
    _, _, X, completer = fitted
    assert completer.components_.shape == (completer.rank_, X.shape[1])
    Z = completer.offsets_ + completer.scale_ * (completer.row_factors(X) @ completer.components_)
    predicted = BayesianCompleter(**SHORT, random_state=0, keep_observed=False).fit_transform(X)
    assert np.sqrt(np.mean((Z - predicted) ** 2)) < 0.05


def test_leave_one_out_is_the_prediction_without_the_entry(fitted):
    _, _, X, completer = fitted
    i, j = np.argwhere(~np.isnan(X))[100]
    without = X.copy()
    without[i, j] = np.nan
    np.testing.assert_allclose(
        completer.leave_one_out(X)[i, j], completer.transform(without)[i, j], rtol=1e-8
    )


def test_trace_and_convergence(fitted):
    completer = fitted[3]
    assert {name: course.shape for name, course in completer.trace_.items()} == {
        name: (1, 150) for name in ("time", "noise", "signal")
    }
    assert completer.r_hat_.keys() == completer.effective_sample_size_.keys()
    assert completer.r_hat_["predictions"] < 1.1
    assert completer.n_iter_ == 150


def test_chains_that_are_too_short_are_reported():
    _, _, X = table(100, 30)
    with pytest.warns(ConvergenceWarning, match="Raise burn_in and n_samples"):
        completer = BayesianCompleter(rank=5, n_samples=8, burn_in=0, random_state=0).fit(X)
    assert not completer.converged_


def test_draws_that_do_not_fit_in_memory_are_refused_before_the_first(monkeypatch):
    monkeypatch.setattr("skmc._memory.available_bytes", lambda: 10**6)
    _, _, X = table(400, 50)
    with pytest.raises(MemoryError, match=r"50 draws .* Lower n_draws or rank"):
        BayesianCompleter(random_state=0).fit(X)


def test_rank_is_clipped_and_empty_columns_are_filled():
    _, _, X = table(40, 6, 2)
    X[:, 2] = np.nan
    with pytest.warns(UserWarning, match="no observed entry"):
        completer = BayesianCompleter(**{**SHORT, "rank": 50}, random_state=0).fit(X)
    assert completer._draws["F"].shape[2] == 6
    mean, std = completer.transform(X, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()


def test_weights_in_fit_transform(fitted):
    X = fitted[2]
    weights = np.linspace(1, 2, X.size).reshape(X.shape)
    completer = BayesianCompleter(**SHORT, random_state=0)
    found = completer.fit_transform(X, entry_weight=weights)
    np.testing.assert_array_equal(found, completer.fit(X, entry_weight=weights).transform(X))


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, True])
def test_numbers_of_samples_that_mean_nothing(n_samples, fitted):
    with pytest.raises(ValueError, match="n_samples must be a whole number"):
        fitted[3].sample(fitted[2], n_samples)


def test_one_draw_has_no_spread(fitted):
    X = fitted[2]
    completer = BayesianCompleter(**{**SHORT, "n_draws": 1}, random_state=0).fit(X)
    assert completer.effective_rank_ is None
    with pytest.raises(ValueError, match="take two draws"):
        completer.transform(X, return_std=True)


@pytest.mark.slow
def test_standard_deviations_of_a_table_do_not_hang_on_the_seed(fitted):
    """Errors of sampling are those of single rows and even out over a table."""
    rng = np.random.default_rng(0)
    X = np.full((300, 40), np.nan)
    X[np.arange(300), rng.integers(40, size=300)] = rng.standard_normal(300)
    completer, variances = fitted[3], []
    for seed in range(10):
        completer._seed = seed
        variances.append(np.mean(completer.transform(X, return_std=True)[1] ** 2))
    assert np.std(variances) < 0.05 * np.mean(variances)


def test_empty_columns_have_the_grand_mean_and_the_spread_of_all():
    _, _, X = table(80, 10, 2, 0.3)
    X = X + np.arange(10)
    X[:, 4] = np.nan
    with pytest.warns(UserWarning, match="grand mean"):
        completer = BayesianCompleter(**SHORT, random_state=0).fit(X)
    mean, std = completer.transform(X, return_std=True)
    np.testing.assert_allclose(mean[:, 4], np.nanmean(X))
    np.testing.assert_allclose(std[:, 4], np.nanstd(X))


def test_columns_that_were_constant_do_not_rule_rows_where_they_are_not():
    rng = np.random.default_rng(0)
    full = rng.normal(size=(120, 3)) @ rng.normal(size=(3, 12)) + 0.1 * rng.normal(size=(120, 12))
    full[:100, 4] = 2.0
    X = np.where(rng.random(full.shape) < 0.8, full, np.nan)
    X[100:, 4], X[100:, 0] = 3.0, np.nan
    completer = BayesianCompleter(5, n_samples=60, burn_in=40, random_state=0).fit(X[:100])
    others = np.delete(np.arange(12), 4)
    error = (completer.transform(X[100:]) - full[100:])[:, others]
    assert np.sqrt(np.mean(error[np.isnan(X[100:, others])] ** 2)) < 0.3


def test_columns_in_small_units_keep_their_noise():
    Z, _, X = table(200, 40, 2, noise=0.1)
    units = np.repeat([1.0, 3e-3], 20)
    completer = BayesianCompleter(5, n_samples=60, burn_in=40, scale=False, random_state=0)
    error = (completer.fit_transform(X * units) / units - Z)[np.isnan(X)]
    assert np.sqrt(np.mean(error**2)) < 0.08
