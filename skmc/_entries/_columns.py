"""Columns of an array or data frame, by position or by name."""

from numbers import Integral

import numpy as np
from scipy import sparse

from skmc._compat import Interval, warn

# What names a column in the parameters of estimators and splitters.
COLUMN_KEY = [Interval(Integral, 0, None, closed="left"), str]


def labels_as_given(X):
    """Lists of labels as an array that does not turn numbers beside strings into strings."""
    if not isinstance(X, list | tuple):
        return X
    array = np.asarray(X)
    if array.ndim == 2 and array.dtype.kind in "US":
        kinds = {type(label) for entry in X for label in entry}
        if len(kinds) > 1:
            return np.array([list(entry) for entry in X], dtype=object)
    return array


def label_columns(X, row, column, user):
    """Row labels and column labels of entries.

    Parameters
    ----------
    X : array-like or data frame of shape (n_entries, n_columns)
        One entry in each row.
    row, column : int or str
        Position, or name in a data frame, of the columns with the labels.
    user : str
        Who asks; named in error messages.

    Returns
    -------
    rows, columns : ndarray or pandas series of shape (n_entries,)
        The labels.
    """
    refuse_sparse(X, user)
    X = X if is_frame(X) else np.asarray(labels_as_given(X))
    shape = tuple(X.shape)
    # Of columns that are named it is told which is not there.
    named = is_frame(X) and isinstance(row, str) and isinstance(column, str)
    if len(shape) != 2 or (shape[1] < 2 and not named) or shape[0] == 0:
        raise ValueError(
            f"{user} needs an array of shape (n_entries, 2) with the row and the column label of "
            f"at least one entry; got shape {shape}."
        )
    keys = {"row": row, "column": column}
    at = [_position(X, key, parameter) for parameter, key in keys.items()]
    if at[0] == at[1]:
        raise ValueError(
            f"row={row!r} and column={column!r} are the same column of X; the labels of rows and "
            "of columns need one each."
        )
    return tuple(_column(X, position) for position in at)


def warn_of_others(X, row, column, user):
    """Warn if a data frame has other columns than labels, and nobody said which are the labels.

    Parameters
    ----------
    X : array-like or data frame of shape (n_entries, n_columns)
        One entry in each row.
    row, column : int or str
        As the user gave them, the defaults being the first two columns.
    user : str
        Who asks; named in the message.
    """
    names = list(X.columns) if is_frame(X) else []
    if (row, column) != (0, 1) or len(names) <= 2 or not isinstance(names[0], str):
        return
    warn(
        f"X has {len(names)} columns, {names}: {user} takes {names[0]!r} for the labels of rows "
        f"and {names[1]!r} for those of columns, and ignores the others. Say so with "
        f"row={names[0]!r}, column={names[1]!r}, or name the right ones.",
        UserWarning,
    )


def refuse_sparse(X, user):
    """Raise TypeError if X is a sparse matrix: its values are no labels.

    Parameters
    ----------
    X : object
        What should hold labels.
    user : str
        Who asks.
    """
    if sparse.issparse(X):
        raise TypeError(
            f"{user} needs the row and column labels of the entries; got a sparse matrix. Get "
            "them with skmc.model_selection.to_entries."
        )


def take_column(X, key, parameter):
    """One column.

    Parameters
    ----------
    X : array-like or data frame of shape (n_entries, n_columns)
        The table.
    key : int or str
        Position, or name in a data frame.
    parameter : str
        The parameter that holds the key; named in error messages.

    Returns
    -------
    column : ndarray or pandas series of shape (n_entries,)
        The column.
    """
    X = X if is_frame(X) else np.asarray(X)
    return _column(X, _position(X, key, parameter))


def is_frame(X):
    """Whether X is a data frame of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def _position(X, key, parameter):
    names, n_columns = list(X.columns) if is_frame(X) else [], X.shape[1]
    if isinstance(key, str) and key in names:
        return names.index(key)
    if isinstance(key, str) or not 0 <= key < n_columns:
        what = f"which has {n_columns} columns"
        if isinstance(key, str):
            what = f"whose columns are {names}" if names else "which has no names: give a position"
        raise ValueError(f"{parameter}={key!r} is no column of X, {what}.")
    return key


def _column(X, position):
    if hasattr(X, "iloc"):
        return X.iloc[:, position]
    return X[:, position].to_numpy() if is_frame(X) else X[:, position]
