"""Hiding observed entries without emptying a row or a column."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_random_state

from skmc._compat import Interval, StrOptions, validate_params
from skmc.datasets._mechanisms import MECHANISMS


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "fraction": [Interval(Real, 0, 1, closed="neither")],
        "mechanism": [StrOptions(set(MECHANISMS))],
        "strength": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def hide_entries(X, fraction=0.2, *, mechanism="mcar", strength=1.0, random_state=None):
    """Hide a random part of the observed entries of a table.

    Which ones, says `mechanism`; in any case no row and no column loses its last observed entry.
    Comparing a completed matrix with the hidden values shows how good the completion is, for holes
    of that kind.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
        Numeric table; NaN, and what a masked array masks, is missing. It is not modified.

    fraction : float, default=0.2
        Fraction of the observed entries to hide, between 0 and 1 (both excluded).

    mechanism : str, default="mcar"
        What decides which entries are hidden, z being values in standard deviations from the mean
        of their column:

        - "mcar": nothing; all are alike (missing completely at random).
        - "mar": the column with the most observed entries, which stays. The odds of the others of a
          row grow as exp(strength z) with its value (missing at random, given that column).
        - "mnar": the value itself; its odds grow as exp(strength z). Large values are missing more
          often, and no column tells (missing not at random).
        - "popularity": rows and columns that are active or popular keep their entries, as in
          ratings: odds fall as exp(-strength (a + b)) with Gaussian a of the row and b of the
          column.
        - "blocks": random rectangles of neighbouring rows and columns, for gaps of many sensors
          over some time. `strength` has no part in it.
        - "staggered": in random rows all entries from a random column on, as if rows were time
          series that end, or units that are treated from then on. `strength` has no part in it.

    strength : float, default=1.0
        How much that matters; 0 makes all entries alike.

    random_state : int, RandomState instance or None, default=None
        Determines which entries are hidden. Pass an int for the same ones at every call.

    Returns
    -------
    X_hidden : {ndarray, pandas.DataFrame} of shape (n_rows, n_columns)
        Copy of X with NaN at the hidden entries; a frame with its index and columns if X is one of
        pandas.

    hidden : ndarray of shape (n_rows, n_columns), dtype=bool
        True at the entries that were observed in `X` and are hidden in `X_hidden`.

    Raises
    ------
    ValueError
        If hiding so many entries is impossible without emptying a row or a column.

    See Also
    --------
    make_low_rank : Generate a low-rank matrix of which only some entries are observed.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.datasets import hide_entries
    >>> X = np.arange(12.0).reshape(4, 3)
    >>> X_hidden, hidden = hide_entries(X, fraction=0.25, random_state=0)
    >>> int(hidden.sum()), int(np.isnan(X_hidden).sum())
    (3, 3)
    """
    X_hidden = _dense_copy(X)
    rng = check_random_state(random_state)
    rows, columns = np.nonzero(~np.isnan(X_hidden))
    order = MECHANISMS[mechanism](X_hidden, rows, columns, strength, rng)
    if order.size < rows.size:
        # Those that the mechanism spares come last, and none of them is a candidate.
        spared = np.setdiff1d(np.arange(rows.size), order)
        order = np.concatenate([order, spared])
    else:
        spared = order[:0]
    rows, columns = rows[order], columns[order]

    # Walk through the shuffled entries and skip those that are the last of their row or column.
    # A sample of the mechanism differs from this walk only where it would have emptied something.
    candidates = np.flatnonzero(~_last_ones(rows, columns, X_hidden.shape))
    candidates = candidates[candidates < rows.size - spared.size]
    n_hidden = round(fraction * rows.size)
    if n_hidden > candidates.size:
        raise ValueError(
            f"Cannot hide {n_hidden} of {rows.size} observed entries (fraction={fraction}) and "
            f"keep one in every row and column; at most {candidates.size} can be hidden here with "
            f"mechanism={mechanism!r}."
        )
    chosen = candidates[:n_hidden]
    hidden = np.zeros(X_hidden.shape, dtype=bool)
    hidden[rows[chosen], columns[chosen]] = True
    X_hidden[hidden] = np.nan
    if hasattr(X, "iloc"):
        X_hidden = type(X)(X_hidden, index=X.index, columns=X.columns)
    return X_hidden, hidden


def _dense_copy(X):
    """Return a floating point copy of X, with NaN where it is missing or masked."""
    if sparse.issparse(X):
        raise TypeError(
            "hide_entries needs a dense table, with NaN for what is missing; got a sparse X."
        )
    if isinstance(X, np.ma.MaskedArray):
        # Validation by scikit-learn drops the mask and would take masked values for observed.
        X = X.astype(np.result_type(X.dtype, np.float32)).filled(np.nan)
    return check_array(
        X, dtype=[np.float64, np.float32], copy=True, ensure_all_finite="allow-nan", input_name="X"
    )


def _last_ones(rows, columns, shape):
    """Mark entries to keep: the last of each row, and of each column that these do not cover."""
    position = np.arange(rows.size)
    last_of_row = np.full(shape[0], -1)
    last_of_row[rows] = position  # with repeated indices, the last assignment stays
    last = position == last_of_row[rows]
    covered = np.zeros(shape[1], dtype=bool)
    covered[columns[last]] = True
    last_of_column = np.full(shape[1], -1)
    last_of_column[columns] = position
    return last | ((position == last_of_column[columns]) & ~covered[columns])
