"""From whatever a user hands over to an observed set, with every message about bad input."""

import sys

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from skmc._compat import check_sample_weight
from skmc._observed import (
    CompressedView,
    compressed,
    count,
    observed_from_csr,
    observed_from_dense,
    row_pointers,
    transposed,
)

INT32_MAX = np.iinfo(np.int32).max


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


def row_weights(sample_weight, n_rows):
    """Validated sample weights of shape (n_rows,), in float64."""
    rows = np.broadcast_to(np.zeros(()), (n_rows, 1))
    return check_sample_weight(sample_weight, rows, dtype=np.float64)


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
    infinite = np.isinf(X) & mask
    if infinite.any():
        raise ValueError(
            f"Input X contains infinity or a value too large for {X.dtype}{_where(infinite)}; "
            "mark such entries as missing or correct them."
        )
    return mask


def _where(bad):
    rows, columns = np.nonzero(bad)
    return f" ({rows.size} of them, the first at row {rows[0]}, column {columns[0]})"


def _check_weights(weights, shape, mask):
    if weights.shape != shape:
        raise ValueError(f"entry_weight has shape {weights.shape}, X has {shape}.")
    bad = mask & ~((weights >= 0) & np.isfinite(weights))
    if bad.any():
        raise ValueError(
            f"entry_weight must be finite and not negative where X is observed{_where(bad)}."
        )
    return weights


def _to_plain(X, missing_values):
    """Dense input in a form whose missing entries survive scikit-learn's conversion."""
    if isinstance(X, np.ma.MaskedArray):
        # scikit-learn drops the mask, and what was hidden becomes data.
        kind = X.dtype if X.dtype.kind == "f" else np.float64
        return X.astype(kind).filled(missing_values)
    if isinstance(X, np.ndarray) and X.dtype == object:
        return _replace_null_objects(X, missing_values)
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        _check_column_types(X)
        return _convert_object_columns(X, missing_values) if hasattr(X, "isna") else X
    if isinstance(X, np.ndarray) and X.dtype.kind in "mM":
        raise TypeError(
            f"X has dtype {X.dtype}; dates and durations have no linear scale of their own. "
            "Convert them to numbers first."
        )
    return X


def _replace_null_objects(X, missing_values):
    pandas = sys.modules.get("pandas")
    nulls = (None,) if pandas is None else (None, pandas.NA, pandas.NaT)
    is_null = np.frompyfunc(lambda value: any(value is null for null in nulls), 1, 1)
    null = is_null(X).astype(bool)
    return np.where(null, missing_values, X) if null.any() else X


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
        raise TypeError(
            f"{len(wrong)} column(s) of X are not numeric: {listed}. Encode or drop them, for "
            "example with a ColumnTransformer."
        )


def _convert_object_columns(X, missing_values):
    """The pandas frame with its columns of Python objects as floats."""
    objects = [j for j, dtype in enumerate(X.dtypes) if str(dtype) == "object"]
    if not objects:
        return X
    X = X.copy()
    for j in objects:
        name = X.columns[j]
        column = _replace_null_objects(X.iloc[:, j].to_numpy(), missing_values)
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
    bad = ~((weights >= 0) & np.isfinite(weights))
    if bad.any():
        raise ValueError(
            f"entry_weight must be finite and not negative; {np.count_nonzero(bad)} of its "
            "entries are not."
        )
    return weights


def canonical_csr(X, name):
    """Row pointers, column indices and values of a sparse matrix, checked, sorted and distinct.

    The matrix itself is left as it is. Raises ValueError for corrupt, duplicate, infinite or NaN
    entries, TypeError for a storage format in which stored does not mean observed.
    """
    if X.format not in ("csr", "csc", "coo", "lil", "dok"):
        raise TypeError(
            f"Sparse input {name} has format {X.format!r}, which stores whole blocks or "
            "diagonals, so that stored entries cannot be told from padding. Convert it to 'csr' "
            "or 'coo' with the observed entries only."
        )
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D sparse array {name} instead.")
    n, m = (int(size) for size in X.shape)
    if n == 0 or m == 0:
        raise ValueError(
            f"Found array with {n} sample(s) and {m} feature(s) (shape=({n}, {m})) while a "
            "minimum of 1 is required."
        )
    if max(n, m) > INT32_MAX:
        raise ValueError(f"Sparse input {name} has shape ({n}, {m}); the limit is {INT32_MAX}.")
    X = _stored(X, name)
    values = _check_values(X, name)
    if X.format == "coo":
        view = compressed(X.row, X.col, values, (n, m))
    elif X.format == "csc":
        view = transposed(_lines(X, values), row_pointers(count(X.indices[: values.size], n)))
    else:
        view = _lines(X, values)
        if not (view.steps() >= 0).all():
            by_column = transposed(view, row_pointers(count(view.indices, m)))
            view = transposed(by_column, view.indptr)
    repeated = np.flatnonzero(view.steps() == 0)
    if repeated.size:
        at = repeated[0] + 1
        row = np.searchsorted(view.indptr, at, side="right") - 1
        raise ValueError(
            f"Sparse input {name} stores {repeated.size} entries twice, the first at row {row}, "
            f"column {view.indices[at]}. Keep one value for each entry."
        )
    return view.indptr, view.indices, view.values, (n, m)


def _stored(X, name):
    """The matrix as csr, csc or coo, its indices checked."""
    if X.format in ("csr", "csc"):
        try:
            # A shallow copy: the check may convert the index arrays of what it checks.
            X = type(X)((X.data, X.indices, X.indptr), shape=X.shape, copy=False)
            X.check_format(full_check=True)
        except ValueError as error:
            raise ValueError(f"Sparse input {name} is corrupt: {error}.") from error
        return X
    X = X if X.format == "coo" else X.tocoo()
    rows, columns, (n, m) = X.row, X.col, X.shape
    if not rows.shape == columns.shape == X.data.shape:
        raise ValueError(
            f"Sparse input {name} is corrupt: {rows.size} row indices, {columns.size} column "
            f"indices and {X.data.size} values."
        )
    outside = (rows < 0) | (rows >= n) | (columns < 0) | (columns >= m)
    if outside.any():
        at = int(np.argmax(outside))
        raise ValueError(
            f"Sparse input {name} has {np.count_nonzero(outside)} indices outside its shape "
            f"({n}, {m}), the first ({rows[at]}, {columns[at]}) at position {at}."
        )
    return X


def _lines(X, values):
    """Rows of a csr matrix, columns of a csc one."""
    return CompressedView(
        np.ascontiguousarray(X.indptr, dtype=np.int64),
        np.ascontiguousarray(X.indices[: values.size], dtype=np.int32),
        np.ascontiguousarray(values),
        None,
    )


def _check_values(X, name):
    """Values of the stored entries, as floats."""
    values = X.data if X.format == "coo" else X.data[: X.indptr[-1]]
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\nSparse input {name} is {values.dtype}.")
    if values.dtype.kind not in "fiub":
        raise TypeError(f"Sparse input {name} has dtype {values.dtype}; numbers are needed.")
    kind = np.float32 if values.dtype == np.float32 else np.float64
    values = values.astype(kind, copy=False)
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(np.argmax(bad))
        row, column = _position(X, at)
        raise ValueError(
            f"Sparse input {name} stores {np.count_nonzero(bad)} entries that are NaN or "
            f"infinite, the first at row {row}, column {column}. Missing entries are "
            "those that are not stored: leave them out."
        )
    return values


def _position(X, at):
    """Row and column of a stored entry."""
    if X.format == "coo":
        return X.row[at], X.col[at]
    line = np.searchsorted(X.indptr, at, side="right") - 1
    return (line, X.indices[at]) if X.format == "csr" else (X.indices[at], line)
