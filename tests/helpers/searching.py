"""Instances that search for rank and penalty, tables for them, and what they found."""

from functools import cache

import numpy as np
import pytest
from scipy import sparse

from skmc import (
    ALSCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
)
from skmc.completers import CROSS_VALIDATED
from skmc.datasets import make_low_rank

QUICK = {"n_alphas": 4, "eps": 0.01, "cv": 2}
AUTO = (ALSCompleter, ProjectedGDCompleter)
SEARCHING = CROSS_VALIDATED + AUTO
each = pytest.mark.parametrize("E", SEARCHING)
each_cv = pytest.mark.parametrize("E", CROSS_VALIDATED)
each_auto = pytest.mark.parametrize("E", AUTO)
each_plain = pytest.mark.parametrize("E", [*AUTO, SoftImputeCompleter])


def searching(E, **params):
    """An instance that searches, quickly, and returns what its model says of observed entries."""
    quick = QUICK if E in CROSS_VALIDATED else {"rank": "auto"}
    return E(**{**quick, "keep_observed": False, **params})


def table(n_rows=60, n_columns=20, rank=2, **params):
    params = {"observed": 0.6, "noise": 0.1, "offsets": 1.0, "random_state": 0, **params}
    return make_low_rank(n_rows, n_columns, rank, **params)


@cache
def reference(E):
    """A fit of that table, not to be changed."""
    return searching(E).fit(table().X)


def noise_table(shape, seed=0, observed=0.6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) + 3.0 * rng.normal(size=shape[1])
    return np.where(rng.random(shape) < observed, X, np.nan)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


def fitted(model):
    """Fitted attributes, but for the times of the iterations."""
    found = {k: v for k, v in vars(model).items() if k.endswith("_") and not k.startswith("_")}
    found["trace_"] = {k: v for k, v in found["trace_"].items() if k != "time"}
    return found


def assert_same_bits(one, other):
    one, other = fitted(one), fitted(other)
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_equal(other[name], value, err_msg=name)


def stored(X):
    rows, columns = np.nonzero(~np.isnan(X))
    return sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).tocsr()


def uneven_noise():
    """A table whose second half of columns has three times the noise of the first."""
    data = make_low_rank(300, 40, 2, observed=0.6, random_state=0)
    rng = np.random.default_rng(0)
    return data, data.X + np.repeat([0.2, 0.6], 20) * rng.normal(size=data.X.shape)
