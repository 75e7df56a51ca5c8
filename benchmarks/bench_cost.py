"""CPU seconds of an iteration and peak memory as entries, rows, columns and rank grow one by one.

Random sparse matrices, float32. The cost of an iteration is the slope between fits of few and of
more iterations, without validation and start. Memory is what a fit adds to its process at the peak,
in a process of its own (Linux with glibc only). Exponents are slopes on logarithms, by least
squares, beside those of what the docstrings promise at the same sizes. Where two terms add up, as
nnz r^2 and (n + m) r^3 / 3 for ALS, the exponents depend on how fast each is done: a limit is only
the degree of the promised polynomial.
"""

import argparse
import ctypes
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from _common import Table, per_iteration, print_machine, quiet
from scipy import sparse
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter

BASE = {"nnz": 1_000_000, "n": 10_000, "m": 10_000, "r": 32}
FACTORS = (1 / 4, 1 / 2, 1, 2, 4)
TOLERANCE = 0.15
FEW, MORE = 2, 6

COMPLETERS = {
    "ALS": lambda r, n_iter: ALSCompleter(rank=r, alpha=10.0, tol=0, max_iter=n_iter, n_jobs=1),
    # So small a penalty that the bound on the rank is always reached.
    "SoftImpute": lambda r, n_iter: SoftImputeCompleter(
        alpha=1.0, max_rank=r, tol=0, max_iter=n_iter, n_jobs=1
    ),
    "ProjectedGD": lambda r, n_iter: ProjectedGDCompleter(rank=r, tol=0, max_iter=n_iter, n_jobs=1),
}


def promised_work(name, nnz, n, m, r):
    """Multiply-adds of an iteration by the docstring."""
    if name == "ALS":
        return nnz * r**2 + (n + m) * r**3 / 3
    return 6 * nnz * r + 8 * (n + m) * r**2


def promised_bytes(name, nnz, n, m, r):
    """Memory by the docstring: copies of the entries or arrays over them, in float32."""
    if name == "ALS":
        return 3 * nnz * 8 + (n + m) * r * 4
    return 6 * nnz * 4 + (n + m) * r * 4


def random_matrix(nnz, n, m):
    """Rank 5 and noise, at random places; a few that are drawn twice count once."""
    rng = np.random.default_rng(0)
    places = np.unique(rng.integers(n * m, size=nnz))
    rows, columns = (x.astype(np.int32) for x in np.divmod(places, m))
    U, V = (rng.standard_normal((size, 5), dtype=np.float32) for size in (n, m))
    values = rng.standard_normal(places.size, dtype=np.float32)
    for k in range(5):
        values += U[rows, k] * V[columns, k]
    return sparse.csr_array((values, (rows, columns)), shape=(n, m))


def status(field):
    """A size of the process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measure(name, repeats, nnz, n, m, r):
    """CPU seconds of an iteration and bytes at the peak of a fit, in this process."""
    quiet()
    X = random_matrix(nnz, n, m)

    def fit(n_iterations):
        completer = COMPLETERS[name](r, n_iterations).fit(X)
        assert completer.n_iter_ == n_iterations, completer.stop_reason_
        assert completer.rank_ == r, completer.rank_

    with threadpool_limits(limits=1, user_api="blas"):
        # Imports that wait for the first fit are no part of its memory, nor is what malloc keeps.
        fit(1)
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = status("VmRSS")
        fit(FEW)
        peak = status("VmHWM") - before
        return per_iteration(fit, repeats, FEW, MORE), peak


def degree(promise, name, grows):
    """Exponent that the promise tends to."""
    far = [promise(name, **(BASE | {grows: size})) for size in (1e12, 2e12)]
    return np.log2(far[1] / far[0])


def run_apart(cache, *task):
    """What `measure` says in a process of its own; the base is part of every curve."""
    if task not in cache:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            cache[task] = pool.submit(measure, *task).result()
    return cache[task]


def print_curves(name, repeats):
    """Print both tables of a completer; return what grows faster than promised."""
    print(f"\n{name}: {', '.join(f'{key} = {value:,}' for key, value in BASE.items())} at x1\n")
    heads = [f"x{factor:g}" for factor in FACTORS]
    table, cache, too_fast = Table("grows    ", *heads, "exponent", "promised"), {}, []
    sizes = {grows: [BASE | {grows: round(BASE[grows] * x)} for x in FACTORS] for grows in BASE}
    for index, (unit, scale, promise) in enumerate(
        (("ms", 1e-3, promised_work), ("MB", 1e6, promised_bytes))
    ):
        for grows, places in sizes.items():
            values = [run_apart(cache, name, repeats, *x.values())[index] for x in places]
            measured, promised = (
                np.polyfit(np.log(FACTORS), np.log(numbers), 1)[0]
                for numbers in (values, [promise(name, *place.values()) for place in places])
            )
            cells = [f"{value / scale:.1f}" for value in values]
            table.row(f"{grows}, {unit}", *cells, f"{measured:.2f}", f"{promised:.2f}")
            if measured > degree(promise, name, grows) + TOLERANCE:
                too_fast.append(f"{name} ({unit}) in {grows}")
    return too_fast


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--completers", nargs="+", choices=COMPLETERS, default=list(COMPLETERS))
    arguments = parser.parse_args()
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
    too_fast = [x for name in arguments.completers for x in print_curves(name, arguments.repeats)]
    print("\nms: CPU time of an iteration; MB: peak of a fit of few iterations above its input.")
    if too_fast:
        raise SystemExit(f"grows faster than promised: {', '.join(too_fast)}")


if __name__ == "__main__":
    main()
