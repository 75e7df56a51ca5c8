"""Row and column labels of entries, of any type, as numbers."""

import numpy as np
from scipy import sparse


def coordinate_columns(coordinates, user):
    """Row labels and column labels: the first two columns of an array or dataframe.

    Parameters
    ----------
    coordinates : array-like or dataframe of shape (n_entries, 2+)
        Row and column label of each entry.
    user : str
        Who asks; named in error messages.

    Returns
    -------
    rows, columns : ndarray or series of shape (n_entries,)
        The labels.
    """
    if sparse.issparse(coordinates):
        raise TypeError(
            f"{user} needs the row and column labels of the entries; got a sparse matrix. Get "
            "them with to_entries."
        )
    if hasattr(coordinates, "iloc"):
        _check_width(coordinates.shape, user)
        return coordinates.iloc[:, 0], coordinates.iloc[:, 1]
    if hasattr(coordinates, "columns") and hasattr(coordinates, "get_columns"):
        _check_width(coordinates.shape, user)
        return tuple(column.to_numpy() for column in coordinates.get_columns()[:2])
    coordinates = np.asarray(coordinates)
    _check_width(coordinates.shape, user)
    return coordinates[:, 0], coordinates[:, 1]


def _check_width(shape, user):
    if len(shape) != 2 or shape[1] < 2 or shape[0] == 0:
        raise ValueError(
            f"{user} needs an array of shape (n_entries, 2) with the row and the column label of "
            f"at least one entry; got shape {tuple(shape)}."
        )


def encode_coordinates(coordinates, user):
    """Row numbers and column numbers, from zero and without gaps, of labelled entries.

    Parameters
    ----------
    coordinates : array-like or dataframe of shape (n_entries, 2+)
        Row and column label of each entry; a missing one is a ValueError.
    user : str
        Who asks; named in error messages.

    Returns
    -------
    rows, columns : ndarray of int64, shape (n_entries,)
        The numbers.
    """
    labels = coordinate_columns(coordinates, user)
    names = ("row", "column")
    return tuple(_encode(*one, user) for one in zip(labels, names, strict=True))


def _encode(labels, name, user):
    if hasattr(labels, "factorize"):
        codes = labels.factorize()[0]
    elif labels.dtype.kind == "O":
        # A dictionary, as labels of several types cannot be sorted.
        numbers = {}
        codes = np.array([numbers.setdefault(label, len(numbers)) for label in labels.tolist()])
    else:
        codes = np.unique(labels, return_inverse=True)[1]
    codes = codes.astype(np.int64)
    codes[is_missing(labels)] = -1
    check_no_missing(codes, name, user)
    return codes


def is_missing(labels):
    """Find missing labels.

    Parameters
    ----------
    labels : ndarray or pandas series
        Labels of any type.

    Returns
    -------
    missing : ndarray of bool
        True where a label is None, NaN, NaT or NA.
    """
    if hasattr(labels, "isna"):
        return labels.isna().to_numpy()
    if labels.dtype.kind == "O":
        return np.frompyfunc(_is_null, 1, 1)(labels).astype(bool)
    return labels != labels


def _is_null(label):
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas.NA has no truth value
        return True


def check_no_missing(codes, name, user):
    """Raise ValueError if there are missing labels.

    Parameters
    ----------
    codes : ndarray of int
        Numbers of the labels, -1 where one is missing.
    name : str
        What they label, row or column.
    user : str
        Who asks.
    """
    missing = codes < 0
    if missing.any():
        raise ValueError(
            f"{np.count_nonzero(missing)} {name} label(s) are missing, the first at position "
            f"{np.argmax(missing)}. {user} needs the row and column labels of observed entries; "
            "to_entries gives those of a matrix with holes."
        )


def distinct_cells(rows, columns):
    """Cells of the matrix that entries lie in; several entries may lie in the same.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n_entries,)
        Numbers of the row and the column of each entry.

    Returns
    -------
    first : ndarray of int, shape (n_cells,)
        Position of the first entry of each cell, ascending.
    cell : ndarray of int, shape (n_entries,)
        Number of the cell of each entry.
    """
    key = rows * (columns.max() + 1) + columns
    _, first, cell = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(order.size)
    return first[order], number[cell]
