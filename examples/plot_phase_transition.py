"""
How many entries determine a matrix
===================================

A matrix of rank r with n rows and m columns has ``r (n + m - r)`` degrees of freedom. With fewer
observed entries nothing can complete it. With more, in the absence of noise, it is as a rule
determined, but that does not mean that a method finds it: this is how many entries each method
needs.
"""

# %%
# Matrices without noise
# ----------------------
#
# The *oversampling* is the number of observed entries divided by that of degrees of freedom. Every
# row and column gets one entry more than the rank, the others are placed at random: without that,
# some row would soon have too few to tell its factors. The *condition number* is the ratio of the
# largest to the smallest singular value. A small component is harder to find, as it hides behind
# the error that the holes make in the large ones.

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmc import (
    ALSCompleter,
    ContinuationCompleter,
    GaussNewtonCompleter,
    IRLSCompleter,
    ProjectedGDCompleter,
)
from skmc.diagnostics import completability
from skmc.exceptions import UndeterminedWarning
from skmc.plotting import IdentifiabilityDisplay

SIZE, RANK, TRIALS = 60, 3, 10
OVERSAMPLINGS = [1.25, 1.5, 1.75, 2, 2.5, 3, 4]
CONDITIONS = [1, 10, 100]


def draw_matrix(condition, rng):
    """A matrix with singular values from 1 down to 1 / condition, times its size."""
    U, V = (np.linalg.qr(rng.normal(size=(SIZE, RANK)))[0] for _ in range(2))
    return SIZE * (U * np.linspace(1, 1 / condition, RANK)) @ V.T


def draw_mask(oversampling, rng):
    """Where entries are observed, one more than the rank in each row and column at least."""
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    for _ in range(RANK + 1):
        mask[np.arange(SIZE), rng.permutation(SIZE)] = True
    missing = int(oversampling * RANK * (2 * SIZE - RANK)) - mask.sum()
    free = np.flatnonzero(~mask)
    mask.ravel()[rng.choice(free, max(missing, 0), replace=False)] = True
    return mask


# %%
# Five methods
# ------------
#
# All are told the rank and fit without offsets or scales. A fit succeeds if its relative error on
# the entries that it has not seen is below 1e-3; those that succeed are usually exact to many
# digits. Fits that fail may run away before they are stopped, of which they warn.

TEXTBOOK = {"rank": RANK, "center": False, "scale": False}
METHODS = {
    "ContinuationCompleter": ContinuationCompleter(**TEXTBOOK),
    "IRLSCompleter": IRLSCompleter(**TEXTBOOK, max_iter=60),
    "GaussNewtonCompleter": GaussNewtonCompleter(**TEXTBOOK, max_iter=100),
    "ALSCompleter(alpha=0)": ALSCompleter(**TEXTBOOK, alpha=0),
    "ProjectedGDCompleter": ProjectedGDCompleter(**TEXTBOOK),
}


def succeeds(completer, X, mask):
    """Whether a completer finds the entries that it has not seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            completed = completer.fit_transform(np.where(mask, X, np.nan))
        except ValueError:  # it diverged
            return False
    return np.linalg.norm((completed - X)[~mask]) < 1e-3 * np.linalg.norm(X[~mask])


counts = {name: np.zeros((len(CONDITIONS), len(OVERSAMPLINGS)), dtype=int) for name in METHODS}
seconds = dict.fromkeys(METHODS, 0.0)
for row, condition in enumerate(CONDITIONS):
    for column, oversampling in enumerate(OVERSAMPLINGS):
        for seed in range(TRIALS):
            rng = np.random.default_rng([seed, column])
            X, mask = draw_matrix(condition, rng), draw_mask(oversampling, rng)
            for name, completer in METHODS.items():
                start = time.perf_counter()
                counts[name][row, column] += succeeds(completer, X, mask)
                seconds[name] += time.perf_counter() - start

# %%
# What they need
# --------------
#
# `ContinuationCompleter` gets by with little more entries than degrees of freedom, whatever the
# condition number; `IRLSCompleter` and `GaussNewtonCompleter` need somewhat more. Projected
# gradients go downhill from the spectral start, which is good enough only if there are entries to
# spare and the singular values are alike. Before alternating least squares is left without a
# penalty, one falls to zero, which gets it further.

fits = TRIALS * len(CONDITIONS) * len(OVERSAMPLINGS)
print("oversampling from which on nine of ten fits succeed\n")
print(
    "condition number       " + "".join(f"{condition:8d}" for condition in CONDITIONS) + "   time"
)
for name, count in counts.items():
    enough = np.logical_and.accumulate((count >= 0.9 * TRIALS)[:, ::-1], axis=1)[:, ::-1]
    least = [OVERSAMPLINGS[line.argmax()] if line.any() else np.inf for line in enough]
    cells = "".join(f"{x:8g}" if np.isfinite(x) else "       -" for x in least)
    print(f"{name:23s}{cells}   {1e3 * seconds[name] / fits:.0f} ms a fit")

figure, axes = plt.subplots(1, 3, figsize=(11, 4.4), sharey=True, layout="constrained")
for row, (axis, condition) in enumerate(zip(axes, CONDITIONS, strict=True)):
    axis.axvspan(0.7, 1, color="0.9")
    axis.text(0.85, 0.5, "no method can", rotation=90, va="center", ha="center", color="0.4")
    # Markers of decreasing size, as lines meet at the top.
    for (name, count), marker, size in zip(counts.items(), "osD^v", (10, 8, 6, 5, 4), strict=True):
        axis.plot(
            OVERSAMPLINGS, count[row] / TRIALS, marker + "-", markersize=size, alpha=0.8, label=name
        )
    axis.set(title=f"condition number {condition}", xlabel="entries / degrees of freedom")
    axis.set_xlim(0.7, OVERSAMPLINGS[-1] + 0.15)
    axis.grid(alpha=0.3)
axes[0].set_ylabel("part of the matrices that are recovered")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)

# %%
# What can be known at all
# ------------------------
#
# Before any fit `completability` tells from the pattern alone which entries are determined. Here
# entries are observed wholly at random, so that some rows or columns have fewer than three. Where
# not all is determined, a fit without a penalty warns: by default of what counting shows, with
# ``check="exact"`` of every entry that is not.


def scatter(oversampling, rng):
    """Where entries are observed, without regard to rows and columns."""
    n_entries = int(oversampling * RANK * (2 * SIZE - RANK))
    mask = np.zeros(SIZE * SIZE, dtype=bool)
    mask[rng.choice(SIZE * SIZE, n_entries, replace=False)] = True
    return mask.reshape(SIZE, SIZE)


def complete(X, check):
    """What a fit makes of a table, and whether it has warned."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        completed = ContinuationCompleter(**TEXTBOOK, check=check).fit_transform(X)
    return completed, any(warning.category is UndeterminedWarning for warning in record)


SCARCE = [1.1, 1.25, 1.5, 1.75, 2]
print(f"\nof {TRIALS} patterns each    warned by        determined entries    other entries")
print("oversampling  failing  counting  exact     recovered            recovered")
shown = None
for oversampling in SCARCE:
    failing, warned, exact = 0, 0, 0
    recovered = np.zeros((2, 2), dtype=int)  # determined or not; found, and how many there are
    for seed in range(TRIALS):
        rng = np.random.default_rng([seed, 7])
        X, mask = draw_matrix(1, rng), scatter(oversampling, rng)
        holes = np.where(mask, X, np.nan)
        report = completability(holes, RANK)
        determined = report.identifiable.to_matrix()
        completed, told = complete(holes, "fast")
        failing, warned = failing + (not report.completable), warned + told
        exact += complete(holes, "exact")[1]
        right = np.abs(completed - X) < 1e-3 * np.sqrt(np.mean(X**2))
        for k, part in enumerate((determined & ~mask, ~determined)):
            recovered[k] += right[part].sum(), part.sum()
        shown = shown or (report, np.abs(completed - X))
    (found, known), (lucky, unknown) = recovered
    cells = f"{found:6d} of {known:5d}       {lucky:4d} of {unknown:4d}"
    print(f"{oversampling:12g}{failing:9d}{warned:10d}{exact:7d}    {cells}")

# %%
# Entries that are determined are found, but for a pattern or two with next to no entry to spare.
# Of the others one in a hundred is right to a thousandth, which is luck. The maps show the first of
# the patterns: the errors are where the report says that they must be.

report, errors = shown
figure_known, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
IdentifiabilityDisplay.from_completability(report, ax=axes[0])
image = axes[1].imshow(
    np.log10(np.maximum(errors, 1e-12)), aspect="auto", interpolation="nearest", cmap="magma"
)
axes[1].set(title="logarithm of the error", xlabel="column")
figure_known.colorbar(image, ax=axes[1])

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Recovery against the number of entries.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "phase_transition.png", dpi=120)
    figure_known.savefig(output / "what_is_determined.png", dpi=120)
    print(f"\nsaved {output / 'phase_transition.png'}")
