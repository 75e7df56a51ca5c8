"""Where a table has entries."""

from numbers import Integral

import numpy as np

from skmc._compat import Interval, validate_params
from skmc.model_selection._table import Table
from skmc.plotting._axes import axes_for, power_norm


class PatternDisplay:
    """Which entries of a table are observed, and which rows and columns have few.

    A table with more rows or columns than `max_cells` is drawn in bins, as the fraction of the
    entries of each bin that is observed. Ticks beside the picture mark weak rows, ticks above it
    weak columns.

    Create it with `from_matrix`.

    Parameters
    ----------
    density : ndarray of shape (n_bins, m_bins)
        Fraction of the entries of each bin that is observed.
    shape : tuple of int
        Numbers of rows and columns of the table.
    weak_rows, weak_columns : ndarray of int
        Positions of rows and columns with too few entries.
    min_entries : int
        How many would be enough.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        The figure.
    image_ : matplotlib AxesImage
        The picture.

    See Also
    --------
    CompletionDisplay : The values, before and after completion.

    Examples
    --------
    >>> from skmc.datasets import make_ratings
    >>> from skmc.plotting import PatternDisplay
    >>> ratings = make_ratings(2000, 500, 20_000, random_state=0).X
    >>> display = PatternDisplay.from_matrix(ratings, min_entries=6)
    >>> display.density.shape, display.weak_rows.size > 0
    ((250, 250), True)
    """

    def __init__(self, density, shape, weak_rows, weak_columns, min_entries):
        self.density = density
        self.shape = shape
        self.weak_rows = weak_rows
        self.weak_columns = weak_columns
        self.min_entries = min_entries

    @classmethod
    @validate_params(
        {
            "X": ["array-like", "sparse matrix"],
            "min_entries": [Interval(Integral, 0, None, closed="left")],
            "sort": ["boolean"],
            "max_cells": [Interval(Integral, 1, None, closed="left")],
            "ax": "no_validation",
        },
        prefer_skip_nested_validation=True,
    )
    def from_matrix(cls, X, *, min_entries=2, sort=False, max_cells=250, ax=None):
        """Draw the pattern of a table.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            The table: NaN is missing in a dense one; in a sparse one stored entries are observed
            and absent ones missing. It is not modified, and not made dense.
        min_entries : int, default=2
            Rows and columns with fewer entries are weak. A row needs more entries than the rank of
            a model to say anything about it.
        sort : bool, default=False
            Draw rows and columns in decreasing order of their number of entries.
        max_cells : int, default=250
            Largest number of cells that the picture has in a direction.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : PatternDisplay
            The display. Cost: O(nnz).
        """
        table = Table.of(X)
        lines, weak = [], []
        for codes, size in zip((table.rows, table.columns), table.shape, strict=True):
            counts = np.bincount(codes, minlength=size)
            place = np.arange(size)
            if sort:
                place[np.argsort(-counts, kind="stable")] = np.arange(size)
            lines.append(place[codes])
            weak.append(np.sort(place[counts < min_entries]))
        density = _density(*lines, table.shape, max_cells)
        return cls(density, table.shape, *weak, min_entries).plot(ax=ax)

    def plot(self, ax=None, *, cmap="Blues"):
        """Draw the pattern.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.
        cmap : str, default="Blues"
            Colours, from nothing observed to everything.

        Returns
        -------
        display : PatternDisplay
            The display.
        """
        (ax,) = axes_for(self, ax, figsize=(6.4, 5.4))
        n, m = self.shape
        binned = self.density.shape != self.shape
        largest = self.density.max() if binned else 1.0
        self.image_ = ax.imshow(
            # Of skewed patterns most bins have next to nothing: the root shows them.
            self.density, cmap=cmap, norm=power_norm(0.5 if binned else 1.0, largest),
            aspect="auto", interpolation="nearest", extent=(0, m, n, 0),
        )  # fmt: skip
        style = {"color": "C3", "clip_on": False, "linestyle": "none", "in_layout": False}
        right, above = ax.get_yaxis_transform(), ax.get_xaxis_transform()
        rows, columns = self.weak_rows + 0.5, self.weak_columns + 0.5
        if rows.size:
            ax.plot(np.full(rows.size, 1.015), rows, marker=0, transform=right, **style)
        if columns.size:
            # In axes coordinates 1 is the top, whichever way rows are counted.
            ax.plot(columns, np.full(columns.size, 1.015), marker=2, transform=above, **style)
        ax.set(xlim=(0, m), ylim=(n, 0))
        found = f"{self.weak_rows.size} rows, {self.weak_columns.size} columns"
        ax.set(xlabel=f"column\nfewer than {self.min_entries} entries: {found}", ylabel="row")
        if binned:
            ax.figure.colorbar(self.image_, ax=ax, label="fraction observed", pad=0.04)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _density(rows, columns, shape, max_cells):
    """Fraction of the entries that is observed, in a grid of at most `max_cells` each way."""
    bins = tuple(min(size, max_cells) for size in shape)
    # As Python counts: bin b of k has the positions from b * size / k.
    row_bin, column_bin = (
        np.asarray(codes, dtype=np.int64) * k // size
        for codes, k, size in zip((rows, columns), bins, shape, strict=True)
    )
    counts = np.bincount(row_bin * bins[1] + column_bin, minlength=bins[0] * bins[1])
    sizes = [
        np.bincount(np.arange(size) * k // size, minlength=k)
        for k, size in zip(bins, shape, strict=True)
    ]
    return counts.reshape(bins) / np.outer(*sizes)
