"""Strategies for choosing observed entries to hide; they see the pattern, never the values."""

import numpy as np

from skmc.model_selection._removable import removable

# Donors that each row is compared with before rarer holes of other rows are taken at random.
_MAX_DONORS = 50
# Rectangles drawn before giving up.
_MAX_BLOCKS = 100


def held_out_entries(table, n_hidden, strategy, rng, *, keep_columns=True):
    """Entries of a table to hide so that no row, and no column, loses its last one.

    Parameters
    ----------
    table : Table
        Only its pattern is used.
    n_hidden : int
        How many to hide.
    strategy : {"mcar", "pattern", "block"}
        Anywhere; in a row what another row lacks; in contiguous rectangles.
    rng : RandomState
        Source of random numbers.
    keep_columns : bool, default=True
        Whether columns keep an entry, too.

    Returns
    -------
    hidden : ndarray of int
        Ascending numbers of the hidden entries: fewer than `n_hidden` if no more can be hidden.
    """
    wanted = _STRATEGIES[strategy](table, n_hidden, rng)
    others = np.ones(table.rows.size, dtype=bool)
    others[wanted] = False
    # Those that must not be hidden come last, so that they are the first to stay.
    order = np.concatenate([wanted, np.flatnonzero(others)])
    lines = (table.rows, table.columns) if keep_columns else (table.rows,)
    allowed = removable(order, *lines)
    return np.sort(allowed[~others[allowed]][:n_hidden])


def _anywhere(table, n_hidden, rng):
    return rng.permutation(table.rows.size)


def _lacking_elsewhere(table, n_hidden, rng):
    """Entries that another row lacks, row by row, as rows of a random order lose them.

    Each row is compared with a random row that has holes, and loses what that one lacks. If that
    is too little, it goes on to the next one. A row loses at most half of its entries, or the
    fraction to be hidden if that is more: of sparse data any other row lacks nearly everything.
    """
    rows, columns, (n, m) = table.rows, table.columns, table.shape
    counts = np.bincount(rows, minlength=n)
    column_counts = np.bincount(columns, minlength=m)
    n_used = np.count_nonzero(counts)
    donors = np.flatnonzero((counts > 0) & (counts < np.count_nonzero(column_counts)))
    left = np.floor(counts * max(0.5, n_hidden / table.rows.size)).astype(np.int64)
    # Only columns with holes matter, and if there are any, there are donors.
    free = column_counts[columns] < n_used
    donors, place, chance = rng.permutation(donors), rng.permutation(n), rng.random(table.rows.size)
    key = rows * m + columns
    chosen, n_chosen = [], 0
    for shift in range(min(donors.size, _MAX_DONORS)):
        candidates = np.flatnonzero(free & (left > 0)[rows])
        donor = donors[(place[rows[candidates]] + shift) % donors.size]
        lacked = candidates[~_contains(key, donor * m + columns[candidates])]
        taken = _take(lacked, rows, place, chance, left)
        chosen.append(taken)
        free[taken] = False
        n_chosen += taken.size
        # A few more than needed, as some may have to stay.
        if n_chosen >= n_hidden + n + m:
            break
    rare = np.flatnonzero(free)
    chosen.append(_take(rare, rows, rng.permutation(n), chance, left))
    return np.concatenate(chosen)


def _take(entries, rows, place, chance, left):
    """Entries row by row, in the order of `place`, at most `left` of each row; updates `left`."""
    entries = entries[np.lexsort((chance[entries], place[rows[entries]]))]
    line = place[rows[entries]]
    rank = np.arange(line.size) - np.searchsorted(line, line)
    kept = entries[rank < left[rows[entries]]]
    left -= np.bincount(rows[kept], minlength=left.size)
    return kept


def _contains(ascending, wanted):
    at = np.searchsorted(ascending, wanted)
    return ascending[np.minimum(at, ascending.size - 1)] == wanted


def _in_blocks(table, n_hidden, rng):
    """Entries in random rectangles, each of which alone would do if all cells were observed."""
    n, m = table.shape
    side = np.sqrt(n_hidden / table.rows.size)
    height, width = (max(1, min(round(side * size), size - 1)) for size in (n, m))
    block = np.full(table.rows.size, _MAX_BLOCKS)
    for number in range(_MAX_BLOCKS):
        top, left = rng.randint(n - height + 1), rng.randint(m - width + 1)
        inside = (table.rows >= top) & (table.rows < top + height)
        inside &= (table.columns >= left) & (table.columns < left + width)
        block[inside & (block == _MAX_BLOCKS)] = number
        # A few more than needed, as some may have to stay.
        if np.count_nonzero(block < _MAX_BLOCKS) >= n_hidden + n + m:
            break
    return np.argsort(block, kind="stable")[: np.count_nonzero(block < _MAX_BLOCKS)]


_STRATEGIES = {"mcar": _anywhere, "pattern": _lacking_elsewhere, "block": _in_blocks}
