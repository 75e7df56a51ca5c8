"""Holes that come together: blocks, staircases and few patterns of rows."""

import numpy as np

# Part of the entries from which a connected component is a block, and no line that strayed.
BLOCK_SHARE = 0.05
# Entries for each row and column from which chance alone leaves no blocks.
ENTRIES_PER_LINE = 1.5
# Chance below which columns without a link would make a staircase.
LEVEL = 0.01
# Rows coincide more than those of columns without a link by this factor, and by so many standard
# deviations.
FACTOR, DEVIATIONS = 2.0, 5.0


def pattern_copies(pattern):
    """Number of rows with each set of columns; sums of random 64-bit numbers stand for the sets.

    Parameters
    ----------
    pattern : Pattern
        Where entries are observed.

    Returns
    -------
    copies : ndarray of int, shape (n_patterns,)
        The numbers.
    """
    n, m = pattern.shape
    keys = np.random.default_rng(0).integers(0, 2**63, m, dtype=np.uint64)
    sums = np.zeros(n, np.uint64)
    np.add.at(sums, pattern.rows, keys[pattern.columns])
    return np.unique(sums, return_counts=True)[1]


def staircase(pattern):
    """Part of the entries that fit a staircase; 1 if each row observes the fullest columns.

    Parameters
    ----------
    pattern : Pattern
        Where entries are observed.

    Returns
    -------
    part : float
        The part.
    """
    place = np.empty(pattern.shape[1], np.int64)
    place[np.argsort(-pattern.counts[1], kind="stable")] = np.arange(pattern.shape[1])
    return float(np.mean(place[pattern.columns] < pattern.counts[0][pattern.rows]))


def structure(pattern, copies, part):
    """What holds the holes together, in words.

    Parameters
    ----------
    pattern : Pattern
        Where entries are observed.
    copies : ndarray of int
        Of `pattern_copies`.
    part : float
        Of `staircase`.

    Returns
    -------
    found : str
        Empty if there is nothing of the kind.
    """
    entries = np.bincount(pattern.components[0][pattern.rows])
    blocks = np.count_nonzero(entries >= BLOCK_SHARE * pattern.nnz)
    lines = sum(np.count_nonzero(counts) for counts in pattern.counts)
    if blocks > 1 and pattern.nnz >= ENTRIES_PER_LINE * lines:
        return f"{blocks} blocks without a common row or column"
    n = pattern.shape[0]
    observed = pattern.counts[1] / n
    if part == 1.0 and _chance_of_staircase(observed, n) < LEVEL:
        return "a staircase of rows and columns"
    if _rows_coincide(observed, copies):
        return f"{copies.size} patterns of rows, fewer than columns without a link have"
    return ""


def _chance_of_staircase(observed, n):
    """Bound on the chance that in none of n rows a column is observed and a fuller one is not.

    `observed` has the chances of the columns, without a link between them. The bound is that for
    the pair of columns with which it is smallest.
    """
    falling = np.sort(observed)[::-1]
    # The least full of the fuller columns is the one before.
    against = np.max((1.0 - falling[:-1]) * falling[1:], initial=0.0)
    return float((1.0 - against) ** n)


def _rows_coincide(observed, copies):
    """Whether more pairs of rows have the same holes than if columns had no link.

    The chance that two rows agree is then q = prod_j (p_j^2 + (1 - p_j)^2), that two rows agree
    with a third prod_j (p_j^3 + (1 - p_j)^3), from which the variance of the part of the pairs
    follows as that of a U-statistic.
    """
    n = copies.sum()
    if n < 3:
        return False
    found = float(copies @ (copies - 1.0)) / (n * (n - 1.0))
    two, three = (np.prod(observed**k + (1.0 - observed) ** k) for k in (2, 3))
    variance = (4.0 * (n - 2) * (three - two**2) + 2.0 * two * (1.0 - two)) / (n * (n - 1.0))
    # n^2 over the sum of the squared copies is an effective number of patterns.
    fewer = 1.0 + (n - 1) * found >= FACTOR * (1.0 + (n - 1) * two)
    return bool(fewer and found - two > DEVIATIONS * np.sqrt(max(variance, 0.0)))
