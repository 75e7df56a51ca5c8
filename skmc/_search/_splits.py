"""Which entries to hold out."""

import numpy as np
from sklearn.utils import check_random_state

from skmc._entries import deal_entries
from skmc._observed import mirror_images

# Folds of a tenth each are used until this many entries have been held out.
HELD_OUT = 3000
TENTH = 10


def entry_folds(observed, n_folds, random_state, *, sample_weight=None):
    """Folds of the observed entries that leave no row or column without an entry.

    Equal rows lose the same entries, for one would give away what the other lacks, and the order
    of the rows does not matter: so a row of weight k counts as k rows here too.

    Parameters
    ----------
    observed : ObservedMatrix
        The data.
    n_folds : int
        Number of folds, lowered to the number of entries that can be held out.
    random_state : int, RandomState instance or None
        Seed; None stands for 0, so that a fit can be repeated.
    sample_weight : ndarray of shape (n,), or None
        Row weights; of rows of weight 0 nothing is held out.

    Returns
    -------
    splits : list of (train, test)
        Positions of entries in the order of the row view; empty if no entry can be held out.
    """
    rows, columns = observed.rows_and_columns()
    place = content_order(observed)
    used = np.ones(observed.shape[0], bool) if sample_weight is None else sample_weight > 0
    first = _one_of_each(place, used)
    # Entries of one row of each kind, by the place of the row.
    drawn = np.flatnonzero(first[rows])
    drawn = drawn[np.argsort(place[rows[drawn]], kind="stable")]
    rng = check_random_state(0 if random_state is None else random_state)
    drawn = drawn[rng.permutation(drawn.size)]
    dealt = drawn[deal_entries(place[rows[drawn]], columns[drawn], n_folds)]
    n_folds = min(n_folds, dealt.size)
    fold = np.full(rows.size, -1)
    fold[dealt] = np.arange(dealt.size) % max(n_folds, 1)
    fold = _spread(fold, place, used, first, observed)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def quick_folds(observed, random_state, sample_weight=None):
    """As many folds of a tenth of the entries each as a sound comparison needs."""
    splits = entry_folds(observed, TENTH, random_state, sample_weight=sample_weight)
    held_out = 0
    for n_used, (_, test) in enumerate(splits, start=1):
        held_out += test.size
        if held_out >= HELD_OUT:
            return splits[:n_used]
    return splits


def quick_pair_folds(observed, random_state):
    """The same for a symmetric matrix: (i, j) and (j, i) are held out together."""
    images = mirror_images(observed)
    first = images >= np.arange(images.size)
    chosen, everything = np.flatnonzero(first), np.arange(images.size)
    splits = []
    for _, test in quick_folds(observed.keep(first), random_state):
        test = chosen[test]
        test = np.union1d(test, images[test])
        splits.append((np.setdiff1d(everything, test, assume_unique=True), test))
    return splits


def content_order(observed):
    """Place of each row in the order of what the rows hold; equal rows share a place.

    Rows are compared entry by entry, first by column, then by value, so shifting or stretching
    columns leaves the order as it is.
    """
    view, (n, m) = observed.rows, observed.shape
    place = np.zeros(n, dtype=np.int64)
    undecided, k = np.arange(n), 0
    while undecided.size:
        left = view.counts[undecided] > k
        at = np.minimum(view.indptr[undecided] + k, observed.nnz - 1)
        column = np.where(left, view.indices[at], m)
        value = np.where(left, view.values[at], 0)
        order = np.lexsort((value, column, place[undecided]))
        undecided, left = undecided[order], left[order]
        keys = place[undecided], column[order], value[order]
        differs = np.ones(undecided.size, dtype=bool)
        differs[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
        apart = np.ones(undecided.size, dtype=bool)
        apart[1:] = keys[0][1:] != keys[0][:-1]
        # The place of a row is the number of rows before it.
        position = np.arange(undecided.size)
        begin = np.maximum.accumulate(np.where(apart, position, 0))
        start = np.maximum.accumulate(np.where(differs, position, 0))
        place[undecided] = keys[0] + start - begin
        alone = differs & np.append(differs[1:], True)
        undecided = undecided[~alone & left]
        k += 1
    return place


def _one_of_each(place, used):
    """One used row at each place."""
    first = np.zeros(place.size, dtype=bool)
    candidates = np.flatnonzero(used)
    first[candidates[np.unique(place[candidates], return_index=True)[1]]] = True
    return first


def _spread(fold, place, used, first, observed):
    """Give the entries of all used rows the folds of those of the first row at their place."""
    if np.array_equal(first, used):
        return fold
    view = observed.rows
    source = np.zeros(place.size, dtype=np.int64)
    source[place[first]] = np.flatnonzero(first)
    rows, _ = observed.rows_and_columns()
    # Equal rows store equal columns, in the same order.
    shift = view.indptr[source[place]] - view.indptr[:-1]
    spread = fold[np.arange(rows.size) + np.where(used, shift, 0)[rows]]
    spread[~used[rows]] = -1
    return spread
