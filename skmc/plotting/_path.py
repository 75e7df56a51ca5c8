"""Held-out error along a path of penalties."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc.plotting._axes import axes_for, plain_logarithmic, pyplot, tidy


class PathDisplay:
    """Held-out error along the path of a completer that chooses by cross-validation.

    The error is 1 - R^2: the part of the variance of held-out entries that is not explained. A
    line for each rank (`ALSCompleterCV`) or fraction of the penalty (`SoftImputeCompleterCV`) shows
    the mean over the folds, its band one standard error either way, a star what was chosen. The
    path is followed only as far as it brings something.

    Create it with `from_estimator`.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    errors : dict of str to ndarray of shape (n_alphas, n_folds)
        Held-out error of each line, NaN where nothing was tried.
    chosen : tuple of str and int, or None
        Name of a line and position of a penalty: what was chosen; None if that is not on the path,
        as offsets alone did as well.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        The figure.

    Examples
    --------
    >>> from skmc import ALSCompleterCV
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.plotting import PathDisplay
    >>> X = make_low_rank(100, 40, 3, noise=0.1, random_state=0).X
    >>> display = PathDisplay.from_estimator(ALSCompleterCV(n_alphas=10).fit(X))
    >>> display.chosen[0]
    'rank 3'
    """

    def __init__(self, alphas, errors, chosen=None):
        self.alphas = alphas
        self.errors = errors
        self.chosen = chosen

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the path of a fitted completer.

        Parameters
        ----------
        estimator : ALSCompleterCV or SoftImputeCompleterCV
            A fitted completer with `score_path_`.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : PathDisplay
            The display.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "score_path_"):
            raise TypeError(
                f"{type(estimator).__name__} has no path; pass a fitted ALSCompleterCV or "
                "SoftImputeCompleterCV."
            )
        errors = 1.0 - np.asarray(estimator.score_path_, dtype=np.float64)
        alphas, alpha = np.asarray(estimator.alphas_), estimator.alpha_
        if hasattr(estimator, "ranks_"):
            names, name = [f"rank {r}" for r in estimator.ranks_], f"rank {estimator.rank_}"
        else:
            errors = np.moveaxis(errors, 1, 0)
            relaxations = np.sort(np.asarray(estimator.relaxations, dtype=np.float64))[::-1]
            names = [f"penalty x {r:.3g}" for r in relaxations]
            name, alpha = f"penalty x {estimator.relaxation_:.3g}", alpha / estimator.relaxation_
        lines = dict(zip(names, errors, strict=True))
        at = int(np.abs(np.log(alphas / alpha)).argmin()) if alpha > 0 else -1
        on_path = estimator.rank_ > 0 and name in lines and np.isfinite(lines[name][at]).any()
        return cls(alphas, lines, (name, at) if on_path else None).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.

        Returns
        -------
        display : PathDisplay
            The display.
        """
        (ax,) = axes_for(self, ax, figsize=(6.4, 4.6))
        tried = {name: e for name, e in self.errors.items() if np.isfinite(e).any()}
        colours = pyplot(self).get_cmap("viridis")(np.linspace(0, 0.9, max(len(tried), 1)))
        for (name, errors), colour in zip(tried.items(), colours, strict=False):
            there = np.isfinite(errors).all(axis=1)
            x, part = self.alphas[there], errors[there]
            mean, spread = part.mean(axis=1), _standard_error(part)
            ax.plot(x, mean, "o-", color=colour, markersize=3, label=name)
            ax.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        if self.chosen is not None:
            name, at = self.chosen
            best = self.errors[name][at].mean()
            ax.plot(self.alphas[at], best, "*", color="C3", markersize=15, label="chosen", zorder=5)
        ax.set(xscale="log", yscale="log", xlabel="penalty", ylabel="held-out error, 1 - R²")
        plain_logarithmic(ax.xaxis)
        plain_logarithmic(ax.yaxis)
        ax.invert_xaxis()
        ax.legend(fontsize="small")
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _standard_error(errors):
    """Standard error of the mean over the folds; zero for a single one."""
    n_folds = errors.shape[1]
    return errors.std(axis=1, ddof=min(1, n_folds - 1)) / np.sqrt(n_folds)
