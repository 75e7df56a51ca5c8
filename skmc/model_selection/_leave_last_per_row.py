"""Splits that test the latest entries of each row."""

from numbers import Integral

import numpy as np

from skmc._compat import Interval, validate_params
from skmc._entries import COLUMN_KEY, is_missing, take_column
from skmc.model_selection._entry_splitter import EntrySplitter


class LeaveLastPerRow(EntrySplitter):
    """Test the last entries of each row, train on what the row has before them.

    The way to split ratings with a time: each user's latest ratings are predicted from the
    earlier ones. With several splits the origin goes back in time, `n_last` entries a step; as in
    :class:`~sklearn.model_selection.TimeSeriesSplit` the earliest split comes first, and what a
    row has after the test entries is left out.

    Parameters
    ----------
    n_last : int, default=1
        Number of entries to test in each row. The first entry of a row is never tested, so a row
        with fewer than ``n_last + 1`` entries has fewer tested, and one with a single entry none.

    n_splits : int, default=1
        Number of splits.

    row, column : int or str, default=0 and 1
        Position, or name in a data frame, of the columns of X with the labels of rows and columns.

    time : int or str, default=None
        Position, or name in a data frame, of the column of X with the time of each entry: numbers
        or dates, in any order. Of equal times the one that comes later is later. None takes
        entries in the order in which they come.

    See Also
    --------
    EntryKFold : Folds of entries without regard to time.

    Notes
    -----
    A column may have all its entries after the training part, as a new item has. A model can
    only predict its entries from offsets, which is part of the question that this split asks.

    Rows are cut at times of their own, so other rows may have training entries from after a test
    entry. If that must not be, sort the entries by time and use `TimeSeriesSplit`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.model_selection import LeaveLastPerRow
    >>> X = np.array([[0, 5], [0, 6], [1, 5], [0, 7], [1, 8]])
    >>> for train, test in LeaveLastPerRow(n_splits=2).split(X):
    ...     print(train, test)
    [0 2] [1]
    [0 1 2] [3 4]
    """

    @validate_params(
        {
            "n_last": [Interval(Integral, 1, None, closed="left")],
            "n_splits": [Interval(Integral, 1, None, closed="left")],
            "row": COLUMN_KEY,
            "column": COLUMN_KEY,
            "time": [*COLUMN_KEY, None],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, n_last=1, *, n_splits=1, row=0, column=1, time=None):
        self.n_last = n_last
        self.n_splits = n_splits
        self.row = row
        self.column = column
        self.time = time

    def _splits(self, X, rows, columns):
        order = np.arange(rows.size) if self.time is None else _sorted_by_time(X, self.time)
        counts = np.bincount(rows)
        later = _number_of_later_ones(rows, counts, order)
        for step in range(self.n_splits, 0, -1):
            # At least the first entry of a row is for training.
            most = counts[rows] - 1
            start, stop = (np.minimum(k * self.n_last, most) for k in (step - 1, step))
            is_test = (later >= start) & (later < stop)
            if not is_test.any():
                raise ValueError(
                    f"No row has entries to test in the split {step * self.n_last} entries "
                    f"before the end; the longest row has {counts.max()}. Lower n_splits="
                    f"{self.n_splits} or n_last={self.n_last}."
                )
            yield later >= stop, is_test


def _number_of_later_ones(rows, counts, order):
    """For each entry, how many entries of its row come after it."""
    order = order[np.argsort(rows[order], kind="stable")]
    later = np.empty(rows.size, dtype=np.intp)
    later[order] = np.cumsum(counts)[rows[order]] - 1 - np.arange(rows.size)
    return later


def _sorted_by_time(X, name):
    """Indices of the entries by time, ties in the order in which they come."""
    time = take_column(X, name, "time")
    if any(isinstance(value, str) for value in np.asarray(time[:1])):
        raise TypeError(
            f"The times in column {name!r} are text, which does not sort by time. Pass a "
            "dataframe in which they are numbers or dates."
        )
    missing = is_missing(time)
    if missing.any():
        raise ValueError(
            f"{np.count_nonzero(missing)} times in column {name!r} are missing, the first at "
            f"position {np.argmax(missing)}."
        )
    return np.argsort(np.asarray(time), kind="stable")
