"""Recovery of noiseless low-rank matrices from about as few entries as determine them.

Each cell is an oversampling, the number of entries divided by the degrees of freedom r (n + m - r),
and a condition number of the matrix. Masks are uniform, then repaired so that every row and column
has r entries, their number unchanged. Only masks that determine the matrix are counted: the
Jacobian of the entries in the factors must have full rank, checked at random factors, for which it
is the largest there is. A method succeeds if its relative error on the other entries is below
1e-3. The table gives successes, the median error and the median CPU seconds of a fit.
"""

import argparse
import time

import numpy as np
from _common import print_machine
from scipy import linalg

from skmc._observed import observed_from_dense
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc.solvers import AlternatingLeastSquares, Continuation, GaussNewton
from skmc.solvers._base import DivergenceError
from skmc.solvers._decay import RidgeContinuation
from skmc.solvers._irls import ReweightedLeastSquares


def draw_mask(n, m, rank, oversampling, rng):
    """Uniform positions, moved about until every row and column has `rank` of them."""
    mask = np.zeros(n * m, dtype=bool)
    mask[rng.choice(n * m, int(oversampling * rank * (n + m - rank)), replace=False)] = True
    mask = mask.reshape(n, m)
    while True:
        rows, columns = mask.sum(axis=1), mask.sum(axis=0)
        if rows.min() >= rank and columns.min() >= rank:
            return mask
        if rows.min() < rank:
            i = rows.argmin()
            mask[i, rng.choice(np.flatnonzero(~mask[i]))] = True
        else:
            j = columns.argmin()
            mask[rng.choice(np.flatnonzero(~mask[:, j])), j] = True
        rows, columns = mask.sum(axis=1), mask.sum(axis=0)
        spare = np.argwhere(mask & (rows > rank)[:, None] & (columns > rank))
        mask[tuple(spare[rng.integers(len(spare))])] = False


def draw_matrix(n, m, rank, condition, spacing, rng):
    """Random singular vectors, singular values from 1 down to 1 / condition, times sqrt(n m)."""
    U, V = (linalg.qr(rng.standard_normal((size, rank)), mode="economic")[0] for size in (n, m))
    if spacing == "log":
        s = np.logspace(0, -np.log10(condition), rank)
    else:
        s = np.linspace(1, 1 / condition, rank)
    return (U * (s * np.sqrt(n * m))) @ V.T


def determines(mask, rank):
    """Whether the positions determine a matrix of this rank near itself.

    With the factors U of the rows eliminated, the normal matrix of the factors of the columns is a
    sum over rows of (I - V_i (V_i'V_i)^-1 V_i') x u_i u_i'; it must have no more than the r^2 zero
    eigenvalues that a change of basis makes.
    """
    rng = np.random.default_rng(0)
    n, m = mask.shape
    U, V = rng.standard_normal((n, rank)), rng.standard_normal((m, rank))
    normal = np.zeros((m * rank, m * rank))
    for i in range(n):
        columns = np.flatnonzero(mask[i])
        Q = linalg.qr(V[columns], mode="economic")[0]
        block = np.kron(np.eye(columns.size) - Q @ Q.T, np.outer(U[i], U[i]))
        index = (columns[:, None] * rank + np.arange(rank)).ravel()
        normal[np.ix_(index, index)] += block
    eigenvalues = linalg.eigvalsh(normal, overwrite_a=True, check_finite=False)
    return eigenvalues[rank * rank] > 1e-13 * eigenvalues[-1]


def peels_exactly(mask, rank):
    """Whether rows and columns with `rank` entries or fewer, taken off repeatedly, have `rank`.

    One with fewer is not determined by the rest, and those taken off before it use up their
    entries for themselves, so this is necessary; it is quick, and most masks that fail fail here.
    """
    mask = mask.copy()
    while True:
        rows, columns = mask.sum(axis=1), mask.sum(axis=0)
        i, j = (np.flatnonzero((x > 0) & (x <= rank)) for x in (rows, columns))
        if i.size == 0 and j.size == 0:
            return True
        if i.size:
            if rows[i].min() < rank:
                return False
            mask[i] = False
            if np.any((columns > 0) & (mask.sum(axis=0) == 0)):
                return False
        else:
            if columns[j].min() < rank:
                return False
            mask[:, j] = False
            if np.any((rows > 0) & (mask.sum(axis=1) == 0)):
                return False


def solve(solver, problem, schedule=None, max_iter=20_000):
    start = solver.start(schedule.problem if schedule else problem, "svd")
    return solver.solve(problem, start, max_iter=max_iter, tol=1e-6, schedule=schedule)


def scheduled(problem):
    schedule = RidgeContinuation(problem, 4000)
    return solve(AlternatingLeastSquares(), problem, schedule, 4000)


METHODS = {
    "als": lambda problem: solve(AlternatingLeastSquares(), problem, max_iter=2000),
    "als, falling penalty": scheduled,
    "gauss_newton": lambda problem: solve(GaussNewton(), problem, max_iter=60),
    "irls": lambda problem: solve(ReweightedLeastSquares(), problem, max_iter=200),
    "continuation": lambda problem: solve(Continuation(), problem),
}


def run(method, X, mask, rank):
    """Relative error on the entries that are not observed, and CPU seconds."""
    observed = observed_from_dense(X, mask)
    problem = CompletionProblem(observed, rank, 0.0, OffsetModel(observed, "none"))
    start = time.process_time()
    try:
        factors = METHODS[method](problem).factors
    except DivergenceError:
        return np.inf, time.process_time() - start
    seconds = time.process_time() - start
    difference = factors.U @ factors.V.T - X
    return linalg.norm(difference[~mask]) / linalg.norm(X[~mask]), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--rank", type=int, default=5)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--oversampling", type=float, nargs="+", default=[1.1, 1.2, 1.5, 2, 3])
    parser.add_argument("--condition", type=float, nargs="+", default=[1, 10, 100])
    parser.add_argument("--spacing", choices=["linear", "log"], default="linear")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument(
        "--check-largest",
        type=int,
        default=400,
        help="largest size whose masks are checked by the Jacobian, not only by peeling",
    )
    arguments = parser.parse_args()
    n, rank = arguments.size, arguments.rank
    print_machine()
    print(f"n = m = {n}, rank {rank}, {arguments.spacing} singular values")
    for oversampling in arguments.oversampling:
        masks, drawn = [], 0
        while len(masks) < arguments.trials:
            rng = np.random.default_rng([drawn, n, rank, int(100 * oversampling)])
            mask = draw_mask(n, n, rank, oversampling, rng)
            drawn += 1
            if peels_exactly(mask, rank) and (
                n > arguments.check_largest or determines(mask, rank)
            ):
                masks.append((drawn, mask))
        checked = "" if n <= arguments.check_largest else ", not all checked"
        print(f"oversampling {oversampling:g}: {len(masks)} masks of {drawn} drawn{checked}")
        for condition in arguments.condition:
            for method in arguments.methods:
                results = []
                for seed, mask in masks:
                    rng = np.random.default_rng([seed, rank])
                    X = draw_matrix(n, n, rank, condition, arguments.spacing, rng)
                    results.append(run(method, X, mask, rank))
                errors, seconds = np.array(results).T
                successes = errors < 1e-3
                per_success = seconds.sum() / successes.sum() if successes.any() else np.inf
                print(
                    f"  condition {condition:g}, {method:22s} "
                    f"{successes.sum():3d}/{len(results)}  error {np.median(errors):.0e}  "
                    f"{np.median(seconds):.2f} s, {per_success:.2f} s per success",
                    flush=True,
                )


if __name__ == "__main__":
    main()
