"""What a user is told of columns without any entry."""

import numpy as np

from skmc._compat import warn
from skmc._listing import listed


def warn_of_empty(completer, learned):
    """Warn that columns have no entry, and say what becomes of them.

    The grand mean is the best guess for a column that is like the others, and none at all for one
    in another unit, which nothing in the data tells.

    Parameters
    ----------
    completer : completer
        Just fitted.
    learned : ndarray of bool, shape (m,)
        Columns with entries.
    """
    if learned.all():
        return
    empty = np.flatnonzero(~learned)
    names = listed(empty, getattr(completer, "feature_names_in_", None))
    fate = "dropped"
    if completer.keep_empty_features:
        what = _fill(completer, completer.offsets_.astype(np.float64), empty)
        fate = f"filled with {what}; keep_empty_features=False drops them"
    warn(
        f"{empty.size} column(s) of X have no observed entry: {names}. They are {fate}.",
        UserWarning,
    )


def _fill(completer, filled, empty):
    what = "zeros"
    if completer.center:
        what = (
            f"the grand mean of all entries, {filled[empty[0]]:.4g}, a guess if all have one unit"
        )
    if completer.center == "both" and "sampled" not in completer._supports():
        return f"{what}, plus the offset of the row, all within the bounds if there are any"
    values = completer._bounded(filled)[empty]
    if (values != filled[empty]).any():
        # The bounds of each column are its own.
        low, high = values.min(), values.max()
        found = f"{low:.4g}" if low == high else f"values from {low:.4g} to {high:.4g}"
        what += f", moved into the bounds to {found}"
    return what
