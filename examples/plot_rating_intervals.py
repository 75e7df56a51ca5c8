"""
Ratings with intervals
======================

A predicted rating of 4.1 stars is a guess. How good a guess it is depends on how much is known
about the user and the item: intervals tell. Popular items are rated often, and most ratings that
are missing are of the others, so the errors on known ratings say too little of them, unless what is
rarely rated counts for more.
"""

# %%
# The ratings
# -----------
#
# Generated, so that we can look up what nobody has rated: 1500 users and 800 items, 60,000 ratings
# from 1 to 5 stars, most of them of popular items.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skmc import ALSCompleter, ConformalCompleter
from skmc.datasets import make_ratings

NOISE = 0.8
data = make_ratings(1500, 800, 60_000, noise=NOISE, dtype=np.float64, random_state=0)
ratings, rng = data.X, np.random.default_rng(0)

# What users would give, if they rated all items.
liked = data.U @ data.V.T + data.user_biases[:, None] + data.item_biases
all_ratings = np.clip(np.rint(liked + NOISE * rng.standard_normal(liked.shape)), 1, 5)
missing = np.ones(liked.shape, dtype=bool)
missing[np.repeat(np.arange(1500), np.diff(ratings.indptr)), ratings.indices] = False
users, items = (index[::20] for index in np.nonzero(missing))
truth = all_ratings[users, items]

# %%
# Intervals
# ---------
#
# The completer knows that there are one to five stars. A fifth of the ratings is set aside; how far
# off the predictions are there gives the width. With ``propensity="row_column"``, the default, each
# of these counts by the odds that a rating of such a user and such an item is missing;
# with ``"uniform"`` all count the same, as if ratings were missing at random.

completer = ALSCompleter(rank=10, center="both", min_value=1, max_value=5)
held, widths = {}, {}
for propensity in ("row_column", "uniform"):
    conformal = ConformalCompleter(completer, propensity=propensity, random_state=0).fit(ratings)
    lower, upper = conformal.predict_entries_interval(users, items)
    held[propensity] = (lower <= truth) & (truth <= upper)
    widths[propensity] = upper - lower
    print(
        f"{propensity:12}{held[propensity].mean():7.3f} of the missing ratings are within their "
        f"intervals, median width {np.median(widths[propensity]):.2f} stars"
    )

# %%
# On average over all missing ratings the first hold what they promise, the others do not quite. In
# groups of items nothing is promised by either; those that are hardly ever rated are where most
# ratings are missed.

counts = np.bincount(ratings.indices, minlength=800)
edges = np.quantile(counts[items], np.linspace(0, 1, 8))
group = np.clip(np.searchsorted(edges, counts[items], side="right") - 1, 0, 6)
centres = [np.median(counts[items][group == k]) for k in range(7)]

# %%
# A list of recommendations with intervals: for this user the best items by the prediction. Those
# that it could go wrong with are seen at a glance.

conformal = ConformalCompleter(completer, random_state=0).fit(ratings)
user = int(np.argsort(np.diff(ratings.indptr))[1200])
best, predicted = conformal.completer_.recommend(ratings[[user]], n=15)
lower, upper = conformal.predict_interval(ratings[[user]])
best, predicted = best[0], predicted[0]
lower, upper = lower[0, best], upper[0, best]

# %%
# The picture
# -----------

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for propensity, colour in (("row_column", "tab:blue"), ("uniform", "tab:red")):
    rate = [held[propensity][group == k].mean() for k in range(7)]
    label = f"{propensity}: {held[propensity].mean():.1%} of all"
    left.plot(centres, rate, "o-", color=colour, label=label)
left.axhline(0.9, color="black", lw=0.8, ls="--")
left.set(
    xscale="log", xlabel="ratings of the item", ylabel="missing ratings within intervals of 90 %",
    title="coverage, by how often the item is rated",
)  # fmt: skip
left.legend()
place = np.arange(best.size)
right.hlines(place, lower, upper, color="tab:blue", alpha=0.4, lw=6)
right.plot(predicted, place, "o", color="tab:blue", label="prediction")
right.plot(all_ratings[user, best], place, "k|", ms=14, mew=2, label="what the user would give")
right.set(yticks=place, yticklabels=[f"item {j}" for j in best], xlabel="stars", xlim=(0.8, 5.2))
right.set_title(f"recommendations for user {user}, with intervals")
right.invert_yaxis()
right.legend(loc="upper left", fontsize=9)

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Intervals of ratings that nobody has given.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "rating_intervals.png", dpi=120)
    print(f"\nsaved {output / 'rating_intervals.png'}")
