"""Probability that an entry is observed, from the pattern of holes alone."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

# Sweeps at most, and the change of the logits at which they end.
SWEEPS, SETTLED = 500, 1e-10
# Newton steps at most for the effects of rows that were not in the fit, and their end.
STEPS, STANDING = 200, 1e-12
# Penalty of the effects.
RIDGE = 0.1
# Longest Newton step of a logit.
LONGEST = 2.0
# Logits that are formed at a time for the effects of rows that were not in the fit.
CELLS = 1 << 20


@dataclass(frozen=True, eq=False)
class Propensity:
    """The additive logistic model of the chance that entry (i, j) is observed.

    P(observed_ij) = 1 / (1 + exp(-(intercept + a_i + b_j)))

    Parameters
    ----------
    intercept : float
        Logit of an entry of an average row and column.
    rows, columns : ndarrays, shapes (n,) and (m,)
        Row effects a and column effects b.
    log_likelihood : float
        Log-likelihood of the pattern.
    null_log_likelihood : float
        That of one chance for all entries.
    """

    intercept: float
    rows: np.ndarray
    columns: np.ndarray
    log_likelihood: float
    null_log_likelihood: float

    def probability(self, rows, columns):
        """Chance that the entries at some positions are observed."""
        return expit(self.intercept + self.rows[rows] + self.columns[columns])

    def odds(self, rows, columns):
        """Odds (1 - p) / p that the entries at some positions are missing."""
        return np.exp(-(self.intercept + self.rows[rows] + self.columns[columns]))


def fit_propensity(row_counts, column_counts, ridge=RIDGE):
    """Fit the additive logistic model to the numbers of observed entries.

    minimise over intercept, a, b
        sum_ij log(1 + exp(l_ij)) - o_ij l_ij + ridge / 2 (|a|^2 + |b|^2),
        l_ij = intercept + a_i + b_j, o_ij = 1 where observed and 0 elsewhere

    The pattern enters by its row and column counts only, so lines with equal counts have equal
    effects, and it is enough to know one of each: the cost of a sweep is the number of distinct row
    counts times that of distinct column counts, whatever the size of the matrix. Sweeps take a
    Newton step in the intercept, in a and in b in turn; as all cells count, those of a and of b are
    nearly orthogonal, and ten to twenty are usual. Deterministic.

    Parameters
    ----------
    row_counts, column_counts : ndarrays of int, shapes (n,) and (m,)
        Observed entries of each row and column.
    ridge : float, default=0.1
        Positive: the effect of a line that is full or empty would be infinite without it.
    """
    n, m = len(row_counts), len(column_counts)
    total = float(np.sum(row_counts))
    observed, row_of, row_copies = np.unique(row_counts, return_inverse=True, return_counts=True)
    seen, column_of, column_copies = np.unique(
        column_counts, return_inverse=True, return_counts=True
    )
    a, b = np.zeros(observed.size), np.zeros(seen.size)
    share = np.clip(total / (n * m), 0.5 / (n * m), 1.0 - 0.5 / (n * m))
    intercept = float(np.log(share / (1.0 - share)))
    # With all entries observed, or none, no effect tells lines apart.
    for _ in range(SWEEPS if 0 < total < n * m else 0):
        before = intercept, a, b
        p = expit(intercept + np.add.outer(a, b))
        weight = np.outer(row_copies, column_copies)
        curvature = max(float(np.vdot(weight, p * (1.0 - p))), np.finfo(float).tiny)
        intercept += float(np.clip((total - np.vdot(weight, p)) / curvature, -LONGEST, LONGEST))
        p = expit(intercept + np.add.outer(a, b))
        a = a + _newton(observed - p @ column_copies, (p * (1.0 - p)) @ column_copies, a, ridge)
        p = expit(intercept + np.add.outer(a, b))
        b = b + _newton(seen - row_copies @ p, row_copies @ (p * (1.0 - p)), b, ridge)
        # At the minimum both have mean zero; sweeps would be slow to get there.
        for effect, copies in ((a, row_copies), (b, column_copies)):
            mean = float(copies @ effect) / copies.sum()
            effect -= mean
            intercept += mean
        moved = (np.abs(x - y).max() for x, y in zip((intercept, a, b), before, strict=True))
        if max(moved) <= SETTLED:
            break
    logits = intercept + np.add.outer(a, b)
    # Each logit counts as often as its cells, and those of a line as often as it is observed.
    known = total * intercept + row_copies @ (observed * a) + column_copies @ (seen * b)
    likelihood = known - np.vdot(np.outer(row_copies, column_copies), np.logaddexp(0.0, logits))
    null = total * np.log(share) + (n * m - total) * np.log1p(-share)
    return Propensity(intercept, a[row_of], b[column_of], float(likelihood), float(null))


def effects_of_rows(propensity, row_counts, ridge=RIDGE):
    """Effects of any rows, given the intercept and the column effects b of a model.

    minimise over a
        sum_j log(1 + exp(l_j)) - o_j l_j + ridge / 2 a^2,    l_j = intercept + a + b_j

    so that a row like one of the fit has its effect.

    Parameters
    ----------
    propensity : Propensity
        The model.
    row_counts : ndarray of int, shape (n,)
        Observed entries of each row.
    ridge : float, default=0.1
        Penalty of the fit.
    """
    counts, row_of = np.unique(row_counts, return_inverse=True)
    columns, copies = np.unique(propensity.columns, return_counts=True)
    a = np.zeros(counts.size)
    size = max(1, CELLS // max(1, columns.size))
    for start in range(0, counts.size, size):
        part = slice(start, start + size)
        for _ in range(STEPS):
            p = expit(propensity.intercept + np.add.outer(a[part], columns))
            step = _newton(counts[part] - p @ copies, (p * (1.0 - p)) @ copies, a[part], ridge)
            a[part] += step
            if np.abs(step).max() <= STANDING:
                break
    return a[row_of]


def _newton(excess, curvature, effect, ridge):
    return np.clip((excess - ridge * effect) / (curvature + ridge), -LONGEST, LONGEST)
