"""How evenly the singular vectors of a matrix are spread over its rows and columns."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc._factors import Factors
from skmc._fitted import FittedCompleter
from skmc._memory import check_fits
from skmc.diagnostics._data import observed_entries
from skmc.diagnostics._point import factors_of
from skmc.diagnostics._report import DoesNotApply, Report, columns_of_lines

# Cells of a product looked at together.
BLOCK = 1 << 20


@dataclass(frozen=True, eq=False, repr=False)
class Incoherence(Report):
    """What `incoherence` returns.

    Attributes
    ----------
    rank : int
        Rank r.
    shape : tuple of int
        (n, m).
    row_leverage, column_leverage : ndarrays, shapes (n,) and (m,)
        n / r times the squared norm of each row of the left singular vectors, m / r times that of
        the right ones. The mean is 1. A large one belongs to a row that has a direction for itself:
        entries of other rows say nothing about it.
    mu_rows, mu_columns : float
        Their largest values, between 1 and n / r, m / r.
    mu_joint : float
        sqrt(n m / r) times the largest entry in size of U V', with the singular vectors U and V.
    spikiness : float
        sqrt(n m) times the largest entry in size of the matrix over its Frobenius norm; 1 is even.
    n_entries : int or None
        Observed entries, if the data were given.
    orders : dict of str to float
        Orders of the number of entries, drawn evenly, that theorems ask for, their constants taken
        as 1: max(n, m) log max(n, m) is needed to meet every row and column, and
        mu r max(n, m) log(max(n, m))^2 is enough for the nuclear norm.
    """

    rank: int
    shape: tuple
    row_leverage: np.ndarray
    column_leverage: np.ndarray
    mu_rows: float
    mu_columns: float
    mu_joint: float
    spikiness: float
    n_entries: int | None
    orders: dict

    _title = "Incoherence"

    def _lines(self):
        n, m = self.shape
        lines = [
            ("matrix", f"{n} x {m} of rank {self.rank}"),
            ("mu of the rows", self.mu_rows),
            ("mu of the columns", self.mu_columns),
            ("mu of the joint term", self.mu_joint),
            ("spikiness", self.spikiness),
            ("degrees of freedom", self.rank * (n + m - self.rank)),
        ]
        if self.n_entries is not None:
            lines.append(("observed entries", self.n_entries))
        lines += [(f"order {name}", f"{value:.3g}") for name, value in self.orders.items()]
        lines.append(("cells of the matrix", n * m))
        return lines

    def _columns(self):
        return columns_of_lines(self.shape, leverage=(self.row_leverage, self.column_leverage))


def incoherence(model, X=None):
    """Measure the coherence of a matrix of rank r, on which all guarantees of recovery rest.

    With singular vectors U (n x r) and V (m x r) of the matrix Z,

    - mu of the rows is n / r max_i of the squared norm of row i of U, that of the columns likewise,
    - mu of the joint term is sqrt(n m / r) max_ij of the size of (U V')_ij,
    - spikiness is sqrt(n m) max_ij of the size of z_ij over the Frobenius norm of Z.

    Parameters
    ----------
    model : fitted completer, or pair of ndarrays
        A completer, whose Z is the low-rank part of its completion in standardised units, without
        the offsets; or factors U of shape (n, r) and V of shape (m, r) of Z = U V'.
    X : {array-like, dataframe, sparse matrix} of shape (n, m), default=None
        Training data, to count what is observed.

    Returns
    -------
    report : Incoherence
        The numbers and what theorems ask for.

    Raises
    ------
    ValueError
        If the rank is 0.

    Notes
    -----
    What theorems ask for is of some order, with constants that are not known or far from what is
    needed: with the constant 1 it is often more than there are cells. Gaussian factors of rank 5
    with 2000 rows have mu near 5, so there is no threshold such as 3. The use of these numbers is
    to compare: rows with a leverage far above the others need more entries than they do, and a
    spiky matrix is hard under even sampling. `completability` and `local_convergence` answer for
    the pattern at hand.

    Cost: O((n + m) r^2), and n m r for the largest entries, of which a few rows are held at a
    time.

    References
    ----------
    Y. Chen (2015). Incoherence-optimal matrix completion. IEEE Transactions on Information Theory
    61. https://arxiv.org/abs/1310.0154

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.diagnostics import incoherence
    >>> even = incoherence((np.ones((6, 1)), np.ones((4, 1))))
    >>> print(f"{even.mu_rows:.3f} {even.mu_columns:.3f} {even.spikiness:.3f}")
    1.000 1.000 1.000
    """
    factors = _factors(model)
    n, m = factors.shape
    P, s, Q = factors.svd()
    # In a fit, what a penalty has made vanish is rounding.
    kept = s > (1e-5 if isinstance(model, FittedCompleter) else 1e-12) * s[:1].max(initial=0.0)
    r = int(np.count_nonzero(kept))
    if r == 0:
        raise DoesNotApply("The matrix is zero, or of rank 0: it has no singular vectors.")
    P, s, Q = P[:, kept], s[kept], Q[:, kept]
    leverages = tuple(
        F.shape[0] / r * np.einsum("ik,ik->i", F, F, dtype=np.float64) for F in (P, Q)
    )
    joint, largest = _largest_entries(P, s, Q)
    mu_rows, mu_columns = (float(x.max()) for x in leverages)
    mu_joint = float(np.sqrt(n * m / r) * joint)
    observed = None if X is None else observed_entries(X)
    if observed is not None and observed.shape != (n, m):
        raise ValueError(f"X has shape {observed.shape}, the factors are those of {(n, m)}.")
    mu, long = max(mu_rows, mu_columns), max(n, m)
    return Incoherence(
        rank=r,
        shape=(n, m),
        row_leverage=leverages[0],
        column_leverage=leverages[1],
        mu_rows=mu_rows,
        mu_columns=mu_columns,
        mu_joint=mu_joint,
        spikiness=float(np.sqrt(n * m) * largest / np.linalg.norm(s)),
        n_entries=None if observed is None else observed.nnz,
        orders={
            "max(n, m) log max(n, m)": long * np.log(long),
            "mu r max(n, m) log(max(n, m))^2": mu * r * long * np.log(long) ** 2,
        },
    )


def _factors(model):
    if not isinstance(model, FittedCompleter):
        return factors_of(model)
    check_is_fitted(model, "components_")
    C = model.components_.astype(np.float64)
    if not hasattr(model, "_row_factors"):
        # A symmetric completer has its own factors of the rows.
        norms = np.einsum("ki,ki->k", C, C)
        return Factors(C.T * (model.eigenvalues_ / norms / model.scale_[0]), C.T)
    return Factors(model._training_factors().astype(np.float64), C.T)


def _largest_entries(P, s, Q):
    """Largest entries in size of P Q' and of P diag(s) Q'."""
    n, m = P.shape[0], Q.shape[0]
    step = max(1, BLOCK // m)
    check_fits(8 * step * m, "A block of the matrix", "There are too many columns.")
    joint = largest = 0.0
    for start in range(0, n, step):
        part = P[start : start + step]
        joint = max(joint, float(np.abs(part @ Q.T).max()))
        largest = max(largest, float(np.abs((part * s) @ Q.T).max()))
    return joint, largest
