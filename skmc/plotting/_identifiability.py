"""Which entries the observed ones determine."""

import numpy as np

from skmc._diagnosis._identifiable import lost_lines
from skmc.diagnostics import completability
from skmc.plotting._axes import axes_for, bins_of, draw_table, label_columns, mark_lines
from skmc.plotting._tables import feature_names

# Colours that differ in lightness too, for entries observed, determined, and not determined.
COLOURS = {"observed": "#1f4e79", "determined": "#a9cbe8", "not determined": "#e66a2c"}


class IdentifiabilityDisplay:
    """Which entries are observed, which these determine at a rank, and which they do not.

    A table with more rows or columns than `max_cells` is drawn in bins whose colours are mixed in
    proportion. Ticks beside the picture mark rows none of whose missing entries is determined,
    ticks above it such columns.

    Create it with `from_matrix` or `from_completability`.

    Parameters
    ----------
    observed, free : ndarray of shape (n_bins, m_bins)
        Fractions of the entries of each bin that are observed, and that are not determined.
    shape : tuple of int
        Numbers of rows and columns of the table.
    rank : int
        The rank.
    numbers : tuple of int
        Numbers of entries that are observed, determined besides, and not determined.
    lost_rows, lost_columns : ndarray of int
        Positions of rows and columns without a missing entry that is determined.
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
    PatternDisplay : Where entries are observed, of tables of any size.
    skmc.diagnostics.completability : The report that is drawn.

    Examples
    --------
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.plotting import IdentifiabilityDisplay
    >>> X = make_low_rank(40, 30, 2, observed=0.15, random_state=0).X
    >>> display = IdentifiabilityDisplay.from_matrix(X, rank=3)
    >>> sum(display.numbers), display.numbers[2] > 0
    (1200, True)
    """

    def __init__(
        self, observed, free, shape, rank, numbers, lost_rows, lost_columns, names=None
    ):  # fmt: skip
        self.observed = observed
        self.free = free
        self.shape = shape
        self.rank = rank
        self.numbers = numbers
        self.lost_rows = lost_rows
        self.lost_columns = lost_columns
        self.names = names

    @classmethod
    def from_matrix(cls, X, rank, *, center=False, sort=False, max_cells=250, ax=None):
        """Find what the pattern of a table determines, and draw it.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            The matrix with holes.
        rank : int
            Rank of the matrices in question.
        center : bool, default=False
            Whether columns have offsets that are fitted too.
        sort : bool, default=False
            Draw rows and columns in increasing order of their numbers of entries that are not
            determined, and where these are equal those with more observed entries first.
        max_cells : int, default=250
            Largest number of cells that the picture has in a direction.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : IdentifiabilityDisplay
            The display. Cost: that of `completability`, and of rank multiply-adds for each entry.
        """
        report = completability(X, rank, center=center)
        return cls.from_completability(
            report, sort=sort, max_cells=max_cells, names=feature_names(X), ax=ax
        )

    @classmethod
    def from_completability(cls, report, *, sort=False, max_cells=250, names=None, ax=None):
        """Draw what a report says of each entry.

        Parameters
        ----------
        report : Completability
            What `completability` has returned, or the part of that name of the report of a fit.
        sort : bool, default=False
            Draw rows and columns in increasing order of their numbers of entries that are not
            determined, and where these are equal those with more observed entries first.
        max_cells : int, default=250
            Largest number of cells that the picture has in a direction.
        names : array-like of str or None, default=None
            Names of the columns, as ``frame.columns``: the report does not keep them.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : IdentifiabilityDisplay
            The display.
        """
        if not hasattr(report, "identifiable"):
            raise TypeError(
                f"Pass what completability returns; got {type(report).__name__}. For a table there "
                "is from_matrix."
            )
        n, m = report.shape
        free_in = report.free_in_row, report.free_in_column
        if report.free_in_row is None:
            free_in = report.identifiable._free_counts(at_any_cost=True)
        counts = report.row_counts, report.column_counts
        places = [_places(f, c, sort) for f, c in zip(free_in, counts, strict=True)]
        bins, sizes = zip(*(bins_of(p, max_cells) for p in places), strict=True)
        seen = np.zeros(tuple(s.size for s in sizes))
        pattern = report.identifiable.pattern
        np.add.at(seen, (bins[0][pattern.rows], bins[1][pattern.columns]), 1.0)
        free = np.zeros_like(seen)
        for rows, columns, block in report.identifiable._free_blocks():
            across = np.zeros((rows.size, sizes[1].size))
            np.add.at(across.T, bins[1][columns], block.T)
            np.add.at(free, bins[0][rows], across)
        cells, n_free = np.outer(*sizes), int(free_in[0].sum())
        lost = lost_lines(free_in, counts)
        lost = [np.sort(p[at]) for p, at in zip(places, lost, strict=True)]
        numbers = report.n_entries, n * m - report.n_entries - n_free, n_free
        if names is not None:
            names = np.asarray(names, dtype=object)[np.argsort(places[1])]
        display = cls(seen / cells, free / cells, (n, m), report.rank, numbers, *lost, names)
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.

        Returns
        -------
        display : IdentifiabilityDisplay
            The display.
        """
        (ax,) = axes_for(self, ax, figsize=(6.8, 5.6))
        from matplotlib.colors import to_rgb
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        n, m = self.shape
        parts = self.observed, 1.0 - self.observed - self.free, self.free
        colours = [np.array(to_rgb(colour)) for colour in COLOURS.values()]
        image = sum(x[:, :, None] * c for x, c in zip(parts, colours, strict=True))
        self.image_ = draw_table(ax, np.clip(image, 0.0, 1.0), self.shape)
        mark_lines(ax, self.lost_rows, self.lost_columns, COLOURS["not determined"])
        label_columns(ax, self.names)
        patches = [
            Patch(color=colour, label=f"{name}, {number / (n * m):.1%}")
            for (name, colour), number in zip(COLOURS.items(), self.numbers, strict=True)
        ]
        if self.lost_rows.size or self.lost_columns.size:
            label = "row or column without a hole that is determined"
            style = {"marker": 0, "linestyle": "none", "color": COLOURS["not determined"]}
            patches.append(Line2D([], [], label=label, **style))
        ax.legend(
            handles=patches, ncols=3 if len(patches) == 3 else 2, loc="lower center",
            bbox_to_anchor=(0.5, 1.03), title=f"at rank {self.rank}", frameon=False,
        )  # fmt: skip
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _places(free, counts, sort):
    """Where each line is drawn."""
    places = np.arange(free.size)
    if sort:
        places[np.lexsort((-counts, free))] = np.arange(free.size)
    return places
