"""
Ratings, from labels to recommendations
=======================================

A log of who gave how many stars to what becomes a model, a held-out error, and a list for each
user, one who was not there before included. The ratings are generated; to do the same with
MovieLens, replace them by ``skmc.datasets.fetch_movielens``.
"""

# %%
# A log
# -----
#
# Users and items have names, and each line is one rating.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from skmc import ALSCompleter, ALSCompleterCV, BayesianCompleter, EntryRegressor
from skmc.datasets import make_ratings
from skmc.plotting import CalibrationDisplay, PathDisplay, PatternDisplay

generated = make_ratings(1500, 500, 60_000, rank=4, noise=0.6, random_state=0).X
users, items = generated.nonzero()
log = np.column_stack([np.char.add("user ", users.astype(str)),
                       np.char.add("film ", items.astype(str))])  # fmt: skip
stars = generated.data.astype(np.float64)
for line, given in zip(log[:3], stars[:3], strict=True):
    print(*line, given)
X_train, X_test, y_train, y_test = train_test_split(log, stars, test_size=0.1, random_state=0)

# %%
# Models
# ------
#
# The mean, offsets of users and films alone (rank 1 under a penalty that leaves nothing of it),
# factors under the default penalty, with rank and penalty chosen by cross-validation, and averaged
# over the posterior.

models = {
    "mean": DummyRegressor(),
    "offsets": EntryRegressor(ALSCompleter(1, alpha=1e6, center="both", scale=False)),
    "ALSCompleter()": EntryRegressor(ALSCompleter(center="both", scale=False)),
    "ALSCompleterCV()": EntryRegressor(ALSCompleterCV(center="both", scale=False, n_alphas=12)),
    "BayesianCompleter()": EntryRegressor(BayesianCompleter(10, scale=False, random_state=0)),
}
errors = {}
print("\nheld-out root mean square error, in stars")
for name, model in models.items():
    model.fit(X_train, y_train)
    errors[name] = root_mean_squared_error(y_test, model.predict(X_test))
    print(f"{name:20} {errors[name]:.3f}")

# %%
# Recommendations
# ---------------
#
# For users of the log by name, without the films that they have rated.

films, predicted = models["ALSCompleterCV()"].recommend(["user 7", "user 8"], n=3)
for user, some, values in zip(("user 7", "user 8"), films, predicted, strict=True):
    print(user, [f"{film}: {value:.1f}" for film, value in zip(some, values, strict=True)])

# %%
# A user who comes after the fit has given three ratings; the completer behind the regressor takes
# them as a row.

completer = ALSCompleter(center="both", scale=False).fit(generated)
newcomer = np.full((1, generated.shape[1]), np.nan)
newcomer[0, [3, 14, 15]] = [5.0, 1.0, 5.0]
columns, values = completer.recommend(newcomer, n=3)
print("newcomer", [f"film {c}: {v:.1f}" for c, v in zip(columns[0], values[0], strict=True)])

# %%
# Look at it
# ----------
#
# Most users rate few films, and most films have few ratings. Along the path the error falls until
# the rank is right. Intervals of the posterior hold what they promise.

figure, axes = plt.subplots(2, 2, figsize=(12, 9.5), layout="constrained")
PatternDisplay.from_matrix(generated, sort=True, min_entries=20, ax=axes[0, 0])
axes[0, 0].set_title("who has rated what")
bars = axes[0, 1].barh(list(errors), list(errors.values()), color="C0")
axes[0, 1].bar_label(bars, fmt="%.3f", padding=3)
axes[0, 1].invert_yaxis()
axes[0, 1].margins(x=0.15)
axes[0, 1].set(xlabel="held-out error in stars", title="how good")
axes[0, 1].spines[["top", "right"]].set_visible(False)
PathDisplay.from_estimator(models["ALSCompleterCV()"].completer_, ax=axes[1, 0])
axes[1, 0].set_title("rank and penalty")
sampler = models["BayesianCompleter()"]
codes = (np.searchsorted(labels, X_test[:, k])
         for k, labels in enumerate((sampler.row_labels_, sampler.column_labels_)))  # fmt: skip
mean, std = sampler.completer_.predict_entries(*codes, return_std=True)
CalibrationDisplay.from_predictions(y_test, mean, std, name="BayesianCompleter()", ax=axes[1, 1])
axes[1, 1].set_title("how sure")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Recommend films.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "ratings_to_recommendations.png", dpi=120)
    print(f"\nsaved {output / 'ratings_to_recommendations.png'}")
