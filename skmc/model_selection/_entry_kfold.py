"""K folds of entries that leave no row or column without training data."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skmc._compat import Interval, validate_params
from skmc._entries import COLUMN_KEY, deal_entries
from skmc.model_selection._entry_splitter import CellSplitter


class EntryKFold(CellSplitter):
    """K-fold cross-validation over entries in which no training part lacks a row or a column.

    An entry that is the only one of its row or of its column is in every training part. Every
    other entry is tested exactly once, and the folds have equal sizes, give or take one entry.
    Such folds always exist. If several entries have the same row and column, they are in the same
    fold, as one would give the other away.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.

    row, column : int or str, default=0 and 1
        Position, or name in a data frame, of the columns of X with the labels of rows and columns.

    shuffle : bool, default=True
        Whether to assign the entries to folds at random. Otherwise they are dealt out like cards
        in the order in which they come, which suits entries in random order.

    random_state : int, RandomState instance or None, default=None
        Determines the folds if `shuffle` is True. Pass an int for the same folds at every call.

    See Also
    --------
    EntryShuffleSplit : Random splits with a test part of any size.
    LeaveLastPerRow : Test the latest entries of each row.
    to_entries : Entries of a matrix.

    Notes
    -----
    Entries that are never tested make the test parts no partition of the data, which
    :func:`~sklearn.model_selection.cross_val_predict` asks for; drop rows and columns with a
    single entry first.

    Two entries of every row and of every column are linked. Links form paths, and cycles of even
    length, so linked entries can be given different folds.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.model_selection import EntryKFold
    >>> coordinates = np.array([["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"], ["c", "x"]])
    >>> for train, test in EntryKFold(n_splits=2, random_state=0).split(coordinates):
    ...     print(train, test)
    [0 3 4] [1 2]
    [1 2 4] [0 3]
    """

    @validate_params(
        {
            "n_splits": [Interval(Integral, 2, None, closed="left")],
            "row": COLUMN_KEY,
            "column": COLUMN_KEY,
            "shuffle": ["boolean"],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, n_splits=5, *, row=0, column=1, shuffle=True, random_state=None):
        if not shuffle and random_state is not None:
            raise ValueError(
                f"random_state={random_state!r} has no effect without shuffle=True; leave it at "
                "None."
            )
        self.n_splits = n_splits
        self.row = row
        self.column = column
        self.shuffle = shuffle
        self.random_state = random_state

    def _test_cells(self, rows, columns):
        order = np.arange(rows.size)
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(rows.size)
        dealt = order[deal_entries(rows[order], columns[order], self.n_splits)]
        if dealt.size < self.n_splits:
            raise ValueError(
                f"Cannot make n_splits={self.n_splits} folds: only {dealt.size} of {rows.size} "
                "entries can be tested, the others are the only one of their row or column."
            )
        for fold in range(self.n_splits):
            yield dealt[fold :: self.n_splits]
