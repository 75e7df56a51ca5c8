"""
Restore a photograph
====================

Of a photograph a part of the pixels is lost: at random, and under scratches. As a matrix of lines
and columns it is not of low rank. Its small patches are: sky, roofs and leaves repeat all over.
"""

# %%
# Damage it
# ---------

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from skmc import SoftImputeCompleter

photograph = load_sample_image("china.jpg")[:416, :640].astype(np.float32) / 255
rng = np.random.default_rng(0)
lost = rng.random(photograph.shape[:2]) < 0.6
vertical, horizontal = np.indices(lost.shape)
for slope, start in [(0.6, 20), (-0.4, 330), (0.15, 180)]:
    lost |= np.abs(vertical - slope * horizontal - start) < 2.5
damaged = np.where(lost[..., None], np.nan, photograph)
print(f"{lost.mean():.0%} of the pixels are lost")

# %%
# Lines, and patches
# ------------------
#
# First each line is a row of the table, its pixels and colours the columns. Then each patch of 8 x
# 8 pixels is a row of 192 numbers. Patches at several offsets are completed and averaged, which
# removes their borders.

SIDE = 8


def patches(image):
    """Rows of a table, one for each patch."""
    n, m, colours = image.shape
    grid = image.reshape(n // SIDE, SIDE, m // SIDE, SIDE, colours)
    return grid.transpose(0, 2, 1, 3, 4).reshape(-1, SIDE * SIDE * colours)


def image(table, shape):
    """The image of a table of patches."""
    n, m, colours = shape
    grid = table.reshape(n // SIDE, m // SIDE, SIDE, SIDE, colours)
    return grid.transpose(0, 2, 1, 3, 4).reshape(shape)


by_lines = SoftImputeCompleter().fit_transform(damaged.reshape(len(damaged), -1))
by_lines = by_lines.reshape(photograph.shape)

shifts = [(0, 0), (2, 6), (4, 4), (6, 2), (0, 4), (4, 0), (2, 2), (6, 6)]
total = np.zeros_like(photograph)
for down, right in shifts:
    shifted = np.roll(damaged, (down, right), axis=(0, 1))
    table = patches(shifted)
    # All pixels share one unit, and offsets of rows are the brightness of patches.
    completer = SoftImputeCompleter(alpha=1.0, center="both", scale=False)
    completed = image(completer.fit_transform(table), photograph.shape)
    total += np.roll(completed, (-down, -right), axis=(0, 1))
by_patches = total / len(shifts)


def quality(restored):
    """Peak signal to noise ratio of the lost pixels, in decibels."""
    error = np.clip(restored, 0, 1)[lost] - photograph[lost]
    return -10 * np.log10(np.mean(error**2))


pictures = {
    "damaged": np.where(lost[..., None], 1.0, photograph),
    f"lines of pixels: {quality(by_lines):.1f} dB": by_lines,
    f"patches: {quality(by_patches):.1f} dB": by_patches,
    "the original": photograph,
}
print("\n".join(pictures))

# %%
# Look at it
# ----------

figure, axes = plt.subplots(2, 2, figsize=(11, 7.6), layout="constrained")
for ax, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    ax.imshow(np.clip(picture, 0, 1))
    ax.set_title(title)
    ax.axis("off")

# %%
# Save the picture when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Restore a photograph.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "inpaint_photograph.png", dpi=120)
    print(f"\nsaved {output / 'inpaint_photograph.png'}")
