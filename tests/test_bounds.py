"""Bounds of predictions: everything that is predicted lies within, and nothing else changes."""

import numpy as np
import pandas as pd
import pytest
from factor_files import written
from registry import EVERY, make
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from suited import small, table_for

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    ConformalCompleter,
    EntryRegressor,
    SymmetricGDCompleter,
    load_factors,
)
from skmc.model_selection import to_entries
from skmc.utils.estimator_checks import parametrize_with_completer_checks

each = pytest.mark.parametrize("E", EVERY)
LOW, HIGH = -0.3, 0.4


def bounded(E, low=LOW, high=HIGH, **params):
    return make(E, random_state=0, min_value=low, max_value=high, **params)


def free(E, **params):
    return make(E, random_state=0, **params)


@each
def test_every_prediction_is_the_one_without_bounds_clipped(E):
    X = table_for(E)
    one, two = bounded(E).fit(X), free(E).fit(X)
    rows, columns = np.nonzero(np.isnan(X))
    for name, given in (
        ("transform", (X,)),
        ("leave_one_out", (X,)),
        ("predict_entries", (rows, columns)),
    ):
        expected = getattr(two, name)(*given)
        found = getattr(one, name)(*given)
        assert (expected[~np.isnan(expected)] > HIGH).any()
        np.testing.assert_array_equal(found, np.clip(expected, LOW, HIGH), name)
    np.testing.assert_array_equal(
        bounded(E).fit_transform(X), np.clip(two.fit_transform(X), LOW, HIGH)
    )
    (places, values), (expected_places, expected) = one.recommend(X, 5), two.recommend(X, 5)
    # Bounds make predictions equal; the order is that of the model.
    np.testing.assert_array_equal(places, expected_places)
    np.testing.assert_array_equal(values, np.clip(expected, LOW, HIGH))


@each
def test_observed_entries_are_returned_as_they_are(E):
    X = table_for(E)
    completed = bounded(E, keep_observed=True).fit_transform(X)
    seen = ~np.isnan(X)
    assert np.nanmax(X) > HIGH
    np.testing.assert_array_equal(completed[seen], X[seen])
    assert completed[~seen].min() >= LOW
    assert completed[~seen].max() <= HIGH


@each
def test_the_fit_is_that_without_bounds(E):
    X = table_for(E)
    one, two = bounded(E).fit(X), free(E).fit(X)
    np.testing.assert_array_equal(one.components_, two.components_)
    np.testing.assert_array_equal(one.offsets_, two.offsets_)


def test_score_is_of_the_clipped_predictions():
    X = table_for(ALSCompleter)
    truth = np.clip(X, LOW, HIGH)
    one, two = (
        bounded(ALSCompleter, scale=True).fit(truth),
        free(ALSCompleter, scale=True).fit(truth),
    )
    left = one.leave_one_out(truth)
    unit = one.spread_
    total = np.nansum(((truth - np.nanmean(truth, axis=0)) / unit) ** 2)
    assert one.score(truth) == pytest.approx(1 - np.nansum(((truth - left) / unit) ** 2) / total)
    # The truth is within the bounds, so that clipping can only help.
    assert one.score(truth) > two.score(truth)
    hidden = np.random.default_rng(0).random(X.shape) < 0.2
    given = np.where(hidden, np.nan, truth)
    assert one.score(given, truth) > two.score(given, truth)


def test_bounds_of_each_column():
    X = table_for(ALSCompleter)
    m = X.shape[1]
    low, high = np.linspace(-1, 0, m), np.r_[np.full(m - 5, 0.2), np.full(5, np.inf)]
    expected = free(ALSCompleter).fit_transform(X)
    completer = bounded(ALSCompleter, list(low), high).fit(X)
    np.testing.assert_array_equal(completer.transform(X), np.clip(expected, low, high))
    rows, columns = np.nonzero(np.isnan(X))
    np.testing.assert_allclose(
        completer.predict_entries(rows, columns),
        np.clip(expected, low, high)[rows, columns],
        atol=1e-12,
    )


@pytest.mark.parametrize("low", [None, -np.inf, -0.5])
def test_one_bound_is_enough(low):
    X = table_for(ALSCompleter)
    completed = bounded(ALSCompleter, low, None).fit_transform(X)
    expected = np.clip(free(ALSCompleter).fit_transform(X), low, np.inf)
    np.testing.assert_array_equal(completed, expected)


def test_single_precision_stays_and_unbearable_bounds_are_none():
    X = table_for(ALSCompleter, dtype=np.float32)
    completed = bounded(ALSCompleter, -1e300, 0.1).fit_transform(X)
    assert completed.dtype == np.float32
    assert completed.max() == np.float32(0.1)


def test_sparse_tables_and_leave_one_out_of_them():
    X = table_for(ALSCompleter)
    rows, columns = np.nonzero(~np.isnan(X))
    S = sparse.csr_array((X[rows, columns], (rows, columns)), shape=X.shape)
    completer = bounded(ALSCompleter).fit(S)
    assert completer.transform(S).max() <= HIGH
    assert completer.leave_one_out(S).data.min() >= LOW


def test_bayesian_means_and_samples():
    X = table_for(BayesianCompleter)
    completer = bounded(BayesianCompleter).fit(X)
    mean, std = completer.transform(X, return_std=True)
    np.testing.assert_array_equal(mean, completer.transform(X))
    np.testing.assert_allclose(std, free(BayesianCompleter).fit(X).transform(X, return_std=True)[1])
    draws = completer.sample(X, 3, random_state=0)
    for values in (mean, draws, completer.predict_entries([0, 1], [2, 3], return_std=True)[0]):
        assert values.min() >= LOW
        assert values.max() <= HIGH


@pytest.mark.parametrize("center", [True, False, "both"])
def test_labels_known_or_not(center):
    X = table_for(ALSCompleter)
    entries, values = to_entries(X)
    m = X.shape[1]
    high = np.linspace(0.05, 0.3, m)
    completer = ALSCompleter(rank=3, center=center)
    new = np.array([[0, 1], [2, 5], [99, 1], [99, 7], [3, 99], [4, 99], [99, 99]])
    with pytest.warns(UserWarning, match="not in the fit"):
        expected = EntryRegressor(completer).fit(entries, values + 1).predict(new)
    completer = clone(completer).set_params(min_value=0.0, max_value=high)
    with pytest.warns(UserWarning, match="not in the fit"):
        found = EntryRegressor(completer).fit(entries, values + 1).predict(new)
    above = [high[1], high[5], high[1], high[7], high[-1], high[-1], high[-1]]
    np.testing.assert_array_equal(found, np.clip(expected, 0, above))
    regressor = EntryRegressor(completer).fit(entries, values + 1)
    labels, values = regressor.recommend([0, 1], 3, exclude_observed=False)
    assert (values <= high[labels.astype(int)]).all()


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (1.0, 0.0, r"min_value must be less than max_value; in 25 of 25 .*column 0, .* 1 and 0"),
        (0.0, 0.0, "min_value must be less than max_value"),
        (np.arange(25.0), 10.0, r"in 15 of 25 column\(s\) it is not, the first column 10,"),
        (np.zeros(3), None, r"one number for each of the 25 columns; its shape is \(3,\)"),
        (None, np.r_[np.zeros(24), np.nan], "max_value is NaN for 1 column.*first column 24.*inf"),
        (np.nan, None, "min_value is NaN"),
    ],
)
def test_bounds_that_are_none_are_refused_before_the_fit(low, high, message):
    completer = ALSCompleter(rank=2, min_value=low, max_value=high)
    X = table_for(ALSCompleter)
    with pytest.raises(ValueError, match=message):
        completer.fit(X)
    assert not hasattr(completer, "components_")
    with pytest.raises(ValueError, match=message):
        EntryRegressor(completer).fit(*to_entries(X))


def test_the_message_names_the_column():
    X = pd.DataFrame(table_for(ALSCompleter)[:, :2], columns=["height", "mass"])
    with pytest.raises(ValueError, match=r"the first column 1 \('mass'\), where they are 3 and 2"):
        ALSCompleter(min_value=[0, 3], max_value=2).fit(X)


def test_a_symmetric_matrix_has_the_same_bounds_on_both_sides():
    X = table_for(SymmetricGDCompleter)
    with pytest.raises(ValueError, match="min_value"):
        SymmetricGDCompleter(min_value=np.zeros(X.shape[1])).fit(X)


def test_files_keep_them(tmp_path):
    X = table_for(ALSCompleter)
    high = np.linspace(0.1, 0.5, X.shape[1])
    fitted = small(ALSCompleter, min_value=-1, max_value=high).fit(X)
    again = load_factors(written(tmp_path, fitted))
    assert again.min_value == -1
    np.testing.assert_array_equal(again.max_value, high)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def test_a_file_with_bounds_of_another_table_is_refused(tmp_path):
    fitted = small(ALSCompleter).fit(table_for(ALSCompleter))
    fitted.max_value = np.zeros(3)
    with pytest.raises(ValueError, match="max_value must be a number"):
        load_factors(written(tmp_path, fitted))


@parametrize_with_checks([ALSCompleter(rank=2, min_value=-1, max_value=1.5, keep_observed=False)])
def test_sklearn(estimator, check):
    check(estimator)


# Wide bounds, as some of the checks are of what a model is equivariant to.
@parametrize_with_completer_checks([ALSCompleter(rank=3, min_value=-1e9, max_value=1e9)])
def test_completer(estimator, check):
    check(estimator)


def test_a_series_has_the_labels_of_the_columns(tmp_path):
    X = pd.DataFrame(table_for(ALSCompleter)[:, :3], columns=["height", "mass", "age"])
    low = pd.Series([0.0, 1.0, 2.0], index=X.columns)
    expected = ALSCompleter(min_value=low.to_numpy()).fit_transform(X)
    for same in (low, pd.Series(low.to_numpy())):
        completer = ALSCompleter(min_value=same).fit(X)
        np.testing.assert_array_equal(completer.transform(X), expected)
    path = written(tmp_path, completer)
    np.testing.assert_array_equal(load_factors(path).transform(X), expected)
    with pytest.raises(ValueError, match=r"2 of 3 places, the first column 0 \('height'\).*'age'"):
        ALSCompleter(min_value=low[["age", "mass", "height"]]).fit(X)


def test_a_series_of_an_entry_regressor_has_the_labels_of_its_columns():
    X = table_for(ALSCompleter)[:, :12]
    entries, values = to_entries(X)
    labels = np.array([[f"r{i}", f"c{j}"] for i, j in entries])
    low = pd.Series(np.arange(12.0), index=[f"c{j}" for j in range(12)])
    with pytest.raises(ValueError, match=r"10 of 12 .* column 2 \('c10'\).*'c2'.*sort_index\(\)"):
        EntryRegressor(ALSCompleter(min_value=low)).fit(labels, values)
    sorted_low = low.sort_index()
    for completer in (ALSCompleter, lambda **bounds: ConformalCompleter(ALSCompleter(**bounds))):
        model = EntryRegressor(completer(min_value=sorted_low)).fit(labels, values)
        found = model.predict([["r0", label] for label in low.index])
        assert (found >= low).all()
    # Labels of any type.
    for index in (pd.date_range("2024-01-01", periods=12), pd.Index(np.arange(12) + 3)):
        X = pd.DataFrame({"row": entries[:, 0], "column": index.to_numpy()[entries[:, 1]]})
        given = pd.Series(np.arange(12.0), index=index)
        EntryRegressor(ALSCompleter(min_value=given)).fit(X, values)
        with pytest.raises(ValueError, match="12 of 12 places, the first column 0"):
            EntryRegressor(ALSCompleter(min_value=given[::-1])).fit(X, values)


def test_a_series_with_labels_needs_names_to_compare_them_with():
    X = table_for(ALSCompleter)[:, :3]
    low = pd.Series([0.0, 1.0, 2.0], index=["height", "mass", "age"])
    for given in (X, pd.DataFrame(X)):
        with pytest.raises(ValueError, match=r"'height', and the columns have no names.*to_numpy"):
            ALSCompleter(min_value=low).fit(given)
        ALSCompleter(min_value=low.reset_index(drop=True)).fit(given)


def test_labels_of_a_series_are_compared_in_the_fit_alone(monkeypatch):
    X = pd.DataFrame(table_for(ALSCompleter)[:, :3], columns=["height", "mass", "age"])
    completer = ALSCompleter(min_value=pd.Series([0.0, 1.0, 2.0], index=X.columns)).fit(X)

    def fail(*args):
        raise AssertionError("the labels are looked at again")

    monkeypatch.setattr(pd.Index, "__iter__", fail)
    assert completer.predict_entries([0], [2]) >= 2.0


def test_bounds_by_name_are_refused_in_words():
    with pytest.raises(TypeError, match=r"min_value must be a number.*got a dict"):
        ALSCompleter(min_value={"height": 0}).fit(table_for(ALSCompleter))
