"""How far the default penalty is from the best one, and whether noise is left alone.

500 x 100, rank 5, noise of a tenth of the signal, half missing. Errors are against the noiseless
truth; the best of a grid of penalties is chosen with the truth at hand, which no user has.
"""

import argparse

import numpy as np
from _common import print_machine, quiet, rmse

from skmc import ALSCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank

COMPLETERS = {"ALSCompleter": ALSCompleter, "SoftImputeCompleter": SoftImputeCompleter}


def errors(completer, data):
    """Root mean square error on the missing entries, and of the model on all entries."""
    fitted = completer.set_params(keep_observed=False).fit_transform(data.X)
    return rmse((fitted - data.truth)[~data.mask]), rmse(fitted - data.truth)


def low_rank(seeds):
    print(f"\nrank 5{'':17}{'missing':>9}{'all':>9}{'alpha':>9}")
    tables = [
        make_low_rank(500, 100, 5, observed=0.5, noise=0.1, random_state=seed)
        for seed in range(seeds)
    ]
    for name, make in COMPLETERS.items():
        default, alphas = [], []
        for data in tables:
            completer = make()
            default.append(errors(completer, data))
            alphas.append(completer.alpha_)
        print_row(f"{name}()", np.median(default, axis=0), np.median(alphas))
        grid = np.median(alphas) * np.geomspace(1 / 16, 2, 16)
        found = [[errors(make(alpha=alpha), data) for data in tables] for alpha in grid]
        found = np.median(found, axis=1)
        for k, kind in enumerate(("missing", "all")):
            best = int(np.argmin(found[:, k]))
            print_row(f"  best for {kind}", found[best], grid[best])


def print_row(name, error, alpha):
    print(f"{name:23}{error[0]:9.4f}{error[1]:9.4f}{alpha:9.3f}", flush=True)


def pure_noise(seeds):
    print(f"\npure noise{'':13}{'against column means':>22}")
    for name, make in COMPLETERS.items():
        ratios = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            X = rng.standard_normal((500, 100))
            holes = rng.random(X.shape) < 0.5
            completed = make().fit_transform(np.where(holes, np.nan, X))
            means = np.broadcast_to(np.nanmean(np.where(holes, np.nan, X), axis=0), X.shape)
            ratios.append(rmse((completed - X)[holes]) / rmse((means - X)[holes]))
        print(f"{name + '()':23}{max(ratios):22.4f}   (largest of {seeds})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    quiet()
    print_machine()
    low_rank(arguments.seeds)
    pure_noise(arguments.seeds)


if __name__ == "__main__":
    main()
