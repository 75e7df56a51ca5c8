"""
A grid of sensors, some of them dead
====================================

144 sensors on a square measure every hour for three weeks. Their readings are mixtures of a few
patterns in space: the day, a front that moves through, a source in a corner. Sensors die,
gateways fail for some hours, and single readings are lost.
"""

# %%
# Measure
# -------

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skmc import BayesianCompleter
from skmc.plotting import PatternDisplay

rng = np.random.default_rng(0)
side, n_hours = 12, 504
y, x = np.indices((side, side)) / (side - 1)
hours = np.arange(n_hours)
front = np.cumsum(rng.normal(size=n_hours)) / 8
patterns = [
    (np.ones((side, side)), 15 + 0.6 * front),
    (0.4 + x, 4 * np.sin(2 * np.pi * (hours - 9) / 24)),
    (y - 0.5, 2.5 * np.sin(2 * np.pi * hours / 120) + 0.7 * front),
    (np.exp(-8 * (x**2 + (y - 1) ** 2)), 6 * (np.abs(hours % 168 - 60) < 48)),
]
truth = sum(np.outer(course, pattern) for pattern, course in patterns)
readings = truth + 0.4 * rng.normal(size=truth.shape)

# %%
# Lose readings
# -------------
#
# One row for each hour and one column for each sensor. A tenth of all readings is lost at random,
# some sensors die, and now and then a quarter of the square is silent.

X = np.where(rng.random(truth.shape) < 0.1, np.nan, readings)
dead = rng.choice(side * side, 30, replace=False)
for sensor in dead:
    X[rng.integers(100, 400) :, sensor] = np.nan
corner = ((x < 0.5) & (y < 0.5)).ravel()
for begin in (150, 290, 430):
    X[begin : begin + 18, corner] = np.nan
print(f"{np.isnan(X).mean():.0%} of the readings are missing")

# %%
# Complete
# --------
#
# The posterior mean is the reading to expect, its standard deviation says how much to trust it. It
# is larger where a sensor was alive for a short time only.

completer = BayesianCompleter(12, random_state=0).fit(X)
completed, std = completer.transform(X, return_std=True)
missing = np.isnan(X)
error = completed - readings
rms = np.sqrt(np.mean(error[missing] ** 2))
inside = np.mean(np.abs(error[missing]) < 1.645 * std[missing])
print(f"{completer.effective_rank_} patterns found; noise of the sensors 0.4")
print(f"error on missing readings {rms:.2f}, of which {inside:.0%} lie in intervals of 90%")

# %%
# Look at it
# ----------

figure = plt.figure(figsize=(13, 8), layout="constrained")
above, below = figure.subfigures(2, 1)
left, right = above.subplots(1, 2, width_ratios=[1, 1.7])
PatternDisplay.from_matrix(X, max_cells=600, ax=left)
left.set(xlabel="sensor", ylabel="hour", title="what was received")
sensor = dead[
    np.argmin(np.where(np.isnan(X[-1, dead]), np.isfinite(X[:, dead]).sum(axis=0), n_hours))
]
low, high = (completed[:, sensor] + k * std[:, sensor] for k in (-1.645, 1.645))
gone = missing[:, sensor]
low, high = np.where(gone, low, np.nan), np.where(gone, high, np.nan)
right.fill_between(hours, low, high, color="C0", alpha=0.25, label="90 % interval")
right.plot(hours, np.where(gone, completed[:, sensor], np.nan), color="C0", label="completed")
right.plot(hours, np.where(gone, readings[:, sensor], np.nan), ".", color="0.6", markersize=3,
           label="what it would have read")  # fmt: skip
right.plot(hours, X[:, sensor], ".", color="C1", markersize=4, label="received")
right.set(xlabel="hour", ylabel="reading", title=f"sensor {sensor}")
right.legend(ncols=2, loc="upper left", fontsize="small")
right.set_ylim(top=right.get_ylim()[1] + 6)
hour = 440
limits = {"vmin": truth[hour].min() - 0.5, "vmax": truth[hour].max() + 0.5, "cmap": "viridis"}
grey = plt.get_cmap("viridis").with_extremes(bad="0.85")
maps = {"received": X, "completed": completed, "truth": truth}
panels = below.subplots(1, 4)
for panel, (title, table) in zip(panels, maps.items(), strict=False):
    shown = panel.imshow(table[hour].reshape(side, side), **(limits | {"cmap": grey}))
    panel.set_title(f"{title}, hour {hour}")
below.colorbar(shown, ax=panels[:3], shrink=0.8)
spread = panels[3].imshow(std[hour].reshape(side, side), cmap="magma")
panels[3].set_title("standard deviation")
below.colorbar(spread, ax=panels[3], shrink=0.8)
for panel in panels:
    panel.axis("off")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Complete a grid of sensors.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "sensor_grid.png", dpi=120)
    print(f"\nsaved {output / 'sensor_grid.png'}")
