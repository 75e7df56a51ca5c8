"""Tables of any kind as arrays with NaN, for pictures."""

import numpy as np


def with_nan(X, missing_values):
    """Dense copy of a table, NaN where it has holes.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
        The table; absent entries of a sparse matrix are holes.
    missing_values : float
        The mark of missing entries in a dense table, beside NaN.

    Returns
    -------
    table : ndarray of shape (n_rows, n_columns)
        A copy.
    """
    if hasattr(X, "tocoo"):
        X = X.tocoo()
        table = np.full(X.shape, np.nan)
        table[X.row, X.col] = X.data
        return table
    if isinstance(X, np.ma.MaskedArray):
        return X.astype(np.float64).filled(np.nan)
    if hasattr(X, "iloc"):
        X = X.to_numpy(dtype=np.float64, na_value=np.nan)
    table = np.array(X, dtype=np.float64)
    table[table == missing_values] = np.nan
    return table


def feature_names(X):
    """Names of the columns of a table, if it has any.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
        The table.

    Returns
    -------
    names : ndarray of str, or None
        None if it has none, or they are not strings.
    """
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = np.asarray(list(columns), dtype=object)
    return names if all(isinstance(name, str) for name in names) else None
