"""
Complete real tables and a photograph
=====================================

A known 30 % of the entries of real tables is hidden. Four completers and three imputers of
scikit-learn fill them in, and each answer is compared with what was hidden.

As a script, ``python examples/plot_real_tables.py --output DIRECTORY`` prints one table and saves
two pictures, by default in ``examples/output``.
"""

# %%
# The data
# --------
#
# Four tables that scikit-learn ships, and a photograph, whose rows are the rows of pixels and whose
# columns are the columns of pixels, once for each colour. A table of few columns is no natural
# case for a low-rank model: diabetes and wine are here to show that too.

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skmc import (
    ALSCompleter,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.datasets import hide_entries

HIDDEN = 0.3
MISSING = (1.0, 0.6, 0.2)


def load_photograph():
    """Colours between 0 and 1 of a photograph, at half its size."""
    pixels = datasets.load_sample_image("china.jpg")[:426] / 255.0
    height, width, colours = pixels.shape
    return pixels.reshape(height // 2, 2, width // 2, 2, colours).mean(axis=(1, 3))


def writing(shape):
    """Pixels under a line of text and three scratches."""
    height, width = shape
    canvas = Image.new("1", (width, height))
    draw = ImageDraw.Draw(canvas)
    draw.text((18, height - 40), "HIDDEN PIXELS", fill=1, font=ImageFont.load_default(size=36))
    for start, end in [((20, 10), (140, 120)), ((170, 150), (300, 30)), ((230, 60), (310, 140))]:
        draw.line([start, end], fill=1, width=2)
    return np.array(canvas, dtype=bool)


tables = {
    "breast cancer": datasets.load_breast_cancer().data,
    "diabetes": datasets.load_diabetes().data,
    "wine": datasets.load_wine().data,
    "digits": datasets.load_digits().data,
}
problems = {
    name: (table, *hide_entries(table, HIDDEN, random_state=0)) for name, table in tables.items()
}

photograph = load_photograph()
_, hidden_pixels = hide_entries(photograph[:, :, 0], HIDDEN, random_state=0)
hidden_pixels |= writing(hidden_pixels.shape)
holes = np.where(hidden_pixels[:, :, None], np.nan, photograph)
n_rows = len(photograph)
problems["photograph"] = (
    photograph.reshape(n_rows, -1),
    holes.reshape(n_rows, -1),
    np.repeat(hidden_pixels, 3, axis=1),
)

# %%
# The methods
# -----------
#
# The defaults, with one exception: ``ALSCompleter`` gets room for 50 components, a bound that its
# penalty makes harmless. ``ProjectedGDCompleter`` has no penalty: its rank is what keeps it from
# fitting the noise, and is chosen by hiding a part of what is left. ``SoftImputeCompleterCV``
# chooses its penalty in that way. Neighbours are found by distances, and regressions penalised by
# the size of coefficients: these two imputers are given columns in units of their deviations, which
# completers see to by themselves.


class Scaled:
    """An imputer that is given each column with mean 0 and standard deviation 1."""

    def __init__(self, imputer):
        self.imputer = imputer

    def fit_transform(self, table):
        """Impute the scaled table, in the units of the table."""
        scaler = StandardScaler().fit(table)
        return scaler.inverse_transform(self.imputer.fit_transform(scaler.transform(table)))


def methods(name):
    """Completers and imputers for one table; None takes too long there."""
    return {
        "SimpleImputer": SimpleImputer(keep_empty_features=True),
        "KNNImputer": Scaled(KNNImputer(keep_empty_features=True)),
        # One regression for each of 960 columns on all others takes many minutes, and so does a
        # path of decompositions of a picture.
        "IterativeImputer": (
            None if name == "photograph" else Scaled(IterativeImputer(random_state=0))
        ),
        "ALSCompleter": ALSCompleter(rank=50),
        "SoftImputeCompleter": SoftImputeCompleter(),
        "SoftImputeCompleterCV": None if name == "photograph" else SoftImputeCompleterCV(),
        "ProjectedGDCompleter": ProjectedGDCompleter(),
    }


# %%
# Errors and times
# ----------------
#
# The error is the root mean square over the hidden entries, in units of the standard deviation of
# each column: always answering the mean of the column has an error of 1.


def normalised_error(completed, truth, hidden):
    """Root mean square error on hidden entries, in standard deviations of their columns."""
    deviation = truth.std(axis=0)
    counted = hidden & (deviation > 0)
    difference = (completed - truth) / np.where(deviation > 0, deviation, 1.0)
    return np.sqrt(np.mean(difference[counted] ** 2))


def complete(method, table):
    """Return the completed table, CPU seconds, and whether the method stopped too early."""
    with (
        warnings.catch_warnings(record=True) as caught,
        threadpool_limits(limits=1, user_api="blas"),
    ):
        warnings.simplefilter("always", ConvergenceWarning)
        start = time.process_time()
        completed = method.fit_transform(table)
        seconds = time.process_time() - start
    early = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return completed, seconds, early


def run_all():
    """Results as {(method, table): (completed, error, seconds, early)}."""
    results = {}
    for name, (truth, table, hidden) in problems.items():
        for label, method in methods(name).items():
            if method is not None:
                completed, seconds, early = complete(method, table)
                error = normalised_error(completed, truth, hidden)
                results[label, name] = completed, error, seconds, early
    return results


def print_results(results):
    """Print a row per method and a pair of columns per table."""
    print(f"{'':22}" + "".join(f"{name:>17}" for name in problems))
    shapes = [" x ".join(map(str, truth.shape)) for truth, _, _ in problems.values()]
    print(f"{'':22}" + "".join(f"{shape:>17}" for shape in shapes))
    print(f"{'method':22}" + f"{'error':>10}{'CPU s':>7}" * len(problems))
    for label in dict.fromkeys(label for label, _ in results):
        cells = [results.get((label, name)) for name in problems]
        print(f"{label:22}" + "".join(format_cell(cell) for cell in cells))
    print(
        f"\nerror: root mean square on the hidden {HIDDEN:.0%}, in units of each column's deviation"
        "\n*: stopped at max_iter with a ConvergenceWarning    -: left out, takes minutes"
        "\nphotograph: text and scratches are hidden too"
    )


def format_cell(cell):
    """Error, a star if it stopped early, and CPU seconds."""
    if cell is None:
        return f"{'-':>10}{'-':>7}"
    _, error, seconds, early = cell
    return f"{f'{error:.3f}' + '*' * early:>10}{seconds:7.2f}"


results = run_all()
print_results(results)

# %%
# What it looks like
# ------------------
#
# The photograph: nothing here knows that pixels have neighbours. A low-rank model sees rows of
# numbers that are mixtures of a few patterns, and ``KNNImputer`` sees similar rows.


def show(axes, image, title):
    """Draw one picture; what is missing is orange."""
    image = np.where(np.isnan(image), MISSING, image)
    axes.imshow(np.clip(image, 0, 1), interpolation="nearest")
    axes.set_title(title, fontsize=13, pad=7)
    axes.set_axis_off()


shown = ["SimpleImputer", "KNNImputer", "ALSCompleter", "SoftImputeCompleter"]
figure, axes = plt.subplots(2, 3, figsize=(13.5, 6.9), layout="constrained")
show(axes[0, 0], photograph, "original")
show(axes[0, 1], holes, f"given: {hidden_pixels.mean():.0%} of the pixels hidden")
for panel, label in zip(axes.flat[2:], shown, strict=True):
    completed, error, _, _ = results[label, "photograph"]
    show(panel, completed.reshape(photograph.shape), f"{label}, error {error:.2f}")
photograph_figure = figure

# %%
# Digits: images of 8 x 8 pixels are rows of a table of 64 columns.

shown = ["SimpleImputer", "KNNImputer", "SoftImputeCompleter"]
truth, table, _ = problems["digits"]
rows = [("original", truth), ("given", table)]
rows += [(f"{x}\nerror {results[x, 'digits'][1]:.2f}", results[x, "digits"][0]) for x in shown]
figure, axes = plt.subplots(len(rows), 10, figsize=(13.5, 6.9), layout="constrained")
for line, (label, images) in zip(axes, rows, strict=True):
    line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=13)
    for panel, image in zip(line, images, strict=False):
        panel.imshow(
            image.reshape(8, 8), cmap=plt.cm.gray_r.with_extremes(bad=MISSING), vmin=0, vmax=16
        )
        panel.set(xticks=[], yticks=[])
digits_figure = figure

# %%
# Save the pictures when this runs as a script.

if "__file__" in globals():
    parser = argparse.ArgumentParser(description="Complete real tables and a photograph.")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    photograph_figure.savefig(output / "photograph.png", dpi=120)
    digits_figure.savefig(output / "digits.png", dpi=120)
    print(f"\nsaved {output / 'photograph.png'} and {output / 'digits.png'}")
