"""Singular values of a fit, and of what it leaves."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds
from sklearn.utils.validation import check_is_fitted

from skmc._factors import Factors
from skmc.plotting._axes import axes_for, tidy

# Singular values of the residual that are shown.
_N_RESIDUAL = 10


class SpectrumDisplay:
    """Singular values of a fitted model, its effective rank, and what it has cut off.

    The model is the completed matrix without offsets, in the standardised units of the fit. What it
    has cut off is the residual on the observed entries, zero elsewhere, over the fraction of
    entries that is observed: as large as a component of the whole matrix would be that shows up
    like that. Where the fit has separated signal from noise, there is a step between the two, the
    gap. The level of the noise is the largest singular value of the residual with random signs,
    which have no component [2]_: what the residual has above it was cut off too soon, and what the
    model has below it is hard to tell from noise.

    Create it with `from_estimator`.

    Parameters
    ----------
    singular_values : ndarray of shape (rank,)
        Singular values of the model, decreasing.
    residual_singular_values : ndarray of shape (k,)
        The leading ones of the residual, decreasing.
    noise_level : float or None, default=None
        The largest one of the residual with random signs.

    Attributes
    ----------
    gap : float
        The last singular value of the model over the first of the residual; above 1 there is a
        step. NaN if one of the two has none.
    effective_rank : float
        exp of the entropy of the singular values divided by their sum [1]_: the number of
        components if all are alike, less if some are small.
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        The figure.

    References
    ----------
    .. [1] Roy, O. and Vetterli, M. (2007). The effective rank: a measure of effective
       dimensionality. EUSIPCO, 606-610.
    .. [2] Hong, D., Sheng, Y. and Dobriban, E. (2020). Selecting the number of components in PCA
       via random signflips. arXiv:2012.02985.

    Examples
    --------
    >>> from skmc import ALSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.plotting import SpectrumDisplay
    >>> X = make_low_rank(100, 40, 3, noise=0.1, random_state=0).X
    >>> display = SpectrumDisplay.from_estimator(ALSCompleter(rank=3).fit(X), X)
    >>> round(display.effective_rank, 1)
    3.0
    """

    def __init__(self, singular_values, residual_singular_values, noise_level=None):
        self.singular_values = singular_values
        self.residual_singular_values = residual_singular_values
        self.noise_level = noise_level

    @property
    def gap(self):
        """Step from the model to what it leaves.

        Returns
        -------
        gap : float
            Ratio of the last singular value of the one to the first of the other.
        """
        left = self.residual_singular_values
        if not len(self.singular_values) or not len(left) or left[0] <= 0:
            return float("nan")
        return float(self.singular_values[-1] / left[0])

    @property
    def effective_rank(self):
        """Effective rank of the model.

        Returns
        -------
        effective_rank : float
            Exponential of the entropy of the normalised singular values.
        """
        share = self.singular_values[self.singular_values > 0].astype(np.float64)
        if not share.size:
            return 0.0
        share = share / share.sum()
        return float(np.exp(-(share * np.log(share)).sum()))

    @classmethod
    def from_estimator(cls, estimator, X, *, ax=None):
        """Compute and draw the spectrum of a fit.

        Parameters
        ----------
        estimator : completer
            A completer fitted to X.
        X : {array-like, dataframe, sparse matrix} of shape (n_rows, n_columns)
            The matrix of the fit.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SpectrumDisplay
            The display. Cost: O((n + m) rank^2), and some products with the observed entries.
        """
        check_is_fitted(estimator, "components_")
        factors = Factors(estimator.row_factors(X), np.ascontiguousarray(estimator.components_.T))
        values = factors.singular_values()[: estimator.rank_]
        return cls(values, *_residual_spectrum(estimator, X)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the spectrum.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where; None makes a figure.

        Returns
        -------
        display : SpectrumDisplay
            The display.
        """
        (ax,) = axes_for(self, ax)
        rank, n_left = len(self.singular_values), len(self.residual_singular_values)
        model = np.arange(1, rank + 1)
        ax.vlines(model, 0, self.singular_values, color="C0", alpha=0.4, linewidth=2)
        ax.plot(model, self.singular_values, "o", color="C0", label=f"model, rank {rank}")
        left = rank + np.arange(1, n_left + 1)
        ax.plot(left, self.residual_singular_values, "x", color="C3", label="left in the residual")
        gap = "" if np.isnan(self.gap) else f", a step by a factor of {self.gap:.2g}"
        ax.axvline(rank + 0.5, color="0.3", linestyle="--", linewidth=1, label=f"cut{gap}")
        if self.noise_level is not None:
            ax.axhline(self.noise_level, color="C3", linestyle=":", linewidth=1.2,
                       label="level of the noise")  # fmt: skip
        ax.axvspan(0, self.effective_rank, color="C0", alpha=0.08, linewidth=0,
                   label=f"effective rank {self.effective_rank:.1f}")  # fmt: skip
        ax.set(xlabel="component", ylabel="singular value, standardised units")
        ax.set_xlim(0, rank + n_left + 1)
        ax.set_ylim(bottom=0)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _residual_spectrum(estimator, X):
    """Leading singular values of the residual over the fraction observed, and the noise level."""
    observed = estimator._validate(X)
    rows, columns = observed.rows_and_columns()
    residual = observed.rows.values - estimator.predict_entries(rows, columns)
    residual = residual.astype(np.float64) / estimator.scale_[columns]
    k = min(_N_RESIDUAL, min(observed.shape) - 1)
    if k < 1 or not residual.any():
        return np.zeros(max(k, 0)), None
    rng = np.random.default_rng(0)
    fraction = observed.nnz / np.prod(observed.shape, dtype=np.float64)
    start = rng.standard_normal(min(observed.shape))
    spectra = []
    for signs, number in ((1.0, k), (rng.choice([-1.0, 1.0], residual.size), 1)):
        matrix = sparse.csr_array((residual * signs, (rows, columns)), shape=observed.shape)
        values = svds(matrix, number, v0=start, return_singular_vectors=False)
        spectra.append(np.sort(values)[::-1] / fraction)
    return spectra[0], float(spectra[1][0])
