"""Where a table has entries."""

from numbers import Integral

import numpy as np

from skmc._compat import Interval, validate_params
from skmc._diagnosis._pattern import Pattern
from skmc.model_selection._table import Table
from skmc.plotting._axes import (
    axes_for,
    bins_of,
    draw_table,
    ends_of,
    label_columns,
    mark_lines,
    power_norm,
)
from skmc.plotting._tables import feature_names


class PatternDisplay:
    """Which entries of a table are observed, and which rows and columns have few.

    A table with more rows or columns than `max_cells` is drawn in bins, as the fraction of the
    entries of each bin that is observed. Red ticks beside the picture mark weak rows, red ticks
    above it weak columns.

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
    names : ndarray of str or None, default=None
        Names of the columns in the order of the picture.

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
    IdentifiabilityDisplay : Which entries the observed ones determine.
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

    def __init__(self, density, shape, weak_rows, weak_columns, min_entries, names=None):
        self.density = density
        self.shape = shape
        self.weak_rows = weak_rows
        self.weak_columns = weak_columns
        self.min_entries = min_entries
        self.names = names

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
            Draw rows and columns by connected components, so that blocks without a common row or
            column show, the fullest first, and within each in decreasing order of their number of
            entries.
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
        pattern = Pattern(table.rows, table.columns, table.shape)
        places = _sorted_places(pattern) if sort else [np.arange(size) for size in table.shape]
        lines, weak, names = [], [], feature_names(X)
        for codes, place, counts in zip(
            (table.rows, table.columns), places, pattern.counts, strict=True
        ):
            lines.append(place[codes])
            weak.append(np.sort(place[counts < min_entries]))
        if names is not None:
            names = names[np.argsort(places[1])]
        density = _density(*lines, table.shape, max_cells)
        return cls(density, table.shape, *weak, min_entries, names).plot(ax=ax)

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
        binned = self.density.shape != self.shape
        largest = self.density.max() if binned else 1.0
        self.image_ = draw_table(
            ax, self.density, self.shape, cmap=cmap if binned else ends_of(cmap),
            # Of skewed patterns most bins have next to nothing: the root shows them.
            norm=power_norm(0.5 if binned else 1.0, largest),
        )  # fmt: skip
        mark_lines(ax, self.weak_rows, self.weak_columns, "C3")
        ax.set_xlabel(f"column\n{self._weak()}")
        label_columns(ax, self.names)
        bar = ax.figure.colorbar(self.image_, ax=ax, pad=0.04)
        if binned:
            bar.set_label("fraction observed")
        else:
            observed = self.density.mean()
            parts = {"missing": 1.0 - observed, "observed": observed}
            bar.set_ticks([0.25, 0.75], labels=[f"{k}\n{v:.1%}" for k, v in parts.items()])
            bar.ax.tick_params(length=0)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _weak(self):
        """What the ticks beside the picture mark."""
        found = ", ".join(
            f"{lines.size} {name}{'' if lines.size == 1 else 's'}"
            for name, lines in (("row", self.weak_rows), ("column", self.weak_columns))
        )
        entries = f"{self.min_entries} entr{'y' if self.min_entries == 1 else 'ies'}"
        marked = " (red ticks)" if self.weak_rows.size or self.weak_columns.size else ""
        return f"fewer than {entries}{marked}: {found}"


def _sorted_places(pattern):
    """Where each row and column is drawn: by components, the fullest first, then by counts."""
    entries = np.bincount(
        pattern.components[0][pattern.rows],
        minlength=1 + max(part.max() for part in pattern.components),
    )
    places = []
    for component, counts in zip(pattern.components, pattern.counts, strict=True):
        place = np.empty(counts.size, np.int64)
        # Components of as many entries one after the other.
        order = np.lexsort((-counts, component, -entries[component]))
        place[order] = np.arange(counts.size)
        places.append(place)
    return places


def _density(rows, columns, shape, max_cells):
    """Fraction of the entries that is observed, in a grid of at most `max_cells` each way."""
    bins, sizes = zip(*(bins_of(np.arange(size), max_cells) for size in shape), strict=True)
    n, m = (size.size for size in sizes)
    counts = np.bincount(bins[0][rows] * m + bins[1][columns], minlength=n * m)
    return counts.reshape(n, m) / np.outer(*sizes)
