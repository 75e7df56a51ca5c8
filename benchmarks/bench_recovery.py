"""Recovery of noiseless low-rank matrices from about as few entries as determine them.

A cell is an oversampling, the number of entries divided by the degrees of freedom r (n + m - r),
and a condition number of the matrix. Masks are uniform, then repaired so that every row and column
has r entries, their number unchanged. Of those only the masks count that determine the matrix: the
Jacobian of the entries in the factors must have full rank, checked at random factors, for which it
is the largest there is. All methods get the same masks and matrices, the rank, and no
offsets or scales. One succeeds if its relative error on the other entries is below 1e-3.

Tables: ``quick`` (100 x 100, rank 3, a minute), ``phase`` (300 x 300, rank 5) and ``large``
(1000 x 1000, rank 5). With ``--results FILE`` each fit is kept in a line of the file, and what is
in it is not run again, so that a table can be made in pieces (``--cells``, ``--methods``).
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from _common import print_machine, quiet
from _recovery import determines, draw_mask, draw_matrix, peels_exactly

from skmc import ALSCompleter, ContinuationCompleter, GaussNewtonCompleter, IRLSCompleter


@dataclass(frozen=True)
class Table:
    """Matrices and cells (oversampling, condition number) of a table."""

    size: int
    rank: int
    trials: int
    spacing: str
    cells: tuple


def grid(oversamplings, conditions):
    return tuple((rho, condition) for rho in oversamplings for condition in conditions)


TABLES = {
    "quick": Table(100, 3, 10, "linear", grid((1.2, 1.5, 2.0, 3.0), (1, 10, 100))),
    "phase": Table(300, 5, 20, "linear", grid((1.1, 1.2, 1.5, 2.0, 3.0), (1, 10, 100))),
    "large": Table(1000, 5, 20, "log", grid((1.2, 1.3, 1.4, 1.5, 2.0), (10, 100, 1e5))),
}
TEXTBOOK = {"center": False, "scale": False}
METHODS = {
    "continuation": lambda rank: ContinuationCompleter(rank, **TEXTBOOK),
    "irls": lambda rank: IRLSCompleter(rank, **TEXTBOOK),
    "gauss_newton": lambda rank: GaussNewtonCompleter(rank, **TEXTBOOK),
    "als": lambda rank: ALSCompleter(rank, alpha=0, max_iter=2000, **TEXTBOOK),
}
SUCCESS = 1e-3


class Results:
    """What has been run, by what was run; kept in a file of JSON lines if there is one."""

    def __init__(self, path):
        self.path = path
        lines = path.read_text().splitlines() if path and path.exists() else []
        self.found = {self._key(r["key"]): r["value"] for r in map(json.loads, lines)}

    @staticmethod
    def _key(parts):
        return json.dumps(parts, sort_keys=True)

    def get(self, key, compute):
        if self._key(key) not in self.found:
            value = self.found[self._key(key)] = compute()
            if self.path:
                with self.path.open("a") as file:
                    file.write(json.dumps({"key": key, "value": value}) + "\n")
        return self.found[self._key(key)]


def the_mask(table, oversampling, seed):
    rng = np.random.default_rng([seed, table.size, table.rank, int(100 * oversampling)])
    return draw_mask(table.size, table.size, table.rank, oversampling, rng)


def identifiable(table, oversampling, trials):
    """Seeds of masks that determine the matrix, and how many were drawn to find them."""
    seeds, drawn = [], 0
    while len(seeds) < trials:
        mask = the_mask(table, oversampling, drawn)
        if peels_exactly(mask, table.rank) and determines(mask, table.rank):
            seeds.append(drawn)
        drawn += 1
    return {"seeds": seeds, "drawn": drawn}


def fit(method, table, oversampling, condition, seed):
    """Relative error on the entries that are not observed, and CPU seconds."""
    mask = the_mask(table, oversampling, seed)
    rng = np.random.default_rng([seed, table.rank])
    X = draw_matrix(table.size, table.size, table.rank, condition, table.spacing, rng)
    completer, holed = METHODS[method](table.rank), np.where(mask, X, np.nan)
    start = time.process_time()
    try:
        completed = completer.fit_transform(holed)
    except ValueError:  # it diverged
        return {"error": 1e300, "seconds": time.process_time() - start}
    seconds = time.process_time() - start
    error = np.linalg.norm((completed - X)[~mask]) / np.linalg.norm(X[~mask])
    return {"error": float(min(error, 1e300)), "seconds": seconds}


def cell(results):
    """Successes, median error and CPU seconds of all fits to a success."""
    errors, seconds = (np.array([r[key] for r in results]) for key in ("error", "seconds"))
    successes = np.count_nonzero(errors < SUCCESS)
    each = f"{seconds.sum() / successes:.2f} s" if successes else "-"
    return f"{successes}/{len(results)}, {np.median(errors):.0e}, {each}"


def print_table(table, methods, cells, results):
    print(f"\nn = m = {table.size}, rank {table.rank}, {table.spacing}-spaced singular values")
    print("successes, median error, CPU seconds per success\n")
    head = ["oversampling", "identifiable", "condition", *methods]
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}", flush=True)
    about = {key: value for key, value in asdict(table).items() if key not in ("cells", "trials")}
    for oversampling, condition in cells:
        where = about | {"oversampling": oversampling}
        masks = results.get(
            where | {"trials": table.trials},
            partial(identifiable, table, oversampling, table.trials),
        )
        columns = [f"{oversampling:g}", f"{table.trials}/{masks['drawn']}", f"{condition:g}"]
        for method in methods:
            runs = [
                results.get(
                    where | {"condition": condition, "method": method, "seed": seed},
                    partial(fit, method, table, oversampling, condition, seed),
                )
                for seed in masks["seeds"]
            ]
            columns.append(cell(runs))
        print(f"| {' | '.join(columns)} |", flush=True)


def read_cell(text):
    oversampling, condition = map(float, text.split(":"))
    return oversampling, condition


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", choices=TABLES, default="quick")
    parser.add_argument("--trials", type=int, help="masks of a cell")
    parser.add_argument(
        "--cells", nargs="+", type=read_cell, help="oversampling:condition, such as 1.5:100"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--results", type=Path, help="file that keeps what has been run")
    arguments = parser.parse_args()
    quiet()
    print_machine()
    table = TABLES[arguments.table]
    if arguments.trials:
        table = replace(table, trials=arguments.trials)
    cells = arguments.cells or table.cells
    print_table(table, arguments.methods, cells, Results(arguments.results))


if __name__ == "__main__":
    main()
