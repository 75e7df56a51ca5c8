"""Noiseless matrices, few of their entries, and whether those determine the matrix."""

import numpy as np
from scipy import linalg


def draw_mask(n, m, rank, oversampling, rng):
    """Uniform positions, moved about until every row and column has `rank` of them."""
    mask = np.zeros(n * m, dtype=bool)
    mask[rng.choice(n * m, int(oversampling * rank * (n + m - rank)), replace=False)] = True
    mask = mask.reshape(n, m)
    while True:
        rows, columns = mask.sum(axis=1), mask.sum(axis=0)
        if rows.min() >= rank and columns.min() >= rank:
            return mask
        if rows.min() < rank:
            i = rows.argmin()
            mask[i, rng.choice(np.flatnonzero(~mask[i]))] = True
        else:
            j = columns.argmin()
            mask[rng.choice(np.flatnonzero(~mask[:, j])), j] = True
        rows, columns = mask.sum(axis=1), mask.sum(axis=0)
        spare = np.argwhere(mask & (rows > rank)[:, None] & (columns > rank))
        mask[tuple(spare[rng.integers(len(spare))])] = False


def draw_matrix(n, m, rank, condition, spacing, rng):
    """Random singular vectors, singular values from 1 down to 1 / condition, times sqrt(n m)."""
    U, V = (linalg.qr(rng.standard_normal((size, rank)), mode="economic")[0] for size in (n, m))
    if spacing == "log":
        s = np.logspace(0, -np.log10(condition), rank)
    else:
        s = np.linspace(1, 1 / condition, rank)
    return (U * (s * np.sqrt(n * m))) @ V.T


def determines(mask, rank):
    """Whether the positions determine a matrix of this rank near itself.

    With the factors U of the rows eliminated, the normal matrix of the factors of the columns is a
    sum over rows of (I - V_i (V_i'V_i)^-1 V_i') x u_i u_i'. Its null space must be no more than
    the changes of basis: none is left with the factors of `rank` columns held.
    """
    rng = np.random.default_rng(0)
    n, m = mask.shape
    U, V = rng.standard_normal((n, rank)), rng.standard_normal((m, rank))
    normal = np.zeros((m * rank, m * rank))
    for i in range(n):
        columns = np.flatnonzero(mask[i])
        Q = linalg.qr(V[columns], mode="economic")[0]
        block = np.kron(np.eye(columns.size) - Q @ Q.T, np.outer(U[i], U[i]))
        index = (columns[:, None] * rank + np.arange(rank)).ravel()
        normal[np.ix_(index, index)] += block
    free = np.ones(m, dtype=bool)
    free[mask.sum(axis=0).argsort()[-rank:]] = False
    free = np.repeat(free, rank)
    normal = normal[np.ix_(free, free)]
    norm = np.abs(normal).sum(axis=0).max()
    triangle, failed = linalg.lapack.dpotrf(normal, overwrite_a=True)
    return not failed and linalg.lapack.dpocon(triangle, norm)[0] > 1e-14


def peels_exactly(mask, rank):
    """Whether rows and columns with `rank` entries or fewer, taken off repeatedly, have `rank`.

    One with fewer is not determined by the rest, and those taken off before it use up their
    entries for themselves, so this is necessary; it is quick, and most masks that fail fail here.
    """
    mask = mask.copy()
    while True:
        rows, columns = mask.sum(axis=1), mask.sum(axis=0)
        i, j = (np.flatnonzero((x > 0) & (x <= rank)) for x in (rows, columns))
        if i.size == 0 and j.size == 0:
            return True
        if i.size:
            if rows[i].min() < rank:
                return False
            mask[i] = False
            if np.any((columns > 0) & (mask.sum(axis=0) == 0)):
                return False
        else:
            if columns[j].min() < rank:
                return False
            mask[:, j] = False
            if np.any((rows > 0) & (mask.sum(axis=1) == 0)):
                return False
