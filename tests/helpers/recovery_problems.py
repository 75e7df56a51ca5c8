"""Noiseless problems with few entries."""

import numpy as np

from skmc._observed import observed_from_dense
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem


def recovery_problem(rho, condition=1.0, seed=0, size=100, rank=3, dtype=float, kind="none"):
    """A noiseless problem in which every line has more entries than unknowns."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.normal(size=(size, rank)))[0] for _ in range(2))
    X = (size * (U * np.geomspace(1, 1 / condition, rank)) @ V.T).astype(dtype)
    if kind == "column":
        X += rng.normal(size=size).astype(dtype)
    mask = np.zeros((size, size), bool)
    for _ in range(rank + 2):  # lines of equal degree, then random ones
        mask[np.arange(size), rng.permutation(size)] = True
    missing = int(rho * rank * (2 * size - rank)) - mask.sum()
    free = np.flatnonzero(~mask)
    mask.ravel()[rng.choice(free, max(missing, 0), replace=False)] = True
    observed = observed_from_dense(X, mask)
    return CompletionProblem(observed, rank, 0.0, OffsetModel(observed, kind)), X


def relative_error(X, result):
    """Error of Z plus column offsets."""
    Z = result.factors.U @ result.factors.V.T + result.residual.offsets.columns
    return np.linalg.norm(Z - X) / np.linalg.norm(X)


def run(solver, problem, **options):
    """Solve from the spectral start, that of the schedule if there is one."""
    schedule = options.get("schedule")
    start = solver.start(problem if schedule is None else schedule.problem, "svd")
    return solver.solve(problem, start, **{"max_iter": 20_000, "tol": 1e-6, **options})
