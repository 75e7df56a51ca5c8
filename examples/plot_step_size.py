"""
Choose the rank and the step size
=================================

Projected gradient descent has a rank and a step size. The rank decides how good the answer is; the
step size, how soon it is there, or whether at all. A grid search tells both apart.
"""

# %%
# A grid, with a step that is too long
# ------------------------------------
#
# The table has rank 4 and some noise. `score` needs nothing but the table: on rows that were left
# out of the fit it predicts each observed entry from the others. A step of 1 always converges; a
# longer one may be faster, and one of 3 is too long here. A fit that diverges is an error, of
# which the search warns and which it ranks last.

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

from skmc import ProjectedGDCompleter
from skmc.datasets import make_low_rank

data = make_low_rank(300, 60, rank=4, observed=0.5, noise=0.3, offsets=1.0, random_state=0)
grid = {"rank": [1, 2, 3, 4, 5, 6], "step_size": [0.25, 1.0, 1.5, 3.0, "auto"]}
folds = KFold(5, shuffle=True, random_state=0)
search = GridSearchCV(ProjectedGDCompleter(max_iter=200), grid, cv=folds)
with warnings.catch_warnings():
    # A rank above 4 fits the noise, which converges slowly. The scores show it.
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", FitFailedWarning)
    warnings.filterwarnings("ignore", message="One or more of the test scores")
    search.fit(data.X)

scores = search.cv_results_["mean_test_score"].reshape(len(grid["rank"]), -1)
print("R2 on held-out rows, nan where the fit diverged\n")
print("rank " + "".join(f"{step_size!s:>8}" for step_size in grid["step_size"]) + "   step size")
for rank, line in zip(grid["rank"], scores, strict=True):
    print(f"{rank:4d} " + "".join(f"{score:8.3f}" for score in line))
print(f"best: {search.best_params_}")

# %%
# What the step size is for
# -------------------------
#
# At the best rank every step that converges leads to the same answer, in more or fewer iterations.
# ``"auto"`` follows the curvature of the problem.

steps = [0.25, 0.5, 1.0, 1.5, "auto"]
rank = search.best_params_["rank"]
fits = [ProjectedGDCompleter(rank=rank, step_size=step).fit(data.X) for step in steps]
print("\nstep size  iterations  R2 on the missing entries")
for step, completer in zip(steps, fits, strict=True):
    print(f"{step!s:>9}  {completer.n_iter_:10d}  {completer.score(data.X, data.truth):25.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for step_size, line in zip(grid["step_size"], scores.T, strict=True):
    if np.isfinite(line).any():
        left.plot(grid["rank"], line, "o-", alpha=0.7, label=f"step_size={step_size!r}")
left.set(xlabel="rank", ylabel="R² on held-out rows", title="the rank decides how good")
left.legend()
left.grid(alpha=0.3)
bars = right.barh([str(step) for step in steps], [completer.n_iter_ for completer in fits])
right.bar_label(bars, padding=3)
right.invert_yaxis()
right.set(xlabel=f"iterations at rank {rank}", ylabel="step size", title="the step size how soon")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Choose rank and step size by grid search.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "step_size.png", dpi=120)
    print(f"\nsaved {output / 'step_size.png'}")
