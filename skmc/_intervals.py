"""Intervals around predictions: the form in which they are handed out."""

from numbers import Real

import numpy as np
from scipy import sparse
from scipy.special import ndtri

from skmc._blas import single_threaded_blas
from skmc._compat import wrap_output
from skmc._memory import check_fits

# Part of what is predicted that lies outside of intervals unless told otherwise.
ALPHA = 0.1
# Tables of the size of the predictions that there are at once while intervals are made.
TABLES = 7


def check_alpha(alpha):
    """Raise ValueError if alpha is no part of what is predicted.

    Parameters
    ----------
    alpha : object
        What a user gave for the part that may lie outside of the intervals.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not 0 < alpha < 1:
        raise ValueError(
            "alpha is the part of the entries that may lie outside of their intervals, between 0 "
            f"and 1; got {alpha!r}. Intervals that hold 90 % take alpha=0.1."
        )


def check_spread(n_draws):
    """Raise ValueError if there are too few draws for standard deviations."""
    if n_draws < 2:
        raise ValueError("Standard deviations take two draws: fit with a larger n_draws.")


def normal_width(alpha):
    """Standard deviations on either side of the mean that hold 1 - alpha of a normal variable."""
    check_alpha(alpha)
    # By the lower tail, as the upper one loses what 1 - alpha / 2 cannot hold.
    return float(-ndtri(0.5 * alpha))


def ends(completer, values, width, columns=None):
    """Ends of intervals about predictions, within the bounds of a completer.

    Parameters
    ----------
    completer : completer
        Fitted.
    values, width : ndarrays of one shape, that of `Bounds.clip`
        Predictions, and half the widths of their intervals, which may be infinite.
    columns : ndarray of int of this shape, or None
        Their columns; None: the values are rows of all columns.
    """
    width = width.astype(values.dtype, copy=False)
    return tuple(completer._bounded(end, columns) for end in (values - width, values + width))


def intervals_of_rows(estimator, completer, X, level):
    """Intervals of all entries of rows, in the columns and the container of `transform`.

    Parameters
    ----------
    estimator : estimator
        What is asked: the completer, or what wraps it. Its ``_means_and_widths(observed, level)``
        are those of all entries of rows.
    completer : completer
        The fitted completer.
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        Rows with holes.
    level : object
        What the estimator takes for how often the intervals should hold.
    """
    if sparse.issparse(X):
        check_fits(
            X.shape[0] * _bytes_of_row(completer, 4 if X.dtype == np.float32 else 8),
            f"The intervals of {X.shape[0]} x {X.shape[1]} entries",
            "Pass slices of the rows, or ask for single ones with predict_entries_interval.",
        )
    observed = completer._validate(X)
    with single_threaded_blas():
        mean, width = estimator._means_and_widths(observed, level)
        found = ends(completer, completer._bounded(mean), width)
        return wrap_output(estimator, X, *(completer._finish(observed, end) for end in found))


def _bytes_of_row(completer, itemsize):
    """What the intervals of a row take at their peak."""
    m = completer.n_features_in_
    indicated = 0 if completer._indicated is None else completer._indicated.size
    # Predictions and widths, the ends, and each of these before it is cut to its bounds or joined
    # with indicators.
    needed = TABLES * m * itemsize + (2 * (m + 2 * indicated) * itemsize if indicated else 0)
    if "sampled" in completer._supports():
        # Before that predictions, those of a draw and the next, and sums in double precision.
        needed = max(needed, m * (3 * itemsize + 3 * 8))
    return needed


def deviations_of_empty_row(completer):
    """Predictive standard deviations of a row without entries, shape (m,)."""
    empty = sparse.csr_array((1, completer.n_features_in_), dtype=completer.components_.dtype)
    with single_threaded_blas():
        observed = completer._validate(empty)
        return completer._means_and_deviations(observed, completer._fold_in())[1][0]
