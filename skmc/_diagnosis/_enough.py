"""Whether rows, columns and parts of a pattern have as many entries as unknowns."""

import numpy as np

from skmc.solvers._peeling import peel


def degrees_of_freedom(rank, n, m, *, offsets=False):
    """Dimension of the n x m matrices of a rank, plus offsets of the columns or not.

    With offsets each column has r + 1 unknowns; other coordinates of the rows, u -> G u + c, give
    the same matrix.
    """
    if offsets:
        return rank * (n - 1 + m - rank) + m
    return rank * (n + m - rank)


def largest_rank(n, m, *, offsets=False):
    """Largest rank of an n x m matrix, of one that is made of offsets and factors."""
    return min(n - 1, m) if offsets else min(n, m)


def core_of(pattern, needed):
    """What is left when lines with too few entries in it are taken out until none has.

    Parameters
    ----------
    pattern : Pattern
        The observed positions.
    needed : tuple of int
        Entries that a row and a column need.

    Returns
    -------
    lines : list of ndarrays of bool
        Rows and columns that are left.
    """
    everything = tuple(np.ones(size, bool) for size in pattern.shape)
    return peel(pattern.rows, pattern.columns, everything, [k - 1 for k in needed])[0]
