"""Weighted split conformal prediction of missing entries."""

from dataclasses import dataclass, replace

import numpy as np

from skmc._propensity import Propensity, effects_of_rows, fit_propensity

# Rounding of sums of odds, which may stand exactly at the level that is asked for.
ROUNDING = 1e-12
# Cells whose quantiles are looked up at a time.
CELLS = 1 << 20


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of calibration entries, and how much each counts for what is missing.

    Parameters
    ----------
    scores : ndarray of float64, shape (k,)
        Ascending scores of the calibration entries.
    cumulative : ndarray of float64, shape (k,)
        Cumulative sums of their odds to be missing.
    alpha : float
        Part of the missing entries that may lie outside.
    """

    scores: np.ndarray
    cumulative: np.ndarray
    alpha: float

    @classmethod
    def of(cls, scores, odds, alpha):
        """Sort scores."""
        order = np.argsort(scores, kind="stable")
        scores = scores[order].astype(np.float64)
        return cls(scores, np.cumsum(odds[order], dtype=np.float64), float(alpha))

    def at(self, alpha):
        """The same scores for intervals that may miss another part of the missing entries."""
        return replace(self, alpha=float(alpha))

    @property
    def total(self):
        """Sum of the odds of all calibration entries."""
        return float(self.cumulative[-1]) if self.cumulative.size else 0.0

    @property
    def largest_odds(self):
        """Odds beyond which a missing entry could have any score."""
        return self.total / ((1.0 - self.alpha) * (1.0 - ROUNDING)) - self.total

    def quantile(self, odds):
        """Quantile of the scores for missing entries, each with its odds to be missing.

        The smallest score q with sum_{s_k <= q} h_k >= (1 - alpha) (sum_k h_k + h), where h are the
        odds of the missing entry itself, whose score could be infinite: the weighted quantile of
        [1]_. Infinite where no score is large enough.

        Parameters
        ----------
        odds : ndarray of any shape
            Odds h.

        References
        ----------
        .. [1] Tibshirani, R. J., Barber, R. F., Candes, E. J. and Ramdas, A. (2019). Conformal
           prediction under covariate shift. NeurIPS. arXiv:1904.06019.
        """
        level = (1.0 - self.alpha) * (1.0 - ROUNDING) * (self.total + odds)
        return np.append(self.scores, np.inf)[np.searchsorted(self.cumulative, level)]


def fit_pattern(kind, observed):
    """Model of the pattern of an observed set.

    Parameters
    ----------
    kind : {"row_column", "uniform"}
        Effects of rows and columns, or one chance for all entries, of which only ratios matter.
    observed : ObservedMatrix
        The set.
    """
    if kind == "row_column":
        return fit_propensity(observed.row_counts, observed.column_counts)
    return Propensity(0.0, *(np.zeros(size) for size in observed.shape), 0.0, 0.0)


def row_effects(kind, propensity, row_counts):
    """Effects of any rows in a model of the pattern, from their counts.

    Parameters
    ----------
    kind : {"row_column", "uniform"}
        The kind of model.
    propensity : Propensity
        The model, whose intercept and column effects b stand.
    row_counts : ndarray of int, shape (n,)
        Observed entries of each row.
    """
    if kind == "uniform":
        return np.zeros(row_counts.size)
    return effects_of_rows(propensity, row_counts)


def multiply_by_quantiles(width, calibration, propensity, effects):
    """Multiply all entries of rows with their quantiles, in place.

    Parameters
    ----------
    width : ndarray of float, shape (n, m)
        What the errors are measured by.
    calibration : Calibration
        The scores.
    propensity : Propensity
        Model of the pattern.
    effects : ndarray, shape (n,)
        Effects of the rows in it.
    """
    step = max(1, CELLS // width.shape[1])
    for start in range(0, width.shape[0], step):
        part = slice(start, start + step)
        logits = propensity.intercept + np.add.outer(effects[part], propensity.columns)
        width[part] *= calibration.quantile(np.exp(-logits))


def count_beyond(propensity, limit, rows, columns):
    """Number of cells that are not observed and have odds above a limit.

    Parameters
    ----------
    propensity : Propensity
        Model of the pattern.
    limit : float
        The limit.
    rows, columns : ndarrays of int, shape (nnz,)
        The cells that are observed.
    """
    if limit <= 0:
        n, m = propensity.rows.size, propensity.columns.size
        return n * m - rows.size
    bound = -np.log(limit) - propensity.intercept
    below = np.searchsorted(np.sort(propensity.columns), bound - propensity.rows)
    seen = propensity.rows[rows] + propensity.columns[columns] < bound
    return int(below.sum()) - int(np.count_nonzero(seen))
