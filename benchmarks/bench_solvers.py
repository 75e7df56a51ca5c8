"""Which completer for which data: errors and CPU seconds of all of them on data of seven kinds.

Errors are relative to what the column means leave on the same hidden entries: 1 is no better than
those. Completers that cannot find a rank are told the true one, or one of 5 for real tables; all
else is by default. Without noise any error can be reached by iterating on; "exact" stands for less
than 1e-6.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet, rmse
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    ContinuationCompleter,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    IRLSCompleter,
    NMFCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
    SVTCompleter,
)
from skmc.datasets import hide_entries, make_low_rank, make_ratings

RANK = 5
EXACT = 1e-6
METHODS = {
    "ALSCompleter()": ALSCompleter(),
    "ALSCompleter(5, alpha=0)": ALSCompleter(RANK, alpha=0),
    "ALSCompleterCV()": ALSCompleterCV(),
    "SoftImputeCompleter()": SoftImputeCompleter(),
    "SoftImputeCompleter(debias)": SoftImputeCompleter(debias=True),
    "SoftImputeCompleterCV()": SoftImputeCompleterCV(),
    "SVTCompleter()": SVTCompleter(),
    "ProjectedGDCompleter()": ProjectedGDCompleter(),
    "FactorizedGDCompleter(5)": FactorizedGDCompleter(RANK),
    "NMFCompleter(5)": NMFCompleter(RANK),
    "GaussNewtonCompleter(5)": GaussNewtonCompleter(RANK),
    "IRLSCompleter(5)": IRLSCompleter(RANK),
    "ContinuationCompleter(5)": ContinuationCompleter(RANK),
}


def low_rank(observed, **params):
    def make(seed):
        data = make_low_rank(observed=observed, random_state=seed, **params)
        return data.X, data.truth, ~data.mask

    return make


def counts(seed):
    """Counts whose means are a product of non-negative factors."""
    rng = np.random.default_rng(seed)
    truth = rng.gamma(1.0, size=(500, RANK)) @ rng.gamma(1.0, size=(RANK, 100))
    X, hidden = hide_entries(rng.poisson(truth).astype(float), 0.5, random_state=seed)
    return X, truth, hidden


def table(seed):
    """Measurements of tumours in standard deviations of their columns."""
    truth = StandardScaler().fit_transform(load_breast_cancer().data)
    X, hidden = hide_entries(truth, 0.3, random_state=seed)
    return X, truth, hidden


def stars(seed):
    """Ratings, a tenth of them hidden, as a sparse matrix."""
    ratings = make_ratings(1000, 600, 40_000, random_state=seed, dtype=np.float64).X.toarray()
    seen = ratings > 0
    hidden = seen & (np.random.default_rng(seed).random(ratings.shape) < 0.1)
    where = np.nonzero(seen & ~hidden)
    return sparse.csr_array((ratings[where], where), shape=ratings.shape), ratings, hidden


def degrees(n, m, rho):
    """Part of the entries that is rho times the number of free parameters."""
    return rho * RANK * (n + m - RANK) / (n * m)


KINDS = {
    "noisy": low_rank(0.5, n_rows=500, n_columns=100, rank=RANK, noise=0.1, offsets=1.0),
    "exact": low_rank(degrees(300, 300, 4), n_rows=300, n_columns=300, rank=RANK, offsets=1.0),
    "scarce": low_rank(degrees(300, 300, 1.5), n_rows=300, n_columns=300, rank=RANK),
    "uneven": low_rank(
        degrees(300, 300, 2.5), n_rows=300, n_columns=300, rank=RANK, condition_number=100
    ),
    "counts": counts,
    "table": table,
    "stars": stars,
}
NON_NEGATIVE = ("counts", "stars")
SETTINGS = {"scarce": {"center": False}, "uneven": {"center": False}, "stars": {"center": "both"}}


def run(method, kind, seed):
    """Error against that of the column means, and CPU seconds."""
    X, truth, hidden = KINDS[kind](seed)
    completer = clone(method)
    settings = SETTINGS.get(kind, {})
    if isinstance(method, NMFCompleter):
        settings = {}
    elif isinstance(method, SVTCompleter):
        # It has no row offsets.
        settings = {k: v for k, v in settings.items() if v != "both"}
    completer.set_params(**settings)
    start = time.process_time()
    completer.fit(X)
    seconds = time.process_time() - start
    values = X.toarray() if sparse.issparse(X) else np.nan_to_num(X)
    seen = np.zeros(X.shape, bool)
    seen[X.nonzero() if sparse.issparse(X) else np.nonzero(~np.isnan(X))] = True
    means = values.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    rows, columns = np.nonzero(hidden)
    wanted = truth[hidden]
    wrong = completer.predict_entries(rows, columns) - wanted
    return rmse(wrong) / rmse(means[columns] - wanted), seconds


def show(error):
    if np.isnan(error):
        return "-"
    if error < EXACT:
        return "exact"
    return "> 10" if error > 10 else f"{error:.0e}" if error < 1e-3 else f"{error:.3f}"


def print_table(title, cells):
    print(f"\n{title:28}" + "".join(f"{kind:>9}" for kind in KINDS))
    for name, row in zip(METHODS, cells, strict=True):
        print(f"{name:28}" + "".join(f"{cell:>9}" for cell in row))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    quiet()
    errors, seconds = np.full((2, len(METHODS), len(KINDS), arguments.seeds), np.nan)
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        for i, method in enumerate(METHODS.values()):
            for k, kind in enumerate(KINDS):
                if isinstance(method, NMFCompleter) and kind not in NON_NEGATIVE:
                    continue
                for seed in range(arguments.seeds):
                    errors[i, k, seed], seconds[i, k, seed] = run(method, kind, seed)
    # Medians of few seeds: of three, the second.
    errors, seconds = np.median(errors, axis=2), np.median(seconds, axis=2)
    print_table("error", [[show(error) for error in row] for row in errors])
    print_table("CPU seconds", [[f"{x:.2f}" if x == x else "-" for x in row] for row in seconds])


if __name__ == "__main__":
    main()
