"""What momentum saves, and where the default `tol` stops.

The first table: iterations and CPU seconds, those of the start included, until the objective is
within 1e-4 and 1e-6 of the best that any way has found for the same problem; "-" if `--iterations`
were not enough, or another minimum was found. Close to as many iterations as there may be mean that
the best itself was still on its way. Penalties are fractions of the largest singular value expected
of noise with half the standard deviation of the data.

The second table: the error on a tenth of the entries, held out, relative to that of the column
means, where the default `tol` stops and after `--iterations`; how much the first is above the
second in percent; and the iterations from which it stays within 0.3 % and 0.1 % of the second.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np
from _common import print_machine
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skmc._observed import observed_from_csr, observed_from_dense
from skmc._search import make_folds, quick_folds
from skmc.datasets import hide_entries, load_movielens, make_low_rank, make_ratings
from skmc.solvers import AlternatingLeastSquares, ProjectedGradient, SoftImpute
from skmc.solvers._noise import edge_of_unit_noise

TOL = 1e-2
SOLVERS = {"als": AlternatingLeastSquares, "soft": SoftImpute, "projected": ProjectedGradient}
WAYS = (None, "nesterov")
CELLS = [(gap, way) for gap in (1e-4, 1e-6) for way in WAYS]


def low_rank(n_rows, n_columns, **params):
    data = make_low_rank(n_rows, n_columns, **params, offsets=1.0, random_state=0)
    return observed_from_dense(data.X, ~np.isnan(data.X))


def table(load):
    values = load().data
    values = StandardScaler().fit_transform(values[:, values.std(axis=0) > 0])
    X, hidden = hide_entries(values, 0.3, random_state=0)
    return observed_from_dense(X, ~hidden)


def ratings(X):
    X = sparse.csr_array(X)
    X.sort_indices()
    return observed_from_csr(X.indptr.astype(np.int64), X.indices, X.data, X.shape)


def movielens(path):
    data = load_movielens(path)
    rows, columns = (np.unique(ids, return_inverse=True)[1] for ids in data.coordinates.T)
    return ratings(sparse.coo_array((data.ratings.astype(np.float32), (rows, columns))).tocsr())


# Observed entries, offsets, rank of ALS and of projected gradient, and the penalties of ALS and of
# soft-impute.
DATA = {
    "low rank 500 x 100": (lambda: low_rank(500, 100, observed=0.5, noise=0.1), True, 5, 0.4, 0.4),
    "low rank 2000 x 200": (
        lambda: low_rank(2000, 200, rank=10, observed=0.5, noise=0.5), True, 10, 0.4, 0.8,
    ),
    "uneven, few entries": (
        lambda: low_rank(500, 300, observed=0.066, noise=0.1, condition_number=30),
        True, 5, 0.2, 0.4,
    ),
    "breast cancer": (lambda: table(load_breast_cancer), True, 5, 0.4, 0.4),
    "digits": (lambda: table(load_digits), True, 10, 0.4, 0.8),
    "ratings 1000 x 600": (
        lambda: ratings(make_ratings(1000, 600, 40_000, random_state=0).X), "both", 10, 0.4, 0.8,
    ),
    "ratings 6040 x 3706": (
        lambda: ratings(make_ratings(random_state=0).X), "both", 10, 0.4, 1.0,
    ),
}  # fmt: skip


def fold_of(observed, center):
    """The first fold of a tenth of the entries."""
    splits = quick_folds(observed, 0)[:1]
    return make_folds(observed, None, splits, center=center, scale=True)[0]


def problem_of(name, fold, rank, als, soft):
    """The problem of a solver on the training part of a fold, in units of its noise."""
    problem = fold.problem
    if name == "projected":
        return problem.with_alpha(0.0, rank=rank)
    deviation = np.sqrt(problem.noise_variance(problem.at_zero.loss))
    edge = deviation / 2 * edge_of_unit_noise(problem)
    if name == "als":
        return problem.with_alpha(als * edge, rank=rank)
    return problem.with_alpha(soft * edge, rank=problem.largest_rank)


def descend(solver, problem, arguments):
    """CPU seconds and objective of each iteration, one row each."""
    start, log = time.process_time(), []

    def note(_, state):
        log.append((time.process_time() - start, state.objective))
        return log[-1][0] > arguments.seconds

    factors = solver.start(problem, "svd")
    solver.solve(problem, factors, max_iter=arguments.iterations, tol=0, callback=note)
    return np.array(log)


def print_acceleration(data, arguments):
    print("\n| data | solver | " + " | ".join(f"{way or 'none'}, {g:g}" for g, way in CELLS) + " |")
    print("| --- | --- |" + " --- |" * len(CELLS))
    for title, (make, center, rank, als, soft) in data.items():
        fold = fold_of(make(), center)
        for name, solver in SOLVERS.items():
            problem = problem_of(name, fold, rank, als, soft)
            logs = {way: [] for way in WAYS}
            for _ in range(arguments.repeats):
                for way, runs in logs.items():
                    runs.append(descend(solver(momentum=way), problem, arguments))
            best = min(log[-1, 1] for runs in logs.values() for log in runs)
            cells = [reached(logs[way], best * (1.0 + gap)) for gap, way in CELLS]
            print(f"| {title} | {name} | {' | '.join(cells)} |", flush=True)


def reached(runs, objective):
    """Iterations and median CPU seconds until the objective is reached."""
    at = [np.flatnonzero(log[:, 1] <= objective)[:1] for log in runs]
    if not all(first.size for first in at):
        return "-"
    seconds = [log[first[0], 0] for log, first in zip(runs, at, strict=True)]
    return f"{at[0][0] + 1}, {np.median(seconds):.3g} s"


def print_stopping(data, arguments):
    print("\n| data | solver | stops at | error there | in the end | above, % | 0.3 % | 0.1 % |")
    print("| --- |" + " --- |" * 7)
    for title, (make, center, rank, als, soft) in data.items():
        fold = fold_of(make(), center)
        for name, kind in SOLVERS.items():
            solver, problem = kind(), problem_of(name, fold, rank, als, soft)
            errors = errors_along(solver, problem, fold, arguments)
            options = {"max_iter": arguments.iterations, "tol": TOL}
            result = solver.solve(problem, solver.start(problem, "svd"), **options)
            there, end = errors[result.n_iter - 1], errors[-1]
            close = [settled(errors, within) for within in (3e-3, 1e-3)]
            print(
                f"| {title} | {name} | {result.n_iter} | {there:.4f} | {end:.4f} | "
                f"{100 * (there / end - 1):+.2f} | {close[0]} | {close[1]} |",
                flush=True,
            )


def errors_along(solver, problem, fold, arguments):
    """Held-out error after each iteration."""
    errors, start = [], time.process_time()

    def note(_, state):
        now = SimpleNamespace(
            problem=problem,
            factors=solver.balanced(state),
            residual=solver.residual(problem, state),
            units=None,
        )
        errors.append(np.sqrt(1.0 - fold.score(now)))
        return time.process_time() - start > 5 * arguments.seconds

    factors = solver.start(problem, "svd")
    solver.solve(problem, factors, max_iter=arguments.iterations, tol=0, callback=note)
    return np.array(errors)


def settled(errors, within):
    """The iteration from which errors stay close to the last."""
    far = np.flatnonzero(np.abs(errors / errors[-1] - 1.0) > within)
    return int(far[-1]) + 2 if far.size else 1


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", default=["acceleration", "stopping"])
    parser.add_argument("--data", nargs="*", help="those whose names begin like this")
    parser.add_argument("--movielens", help="your copy of a MovieLens data set")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0, help="at most, for each solution")
    arguments = parser.parse_args()
    data = {k: v for k, v in DATA.items() if k.startswith(tuple(arguments.data or [""]))}
    if arguments.movielens:
        data["MovieLens"] = (lambda: movielens(arguments.movielens), "both", 10, 0.4, 1.0)
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        if "acceleration" in arguments.tables:
            print_acceleration(data, arguments)
        if "stopping" in arguments.tables:
            print_stopping(data, arguments)


if __name__ == "__main__":
    main()
