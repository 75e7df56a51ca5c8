"""
Choose rank and step size
=========================

`GridSearchCV` needs nothing but a completer: its `score` predicts each observed entry from the
others of its row. On rows that were left out of the fit that is a held-out score.
"""

# %%
# Rank and step size of projected gradient descent
# ------------------------------------------------
#
# The table has rank 4 and some noise. A step of 1 always converges; a longer one may be faster, and
# one that makes the fit diverge is an error, so that a search ranks it last. Where the fit has
# converged the step makes no difference to the answer.

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import hide_entries, make_low_rank, make_ratings

data = make_low_rank(300, 60, rank=4, observed=0.5, noise=0.3, offsets=1.0, random_state=0)
grid = {"rank": [1, 2, 3, 4, 5, 6], "step_size": [0.5, 1.0, 1.9, "auto"]}
folds = KFold(5, shuffle=True, random_state=0)
search = GridSearchCV(ProjectedGDCompleter(max_iter=200), grid, cv=folds)
with warnings.catch_warnings():
    # A rank above 4 fits the noise, which converges slowly. The scores show it.
    warnings.simplefilter("ignore", ConvergenceWarning)
    search.fit(data.X)

print("rank  step_size  mean R2  seconds to fit")
columns = ("params", "mean_test_score", "mean_fit_time")
for params, score, seconds in zip(*(search.cv_results_[c] for c in columns), strict=True):
    print(f"{params['rank']:4d}  {params['step_size']!s:>9}  {score:7.3f}  {seconds:14.3f}")
print(f"best: {search.best_params_}")

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
scores = search.cv_results_["mean_test_score"].reshape(len(grid["rank"]), -1)
for step_size, line in zip(grid["step_size"], scores.T, strict=True):
    axes.plot(grid["rank"], line, "o-", alpha=0.7, label=f"step_size={step_size!r}")
axes.set(xlabel="rank", ylabel="R² on held-out rows", title="Cross-validated score")
axes.legend()

# %%
# Inside a pipeline
# -----------------
#
# A completer between a scaler and a classifier, tuned for the accuracy of the classifier. The
# scaler ignores NaN. Rows of the test folds are completed by fold-in, without their labels.

X, y = load_breast_cancer(return_X_y=True)
X_holes, _ = hide_entries(X, 0.4, random_state=0)
pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("complete", ProjectedGDCompleter()),
        ("classify", LogisticRegression()),
    ]
)
grid = {"complete__rank": [1, 2, 3], "complete__step_size": [1.0, "auto"]}
accuracy = GridSearchCV(pipeline, grid, cv=5).fit(X_holes, y)
print(f"\nbreast cancer, 40 % hidden: accuracy {accuracy.best_score_:.3f} {accuracy.best_params_}")

# %%
# Ratings
# -------
#
# A sparse matrix of stars: what is stored is observed, what is absent is missing. Users differ in
# how many stars they give on the whole: ``center="both"`` adds an offset of each row.
# With a matrix of the same shape as its second argument, `score` is R² on the entries that are
# missing in the first and present in the second.

ratings = make_ratings(1000, 600, 60_000, random_state=0).X
test = np.random.default_rng(0).random(ratings.nnz) < 0.2
coordinates = ratings.tocoo()


def part(selected):
    """Return the sparse matrix of the selected ratings."""
    values = coordinates.data[selected], (coordinates.row[selected], coordinates.col[selected])
    return type(coordinates)(values, shape=ratings.shape).tocsr()


train, held_out = part(~test), part(test)
print("\nratings: R2 on held-out entries")
for center in (True, "both"):
    completer = SoftImputeCompleter(center=center).fit(train)
    print(f"  center={center!r:6}  {completer.score(train, held_out):.3f}  rank {completer.rank_}")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Choose rank and step size by grid search.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "model_selection.png", dpi=120)
    print(f"\nsaved {output / 'model_selection.png'}")
