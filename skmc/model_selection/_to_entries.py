"""From a matrix with holes to the list of its entries."""

import numpy as np
from sklearn.utils import check_random_state

from skmc._compat import validate_params
from skmc.model_selection._table import Table


@validate_params(
    {"X": ["array-like", "sparse matrix"], "random_state": ["random_state"]},
    prefer_skip_nested_validation=True,
)
def to_entries(X, *, random_state=0):
    """List the observed entries of a matrix as coordinates and values.

    In this form a matrix with holes is an ordinary regression problem: the coordinates are X, the
    values are y, and scikit-learn's splitters and scorers apply.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
        Matrix with holes: NaN is missing in a dense one; in a sparse one stored entries are
        observed (an explicit zero is a zero) and absent ones missing.

    random_state : int, RandomState instance or None, default=0
        Determines the order of the entries. None keeps them in row-major order. Beware that
        folds of consecutive entries, as ``cv=5`` makes them, then hold whole rows, of which
        nothing is left for training.

    Returns
    -------
    coordinates : ndarray of int or pandas DataFrame, shape (n_entries, 2)
        Row and column number of each entry. For a pandas DataFrame a DataFrame with the
        categorical columns ``"row"`` and ``"column"``, which hold the labels of its index and of
        its columns.

    values : ndarray of float, shape (n_entries,)
        Value of each entry.

    See Also
    --------
    from_entries : The inverse.
    EntryKFold : Folds of entries that leave no row or column without training data.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.model_selection import to_entries
    >>> X = [[1.0, np.nan], [3.0, 4.0]]
    >>> coordinates, values = to_entries(X, random_state=None)
    >>> coordinates
    array([[0, 0],
           [1, 0],
           [1, 1]])
    >>> values
    array([1., 3., 4.])
    """
    labels = None
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        labels = _unique_labels(X.index, "index"), _unique_labels(X.columns, "columns")
    table = Table.of(X)
    if random_state is None:
        order = np.arange(table.rows.size)
    else:
        order = check_random_state(random_state).permutation(table.rows.size)
    rows, columns = table.rows[order], table.columns[order]
    # A copy even in row-major order: the values of a sparse X must not be shared with it.
    values = table.values[order]
    if labels is None:
        return np.column_stack([rows, columns]).astype(np.int64, copy=False), values
    return _labelled(rows, columns, labels), values


def _unique_labels(labels, name):
    labels = labels.to_flat_index()
    if labels.hasnans:
        raise ValueError(f"The {name} of X have missing labels; name every row and column.")
    if not labels.is_unique:
        repeated = labels[labels.duplicated()]
        raise ValueError(
            f"The {name} of X have {len(repeated)} repeated label(s), the first {repeated[0]!r}. "
            "Make them unique, or pass X.to_numpy() for numbers instead of labels."
        )
    return labels


def _labelled(rows, columns, labels):
    import pandas as pd

    # All labels are kept as categories, in order, so that from_entries finds the whole table.
    codes = zip((rows, columns), labels, strict=True)
    row, column = (pd.Categorical.from_codes(code, categories=label) for code, label in codes)
    return pd.DataFrame({"row": row, "column": column})
