"""Error of default completers on held-out MovieLens ratings, from your own copy of the data.

    python benchmarks/bench_movielens.py ~/ml-1m.zip

The path is that of an archive, a directory or a file as `skmc.datasets.load_movielens` reads it;
the data sets are at https://grouplens.org/datasets/movielens. Each random split holds out a tenth
of the ratings. Predictions are clipped to the range of the ratings. No parameter is chosen with the
held-out ratings.

RMSE is in stars, on the held-out ratings: the median over the splits, and that of each split at the
end of the line. The first method has no factors: what the others gain on it is what the factors are
worth. CPU seconds are those of `EntryRegressor.fit`, which include sorting the entries; they, alpha
and the rank are medians too. The rank of `ALSCompleter` is the bound that it was given, of which
the penalty may have used less; that of `BayesianCompleter` counts the row offsets too.
"""

import argparse
import time

import numpy as np
from _common import print_machine, quiet, rmse
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    BayesianCompleter,
    EntryRegressor,
    SoftImputeCompleter,
)
from skmc.datasets import load_movielens

COMPLETERS = {
    # A penalty beyond the largest singular value of any of these data sets leaves no factors.
    "offsets of users and items": ALSCompleter(rank=1, alpha=1e6, center="both"),
    'ALSCompleter(center="both")': ALSCompleter(center="both"),
    'SoftImputeCompleter(center="both")': SoftImputeCompleter(center="both"),
    'ALSCompleter("auto", center="both")': ALSCompleter("auto", center="both"),
    'ALSCompleterCV(center="both")': ALSCompleterCV(center="both"),
    "BayesianCompleter(32)": BayesianCompleter(32),
}


def run(completer, data, seed):
    """Error on the held-out ratings, CPU seconds of the fit, penalty and rank of one split."""
    X, X_test, y, y_test = train_test_split(
        data.coordinates, data.ratings, test_size=0.1, random_state=seed
    )
    regressor = EntryRegressor(clone(completer).set_params(random_state=seed))
    start = time.process_time()
    regressor.fit(X, y)
    seconds = time.process_time() - start
    predicted = np.clip(regressor.predict(X_test), data.ratings.min(), data.ratings.max())
    fitted = regressor.completer_
    alpha = getattr(fitted, "alpha_", np.nan)
    return rmse(predicted - y_test), seconds, alpha, fitted.rank_


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", help="your copy of a MovieLens data set")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--only", default="", help="methods with this in their name")
    arguments = parser.parse_args()
    quiet()
    data = load_movielens(arguments.path)
    with threadpool_limits(limits=1, user_api="blas"):
        print_machine()
        n_users, n_items = (np.unique(ids).size for ids in data.coordinates.T)
        print(f"{data.ratings.size} ratings of {n_items} items by {n_users} users")
        print(f"\n{'':36}{'RMSE':>7}{'CPU s':>9}{'alpha':>10}{'rank':>6}   RMSE of each split")
        chosen = {k: c for k, c in COMPLETERS.items() if arguments.only in k}
        for name, completer in chosen.items():
            results = [run(completer, data, seed) for seed in range(arguments.splits)]
            error, seconds, alpha, rank = np.median(results, axis=0)
            each = " ".join(f"{result[0]:.4f}" for result in results)
            print(
                f"{name:36}{error:7.4f}{seconds:9.2f}{alpha:10.4g}{rank:6.0f}   {each}", flush=True
            )


if __name__ == "__main__":
    main()
