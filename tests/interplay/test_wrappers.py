"""Meta-estimators of scikit-learn around completers and the entry regressor."""

import numpy as np
import pytest
from registry import GENERAL, at
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, EntryRegressor, SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.model_selection import to_entries

pd = pytest.importorskip("pandas")
DATA = make_low_rank(150, 20, 2, observed=0.6, noise=0.1, offsets=1.0, random_state=0)
X = DATA.X
LABELS = (DATA.U[:, 0] > 0).astype(int)
OLD, NEW = slice(None, 70), slice(70, None)


@pytest.mark.parametrize("E", GENERAL)
def test_a_frozen_completer_is_not_fitted_again(E):
    completer = at(E, rank=2).fit(X[OLD])
    components, expected = completer.components_.copy(), completer.transform(X[NEW])
    score = completer.score(X[NEW])
    frozen = clone(FrozenEstimator(completer)).fit(np.full((3, 2), 7.0), None)
    np.testing.assert_array_equal(frozen.transform(X[NEW]), expected)
    assert clone(Pipeline([("completer", frozen)])).fit(X[OLD]).score(X[NEW]) == score
    assert frozen.score(X[NEW]) == score > 0.9
    np.testing.assert_array_equal(completer.components_, components)


def test_classifiers_behind_a_completer_fitted_elsewhere():
    completer = ALSCompleter(rank=2).fit(X[OLD])
    filled = completer.transform(X[NEW])
    pipeline = Pipeline(
        [("completer", FrozenEstimator(completer)), ("classifier", LogisticRegression())]
    )
    grid, cv = {"classifier__C": [1e-4, 1.0, 100.0]}, KFold(4)
    search = GridSearchCV(pipeline, grid, cv=cv).fit(X[NEW], LABELS[NEW])
    direct = GridSearchCV(LogisticRegression(), {"C": grid["classifier__C"]}, cv=cv)
    direct.fit(filled, LABELS[NEW])
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], direct.cv_results_["mean_test_score"]
    )
    assert search.best_params_["classifier__C"] == direct.best_params_["C"] > 1e-4
    assert search.best_score_ > 0.9
    assert search.best_estimator_["completer"].estimator is completer


def test_a_frozen_regressor_of_entries():
    coordinates, values = to_entries(X)
    model = EntryRegressor(ALSCompleter(rank=2)).fit(coordinates, values)
    expected = model.predict(coordinates)
    # Nothing is fitted in any fold, so nothing is held out.
    found = cross_val_predict(FrozenEstimator(model), coordinates, values, cv=KFold(4))
    np.testing.assert_array_equal(found, expected)
    held_out = cross_val_predict(model, coordinates, values, cv=KFold(4))
    assert np.std(found - values) < 0.9 * np.std(held_out - values)


def ratios():
    """Positive entries, exp of a low-rank matrix, with relative noise."""
    coordinates, logs = to_entries(X)
    return coordinates, np.exp(logs)


def test_a_regressor_of_logarithms():
    coordinates, values = ratios()
    inner = EntryRegressor(ALSCompleter(rank=2))
    model = TransformedTargetRegressor(inner, func=np.log, inverse_func=np.exp)
    cv = KFold(4)
    found = cross_val_predict(model, coordinates, values, cv=cv)
    expected = np.empty_like(values)
    for train, test in cv.split(coordinates):
        inner.fit(coordinates[train], np.log(values[train]))
        expected[test] = np.exp(inner.predict(coordinates[test]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found > 0).all()
    # The logarithms are of low rank, the values are not.
    plain = cross_val_predict(inner, coordinates, values, cv=cv)
    errors = [np.median(np.abs(p / values - 1)) for p in (found, plain)]
    assert errors[0] < 0.12
    assert errors[1] > 2 * errors[0]
    assert r2_score(np.log(values), np.log(found)) > 0.97


def test_a_search_for_the_rank_of_logarithms():
    coordinates, values = ratios()
    model = TransformedTargetRegressor(
        EntryRegressor(SoftImputeCompleter(alpha=0.5)), func=np.log, inverse_func=np.exp
    )
    grid = {"regressor__completer__max_rank": [1, 2, 4]}
    scoring = "neg_mean_absolute_percentage_error"
    search = GridSearchCV(model, grid, scoring=scoring, cv=4).fit(coordinates, values)
    assert search.best_params_ == {"regressor__completer__max_rank": 2}
    assert -0.15 < search.best_score_ < -0.08


def test_a_scaled_target_with_weights_and_labels():
    coordinates, values = to_entries(X)
    weights = np.random.default_rng(0).uniform(0.1, 3.0, values.size)
    frame = pd.DataFrame(coordinates, columns=["row", "column"])
    frame["row"] = "r" + frame["row"].astype(str)
    inner = EntryRegressor(ALSCompleter(rank=2), row="row", column="column")
    model = TransformedTargetRegressor(inner, transformer=StandardScaler())
    result = cross_validate(
        model,
        frame,
        1000.0 * values,
        cv=4,
        params={"sample_weight": weights},
        return_estimator=True,
    )
    # The completer has its own units: those of the target make no difference.
    direct = cross_validate(inner, frame, values, cv=4, params={"sample_weight": weights})
    np.testing.assert_allclose(result["test_score"], direct["test_score"], rtol=1e-9)
    assert result["test_score"].min() > 0.97
    unweighted = cross_validate(inner, frame, values, cv=4)["test_score"]
    assert np.abs(unweighted - result["test_score"]).min() > 1e-6
