"""From a list of entries to a matrix with holes."""

import numpy as np
from scipy import sparse as sp
from sklearn.utils import check_array, check_consistent_length

from skmc._compat import StrOptions, validate_params
from skmc._memory import available_bytes
from skmc.model_selection._coordinates import check_no_missing, coordinate_columns


@validate_params(
    {
        "coordinates": ["array-like"],
        "values": ["array-like"],
        "shape": [tuple, None],
        "sparse": ["boolean"],
        "duplicates": [StrOptions({"raise", "mean", "last"})],
    },
    prefer_skip_nested_validation=True,
)
def from_entries(coordinates, values, *, shape=None, sparse=False, duplicates="raise"):
    """Put entries given by coordinates and values into a matrix with holes.

    Parameters
    ----------
    coordinates : array-like or dataframe of shape (n_entries, 2)
        Row and column of each entry. In an array of integers they are positions, from zero.
        Anything else, and every dataframe, holds labels; columns beyond the second are ignored.

    values : array-like of shape (n_entries,)
        Value of each entry, finite.

    shape : tuple of two ints, default=None
        Shape of the matrix if the coordinates are positions; None takes the smallest that holds
        them all.

    sparse : bool, default=False
        Whether to return a sparse array in which stored entries are observed. It has no labels
        and needs positions.

    duplicates : {"raise", "mean", "last"}, default="raise"
        What to do if several entries have the same coordinates: raise ValueError, take their
        mean, or take the last one.

    Returns
    -------
    X : ndarray, csr_array or pandas DataFrame of shape (n_rows, n_columns)
        The matrix: NaN, or not stored, where there is no entry. A DataFrame if the coordinates
        are labels: its index and columns are the categories if those are categorical, as
        :func:`to_entries` makes them, otherwise the labels that occur, sorted if they can be.
        float32 if `values` are, else float64.

    Raises
    ------
    MemoryError
        If the dense matrix would not fit, before it is allocated.

    See Also
    --------
    to_entries : The inverse.

    Examples
    --------
    >>> from skmc.model_selection import from_entries
    >>> from_entries([[0, 0], [1, 0], [1, 1]], [1.0, 3.0, 4.0])
    array([[ 1., nan],
           [ 3.,  4.]])
    """
    values = check_array(
        values, ensure_2d=False, dtype=[np.float64, np.float32], input_name="values"
    )
    if values.ndim != 1:
        raise ValueError(f"values must be 1-D; got shape {values.shape}.")
    parts = coordinate_columns(coordinates, "from_entries")
    check_consistent_length(parts[0], values)
    if hasattr(coordinates, "columns") or any(part.dtype.kind not in "iu" for part in parts):
        return _labelled(parts, values, shape, sparse, duplicates)
    rows, columns, shape = _positions(*parts, shape)
    rows, columns, values = _merge(rows, columns, values, duplicates)
    return _build(rows, columns, values, shape, sparse)


def _positions(rows, columns, shape):
    lowest = min(rows.min(), columns.min())
    if lowest < 0:
        raise ValueError(f"Positions in coordinates must not be negative; the lowest is {lowest}.")
    needed = int(rows.max()) + 1, int(columns.max()) + 1
    if shape is None:
        shape = needed
    elif len(shape) != 2 or any(isinstance(k, float) for k in shape):
        raise ValueError(f"shape must be a tuple of two ints; got {shape!r}.")
    elif needed[0] > shape[0] or needed[1] > shape[1]:
        raise ValueError(
            f"shape={shape!r} is too small for the coordinates, which need at least {needed}."
        )
    return rows.astype(np.int64), columns.astype(np.int64), (int(shape[0]), int(shape[1]))


def _labelled(parts, values, shape, sparse, duplicates):
    """DataFrame of entries with labels."""
    if shape is not None or sparse:
        raise ValueError(
            "The coordinates are labels, which need a DataFrame of their own shape; shape= and "
            "sparse=True are for positions. Pass an array of integers, coordinates.to_numpy() if "
            "the labels already are positions."
        )
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "Labels in coordinates need pandas, which is not installed; install it, or pass an "
            "array of integer positions."
        ) from error
    rows, columns = (pd.Categorical(part) for part in parts)
    for part, name in ((rows, "row"), (columns, "column")):
        check_no_missing(part.codes, name, "from_entries")
    index, header = rows.categories, columns.categories
    codes = rows.codes.astype(np.int64), columns.codes.astype(np.int64)
    merged = _merge(*codes, values, duplicates, labels=(index, header))
    dense = _build(*merged, (len(index), len(header)), sparse=False)
    return pd.DataFrame(dense, index=index, columns=header)


def _merge(rows, columns, values, duplicates, labels=None):
    """Entries in row-major order, those of the same cell made one."""
    key = rows * (columns.max() + 1) + columns
    order = np.argsort(key, kind="stable")
    key, rows, columns, values = key[order], rows[order], columns[order], values[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    if starts.size == key.size:
        return rows, columns, values
    counts = np.diff(np.append(starts, key.size))
    if duplicates == "raise":
        at = starts[np.argmax(counts > 1)]
        where = rows[at], columns[at]
        row, column = where if labels is None else (labels[0][where[0]], labels[1][where[1]])
        raise ValueError(
            f"{np.count_nonzero(counts > 1)} cell(s) have several entries, the first at row "
            f"{row!s}, column {column!s}. Keep one of each, or set duplicates to 'mean' or 'last'."
        )
    if duplicates == "mean":
        values = (np.add.reduceat(values, starts) / counts).astype(values.dtype)
    else:
        values = values[starts + counts - 1]
    return rows[starts], columns[starts], values


def _build(rows, columns, values, shape, sparse):
    if sparse:
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
        return sp.csr_array((values, columns, indptr), shape=shape)
    needed, available = shape[0] * shape[1] * values.itemsize, available_bytes()
    if available is not None and needed > available:
        raise MemoryError(
            f"The {shape[0]} x {shape[1]} matrix takes {needed / 1e9:.3g} GB and "
            f"{available / 1e9:.3g} GB are available. Pass positions and sparse=True."
        )
    X = np.full(shape, np.nan, dtype=values.dtype)
    X[rows, columns] = values
    return X
