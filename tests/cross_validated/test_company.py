"""Searches in the company of others: triplets, grids, pipelines, names of columns."""

import numpy as np
import pytest
from searching import each, each_cv, rms, searching, stored, table
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmc import (
    ALSCompleterCV,
    EntryRegressor,
)
from skmc.datasets import hide_entries
from skmc.model_selection import to_entries

pd = pytest.importorskip("pandas")


@each
def test_entries_as_triplets(E):
    X = table().X
    coordinates, y = to_entries(X, random_state=0)
    completer = searching(E, center="both")
    regressor = EntryRegressor(completer).fit(coordinates, y)
    model = regressor.completer_
    # The same fit as that of the matrix, whose entries come in another order.
    matrix = searching(E, center="both").fit(stored(X))
    assert (model.rank_, model.alpha_) == (matrix.rank_, pytest.approx(matrix.alpha_))
    found = regressor.predict(coordinates)
    expected = matrix.predict_entries(*coordinates.T)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_search_on_triplets():
    X = table().X
    coordinates, y = to_entries(X, random_state=0)
    search = GridSearchCV(
        EntryRegressor(searching(ALSCompleterCV, center="both")),
        {"completer__one_standard_error": [False, True]},
        cv=KFold(3, shuffle=True, random_state=0),
        scoring="neg_root_mean_squared_error",
    )
    search.fit(coordinates, y)
    assert -search.best_score_ < 0.2
    assert search.best_estimator_.completer_.rank_ == 2


@each_cv
def test_grid_search_over_one_standard_error(E):
    X = table().X
    search = GridSearchCV(searching(E), {"one_standard_error": [False, True]}, cv=2).fit(X)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.rank_ == 2


@each
def test_pipeline(E):
    data = table(120, 12)
    y = data.truth[:, 0] - data.truth[:, 1]
    pipe = make_pipeline(StandardScaler(), searching(E, keep_observed=True), LinearRegression())
    assert pipe.fit(data.X, y).score(data.X, y) > 0.95


@each
def test_names_and_output(E):
    X = table().X
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(20)], index=np.arange(60) + 100)
    model = searching(E, add_indicator=True).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    names = [*frame.columns, *(f"missingindicator_{c}" for c in frame)]
    assert list(out.columns) == names == list(model.get_feature_names_out())
    assert (out.index == frame.index).all()


@each
def test_real_tables(E):
    # Convergence warnings are errors here.
    from sklearn.datasets import load_diabetes, load_wine

    for load in (load_diabetes, load_wine):
        whole = load().data
        X, _ = hide_entries(whole, 0.2, random_state=0)
        holes = np.isnan(X)
        found = searching(E).fit_transform(X)
        error, baseline = (
            rms(((other - whole) / whole.std(axis=0))[holes])
            for other in (found, np.nanmean(X, axis=0))
        )
        assert error < 0.9 * baseline
