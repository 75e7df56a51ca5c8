"""Places in memory beyond 32 bits (rows 3 and 4), on sparse files that take next to no room."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from isolated import check_each

from skmc import _kernels

RANK = 1024
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its files take room for zeros")
# The last rows of factors of this rank, and the last of so many entries, lie beyond 2^31.
N_ROWS = 2**21 + 3
N_ENTRIES = 2**31 + 5


def zeros(folder, shape, dtype):
    """An array of zeros that takes room where it is written to."""
    name = Path(folder, f"{len(list(Path(folder).iterdir()))}.zeros")
    return np.memmap(name, dtype, "w+", shape=shape)


def factors_beyond_32_bits(dtype):
    rng = np.random.default_rng(0)
    small = rng.normal(size=(3, RANK)).astype(dtype)
    V = rng.normal(size=(4, RANK)).astype(dtype)
    indptr = np.zeros(N_ROWS + 1, dtype=np.int64)
    indptr[-3:] = [2, 4, 6]
    indices, values = np.array([0, 1, 1, 3, 0, 2], np.int32), rng.normal(size=6).astype(dtype)
    with tempfile.TemporaryDirectory() as folder:
        U = zeros(folder, (N_ROWS, RANK), dtype)
        U[-3:] = small
        assert U.size > 2**31
        start, stop, own = N_ROWS - 3, N_ROWS, np.array([0, 2, 4, 6])
        rows, columns = np.array([N_ROWS - 1, N_ROWS - 3, 0]), np.array([3, 0, 1])
        pairs, left_out, model = np.empty(3, dtype), np.empty(6, dtype), np.empty(6, dtype)
        _kernels.entries_pairs(0, 3, rows, columns, U, V, pairs)
        expected = [small[2] @ V[3], small[0] @ V[0], 0.0]
        np.testing.assert_allclose(pairs, expected, rtol=1e-4, atol=1e-4)
        _kernels.entries_rows(start, stop, indptr, indices, U, V, None, None, None, model)
        expected = np.einsum("ij,ij->i", np.repeat(small, 2, axis=0), V[indices])
        np.testing.assert_allclose(model, expected, rtol=1e-4, atol=1e-3)

        product, few = zeros(folder, (N_ROWS, RANK), dtype), np.empty((3, RANK), dtype)
        _kernels.spmm_rows(start, stop, indptr, indices, V, values, product)
        _kernels.spmm_rows(0, 3, own, indices, V, values, few)
        np.testing.assert_array_equal(product[-3:], few)
        assert not product[:3].any()
        penalty, c, value = np.ones(RANK, dtype), np.zeros(N_ROWS, dtype), np.zeros(N_ROWS)
        arguments = indices, values, None, V, penalty, None, None, None, None, None
        _kernels.ridge_rows(start, stop, indptr, *arguments, product, c, value)
        _kernels.ridge_rows(0, 3, own, *arguments, few, np.zeros(3, dtype), np.zeros(3))
        np.testing.assert_array_equal(product[-3:], few)
        _kernels.leave_one_out_rows(
            start, stop, indptr, indices, values, None, V, penalty, None, 0, None, None, left_out
        )
        assert np.isfinite(left_out).all()
        # As columns: the factors of rows are the long ones.
        out, few = np.zeros((4, RANK), dtype), np.zeros((4, RANK), dtype)
        _kernels.spmm_columns(start, stop, 0, 4, indptr, indices, U, values, out)
        _kernels.spmm_columns(0, 3, 0, 4, own, indices, small, values, few)
        np.testing.assert_array_equal(out, few)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_04_factors(dtype):
    check_each(factors_beyond_32_bits, [dtype])


def entries_beyond_32_bits(_):
    rng = np.random.default_rng(0)
    U, V = rng.normal(size=(3, 8)).astype(np.float32), rng.normal(size=(5, 8)).astype(np.float32)
    own, last = np.array([0, 3]), slice(N_ENTRIES - 3, None)
    indptr = np.array([0, 4, N_ENTRIES - 3, N_ENTRIES])
    few, kept = np.array([0, 2, 4], np.int32), rng.normal(size=3).astype(np.float32)
    penalty = np.ones(8, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        indices = zeros(folder, N_ENTRIES, np.int32)
        values, out = (zeros(folder, N_ENTRIES, np.float32) for _ in range(2))
        indices[last], values[last] = few, kept
        _kernels.entries_rows(2, 3, indptr, indices, U, V, values, None, None, out)
        expected = np.empty(3, np.float32)
        _kernels.entries_rows(0, 1, own, few, U[2:], V, kept, None, None, expected)
        np.testing.assert_array_equal(out[last], expected)
        _kernels.leave_one_out_rows(
            2, 3, indptr, indices, values, None, V, penalty, None, 0, None, None, out
        )
        _kernels.leave_one_out_rows(
            0, 1, own, few, kept, None, V, penalty, None, 0, None, None, expected
        )
        np.testing.assert_array_equal(out[last], expected)
        found, other = np.zeros((3, 8), np.float32), np.zeros((1, 8), np.float32)
        rest = V, penalty, None, None, None, None, None
        _kernels.ridge_rows(
            2, 3, indptr, indices, values, None, *rest, found, np.zeros(3, np.float32), np.zeros(3)
        )
        _kernels.ridge_rows(
            0, 1, own, few, kept, None, *rest, other, np.zeros(1, np.float32), np.zeros(1)
        )
        np.testing.assert_array_equal(found[2:], other)
        _kernels.spmm_rows(2, 3, indptr, indices, V, values, found)
        _kernels.spmm_rows(0, 1, own, few, V, kept, other)
        np.testing.assert_array_equal(found[2:], other)
        assert not out[:5].any()


def test_row_03_entries():
    check_each(entries_beyond_32_bits, ["float32"])
