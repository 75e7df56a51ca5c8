"""Dense form with a mask against the sparse form: CPU time of iterations by fraction observed.

The dense form multiplies whole arrays by BLAS, the sparse one gathers what is observed. The number
of entries from which the first is faster sets ``DENSE_CROSSOVER`` in ``skmc/_observed/_build.py``.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet
from threadpoolctl import threadpool_limits

from skmc._observed import DenseObserved, observed_from_csr, row_pointers
from skmc._training import prepare
from skmc.datasets import make_low_rank
from skmc.solvers import SOLVERS

FRACTIONS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
SHAPES = ((500, 100), (2000, 200), (5000, 500), (2000, 2000))
FEW, MORE = 3, 13


def both_forms(shape, rank, fraction, dtype):
    data = make_low_rank(*shape, rank=rank, observed=fraction, noise=0.1, random_state=0)
    X, mask = data.X.astype(dtype), ~np.isnan(data.X)
    pointers = row_pointers(np.count_nonzero(mask, axis=1))
    return {
        "dense": DenseObserved(np.where(mask, X, 0).astype(dtype), mask),
        "sparse": observed_from_csr(pointers, np.nonzero(mask)[1], X[mask], shape),
    }


def seconds(observed, name, rank, repeats):
    """Median CPU seconds of an iteration."""
    training = prepare(observed, None, center=True, scale=True)
    problem = training.pose()
    alpha = 0.0 if name == "projected_gd" else 0.2 * problem.alpha_max()
    problem = problem.with_alpha(alpha, rank=min(rank, problem.largest_rank))
    solver, slopes = SOLVERS[name](), []
    factors = solver.start(problem, "svd")
    for _ in range(repeats):
        spent = []
        for n_iterations in (FEW, MORE):
            start = time.process_time()
            solver.solve(problem, factors, max_iter=n_iterations, tol=0)
            spent.append(time.process_time() - start)
        slopes.append((spent[1] - spent[0]) / (MORE - FEW))
    return float(np.median(slopes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rank", type=int, default=10)
    arguments = parser.parse_args()
    quiet()
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        print("\nCPU time of the sparse form over that of the dense form, by fraction observed:\n")
        print(f"{'solver':14}{'shape':>14}{'':10}" + "".join(f"{f:7.2f}" for f in FRACTIONS))
        for name in ("soft_impute", "projected_gd"):
            for dtype in (np.float64, np.float32):
                for shape in SHAPES:
                    ratios = []
                    for fraction in FRACTIONS:
                        forms = both_forms(shape, arguments.rank, fraction, dtype)
                        spent = {
                            form: seconds(observed, name, arguments.rank, arguments.repeats)
                            for form, observed in forms.items()
                        }
                        ratios.append(spent["sparse"] / max(spent["dense"], 1e-9))
                    print(
                        f"{name:14}{shape[0]:7} x{shape[1]:5} {np.dtype(dtype).name:9}"
                        + "".join(f"{ratio:7.2f}" for ratio in ratios),
                        flush=True,
                    )


if __name__ == "__main__":
    main()
