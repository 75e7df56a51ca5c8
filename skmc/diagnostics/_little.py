"""Little's test of data that are missing completely at random."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

# Most columns, and rows for each column, that the test takes: its distribution is asymptotic, and
# the covariance has to be known.
MOST_COLUMNS, ROWS_PER_COLUMN = 50, 5
ITERATIONS, SETTLED = 200, 1e-5
# Patterns of holes times the cube of the columns: what an iteration costs.
WORK = 3e7
# Numbers held at a time.
BLOCK = 1 << 21
JITTER = 1e-9


@dataclass(frozen=True)
class LittleTest:
    """Outcome of Little's test.

    Attributes
    ----------
    statistic : float
        Squared distance of the means of the rows with the same holes from what the others say.
    degrees_of_freedom : int
        Of the chi-squared distribution that it has if data are missing completely at random.
    p_value : float
        Chance of a statistic as large; a small one speaks against it.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float


def little_test(X):
    """Little's chi-squared test on an array with NaN, and why there is none if there is none.

    Parameters
    ----------
    X : ndarray, shape (n, m)
        The array.

    Returns
    -------
    test : LittleTest or None
        The outcome.
    reason : str
        Empty, or why there is no outcome.
    """
    mask = ~np.isnan(X)
    X = X[:, mask.any(axis=0)]
    X = X[mask.any(axis=1)]
    mask = ~np.isnan(X)
    n, m = X.shape
    if mask.all():
        return None, "nothing is missing but whole rows and columns"
    if m > MOST_COLUMNS:
        return None, f"{m} columns are more than the {MOST_COLUMNS} that the test takes"
    if n < ROWS_PER_COLUMN * m:
        return None, f"{n} rows are fewer than {ROWS_PER_COLUMN} for each of {m} columns"
    deviation = np.nanstd(X, axis=0)
    if (mask.sum(axis=0) < 2).any() or (deviation == 0).any():
        return None, "some columns are constant or have a single entry"
    patterns, group = np.unique(mask, axis=0, return_inverse=True)
    if len(patterns) * m**3 > WORK:
        return None, f"{len(patterns)} patterns of holes in {m} columns are too many"
    Z = np.where(mask, (X - np.nanmean(X, axis=0)) / deviation, 0.0)
    data = _Grouped(Z, patterns, group.ravel())
    mean, covariance = _normal_fit(data)
    statistic = data.squared_distances(mean, covariance * n / (n - 1))
    freedom = int(patterns.sum()) - m
    if freedom <= 0:
        return None, "there are too few patterns of holes"
    return LittleTest(statistic, freedom, float(chi2.sf(statistic, freedom))), ""


class _Grouped:
    """Rows with holes, which are zero, by their patterns of holes."""

    def __init__(self, Z, patterns, group):
        order = np.argsort(group, kind="stable")
        self.Z, self.group, self.patterns = Z[order], group[order], patterns
        self.copies = np.bincount(group, minlength=len(patterns))

    def parts(self, covariance):
        """Patterns block by block, each with the inverse of its part of the covariance."""
        m = len(covariance)
        step = max(1, BLOCK // (m * m))
        for start in range(0, len(self.patterns), step):
            block = slice(start, start + step)
            seen = self.patterns[block]
            both = seen[:, :, None] & seen[:, None, :]
            # The others stand for themselves, and are taken out again.
            inside = np.where(both, covariance, 0.0) + (1.0 - seen + JITTER)[:, :, None] * np.eye(m)
            yield block, np.where(both, np.linalg.inv(inside), 0.0)

    def squared_distances(self, mean, covariance):
        """Sum over patterns of the squared distance of their means from the given one."""
        total = 0.0
        sums = np.zeros(self.patterns.shape)
        np.add.at(sums, self.group, self.Z)
        gaps = np.where(self.patterns, sums / self.copies[:, None] - mean, 0.0)
        for block, inverse in self.parts(covariance):
            gap = gaps[block]
            total += float(np.einsum("g,gi,gij,gj->", self.copies[block], gap, inverse, gap))
        return total


def _normal_fit(data):
    """Mean and covariance of greatest likelihood of normal data with holes, by EM.

    With K the inverse covariance of what a row has observed, zero elsewhere, and z its distance
    from the mean there, the row is expected at mean + S K z, with covariance S - S K S.
    """
    n, m = data.Z.shape
    mean, covariance = np.zeros(m), np.eye(m)
    for _ in range(ITERATIONS):
        pulls, inverses = np.empty((n, m)), np.zeros((m, m))
        for block, inverse in data.parts(covariance):
            first, last = np.searchsorted(data.group, [block.start, block.stop])
            group = data.group[first:last]
            inverses += np.einsum("g,gij->ij", data.copies[block], inverse)
            step = max(1, BLOCK // (m * m))
            for start in range(first, last, step):
                rows = slice(start, min(start + step, last))
                own = group[start - first : start - first + step]
                z = np.where(data.patterns[own], data.Z[rows] - mean, 0.0)
                pulls[rows] = np.einsum("nij,nj->ni", inverse[own - block.start], z)
        steps = pulls @ covariance
        shift = steps.mean(axis=0)
        rest = covariance - covariance @ (inverses / n) @ covariance
        new = steps.T @ steps / n - np.outer(shift, shift) + rest
        moved = max(np.abs(shift).max(), np.abs(new - covariance).max())
        mean, covariance = mean + shift, new
        if moved <= SETTLED:
            break
    return mean, covariance
