"""How entries are missing: how many, where, and whether their values may have to do with it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, spearmanr
from scipy.stats import t as student

from skmc._diagnosis._pattern import Pattern
from skmc._propensity import Propensity, fit_propensity
from skmc.diagnostics._data import observed_entries
from skmc.diagnostics._little import LittleTest, little_test
from skmc.diagnostics._report import Report, columns_of_lines
from skmc.diagnostics._structure import pattern_copies, staircase, structure

# Columns up to which all pairs of them are compared.
PAIRED = 200
# Cells up to which a matrix is looked at as an array.
CELLS = 1 << 24
# Chance below which something is said to depend on something.
LEVEL = 0.01
# Columns whose spreads differ by more than this, but for a tenth at either end, have units of their
# own, and their means cannot be compared.
LIKE = 3.0


@dataclass(frozen=True)
class Dependence:
    """A sign that what is missing has to do with what is observed.

    Attributes
    ----------
    missing, value : int
        Where column `missing` has a hole, the values of column `value` are different.
    difference : float
        Mean of these values less that of the others, in standard deviations.
    p_value : float
        Of Welch's test, times the number of pairs that were looked at.
    """

    missing: int
    value: int
    difference: float
    p_value: float


@dataclass(frozen=True, eq=False, repr=False)
class Missingness(Report):
    """What `missingness` returns.

    Attributes
    ----------
    shape : tuple of int
        (n, m).
    fraction : float
        Missing part of all entries.
    missing_in_row, missing_in_column : ndarrays, shapes (n,) and (m,)
        Missing part of each row and column.
    n_patterns : int
        Different sets of columns that rows have observed.
    n_components : int
        Blocks that share neither row nor column: connected components of rows and columns.
    staircase : float
        Part of the observed entries that fit a staircase: with columns in order of their counts,
        each row observes the first ones. 1 is a monotone pattern.
    structure : str
        What holds the holes together: blocks, a staircase, or fewer patterns of rows than columns
        without a link have. Empty if nothing does.
    little : LittleTest or None
        Little's test that entries are missing completely at random; None where it does not apply.
    little_reason : str
        Why it does not.
    row_correlation, column_correlation : tuple of float
        Rank correlation of the mean value of a row (column) with its number of entries, and its p
        value. NaN where there is nothing to compare, as for columns of different units.
    row_reason, column_reason : str
        Why there is none; empty if there is.
    dependences : tuple of Dependence
        Pairs of columns with an adjusted p value below 1 %, the smallest first; empty for more
        columns than are compared.
    n_pairs : int
        How many pairs were compared.
    propensity : Propensity
        Additive logistic model of the chance of being observed, by rows and columns; gives
        ``probability`` and ``odds`` at any positions.
    uniform_p_value : float
        Chance of rows and columns so uneven if all entries were observed with the same chance.
    """

    shape: tuple
    fraction: float
    missing_in_row: np.ndarray
    missing_in_column: np.ndarray
    n_patterns: int
    n_components: int
    staircase: float
    structure: str
    little: LittleTest | None
    little_reason: str
    row_correlation: tuple
    column_correlation: tuple
    row_reason: str
    column_reason: str
    dependences: tuple
    n_pairs: int
    propensity: Propensity
    uniform_p_value: float

    _title = "Missingness"

    @property
    def verdict(self):
        """What the holes look like, in words.

        Without any link between holes and values it claims one in 1 % of tables at most, as far as
        p values are right, whatever the number of tests behind it.

        Returns
        -------
        verdict : str
            A sentence. It begins with "no sign against" if tests were made and found nothing.
        """
        if self.fraction == 0:
            return "nothing is missing"
        # One question, asked by several tests: each has its share of the level (Bonferroni).
        found = [self.row_correlation[1], self.column_correlation[1]]
        found += [self.little.p_value] if self.little is not None else []
        found += [self.dependences[0].p_value] if self.dependences else [1.0]
        n_tests = len(found) - np.count_nonzero(np.isnan(found))
        if any(p < LEVEL / n_tests for p in found):
            return "holes have to do with values: they are not missing completely at random"
        if self.structure:
            return f"structured: {self.structure}; entries are missing together, not one by one"
        correlations = self.row_correlation[1], self.column_correlation[1]
        tested = self.little is not None or self.n_pairs or not np.isnan(correlations).all()
        if self.uniform_p_value < LEVEL:
            values = "no sign that values matter" if tested else "cannot tell whether values matter"
            return f"rows or columns differ in how much is missing; {values}"
        if not tested:
            return "cannot tell whether holes have to do with values: no test applies"
        return "no sign against missing completely at random"

    def _lines(self):
        n, m = self.shape
        spread = "{:.3g} to {:.3g}, median {:.3g}"
        rows, columns = (
            spread.format(x.min(), x.max(), np.median(x))
            for x in (self.missing_in_row, self.missing_in_column)
        )
        little = self.little_reason
        if self.little is not None:
            test = self.little
            little = (
                f"p = {test.p_value:.3g} (chi2 = {test.statistic:.4g}, "
                f"{test.degrees_of_freedom} degrees of freedom)"
            )
        lines = [
            ("matrix", f"{n} x {m}"),
            ("missing", f"{100 * self.fraction:.4g} %"),
            ("verdict", self.verdict),
            ("missing in a row", rows),
            ("missing in a column", columns),
            ("patterns of rows", self.n_patterns),
            ("blocks", self.n_components),
            ("entries in staircase order", f"{100 * self.staircase:.4g} %"),
            ("rows and columns alike", f"p = {self.uniform_p_value:.3g}"),
            ("Little's test", little),
        ]
        for name, (value, p), reason in (
            ("rows: values and counts", self.row_correlation, self.row_reason),
            ("columns: values and counts", self.column_correlation, self.column_reason),
        ):
            lines.append((name, reason or f"rank correlation {value:.3g}, p = {p:.3g}"))
        for found in self.dependences[:3]:
            lines.append(
                (
                    f"where column {found.missing} is missing",
                    f"column {found.value} is {found.difference:+.2g} standard deviations off",
                )
            )
        return lines

    def _columns(self):
        return columns_of_lines(
            self.shape,
            missing=(self.missing_in_row, self.missing_in_column),
            effect=(self.propensity.rows, self.propensity.columns),
        )


def missingness(X):
    """Describe the holes of a matrix and test whether they have to do with its values.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        The matrix with holes, in any form that completers take.

    Returns
    -------
    report : Missingness
        Where entries are missing, tests, and a model of the chance of being observed.

    Raises
    ------
    ValueError
        If nothing is observed.

    Notes
    -----
    Little's test compares the means of rows with the same holes with those of a normal
    distribution fitted to all (by accelerated EM of at most 1000 iterations, in standardised
    columns). It is asymptotic: it wants at least five rows for each of at most 50 columns. Pairs of
    columns are compared by Welch's test, adjusted for their number. No test can see whether a value
    is missing because of itself, given all that is observed: that the verdict finds no sign is no
    proof.

    Holes are structured if at least two connected components have 5 % of the entries each, where
    there are 1.5 entries for each row and column; if all entries fit a staircase that columns
    without a link would make with a chance below 1 %; or if the effective number of patterns of
    rows, one over the chance that two rows agree, is at most half of what such columns would make.
    That alone does not say that values matter.

    The chance of being observed is modelled as 1 / (1 + exp(-(intercept + a_i + b_j))), fitted by
    penalised likelihood to the row and column counts, at a cost of the number of distinct ones.

    Cost: O(nnz) for all else; Little's test and the pairs of columns are for matrices that are
    small enough.

    References
    ----------
    R. Little (1988). A test of missing completely at random for multivariate data with missing
    values. Journal of the American Statistical Association 83.
    https://doi.org/10.1080/01621459.1988.10478722

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.diagnostics import missingness
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> X[X[:, 0] > 0.5, 1] = np.nan
    >>> missingness(X).verdict
    'holes have to do with values: they are not missing completely at random'
    """
    observed = observed_entries(X)
    pattern = Pattern.of(observed)
    (n, m), counts = pattern.shape, pattern.counts
    values = observed.rows.values.astype(np.float64)
    standardized = _standardized(pattern, values)
    small = n * m <= CELLS
    dense = None
    if small:
        dense = np.full((n, m), np.nan)
        dense[pattern.rows, pattern.columns] = standardized
    little, reason = None, f"{n} x {m} entries are more than the test takes"
    if small:
        little, reason = little_test(dense)
    copies, part = pattern_copies(pattern), staircase(pattern)
    rows, row_reason = _correlation("rows", pattern.rows, standardized, counts[0])
    columns, column_reason = _column_correlation(pattern, values)
    dependences, n_pairs = _dependences(dense) if small and m <= PAIRED else ((), 0)
    return Missingness(
        shape=(n, m),
        fraction=1.0 - pattern.nnz / (n * m),
        missing_in_row=1.0 - counts[0] / m,
        missing_in_column=1.0 - counts[1] / n,
        n_patterns=copies.size,
        n_components=int(max(part.max() for part in pattern.components)) + 1,
        staircase=part,
        structure=structure(pattern, copies, part),
        little=little,
        little_reason=reason,
        row_correlation=rows,
        column_correlation=columns,
        row_reason=row_reason,
        column_reason=column_reason,
        dependences=dependences,
        n_pairs=n_pairs,
        propensity=fit_propensity(*counts),
        uniform_p_value=_uniform_p_value(counts),
    )


def _standardized(pattern, values):
    """Values in standard deviations from the mean of their column; 0 in constant ones."""
    m, counts = pattern.shape[1], np.maximum(pattern.counts[1], 1)
    mean = np.bincount(pattern.columns, values, minlength=m) / counts
    values = values - mean[pattern.columns]
    deviation = np.sqrt(np.bincount(pattern.columns, values**2, minlength=m) / counts)
    constant = deviation <= 1e-12 * np.abs(mean)
    deviation[constant] = np.inf
    return values / deviation[pattern.columns]


def _correlation(kind, lines, values, counts):
    """Rank correlation of the means of lines with their counts and its p value, or why not."""
    seen = counts > 0
    means = np.bincount(lines, values, minlength=counts.size)[seen] / counts[seen]
    reason = ""
    if means.size < 3:
        reason = f"not compared: fewer than three {kind} have entries"
    elif np.ptp(counts[seen]) == 0:
        reason = f"not compared: all {kind} have {counts.max()} entries"
    elif np.ptp(means) == 0:
        reason = f"not compared: all {kind} have the same mean"
    if reason:
        return (float("nan"), float("nan")), reason
    found = spearmanr(means, counts[seen])
    return (float(found.statistic), float(found.pvalue)), ""


def _column_correlation(pattern, values):
    """The same for columns, unless their spreads say that they have units of their own."""
    counts = pattern.counts[1]
    seen = counts > 1
    safe = np.maximum(counts, 1)
    mean = np.bincount(pattern.columns, values, minlength=counts.size) / safe
    square = np.bincount(
        pattern.columns, (values - mean[pattern.columns]) ** 2, minlength=counts.size
    )
    spreads = np.sqrt(square / safe)[seen]
    unlike = spreads.size and np.quantile(spreads, 0.9) > LIKE * np.quantile(spreads, 0.1)
    if unlike:
        reason = (
            f"not compared: spreads of columns differ more than {LIKE:.3g} times: units may differ"
        )
        return (float("nan"), float("nan")), reason
    return _correlation("columns", pattern.columns, values, counts)


def _uniform_p_value(counts):
    """Chi-squared test that counts of rows and columns are those of equal chances."""
    n, m = (c.size for c in counts)
    share = counts[0].sum() / (n * m)
    if not 0 < share < 1:
        return 1.0
    statistic = sum(
        float(np.sum((c - other * share) ** 2)) / (other * share * (1.0 - share))
        for c, other in zip(counts, (m, n), strict=True)
    )
    return float(chi2.sf(statistic, n + m - 2)) if n + m > 2 else 1.0


def _dependences(X):
    """Welch's test of each column where each other one is missing against where it is not.

    What is found, and the number of pairs with enough rows of both kinds.
    """
    hole = np.isnan(X)
    seen, filled = ~hole, np.where(hole, 0.0, X)
    sides = []
    for where in (hole, seen):
        where = where.astype(np.float64)
        count, total, square = (where.T @ part for part in (seen, filled, filled**2))
        safe = np.maximum(count, 1.0)
        variance = (square - total**2 / safe) / np.maximum(count - 1.0, 1.0)
        sides.append((count, total / safe, np.maximum(variance, 0.0) / safe))
    (n1, mean1, v1), (n2, mean2, v2) = sides
    usable = (n1 >= 5) & (n2 >= 5) & (v1 > 0) & (v2 > 0)
    pairs = int(np.count_nonzero(usable))
    v1, v2 = np.where(usable, v1, 1.0), np.where(usable, v2, 1.0)
    n1, n2 = np.where(usable, n1, 2.0), np.where(usable, n2, 2.0)
    freedom = (v1 + v2) ** 2 / (v1**2 / (n1 - 1.0) + v2**2 / (n2 - 1.0))
    difference = mean1 - mean2
    p = np.where(usable, 2.0 * student.sf(np.abs(difference) / np.sqrt(v1 + v2), freedom), 1.0)
    p = np.minimum(p * max(pairs, 1), 1.0)
    order = np.argsort(p, axis=None, kind="stable")[: np.count_nonzero(p < LEVEL)]
    found = tuple(
        Dependence(int(j), int(k), float(difference[j, k]), float(p[j, k]))
        for j, k in zip(*np.unravel_index(order, p.shape), strict=True)
    )
    return found, pairs
