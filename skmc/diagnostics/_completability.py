"""Whether the observed positions can determine a matrix of some rank at all."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from skmc._diagnosis._enough import Part, degrees_of_freedom, largest_rank
from skmc._diagnosis._identifiable import Identifiable, lost_lines
from skmc._diagnosis._motions import find_motions
from skmc._diagnosis._pattern import Pattern
from skmc.diagnostics._data import observed_entries
from skmc.diagnostics._report import Report, as_text, columns_of_lines

# Entries times rank up to which the largest rank is found by trying.
SEARCHED = 2_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Completability(Report):
    """What `completability` returns.

    Attributes
    ----------
    rank : int
        Rank r that was asked about.
    center : bool
        Whether columns have offsets besides.
    shape : tuple of int
        (n, m).
    n_entries : int
        Observed entries.
    degrees_of_freedom : int
        r (n + m - r), the dimension of the matrices of rank r; with offsets r (n - 1 + m - r) + m.
    oversampling : float
        Observed entries per degree of freedom; below 1 nothing can be unique.
    row_counts, column_counts : ndarrays of int, shapes (n,) and (m,)
        Observed entries of each row and column; fewer than r leave its factor open, in columns
        with offsets fewer than r + 1.
    n_components : int
        Connected components of the graph whose edges, from rows to columns, are the entries.
    core_shape : tuple of int
        Rows and columns of the r-core: what is left when lines with fewer than r entries in it
        (columns with offsets: r + 1) are taken out until none has.
    jacobian_rank : int
        Generic rank of the derivative of the observed entries by the factors; a lower bound
        unless `decided`.
    completable : bool
        Whether that is the number of degrees of freedom: then almost every matrix of rank r is the
        only one near it with its observed entries, and there are finitely many others.
    decided : bool
        Whether rank and entries are sure. If not, the iteration behind them has not settled, and
        some entries that are determined may be taken for free; not the reverse.
    identifiable : Identifiable
        ``identifiable(rows, cols)`` tells which entries are determined.
    fraction_identifiable : float
        Part of all n m entries that is determined; an estimate from a sample if `free_in_row` is
        None.
    free_in_row, free_in_column : ndarrays of int, shapes (n,) and (m,), or None
        Missing entries of each row and column that are not determined; None for matrices too
        large to look at all of them.
    rows, columns : ndarrays of int
        Rows and columns none of whose missing entries is determined, those with too few entries
        if `free_in_row` is None. Empty ones are among them.
    largest_rank : int
        Largest rank at which the pattern is completable, 0 if there is none.
    largest_rank_exact : bool
        Whether that is so, or only an upper bound by counting entries.
    """

    rank: int
    center: bool
    shape: tuple
    n_entries: int
    degrees_of_freedom: int
    oversampling: float
    row_counts: np.ndarray
    column_counts: np.ndarray
    n_components: int
    core_shape: tuple
    jacobian_rank: int
    completable: bool
    decided: bool
    identifiable: Identifiable
    fraction_identifiable: float
    free_in_row: np.ndarray | None
    free_in_column: np.ndarray | None
    rows: np.ndarray
    columns: np.ndarray
    largest_rank: int
    largest_rank_exact: bool

    _title = "Completability"

    @property
    def empty_rows(self):
        """Rows without an observed entry.

        Returns
        -------
        rows : ndarray of int
            Their numbers.
        """
        return np.flatnonzero(self.row_counts == 0)

    @property
    def empty_columns(self):
        """Columns without an observed entry.

        Returns
        -------
        columns : ndarray of int
            Their numbers.
        """
        return np.flatnonzero(self.column_counts == 0)

    def entries(self, limit=100):
        """Positions of entries that are not determined.

        Parameters
        ----------
        limit : int, default=100
            Number of positions at most.

        Returns
        -------
        rows, cols : ndarrays of int
            The first ones, row by row.
        """
        n, m = self.shape
        found, number = [], 0
        candidates = np.arange(n)
        if self.free_in_row is not None:
            candidates = np.flatnonzero(self.free_in_row)
        for i in candidates:
            j = np.flatnonzero(~self.identifiable(np.full(m, i), np.arange(m)))
            found.append(np.stack([np.full(j.size, i), j]))
            number += j.size
            if number >= limit:
                break
        rows, cols = np.hstack([np.zeros((2, 0), np.int64), *found])[:, :limit]
        return rows, cols

    def _lines(self):
        n, m = self.shape
        verdict = "completable" if self.completable else "not completable"
        if not (self.completable or self.decided or self.largest_rank < self.rank):
            verdict = "not settled: the entries are too scarce for the iteration"
        least = self.row_counts.min(), self.column_counts.min()
        bound = "" if self.largest_rank_exact else "at most "
        least_sure = "" if self.decided else "at least "
        return [
            ("matrix", f"{n} x {m}, {self.n_entries} entries observed"),
            ("at rank", f"{self.rank} and column offsets" if self.center else self.rank),
            ("verdict", verdict),
            ("degrees of freedom", self.degrees_of_freedom),
            ("entries per degree of freedom", self.oversampling),
            ("fewest entries in a row, a column", f"{least[0]}, {least[1]}"),
            ("rows without an entry", self.empty_rows),
            ("columns without an entry", self.empty_columns),
            ("connected components", self.n_components),
            ("core of lines with enough entries", "{} x {}".format(*self.core_shape)),
            ("rank of the Jacobian", f"{least_sure}{as_text(self.jacobian_rank)}"),
            ("entries determined", f"{least_sure}{100 * self.fraction_identifiable:.4g} %"),
            ("rows without a determined hole", self.rows),
            ("columns without a determined hole", self.columns),
            ("largest completable rank", f"{bound}{self.largest_rank}"),
        ]

    def _columns(self):
        known = {"n_entries": (self.row_counts, self.column_counts)}
        if self.free_in_row is not None:
            known["n_free"] = self.free_in_row, self.free_in_column
        return columns_of_lines(self.shape, **known)


def completability(X, rank, *, center=False):
    """Tell whether the observed positions can determine a matrix of a rank, before any fit.

    Of the map from factors (U, V), with r columns each, to the observed entries of U V' the
    Jacobian has the row (v_j at row i, u_i at column j) for entry (i, j). Its rank is the same for
    almost all factors. It is at most r (n + m - r), and if it is that, the observed entries of
    almost every matrix of rank r determine it up to finitely many others (Király, Theran and
    Tomioka, 2015). If not, an entry is determined if every null vector (A, B) of the Jacobian
    leaves u_i . b_j + a_i . v_j = 0. At rank 1 both are questions of connectedness.

    The values play no part, nor does noise: this is about exact matrices in general position.
    The answer is about the pattern of holes alone.

    Parameters
    ----------
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        The matrix with holes, in any form that completers take.
    rank : int
        Rank r, between 1 and min(n, m), or min(n - 1, m) with offsets.
    center : bool, default=False
        Whether columns have offsets that are fitted too, as completers do by default: then the
        matrices are mu_j + u_i . v_j, each column has an unknown more, and connected components
        are not tied by them either.

    Returns
    -------
    report : Completability
        The verdict, what is open and why, and `identifiable`, which tells of any entry.

    Raises
    ------
    ValueError
        If the rank is not in this range, or nothing is observed.

    Notes
    -----
    Factors are drawn once, with a fixed seed. Lines with at most r entries are taken out first,
    one after the other, which is exact. What is left is decomposed if it has few unknowns, else
    null vectors come from conjugate gradients in the coordinates of alternating least squares, at
    4 nnz r + 2 (n + m) r^2 multiply-adds each step and some fifty steps unless entries are
    scarce. Memory is 2 (n + m) r^2 numbers.

    References
    ----------
    F. Király, L. Theran, R. Tomioka (2015). The algebraic combinatorial approach for low-rank
    matrix completion. Journal of Machine Learning Research 16. https://arxiv.org/abs/1211.4116

    Examples
    --------
    Two blocks that share no row and no column say nothing about the entries between them.

    >>> import numpy as np
    >>> from skmc.diagnostics import completability
    >>> X = np.full((4, 5), np.nan)
    >>> X[:2, :3] = X[2:, 3:] = 1.0
    >>> report = completability(X, rank=1)
    >>> report.completable, report.n_components
    (False, 2)
    >>> report.identifiable([0, 0], [1, 4])
    array([ True, False])
    """
    pattern = Pattern.of(observed_entries(X))
    n, m = pattern.shape
    largest = largest_rank(n, m, offsets=bool(center))
    if isinstance(rank, bool) or not isinstance(rank, Integral) or not 1 <= rank <= largest:
        shape = "min(n - 1, m)" if center else "min(n, m)"
        raise ValueError(f"rank must be an integer between 1 and {shape} = {largest}.")
    rank, center = int(rank), bool(center)
    unknowns = rank, rank + center
    motions = find_motions(pattern, rank, offsets=center)
    identifiable = Identifiable(pattern, motions)
    counts, free = pattern.counts, identifiable._free_counts()
    if free is None:
        fraction = identifiable._sampled_fraction()
        lost = [np.flatnonzero(c < least) for c, least in zip(counts, unknowns, strict=True)]
    else:
        fraction = 1.0 - free[0].sum() / (n * m)
        lost = lost_lines(free, counts)
    freedom = degrees_of_freedom(rank, n, m, offsets=center)
    largest, exact = _largest_rank(pattern, rank, center, motions)
    return Completability(
        rank=rank,
        center=center,
        shape=(n, m),
        n_entries=pattern.nnz,
        degrees_of_freedom=freedom,
        oversampling=pattern.nnz / freedom,
        row_counts=counts[0],
        column_counts=counts[1],
        n_components=int(max(part.max() for part in pattern.components)) + 1,
        core_shape=Part.of(pattern).core(unknowns).shape,
        jacobian_rank=motions.rank,
        completable=motions.rank == freedom,
        decided=motions.decided,
        identifiable=identifiable,
        fraction_identifiable=float(fraction),
        free_in_row=None if free is None else free[0],
        free_in_column=None if free is None else free[1],
        rows=lost[0],
        columns=lost[1],
        largest_rank=largest,
        largest_rank_exact=exact,
    )


def _largest_rank(pattern, known, center, motions):
    """Largest rank at which the pattern is completable, or a bound, and whether it is no bound."""
    n, m = pattern.shape
    rows, columns = (int(c.min()) for c in pattern.counts)
    rank = max(min(rows, columns - center, largest_rank(n, m, offsets=center)), 0)
    while rank > 0 and not _enough_entries(pattern, rank, center):
        rank -= 1
    while rank > 0:
        if rank != known and rank * pattern.nnz > SEARCHED:
            return rank, False
        found = motions if rank == known else find_motions(pattern, rank, offsets=center)
        if found.rank == degrees_of_freedom(rank, n, m, offsets=center):
            return rank, True
        if not found.decided:
            return rank, False
        rank -= 1
    return 0, True


def _enough_entries(pattern, rank, center):
    """Whether the entries are enough, those between lines that have more than unknowns too."""
    needed = degrees_of_freedom(rank, *pattern.shape, offsets=center)
    if pattern.nnz < needed:
        return False
    core = Part.of(pattern).core((rank + 1, rank + center + 1))
    freedom = max(degrees_of_freedom(rank, *core.shape, offsets=center), 0)
    return pattern.nnz - core.nnz + min(core.nnz, freedom) >= needed
