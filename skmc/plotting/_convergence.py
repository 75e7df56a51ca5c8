"""How the iterations of fits went."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc.plotting._axes import axes_for, tidy

_LABELS = {
    "gap": "objective above the lowest",
    "objective": "objective",
    "change": "relative change",
    "time": "seconds",
}
# On these the interesting part is small numbers.
_LOGARITHMIC = ("gap", "change", "alpha", "imbalance")


class ConvergenceDisplay:
    """Course of fits over iterations or time.

    Create it with `from_estimator` or `from_estimators`.

    Parameters
    ----------
    traces : dict of str to dict of ndarray
        For each fit its `trace_`: what was noted in each iteration.
    quantity : str, default="gap"
        What to draw; see `from_estimators`.
    reference : {"own", "shared"}, default="own"
        What gaps are above.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        The figure.
    lines_ : dict of str to list of matplotlib Line2D
        The lines of each fit.

    See Also
    --------
    SpectrumDisplay : What came out of a fit.

    Examples
    --------
    >>> from skmc import ALSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.plotting import ConvergenceDisplay
    >>> X = make_low_rank(100, 40, 3, noise=0.1, random_state=0).X
    >>> fits = {str(m): ALSCompleter(5, alpha=1.0, scale=True, momentum=m).fit(X)
    ...         for m in ("nesterov", None)}
    >>> display = ConvergenceDisplay.from_estimators(fits)
    >>> display.ax_.get_xlabel()
    'iteration'
    """

    def __init__(self, traces, *, quantity="gap", reference="own"):
        self.traces = traces
        self.quantity = quantity
        self.reference = reference

    @classmethod
    def from_estimator(cls, estimator, *, name=None, quantity="gap", x="iteration", ax=None):
        """Draw the course of one fit.

        Parameters
        ----------
        estimator : completer
            A fitted completer.
        name : str or None, default=None
            Its name in the legend; None takes that of its class.
        quantity : str, default="gap"
            What to draw; see `from_estimators`.
        x : {"iteration", "time"}, default="iteration"
            What to draw it against.
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.

        Returns
        -------
        display : ConvergenceDisplay
            The display.
        """
        fits = {name or type(estimator).__name__: estimator}
        return cls.from_estimators(fits, quantity=quantity, x=x, ax=ax)

    @classmethod
    def from_estimators(
        cls, estimators, *, quantity="gap", reference="own", x="iteration", ax=None
    ):
        """Draw the courses of several fits.

        Parameters
        ----------
        estimators : dict of str to completer, or sequence of completers
            Fitted completers, and their names in the legend: those of the classes for a sequence,
            with a number where they repeat.
        quantity : str, default="gap"
            ``"gap"``: the objective above `reference` where it is above, over the last stage, as
            objectives before and after a change of penalty or units cannot be compared; a line
            below the axis says how many iterations that leaves out.
            ``"objective"``: the objective over that stage. Or any key of `trace_`, as
            ``"change"``, ``"alpha"``, ``"rank"``, or ``"noise"`` of `BayesianCompleter`, of which
            each chain is a line: over all stages.
        reference : {"own", "shared"}, default="own"
            Whether gaps are above the lowest objective of each fit, or above the lowest of all,
            for completers of one problem: same data, penalty and units.
        x : {"iteration", "time"}, default="iteration"
            What to draw it against.
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.

        Returns
        -------
        display : ConvergenceDisplay
            The display.
        """
        estimators = _named(estimators)
        for estimator in estimators.values():
            check_is_fitted(estimator, "trace_")
        traces = {name: estimator.trace_ for name, estimator in estimators.items()}
        return cls(traces, quantity=quantity, reference=reference).plot(ax=ax, x=x)

    def plot(self, ax=None, *, x="iteration"):
        """Draw the courses.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.
        x : {"iteration", "time"}, default="iteration"
            What to draw them against.

        Returns
        -------
        display : ConvergenceDisplay
            The display.
        """
        if x not in ("iteration", "time"):
            raise ValueError(f"x must be 'iteration' or 'time'; got {x!r}.")
        courses = {name: self._course(name) for name in self.traces}
        if self.quantity == "gap":
            courses = self._gaps(courses)
        (ax,) = axes_for(self, ax)
        self.lines_ = {}
        for name, (part, values) in courses.items():
            at = self.traces[name]["time"] if x == "time" else None
            at = np.arange(1, len(part) + 1)[part] if at is None else np.asarray(at).T[part]
            lines = ax.plot(at, values, label=name, marker="." if len(at) < 40 else None)
            for line in lines[1:]:
                line.set(color=lines[0].get_color(), label=None)
            self.lines_[name] = lines
        if x == "iteration":
            ax.xaxis.get_major_locator().set_params(integer=True)
        if self.quantity in _LOGARITHMIC:
            ax.set_yscale("log")
        ax.set(
            xlabel=("iteration" if x == "iteration" else "time in seconds") + _left_out(courses),
            ylabel=_LABELS.get(self.quantity, self.quantity),
        )
        ax.legend()
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _course(self, name):
        """Which iterations to draw, and the quantity in them; a column for each chain."""
        trace = self.traces[name]
        key = "objective" if self.quantity == "gap" else self.quantity
        if key not in trace:
            raise ValueError(
                f"The trace of {name} has no {key!r}; it has {', '.join(sorted(trace))}."
            )
        values = np.asarray(trace[key], dtype=np.float64).T
        part = np.ones(len(values), dtype=bool)
        if key == "objective" and "stage" in trace:
            part = np.asarray(trace["stage"]) == trace["stage"][-1]
        return part, values[part]

    def _gaps(self, courses):
        if self.reference not in ("own", "shared"):
            raise ValueError(f"reference must be 'own' or 'shared'; got {self.reference!r}.")
        lowest = {name: np.min(values) for name, (_, values) in courses.items()}
        if self.reference == "shared":
            lowest = dict.fromkeys(lowest, min(lowest.values()))
        gaps = {}
        for name, (part, values) in courses.items():
            gap = values - lowest[name]
            # The lowest itself has no place on a logarithmic axis.
            gaps[name] = part, np.where(gap > 0, gap, np.nan)
        return gaps


def _left_out(courses):
    """Say how many iterations of earlier stages are not drawn."""
    left = {name: np.count_nonzero(~part) for name, (part, _) in courses.items()}
    left = {name: count for name, count in left.items() if count}
    if not left:
        return ""
    if len(courses) == 1:
        (count,) = left.values()
        iterations = f"{count} iteration{'' if count == 1 else 's'}"
        return f"\nlast stage; {iterations} at other penalties or units are not drawn"
    return "\nlast stage of each; iterations at other penalties or units are not drawn"


def _named(estimators):
    """Completers by name."""
    if isinstance(estimators, dict):
        return estimators
    if not isinstance(estimators, list | tuple):
        raise TypeError(
            f"estimators must be a dict of fitted completers by name or a list of them; got "
            f"{type(estimators).__name__}. A single one goes to from_estimator."
        )
    classes = [type(estimator).__name__ for estimator in estimators]
    numbers = [classes[: k + 1].count(name) for k, name in enumerate(classes)]
    names = [
        f"{name} {number}" if classes.count(name) > 1 else name
        for name, number in zip(classes, numbers, strict=True)
    ]
    return dict(zip(names, estimators, strict=True))
