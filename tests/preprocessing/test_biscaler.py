"""Rows and columns of mean 0 and variance 1."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmc import SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.preprocessing import BiScaler

OPTIONS = ("center_rows", "center_columns", "scale_rows", "scale_columns")


# Of two columns every row is 1 and -1, and means of columns are what they are.
@pytest.mark.filterwarnings(
    "ignore:BiScaler. after 100 iterations:sklearn.exceptions.ConvergenceWarning"
)
@parametrize_with_checks([BiScaler(), BiScaler(scale_rows=False, center_columns=False)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def table(seed=0, observed=0.6):
    """A table whose rows and columns have their own offsets and scales."""
    rng = np.random.default_rng(seed)
    data = make_low_rank(60, 40, 3, observed=observed, noise=0.3, random_state=seed)
    rows, columns = np.exp(rng.normal(size=60)), np.exp(rng.normal(size=40))
    shifts = 5 * rng.normal(size=(60, 1)) + 5 * rng.normal(size=40)
    return data.X * rows[:, None] * columns + shifts


@pytest.mark.parametrize("seed", range(3))
def test_all_lines_have_mean_zero_and_variance_one(seed):
    Z = BiScaler().fit_transform(table(seed))
    for axis in (0, 1):
        np.testing.assert_allclose(np.nanmean(Z, axis=axis), 0, atol=2e-6)
        np.testing.assert_allclose(np.nanvar(Z, axis=axis), 1, atol=4e-6)


@pytest.mark.parametrize("off", OPTIONS)
def test_what_is_switched_off_stays(off):
    X = table()
    scaler = BiScaler(**{off: False}).fit(X)
    Z = scaler.transform(X)
    what, line = off.split("_")
    name = f"{line.removesuffix('s')}_{'offsets' if what == 'center' else 'scales'}_"
    np.testing.assert_array_equal(getattr(scaler, name), 0.0 if what == "center" else 1.0)
    for axis, other in enumerate(("columns", "rows")):
        if off != f"center_{other}":
            np.testing.assert_allclose(np.nanmean(Z, axis=axis), 0, atol=2e-6)
        if off != f"scale_{other}":
            np.testing.assert_allclose(np.nanmean(Z**2, axis=axis), 1, atol=4e-6)
    np.testing.assert_allclose(scaler.inverse_transform(Z), X)


def test_offsets_and_scales_are_those_of_the_data():
    rng = np.random.default_rng(0)
    standard = BiScaler(tol=1e-12, max_iter=1000).fit_transform(rng.normal(size=(30, 20)))
    a, b = rng.normal(size=30), rng.normal(size=20)
    s, t = np.exp(0.5 * rng.normal(size=30)), np.exp(0.5 * rng.normal(size=20))
    X = s[:, None] * t * standard + a[:, None] + b
    scaler = BiScaler(tol=1e-12, max_iter=1000).fit(X)
    np.testing.assert_allclose(
        np.outer(scaler.row_scales_, scaler.column_scales_), np.outer(s, t), rtol=1e-6
    )
    np.testing.assert_allclose(
        np.add.outer(scaler.row_offsets_, scaler.column_offsets_), np.add.outer(a, b), atol=1e-6
    )
    assert scaler.row_offsets_.mean() == pytest.approx(0, abs=1e-9)
    assert np.log(scaler.row_scales_).mean() == pytest.approx(0, abs=1e-9)


def test_a_transposed_table_has_the_same_solution():
    X = table(1)
    options = {"tol": 1e-10, "max_iter": 1000}
    np.testing.assert_allclose(
        BiScaler(**options).fit_transform(X), BiScaler(**options).fit_transform(X.T).T, atol=1e-7
    )


def test_the_solution_is_a_fixed_point():
    Z = BiScaler(tol=1e-10, max_iter=1000).fit_transform(table())
    np.testing.assert_allclose(BiScaler().fit_transform(Z), Z, atol=1e-8)


def test_each_row_is_transformed_by_itself():
    X = table()
    scaler = BiScaler().fit(X[:50])
    whole = scaler.transform(X)
    np.testing.assert_array_equal(scaler.transform(X[50:]), whole[50:])
    back = scaler.inverse_transform(whole[50:], X[50:])
    np.testing.assert_allclose(back, X[50:])
    with pytest.raises(ValueError, match="Z has 10 rows, the fit has 50"):
        scaler.inverse_transform(whole[50:])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_entries_are_the_observed_ones(kind):
    X = table()
    mask = ~np.isnan(X)
    given = kind(sparse.coo_array((X[mask], np.nonzero(mask)), shape=X.shape))
    dense = BiScaler().fit_transform(X)
    out = BiScaler().fit_transform(given)
    assert sparse.issparse(out)
    assert isinstance(out, sparse.sparray) == isinstance(given, sparse.sparray)
    np.testing.assert_allclose(out.toarray()[mask], dense[mask], atol=1e-9)
    assert out.nnz == mask.sum()


def test_what_comes_back_from_a_completion_is_in_the_units_of_the_data():
    data = make_low_rank(80, 40, 2, observed=0.6, random_state=0)
    scale = np.exp(np.random.default_rng(0).normal(size=(80, 1)))
    X = scale * data.X + 3.0
    scaler, completer = BiScaler(), SoftImputeCompleter()
    Z = make_pipeline(scaler, completer).fit_transform(X)
    back = scaler.inverse_transform(Z)
    np.testing.assert_allclose(back[data.mask], X[data.mask])
    error = (back - (scale * data.truth + 3.0))[~data.mask]
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.std(X[data.mask])


def test_lines_that_do_not_vary_get_scale_one_and_empty_ones_nothing():
    X = table(observed=0.9)
    X[3], X[:, 5] = np.nan, np.nan
    X[4] = np.nan
    X[4, 7] = 12.0
    scaler = BiScaler().fit(X)
    assert scaler.row_scales_[[3, 4]].tolist() == [1.0, 1.0]
    assert (scaler.column_offsets_[5], scaler.column_scales_[5]) == (0.0, 1.0)
    Z = scaler.transform(X)
    assert Z[4, 7] == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(scaler.inverse_transform(Z), X)
    assert np.isfinite(scaler.inverse_transform(np.zeros(X.shape))).all()


def test_constants_are_centred():
    scaler = BiScaler().fit(np.full((5, 4), 0.1))
    np.testing.assert_allclose(scaler.transform(np.full((5, 4), 0.1)), 0, atol=1e-12)
    np.testing.assert_array_equal(scaler.row_scales_, 1.0)


def test_too_few_iterations_are_told():
    with pytest.warns(ConvergenceWarning, match="after 2 iterations .*Raise max_iter"):
        BiScaler(max_iter=2).fit(table())


def test_frames_single_precision_and_copies():
    pd = pytest.importorskip("pandas")
    X = table().astype(np.float32)
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(40)])
    before = frame.copy()
    scaler = clone(BiScaler()).set_output(transform="pandas").fit(frame)
    out = scaler.transform(frame)
    assert list(out.columns) == list(frame.columns)
    assert (out.dtypes == np.float32).all()
    pd.testing.assert_frame_equal(frame, before)
    assert scaler.inverse_transform(out).dtype == np.float32
