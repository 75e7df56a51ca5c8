"""CPU seconds of one iteration of alternating least squares on ratings of MovieLens-1M size.

An iteration solves for all rows and all columns. Its cost is the slope between fits of few and of
more iterations, without validation and start. The rate of a matrix product by the BLAS, measured in
the same run, is a yardstick and no limit: a BLAS that does not know the processor may use half of
it. The first line names the kernels that it chose.
"""

import argparse

import numpy as np
from _common import gemm_rate, per_iteration, print_machine, quiet, ridge_work
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter
from skmc.datasets import make_ratings


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
            both = np.diff(X.indptr), np.bincount(X.indices, minlength=X.shape[1])
            rate = gemm_rate(dtype)
            print(f"\n{np.dtype(dtype)}, gemm: {rate / 1e9:.1f}e9 multiply-adds per CPU second")
            print(f"{'':30}{'rank':>5}{'CPU s':>9}{'of gemm':>9}")
            for rank in arguments.ranks:
                operations = sum(ridge_work(lengths, rank) for lengths in both)
                for name, fit in {"skmc": skmc_fit(X, rank), **peer_fits(X, rank)}.items():
                    seconds = per_iteration(fit, arguments.repeats)
                    share = operations / seconds / rate
                    print(f"{name:30}{rank:5d}{seconds:9.3f}{share:9.0%}", flush=True)
    print("\nof gemm: rate of the multiply-adds that the iteration needs against that of gemm.")


if __name__ == "__main__":
    main()
