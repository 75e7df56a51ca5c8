"""
Which question is your split asking?
====================================

One table and one model, and R² from 0 to 0.9: it depends on what the split leaves for training. And
five ways of scoring that find structure where there is none.
"""

# %%
# One table, eight questions
# --------------------------
#
# A table of 150 series by 40 weeks, of rank 3 with some noise, half of it observed. Its columns
# have no offsets, so that the R² of scikit-learn, which compares with the mean of all, compares
# with the column means as well.

import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, EntryRegressor
from skmc.datasets import hide_entries, make_low_rank
from skmc.model_selection import EntryKFold, LeaveLastPerRow, to_entries

X = make_low_rank(150, 40, 3, observed=0.5, noise=0.3, random_state=0).X
entries, values = to_entries(X)  # in random order
rows, weeks = entries.T
by_row, by_week = np.lexsort((weeks, rows)), np.argsort(weeks, kind="stable")
completer = ALSCompleter(rank=3)
regressor = EntryRegressor(completer)
shuffled = KFold(5, shuffle=True, random_state=0)


def of_entries(cv, order=slice(None), groups=None):
    """Mean R² of the regressor over folds of entries in this order."""
    with warnings.catch_warnings():
        # If most test entries lie in unknown rows or columns the regressor says so.
        warnings.filterwarnings("ignore", message=".*not in the fit")
        X, y = entries[order], values[order]
        return cross_val_score(regressor, X, y, cv=cv, groups=groups).mean()


# %%
# A cell of a known row and a known column: `KFold` over shuffled entries, or `EntryKFold`, which
# makes sure that every row and column keeps an entry. A new row with some entries: folds of rows
# and the score of the completer. A new column: the same on the transpose.

questions = {
    "a cell, KFold(shuffle=True)": of_entries(shuffled),
    "a cell, EntryKFold": of_entries(EntryKFold(5, random_state=0)),
    "a new row with some entries": cross_val_score(completer, X, cv=shuffled).mean(),
    "a new column with some entries": cross_val_score(completer, X.T, cv=shuffled).mean(),
}

# %%
# The future has two meanings. The last entries of each row, when other rows are known for the
# same weeks, is a question for a low-rank model. A week of which nobody has an entry yet is not: a
# completer knows nothing of time, and has only the mean. The same goes for a row without
# any entry. Neither R² of 0 is a defect.

questions |= {
    "each row's last entries": of_entries(LeaveLastPerRow(2, n_splits=3, time=1)),
    "weeks to come, TimeSeriesSplit": of_entries(TimeSeriesSplit(5), by_week),
    "an entirely new row, GroupKFold": of_entries(GroupKFold(5), groups=rows),
}

# %%
# The accident: ``cv=5`` does not shuffle. In a list that is sorted by row, as `np.nonzero` and most
# files of ratings are, its folds hold whole rows, so it asks the question before, unasked.
# `to_entries` shuffles, and `EntryRegressor` warns if most of the entries to predict are in
# rows or columns that it does not know.

questions["a list sorted by row, cv=5"] = of_entries(5, by_row)

print("which question                      R2")
for name, score in questions.items():
    print(f"  {name:32}{score:6.2f}")

# %%
# Leaks
# -----
#
# Now the table is noise: nothing can be predicted, so an honest R² is 0 or less. Less, as the model
# has components and a small penalty forced on it and fits the noise. Each leak stands beside
# the way that differs in the leak alone; means of ten tables of 60 x 30, 40 % observed.

model = ALSCompleter(rank=3, alpha=1.0)


def r2(truth, predicted, means):
    """R² against the column means of the training part."""
    return 1 - np.nansum((truth - predicted) ** 2) / np.nansum((truth - means) ** 2)


def same_entries(N, entries, values):
    """Score the entries that were fitted; and entries that were held out."""
    fitted = ALSCompleter(rank=3, alpha=1.0, keep_observed=False).fit_transform(N)
    held_out = cross_val_predict(EntryRegressor(model), entries, values, cv=shuffled)
    return r2(N, fitted, np.nanmean(N, axis=0)), r2(values, held_out, values.mean())


def training_rows(N, entries, values):
    """Leave out one entry after the other, of rows that the components have seen; and have not."""
    return model.fit(N).score(N), cross_val_score(model, N, cv=shuffled).mean()


def duplicates(N, entries, values):
    """Every entry stands twice in the list, and in two folds; and in one."""
    entries, values = np.vstack([entries, entries]), np.tile(values, 2)
    cells = np.ravel_multi_index(entries.T, N.shape)
    regressor = EntryRegressor(model)
    apart = cross_val_score(regressor, entries, values, cv=shuffled)
    together = cross_val_score(regressor, entries, values, cv=GroupKFold(5), groups=cells)
    return apart.mean(), together.mean()


def after_the_search(N, entries, values):
    """Score of the refitted best candidate on the X of the search; and its score in the search."""
    grid = {"rank": [1, 2, 3], "alpha": [1.0, 2.0]}
    search = GridSearchCV(ALSCompleter(), grid, cv=shuffled).fit(N)
    return search.score(N), search.best_score_


def scaling_first(N, entries, values):
    """Centre and scale, then hide; and hide, then centre and scale what is left."""
    fewer, hidden = hide_entries(N, 0.2, random_state=0)
    found = []
    for seen in (N, fewer):
        scaler = StandardScaler().fit(seen)
        # Without offsets of its own the model relies on those of the scaler.
        textbook = ALSCompleter(rank=3, center=False, scale=False)
        completed = textbook.fit_transform(scaler.transform(fewer))
        predicted = scaler.inverse_transform(completed)
        means = np.broadcast_to(np.nanmean(fewer, axis=0), N.shape)
        found.append(r2(N[hidden], predicted[hidden], means[hidden]))
    return found


LEAKS = {
    "fit and score the same entries": same_entries,
    "score(X) on the X of the fit": training_rows,
    "a cell in two folds": duplicates,
    "search.score(X), not best_score_": after_the_search,
    "scale before hiding": scaling_first,
}


def noise(seed):
    """A table of noise with holes, and its entries."""
    rng = np.random.default_rng(seed)
    N = np.where(rng.random((60, 30)) < 0.4, rng.standard_normal((60, 30)), np.nan)
    return N, *to_entries(N)


tables = [noise(seed) for seed in range(10)]
leaks = {
    # Adding 0 takes the sign from a zero.
    name: np.mean([scores(*table) for table in tables], axis=0).round(2) + 0.0
    for name, scores in LEAKS.items()
}
print("\nR2 on pure noise                    leak   honest")
for name, (leaky, honest) in leaks.items():
    print(f"  {name:32}{leaky:6.2f}{honest:9.2f}")

# %%
# The picture
# -----------

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
position = np.arange(len(questions))
bars = [left.barh(position, list(questions.values()), color="tab:blue")]
left.set(yticks=position, yticklabels=list(questions), title="one table: which question?")
position = np.arange(len(leaks))
leaky, honest = np.transpose(list(leaks.values()))
bars += [
    right.barh(position - 0.2, leaky, 0.38, color="tab:red", label="with the leak"),
    right.barh(position + 0.2, honest, 0.38, color="tab:grey", label="without"),
]
right.set(yticks=position, yticklabels=list(leaks), title="pure noise: what a leak makes of it")
right.legend()
for group, panel in zip(bars, (left, right, right), strict=True):
    panel.bar_label(group, fmt="%.2f", padding=3)
for panel in (left, right):
    panel.invert_yaxis()
    panel.axvline(0, color="black", lw=0.8)
    panel.set_xlabel("R²")
    panel.grid(axis="x", alpha=0.3)
    panel.set_axisbelow(True)
left.set_xlim(0, 1)
right.set_xlim(-1.4, 0.8)

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="What splits of a table ask, and what leaks.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "which_question.png", dpi=120)
    print(f"\nsaved {output / 'which_question.png'}")
