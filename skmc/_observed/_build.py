"""Choose the form of the observed set."""

import numpy as np

from skmc._observed._dense import DenseObserved
from skmc._observed._sparse import SparseObserved
from skmc._observed._view import row_pointers, where_observed

# Fraction of observed entries from which masked BLAS products on the whole array beat gathers of
# the observed ones, by benchmarks/bench_dense.py: 0.35 to 0.5 in single precision, 0.4 to 0.6 in
# double.
DENSE_CROSSOVER = 0.5


def observed_from_dense(values, mask, weights=None, n_threads=1):
    """Observed set of a full array.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Finite where `mask` is True, anything elsewhere.
    mask : ndarray of bool, shape (n, m)
        True where observed.
    weights : ndarray, shape (n, m), or None
        Positive where `mask` is True.
    n_threads : int, default=1
        Threads for the kernels.
    """
    observed = np.count_nonzero(mask)
    if observed >= DENSE_CROSSOVER * mask.size:
        weights = None if weights is None else np.where(mask, weights, 0).astype(values.dtype)
        zero = np.zeros((), dtype=values.dtype)
        filled = np.ascontiguousarray(np.where(mask, values, zero))
        return DenseObserved(filled, np.ascontiguousarray(mask), weights, n_threads)
    indptr = row_pointers(np.count_nonzero(mask, axis=1))
    indices, values, weights = where_observed(mask, values, weights)
    return SparseObserved.from_arrays(indptr, indices, values, mask.shape, weights, n_threads)


def observed_from_csr(indptr, indices, values, shape, weights=None, n_threads=1):
    """Observed set of compressed rows with sorted, distinct indices in range."""
    return SparseObserved.from_arrays(indptr, indices, values, shape, weights, n_threads)
