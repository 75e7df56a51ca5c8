"""From a list of entries to a matrix with holes."""

from numbers import Integral

import numpy as np
from scipy import sparse as sp
from sklearn.utils import check_consistent_length

from skmc._compat import StrOptions, validate_params
from skmc._entries import check_no_missing, compress_entries, label_columns
from skmc._memory import available_bytes
from skmc._sparse_input import INT32_MAX
from skmc._validation import entry_values


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
        Whole numbers of a float type are labels too: as positions, pass ``.astype(int)``.

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
    if np.ndim(values) != 1:
        raise ValueError(f"values must be 1-D; got shape {np.shape(values)}.")
    values = entry_values(values, "values")
    parts = label_columns(coordinates, 0, 1, "from_entries")
    check_consistent_length(parts[0], values)
    if hasattr(coordinates, "columns") or any(part.dtype.kind not in "iu" for part in parts):
        return _labelled(parts, values, shape, sparse, duplicates)
    return _build(parts, values, _shape_of(*parts, shape), sparse, duplicates)


def _shape_of(rows, columns, shape):
    lowest = min(rows.min(), columns.min())
    if lowest < 0:
        raise ValueError(f"Positions in coordinates must not be negative; the lowest is {lowest}.")
    needed = int(rows.max()) + 1, int(columns.max()) + 1
    if shape is None:
        shape = needed
    elif len(shape) != 2 or not all(isinstance(k, Integral) for k in shape):
        raise ValueError(f"shape must be a tuple of two ints; got {shape!r}.")
    elif needed[0] > shape[0] or needed[1] > shape[1]:
        raise ValueError(
            f"shape={shape!r} is too small for the coordinates, which need at least {needed}."
        )
    return int(shape[0]), int(shape[1])


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
    codes, shape = (rows.codes, columns.codes), (len(index), len(header))
    dense = _build(codes, values, shape, False, duplicates, labels=(index, header))
    return pd.DataFrame(dense, index=index, columns=header)


def _build(parts, values, shape, sparse, duplicates, labels=None):
    needed, available = shape[0] * shape[1] * values.itemsize, available_bytes()
    if not sparse and available is not None and needed > available:
        raise MemoryError(
            f"The {shape[0]} x {shape[1]} matrix takes {needed / 1e9:.3g} GB and "
            f"{available / 1e9:.3g} GB are available. Pass positions and sparse=True."
        )
    if max(shape) > INT32_MAX:
        raise ValueError(
            f"The coordinates need a matrix of shape {shape}; the limit is {INT32_MAX} rows and "
            "columns. Number those that occur from zero."
        )
    parts = [part.astype(np.int64, copy=False) for part in parts]
    indptr, columns, values, _ = compress_entries(*parts, values, shape, duplicates, labels=labels)
    if sparse:
        return sp.csr_array((values, columns, indptr), shape=shape)
    X = np.full(shape, np.nan, dtype=values.dtype)
    X[np.repeat(np.arange(shape[0]), np.diff(indptr)), columns] = values
    return X
