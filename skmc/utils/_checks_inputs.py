"""Checks of the containers in which incomplete data come."""

import numpy as np
from sklearn import config_context

from skmc.utils._check_tools import (
    SAME_ROWS,
    assert_close,
    fresh,
    mark,
    need_module,
    need_nan,
    noisy_low_rank,
    whole_numbers,
)


def check_completer_masked_array(name, estimator):
    """What a masked array masks is missing, whatever lies beneath the mask."""
    X, _ = noisy_low_rank(estimator)
    masked = np.ma.MaskedArray(np.where(np.isnan(X), 1e6, X), mask=np.isnan(X))
    expected = fresh(estimator).fit_transform(mark(estimator, X))
    _assert_same(fresh(estimator).fit(masked).transform(masked), expected, f"{name}: masked array")


def check_completer_nested_lists(name, estimator):
    """Lists of lists, with NaN or None for what is missing, are as good as arrays."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    expected = fresh(estimator).fit_transform(X)
    nothing = [[None if np.isnan(x) else x for x in row] for row in X]
    for data in X.tolist(), nothing:
        _assert_same(fresh(estimator).fit(data).transform(data), expected, f"{name}: lists")


def check_completer_memory_layouts(name, estimator):
    """Fortran order, strides, reversed and big-endian arrays give the same numbers."""
    X, _ = noisy_low_rank(estimator)
    X = mark(estimator, X)
    expected = fresh(estimator).fit_transform(X)
    wide = np.repeat(X, 2, axis=1)
    for what, data in (
        ("Fortran order", np.asfortranarray(X)),
        ("strides", wide[:, ::2]),
        ("negative strides", X[::-1].copy()[::-1]),
        ("big-endian", X.astype(">f8")),
    ):
        result = fresh(estimator).fit(data).transform(data)
        assert_close(result, expected, SAME_ROWS, f"{name}: {what} changes the result")


def check_completer_integers(name, estimator):
    """Integers are taken as numbers, and complete data are completed already."""
    X = whole_numbers(estimator)
    _assert_same(
        fresh(estimator).fit(X).transform(X),
        fresh(estimator).fit(X.astype(float)).transform(X.astype(float)),
        f"{name}: integers",
    )


def check_completer_pandas(name, estimator):
    """Data frames with NaN, nullable and arrow types are read as the arrays that they are."""
    pd = need_module("pandas")
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    expected = fresh(estimator).fit_transform(X)
    frames = {"float64": frame, "Float64": frame.astype("Float64")}
    frames["object"] = frame.astype(object).where(frame.notna(), None)
    for what, data in frames.items():
        result = fresh(estimator).fit(data).transform(data)
        _assert_same(result, expected, f"{name}: data frame of {what}")


def check_completer_pandas_nullable_integers(name, estimator):
    """Nullable integers with NA are numbers with holes."""
    pd = need_module("pandas")
    need_nan(estimator)
    X = whole_numbers(estimator).astype(float)
    X[np.arange(20), np.arange(20) % X.shape[1]] = np.nan
    frame = pd.DataFrame(X).rename(columns=str).astype("Int64")
    expected = fresh(estimator).fit_transform(X)
    _assert_same(fresh(estimator).fit(frame).transform(frame), expected, f"{name}: Int64")


def check_completer_pandas_output(name, estimator):
    """Asked for pandas output, `transform` keeps the index and the names of the columns."""
    pd = need_module("pandas")
    X, _ = noisy_low_rank(estimator)
    X = mark(estimator, X)
    index = [f"row {i}" for i in range(len(X))]
    frame = pd.DataFrame(X, index=index, columns=[f"column {j}" for j in range(X.shape[1])])
    completer = fresh(estimator).set_output(transform="pandas").fit(frame)
    result = completer.transform(frame)
    if list(result.index) != index:
        raise AssertionError(f"{name} loses the index of a data frame")
    if list(result.columns[: X.shape[1]]) != list(frame.columns):
        raise AssertionError(f"{name} loses the column names: {list(result.columns)}")
    _assert_same(result, fresh(estimator).fit_transform(X), f"{name}: pandas output")


def check_completer_polars(name, estimator):
    """Polars frames with null are read, and come back if polars output is asked for."""
    pl = need_module("polars")
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    columns = [f"column {j}" for j in range(X.shape[1])]
    frame = pl.DataFrame(X, schema=columns).fill_nan(None)
    expected = fresh(estimator).fit_transform(X)
    _assert_same(fresh(estimator).fit(frame).transform(frame), expected, f"{name}: polars")
    with config_context(transform_output="polars"):
        completer = fresh(estimator).fit(frame)
        result = completer.transform(frame)
    if not isinstance(result, pl.DataFrame):
        raise AssertionError(f"{name} gives {type(result).__name__} for global polars output")
    # Old releases of scikit-learn cannot read the names of new polars frames.
    named = hasattr(completer, "feature_names_in_")
    if named and result.columns[: X.shape[1]] != columns:
        raise AssertionError(f"{name} loses the column names: {result.columns}")
    _assert_same(result, expected, f"{name}: polars output")


def _assert_same(result, expected, what):
    """Compare with the result for a plain array, up to what another memory layout may change."""
    assert_close(result, expected, SAME_ROWS, f"{what} gives other numbers than an array")


CHECKS = (
    check_completer_masked_array,
    check_completer_nested_lists,
    check_completer_memory_layouts,
    check_completer_integers,
    check_completer_pandas,
    check_completer_pandas_nullable_integers,
    check_completer_pandas_output,
    check_completer_polars,
)
