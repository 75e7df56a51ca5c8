"""Everything skmc takes from the private parts of scikit-learn, in one place.

Parameter validation, fit contexts and a few input checks have no public equivalent. They worked
unchanged from scikit-learn 1.6 to 1.9; should one move, this is the only file to mend. Nothing
here may import another module of skmc.
"""

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import (
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_feature_names_in, _check_sample_weight

__all__ = [
    "Hidden",
    "Interval",
    "InvalidParameterError",
    "Options",
    "RealNotInt",
    "StrOptions",
    "_check_feature_names_in",
    "_check_sample_weight",
    "_fit_context",
    "check_sample_weight",
    "validate_params",
]


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
