"""A sparse matrix with rows of every kind, and factors to go with it, for tests of the kernels."""

import numpy as np
import reference

from skmc import _kernels as kernels

RANKS = (1, 2, 3, 7, 8, 16, 17, 33, 64, 100)
DTYPES = (np.float64, np.float32)
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-3}


class Case:
    """Rows of 0, 1, 2, r - 1, r, r + 1 and many entries in random columns."""

    def __init__(self, rank, dtype, seed=0):
        rng = np.random.default_rng(seed)
        counts = [0, 1, 2, rank - 1, rank, rank + 1, 0, 3 * rank + 5, 300]
        n_columns = 320
        self.n, self.rank, self.dtype, self.n_columns = len(counts), rank, dtype, n_columns
        self.indptr = np.cumsum([0, *counts])
        self.indices = np.concatenate(
            [np.sort(rng.permutation(n_columns)[:count]) for count in counts]
        ).astype(np.int32)
        # The last column of F is where reading past a row would leave the array.
        self.indices[-1] = n_columns - 1
        nnz = len(self.indices)
        self.values = rng.normal(size=nnz).astype(dtype)
        self.weights = rng.uniform(0.2, 3, nnz).astype(dtype)
        self.F = rng.normal(size=(n_columns, rank)).astype(dtype)
        self.U = rng.normal(size=(self.n, rank)).astype(dtype)
        self.design = rng.uniform(0.5, 2, n_columns).astype(dtype)
        self.shift = rng.normal(size=n_columns).astype(dtype)
        self.scale = rng.uniform(0.2, 3, self.n).astype(dtype)
        self.shift_scale = rng.uniform(0.5, 2, self.n).astype(dtype)
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
                setattr(self, name, array)

    @property
    def pattern(self):
        return self.indptr, self.indices

    def ridge(self, penalty, weights=None, scale=None, kappa=None, design=None, shift=None,
              shift_scale=None, blocks=None, F=None, values=None):  # fmt: skip
        penalty = np.broadcast_to(np.asarray(penalty, self.dtype), (self.rank,)).copy()
        F = self.F if F is None else F
        values = self.values if values is None else values
        u = np.full((self.n, self.rank), 7, self.dtype)
        c, value = np.full(self.n, 7, self.dtype), np.full(self.n, 7.0)
        given = (*self.pattern, values, weights, F, penalty, scale, kappa, design, shift)
        for start, stop in blocks or [(0, self.n)]:
            kernels.ridge_rows(start, stop, *given, shift_scale, u, c, value)
        return (u, c, value), reference.ridge_rows(0, self.n, *given, shift_scale)

    def leave_one_out(self, penalty, weights=None, scale=None, n_scaled=0, shift=None,
                      shift_scale=None):  # fmt: skip
        penalty = np.broadcast_to(np.asarray(penalty, self.dtype), (self.rank,)).copy()
        out = np.full(len(self.values), 7, self.dtype)
        given = (*self.pattern, self.values, weights, self.F, penalty, scale, n_scaled, shift,
                 shift_scale)  # fmt: skip
        kernels.leave_one_out_rows(0, self.n, *given, out)
        return out, reference.leave_one_out_rows(0, self.n, *given)


def assert_close(found, wanted, dtype, factor=1):
    limit = factor * TOLERANCE[dtype]
    np.testing.assert_allclose(found, wanted, rtol=limit, atol=limit * np.abs(wanted).max())
