"""What a user is told of entries whose labels a model does not know."""

import numpy as np

from skmc._compat import warn
from skmc._entries._labels import encode_labels, label_types


def warn_of_unknown(positions, labels, fitted, user):
    """Warn if most entries lie in unknown rows or columns.

    Parameters
    ----------
    positions : pair of ndarray of int, shape (n_entries,)
        Positions of the row and the column of each entry among those of the fit, -1 if unknown.
    labels : pair of ndarray or pandas series of shape (n_entries,)
        Their labels.
    fitted : pair of ndarray
        Distinct labels of the rows and the columns of the fit.
    user : str
        Who asks; named in messages.
    """
    size = positions[0].size
    n_unknown = np.count_nonzero((positions[0] < 0) | (positions[1] < 0))
    if 2 * n_unknown <= size:
        return
    counts, reason = [], ""
    for at, given, known, name in zip(positions, labels, fitted, ("row", "column"), strict=True):
        given = given[at < 0]
        if not len(given):
            counts.append(0)
            continue
        unknown = encode_labels(given, name, user)[0]
        counts.append(unknown.size)
        types, expected = label_types(unknown), label_types(known)
        if len(given) == size and not types & expected:
            reason += (
                f" No {name} label is known, and their types differ: {_listed(types)} here, "
                f"{_listed(expected)} in the fit. Convert them to the same."
            )
    reason = reason or (
        " A new row is completed from entries of its own by completer_.transform. In "
        "cross-validation, folds of whole rows (GroupKFold) ask for just this; if yours should "
        "not, shuffle: KFold(shuffle=True)."
    )
    warn(
        f"{n_unknown} of {size} entries lie in rows or columns that were not in the fit "
        f"({counts[0]} new rows, {counts[1]} new columns), and are predicted from the mean and "
        f"offsets alone.{reason}",
        UserWarning,
    )


def _listed(names):
    return " and ".join(sorted(names))
