"""
All solvers on one problem
==========================

A matrix of 300 x 200 and rank 5, a quarter of it observed and without noise: all solvers for a
fixed rank minimise the same sum of squares, and end at the same matrix. They differ in how they
get there.
"""

# %%
# Two matrices
# ------------
#
# One has equal singular values, in the other the largest is thirty times the smallest. Alternating
# and reweighted least squares hardly notice; Gauss-Newton takes some more steps before it is close.
# Plain gradient descent on the factors slows down, which scaling mends. Projected gradient is as
# fast as ever once it is close, but has to find the weak components first: a long plateau.

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skmc import (
    ALSCompleter,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    IRLSCompleter,
    ProjectedGDCompleter,
)
from skmc.datasets import make_low_rank
from skmc.plotting import ConvergenceDisplay

rank = 5
shared = {"center": False, "scale": False, "tol": 1e-7, "max_iter": 1000}
solvers = {
    "alternating least squares": ALSCompleter(rank, alpha=0, **shared),
    "projected gradient": ProjectedGDCompleter(rank, **shared),
    "gradient on factors, scaled": FactorizedGDCompleter(rank, alpha=0, **shared),
    "gradient on factors, plain": FactorizedGDCompleter(
        rank, alpha=0, preconditioner=None, **shared
    ),
    "Gauss-Newton": GaussNewtonCompleter(rank, **shared),
    "reweighted least squares": IRLSCompleter(rank, **shared),
}
figure, axes = plt.subplots(2, 2, figsize=(12, 8.5), layout="constrained", sharey=True)
for condition_number, row in zip((1, 30), axes, strict=True):
    data = make_low_rank(
        300, 200, rank, observed=0.25, condition_number=condition_number, random_state=0
    )
    fits = {}
    print(f"\ncondition number {condition_number:2d}       iterations   seconds   relative error")
    for name, solver in solvers.items():
        with warnings.catch_warnings():
            # Some are far from done after all their iterations, which the picture shows.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits[name] = fit = clone(solver).fit(data.X)
        error = fit.predict_entries(*np.indices(data.truth.shape).reshape(2, -1))
        error = np.linalg.norm(error - data.truth.ravel()) / np.linalg.norm(data.truth)
        print(f"{name:29} {fit.n_iter_:10d} {fit.trace_['time'][-1]:9.2f} {error:16.0e}")
    for x, ax in zip(("iteration", "time"), row, strict=True):
        ConvergenceDisplay.from_estimators(fits, quantity="objective", x=x, ax=ax)
        ax.set(xscale="log", yscale="log", title=f"condition number {condition_number}")
        ax.get_legend().remove()
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Compare solvers on one problem.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "solver_zoo.png", dpi=120)
    print(f"\nsaved {output / 'solver_zoo.png'}")
