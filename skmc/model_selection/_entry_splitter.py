"""What the splitters of entries have in common."""

from abc import abstractmethod

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from skmc._compat import warn
from skmc._entries import distinct_cells, encode_labels, label_columns


class EntrySplitter(BaseCrossValidator):
    """Splits lists of entries by their coordinates.

    Derived classes set `n_splits`, `row` and `column`.
    """

    def split(self, X, y=None, groups=None):
        """Generate indices of training and test entries.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_entries, 2+)
            Row and column label of each entry, of any type, in the columns `row` and `column`.

        y : array-like of shape (n_entries,), default=None
            Ignored; the splits never depend on values.

        groups : object, default=None
            Not supported, present for API consistency.

        Yields
        ------
        train : ndarray of int
            Indices of the training entries.

        test : ndarray of int
            Indices of the test entries.
        """
        name = type(self).__name__
        if groups is not None:
            warn(
                f"The groups parameter is ignored by {name}. Use GroupKFold on the coordinates to "
                "keep groups together.",
                UserWarning,
            )
        labels = zip(label_columns(X, self.row, self.column, name), ("row", "column"), strict=True)
        codes = [encode_labels(part, what, name)[1] for part, what in labels]
        for is_train, is_test in self._splits(X, *codes):
            yield np.flatnonzero(is_train), np.flatnonzero(is_test)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        return self.n_splits

    @abstractmethod
    def _splits(self, X, rows, columns):
        """Yield boolean arrays, train and test, of entries with these row and column numbers."""


class CellSplitter(EntrySplitter):
    """Tests whole cells: entries with the same coordinates, of which one gives the other away."""

    def _splits(self, X, rows, columns):
        first, cell = distinct_cells(rows, columns)
        for test_cells in self._test_cells(rows[first], columns[first]):
            is_test = np.zeros(first.size, dtype=bool)
            is_test[test_cells] = True
            is_test = is_test[cell]
            yield ~is_test, is_test

    @abstractmethod
    def _test_cells(self, rows, columns):
        """Yield, for each split, the numbers of the test cells among distinct cells."""
