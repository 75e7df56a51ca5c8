"""Small completion problems in both forms of the observed set."""

import numpy as np

from skmc._observed import DenseObserved, SparseObserved
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem

FORMS = ("dense", "sparse")


def observe(X, mask, weights=None, form="dense"):
    """Observed set of X where `mask` is True, in the form asked for."""
    if form == "dense":
        zero = X.dtype.type(0)
        weights = None if weights is None else np.where(mask, weights, zero)
        return DenseObserved(np.where(mask, X, zero), mask, weights)
    indptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    weights = None if weights is None else weights[mask]
    return SparseObserved.from_arrays(indptr, np.nonzero(mask)[1], X[mask], X.shape, weights)


def low_rank_table(
    n=40, m=25, rank=3, noise=0.1, fraction=0.6, seed=0, dtype=np.float64, non_negative=False,
    blocks=1, row_effects=0.0,
):  # fmt: skip
    """X, mask of a noisy low-rank table whose rows and columns all have several entries.

    A non-negative one is a product of non-negative factors, without column means. With `blocks`,
    which must divide n and m, the pattern falls into so many parts that share no row or column.
    Row offsets vanish in its problems but with `row_effects`, the deviation of the means of rows.
    """
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(n, rank)), rng.normal(size=(rank, m))
    if non_negative:
        # Zeros among them, so that bounds are active.
        U, V = np.maximum(U, 0), np.maximum(V, 0)
        X = np.abs(U @ V / np.sqrt(rank) + noise * rng.normal(size=(n, m)))
    else:
        Z = U @ V / np.sqrt(rank)
        X = Z + rng.normal(size=m) + noise * rng.normal(size=(n, m))
    mask = rng.random((n, m)) < fraction
    mask &= np.arange(n)[:, None] % blocks == np.arange(m) % blocks
    mask[np.arange(n), np.arange(n) % m] = True
    mask[np.arange(m) % n, np.arange(m)] = True
    if row_effects:
        X = X + row_effects * rng.normal(size=(n, 1))
    return X.astype(dtype), mask


def symmetric_table(
    n=40, signs=(1, 1, 1), noise=0.1, fraction=0.6, seed=0, dtype=np.float64, condition=3.0,
    blocks=1,
):  # fmt: skip
    """X, mask of a noisy symmetric table with entries of size one and a full diagonal.

    Without noise it has as many eigenvalues as there are `signs`, which are theirs. `blocks` as in
    `low_rank_table`.
    """
    rng = np.random.default_rng(seed)
    rank = len(signs)
    Q = np.linalg.qr(rng.normal(size=(n, rank)))[0]
    X = (Q * (n * np.geomspace(1, 1 / condition, rank) * signs)) @ Q.T
    E = np.triu(noise * rng.normal(size=(n, n)))
    X = 0.5 * (X + X.T) + E + np.triu(E, 1).T
    mask = np.triu(rng.random((n, n)) < fraction)
    mask &= np.arange(n)[:, None] % blocks == np.arange(n) % blocks
    mask |= mask.T | np.eye(n, dtype=bool)
    return X.astype(dtype), mask


def symmetric_problem(alpha=0.0, rank=3, weighted=False, form="dense", **table):
    """A completion problem of a symmetric table; weights are random but fixed."""
    X, mask = symmetric_table(**table)
    weights = np.random.default_rng(99).uniform(0.2, 2.0, X.shape).astype(X.dtype)
    observed = observe(
        X, mask, np.triu(weights) + np.triu(weights, 1).T if weighted else None, form
    )
    return CompletionProblem(observed, rank, alpha, OffsetModel(observed, "none"))


def make_problem(
    alpha=1.0, rank=25, kind="column", weighted=False, row_scale=False, form="dense", **table
):
    """A completion problem; weights and row scales are random but fixed."""
    X, mask = low_rank_table(**table)
    rng = np.random.default_rng(99)
    weights = rng.uniform(0.2, 2.0, X.shape).astype(X.dtype) if weighted else None
    scale = np.sqrt(rng.integers(1, 4, X.shape[0])).astype(X.dtype) if row_scale else None
    if scale is not None:
        X = X * scale[:, None]
    observed = observe(X, mask, weights, form)
    return CompletionProblem(observed, rank, alpha, OffsetModel(observed, kind, scale))
