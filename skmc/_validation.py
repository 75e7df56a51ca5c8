"""From whatever a user hands over to an observed set, with every message about bad input."""

import sys
from datetime import date, timedelta

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from skmc._compat import check_sample_weight
from skmc._limits import (
    BAD_WEIGHT,
    CORRECT,
    LARGEST_RATIO,
    largest_magnitude,
    largest_value,
    too_large,
)
from skmc._observed import observed_from_csr, observed_from_dense, row_pointers
from skmc._sparse_input import canonical_csr


def validate_matrix(estimator, X, *, reset, missing_values=np.nan, entry_weight=None, n_threads=1):
    """Observed set of a matrix with holes.

    Parameters
    ----------
    estimator : estimator
        Learns (`reset`) or checks the number and names of the features.
    X : array-like, dataframe or sparse matrix of shape (n, m)
        NaN (or `missing_values`, None, NA, a mask) marks what is missing in a dense table; in a
        sparse matrix the stored entries are the observed ones.
    reset : bool
        Whether the estimator is being fitted.
    missing_values : float, default=nan
        The mark of missing entries.
    entry_weight : array-like or sparse matrix of shape (n, m), or None
        Weight of each observed entry; zero means missing.
    n_threads : int, default=1
        Threads for the kernels.

    Returns
    -------
    ObservedMatrix
        In the user's units; float32 stays float32, everything else becomes float64.
    """
    if sparse.issparse(X):
        return _from_sparse(estimator, X, reset, missing_values, entry_weight, n_threads)
    X = _to_plain(X, missing_values)
    # What overflows in conversion is infinite then, and found so.
    with np.errstate(over="ignore"):
        X = validate_data(
            estimator, X, reset=reset, dtype=(np.float64, np.float32), ensure_all_finite=False
        )
    mask = _observed_mask(X, missing_values)
    weights = None
    if entry_weight is not None:
        if sparse.issparse(entry_weight):
            raise TypeError("entry_weight is sparse but X is not; pass both in the same form.")
        weights = _check_weights(np.asarray(entry_weight, dtype=X.dtype), X.shape, mask)
        mask = mask & (weights > 0)
    return observed_from_dense(X, mask, weights, n_threads)


def check_some_observed(observed):
    """Raise ValueError if nothing is observed: there is nothing to learn from."""
    if observed.nnz == 0:
        n, m = observed.shape
        raise ValueError(
            f"All {n} x {m} entries of X are missing or have weight zero; at least one must be "
            "observed. Check missing_values and entry_weight, and that missing entries are NaN "
            "and observed ones are not."
        )


def row_weights(sample_weight, n_rows, dtype=np.float64):
    """Validated sample weights of shape (n_rows,)."""
    rows = np.broadcast_to(np.zeros(()), (n_rows, 1))
    weights = check_sample_weight(sample_weight, rows, dtype=dtype)
    large = weights > LARGEST_RATIO
    if large.any():
        raise ValueError(
            f"sample_weight counts repetitions of rows, at most {LARGEST_RATIO:g}; "
            f"{np.count_nonzero(large)} are larger, the first {weights[np.argmax(large)]:.3g} at "
            f"row {np.argmax(large)}. Divide all by a constant."
        )
    return weights


def entry_values(y, name):
    """Validated values of entries: an array of shape (n_entries,), finite, of floats."""
    y = _to_plain(column_or_1d(y, warn=True), np.nan, name)
    y = check_array(y, ensure_2d=False, dtype=(np.float64, np.float32), ensure_all_finite=False)
    # NaN is not at most anything.
    if not largest_magnitude(y) <= largest_value(y.dtype):
        wrong = ~(np.abs(y) <= largest_value(y.dtype))
        what = "NaN" if np.isnan(y[wrong]).any() else too_large(y.dtype)
        raise ValueError(
            f"Input {name} contains {what} ({np.count_nonzero(wrong)} such values, the first "
            f"{y[wrong][0]:.3g} at position {np.argmax(wrong)}). Leave such entries out or correct "
            "them."
        )
    return y


def check_codes(codes, size, name):
    """Validated numbers of rows or columns: a 1-D array of integers from 0 to size - 1."""
    codes = np.asarray(codes)
    if codes.ndim != 1:
        raise ValueError(f"{name} must be 1-D; got {codes.ndim} dimensions.")
    if codes.dtype.kind not in "iu":
        whole = codes == np.floor(codes) if codes.dtype.kind == "f" else np.zeros(codes.size, bool)
        if not whole.all():
            at = np.argmin(whole)
            raise ValueError(
                f"{name} must hold integers; got {codes.dtype} with {np.count_nonzero(~whole)} "
                f"others, the first {codes[at]!s} at position {at}."
            )
    if codes.size and (codes.min() < 0 or codes.max() >= size):
        bad = (codes < 0) | (codes >= size)
        raise ValueError(
            f"{name} has {np.count_nonzero(bad)} values outside 0 ... {size - 1}, the first "
            f"{codes[np.argmax(bad)]} at position {np.argmax(bad)}."
        )
    return codes.astype(np.int64) if codes.dtype.kind == "f" else codes


def _observed_mask(X, missing_values):
    nan = np.isnan(X)
    if not np.isnan(missing_values):
        if nan.any():
            raise ValueError(
                f"Input X contains NaN{_where(nan)}, but missing_values={missing_values!r}; set "
                "missing_values=np.nan or replace them."
            )
        mask = X != missing_values
    else:
        mask = ~nan
    limit = largest_value(X.dtype)
    # Without an array in between, NaN left out; the mark of missing entries may be among them.
    if max(np.fmax.reduce(X, axis=None), -np.fmin.reduce(X, axis=None)) <= limit:
        return mask
    large = (np.abs(X) > limit) & mask
    if large.any():
        raise ValueError(f"Input X contains {too_large(X.dtype)}{_where(large)}. {CORRECT}")
    return mask


def _where(bad):
    rows, columns = np.nonzero(bad)
    return f" ({rows.size} of them, the first at row {rows[0]}, column {columns[0]})"


def _check_weights(weights, shape, mask):
    if weights.shape != shape:
        raise ValueError(f"entry_weight has shape {weights.shape}, X has {shape}.")
    bad = mask & ~((weights >= 0) & (weights <= LARGEST_RATIO))
    if bad.any():
        raise ValueError(f"{BAD_WEIGHT} where X is observed{_where(bad)}.")
    return weights


def _to_plain(X, missing_values, name="X"):
    """Dense input in a form whose missing entries survive scikit-learn's conversion."""
    if isinstance(X, np.ma.MaskedArray):
        # scikit-learn drops the mask, and what was hidden becomes data.
        kind = X.dtype if X.dtype.kind == "f" else np.float64
        return X.astype(kind).filled(missing_values)
    if isinstance(X, list | tuple):
        X = np.asarray(X)
    if isinstance(X, np.ndarray) and X.dtype == object:
        return _to_numbers(X, missing_values, name)
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        _check_column_types(X)
        return _convert_object_columns(X, missing_values) if hasattr(X, "isna") else X
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        raise TypeError(
            f"{name} has dtype {X.dtype}; dates and durations have no linear scale of their own. "
            "Convert them to numbers first."
        )
    if isinstance(X, np.ndarray) and X.dtype.kind in "SU":
        _refuse_objects(X, np.ones(X.shape, dtype=bool), name)
    return X


def _to_numbers(X, missing_values, name):
    """Array of Python objects, nulls as the mark of missing entries, with nothing but numbers."""
    X = _replace_null_objects(X, missing_values)
    no_number = np.frompyfunc(lambda value: isinstance(value, NO_NUMBERS), 1, 1)
    _refuse_objects(X, no_number(X).astype(bool), name)
    too_long = np.frompyfunc(
        lambda value: isinstance(value, int) and abs(value) > sys.float_info.max, 1, 1
    )
    # As a float each of them is infinite, and found so.
    return np.where(too_long(X).astype(bool), np.inf, X)


def _refuse_objects(X, wrong, name):
    if not wrong.any():
        return
    at = tuple(int(places[0]) for places in np.nonzero(wrong))
    where = ", ".join(f"{what} {i}" for what, i in zip(("row", "column"), at, strict=False))
    raise TypeError(
        f"{name} holds text or dates, which are "
        f"not numeric: {np.count_nonzero(wrong)} such entries, the first {X[at]!r} at {where}. "
        "Convert them to numbers, or mark them as missing."
    )


def _replace_null_objects(X, missing_values):
    pandas = sys.modules.get("pandas")
    nulls = (None,) if pandas is None else (None, pandas.NA, pandas.NaT)
    is_null = np.frompyfunc(lambda value: any(value is null for null in nulls), 1, 1)
    null = is_null(X).astype(bool)
    return np.where(null, missing_values, X) if null.any() else X


# Objects that convert to floats, or seem to, and are no numbers.
NO_NUMBERS = (str, bytes, date, timedelta, np.datetime64, np.timedelta64)
NOT_NUMERIC = (
    ("dates or durations", ("datetime", "timedelta", "period", "date", "time", "duration")),
    ("categories", ("category", "categorical", "enum")),
    ("text", ("string", "str", "utf8")),
)


def _check_column_types(X):
    """Raise TypeError naming the columns of a pandas or polars frame that are not numbers."""
    wrong = {}
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        text = str(dtype).lower()
        if text.startswith("sparse"):
            raise TypeError(
                f"Column {name!r} is a pandas Sparse column. Pass a scipy.sparse matrix (stored "
                "entries are observed, absent ones missing) or a dense frame with NaN."
            )
        for what, starts in NOT_NUMERIC:
            if text.startswith(starts):
                wrong[name] = what
                break
    if wrong:
        listed = ", ".join(f"{name!r} ({what})" for name, what in list(wrong.items())[:10])
        marks = ""
        if "text" in wrong.values():
            marks = (
                " If these are numbers, with words where there are none, name the words in "
                "na_values as you read the file, or use pandas.to_numeric(column, errors='coerce')."
            )
        raise TypeError(
            f"{len(wrong)} column(s) of X are not numeric: {listed}. Encode or drop them, for "
            f"example with a ColumnTransformer.{marks}"
        )


def _convert_object_columns(X, missing_values):
    """The pandas frame with its columns of Python objects as floats."""
    objects = [j for j, dtype in enumerate(X.dtypes) if str(dtype) == "object"]
    if not objects:
        return X
    X = X.copy()
    for j in objects:
        name = X.columns[j]
        column = _to_numbers(X.iloc[:, j].to_numpy(), missing_values, f"Column {name!r} of X")
        try:
            X.isetitem(j, column.astype(np.float64))
        except (TypeError, ValueError) as error:
            raise type(error)(f"Column {name!r} of X is not numeric: {error}") from error
    return X


def _from_sparse(estimator, X, reset, missing_values, entry_weight, n_threads):
    # Names and number of features only: scikit-learn's own checks would let corrupt indices pass.
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    indptr, indices, values, shape = canonical_csr(X, "X")
    weights = None
    if entry_weight is not None:
        weights = _sparse_weights(entry_weight, indptr, indices, shape, values.dtype)
    # Nothing equals NaN.
    drop = values == missing_values
    if weights is not None:
        drop |= weights == 0
    if drop.any():
        keep = ~drop
        rows = np.repeat(np.arange(shape[0]), np.diff(indptr))[keep]
        indptr = row_pointers(np.bincount(rows, minlength=shape[0]))
        indices, values = indices[keep], values[keep]
        weights = None if weights is None else weights[keep]
    return observed_from_csr(indptr, indices, values, shape, weights, n_threads)


def _sparse_weights(entry_weight, indptr, indices, shape, dtype):
    if not sparse.issparse(entry_weight):
        entry_weight = np.asarray(entry_weight)
        if entry_weight.shape != shape:
            raise ValueError(f"entry_weight has shape {entry_weight.shape}, X has {shape}.")
        rows = np.repeat(np.arange(shape[0]), np.diff(indptr))
        weights = entry_weight[rows, indices].astype(dtype)
    else:
        wptr, windices, weights, wshape = canonical_csr(entry_weight, "entry_weight")
        same = wshape == shape and np.array_equal(wptr, indptr)
        if not (same and np.array_equal(windices, indices)):
            raise ValueError(
                "entry_weight must store exactly the entries that X stores: X has shape "
                f"{shape} with {indices.size} stored entries, entry_weight {wshape} with "
                f"{windices.size}."
            )
        weights = weights.astype(dtype)
    bad = ~((weights >= 0) & (weights <= LARGEST_RATIO))
    if bad.any():
        at = int(np.argmax(bad))
        row = np.searchsorted(indptr, at, side="right") - 1
        raise ValueError(
            f"{BAD_WEIGHT}; {np.count_nonzero(bad)} of its entries are not, the first at row "
            f"{row}, column {indices[at]}."
        )
    return weights
