"""Fits to a part of the observed entries, the rest of which is set aside."""

import numpy as np
from sklearn.utils import check_random_state

from skmc._blas import single_threaded_blas
from skmc._compat import with_callbacks
from skmc._observed import mirror_images


def choose_entries(observed, pairwise, size, random_state):
    """Numbers of the entries to set aside, and of what goes with them.

    Parameters
    ----------
    observed : ObservedMatrix
        All entries.
    pairwise : bool
        Whether the matrix is symmetric: of an entry and its mirror image one is chosen, and both
        are set aside.
    size : float or int
        Fraction, rounded down, or number of the entries, or of the pairs.
    random_state : int, RandomState instance or None
        Seed.

    Returns
    -------
    held_out, images : ndarrays of int
        Numbers of the entries chosen, and of their mirror images, or the same again.
    """
    entries = np.arange(observed.nnz)
    if pairwise:
        images = mirror_images(observed)
        entries = entries[images >= entries]
    size = int(size * entries.size) if size < 1 else size
    if size >= entries.size:
        raise ValueError(
            f"calibration_size={size} of {entries.size} observed entries "
            "leaves nothing to fit the completer to: lower it."
        )
    held_out = np.sort(check_random_state(random_state).permutation(entries)[:size])
    return held_out, (images[held_out] if pairwise else held_out)


@with_callbacks
def fit_without(completer, observed, set_aside, X):
    """Fit a completer to entries other than those set aside.

    Parameters
    ----------
    completer : completer
        With its parameters checked.
    observed : ObservedMatrix
        All entries.
    set_aside : tuple of ndarray of int
        Numbers of the entries that have no part in the fit.
    X : object or None
        What callbacks are told to be the data.
    """
    kept = np.ones(observed.nnz, dtype=bool)
    kept[np.concatenate(set_aside)] = False
    # Columns of few entries may have none left, of which this does not warn: that their predictions
    # are poor shows in the scores of those that were set aside.
    with single_threaded_blas():
        completer._fit_observed(observed.keep(kept), None, X)
