"""Standard normals that belong to a row: its own entries are their seed."""

import numpy as np
from scipy.special import ndtri

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def row_keys(observed):
    """A number for each row, from its columns and values alone; zero for a row without entries.

    Values in standardised units count up to a millionth, so that the unit of a column makes no
    difference.
    """
    view = observed.rows
    values = np.rint(view.values.astype(np.float64) * 2.0**20).astype(np.int64).view(np.uint64)
    with np.errstate(over="ignore"):
        columns = _mixed((view.indices.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
        entries = _mixed(values ^ columns)
        total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entries, dtype=np.uint64)])
        return total[view.indptr[1:]] - total[view.indptr[:-1]]


def row_normals(keys, seed, draw, size, dtype):
    """Standard normals of rows (n, size) for one draw, by counters mixed with the keys [1]_.

    What is drawn for a row does not depend on the rows beside it, and different rows get
    independent numbers.

    References
    ----------
    .. [1] Steele, G. L., Lea, D. and Flood, C. H. (2014). Fast splittable pseudorandom number
       generators. OOPSLA. :doi:`10.1145/2660193.2660195`.
    """
    with np.errstate(over="ignore"):
        counters = np.arange(1, size + 1, dtype=np.uint64) + np.uint64(draw) * np.uint64(size)
        counters = _mixed(counters * _GOLDEN + np.uint64(seed))
        bits = _mixed(keys[:, None] + counters) >> np.uint64(11)
    # In the middle of each of 2^53 parts of (0, 1).
    return ndtri((bits.astype(np.float64) + 0.5) * 2.0**-53).astype(dtype)


def _mixed(x):
    """Bits in which every bit of x has a say."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
