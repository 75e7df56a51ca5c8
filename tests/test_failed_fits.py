"""A fit that fails leaves the state of the last one, or none."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from suited import table_for

from skmc import ALSCompleter, ConformalCompleter, EntryRegressor
from skmc.model_selection import to_entries

pd = pytest.importorskip("pandas")
X = table_for(ALSCompleter)


def test_a_regressor_is_that_of_the_last_fit_that_succeeded():
    coordinates, values = to_entries(X, random_state=0)
    frame = pd.DataFrame(coordinates, columns=["user", "item"])
    model = EntryRegressor().fit(frame, values)
    before, expected = dict(vars(model)), model.predict(frame)
    model.set_params(completer=ALSCompleter(min_value=2, max_value=1))
    with pytest.raises(ValueError, match="min_value must be less"):
        model.fit(np.c_[coordinates[:50] + 500, np.arange(50)], values[:50])
    model.set_params(completer=before["completer"])
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(frame), expected)
    never = EntryRegressor(ALSCompleter(min_value=2, max_value=1))
    with pytest.raises(ValueError, match="min_value must be less"):
        never.fit(frame, values)
    with pytest.raises(NotFittedError):
        check_is_fitted(never)
    model.fit(coordinates, values)
    assert not hasattr(model, "feature_names_in_")


def test_intervals_are_those_of_the_last_fit_that_succeeded(monkeypatch):
    conformal = ConformalCompleter(ALSCompleter(rank=2), alpha=0.3, random_state=0).fit(X)
    before, expected = dict(vars(conformal)), conformal.predict_interval(X)

    def fail(*args):
        raise ValueError("no scores")

    monkeypatch.setattr("skmc.completers._conformal.Calibration.of", fail)
    with pytest.raises(ValueError, match="no scores"):
        conformal.fit(X[:, :15])
    assert vars(conformal) == before
    np.testing.assert_array_equal(conformal.predict_interval(X), expected)
    never = clone(conformal)
    with pytest.raises(ValueError, match="no scores"):
        never.fit(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(never)
