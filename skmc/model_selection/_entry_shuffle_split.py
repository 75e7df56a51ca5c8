"""Random splits of entries that leave no row or column without training data."""

from numbers import Integral, Real

from sklearn.utils import check_random_state

from skmc._compat import Interval, validate_params
from skmc._entries import COLUMN_KEY
from skmc.model_selection._entry_splitter import CellSplitter
from skmc.model_selection._removable import check_enough, n_held_out, removable


class EntryShuffleSplit(CellSplitter):
    """Random splits of entries in which no training part lacks a row or a column.

    The test part is a random sample, except that an entry which would be the last of its row or
    column in the training part is passed over. If several entries have the same row and column,
    they are in the same part, as one would give the other away, and count as one.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.

    row, column : int or str, default=0 and 1
        Position, or name in a data frame, of the columns of X with the labels of rows and columns.

    test_size : float or int, default=0.2
        Fraction, rounded up, or number of the entries to test.

    random_state : int, RandomState instance or None, default=None
        Determines the splits. Pass an int for the same splits at every call.

    See Also
    --------
    EntryKFold : Folds that test every entry once.
    train_test_entries : One split of a matrix, with other patterns to choose from.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.model_selection import EntryShuffleSplit
    >>> coordinates = np.array([["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"], ["c", "x"]])
    >>> cv = EntryShuffleSplit(n_splits=2, random_state=0)
    >>> for train, test in cv.split(coordinates):
    ...     print(train, test)
    [0 1 3 4] [2]
    [1 2 3 4] [0]
    """

    @validate_params(
        {
            "n_splits": [Interval(Integral, 1, None, closed="left")],
            "row": COLUMN_KEY,
            "column": COLUMN_KEY,
            "test_size": [
                Interval(Real, 0, 1, closed="neither"),
                Interval(Integral, 1, None, closed="left"),
            ],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, n_splits=10, *, row=0, column=1, test_size=0.2, random_state=None):
        self.n_splits = n_splits
        self.row = row
        self.column = column
        self.test_size = test_size
        self.random_state = random_state

    def _test_cells(self, rows, columns):
        rng = check_random_state(self.random_state)
        n_test = n_held_out(self.test_size, rows.size)
        for _ in range(self.n_splits):
            test = removable(rng.permutation(rows.size), rows, columns)
            check_enough(test.size, n_test, rows.size, self.test_size)
            yield test[:n_test]
