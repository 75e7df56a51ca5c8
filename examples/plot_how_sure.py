"""
How sure is this cell?
======================

Part of a table is hidden, and the completed table says of each cell how far to trust it: cells that
the rest of their row determines get narrow intervals, others wide ones. The intervals of 90 % hold
what was hidden nine times in ten.
"""

# %%
# The table
# ---------
#
# Measurements of 569 tumours that scikit-learn ships. Radius, perimeter and area are nearly one
# number; texture stands alone. 30 % of all cells are hidden.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

from skmc import BayesianCompleter, ConformalCompleter
from skmc.datasets import hide_entries

data = load_breast_cancer()
names = [name.removeprefix("mean ") for name in data.feature_names[:10]]
X, hidden = hide_entries(data.data, 0.3, random_state=0)

# %%
# Two kinds of intervals
# ----------------------
#
# `BayesianCompleter` samples from the posterior; with ``return_std=True`` it returns the
# standard deviation of a new observation of each cell. 1.645 of them to either side are an interval
# of 90 %, if the noise is what the model takes it for.
#
# `ConformalCompleter` takes nothing for granted but the pattern of holes: it sets a fifth of the
# observed cells aside, looks at how many standard deviations the truth was off there, and
# multiplies by what that takes. All measurements are positive, and so are the predictions and
# intervals of a completer with ``min_value=0``.

completer = BayesianCompleter(rank=12, min_value=0, random_state=0)
mean, std = completer.fit(X).transform(X, return_std=True)
by_model = np.maximum(mean - 1.645 * std, 0), mean + 1.645 * std

conformal = ConformalCompleter(completer, random_state=0).fit(X)
lower, upper = conformal.predict_interval(X)
predicted = conformal.transform(X)

# %%
# How often do they hold the truth? On average over all cells both are near 90 %. The table has
# outliers and skewed columns, for which a Gaussian is no good description.

truth = data.data


def held(interval, column=slice(None)):
    """Part of the hidden cells within their intervals."""
    inside = (interval[0] <= truth) & (truth <= interval[1])
    return inside[:, column][hidden[:, column]].mean()


print("hidden cells within intervals of 90 %")
print(f"  by the model {held(by_model):8.3f}\n  conformal    {held((lower, upper)):8.3f}")

# %%
# How wide are they? The half width as a part of the spread of the column, where 1.645 would be an
# interval about the mean of the column.

spread = truth.std(axis=0)
width = (upper - lower) / 2 / spread
print("\ncolumn                 half width / spread     held")
for j, name in enumerate(names):
    half = np.median(width[hidden[:, j], j])
    print(f"  {name:24}{half:10.2f}{held((lower, upper), j):16.3f}")

# %%
# The picture
# -----------
#
# Left, the first rows: observed cells are grey, hidden ones show prediction and interval, the more
# coloured the less sure. Right, hidden cells of three columns in the order of their predictions,
# with their intervals and, as dots, what was hidden.

shown, digits = [0, 1, 2, 3, 4, 5, 6, 8], (1, 1, 0, 0, 3, 3, 3, 3)
rows = np.argsort(-hidden[:40, shown].sum(axis=1), kind="stable")[:9]
figure, axes = plt.subplot_mosaic(
    [["table", name] for name in ("perimeter", "texture", "symmetry")],
    figsize=(15, 6.2), width_ratios=(2.3, 1), layout="constrained",
)  # fmt: skip
panel = axes["table"]
colours = np.where(hidden, width, np.nan)[np.ix_(rows, shown)]
image = panel.imshow(colours, cmap="YlOrRd", vmin=0, vmax=2, aspect="auto")
figure.colorbar(image, ax=panel, label="half width / spread of the column", shrink=0.6)
for i, row in enumerate(rows):
    for k, (j, n) in enumerate(zip(shown, digits, strict=True)):
        text, colour = f"{truth[row, j]:.{n}f}", "grey"
        if hidden[row, j]:
            ends = f"{lower[row, j]:.{n}f} to {upper[row, j]:.{n}f}"
            text, colour = f"{predicted[row, j]:.{n}f}\n{ends}", "black"
        panel.text(k, i, text, ha="center", va="center", fontsize=8.5, color=colour)
panel.set(xticks=range(8), yticks=range(9), yticklabels=rows, ylabel="tumour")
panel.set_xticklabels([names[j] for j in shown], rotation=35, ha="right")
panel.set_title("the table, with intervals of 90 % for what was hidden")
panel.set_xticks(np.arange(7) + 0.5, minor=True)
panel.set_yticks(np.arange(8) + 0.5, minor=True)
panel.grid(which="minor", color="lightgrey", lw=0.5)
panel.tick_params(which="minor", length=0)
for name in ("perimeter", "texture", "symmetry"):
    j, panel = names.index(name), axes[name]
    cells = np.flatnonzero(hidden[:, j])
    cells = cells[np.argsort(predicted[cells, j])]
    place = np.arange(cells.size)
    panel.fill_between(place, lower[cells, j], upper[cells, j], color="tab:blue", alpha=0.3, lw=0)
    panel.plot(place, predicted[cells, j], color="tab:blue", lw=1)
    inside = (lower[cells, j] <= truth[cells, j]) & (truth[cells, j] <= upper[cells, j])
    colours = np.where(inside, "black", "tab:red")
    panel.scatter(place, truth[cells, j], s=5, c=colours, zorder=3)
    panel.set(xticks=[], ylabel=name, title=f"{inside.mean():.0%} of {cells.size} within")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Intervals for each hidden cell of a table.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "how_sure.png", dpi=120)
    print(f"\nsaved {output / 'how_sure.png'}")
