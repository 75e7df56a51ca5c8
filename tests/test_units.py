"""Units and order: shifts, scales, permutations, transposition, and columns that say little."""

import numpy as np
import pytest
from registry import at, each, each_with, make

from skmc import ALSCompleter, NMFCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank

UNITS = [{}, {"center": "both"}, {"center": False, "scale": False}]


def data(**params):
    params = {"observed": 0.6, "noise": 0.1, "offsets": 1.0, "random_state": 0, **params}
    return make_low_rank(80, 40, 3, **params)


@each_with({}, {"center": "both"})
def test_shift_of_columns(E, params):
    X = data().X
    shift = np.linspace(-20, 30, 40)
    model = make(E, **params)
    expected = model.fit_transform(X) + shift
    np.testing.assert_allclose(model.fit_transform(X + shift), expected, atol=1e-6)


@each
@pytest.mark.parametrize("center", [True, False])
def test_scale_of_columns(E, center):
    X = data().X
    units = 10.0 ** np.linspace(-6, 6, 40)
    model = make(E, center=center)
    expected = model.fit_transform(X)
    np.testing.assert_allclose(model.fit_transform(X * units) / units, expected, atol=1e-6)
    assert model.score(X * units) == pytest.approx(model.fit(X).score(X), abs=1e-9)


@each_with(*UNITS)
def test_order_of_rows_and_columns(E, params):
    X = data().X
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(80), rng.permutation(40)
    model = make(E, **params)
    expected = model.fit_transform(X)
    np.testing.assert_allclose(model.fit_transform(X[rows]), expected[rows], atol=1e-6)
    np.testing.assert_allclose(model.fit_transform(X[:, columns]), expected[:, columns], atol=1e-6)


@pytest.mark.parametrize(
    "completer",
    [
        ALSCompleter(rank=5, alpha=1.0),
        ALSCompleter(),
        SoftImputeCompleter(),
        SoftImputeCompleter(2.0),
    ],
    ids=str,
)
def test_transposition(completer):
    X = data().X
    completer.set_params(center=False, scale=False, tol=1e-10, max_iter=5000, keep_observed=False)
    expected = completer.fit_transform(X)
    np.testing.assert_allclose(completer.fit_transform(X.T).T, expected, atol=1e-6)


@pytest.mark.parametrize("E", [ALSCompleter, ProjectedGDCompleter])
def test_transposition_with_hard_rank(E):
    # Noise is fitted row by row, so only the noiseless matrix is the same both ways.
    X = data(noise=0.0).X
    params = {"alpha": 0} if E is ALSCompleter else {}
    model = E(rank=4, center=False, scale=False, tol=1e-10, **params)
    np.testing.assert_allclose(model.fit_transform(X.T).T, model.fit_transform(X), atol=1e-6)


@each
@pytest.mark.parametrize("factor", [1e150, 1e-150, 1e100, 1e-100])
@pytest.mark.parametrize("scale", [True, False])
def test_units_far_from_one(E, factor, scale):
    X = data().X
    model = make(E, scale=scale)
    expected = model.fit_transform(X)
    score = model.score(X)
    np.testing.assert_allclose(model.fit_transform(X * factor) / factor, expected, atol=1e-6)
    assert model.score(X * factor) == pytest.approx(score, abs=1e-6)


@each
@pytest.mark.parametrize("factor", [1e300, 1e-300])
@pytest.mark.parametrize("scale", [True, False])
def test_units_at_the_end_of_the_range(E, factor, scale):
    # The rescaled fit or a ValueError; never wrong numbers.
    X = data().X
    model = make(E, scale=scale)
    expected = model.fit_transform(X)
    try:
        found = model.fit_transform(X * factor) / factor
    except ValueError as error:
        assert "rescale" in str(error).lower() or "too" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(found, expected, atol=1e-6)


@each
@pytest.mark.parametrize("size", [1e37, 1e20, 1e-20, 1e-37])
def test_units_far_from_one_in_single_precision(E, size):
    X = data().X
    X /= np.nanmax(np.abs(X))
    model = make(E, tol=1e-3)
    expected = model.fit_transform(X)
    found = model.fit_transform((X * size).astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.astype(float) / size, expected, atol=1e-2)


@each
def test_constant_columns_stay_constant(E):
    X = data().X
    holes = np.isnan(X[:, :3])
    X[:, :3] = np.where(holes, np.nan, [7.0, 0.0, 1e8])
    model = make(E)
    found = model.fit_transform(X)
    np.testing.assert_allclose(found[:, :3], np.tile([7.0, 0.0, 1e8], (80, 1)), rtol=2e-2, atol=0.1)
    assert (model.scale_ > 0).all()
    rest = model.fit_transform(X[:, 3:])
    np.testing.assert_allclose(found[:, 3:], rest, atol=0.2)


@each_with({}, {"scale": False}, {"center": "both"})
@pytest.mark.parametrize("constant", [0.0, 3.5, -1e12, 1e-12])
def test_constant_matrix(E, constant, params):
    X = np.full((8, 4), constant)
    X[::3, 1] = X[2, :3] = np.nan
    found = E(keep_observed=False, **params).fit_transform(X)
    np.testing.assert_allclose(found, constant, rtol=1e-6, atol=1e-15)


@each
@pytest.mark.filterwarnings("ignore::skmc.exceptions.UndeterminedWarning")
def test_scales_of_short_columns_are_drawn_towards_the_common_one(E):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 12))
    X[:, 0] *= 100.0  # well observed: keeps its own scale
    X[2:, 1] = X[1:, 2] = np.nan
    X[:2, 1] = [0.0, 1e-9]  # two entries that happen to be nearly equal
    model = at(E, rank=2, scale=True).fit(X)
    assert model.scale_[0] == pytest.approx(np.std(X[:, 0]))
    common = np.median(np.std(X[:, 3:], axis=0))
    np.testing.assert_allclose(model.scale_[1:3], common, rtol=0.2)


@each
def test_rare_value_has_no_more_than_eight_scales(E):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 6))
    X[:, 0] = 0.0
    X[17, 0] = 5.0
    model = make(E, scale=True).fit(X)
    assert model.scale_[0] == pytest.approx(5.0 * (1 - 1e-3) / 8)
    np.testing.assert_allclose(model.scale_[1:], np.std(X[:, 1:], axis=0))
    # The rest of the row is not carried away.
    model.set_params(keep_observed=False)
    assert np.abs(model.transform(X)[17, 1:]).max() < 5


@each
def test_one_scale_for_all(E):
    X = data().X
    model = make(E, scale=False).fit(X)
    assert np.unique(model.scale_).size == 1


def test_alpha_without_scaling_is_in_the_units_of_the_data():
    # min 1/2 sum (x - z)^2 + alpha |Z|_*: of complete data the singular values less alpha.
    X = data().truth * 10
    model = SoftImputeCompleter(
        alpha=40.0, center=False, scale=False, keep_observed=False, tol=1e-10
    )
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    expected = (U * np.maximum(s - 40.0, 0)) @ Vt
    np.testing.assert_allclose(model.fit_transform(X), expected, atol=1e-6)
    assert model.alpha_ == pytest.approx(40.0)
    assert model.alpha_max_ == pytest.approx(s[0])
    centered = SoftImputeCompleter(alpha=40.0, scale=False, keep_observed=False, tol=1e-10)
    mean = X.mean(axis=0)
    U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
    expected = (U * np.maximum(s - 40.0, 0)) @ Vt + mean
    np.testing.assert_allclose(centered.fit_transform(X), expected, atol=1e-6)


@each
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2)])
@pytest.mark.filterwarnings("ignore:.*no observed entry:UserWarning")
@pytest.mark.filterwarnings("ignore::skmc.exceptions.UndeterminedWarning")
def test_tiny_matrices(E, shape):
    X = np.arange(float(np.prod(shape))).reshape(shape) + 1
    assert np.isfinite(E(keep_observed=False).fit_transform(X)).all()
    if X.size > 1:
        X.flat[-1] = np.nan
        found = E().fit_transform(X)
        assert found.shape == shape
        assert np.isfinite(found).all()


@each
@pytest.mark.filterwarnings("ignore:.*no observed entry:UserWarning")
def test_one_observed_entry(E):
    X = np.full((5, 4), np.nan)
    X[2, 1] = 3.0
    np.testing.assert_allclose(E().fit_transform(X), 3.0)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e155, 1e300])
@pytest.mark.filterwarnings("ignore::skmc.exceptions.UndeterminedWarning")
def test_columns_of_one_entry_without_centres_have_a_scale(size):
    X = size * np.where(np.arange(6) == np.arange(3)[:, None] * 2, np.arange(1.0, 7.0), np.nan)
    X[0, 1::2] = size
    model = NMFCompleter(rank=1).fit(X)
    np.testing.assert_allclose(model.scale_ / size, NMFCompleter(rank=1).fit(X / size).scale_)
    assert np.isfinite(model.transform(X)).all()
