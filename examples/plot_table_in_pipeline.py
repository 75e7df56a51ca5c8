"""
Impute a table in a pipeline
============================

Breast cancer measurements of which more and more are lost, large values more often than small
ones. A completer stands in a pipeline where an imputer would, and the classifier behind it tells
what a better completion is worth.
"""

# %%
# Lose entries
# ------------
#
# ``mechanism="mnar"`` hides large values more often: the hardest case, as no other entry tells
# why. The true values of the hidden entries are known, so that the completion itself can be looked
# at.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmc import SoftImputeCompleter
from skmc.datasets import hide_entries
from skmc.plotting import CompletionDisplay

X, y = load_breast_cancer(return_X_y=True)
fractions = [0.1, 0.3, 0.5, 0.7]
tables = {f: hide_entries(X, f, mechanism="mnar", random_state=0)[0] for f in fractions}

# %%
# Classify
# --------
#
# All imputers sit in the same pipeline and see the same folds. The rows of a test fold are
# completed by what was learned from the others.

imputers = {
    "column means": SimpleImputer(),
    "5 neighbours": KNNImputer(),
    "SoftImputeCompleter()": SoftImputeCompleter(),
}
folds = StratifiedKFold(10, shuffle=True, random_state=0)
scores, errors = {}, {}
spread = X.std(axis=0)
for name, imputer in imputers.items():
    pipeline = make_pipeline(StandardScaler(), imputer, LogisticRegression())
    found = [cross_val_score(pipeline, X_holes, y, cv=folds) for X_holes in tables.values()]
    scores[name] = [(1 - part.mean(), part.std() / np.sqrt(10)) for part in found]
    errors[name] = []
    for X_holes in tables.values():
        filled = make_pipeline(StandardScaler(), imputer).fit(X_holes)
        completed = filled[0].inverse_transform(filled.transform(X_holes))
        hidden = np.isnan(X_holes)
        errors[name].append(np.sqrt(np.mean(((completed - X) / spread)[hidden] ** 2)))

print("errors of the classifier in percent, and of the hidden entries in standard deviations\n")
print("hidden                " + "".join(f"{f:>15.0%}" for f in fractions))
for name in imputers:
    pairs = zip(scores[name], errors[name], strict=True)
    print(f"{name:22}" + "".join(f"{100 * s:8.1f}{e:7.2f}" for (s, _), e in pairs))

# %%
# Look at it
# ----------
#
# Half of the table is lost. What comes back has the order of the truth, which is what the
# classifier needs, but the errors are nearly all negative: what is missing because it is large is
# underestimated, by every method.

figure = plt.figure(figsize=(13, 7.6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1])
left, right = below.subplots(1, 2)
for name in imputers:
    mean, error = np.transpose(scores[name])
    left.errorbar(fractions, 100 * mean, 100 * error, marker="o", capsize=3, label=name)
    right.plot(fractions, errors[name], "o-", label=name)
left.set(xlabel="fraction hidden", ylabel="classification error in %")
right.set(xlabel="fraction hidden", ylabel="error of hidden entries, in std")
right.set_ylim(bottom=0)
for ax in (left, right):
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
left.legend()
order = np.argsort(y, kind="stable")
X_half = tables[0.5][order]
completer = SoftImputeCompleter().fit(X_half)
panels = above.subplots(1, 3)
CompletionDisplay.from_estimator(completer, X_half, X[order], ax=panels)
panels[0].set_ylabel("malignant above, benign below")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Impute a table in a pipeline.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "table_in_pipeline.png", dpi=120)
    print(f"\nsaved {output / 'table_in_pipeline.png'}")
