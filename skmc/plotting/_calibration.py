"""Whether intervals hold what they promise."""

from inspect import signature

import numpy as np
from scipy.special import ndtri

from skmc.plotting._axes import axes_for, tidy
from skmc.plotting._tables import with_nan

_LEVELS = np.linspace(0.05, 0.95, 19)


class CalibrationDisplay:
    """Nominal against observed coverage of intervals for held-out entries.

    On the diagonal the intervals are right; above it they are too wide, below it too narrow. The
    band holds 95 % of what exact intervals would give for as many independent entries.

    Create it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    nominal, observed : ndarray of shape (n_levels,)
        Promised coverage, and the fraction of the held-out entries that was in the intervals.
    n_entries : int
        Number of held-out entries.
    name : str or None, default=None
        Name in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        The figure.
    line_ : matplotlib Line2D
        The observed coverage.

    Examples
    --------
    >>> from skmc import BayesianCompleter
    >>> from skmc.datasets import make_low_rank, hide_entries
    >>> from skmc.plotting import CalibrationDisplay
    >>> X = make_low_rank(100, 40, 3, noise=0.3, random_state=0).X
    >>> X_train, hidden = hide_entries(X, 0.2, random_state=0)
    >>> completer = BayesianCompleter(rank=6, random_state=0).fit(X_train)
    >>> display = CalibrationDisplay.from_estimator(completer, X_train, X)
    >>> bool(abs(display.observed - display.nominal).max() < 0.07)
    True
    """

    def __init__(self, nominal, observed, n_entries, name=None):
        self.nominal = nominal
        self.observed = observed
        self.n_entries = n_entries
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, X_true, *, levels=None, name=None, ax=None):
        """Draw the coverage of a completer that says how far to trust it.

        Parameters
        ----------
        estimator : completer or ConformalCompleter
            Fitted, with ``transform(X, return_std=True)``, as that of `BayesianCompleter`, or
            ``predict_interval(X, alpha)``, as that of `ConformalCompleter`, which takes the time of
            a completion for each level.
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            A table with holes.
        X_true : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            The same with noisy values in some of the holes, which are the held-out entries.
        levels : array-like or None, default=None
            Nominal coverages between 0 and 1; None takes 0.05, 0.1, ..., 0.95.
        name : str or None, default=None
            Name in the legend; None takes that of the class.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : CalibrationDisplay
            The display.
        """
        nominal, name = _checked(levels), name or type(estimator).__name__
        gives_std = "return_std" in signature(estimator.transform).parameters
        if not (gives_std or hasattr(estimator, "predict_interval")):
            raise TypeError(
                f"{type(estimator).__name__} does not say how far to trust it: take "
                "BayesianCompleter(), or wrap it, ConformalCompleter(completer)."
            )
        mark = getattr(getattr(estimator, "completer_", estimator), "missing_values", np.nan)
        before, truth = (with_nan(table, mark) for table in (X, X_true))

        def of_held_out(table):
            if not before.shape == truth.shape == np.shape(table):
                raise ValueError(
                    f"X, X_true and the completed table have shapes {before.shape}, {truth.shape} "
                    f"and {np.shape(table)}; they must agree."
                )
            return np.asarray(table)[np.isnan(before) & ~np.isnan(truth)]

        y_true = of_held_out(truth)
        if gives_std:
            y_pred, y_std = map(of_held_out, estimator.transform(X, return_std=True))
            return cls.from_predictions(y_true, y_pred, y_std, levels=nominal, name=name, ax=ax)
        observed = []
        for alpha in 1.0 - nominal:
            lower, upper = map(of_held_out, estimator.predict_interval(X, alpha=float(alpha)))
            observed.append((lower <= y_true) & (y_true <= upper))
        return cls._of(nominal, np.transpose(observed), name, ax)

    @classmethod
    def from_predictions(cls, y_true, y_pred, y_std, *, levels=None, name=None, ax=None):
        """Draw the coverage of Gaussian intervals.

        Parameters
        ----------
        y_true, y_pred, y_std : array-like of shape (n_entries,)
            Held-out values, their predictions, and the standard deviations of these.
        levels : array-like or None, default=None
            Nominal coverages between 0 and 1; None takes 0.05, 0.1, ..., 0.95.
        name : str or None, default=None
            Name in the legend.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : CalibrationDisplay
            The display.
        """
        nominal = _checked(levels)
        y_true, y_pred, y_std = (np.asarray(y, dtype=np.float64) for y in (y_true, y_pred, y_std))
        error = np.abs(y_true - y_pred)
        # A normal variable is within z standard deviations with probability 2 Phi(z) - 1.
        inside = error[:, None] <= ndtri((1 + nominal) / 2) * y_std[:, None]
        return cls._of(nominal, inside, name, ax)

    @classmethod
    def _of(cls, nominal, inside, name, ax):
        """Display of which entries are within the intervals of each level, (n_entries, k)."""
        if not inside.shape[0]:
            raise ValueError("There are no held-out entries: none is missing in X and known.")
        return cls(nominal, inside.mean(axis=0), inside.shape[0], name).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the coverage.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure. Axes that show one display can take another.

        Returns
        -------
        display : CalibrationDisplay
            The display.
        """
        first = ax is None or not ax.lines
        (ax,) = axes_for(self, ax, figsize=(5.2, 5.0))
        if first:
            level = np.linspace(0, 1, 101)
            spread = 1.96 * np.sqrt(level * (1 - level) / self.n_entries)
            ax.fill_between(level, level - spread, level + spread, color="0.5", alpha=0.3,
                            linewidth=0, label="95 % of exact intervals")  # fmt: skip
            ax.plot(level, level, color="0.4", linewidth=1, linestyle="--")
        (self.line_,) = ax.plot(self.nominal, self.observed, "o-", markersize=4, label=self.name)
        ax.set(
            xlabel="nominal coverage", ylabel="observed coverage", xlim=(0, 1), ylim=(0, 1),
            aspect="equal",
        )  # fmt: skip
        ax.legend(loc="upper left")
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _checked(levels):
    """Nominal coverages."""
    nominal = np.asarray(_LEVELS if levels is None else levels, dtype=np.float64)
    if nominal.ndim != 1 or not ((nominal > 0) & (nominal < 1)).all():
        raise ValueError(f"levels must be 1-D, between 0 and 1; got {levels!r}.")
    return nominal
