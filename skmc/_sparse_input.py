"""From a sparse matrix of any kind to sorted, distinct, finite entries in compressed rows."""

import numpy as np

from skmc._limits import CORRECT, largest_magnitude, largest_value, too_large
from skmc._observed import CompressedView, compressed, count, row_pointers, transposed

INT32_MAX = np.iinfo(np.int32).max


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
    X = X if X.format in ("csr", "csc", "coo") else X.tocoo()
    for part in (X.row, X.col) if X.format == "coo" else (X.indptr, X.indices):
        if part.dtype.kind not in "iu":
            raise ValueError(
                f"Sparse input {name} is corrupt: its indices are {part.dtype}, not whole numbers."
            )
    if X.format != "coo":
        try:
            # A shallow copy: the check may convert the index arrays of what it checks.
            X = type(X)((X.data, X.indices, X.indptr), shape=X.shape, copy=False)
            X.check_format(full_check=True)
        except ValueError as error:
            raise ValueError(f"Sparse input {name} is corrupt: {error}.") from error
        # That check looks no further where the last pointer says that nothing is stored.
        if not (X.indptr[1:] >= X.indptr[:-1]).all():
            line = int(np.argmin(X.indptr[1:] >= X.indptr[:-1]))
            raise ValueError(
                f"Sparse input {name} is corrupt: indptr decreases from {X.indptr[line]} to "
                f"{X.indptr[line + 1]} after position {line}."
            )
        return X
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
    # NaN is not at most anything.
    if not largest_magnitude(values) <= largest_value(kind):
        bad = ~(np.abs(values) <= largest_value(kind))
        at = int(np.argmax(bad))
        row, column = _position(X, at)
        what, cure = too_large(kind), CORRECT
        if not np.isfinite(values[bad]).all():
            what = "NaN or infinite"
            cure = "Missing entries are those that are not stored: leave them out."
        raise ValueError(
            f"Sparse input {name} stores {np.count_nonzero(bad)} entries that are {what}, the "
            f"first at row {row}, column {column}. {cure}"
        )
    return values


def _position(X, at):
    """Row and column of a stored entry."""
    if X.format == "coo":
        return X.row[at], X.col[at]
    line = np.searchsorted(X.indptr, at, side="right") - 1
    return (line, X.indices[at]) if X.format == "csr" else (X.indices[at], line)
