"""Whether a fit converges as fast as its solution lets it."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc.diagnostics import local_convergence
from skmc.plotting._axes import axes_for, tidy

# Changes below this part of the first are rounding.
ROUNDING = 1e-13
# Part of the last stage, at its end, from which the observed rate is read off.
LATE = 3


class RateDisplay:
    """Changes of a fit in each iteration, beside the rate that is predicted for its solution.

    In the limit the error, and with it the change from one iteration to the next, shrinks by the
    same factor each time. Points are the changes of the last stage of a fit, lines have the
    predicted slopes, through a late point: that of the plain method at its best step, and that of
    its fastest form with momentum or over-relaxation. Completers that adapt their steps are between
    the two, or a little better. Where no entries determine the solution, the predicted line is
    level.

    Create it with `from_estimator`.

    Parameters
    ----------
    changes : ndarray of shape (n_iter,)
        Norm of the change in each iteration against that of the matrix.
    report : LocalConvergence
        What is predicted.
    name : str
        Name in the legend.

    Attributes
    ----------
    observed_rate : float
        Factor per iteration over the last third, NaN if there are too few iterations.
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    ConvergenceDisplay : The course of the objective, of one fit or several.
    skmc.diagnostics.local_convergence : What predicts the rate.

    Examples
    --------
    >>> from skmc import ALSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.plotting import RateDisplay
    >>> X = make_low_rank(100, 40, 3, noise=0.3, random_state=0).X
    >>> completer = ALSCompleter(3, alpha=1.0, scale=True, momentum=None, tol=1e-7).fit(X)
    >>> display = RateDisplay.from_estimator(completer, X)
    >>> bool(abs(display.observed_rate - display.report.best.rate) < 0.01)
    True
    """

    def __init__(self, changes, report, name):
        self.changes = changes
        self.report = report
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, X, *, method="auto", sample_weight=None, entry_weight=None, ax=None
    ):
        """Predict the rate of a fit, and draw it beside what was observed.

        Parameters
        ----------
        estimator : completer
            A completer fitted to X. A small `tol` lets it reach the limit that is predicted.
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            The matrix of the fit.
        method : str, default="auto"
            The method that is predicted, as of `local_convergence`; a solver without a formula
            needs the name of another.
        sample_weight, entry_weight : array-like, default=None
            Weights of the fit.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : RateDisplay
            The display. Cost: that of `local_convergence`.
        """
        check_is_fitted(estimator, "trace_")
        report = local_convergence(
            estimator, X, method, sample_weight=sample_weight, entry_weight=entry_weight
        )
        stage = np.asarray(estimator.trace_["stage"])
        changes = np.asarray(estimator.trace_["change"], dtype=np.float64)
        last = changes[stage == stage[-1]]
        return cls(last, report, type(estimator).__name__).plot(ax=ax)

    @property
    def observed_rate(self):
        """Factor per iteration over the last third.

        Returns
        -------
        rate : float
            The geometric mean, by least squares; NaN for fewer than three iterations.
        """
        at, values = self._late()
        return float(np.exp(np.polyfit(at, np.log(values), 1)[0])) if at.size > 2 else np.nan

    def _late(self):
        """The last iterations that are no rounding, and their changes."""
        told = np.flatnonzero(self.changes > ROUNDING * self.changes.max(initial=0.0))
        told = told[-max(told.size // LATE, 3) :]
        return told + 1, self.changes[told]

    def plot(self, ax=None):
        """Draw the changes and the predicted slopes.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.

        Returns
        -------
        display : RateDisplay
            The display.
        """
        (ax,) = axes_for(self, ax, figsize=(6.4, 4.6))
        at = np.arange(1, self.changes.size + 1)
        shown = np.where(self.changes > 0, self.changes, np.nan)
        observed = self.observed_rate
        label = self.name if np.isnan(observed) else f"{self.name}: {observed:.3g} per iteration"
        ax.plot(at, shown, ".", color="C0", label=label)
        late, values = self._late()
        for scheme, style in zip(self._schemes(), ("--", ":"), strict=False):
            if late.size:
                line = values[0] * scheme.rate ** (at - late[0])
                told = (line > 0.1 * values.min()) & (line < 3.0 * self.changes.max())
                label = f"predicted, {scheme.name}: {scheme.rate:.3g}"
                ax.plot(at[told], line[told], style, color="C3", linewidth=1.5, label=label)
        ax.set(xlabel="iteration", ylabel="relative change", yscale="log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _schemes(self):
        """The best form of the plain method, and the fastest of all if that is another."""
        best = self.report.best
        fastest = min(self.report.schemes, key=lambda scheme: scheme.rate)
        return (best,) if fastest.rate >= best.rate else (best, fastest)
