"""One split of the observed entries of a matrix into a training and a test matrix."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skmc._compat import Interval, StrOptions, validate_params
from skmc.model_selection._hold_out import held_out_entries
from skmc.model_selection._removable import check_enough, n_held_out
from skmc.model_selection._table import Table


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "test_size": [
            Interval(Real, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "strategy": [StrOptions({"mcar", "pattern", "block"})],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def train_test_entries(X, *, test_size=0.2, strategy="mcar", random_state=None):
    """Split the observed entries of a matrix into a training and a test matrix.

    Every observed entry is in exactly one of the two, and every row and column that has entries
    keeps at least one of them in the training matrix. Which entries are held out depends on where
    entries are observed, never on their values.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
        Matrix with holes: NaN is missing in a dense one; in a sparse one stored entries are
        observed and absent ones missing. It is not modified.

    test_size : float or int, default=0.2
        Fraction, rounded up, or number of the observed entries to hold out.

    strategy : {"mcar", "pattern", "block"}, default="mcar"
        Which entries are held out:

        - "mcar": any, with equal probability.
        - "pattern": entries that another row lacks. Random rows lose what a random row with holes
          lacks, so that the new holes look like the old ones. A row loses at most half of its
          entries, or `test_size` of them if that is more. Columns without holes stay as they
          are.
        - "block": the observed entries in random rectangles of neighbouring rows and columns, for
          tables whose order means something: time, depth, position.

    random_state : int, RandomState instance or None, default=None
        Determines which entries are held out. Pass an int for the same ones at every call.

    Returns
    -------
    X_train : {ndarray, dataframe, sparse matrix} of shape (n_rows, n_columns)
        The matrix without the entries held out, of the kind of X: an array with NaN, a pandas or
        polars DataFrame with the labels of X, a CSR array or matrix.

    X_test : {ndarray, dataframe, sparse matrix} of shape (n_rows, n_columns)
        The entries held out, and holes elsewhere.

    Raises
    ------
    ValueError
        If so many entries cannot be held out.

    See Also
    --------
    EntryShuffleSplit : Repeated splits, for cross-validation.
    skmc.metrics.make_held_out_scorer : Score any imputer on entries hidden in this way.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import ALSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.model_selection import train_test_entries
    >>> X = make_low_rank(100, 20, rank=2, random_state=0).X
    >>> X_train, X_test = train_test_entries(X, test_size=0.2, random_state=0)
    >>> ALSCompleter(rank=2).fit(X_train).score(X_train, X_test) > 0.9
    True
    """
    table = Table.of(X)
    n_test = n_held_out(test_size, table.rows.size)
    held_out = held_out_entries(table, n_test, strategy, check_random_state(random_state))
    check_enough(held_out.size, n_test, table.rows.size, f"{test_size}, strategy={strategy!r}")
    test = np.zeros(table.rows.size, dtype=bool)
    test[held_out] = True
    return table.with_entries(~test), table.with_entries(test)
