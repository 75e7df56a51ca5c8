"""
Gene expression of cells, faint genes lost
==========================================

Counts of 400 genes in 300 cells of five kinds. A few programmes of genes make the kinds; faint
counts are lost more often than others, which no completion can undo entirely, but the structure
of the table survives. Parts only add up here, so the factors are non-negative, and can be read.
"""

# %%
# Cells
# -----

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.impute import KNNImputer, SimpleImputer

from skmc import NMFCompleter, SoftImputeCompleter

rng = np.random.default_rng(0)
n_cells, n_genes, n_programmes = 300, 400, 5
kind = np.sort(rng.integers(n_programmes, size=n_cells))
use = rng.gamma(0.15, 1.0, (n_cells, n_programmes))
use[np.arange(n_cells), kind] += rng.gamma(6.0, 0.4, n_cells)
programme = np.sort(rng.integers(n_programmes, size=n_genes))
genes = 0.08 * rng.gamma(1.0, 1.0, (n_genes, n_programmes))
genes[np.arange(n_genes), programme] += rng.gamma(2.0, 1.0, n_genes)
depth = rng.gamma(8.0, 1 / 8, (n_cells, 1))
mean = 3 * depth * (use @ genes.T)
counts = rng.poisson(mean)
# The square root makes the noise of counts alike everywhere.
truth, table = np.sqrt(mean), np.sqrt(counts)

# %%
# Loss
# ----
#
# Half of the entries are lost, faint ones more often.

chance = 0.25 + 0.6 * np.exp(-table)
X = np.where(rng.random(table.shape) < chance, np.nan, table)
missing = np.isnan(X)
print(f"{missing.mean():.0%} are missing")

# %%
# Completion
# ----------

imputers = {
    "gene means": SimpleImputer(),
    "5 neighbours": KNNImputer(),
    "SoftImputeCompleter()": SoftImputeCompleter(),
    "NMFCompleter(5)": NMFCompleter(5, random_state=0),
}
errors = {}
for name, imputer in imputers.items():
    completed = imputer.fit_transform(X)
    errors[name] = np.sqrt(np.mean((completed - truth)[missing] ** 2))
    print(f"{name:22} error {errors[name]:.3f}")

# %%
# What the factors say
# --------------------
#
# Each component is a programme: it is large in the genes of one block, and in the cells of one
# kind.

nmf = imputers["NMFCompleter(5)"]
completed, components = nmf.transform(X), nmf.components_ * nmf.scale_
order = np.argsort([programme[np.argsort(c)[-20:]].mean() for c in components])
components, weights = components[order], nmf.row_factors(X)[:, order]

figure, axes = plt.subplot_mosaic(
    [["lost", "completed", "truth"], ["errors", "cells", "genes"]],
    figsize=(13, 8), layout="constrained",
)  # fmt: skip
cmap = plt.get_cmap("magma").with_extremes(bad="0.8")
limits = {"vmin": 0, "vmax": np.quantile(truth, 0.99), "aspect": "auto", "cmap": cmap}
for name, values in {"lost": X, "completed": completed, "truth": truth}.items():
    shown = axes[name].imshow(values, **limits, interpolation="nearest")
    axes[name].set(title=name, xlabel="gene", ylabel="cell")
figure.colorbar(shown, ax=axes["truth"], label="root of the count")
bars = axes["errors"].barh(list(errors), list(errors.values()))
axes["errors"].bar_label(bars, fmt="%.2f", padding=3)
axes["errors"].invert_yaxis()
axes["errors"].set(title="error on lost entries", xlabel="root of the count")
axes["errors"].spines[["top", "right"]].set_visible(False)
axes["cells"].imshow(
    weights / weights.max(axis=0), aspect="auto", cmap="magma", interpolation="nearest"
)
axes["cells"].set(title="components in cells", xlabel="component", ylabel="cell, by kind")
axes["genes"].imshow(
    components / components.max(axis=1, keepdims=True), aspect="auto", cmap="magma",
    interpolation="nearest",
)  # fmt: skip
axes["genes"].set(title="components in genes", xlabel="gene, by programme", ylabel="component")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Complete gene expression.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "gene_expression.png", dpi=120)
    print(f"\nsaved {output / 'gene_expression.png'}")
