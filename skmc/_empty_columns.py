"""What a user is told of columns without any entry."""

import numpy as np

from skmc._compat import warn
from skmc._undetermined import listed


def warn_of_empty(completer, learned, filled):
    """Warn that columns have no entry, and say what becomes of them.

    The grand mean is the best guess for a column that is like the others, and none at all for one
    in another unit, which nothing in the data tells.

    Parameters
    ----------
    completer : completer
        Whose fit it is.
    learned : ndarray of bool, shape (m,)
        Columns with entries.
    filled : ndarray of float, shape (m,)
        Offsets of all columns, which are the predictions for the others.
    """
    if learned.all():
        return
    empty = np.flatnonzero(~learned)
    names = listed(empty, getattr(completer, "feature_names_in_", None))
    fate = "dropped"
    if completer.keep_empty_features:
        what, value = "zeros", completer._bounded(np.asarray(filled, dtype=np.float64))[empty[0]]
        if completer.center:
            what = f"the grand mean of all entries, {value:.4g}, a guess if all have one unit"
        fate = f"filled with {what}; keep_empty_features=False drops them"
    warn(
        f"{empty.size} column(s) of X have no observed entry: {names}. They are {fate}.",
        UserWarning,
    )
