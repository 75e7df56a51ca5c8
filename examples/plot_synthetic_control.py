"""
What a policy has changed: synthetic control by completion
==========================================================

Sixty regions over forty years; twenty-five of them adopt a policy, in different years. What would
have happened there without it is missing: entries after adoption are holes in the table of
untreated outcomes. Completing it by the years before and by the other regions gives the
counterfactual, and the difference is the effect.
"""

# %%
# Regions and years
# -----------------
#
# Regions respond in their own way to a few common trends, and regions that do well adopt sooner: a
# comparison of means would be wrong. The effect grows from 0 to 3 over six years.

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skmc import BayesianCompleter

rng = np.random.default_rng(3)
n_regions, n_years, n_adopters = 60, 40, 25
years = np.arange(1985, 1985 + n_years)
trends = np.cumsum(rng.normal(size=(3, n_years)), axis=1) / 2
trends[0] += np.linspace(0, 6, n_years)
response = rng.normal(size=(n_regions, 3)) * [0.6, 1.0, 0.7] + [1.0, 0.0, 0.0]
level = 10 + 2 * rng.normal(size=(n_regions, 1))
untreated = level + response @ trends + 0.4 * rng.normal(size=(n_regions, n_years))

adopters = np.argsort(-response[:, 0] - 0.8 * rng.normal(size=n_regions))[:n_adopters]
adoption = np.full(n_regions, n_years)
adoption[adopters] = rng.integers(14, 34, n_adopters)
since = np.arange(n_years) - adoption[:, None]
treated = since >= 0
effect = np.where(treated, 3 * np.clip((since + 1) / 6, 0, 1), 0)
outcome = untreated + effect

# %%
# The counterfactual
# ------------------
#
# Outcomes after adoption are hidden. Draws from the posterior complete them again and again, noise
# included, and give the effect an interval.

X = np.where(treated, np.nan, outcome)
completer = BayesianCompleter(6, random_state=0).fit(X)
counterfactual, std = completer.transform(X, return_std=True)
draws = completer.sample(X, 200, random_state=0)
estimate = outcome - draws

n_after = 10
truth, mean, low, high, naive = np.empty((5, n_after))
controls = np.setdiff1d(np.arange(n_regions), adopters)
trend = outcome[controls].mean(axis=0)
gap = outcome - trend
before = np.array([gap[i, : adoption[i]].mean() for i in range(n_regions)])
for k in range(n_after):
    at = since == k
    truth[k] = effect[at].mean()
    average = estimate[:, at].mean(axis=1)
    mean[k], (low[k], high[k]) = average.mean(), np.quantile(average, [0.05, 0.95])
    # Difference in differences: as if all regions followed the same trend.
    naive[k] = (gap - before[:, None])[at].mean()

print("years since adoption   truth  completion  90 % interval   difference in differences")
for k in range(0, n_after, 3):
    print(
        f"{k:20d} {truth[k]:7.2f} {mean[k]:11.2f}   {low[k]:5.2f} to {high[k]:.2f} {naive[k]:14.2f}"
    )

# %%
# Look at it
# ----------

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
order = np.argsort(adoption, kind="stable")
left.imshow(np.where(treated[order], np.nan, 1.0), aspect="auto", cmap="Blues", vmin=0, vmax=1.6,
            extent=(years[0], years[-1] + 1, n_regions, 0), interpolation="nearest")  # fmt: skip
left.set(title="untreated outcomes that were seen", xlabel="year", ylabel="region, by adoption")
left.set_facecolor("0.85")
region = order[4]
start = adoption[region]
middle.plot(years, outcome[region], color="C1", label="outcome")
after = slice(start - 1, None)
middle.plot(years[after], counterfactual[region][after], color="C0", label="without the policy")
low_region, high_region = ((counterfactual + k * std)[region][start:] for k in (-1.645, 1.645))
middle.fill_between(years[start:], low_region, high_region, alpha=0.25, color="C0")
middle.plot(years[start:], untreated[region][start:], ":", color="0.4", label="truth")
middle.axvline(years[start], color="0.3", linestyle="--", linewidth=1)
middle.set(title=f"region {region}", xlabel="year", ylabel="outcome")
middle.legend()
k = np.arange(n_after)
right.fill_between(k, low, high, color="C0", alpha=0.25, label="90 % interval")
right.plot(k, mean, "o-", color="C0", label="completion")
right.plot(k, naive, "s--", color="C3", label="difference in differences")
right.plot(k, truth, color="0.2", linewidth=1, label="truth")
right.set(title="average effect", xlabel="years since adoption", ylabel="effect")
right.set_ylim(bottom=0)
right.legend()
for ax in (middle, right):
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Estimate the effect of a policy.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "synthetic_control.png", dpi=120)
    print(f"\nsaved {output / 'synthetic_control.png'}")
