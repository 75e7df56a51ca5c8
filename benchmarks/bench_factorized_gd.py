"""Gradient descent on the factors: iterations against start, condition number and preconditioner.

First, plain gradient descent with a constant step on a complete 60 x 40 matrix of rank 4 from small
random factors, which converges from every start; the iterations grow as the condition number, and
by the same number for each factor in the size of the start; the imbalance of the factors stays of
the order that it has at the start. Then all variants with automatic steps on a matrix with holes,
over condition numbers: iterations to a relative residual of 1e-6 and the relative error of the
hidden entries.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter, FactorizedGDCompleter
from skmc.datasets import make_low_rank

RAW = {"alpha": 0, "center": False, "scale": False, "tol": 0}
GOAL = 1e-6


def iterations(completer, X):
    """Iterations until the relative residual is at most the goal, and None if that never comes.

    The objective in standardised units is half the squared residual.
    """
    unit = np.nanmean((X / completer.scale_) ** 2) * np.count_nonzero(~np.isnan(X))
    reached = np.sqrt(2.0 * completer.trace_["objective"] / unit) <= GOAL
    return int(np.argmax(reached)) + 1 if reached.any() else None


def small_start(arguments):
    n, m, rank = 60, 40, 4
    print(f"\nPlain gradient descent, {n} x {m}, rank {rank}, complete, largest singular value 1,")
    print(f"step {arguments.step}, entries of the start N(0, eps^2), {arguments.seeds} starts")
    print(
        f"{'kappa':>6}{'eps':>8}{'converged':>11}{'iterations (median, range)':>28}"
        f"{'imbalance/start':>17}{'CPU s':>7}"
    )
    for kappa in (2, 4, 8, 16):
        X = make_low_rank(n, m, rank, condition_number=kappa, random_state=0).truth
        X = X / np.linalg.norm(X, 2)
        for eps in (1e-8, 1e-4, 1e-2):
            counts, growth, start = [], [], time.process_time()
            for seed in range(arguments.seeds):
                completer = FactorizedGDCompleter(
                    rank, step_size=arguments.step, update="joint", preconditioner=None,
                    momentum=None, init="random", init_scale=eps * np.sqrt(n), random_state=seed,
                    max_iter=20_000, **RAW,
                ).fit(X)  # fmt: skip
                counts.append(iterations(completer, X))
                imbalance = completer.trace_["imbalance"]
                growth.append(imbalance.max() / imbalance[0])
            found = [count for count in counts if count is not None]
            spread = f"{np.median(found):.0f} ({min(found)}-{max(found)})" if found else "-"
            print(
                f"{kappa:6d}{eps:8.0e}{len(found):8d}/{len(counts)}{spread:>28}"
                f"{max(growth):17.2f}{time.process_time() - start:7.1f}",
                flush=True,
            )


def solvers(max_iter):
    for init in ("svd", "random"):
        for preconditioner in (None, "scaled"):
            for momentum in (None, "nesterov"):
                for update in ("joint", "alternating"):
                    name = f"{preconditioner or 'plain'}, {momentum or '-'}, {update}, {init}"
                    yield (
                        name,
                        FactorizedGDCompleter(
                            update=update, preconditioner=preconditioner, momentum=momentum,
                            init=init, random_state=0, max_iter=max_iter, **RAW,
                        ),
                    )  # fmt: skip
    yield "alternating least squares", ALSCompleter(max_iter=max_iter, **RAW)


def condition_numbers(arguments):
    n, m, rank = arguments.shape
    kappas = (1, 3, 10, 30, 100)
    print(
        f"\nAutomatic steps, {n} x {m}, rank {rank}, {arguments.observed:.0%} observed: iterations "
        f"to a relative residual of {GOAL:g}\n(relative error of the hidden entries), at most "
        f"{arguments.max_iter}; milliseconds of CPU per iteration"
    )
    print(f"{'kappa':40}" + "".join(f"{kappa:>16d}" for kappa in kappas) + f"{'ms':>8}")
    tables = [
        make_low_rank(
            n, m, rank, observed=arguments.observed, condition_number=kappa, random_state=0
        )
        for kappa in kappas
    ]
    for name, completer in solvers(arguments.max_iter):
        cells, total, start = [], 0, time.process_time()
        for data in tables:
            completer.set_params(rank=rank).fit(data.X)
            found, total = iterations(completer, data.X), total + completer.n_iter_
            i, j = np.nonzero(~data.mask)
            wrong = completer.predict_entries(i, j) - data.truth[i, j]
            error = np.linalg.norm(wrong) / np.linalg.norm(data.truth[i, j])
            cells.append(f"{'-' if found is None else found} ({error:.0e})")
        per_iteration = 1e3 * (time.process_time() - start) / total
        line = "".join(f"{cell:>16}" for cell in cells)
        print(f"{name:40}{line}{per_iteration:8.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--step", type=float, default=0.5)
    parser.add_argument("--shape", type=int, nargs=3, default=[300, 200, 5])
    parser.add_argument("--observed", type=float, default=0.5)
    parser.add_argument("--max-iter", type=int, default=2000)
    arguments = parser.parse_args()
    quiet()
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        small_start(arguments)
        condition_numbers(arguments)


if __name__ == "__main__":
    main()
