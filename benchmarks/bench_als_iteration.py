"""CPU seconds of one iteration of alternating least squares on ratings of MovieLens-1M size.

An iteration solves for all rows and all columns. Its cost is the slope between fits of few and of
more iterations, without validation and start. The rate of a matrix product by the BLAS, measured in
the same run, is a yardstick and no limit: a BLAS that does not know the processor may use half of
it. The first line names the kernels that it chose.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter
from skmc.datasets import make_ratings


def per_iteration(fit, repeats, few=2, more=6):
    """Median CPU seconds per iteration of fit(n_iterations)."""
    slopes = []
    for _ in range(repeats):
        seconds = []
        for n_iterations in (few, more):
            start = time.process_time()
            fit(n_iterations)
            seconds.append(time.process_time() - start)
        slopes.append((seconds[1] - seconds[0]) / (more - few))
    return float(np.median(slopes))


def skmc_fit(X, rank):
    def fit(n_iterations):
        completer = ALSCompleter(rank=rank, alpha=10.0, max_iter=n_iterations, tol=0).fit(X)
        assert completer.n_iter_ == n_iterations

    return fit


def peer_fits(X, rank):
    """Fits by other packages, if they are installed."""
    fits = {}
    try:
        from implicit.cpu.als import AlternatingLeastSquares

        fits["implicit (implicit feedback)"] = lambda n: AlternatingLeastSquares(
            factors=rank, iterations=n, use_cg=False, calculate_training_loss=False, dtype=X.dtype
        ).fit(X.tocsr(), show_progress=False)
    except ImportError:
        pass
    try:
        from cmfrec import CMF

        fits["cmfrec"] = lambda n: CMF(
            k=rank, niter=n, use_cg=False, verbose=False, use_float=X.dtype == np.float32
        ).fit(X.tocoo())
    except ImportError:
        pass
    return fits


def needed(X, rank):
    """Multiply-adds of one triangle of each Gram matrix and of its Cholesky factor.

    A row with fewer entries than the rank is cheaper in its dual form.
    """
    total = 0.0
    for count in (np.diff(X.indptr), np.bincount(X.indices, minlength=X.shape[1])):
        small, large = np.minimum(count, rank), np.maximum(count, rank)
        total += float(np.sum(small**2.0 * large / 2 + small**3.0 / 6))
    return total


def gemm_rate(dtype, size=1024, repeats=5):
    """Multiply-adds per CPU second of the product of two square matrices."""
    A = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        A @ A
        seconds.append(time.process_time() - start)
    return size**3 / np.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 10, 32, 64, 128])
    arguments = parser.parse_args()
    quiet()
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        for dtype in (np.float32, np.float64):
            X = make_ratings(dtype=dtype, random_state=0).X
            rate = gemm_rate(dtype)
            print(f"\n{np.dtype(dtype)}, gemm: {rate / 1e9:.1f}e9 multiply-adds per CPU second")
            print(f"{'':30}{'rank':>5}{'CPU s':>9}{'of gemm':>9}")
            for rank in arguments.ranks:
                operations = needed(X, rank)
                for name, fit in {"skmc": skmc_fit(X, rank), **peer_fits(X, rank)}.items():
                    seconds = per_iteration(fit, arguments.repeats)
                    share = operations / seconds / rate
                    print(f"{name:30}{rank:5d}{seconds:9.3f}{share:9.0%}", flush=True)
    print("\nof gemm: rate of the multiply-adds that the iteration needs against that of gemm.")


if __name__ == "__main__":
    main()
