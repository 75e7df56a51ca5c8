"""Intervals from posterior means and standard deviations."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc._intervals import ALPHA, deviations_of_empty_row, ends, intervals_of_rows, normal_width


class PosteriorIntervals:
    """Intervals of a completer whose predictions have standard deviations."""

    def predict_entries_interval(self, rows, cols, alpha=ALPHA):
        """Intervals of new observations of entries of the training matrix.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.
        alpha : float, default=0.1
            Part of the missing entries that may lie outside, as of `ConformalCompleter`: 0.1 makes
            intervals that hold 90 %.

        Returns
        -------
        lower, upper : ndarrays of shape (n_entries,)
            Ends of the intervals, about `predict_entries` and within its bounds.

        Raises
        ------
        ValueError
            If an index is fractional, negative or out of range, `alpha` not between 0 and 1, or
            the fit kept one draw alone.
        """
        check_is_fitted(self, "components_")
        rows, cols = self._check_positions(rows, cols)
        return ends(self, *self._entries_and_widths(rows, cols, self._level(alpha)), cols)

    def predict_interval(self, X, alpha=ALPHA):
        """Intervals of new observations of the missing entries of rows.

        The posterior predictive distribution of an entry is a mean of normal ones, one for each
        draw. The interval is that of one normal distribution with its mean and variance, `mean` and
        `std` of `transform`, from which its quantiles differ little unless draws are few::

            mean_ij -+ z std_ij,    z = quantile of the standard normal at 1 - alpha / 2

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, of the training matrix or new ones.
        alpha : float, default=0.1
            Part of the missing entries that may lie outside, as of `ConformalCompleter`: 0.1 makes
            intervals that hold 90 %.

        Returns
        -------
        lower, upper : {ndarray, dataframe} of shape (n_samples, n_features_out)
            Ends of the intervals, within the bounds, in the columns and the container of
            `transform`. Observed entries are their own intervals unless ``keep_observed=False``.

        Raises
        ------
        ValueError
            If `alpha` is not between 0 and 1, the fit kept one draw alone, or `transform` returns
            a draw (``sample_posterior=True``).
        MemoryError
            If the dense result would not fit, before anything is allocated.
        """
        check_is_fitted(self, "components_")
        self._refuse_draw()
        return intervals_of_rows(self, self, X, self._level(alpha))

    def _level(self, alpha=None):
        """Standard deviations on either side of the mean."""
        self._check_spread()
        return normal_width(ALPHA if alpha is None else alpha)

    def _entries_and_widths(self, rows, cols, level):
        """Predictions of entries of the training matrix, and half the widths of intervals there."""
        values, std = self.predict_entries(rows, cols, return_std=True)
        return values, level * std

    def _means_and_widths(self, observed, level):
        """Predictions of all entries of rows, and half the widths of intervals there."""
        mean, std = self._means_and_deviations(observed, self._fold_in())
        return mean, level * std

    def _widths_elsewhere(self, columns, level, mean):
        """Half the widths of intervals in rows or columns that were not in the fit.

        In a row that of one without entries. In a column, about the mean of all, by the variance of
        an entry of such a row in a column taken at random.

        Parameters
        ----------
        columns : ndarray of int, shape (k,)
            Columns of the entries, -1 for those that were not in the fit.
        level : float
            Standard deviations on either side of the mean.
        mean : float
            What is predicted where neither row nor column is known.
        """
        std = deviations_of_empty_row(self).astype(np.float64)
        anywhere = np.sqrt(np.mean(std**2 + (self.offsets_ - mean) ** 2))
        return level * np.where(columns >= 0, std[columns], anywhere)
