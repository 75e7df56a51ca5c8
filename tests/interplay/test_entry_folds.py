"""Folds of entries: scikit-learn's splitters against the same folds done by hand on a matrix."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)

from skmc import ALSCompleter, EntryRegressor, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.model_selection import to_entries

UNSEEN = "rows or columns that were not in the fit"
EVERY = [
    ALSCompleter(rank=2),
    ALSCompleter(rank=2, alpha=0, center="both"),
    SoftImputeCompleter(),
    SoftImputeCompleter(alpha=2.0, center=False, scale=False),
    ProjectedGDCompleter(rank=2),
    ProjectedGDCompleter(rank=2, step_size=1.0),
]
each = pytest.mark.parametrize("completer", EVERY, ids=str)


def thin_table():
    """Fewer than a quarter observed, so that arrays with holes are worked on in sparse form too."""
    X = make_low_rank(90, 60, 2, observed=0.24, noise=0.1, offsets=1.0, random_state=0).X
    return X, *to_entries(X)


def by_hand(completer, X, coordinates, cv, predict):
    """Hide each fold in the matrix, complete, and read the hidden cells."""
    out = np.full(len(coordinates), np.nan)
    for _, test in cv.split(coordinates):
        cells = tuple(coordinates[test].T)
        hidden = X.copy()
        hidden[cells] = np.nan
        for axis in (0, 1):
            assert (~np.isnan(hidden)).any(axis=axis).all()
        model = clone(completer).set_params(keep_observed=False).fit(hidden)
        out[test] = predict(model, hidden, cells)
    return out


@each
def test_predictions_of_folds_are_those_of_the_matrix_to_the_last_digit(completer):
    X, coordinates, values = thin_table()
    cv = KFold(3, shuffle=True, random_state=0)
    found = cross_val_predict(EntryRegressor(completer), coordinates, values, cv=cv)
    expected = by_hand(
        completer, X, coordinates, cv, lambda model, _, cells: model.predict_entries(*cells)
    )
    np.testing.assert_array_equal(found, expected)
    assert 0.7 < r2_score(values, found) < 0.99

    # The completed matrix holds the same numbers, up to the order of the sums behind them.
    matrix = by_hand(
        completer, X, coordinates, cv, lambda model, hidden, cells: model.transform(hidden)[cells]
    )
    np.testing.assert_allclose(matrix, found, rtol=0, atol=1e-12)


@each
def test_predictions_of_folds_on_a_well_filled_matrix(completer):
    # Worked on as a whole array by the completer and entry by entry by the regressor: two ways
    # to sum, which lead to the same limit.
    X = make_low_rank(60, 25, 2, observed=0.7, noise=0.1, offsets=1.0, random_state=0).X
    coordinates, values = to_entries(X)
    completer = clone(completer).set_params(tol=1e-8, max_iter=5000)
    cv = KFold(3, shuffle=True, random_state=0)
    found = cross_val_predict(EntryRegressor(completer), coordinates, values, cv=cv)
    expected = by_hand(
        completer, X, coordinates, cv, lambda model, _, cells: model.predict_entries(*cells)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert 0.9 < r2_score(values, found) < 0.995


def test_every_scorer_sees_the_predictions_of_the_folds():
    X, coordinates, values = thin_table()
    cv = KFold(3, shuffle=True, random_state=0)
    completer = ALSCompleter(rank=2, alpha=1.0)
    scoring = ["r2", "neg_root_mean_squared_error", "neg_mean_absolute_error", "neg_max_error"]
    scores = cross_validate(EntryRegressor(completer), coordinates, values, cv=cv, scoring=scoring)
    predicted = by_hand(
        completer, X, coordinates, cv, lambda model, _, cells: model.predict_entries(*cells)
    )
    for k, (_, test) in enumerate(cv.split(coordinates)):
        error = values[test] - predicted[test]
        expected = {
            "r2": 1 - np.sum(error**2) / np.sum((values[test] - values[test].mean()) ** 2),
            "neg_root_mean_squared_error": -np.sqrt(np.mean(error**2)),
            "neg_mean_absolute_error": -np.mean(np.abs(error)),
            "neg_max_error": -np.max(np.abs(error)),
        }
        for name, value in expected.items():
            assert scores[f"test_{name}"][k] == pytest.approx(value, rel=1e-12)


@pytest.fixture(scope="module")
def entries():
    """Shuffled entries without offsets of columns: the mean predicts nothing."""
    X = make_low_rank(60, 25, 2, observed=0.6, noise=0.1, random_state=0).X
    return to_entries(X)


@pytest.mark.parametrize(
    "cv",
    [
        KFold(4),
        RepeatedKFold(n_splits=4, n_repeats=2, random_state=0),
        ShuffleSplit(3, test_size=0.25, random_state=0),
    ],
    ids=str,
)
def test_splitters_of_known_rows_and_columns(entries, cv):
    scores = cross_val_score(EntryRegressor(ALSCompleter(rank=2, alpha=1.0)), *entries, cv=cv)
    assert len(scores) == cv.get_n_splits()
    assert scores.min() > 0.95


def test_folds_stratified_by_row(entries):
    coordinates, values = entries
    rows = coordinates[:, 0]
    folds = list(StratifiedKFold(4, shuffle=True, random_state=0).split(coordinates, rows))
    for train, test in folds:
        held_out, kept = (np.bincount(rows[part], minlength=60) for part in (test, train))
        # A quarter of the entries of each row, of which each has nine or more.
        assert np.ptp(held_out - (held_out + kept) / 4) < 2
        assert held_out.min() >= 2
    model = EntryRegressor(ALSCompleter(rank=2, alpha=1.0))
    scores = cross_val_score(model, coordinates, values, cv=folds)
    assert scores.min() > 0.95


def test_groups_of_rows_leave_nothing_but_column_means():
    X = make_low_rank(60, 25, 2, observed=0.6, noise=0.1, offsets=3.0, random_state=0).X
    coordinates, values = to_entries(X)
    rows, columns = coordinates.T
    model = EntryRegressor(SoftImputeCompleter())
    with pytest.warns(UserWarning, match=UNSEEN) as caught:
        result = cross_validate(
            model,
            coordinates,
            values,
            groups=rows,
            cv=GroupKFold(4),
            return_estimator=True,
            return_indices=True,
        )
    # One warning for each fold, all of whose entries are concerned.
    assert [str(w.message).split(" entries")[0] for w in caught] == [
        f"{test.size} of {test.size}" for test in result["indices"]["test"]
    ]
    scores = []
    for fitted, train, test in zip(
        result["estimator"], result["indices"]["train"], result["indices"]["test"], strict=True
    ):
        assert not set(rows[train]) & set(rows[test])
        with pytest.warns(UserWarning, match=UNSEEN):
            predicted = fitted.predict(coordinates[test])
        np.testing.assert_array_equal(predicted, fitted.completer_.offsets_[columns[test]])
        means = np.bincount(columns[train], values[train]) / np.bincount(columns[train])
        error = np.sum((values[test] - predicted) ** 2)
        scores.append(1 - error / np.sum((values[test] - means[columns[test]]) ** 2))
    # Nothing is learned about a new row beyond the means of the columns ...
    np.testing.assert_allclose(scores, 0.0, atol=0.2)
    # ... for which R^2 against the mean of all gives credit all the same.
    assert result["test_score"].min() > 0.8


def test_groups_of_rows_without_offsets_score_nothing(entries):
    coordinates, values = entries
    model = EntryRegressor(ALSCompleter(rank=2, alpha=1.0))
    with pytest.warns(UserWarning, match=UNSEEN):
        scores = cross_val_score(
            model, coordinates, values, groups=coordinates[:, 0], cv=GroupKFold(4)
        )
    np.testing.assert_allclose(scores, 0.0, atol=0.2)


def test_entries_in_the_order_of_rows_are_a_cold_start(entries):
    coordinates, values = entries
    order = np.lexsort(coordinates.T[::-1])
    model = EntryRegressor(ALSCompleter(rank=2, alpha=1.0))
    sorted_entries = coordinates[order], values[order]
    with pytest.warns(UserWarning, match=r"shuffle: KFold\(shuffle=True\)"):
        cold = cross_val_score(model, *sorted_entries, cv=4)
    assert cold.max() < 0.1
    warm = cross_val_score(model, *sorted_entries, cv=KFold(4, shuffle=True, random_state=0))
    assert warm.min() > 0.95


def test_past_predicts_future():
    X, coordinates, values = thin_table()
    when = np.random.default_rng(0).permutation(values.size)
    order = np.argsort(when)
    coordinates, values, when = coordinates[order], values[order], when[order]
    cv = TimeSeriesSplit(3, test_size=200)
    completer = ALSCompleter(rank=2, alpha=1.0)
    result = cross_validate(
        EntryRegressor(completer),
        coordinates,
        values,
        cv=cv,
        scoring="neg_root_mean_squared_error",
        return_estimator=True,
    )
    for k, (train, test) in enumerate(cv.split(coordinates)):
        assert when[train].max() < when[test].min()
        past = np.full_like(X, np.nan)
        past[tuple(coordinates[train].T)] = values[train]
        rows, columns = ((~np.isnan(past)).any(axis=axis) for axis in (1, 0))
        assert rows.all()
        assert columns.all()
        model = completer.fit(past)
        predicted = model.predict_entries(*coordinates[test].T)
        np.testing.assert_array_equal(result["estimator"][k].predict(coordinates[test]), predicted)
        rmse = np.sqrt(np.mean((predicted - values[test]) ** 2))
        assert -result["test_score"][k] == pytest.approx(rmse, rel=1e-12)
    assert -result["test_score"].max() < 0.4 * np.std(values)


def test_future_columns_are_unknown(entries):
    coordinates, values = entries
    order = np.argsort(coordinates[:, 1], kind="stable")
    model = EntryRegressor(ALSCompleter(rank=2, alpha=1.0))
    with pytest.warns(UserWarning, match=UNSEEN):
        scores = cross_val_score(model, coordinates[order], values[order], cv=TimeSeriesSplit(4))
    assert scores.max() < 0.2
