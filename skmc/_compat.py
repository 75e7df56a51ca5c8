"""Everything skmc takes from the private parts of scikit-learn, in one place.

Parameter validation, fit contexts and a few input checks have no public equivalent. They worked
unchanged from scikit-learn 1.6 to 1.9; should one move, this is the only file to mend. Nothing
here may import another module of skmc.
"""

import sys
import warnings

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import _check_feature_names_in, _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ModuleNotFoundError:  # before scikit-learn 1.9

    class CallbackSupportMixin:
        """Stands in for that of scikit-learn: there are no callbacks."""

        def _init_callback_context(self, **_options):
            return None

    def with_callbacks(method):
        """Return the method, as there are no callbacks to tear down."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names_in",
    "_fit_context",
    "check_sample_weight",
    "in_cross_validation",
    "validate_params",
    "warn",
    "with_callbacks",
    "wrap_output",
]

WRAPPERS = ("skmc.", "sklearn.", "joblib.")
# Where scikit-learn fits folds; the refit of a search is elsewhere.
VALIDATION = "sklearn.model_selection._validation"


def warn(message, category):
    """Warn at the line of the user's code, however many wrappers of scikit-learn lie between."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").startswith(WRAPPERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def wrap_output(estimator, X, *tables):
    """Tables beside that of `transform` in the container that `set_output` asks for.

    scikit-learn wraps the first of several results of `transform`, and those of no other method.

    Parameters
    ----------
    estimator : transformer
        Whose results they are, and whose names of columns.
    X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
        What was transformed; a data frame gives its index.
    *tables : ndarrays of shape (n_rows, n_columns_out)
        The tables.

    Returns
    -------
    tables : tuple of {ndarray, dataframe}
        The tables.
    """
    return tuple(_wrap_data_with_container("transform", table, X, estimator) for table in tables)


def in_cross_validation():
    """Whether scikit-learn itself fits here to a part of the data, with no code of users between.

    What a scorer or an estimator of theirs fits is for them to know.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(WRAPPERS):
        if frame.f_globals.get("__name__") == VALIDATION:
            return True
        frame = frame.f_back
    return False


def check_sample_weight(sample_weight, X, *, dtype=None):
    """Validate sample weights: one per row, finite, not negative, not all zero.

    The keyword for non-negative weights has changed its name, and the check for weights that are
    all zero is recent; hence both are made here.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,), float or None
        Weight of each row; None stands for ones.
    X : {ndarray, sparse matrix} of shape (n_rows, n_columns)
        The data that the weights belong to.
    dtype : dtype, default=None
        Type of the result; None keeps float32 and float64 and makes all others float64.

    Returns
    -------
    sample_weight : ndarray of shape (n_rows,)
        Validated weights.
    """
    sample_weight = _check_sample_weight(sample_weight, X, dtype=dtype)
    if np.any(sample_weight < 0):
        raise ValueError("Negative values in data passed to `sample_weight`")
    if not np.any(sample_weight):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return sample_weight
