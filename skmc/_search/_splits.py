"""Which entries to hold out."""

import numpy as np
from sklearn.utils import check_random_state

from skmc._entries import deal_entries

# Folds of a tenth each are used until this many entries have been held out.
HELD_OUT = 3000
TENTH = 10


def entry_folds(observed, n_folds, random_state, n_used=None):
    """Folds of the observed entries that leave no row or column without an entry.

    Parameters
    ----------
    observed : ObservedMatrix
        The data; only the pattern matters.
    n_folds : int
        Number of folds, lowered to the number of entries that can be held out.
    random_state : int, RandomState instance or None
        Seed; None stands for 0, so that a fit can be repeated.
    n_used : int or None
        How many of the folds to return.

    Returns
    -------
    splits : list of (train, test)
        Positions of entries in the order of the row view; empty if no entry can be held out.
    """
    rows, columns = observed.rows_and_columns()
    rng = check_random_state(0 if random_state is None else random_state)
    order = rng.permutation(rows.size)
    dealt = order[deal_entries(rows[order], columns[order], n_folds)]
    n_folds = min(n_folds, dealt.size)
    splits = []
    for fold in range(n_folds if n_used is None else min(n_used, n_folds)):
        test = np.sort(dealt[fold::n_folds])
        kept = np.ones(rows.size, dtype=bool)
        kept[test] = False
        splits.append((np.flatnonzero(kept), test))
    return splits


def quick_folds(observed, random_state):
    """As many folds of a tenth of the entries each as a sound comparison needs."""
    n_used = int(np.clip(np.ceil(TENTH * HELD_OUT / observed.nnz), 1, TENTH))
    return entry_folds(observed, TENTH, random_state, n_used)
