"""
A regression on a table with holes
==================================

Fill the holes, fit a regression, report its standard errors: the errors are then too small, as the
filled cells count as if they had been measured, and the coefficients are off, as predictions are
smoother than measurements. Multiple imputation fills the table many times, each time by another
draw, and Rubin's rules combine what the regression makes of each.
"""

# %%
# The question
# ------------
#
# How does the progression of diabetes depend on body mass, blood pressure and two blood values?
# 442 patients; we hide 40 % of all numbers, of the target too.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from skmc import BayesianCompleter, multiple_impute, pool_regression
from skmc.datasets import hide_entries

data = load_diabetes(as_frame=True, scaled=False)
columns = ["bmi", "bp", "s3", "s5", "age", "s1", "s2", "s4", "s6"]
complete = data.data[columns].assign(target=data.target)
complete = (complete - complete.mean()) / complete.std()
table = pd.DataFrame(hide_entries(complete, 0.4, random_state=0)[0], columns=complete.columns)
explaining = ["bmi", "bp", "s3", "s5", "target"]


def regression(tables):
    """Pooled coefficients of the target on the four measurements."""
    chosen = [one[explaining] for one in tables]
    return pool_regression(LinearRegression(), chosen, target="target")


# %%
# Four answers
# ------------
#
# Nobody knows the first: that of the table without holes. Complete cases are the patients of whom
# all five numbers are known. One completed table is taken for data. Twenty draws are made by
# `BayesianCompleter`, from all ten columns; each holds the noise that measurements have.

cases = table[explaining].dropna()
completer = BayesianCompleter(random_state=0)
completed = pd.DataFrame(completer.fit_transform(table), columns=table.columns)
drawn = multiple_impute(completer, table, m=20, random_state=0)
answers = {
    "no holes": regression([complete, complete]),
    f"{len(cases)} complete cases": regression([cases, cases]),
    "one completed table": regression([completed, completed]),
    "20 imputed tables": regression(drawn),
}
for name, pooled in answers.items():
    print(f"\n{name}")
    print(pooled.to_frame().loc["bmi":, ["estimate", "std_error", "df", "missing_information"]])

# %%
# Is that right?
# --------------
#
# A coefficient is in its interval of 95 % or it is not; how often it is takes many tables. So draw
# forty, of six columns that share two factors, hide 30 %, and regress the first column on the
# others. The interval of one completed table is too narrow. That of the imputed ones holds at least
# what it says: rather more, as the completer knows that the table is of low rank and the regression
# does not.

rng = np.random.default_rng(0)
loadings = np.array([[1.0, 0.8, 0.6, -0.5, 0.3, 0.9], [0.0, 0.5, -0.7, 0.4, 0.9, -0.2]])
covariance = loadings.T @ loadings + 0.25 * np.eye(6)
true = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
short = BayesianCompleter(rank=4, n_samples=60, burn_in=40, n_draws=20, random_state=0)
found = {"complete cases": [], "one completed table": [], "20 imputed tables": []}
for seed in range(40):
    X = rng.standard_normal((150, 2)) @ loadings + 0.5 * rng.standard_normal((150, 6))
    X[rng.random(X.shape) < 0.3] = np.nan
    seen = X[~np.isnan(X).any(axis=1)]
    filled = short.fit(X).transform(X)
    ways = {
        "complete cases": [seen, seen],
        "one completed table": [filled, filled],
        "20 imputed tables": multiple_impute(short, X, m=20, random_state=seed),
    }
    for name, tables in ways.items():
        pooled = pool_regression(LinearRegression(), tables, target=0)
        lower, upper = pooled.confidence_interval()
        inside = (lower[1:] <= true) & (true <= upper[1:])
        found[name].append((inside.mean(), np.sqrt(np.mean((pooled.estimate[1:] - true) ** 2))))
print("\n                       intervals of 95 % hold    error of coefficients")
for name, values in found.items():
    inside, error = np.mean(values, axis=0)
    print(f"  {name:24}{inside:18.1%}{error:22.3f}")

# %%
# The picture
# -----------

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
colours = dict(zip(answers, ("black", "tab:grey", "tab:red", "tab:blue"), strict=True))
for k, (name, pooled) in enumerate(answers.items()):
    lower, upper = pooled.confidence_interval()
    place = np.arange(4) + 0.18 * (k - 1.5)
    left.hlines(place, lower[1:], upper[1:], color=colours[name], lw=2)
    left.plot(pooled.estimate[1:], place, "o", color=colours[name], label=name)
left.axvline(0, color="black", lw=0.8)
left.set(yticks=range(4), yticklabels=explaining[:4], xlabel="coefficient, with 95 % interval")
left.set_title("progression of diabetes, 40 % of the table hidden")
left.invert_yaxis()
left.legend(fontsize=9, loc="upper left")
left.set_xlim(-1, None)
for (name, values), colour in zip(found.items(), ("tab:grey", "tab:red", "tab:blue"), strict=True):
    inside, error = np.mean(values, axis=0)
    right.plot(error, inside, "o", ms=12, color=colour)
    right.annotate(name, (error, inside), xytext=(10, -14), textcoords="offset points")
right.axhline(0.95, color="black", lw=0.8, ls="--")
right.set(
    xlabel="error of the coefficients", ylabel="intervals of 95 % that hold the truth",
    ylim=(0.6, 1.02), xlim=(0, 0.35), title="forty tables with known coefficients",
)  # fmt: skip

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Regression on tables with holes.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "multiple_imputation.png", dpi=120)
    print(f"\nsaved {output / 'multiple_imputation.png'}")
