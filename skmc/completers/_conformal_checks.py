"""What a conformal fit is refused for, and what it warns of."""

import numpy as np

from skmc._compat import InvalidParameterError, warn
from skmc._intervals import check_spread

# Part of the missing entries that may have unbounded intervals without a warning.
UNBOUNDED = 0.05
# Ratio of the errors in columns above which one width for all suits none, and the number of errors
# that tell their size.
UNLIKE, ENOUGH = 10.0, 10
# Errors that small against the largest are of rounding.
ROUNDING = 1e-6


def refuse_coverage(alpha):
    """Raise InvalidParameterError if alpha must be the part inside of the intervals.

    Parameters
    ----------
    alpha : float
        The parameter.
    """
    if alpha > 0.5:
        raise InvalidParameterError(
            f"alpha={alpha:g} asks for intervals that miss {100 * alpha:.3g} % of the entries, as "
            "alpha is the part that may lie outside. If it was meant to be the part inside, set "
            f"alpha={1 - alpha:.3g}."
        )


def refuse_one_draw(completer, conformity_score):
    """Raise ValueError if errors are to be divided by deviations of a single draw.

    Parameters
    ----------
    completer : completer
        To be fitted, with its parameters checked.
    conformity_score : {"scaled", "absolute"}
        What errors are divided by.
    """
    if conformity_score == "scaled" and "sampled" in completer._supports():
        check_spread(completer._n_kept())


def warn_of_unbounded(conformal, observed):
    """Warn if many missing entries have unbounded intervals.

    Parameters
    ----------
    conformal : ConformalCompleter
        Fitted.
    observed : ObservedMatrix
        All observed entries.
    """
    n_missing = observed.shape[0] * observed.shape[1] - observed.nnz
    if conformal.n_unbounded_ > UNBOUNDED * n_missing:
        warn(
            f"{conformal.n_unbounded_} of {n_missing} missing entries have unbounded intervals: "
            f"with alpha={conformal.alpha:g} the {conformal.n_calibration_} entries set aside say "
            "too little about entries that are so rarely observed. Raise calibration_size or "
            "alpha.",
            UserWarning,
        )


def warn_of_units(errors, columns):
    """Warn that columns are too different for intervals of one width.

    By the errors themselves: columns that vary more than others may be predicted as well.

    Parameters
    ----------
    errors : ndarray of float64, shape (k,)
        Absolute errors of the entries that were set aside.
    columns : ndarray of int, shape (k,)
        Their columns.
    """
    count = np.bincount(columns)
    tell = count >= ENOUGH
    typical = np.sqrt(np.bincount(columns, errors**2)[tell] / count[tell])
    high = typical.max(initial=0.0)
    # Columns without errors, constant ones above all, have no unit.
    low = typical[typical > ROUNDING * high].min(initial=np.inf)
    if high > UNLIKE * low:
        warn(
            'conformity_score="absolute" makes intervals of one width for columns whose errors are '
            f"from {low:.3g} to {high:.3g} (root mean squares of entries set aside): far too wide "
            'for some, too narrow for others, and right on average alone. Take "scaled".',
            UserWarning,
        )
