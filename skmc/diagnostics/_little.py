"""Little's test of data that are missing completely at random."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

# Most columns, and rows for each column, that the test takes: its distribution is asymptotic, and
# the covariance has to be known.
MOST_COLUMNS, ROWS_PER_COLUMN = 50, 5
ITERATIONS, SETTLED = 1000, 1e-5
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


@dataclass(frozen=True)
class _Part:
    """Patterns with as many holes each, and their rows, next to each other.

    `inner` has the missing columns of each pattern, or if these are more than half the observed
    ones: the smaller set, whose block of a matrix is inverted. `own` has the patterns of the rows.
    """

    patterns: slice
    rows: slice
    own: np.ndarray
    inner: np.ndarray
    by_missing: bool


class _Grouped:
    """Rows with holes, which are zero, by their patterns of holes, those with few holes first."""

    def __init__(self, Z, patterns, group):
        by_size = np.argsort((~patterns).sum(axis=1), kind="stable")
        place = np.argsort(by_size)
        order = np.argsort(place[group], kind="stable")
        self.Z, self.group, self.patterns = Z[order], place[group][order], patterns[by_size]
        self.copies = np.bincount(group, minlength=len(patterns))[by_size]
        self.parts = list(self._parts())

    def _parts(self):
        m = self.patterns.shape[1]
        holes = (~self.patterns).sum(axis=1)
        for k in np.unique(holes):
            first, last = np.searchsorted(holes, [k, k + 1])
            by_missing = bool(2 * k <= m)
            size = max(1, int(min(k, m - k)))
            step = max(1, BLOCK // (size * size))
            for start in range(first, last, step):
                block = slice(start, min(start + step, last))
                seen = self.patterns[block]
                inner = np.nonzero(seen != by_missing)[1].reshape(len(seen), -1)
                yield from self._rows_of(block, inner, by_missing, step)

    def _rows_of(self, block, inner, by_missing, step):
        """One part, or several if its patterns have more rows than are looked at together."""
        first, last = np.searchsorted(self.group, [block.start, block.stop])
        for start in range(first, last, step):
            rows = slice(start, min(start + step, last))
            own = self.group[rows]
            used = slice(int(own[0]), int(own[-1]) + 1)
            held = inner[used.start - block.start : used.stop - block.start]
            yield _Part(used, rows, own - used.start, held, by_missing)

    def squared_distances(self, mean, covariance):
        """Sum over patterns of the squared distance of their means from the given one."""
        m = len(mean)
        sums = np.zeros(self.patterns.shape)
        np.add.at(sums, self.group, self.Z)
        gaps = np.where(self.patterns, sums / self.copies[:, None] - mean, 0.0)
        covariance = covariance + JITTER * np.eye(m)
        counts, total = self.patterns.sum(axis=1), 0.0
        for count in np.unique(counts):
            same = np.flatnonzero(counts == count)
            step = max(1, BLOCK // (m * m))
            for start in range(0, same.size, step):
                block = same[start : start + step]
                columns = np.nonzero(self.patterns[block])[1].reshape(block.size, -1)
                gap = np.take_along_axis(gaps[block], columns, axis=1)
                solved = np.linalg.solve(_blocks(covariance, columns), gap[:, :, None])[:, :, 0]
                total += float(self.copies[block] @ np.einsum("gi,gi->g", gap, solved))
        return total


def _blocks(matrix, columns):
    """Blocks of a matrix at sets of as many columns each."""
    return matrix[columns[:, :, None], columns[:, None, :]]


def _normal_fit(data):
    """Mean and covariance of greatest likelihood of normal data with holes.

    EM, of which two steps are extrapolated as in Varadhan and Roland (2008),
    https://doi.org/10.1111/j.1467-9469.2007.00585.x, until a step moves nothing by more than
    `SETTLED`. An extrapolation is taken back if it is no covariance, or if it is further from
    standing still than its start.
    """
    m = data.Z.shape[1]
    start = np.vstack([np.zeros(m), np.eye(m)])
    first = second = start
    shortest, done = np.inf, 0
    while done < ITERATIONS:
        try:
            first = _em_step(data, start)
        except np.linalg.LinAlgError:
            start, shortest = second, np.inf
            first = _em_step(data, start)
        once = first - start
        moved = np.linalg.norm(once)
        done += 1
        if np.abs(once).max() <= SETTLED:
            return first[0], first[1:]
        if moved > shortest:
            start, shortest = second, np.inf
            continue
        second = _em_step(data, first)
        twice = second - first
        done += 1
        if np.abs(twice).max() <= SETTLED:
            break
        bend = np.linalg.norm(twice - once)
        length = max(1.0, moved / bend) if bend > 0 else 1.0
        start = start + 2.0 * length * once + length**2 * (twice - once)
        shortest = moved
    return second[0], second[1:]


def _em_step(data, point):
    """Mean, and covariance below it, from those of the last step.

    With S the covariance, P its inverse, z the distance of a row from the mean where it is
    observed and zero elsewhere, missing entries M are expected at -B (P z)_M with covariance
    B = (P_MM)^-1. With the inverse A of S at the observed entries O, the same row is expected at
    S A z, with covariance S - S A S. What has fewer columns is inverted.
    """
    n, m = data.Z.shape
    mean, covariance = point[0], point[1:]
    wide = covariance + JITTER * np.eye(m)
    root = np.linalg.inv(np.linalg.cholesky(wide))
    precision = root.T @ root
    z = np.where(data.patterns[data.group], data.Z - mean, 0.0)
    steps, rest = np.empty((n, m)), np.zeros((m, m))
    for part in data.parts:
        own, inner, rows = part.own, part.inner, z[part.rows]
        inverse = np.linalg.inv(_blocks(precision if part.by_missing else wide, inner))
        copies = np.bincount(own, minlength=len(inner))
        at = inner[:, :, None] * m + inner[:, None, :]
        weighted = copies[:, None, None] * inverse
        total = np.bincount(at.ravel(), weighted.ravel(), minlength=m * m).reshape(m, m)
        line, column = np.arange(len(rows))[:, None], inner[own]
        right = (rows @ precision if part.by_missing else rows)[line, column]
        solved = np.zeros_like(rows)
        solved[line, column] = np.einsum("nij,nj->ni", inverse[own], right)
        if part.by_missing:
            steps[part.rows] = rows - solved
            rest += total
        else:
            steps[part.rows] = solved @ covariance
            rest += len(rows) * covariance - covariance @ total @ covariance
    shift = steps.mean(axis=0)
    new = (steps.T @ steps + rest) / n - np.outer(shift, shift)
    return np.vstack([mean + shift, (new + new.T) / 2])
