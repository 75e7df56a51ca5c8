"""Which score chooses best, and what a search costs.

150 x 40, rank 3 with singular values that differ by a factor of 3, noise of 0.7 of the signal, 45 %
observed. 18 candidates, six ranks by three penalties, are fitted to all observed entries, and their
errors on the missing ones measured against the truth without noise, which no user has. The regret
of a choice is its error over that of the best of the 18, minus 1. The completers that search by
themselves are measured by the same best: they also try what is not in the grid, so their regret can
be negative, and no choice from the grid can undo what they miss.

The cost is in iterations of the solver, all fits and the last one included, and in CPU seconds: the
sum of `n_iter_` over the fits of a grid search; `n_path_iter_` of a path, or the iterations in
`search_`, plus `n_iter_`. The second table gives grid search and path the same ranks, penalties
and folds of entries. With ``scale="noise"`` each fit of a grid search looks for the units of its
columns first, and a path does so once for each fold, which `n_path_iter_` leaves out and the CPU
seconds include. With ``scale=True`` all iterations of both are on candidates, and the difference is
what warm starts save. With more penalties the path also ends before the last of them.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet, rmse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid
from threadpoolctl import threadpool_limits

from skmc import ALSCompleter, ALSCompleterCV, EntryRegressor, SoftImputeCompleterCV
from skmc.datasets import make_low_rank
from skmc.metrics import make_held_out_scorer
from skmc.model_selection import EntryKFold, to_entries

GRID = {"rank": [1, 2, 3, 4, 6, 10], "alpha": [1.0, 2.0, 4.0]}
ENTRY_FOLDS = EntryKFold(5, random_state=0)


class Counting(ALSCompleter):
    """ALSCompleter that adds its iterations to a sum of all fits."""

    n_iter = 0

    def fit(self, X, y=None, sample_weight=None, entry_weight=None):
        super().fit(X, y, sample_weight, entry_weight)
        Counting.n_iter += self.n_iter_
        return self


class CountingRegressor(EntryRegressor):
    """EntryRegressor that adds the iterations of its completer to the same sum."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        Counting.n_iter += self.completer_.n_iter_
        return self


def by_rows(scoring=None, cv=None):
    """Grid search on folds of rows."""

    def search(X):
        folds = KFold(5, shuffle=True, random_state=0) if cv is None else cv(X)
        return GridSearchCV(Counting(), GRID, scoring=scoring, cv=folds).fit(X).best_params_

    return search


def by_entries(grid=GRID, scale="noise"):
    """Grid search on folds of entries, listed row by row as a path numbers them."""

    def search(X):
        found = GridSearchCV(
            CountingRegressor(ALSCompleter(scale=scale)),
            {f"completer__{name}": values for name, values in grid.items()},
            scoring="neg_root_mean_squared_error",
            cv=ENTRY_FOLDS,
        )
        best = found.fit(*to_entries(X, random_state=None)).best_params_
        return {name.removeprefix("completer__"): value for name, value in best.items()}

    return search


def all_rows(X):
    """The leak: one fold that is fitted and scored on all rows."""
    rows = np.arange(len(X))
    return [(rows, rows)]


SEARCHES = {
    "score, folds of rows": by_rows(),
    "make_held_out_scorer(holdout=0.2)": by_rows(make_held_out_scorer(holdout=0.2)),
    "make_held_out_scorer(holdout=0.5)": by_rows(make_held_out_scorer(holdout=0.5)),
    "EntryRegressor, EntryKFold(5)": by_entries(),
    "score on the rows of the fit": by_rows(cv=all_rows),
}
COMPLETERS = {
    "ALSCompleterCV()": ALSCompleterCV(),
    "SoftImputeCompleterCV()": SoftImputeCompleterCV(),
    'ALSCompleter(rank="auto")': ALSCompleter(rank="auto"),
    "ALSCompleter()": ALSCompleter(),
}
FINE = {"rank": GRID["rank"], "alpha": np.geomspace(0.5, 16, 12).tolist()}
SAME = {
    "18 candidates": (GRID, "noise"),
    "18 candidates, scale=True": (GRID, True),
    "72 candidates": (FINE, "noise"),
}


def error(completer, data):
    """Error of a fitted completer on the missing entries."""
    return rmse((completer.transform(data.X) - data.truth)[~data.mask])


def searched(search, X):
    """Rank and penalty found by a grid search, its iterations and CPU seconds."""
    Counting.n_iter, start = 0, time.process_time()
    best = search(X)
    return (best["rank"], best["alpha"]), Counting.n_iter, time.process_time() - start


def fitted(completer, X):
    """The fitted completer, its iterations with those of its search, and CPU seconds."""
    start = time.process_time()
    completer = clone(completer).fit(X)
    seconds = time.process_time() - start
    before = np.sum(getattr(completer, "search_", {}).get("n_iter", 0))
    n_iter = getattr(completer, "n_path_iter_", before) + completer.n_iter_
    return completer, n_iter, seconds


def run(data):
    """Regret, iterations and CPU seconds of each way to choose; and of the worst candidate."""
    errors = {
        (c["rank"], c["alpha"]): error(ALSCompleter(**c).fit(data.X), data)
        for c in ParameterGrid(GRID)
    }
    best = min(errors.values())
    found = {}
    for name, search in SEARCHES.items():
        choice, *cost = searched(search, data.X)
        found[name] = errors[choice] / best - 1, *cost
    for name, completer in COMPLETERS.items():
        completer, *cost = fitted(completer, data.X)
        found[name] = error(completer, data) / best - 1, *cost
    found["the worst of the 18"] = max(errors.values()) / best - 1, np.nan, np.nan
    return found


def run_same(data, grid, scale):
    """Iterations and CPU seconds of grid search and path, whether they agree, and errors."""
    choice, *of_grid = searched(by_entries(grid, scale), data.X)
    path = ALSCompleterCV(ranks=grid["rank"], alphas=grid["alpha"], cv=ENTRY_FOLDS, scale=scale)
    path, *of_path = fitted(path, data.X)
    same = choice == (path.rank_, path.alpha_)
    other = ALSCompleter(rank=choice[0], alpha=choice[1], scale=scale).fit(data.X)
    return *of_grid, *of_path, same, error(path, data) / error(other, data) - 1


def print_regret(results):
    print(f"\n{'regret':36}{'mean':>8}{'max':>8}{'iterations':>13}{'CPU s':>8}")
    for name in results[0]:
        regret, n_iter, seconds = np.transpose([result[name] for result in results])
        line = f"{name:36}{regret.mean():8.1%}{regret.max():8.1%}"
        if np.isfinite(n_iter).all():
            line += f"{n_iter.mean():13.0f}{seconds.mean():8.2f}"
        print(line)


def print_same(draws):
    print(f"\n{'the same candidates and folds':28}{'GridSearchCV':>20}{'ALSCompleterCV':>20}")
    print(f"{'':28}" + f"{'iterations':>12}{'CPU s':>8}" * 2 + f"{'same choice':>14}{'error':>8}")
    for name, (grid, scale) in SAME.items():
        results = np.array([run_same(data, grid, scale) for data in draws])
        iterations, seconds, path_iterations, path_seconds, same, error = results.mean(axis=0)
        print(
            f"{name:28}{iterations:12.0f}{seconds:8.2f}{path_iterations:12.0f}{path_seconds:8.2f}"
            f"{same:14.0%}{error:+8.1%}"
        )
    print("\nerror: of the choice of the path over that of the grid search, minus 1")
    print(f"means of {len(draws)} draws")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=10)
    arguments = parser.parse_args()
    quiet()
    options = {"observed": 0.45, "noise": 0.7, "condition_number": 3}
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        draws = [
            make_low_rank(150, 40, 3, **options, random_state=seed)
            for seed in range(arguments.draws)
        ]
        print_regret([run(data) for data in draws])
        print_same(draws)


if __name__ == "__main__":
    main()
