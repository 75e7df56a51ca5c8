"""How often intervals hold what is missing, and what being sure of it costs in accuracy.

``conformal``: matrices of rank 4 with noise, 150 x 150, where half of the entries are observed at
random, or each with a chance of its row and column, which the noise grows with being small. Part of
the missing entries within intervals of 90 %, with and without a model of the pattern, for
completers good and bad; the median width; the part of the intervals without bounds.

``published``: the simulation of Gui, Barber and Ma (arXiv:2305.10637): 500 x 500 of rank 8, entries
of mean size 2, noise of standard deviation 1, working ranks right and wrong. Their intervals hold
0.900 of the missing entries at any rank; model-based ones for alternating least squares 0.898 down
to 0.791 at 80 % observed, and 0.891 down to 0.162 at 20 %.

``tables``: four tables that scikit-learn ships with 30 % of the entries hidden, the root mean
square error in standard deviations of the columns, CPU seconds, and the part of the hidden entries
in the intervals of 90 % of BayesianCompleter(), and of the same conformally calibrated. Of the
digits, the largest, there are two seeds at most, and one for IterativeImputer.
"""

import argparse
import time

import numpy as np
from _common import Table, print_machine, quiet, rmse
from bench_tables import TABLES, complete, load
from scipy.special import expit
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter, BayesianCompleter, ConformalCompleter, SoftImputeCompleter
from skmc.datasets import hide_entries

COMPLETERS = {
    "ALSCompleter(), finds the rank": ALSCompleter(),
    "ALSCompleter(rank=4)": ALSCompleter(rank=4),
    "ALSCompleter(rank=1), too low": ALSCompleter(rank=1),
    "ALSCompleter(rank=15, alpha=0.1)": ALSCompleter(rank=15, alpha=0.1),
    "SoftImputeCompleter()": SoftImputeCompleter(),
    "BayesianCompleter(rank=8)": BayesianCompleter(rank=8, n_samples=100, burn_in=50, n_draws=25),
}
NORMAL_90 = 1.6449


def simulated(seed, uneven):
    """A noisy matrix, and where it has holes."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(150, 4)) @ rng.normal(size=(4, 150)) / 2
    p, noise = np.full(Z.shape, 0.5), 0.3
    if uneven:
        p = expit(-0.3 + rng.normal(size=(150, 1)) + rng.normal(size=150))
        noise = 1.2 * (1 - p)
    return Z + noise * rng.normal(size=Z.shape), rng.random(Z.shape) > p


def as_published(seed, observed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(500, 8)) @ rng.normal(size=(8, 500))
    Z *= 2 / np.abs(Z).mean()
    return Z + rng.normal(size=Z.shape), rng.random(Z.shape) > observed


def intervals(completer, Y, holes, seed, **options):
    """Part of the missing entries within, median width, part without bounds."""
    conformal = ConformalCompleter(completer, random_state=seed, **options)
    conformal.fit(np.where(holes, np.nan, Y))
    lower, upper = conformal.predict_entries_interval(*np.nonzero(holes))
    inside = np.mean((lower <= Y[holes]) & (Y[holes] <= upper))
    return inside, np.median(upper - lower), np.mean(np.isinf(upper - lower))


def conformal(seeds):
    for uneven in (False, True):
        print(f"\nobserved {'by row and column' if uneven else 'at random'}")
        table = Table("completer" + " " * 24, "row_column", "width", "no bounds", "uniform")
        for name, completer in COMPLETERS.items():
            draws = [simulated(seed, uneven) for seed in range(seeds)]
            ways = [
                np.mean(
                    [intervals(completer, *d, k, propensity=way) for k, d in enumerate(draws)], 0
                )
                for way in ("row_column", "uniform")
            ]
            first, second = ways
            figures = [f"{first[0]:.3f}", f"{first[1]:.2f}", f"{first[2]:.2%}", f"{second[0]:.3f}"]
            table.row(f"{name:33}", *figures)


def published(seeds):
    table = Table("observed, working rank", "coverage", "width")
    for observed in (0.8, 0.2):
        for rank in (2, 8, 40):
            # The ridge alone keeps a rank of 40 from fitting the noise.
            completer = ALSCompleter(rank=rank, alpha=1.0, max_iter=100, tol=0.05)
            draws = [as_published(seed, observed) for seed in range(seeds)]
            found = [intervals(completer, *draw, k) for k, draw in enumerate(draws)]
            inside, width, _ = np.mean(found, axis=0)
            table.row(f"{observed:.1f}, {rank:2}{'':15}", f"{inside:.3f}", f"{width:.2f}")


def tables(seeds):
    methods = {
        "scaler, IterativeImputer()": IterativeImputer(random_state=0),
        "scaler, KNNImputer()": KNNImputer(),
        "ALSCompleter()": ALSCompleter(),
    }
    columns = [*methods, "BayesianCompleter()", "its 90 %", "conformal"]
    table = Table("table        ", *columns)
    for name in TABLES:
        truth, found = load(name), {column: [] for column in columns}
        for seed in range(min(seeds, 2) if name == "digits" else seeds):
            X, hidden = hide_entries(truth, 0.3, random_state=seed)
            for method, imputer in methods.items():
                if isinstance(imputer, IterativeImputer) and name == "digits" and seed > 0:
                    continue
                completed, seconds = complete(method, imputer, X)
                found[method].append((rmse((completed - truth)[hidden]), seconds))
            completer, start = BayesianCompleter(random_state=seed), time.process_time()
            mean, std = completer.fit(X).transform(X, return_std=True)
            seconds = time.process_time() - start
            error = (mean - truth)[hidden]
            found["BayesianCompleter()"].append((rmse(error), seconds))
            inside = np.abs(error) <= NORMAL_90 * std[hidden]
            found["its 90 %"].append((inside.mean(), seconds))
            found["conformal"].append((intervals(completer, truth, hidden, seed)[0], seconds))
        figures = {column: np.mean(values, axis=0) for column, values in found.items()}
        cells = [
            f"{error:.3f} ({seconds:.1f} s)" if column in (*methods, "BayesianCompleter()")
            else f"{error:.3f}"
            for column, (error, seconds) in figures.items()
        ]  # fmt: skip
        table.row(name, *cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["conformal", "published", "tables"])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    quiet()
    print_machine()
    with threadpool_limits(1):
        {"conformal": conformal, "published": published, "tables": tables}[arguments.part](
            arguments.seeds
        )


if __name__ == "__main__":
    main()
