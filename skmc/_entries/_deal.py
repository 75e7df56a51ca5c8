"""Folds of entries that leave no row or column empty."""

import numpy as np


def deal_entries(rows, columns, n_folds):
    """Entries in an order from which entry k goes to fold k modulo `n_folds`.

    Two entries of every row and of every column are linked, and linked entries get different
    folds, so that no row or column is in one fold alone.

    Parameters
    ----------
    rows, columns : ndarrays of int, shape (n_entries,)
        Numbers of the row and the column of each entry, each cell at most once.
    n_folds : int
        Number of folds, at least 2.

    Returns
    -------
    dealt : ndarray of int
        Positions of the entries that can be held out: all but those which are the only one of
        their row or column.
    """
    only = (np.bincount(rows)[rows] == 1) | (np.bincount(columns)[columns] == 1)
    partners = [_links(line, only) for line in (rows, columns)]
    linked = (partners[0] >= 0) | (partners[1] >= 0)
    chains = _chains(*partners, n_folds)
    return np.concatenate([chains, np.flatnonzero(~linked & ~only)])


def _links(line, only):
    """For each entry the one that it must not share a fold with, or -1: one pair per line.

    Lines that keep an entry in any case need no pair.
    """
    kept = np.zeros(line.max() + 1, dtype=bool)
    kept[line[only]] = True
    free = np.flatnonzero(~kept[line])
    free = free[np.argsort(line[free], kind="stable")]
    start = np.flatnonzero(np.concatenate([[True], line[free[1:]] != line[free[:-1]]]))
    first, second = (free[start], free[start + 1]) if free.size else (free, free)
    partner = np.full(line.size, -1)
    partner[first], partner[second] = second, first
    return partner


def _chains(row_partner, column_partner, n_folds):
    """Linked entries in an order in which partners always end up in different folds."""
    n_links = (row_partner >= 0).astype(int) + (column_partner >= 0)
    # What is left when all paths have been followed from one of their ends is cycles.
    starts = np.concatenate([np.flatnonzero(n_links == 1), np.flatnonzero(n_links == 2)])
    sides = row_partner.tolist(), column_partner.tolist()
    seen = bytearray(row_partner.size)
    order = []
    for start in starts.tolist():
        if seen[start]:
            continue
        entry, side, before = start, int(sides[0][start] < 0), len(order)
        while entry >= 0 and not seen[entry]:
            seen[entry] = True
            order.append(entry)
            entry, side = sides[side][entry], 1 - side
        length = len(order) - before
        if entry == start and length % n_folds == 1:
            # A cycle whose ends would share a fold. It has even length, so n_folds > 2, and
            # exchanging the last two entries brings no others together.
            order[-2:] = order[:-3:-1]
    return np.array(order, dtype=np.intp)
