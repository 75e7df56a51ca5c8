"""
Tune it on a table
==================

Six ways to choose rank and penalty for a table with holes, from a default that needs no search to a
grid of imputers, and what their choices are worth on entries that none of them has seen.
"""

# %%
# A table with holes
# ------------------
#
# The breast cancer table, 569 x 30, of which 30 % is hidden. What is hidden serves for the final
# judgement alone: all that follows chooses by what is left in ``X``.

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, ALSCompleterCV, SoftImputeCompleter, SoftImputeCompleterCV
from skmc.datasets import hide_entries
from skmc.metrics import make_held_out_scorer

truth, labels = load_breast_cancer(return_X_y=True)
X, hidden = hide_entries(truth, 0.3, random_state=0)


def true_score(completed):
    """R² on the hidden entries, in standard deviations of the columns, against their means."""
    mean, deviation = np.nanmean(X, axis=0), truth.std(axis=0)
    error = ((completed - truth) / deviation)[hidden]
    return 1 - np.sum(error**2) / np.sum(((mean - truth) / deviation)[hidden] ** 2)


def timed(estimator):
    """Fit to the table with holes; return CPU seconds too."""
    start = time.process_time()
    with warnings.catch_warnings():
        # IterativeImputer stops after ten rounds, as it does by default.
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X)
    return estimator, time.process_time() - start


# %%
# A grid, by the score of the completer
# -------------------------------------
#
# `score` needs no ``y``: on rows that were left out of the fit it predicts each observed entry from
# the others of its row. Shuffle the rows, in case their order means something.

folds = KFold(5, shuffle=True, random_state=0)
grid = {"rank": [2, 5, 10, 15, 20], "alpha": [0.5, 1.0, 2.0, 4.0, 8.0]}
search, search_seconds = timed(GridSearchCV(ALSCompleter(), grid, cv=folds))

# %%
# A grid of imputers
# ------------------
#
# A scorer made by `make_held_out_scorer` hides a part of the held-out rows from whatever fills in
# NaN, so that imputers of scikit-learn and completers compete in one grid. The scaler in front
# gives all columns the same say.

pipeline = Pipeline([("scale", StandardScaler()), ("impute", None)])
candidates = [
    SimpleImputer(),
    KNNImputer(),
    KNNImputer(n_neighbors=15),
    IterativeImputer(random_state=0),
    SoftImputeCompleter(),
    ALSCompleter(),
    ALSCompleter(**search.best_params_),
]
scorer = make_held_out_scorer(random_state=0)
imputers, imputers_seconds = timed(
    GridSearchCV(pipeline, {"impute": candidates}, scoring=scorer, cv=folds)
)

print("in one grid         R2 on entries hidden from held-out rows")
results = imputers.cv_results_
for candidate, score in zip(candidates, results["mean_test_score"], strict=True):
    print(f"  {candidate!s:40}{score:6.3f}")

# %%
# Completers that search by themselves
# ------------------------------------
#
# `ALSCompleterCV` and `SoftImputeCompleterCV` hold out *entries*, in five folds, and follow a path
# of penalties in which each solution is the start of the next. ``rank="auto"`` is a quicker search:
# the rank, with a penalty that the level of the noise suggests.

automatic, automatic_seconds = timed(ALSCompleter(rank="auto"))
als, als_seconds = timed(ALSCompleterCV())
soft, soft_seconds = timed(SoftImputeCompleterCV())
default, default_seconds = timed(SoftImputeCompleter())

# %%
# What they chose, and what it was worth
# --------------------------------------
#
# Each search expects an R² of its own. `score` leaves out one entry of a new row at a time; the
# scorer hides a fifth of each new row, the paths hide a fifth of all entries, so there is less to
# go by than in the end. What the choices are worth hardly differs.


def best_of(path):
    """Mean held-out score of what a path has chosen."""
    return float(np.nanmax(path.score_path_.mean(axis=2)))


best_imputer = imputers.best_estimator_
completed = best_imputer[0].inverse_transform(best_imputer.transform(X))
rows = [
    ("SoftImputeCompleter()", f"alpha {default.alpha_:.2f}, rank {default.rank_}",
     np.nan, default.transform(X), default_seconds),
    ("GridSearchCV by score", "alpha {alpha}, rank {rank}".format(**search.best_params_),
     search.best_score_, search.best_estimator_.transform(X), search_seconds),
    ("GridSearchCV of imputers", str(best_imputer[1]),
     imputers.best_score_, completed, imputers_seconds),
    ('ALSCompleter(rank="auto")', f"alpha {automatic.alpha_:.2f}, rank {automatic.rank_}",
     automatic.search_["score"].max(), automatic.transform(X), automatic_seconds),
    ("ALSCompleterCV()", f"alpha {als.alpha_:.2f}, rank {als.rank_}",
     best_of(als), als.transform(X), als_seconds),
    ("SoftImputeCompleterCV()",
     f"alpha {soft.alpha_:.2f}, rank {soft.rank_}, relaxation {soft.relaxation_}",
     best_of(soft), soft.transform(X), soft_seconds),
]  # fmt: skip

print(f"\n{'':27}{'expected':>8}{'true R2':>9}{'CPU s':>7}  choice")
for name, choice, expected, answer, seconds in rows:
    expected = f"{expected:8.3f}" if np.isfinite(expected) else f"{'-':>8}"
    print(f"{name:27}{expected}{true_score(answer):9.3f}{seconds:7.2f}  {choice}")

# %%
# The path, and the truth beside it
# ---------------------------------
#
# ``score_path_`` holds the scores of `ALSCompleterCV`, (ranks, penalties, folds), NaN where the
# path did not go. On the right the same candidates, fitted to all of ``X``, on the hidden entries.
# The curves have the same shape, so what is best on the left is good on the right; their level
# differs, as the folds leave less to learn from than the fit has.

held_out = als.score_path_.mean(axis=2)
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), sharex=True, sharey=True, layout="constrained")
shown = [1, 2, 3, 5, 8, 12, 15, 22]
colours = dict(zip(shown, plt.cm.viridis_r(np.linspace(0.05, 1.0, len(shown))), strict=True))
for rank, line in zip(als.ranks_, held_out, strict=True):
    tried = np.isfinite(line)
    if rank in shown and tried.any():
        alphas = als.alphas_[tried]
        true = [ALSCompleter(rank=rank, alpha=alpha).fit(X).score(X, truth) for alpha in alphas]
        for panel, values in zip(axes, (line[tried], true), strict=True):
            panel.semilogx(alphas, values, "o-", ms=4, color=colours[rank], label=f"rank {rank}")
chosen = ALSCompleter(rank=als.rank_, alpha=als.alpha_).fit(X).score(X, truth)
for panel, value in zip(axes, (best_of(als), chosen), strict=True):
    panel.plot(als.alpha_, value, "*", ms=18, mfc="none", mec="tab:red", mew=1.8, label="chosen")
    panel.set_xlabel("alpha")
    panel.grid(alpha=0.3)
axes[0].set(
    title="score_path_: R² on held-out entries", ylabel="R²", ylim=(0.3, 0.9), xlim=(0.2, 40)
)
axes[1].set(title="R² on the hidden entries")
axes[0].legend(fontsize=9)

# %%
# Tuned for what comes after
# --------------------------
#
# If the table is completed for the sake of a classifier, its accuracy may choose. A completer has
# no use for the labels; rows of the test folds are completed from their own entries.

pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("complete", ALSCompleter(alpha=1.0)),
        ("classify", LogisticRegression()),
    ]
)
accuracy = GridSearchCV(pipeline, {"complete__rank": [1, 2, 5, 10, 15]}, cv=5).fit(X, labels)
print("\naccuracy of a classifier of the completed rows")
for params, score in zip(
    accuracy.cv_results_["params"], accuracy.cv_results_["mean_test_score"], strict=True
):
    print(f"  rank {params['complete__rank']:2d}  {score:.3f}")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Six ways to tune the completion of a table.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "tune_table.png", dpi=120)
    print(f"\nsaved {output / 'tune_table.png'}")
