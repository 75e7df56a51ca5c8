"""
Tune it on ratings
==================

Ratings in long form, a user, an item and a day in each line, are entries for `EntryRegressor`, a
regressor that every search of scikit-learn can tune. What it finds is compared with a path that
searches by itself.
"""

# %%
# Ratings with a date
# -------------------
#
# 30,000 ratings of 300 items by 600 users, a sixth of all pairs. Users differ in how many stars
# they give on the whole, items in how many they get, and four hidden tastes do the rest. Items come
# out over a year and are rated from then on. Each user's last five ratings are kept for the final
# judgement.

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from skmc import ALSCompleter, ALSCompleterCV, EntryRegressor
from skmc.datasets import make_ratings
from skmc.model_selection import EntryKFold, LeaveLastPerRow

data = make_ratings(600, 300, 30_000, rank=4, random_state=0)
rng = np.random.default_rng(0)
users, items = data.X.nonzero()
days = 365 * (rng.random(300)[items] + rng.exponential(size=items.size))
entries, ratings = np.column_stack([users, items, days.astype(int)]), data.X.data
train, test = next(LeaveLastPerRow(5, time=2).split(entries))
X, y = entries[train], ratings[train]


def error(predicted):
    """Root mean square error on the last ratings of each user, in stars."""
    return np.sqrt(np.mean((predicted - ratings[test]) ** 2))


def timed(model):
    """Fit to the earlier ratings; return CPU seconds too."""
    start = time.process_time()
    return model.fit(X, y), time.process_time() - start


# %%
# A grid over folds of entries
# ----------------------------
#
# `EntryKFold` shuffles, and leaves no user or item without a rating to learn from.
# ``center="both"`` gives users an offset; whether that helps is one more thing to try.

grid = {
    "completer__center": [True, "both"],
    "completer__rank": [1, 2, 4, 8],
    "completer__alpha": [2.0, 4.0, 8.0, 16.0, 32.0],
}
scoring = "neg_root_mean_squared_error"
folds = EntryKFold(5, random_state=0)
search, search_seconds = timed(
    GridSearchCV(EntryRegressor(ALSCompleter()), grid, scoring=scoring, cv=folds)
)

# %%
# The same by the last ratings before the last
# --------------------------------------------
#
# `LeaveLastPerRow` asks for what comes next, as the final judgement does: three times it goes back
# by five ratings of each user.

later = LeaveLastPerRow(5, n_splits=3, time=2)
grid["completer__center"] = ["both"]
by_time, by_time_seconds = timed(
    GridSearchCV(EntryRegressor(ALSCompleter()), grid, scoring=scoring, cv=later)
)

# %%
# Completers that search by themselves
# ------------------------------------
#
# `ALSCompleterCV` follows a path over ranks and penalties on folds of entries of its own;
# ``rank="auto"`` looks for the rank alone.

path, path_seconds = timed(EntryRegressor(ALSCompleterCV(center="both")))
automatic, automatic_seconds = timed(EntryRegressor(ALSCompleter(rank="auto", center="both")))
default, default_seconds = timed(EntryRegressor())
# A penalty beyond the largest singular value leaves no components.
offsets, offsets_seconds = timed(EntryRegressor(ALSCompleter(1, alpha=1e6, center="both")))

rows = [
    ("offsets of users and items", offsets, offsets_seconds),
    ("EntryRegressor()", default, default_seconds),
    ('ALSCompleter(rank="auto")', automatic, automatic_seconds),
    ("GridSearchCV, EntryKFold", search, search_seconds),
    ("GridSearchCV, LeaveLastPerRow", by_time, by_time_seconds),
    ("ALSCompleterCV", path, path_seconds),
]
print(f"{'':32}{'center':>8}{'rank':>6}{'alpha':>8}{'expected':>10}{'true':>7}{'CPU s':>7}")
for name, model, seconds in rows:
    expected = f"{-model.best_score_:10.3f}" if hasattr(model, "best_score_") else f"{'-':>10}"
    fitted = getattr(model, "best_estimator_", model).completer_
    alpha = "" if model is offsets else f"{fitted.alpha_:.1f}"
    rank = "" if model is offsets else fitted.rank_
    print(
        f"{name:32}{fitted.center!r:>8}{rank:>6}{alpha:>8}{expected}"
        f"{error(model.predict(entries[test])):7.3f}{seconds:7.2f}"
    )
floor = error(data.truth[test])
print(f"{'the ratings before the noise':62}{floor:9.3f}")

# %%
# What the grid saw
# -----------------
#
# With offsets of users every rank does better at its best penalty. Four components are best, the
# number that the ratings were made with, and a penalty that is neither so small that the fit
# follows the noise, nor so large that it leaves little but the offsets.

figure, panels = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
results = search.cv_results_
found = -np.array(results["mean_test_score"])
chosen = search.best_params_
for panel, center in zip(panels, (True, "both"), strict=True):
    for rank, colour in zip((1, 2, 4, 8), plt.cm.viridis_r(np.linspace(0.1, 0.95, 4)), strict=True):
        at = [
            p["completer__center"] == center and p["completer__rank"] == rank
            for p in results["params"]
        ]
        alphas = grid["completer__alpha"]
        panel.semilogx(alphas, found[at], "o-", base=2, color=colour, label=f"rank {rank}")
    panel.set(title=f"center={center!r}", xlabel="alpha", xticks=alphas, ylim=(0.86, 1.0))
    panel.set_xticklabels([f"{alpha:g}" for alpha in alphas])
    panel.grid(alpha=0.3)
    if center == chosen["completer__center"]:
        panel.plot(
            chosen["completer__alpha"], -search.best_score_,
            "*", ms=18, mfc="none", mec="tab:red", mew=1.8, label="chosen",
        )  # fmt: skip
panels[0].set_ylabel("RMSE on held-out ratings, in stars")
panels[1].legend(fontsize=9)

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Tune the completion of ratings.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "tune_ratings.png", dpi=120)
    print(f"\nsaved {output / 'tune_ratings.png'}")
