"""Non-negative factors, and the ridge regression that keeps them so."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._observed import SparseObserved

# Numbers held at a time in the normal equations of a block of rows.
BLOCK = 1 << 21
# Exchanges of all wrong variables at once that may fail to lessen their number.
FULL_EXCHANGES = 3
# Added to the normal equations, relative to their mean diagonal: they may be singular.
JITTER = 1e-13


@dataclass(frozen=True, eq=False)
class NonNegativeFactors(Factors):
    """Z = U V' with non-negative factors, which no rotation but only a scale may change."""

    def balanced(self):
        """The same Z with factors whose columns have equal norms, the smallest of the multiples."""
        u, v = (np.sqrt(np.einsum("ik,ik->k", F, F, dtype=np.float64)) for F in (self.U, self.V))
        root = np.sqrt(u * v)
        # A component of which one factor is zero is zero.
        to_u, to_v = (np.divide(root, x, out=np.zeros_like(x), where=x > 0) for x in (u, v))
        dtype = self.U.dtype
        return NonNegativeFactors(self.U * to_u.astype(dtype), self.V * to_v.astype(dtype))

    def unit_components(self, n_rows):
        """Components of Z for row factors of unit mean square over `n_rows` rows, not rotated."""
        size = np.linalg.norm(self.U.astype(np.float64), axis=0)
        return self.V * (size / np.sqrt(n_rows))

    def in_column_units(self, units):
        """Return the factors of Z with column j divided by units_j."""
        return NonNegativeFactors(self.U, self.V / units[:, None].astype(self.V.dtype))


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Systems G u = b of the ridge regressions of a block of rows, in float64.

    Parameters
    ----------
    start : int
        First row.
    rows : SparseObserved
        The rows of the block.
    G : ndarray, shape (n, r, r)
        sum_j w_j v_j v_j' + alpha for each row.
    b : ndarray, shape (n, r)
        sum_j w_j x_j v_j for each row.
    """

    start: int
    rows: SparseObserved
    G: np.ndarray
    b: np.ndarray


def normal_equations(observed, V, alpha):
    """Yield the normal equations of the regressions of all rows on V, block by block."""
    r, view = V.shape[1], observed.rows
    V = np.ascontiguousarray(V, dtype=np.float64)
    step = max(1, BLOCK // (r * r))
    for start in range(0, observed.shape[0], step):
        stop = min(start + step, observed.shape[0])
        part = slice(view.indptr[start], view.indptr[stop])
        weights = None if view.weights is None else view.weights[part].astype(np.float64)
        rows = SparseObserved.from_arrays(
            view.indptr[start : stop + 1] - view.indptr[start],
            view.indices[part],
            view.values[part].astype(np.float64),
            (stop - start, observed.shape[1]),
            weights,
            observed.n_threads,
        )
        weights = np.ones(rows.nnz) if weights is None else weights
        G = np.empty((stop - start, r, r))
        for k in range(r):
            G[:, k, k:] = rows.matmul(weights, V[:, k:] * V[:, k : k + 1])
            G[:, k:, k] = G[:, k, k:]
        G[:, np.arange(r), np.arange(r)] += alpha
        yield NormalEquations(start, rows, G, rows.matmul(rows.weighted(rows.values), V))


def non_negative_rows(observed, V, alpha):
    """Non-negative ridge regression of every row on V.

    Parameters
    ----------
    observed : ObservedMatrix
        The rows.
    V : ndarray, shape (m, r)
        Regressors.
    alpha : float
        Ridge.

    Returns
    -------
    U : ndarray, shape (n, r)
        argmin over u >= 0 of 1/2 sum_j w_ij (x_ij - u . v_j)^2 + alpha/2 |u|^2, to rounding.
    """
    U = np.zeros((observed.shape[0], V.shape[1]), observed.dtype)
    if V.shape[1]:
        for block in normal_equations(observed, V, alpha):
            U[block.start : block.start + block.rows.shape[0]] = minimise(block.G, block.b)
    return U


def leave_one_out(observed, V, alpha):
    """Residual of every entry against the non-negative ridge fit of its row without that entry.

    As long as the same coefficients are positive without the entry, the fit without it follows
    from the one with it, as without constraints; where they are not, it is computed anew.

    Returns
    -------
    residual : ndarray of float64, shape (nnz,)
        In the order of the row view.
    """
    out = np.empty(observed.nnz)
    V = np.ascontiguousarray(V, dtype=np.float64)
    begin = 0
    for block in normal_equations(observed, V, alpha):
        U = minimise(block.G, block.b)
        positive = U > 0
        inverse = np.linalg.inv(_restricted(_regular(block.G), positive))
        inverse *= positive[:, :, None] & positive[:, None, :]
        i, j = block.rows.rows_and_columns()
        x, w = block.rows.values, block.rows.weights
        w = np.ones_like(x) if w is None else w
        for start in range(0, i.size, max(1, BLOCK // V.shape[1] ** 2)):
            e = slice(start, start + max(1, BLOCK // V.shape[1] ** 2))
            fit = _without_entry(block.G, block.b, U, positive, inverse, i[e], V[j[e]], x[e], w[e])
            out[begin + start : begin + start + fit.size] = x[e] - fit
        begin += i.size
    return out


def _without_entry(G, b, U, positive, inverse, i, v, x, w):
    """Prediction u . v of entries from the fits of their rows without them."""
    direction = np.einsum("ekl,el->ek", inverse[i], v)
    kept = 1.0 - w * np.einsum("ek,ek->e", v, direction)
    residual = x - np.einsum("ek,ek->e", U[i], v)
    regular = kept > 1e-6
    u = U[i] - direction * (w * residual / np.where(regular, kept, 1.0))[:, None]
    fit = np.einsum("ek,ek->e", u, v)
    slope = np.einsum("ekl,el->ek", G[i], u) - b[i] - (w * (fit - x))[:, None] * v
    same = regular & ~_wrong(u, slope, b[i], positive[i]).any(axis=1)
    other = np.flatnonzero(~same)
    if other.size:
        i, v, x, w = i[other], v[other], x[other], w[other]
        less = G[i] - w[:, None, None] * v[:, :, None] * v[:, None, :]
        u = minimise(less, b[i] - (w * x)[:, None] * v, positive[i])
        fit[other] = np.einsum("ek,ek->e", u, v)
    return fit


def minimise(G, b, positive=None):
    """Minimise 1/2 u'Gu - b'u over u >= 0 in each of many small problems.

    Block principal pivoting: solve for the coefficients that are taken for positive, then
    exchange those that turn out wrong on either side; one at a time where exchanging all does not
    make them fewer, which ends for certain.

    Parameters
    ----------
    G : ndarray, shape (n, r, r)
        Positive semidefinite matrices.
    b : ndarray, shape (n, r)
        Right-hand sides.
    positive : ndarray of bool, shape (n, r), or None
        Coefficients to take for positive at first; None takes all.

    Returns
    -------
    u : ndarray, shape (n, r)
        Minimisers. Each depends on its own problem alone, to the last bit.
    """
    n, r = b.shape
    G, u = _regular(G), np.zeros_like(b)
    positive = np.ones(b.shape, dtype=bool) if positive is None else positive.copy()
    left = np.arange(n)
    fewest, patience = np.full(n, r + 1), np.full(n, FULL_EXCHANGES)
    # The bound is for what rounding may do; a few exchanges are the rule.
    for _ in range(20 * r + 50):
        taken, matrices = positive[left], G[left]
        x = np.linalg.solve(_restricted(matrices, taken), (b[left] * taken)[:, :, None])[:, :, 0]
        slope = np.einsum("ekl,el->ek", matrices, x) - b[left]
        wrong = _wrong(x, slope, b[left], taken)
        count = wrong.sum(axis=1)
        u[left] = np.maximum(x, 0.0)
        more = count > 0
        left, taken, wrong, count = left[more], taken[more], wrong[more], count[more]
        if not left.size:
            break
        fewer = count < fewest[left]
        fewest[left] = np.where(fewer, count, fewest[left])
        patience[left] = np.where(fewer, FULL_EXCHANGES, patience[left] - 1)
        last = r - 1 - np.argmax(wrong[:, ::-1], axis=1)
        single = np.zeros_like(wrong)
        single[np.arange(left.size), last] = True
        positive[left] = taken ^ np.where((patience[left] >= 0)[:, None], wrong, single)
    return u


def _wrong(u, slope, b, positive):
    """Positive coefficients below zero, and zeros that the objective wants to raise."""
    eps = 1e3 * np.finfo(np.float64).eps
    low = -eps * np.abs(u).max(axis=1, keepdims=True)
    steep = -eps * np.abs(b).max(axis=1, keepdims=True)
    return np.where(positive, u < low, slope < steep)


def _regular(G):
    """Matrices with so much on the diagonal that they can be inverted."""
    r = G.shape[1]
    mean = np.trace(G, axis1=1, axis2=2) / r
    return G + (np.where(mean > 0, JITTER * mean, 1.0))[:, None, None] * np.eye(r)


def _restricted(G, positive):
    """Matrices with rows and columns of the identity for coefficients that are zero."""
    both = positive[:, :, None] & positive[:, None, :]
    return np.where(both, G, np.eye(G.shape[1]))
