"""What answers of a fitted completer cost: one row, single entries, the best columns of rows.

`transform` of one row is in microseconds, beside what scikit-learn takes to check such a row. The
others are per CPU second, `recommend` beside the dense product alone and beside `transform` with a
sort of each row.
"""

import argparse
import time

import numpy as np
from _common import cpu_seconds, print_machine, quiet
from scipy import sparse
from sklearn.utils.validation import validate_data
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter
from skmc.datasets import make_low_rank, make_ratings

DTYPES = (np.float32, np.float64)


def microseconds(function, repeats=500):
    """Median microseconds of a call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return 1e6 * float(np.median(seconds))


def check(completer, X):
    """What scikit-learn's own transformers begin with."""
    validate_data(
        completer,
        X,
        reset=False,
        accept_sparse="csr",
        dtype=DTYPES,
        ensure_all_finite="allow-nan",
    )


def one_row(dtype, n_columns=1000, rank=16):
    """Yield form and share of observed entries of a row, microseconds in all and of the checks."""
    X = make_low_rank(400, n_columns, rank, observed=0.3, noise=0.1, random_state=0).X
    completer = ALSCompleter(rank=rank, alpha=1.0, max_iter=5).fit(X.astype(dtype))
    rng = np.random.default_rng(0)
    for share in (0.05, 0.3, 0.7):
        row = rng.normal(size=(1, n_columns)).astype(dtype)
        row[rng.random(row.shape) > share] = np.nan
        columns = np.flatnonzero(~np.isnan(row[0]))
        ends = np.array([0, columns.size])
        stored = sparse.csr_array((row[0, columns], columns, ends), shape=row.shape)
        for form, data in {"dense": row, "sparse": stored}.items():
            total = microseconds(lambda data=data: completer.transform(data))
            checked = microseconds(lambda data=data: check(completer, data))
            yield form, share, total, checked


def entries(completer, shape, n_pairs, repeats):
    """Pairs per CPU second, in random order and row by row."""
    rng = np.random.default_rng(0)
    rows, columns = (rng.integers(0, size, n_pairs) for size in shape)
    order = np.lexsort((columns, rows))
    for i, j in ((rows, columns), (rows[order], columns[order])):
        seconds, _ = cpu_seconds(lambda i=i, j=j: completer.predict_entries(i, j), repeats)
        yield n_pairs / seconds


def best_columns(completer, X, repeats, n=10):
    """Rows per CPU second of recommend, of the product of the factors, and of sorting it all."""
    U, C = completer.row_factors(X), completer.components_

    def sort_all():
        return np.argsort(-completer.transform(X), axis=1)[:, :n]

    for function in (lambda: completer.recommend(X, n), lambda: U @ C, sort_all):
        yield X.shape[0] / cpu_seconds(function, repeats)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=5_000_000)
    arguments = parser.parse_args()
    quiet()
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        print("\ntransform of one row of 1000 columns, rank 16, microseconds")
        print(f"{'':9}{'form':>8}{'observed':>10}{'total':>8}{'checks':>8}{'rest':>8}")
        for dtype in DTYPES:
            for form, share, total, checked in one_row(dtype):
                rest = total - checked
                name = np.dtype(dtype).name
                print(f"{name:9}{form:>8}{share:10.0%}{total:8.0f}{checked:8.0f}{rest:8.0f}")
        print("\n100,000 x 10,000, rank 32, per CPU second")
        print(f"{'':9}{'random pairs':>14}{'sorted pairs':>14}{'recommend, rows':>17}", end="")
        print(f"{'product alone':>15}{'transform, sort':>17}", flush=True)
        for dtype in DTYPES:
            X = make_ratings(100_000, 10_000, 2_000_000, dtype=dtype, random_state=0).X
            completer = ALSCompleter(rank=32, alpha=1.0, max_iter=2, tol=1, n_jobs=1).fit(X)
            pairs = entries(completer, X.shape, arguments.pairs, arguments.repeats)
            print(f"{np.dtype(dtype).name:9}" + "".join(f"{x:14.2e}" for x in pairs), end="")
            best, product, all_sorted = best_columns(completer, X[:2000], arguments.repeats)
            print(f"{best:17.0f}{product:15.0f}{all_sorted:17.0f}", flush=True)


if __name__ == "__main__":
    main()
