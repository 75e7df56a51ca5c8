"""A table before and after completion."""

import numpy as np

from skmc._memory import check_dense_fits
from skmc.plotting._axes import axes_for, label_columns, with_holes
from skmc.plotting._tables import with_nan

# What has no value in each panel.
_GREY = {"before": "missing", "after": "not filled", "error": "observed, or truth not known"}


class CompletionDisplay:
    """Heat maps of a table with holes, of the completed one, and of the error.

    Cells without a value are grey: holes before, and observed entries in the map of errors.

    Create it with `from_estimator`.

    Parameters
    ----------
    before : ndarray of shape (n_rows, n_columns)
        The table, NaN where it has holes.
    after : ndarray of shape (n_rows, n_columns)
        The completed table.
    error : ndarray of shape (n_rows, n_columns) or None, default=None
        Completed minus true values, NaN where they are not known or were observed.
    center, spread : ndarray of shape (n_columns,), default=0, 1
        Columns are drawn as ``(x - center) / spread``.
    names : array-like of str or None, default=None
        Names of the columns; None draws their numbers.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        The two or three axes drawn in.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    PatternDisplay : The pattern alone, of tables of any size.

    Examples
    --------
    >>> from skmc import SoftImputeCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.plotting import CompletionDisplay
    >>> data = make_low_rank(60, 30, 3, noise=0.1, random_state=0)
    >>> completer = SoftImputeCompleter().fit(data.X)
    >>> display = CompletionDisplay.from_estimator(completer, data.X, data.truth)
    >>> [ax.get_title() for ax in display.ax_]
    ['before', 'after', 'error, RMS 0.11']
    """

    def __init__(self, before, after, error=None, center=0.0, spread=1.0, names=None):
        self.before = before
        self.after = after
        self.error = error
        self.center = center
        self.spread = spread
        self.names = names

    @classmethod
    def from_estimator(cls, estimator, X, X_true=None, *, standardize=True, ax=None):
        """Complete a table and draw it.

        Parameters
        ----------
        estimator : completer or imputer
            Fitted; its `transform` completes X, and returns the columns of X.
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            A table with holes, small enough to be dense: NaN, or absent in a sparse matrix.
        X_true : array-like of shape (n_rows, n_columns) or None, default=None
            What should come out. If given, a third panel shows the error on the holes of X.
        standardize : bool, default=True
            Draw columns about their means in units of their standard deviations, of the observed
            entries, so that columns of any unit can be seen; the error too.
        ax : sequence of matplotlib Axes or None, default=None
            Two axes, or three with `X_true`; None makes a figure.

        Returns
        -------
        display : CompletionDisplay
            The display.
        """
        check_dense_fits(X, 0)
        after = np.asarray(estimator.transform(X), dtype=np.float64)
        missing_values = getattr(estimator, "missing_values", np.nan)
        before = with_nan(X, missing_values)
        if before.shape != after.shape:
            raise ValueError(
                f"transform turned a table of shape {before.shape} into {after.shape}; for a "
                "picture it must return the columns of X, without indicators."
            )
        error = None
        if X_true is not None:
            truth = with_nan(X_true, missing_values)
            if truth.shape != before.shape:
                raise ValueError(
                    f"X_true has shape {truth.shape}; pass a table of the shape of X, "
                    f"{before.shape}."
                )
            error = np.where(np.isnan(before), after - truth, np.nan)
        units = _units(before) if standardize else (0.0, 1.0)
        names = getattr(estimator, "feature_names_in_", None)
        return cls(before, after, error, *units, names).plot(ax=ax)

    def plot(self, ax=None, *, cmap="RdBu_r"):
        """Draw the tables.

        Parameters
        ----------
        ax : sequence of matplotlib Axes or None, default=None
            Two axes, or three if there is an error; None makes a figure.
        cmap : str, default="RdBu_r"
            Colours, from low to high.

        Returns
        -------
        display : CompletionDisplay
            The display.
        """
        tables = {
            "before": (self.before - self.center) / self.spread,
            "after": (self.after - self.center) / self.spread,
        }
        low, high = _limits(tables["before"])
        if self.error is not None:
            error = self.error / self.spread
            known = error[~np.isnan(error)]
            size = np.sqrt(np.mean(known**2)) if known.size else np.nan
            tables[f"error, RMS {size:.2g}"] = error
        axes = axes_for(self, ax, len(tables))
        for panel, (title, values) in zip(axes, tables.items(), strict=True):
            image = panel.imshow(
                values, cmap=with_holes(cmap), aspect="auto", interpolation="nearest",
                vmin=low if not title.startswith("error") else -(high - low) / 2,
                vmax=high if not title.startswith("error") else (high - low) / 2,
            )  # fmt: skip
            panel.set(title=title, xlabel="column")
            if np.isnan(values).any():
                panel.set_xlabel(f"column\ngrey: {_GREY[title.split(',')[0]]}")
            label_columns(panel, self.names)
            panel.figure.colorbar(image, ax=panel, shrink=0.8)
        axes[0].set_ylabel("row")
        self.ax_, self.figure_ = axes, axes[0].figure
        return self


def _units(table):
    """Mean and standard deviation of the observed entries of each column."""
    observed = ~np.isnan(table)
    count = np.maximum(observed.sum(axis=0), 1)
    center = np.where(observed, table, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(observed, (table - center) ** 2, 0.0).sum(axis=0) / count)
    return center, np.where(spread > 0, spread, 1.0)


def _limits(table):
    """Range of colours: all but the largest and smallest hundredth."""
    known = table[~np.isnan(table)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.quantile(known, [0.01, 0.99])
    return (low, high) if low < high else (low - 0.5, high + 0.5)
