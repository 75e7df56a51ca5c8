"""Orders in which observed entries are hidden, one for each reason why entries are missing."""

import numpy as np

# Sides of rectangles against those of the table, and how many are drawn at most.
_SIDE, _MOST_BLOCKS = 1 / 6, 1000


def _anywhere(table, rows, columns, strength, rng):
    return rng.permutation(rows.size)


def _by_a_column(table, rows, columns, strength, rng):
    """More from rows with large values in the column that has the most entries, which stays."""
    column = np.argmax(np.bincount(columns, minlength=table.shape[1]))
    z = np.nan_to_num(_standardised(table[:, [column]]))
    order = _weighted(strength * z[rows, 0], rng)
    return order[columns[order] != column]


def _by_value(table, rows, columns, strength, rng):
    """More from large values."""
    return _weighted(strength * _standardised(table)[rows, columns], rng)


def _by_popularity(table, rows, columns, strength, rng):
    """Less from active rows and popular columns."""
    activity, popularity = (rng.standard_normal(size) for size in table.shape)
    return _weighted(-strength * (activity[rows] + popularity[columns]), rng)


def _in_blocks(table, rows, columns, strength, rng):
    """Entries in one random rectangle after the other, until all or nearly all are in one."""
    sides = [max(1, round(size * _SIDE)) for size in table.shape]
    block = np.full(rows.size, _MOST_BLOCKS)
    for number in range(_MOST_BLOCKS):
        corner = [rng.randint(size) for size in table.shape]
        inside = (block == _MOST_BLOCKS) & (
            # Rectangles go on at the other end, so that all entries are alike.
            ((rows - corner[0]) % table.shape[0] < sides[0])
            & ((columns - corner[1]) % table.shape[1] < sides[1])
        )
        block[inside] = number
        if (block < _MOST_BLOCKS).all():
            break
    order = np.argsort(block, kind="stable")
    return order[: np.count_nonzero(block < _MOST_BLOCKS)]


def _from_some_column_on(table, rows, columns, strength, rng):
    """In one row after the other all entries from some column on, the last column first."""
    n, m = table.shape
    place = rng.permutation(n)
    start = rng.randint(1, max(m, 2), size=n)
    late = np.flatnonzero(columns >= start[rows])
    return late[np.lexsort((-columns[late], place[rows[late]]))]


def _standardised(table):
    """Values in standard deviations from the mean of their column, NaN where missing."""
    observed = ~np.isnan(table)
    count = np.maximum(observed.sum(axis=0), 1)
    deviation = table - np.where(observed, table, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(observed, deviation**2, 0.0).sum(axis=0) / count)
    return deviation / np.where(spread > 0, spread, 1.0)


def _weighted(log_odds, rng):
    """A draw without replacement: items arrive after exponential times with their odds as rates."""
    return np.argsort(np.log(rng.standard_exponential(log_odds.size)) - log_odds, kind="stable")


# Each takes a table with NaN, the rows and columns of its observed entries, the strength and a
# RandomState, and returns numbers of entries, the first to be hidden first; what it leaves out
# stays.
MECHANISMS = {
    "mcar": _anywhere,
    "mar": _by_a_column,
    "mnar": _by_value,
    "popularity": _by_popularity,
    "blocks": _in_blocks,
    "staggered": _from_some_column_on,
}
