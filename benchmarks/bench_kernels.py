"""Rates of the compiled kernels against limits of the machine, measured in the same run.

`ridge_rows` is bound by arithmetic. Its yardstick is the rate of a matrix product by the BLAS in
one thread, and no limit: a BLAS that does not know the processor may use half of it. What counts
are the multiply-adds of one triangle of the Gram matrix and of its Cholesky factor.

The other kernels are bound by memory once the factors exceed the cache. What counts are the rows of
factors that have to be read, and for `spmm_columns` written too, with the values and indices. The
yardsticks are the rate at which a large array is read from its beginning to its end, and the one at
which NumPy gathers the same rows, in random order, into a small array.
"""

import argparse
import time
from itertools import product

import numpy as np
from _common import Table, gemm_rate, print_machine, ridge_work
from threadpoolctl import threadpool_limits

from skmc import _kernels
from skmc.datasets import make_ratings

DTYPES = (np.float32, np.float64)
LONG, LONG_ROWS, COLUMNS = 2_000, 500, 4_000
LARGE_RANKS = (32, 64)
CACHED = 1_000, 200_000


def medians(functions, repeats):
    """Median CPU seconds of each function; they take turns, so that all meet the same noise."""
    seconds = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, function in functions.items():
            start = time.process_time()
            function()
            # The first round touches the pages.
            if repeat:
                seconds[name].append(time.process_time() - start)
    return {name: float(np.median(times)) for name, times in seconds.items()}


def random_pattern(n, m, per_row, rng):
    """Row pointers, sorted random columns; the few equal ones in a row do no harm."""
    indices = np.sort(rng.integers(m, size=(n, per_row), dtype=np.int32), axis=1).ravel()
    return np.arange(0, indices.size + 1, per_row, dtype=np.int64), indices


def normal(rng, *shape, dtype):
    return rng.standard_normal(shape, dtype=np.float32).astype(dtype, copy=False)


def ridge(indptr, indices, m, rank, dtype, intercept):
    """A call of `ridge_rows` on random values."""
    rng, n = np.random.default_rng(0), indptr.size - 1
    values, F = normal(rng, indices.size, dtype=dtype), normal(rng, m, rank, dtype=dtype)
    penalty, out, c = np.ones(rank, dtype), np.zeros((n, rank), dtype), np.zeros(n, dtype)

    def call():
        _kernels.ridge_rows(
            0, n, indptr, indices, values, None, F, penalty, None, 0.0 if intercept else None,
            None, None, None, out, c, None,
        )  # fmt: skip

    return call


def print_ridge(ranks, repeats):
    rng = np.random.default_rng(0)
    ratings = make_ratings(random_state=0).X
    patterns = {
        "long": (*random_pattern(LONG_ROWS, COLUMNS, LONG, rng), COLUMNS),
        "tailed": (ratings.indptr.astype(np.int64), ratings.indices, ratings.shape[1]),
    }
    for dtype in DTYPES:
        rate = gemm_rate(dtype)
        print(f"\nridge_rows, {np.dtype(dtype)}, gemm: {rate / 1e9:.1f}e9 multiply-adds a second\n")
        cases = [(name, intercept) for name in patterns for intercept in (False, True)]
        columns = [name + ", intercept" * intercept for name, intercept in cases]
        table = Table("rank", *columns, *(f"ns: {name}" for name in patterns))
        for rank in ranks:
            calls = {case: ridge(*patterns[case[0]], rank, dtype, case[1]) for case in cases}
            seconds = medians(calls, repeats)
            shares = [
                ridge_work(np.diff(patterns[name][0]), rank + intercept) / seconds[name, intercept]
                for name, intercept in cases
            ]
            entries = [1e9 * seconds[name, False] / patterns[name][1].size for name in patterns]
            cells = [f"{share / rate:.0%}" for share in shares], [f"{x:.1f}" for x in entries]
            table.row(rank, *cells[0], *cells[1])


def memory_kernels(n_entries, per_row, m, rank, dtype):
    """Calls of the kernels on random rows of factors, and the bytes that each has to move."""
    rng, n = np.random.default_rng(0), n_entries // per_row
    indptr, indices = random_pattern(n, m, per_row, rng)
    nnz, size, row = indices.size, np.dtype(dtype).itemsize, rank * np.dtype(dtype).itemsize
    pairs = rng.integers(m, size=(2, nnz))
    # The pairs take rows of U out of m, the patterns take n in their order.
    U, V = (normal(rng, size, rank, dtype=dtype) for size in (max(n, m), m))
    out, data, entries = np.zeros_like(U), normal(rng, nnz, dtype=dtype), np.zeros(nnz, dtype)
    pattern, K = (indptr, indices), _kernels
    calls = {
        "entries_rows": lambda: K.entries_rows(0, n, *pattern, U, V, None, None, None, entries),
        "entries_pairs": lambda: K.entries_pairs(0, nnz, *pairs, U, V, entries),
        "spmm_rows": lambda: K.spmm_rows(0, n, *pattern, V, data, out),
        "spmm_columns": lambda: K.spmm_columns(0, n, 0, m, *pattern, U, data, out),
    }
    # An index of 4 bytes and a value for each entry; a pointer and a row of its own for each row.
    sparse = nnz * (4 + size) + n * (8 + row)
    moved = {
        "entries_rows": nnz * row + sparse,
        "entries_pairs": nnz * (2 * row + 16 + size),
        "spmm_rows": nnz * row + sparse,
        "spmm_columns": 2 * nnz * row + sparse,
    }
    return calls, moved, (V, indices)


def limits_of_memory(V, indices):
    """Calls that read, copy and gather, and the bytes that each moves."""
    flat, copied = V.ravel(), np.empty_like(V)
    block = 1 << 12
    gathered = np.empty((block, V.shape[1]), V.dtype)

    def gather():
        for start in range(0, indices.size - block + 1, block):
            np.take(V, indices[start : start + block], axis=0, out=gathered, mode="clip")

    calls = {
        "read": lambda: flat @ flat,
        "copy": lambda: np.copyto(copied, V),
        "gather": gather,
    }
    n_gathered = indices.size // block * block
    row = V.shape[1] * V.dtype.itemsize
    return calls, {"read": V.nbytes, "copy": 2 * V.nbytes, "gather": n_gathered * (row + 4)}


def print_memory(m, n_entries, lengths, repeats):
    print(f"\n{m:,} rows of factors, {n_entries:,} random entries: GB/s, share of reading\n")
    table = None
    for dtype, rank, per_row in product(DTYPES, LARGE_RANKS, lengths):
        calls, moved, arrays = memory_kernels(n_entries, per_row, m, rank, dtype)
        limits, passed = limits_of_memory(*arrays)
        seconds = medians({**limits, **calls}, repeats)
        rates = {name: size / seconds[name] for name, size in {**passed, **moved}.items()}
        table = table or Table("factors    ", "a row", *limits, *(f"{x:>13}" for x in calls))
        cells = [f"{rates[name] / 1e9:.1f}" for name in limits]
        for name in calls:
            cells.append(f"{rates[name] / 1e9:.1f} ({rates[name] / rates['read']:.0%})")
        table.row(f"{np.dtype(dtype)}, {rank}", per_row, *cells)


def print_cached(ranks, lengths, repeats):
    m, n_entries = CACHED
    print(f"\n{m:,} rows of factors, {n_entries:,} random entries: nanoseconds an entry\n")
    table = None
    for dtype, rank, per_row in product(DTYPES, ranks, lengths):
        calls, *_ = memory_kernels(n_entries, per_row, m, rank, dtype)
        seconds = medians(calls, repeats)
        table = table or Table("factors    ", "a row", *calls)
        cells = [f"{1e9 * seconds[name] / n_entries:.2f}" for name in calls]
        table.row(f"{np.dtype(dtype)}, {rank}", per_row, *cells)


def main():
    available = _kernels.available_isas()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 10, 16, 32, 64, 128])
    parser.add_argument("--isa", nargs="+", choices=available, default=[available[-1]])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of factors out of cache")
    parser.add_argument("--entries", type=int, default=8_000_000, help="out of cache")
    parser.add_argument("--lengths", type=int, nargs="+", default=[8, 64], help="entries a row")
    arguments = parser.parse_args()
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        for isa in arguments.isa:
            _kernels.use_isa(isa)
            print(f"\nInstruction set: {_kernels.isa()}")
            print_ridge(arguments.ranks, arguments.repeats)
            lengths = arguments.lengths
            print_memory(arguments.rows, arguments.entries, lengths, arguments.repeats)
            print_cached(arguments.ranks, lengths, arguments.repeats)
    print("\nridge_rows: multiply-adds needed as a share of gemm, and nanoseconds an entry.")


if __name__ == "__main__":
    main()
