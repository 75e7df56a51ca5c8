"""Columns in the units of their noise."""

import numpy as np
import pytest
from searching import each_plain, rms, stored, table, uneven_noise

from skmc import (
    ProjectedGDCompleter,
    SoftImputeCompleter,
)


@each_plain
def test_noise_units_follow_the_units_of_the_columns(E):
    X = table().X
    params = {"scale": "noise", "keep_observed": False}
    params |= {"max_rank" if E is SoftImputeCompleter else "rank": 3}
    expected = E(**params).fit(X)
    scale, shift = np.geomspace(1e-3, 1e3, 20), np.linspace(-100, 100, 20)
    other = E(**params).fit(scale * X + shift)
    np.testing.assert_allclose(other.scale_ / scale, expected.scale_, rtol=1e-8)
    np.testing.assert_allclose(
        (other.transform(scale * X + shift) - shift) / scale, expected.transform(X), atol=1e-7
    )


@each_plain
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_noise_units_and_the_order_of_rows_and_columns(E, form):
    X = table().X
    params = {"scale": "noise", "keep_observed": False, "tol": 1e-10, "max_iter": 5000}
    params |= {"rank": 2} if E is ProjectedGDCompleter else {"alpha": 1.0}
    as_given = stored if form == "sparse" else np.array
    expected = E(**params).fit(as_given(X))
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(60), rng.permutation(20)
    other = E(**params).fit(as_given(X[rows]))
    np.testing.assert_allclose(other.scale_, expected.scale_, rtol=1e-8)
    np.testing.assert_allclose(other.transform(X), expected.transform(X), atol=1e-8)
    other = E(**params).fit(as_given(X[:, columns]))
    np.testing.assert_allclose(other.scale_, expected.scale_[columns], rtol=1e-8)
    np.testing.assert_allclose(
        other.transform(X[:, columns]), expected.transform(X)[:, columns], atol=1e-8
    )


@each_plain
def test_noise_units_lower_the_error(E):
    data, X = uneven_noise()
    params = {"rank": 2} if E is not SoftImputeCompleter else {"max_rank": 2}
    noise, plain = (E(scale=s, keep_observed=False, **params).fit(X) for s in ("noise", True))
    ratio = noise.scale_ / noise.spread_
    assert np.median(ratio[20:]) > 1.3 * np.median(ratio[:20])
    np.testing.assert_array_equal(plain.scale_, plain.spread_)
    errors = [rms(model.transform(X) - data.truth) for model in (noise, plain)]
    assert errors[0] < 0.9 * errors[1]


@each_plain
@pytest.mark.parametrize("size", [1e3, 1e9])
def test_noise_units_keep_an_outlier_in_its_column(E, size):
    data = table()
    X, others = data.X.copy(), np.arange(20) != 3
    params = {"rank": 2} if E is not SoftImputeCompleter else {"max_rank": 2}
    errors = []
    for outlier in (X[data.mask[:, 3], 3][0], size):
        X[np.flatnonzero(data.mask[:, 3])[0], 3] = outlier
        completed = E(keep_observed=False, scale="noise", **params).fit_transform(X)
        errors.append(rms((completed - data.truth)[:, others]))
    assert errors[1] < 1.3 * errors[0]
