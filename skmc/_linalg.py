"""Linear algebra on matrices that are sparse plus low rank, never formed."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, svds

# Up to this smaller side a full decomposition of a dense matrix through its Gram matrix costs
# less than a few passes of subspace iteration, and it needs no start;
GRAM_SIDE = 512
# up to this one, so does one of the matrix itself.
WHOLE_SIDE = 256


@dataclass(frozen=True, eq=False)
class SparsePlusLowRank:
    """The n x m matrix t E + A B', with E known on the observed entries only.

    Parameters
    ----------
    observed : ObservedMatrix
        The observed set, which multiplies by E.
    entries : ndarray
        Entry array of E.
    step : float, default=1.0
        The factor t.
    A : ndarray, shape (n, k), or None
        Left factor of the low-rank part.
    B : ndarray, shape (m, k), or None
        Right factor.
    """

    observed: object
    entries: np.ndarray
    step: float = 1.0
    A: np.ndarray | None = None
    B: np.ndarray | None = None

    @property
    def shape(self):
        """(n, m)."""
        return self.observed.shape

    @property
    def dtype(self):
        """Floating-point type of the products."""
        return self.observed.dtype

    def dense(self, side=GRAM_SIDE):
        """The matrix as an array if its entries are held in one and it is narrow, else None."""
        if self.entries.ndim != 2 or min(self.shape) > side:
            return None
        low_rank = self.A is not None and self.A.shape[1] > 0
        if self.step == 1.0 and not low_rank:
            return self.entries
        M = self.entries * self.dtype.type(self.step)
        if low_rank:
            M += self.A @ self.B.T
        return M

    def matmul(self, X):
        """Product with X (m x k)."""
        Y = self.observed.matmul(self.entries, X) * self.dtype.type(self.step)
        return Y if self.A is None else Y + self.A @ (self.B.T @ X)

    def rmatmul(self, X):
        """Product of the transpose with X (n x k)."""
        Y = self.observed.rmatmul(self.entries, X) * self.dtype.type(self.step)
        return Y if self.A is None else Y + self.B @ (self.A.T @ X)


@dataclass(frozen=True, eq=False)
class LowRank:
    """The n x m matrix A B'.

    Parameters
    ----------
    A : ndarray, shape (n, k)
        Left factor.
    B : ndarray, shape (m, k)
        Right factor.
    """

    A: np.ndarray
    B: np.ndarray

    @property
    def shape(self):
        """(n, m)."""
        return self.A.shape[0], self.B.shape[0]

    @property
    def dtype(self):
        """Floating-point type of the products."""
        return self.A.dtype

    def dense(self, side=GRAM_SIDE):
        """None: the products cost less than a decomposition of the matrix."""

    def matmul(self, X):
        """Product with X (m x l)."""
        return self.A @ (self.B.T @ X)

    def rmatmul(self, X):
        """Product of the transpose with X (n x l)."""
        return self.B @ (self.A.T @ X)


def orthonormalize(X):
    """Orthonormal basis of the columns of X; needs no more columns than rows."""
    return linalg.qr(X, mode="economic", check_finite=False)[0]


def _quick_basis(X):
    """Orthonormal basis as good as a further multiplication needs it.

    By two Cholesky decompositions of Gram matrices [1]_, in half the time of reflections, unless
    rounding spoils the first.

    References
    ----------
    .. [1] Yamamoto, Y., Nakatsukasa, Y., Yanagisawa, Y. and Fukaya, T. (2015). Roundoff error
       analysis of the CholeskyQR2 algorithm. ETNA 44, 306-326.
    """
    try:
        Q = X @ _inverse_root(X.T @ X)
        gram = Q.T @ Q
        if np.abs(gram - np.eye(gram.shape[0], dtype=gram.dtype)).max(initial=0.0) < 0.1:
            return Q @ _inverse_root(gram)
    except linalg.LinAlgError:
        pass
    return orthonormalize(X)


def _inverse_root(gram):
    """The inverse of the upper triangular R with R'R = gram."""
    R = linalg.cholesky(gram, check_finite=False)
    identity = np.eye(R.shape[0], dtype=R.dtype)
    return linalg.solve_triangular(R, identity, check_finite=False)


def subspace_svd(operator, start, n_passes=1):
    """Leading singular triplets by subspace iteration from a starting row space.

    Parameters
    ----------
    operator : SparsePlusLowRank
        The matrix M, n x m.
    start : ndarray, shape (m, k)
        Basis to start from, k at most min(n, m). A warm start needs one pass.
    n_passes : int, default=1
        Multiplications by M, each but the first after one by M'.

    Returns
    -------
    U, s, V : ndarrays, shapes (n, k), (k,), (m, k)
        Singular triplets of Q Q' M, with Q an orthonormal basis of (M M')^(n_passes - 1) M start,
        largest first. Cost: 2 n_passes products with M.
    """
    for _ in range(n_passes - 1):
        start = _quick_basis(operator.rmatmul(_quick_basis(operator.matmul(start))))
    Q = orthonormalize(operator.matmul(start))
    V, s, Wt = linalg.svd(
        operator.rmatmul(Q), full_matrices=False, check_finite=False, lapack_driver="gesdd"
    )
    return Q @ Wt.T, s, V


def gram_spectrum(M):
    """Singular values of a narrow dense matrix, largest first, by its Gram matrix.

    Returns
    -------
    s : ndarray, shape (k,)
        Singular values, k = min(n, m).
    W : ndarray, shape (k, k)
        Their singular vectors on the smaller side, the columns if m = n.
    """
    n, m = M.shape
    squares, W = np.linalg.eigh(M.T @ M if m <= n else M @ M.T)
    return np.sqrt(np.maximum(squares[::-1], 0.0)), W[:, ::-1]


def gram_svd(M, keep, extra, spectrum=None):
    """Leading singular triplets of a narrow dense matrix through its Gram matrix.

    Parameters
    ----------
    M : ndarray, shape (n, m)
        The matrix.
    keep : callable
        Maps the singular values, largest first, to those wanted, some of the first.
    extra : int
        Vectors of the basis beyond the wanted ones.
    spectrum : tuple of ndarrays, or None
        What `gram_spectrum` says of the matrix, if it is known.

    Returns
    -------
    U, kept, V, basis : ndarrays or None
        Singular vectors of the k wanted values, shapes (n, k) and (m, k), with what `keep` returned
        between them, and V with a few vectors more, to start a subspace iteration from (V alone if
        m > n). None if one of the wanted values is too small, against the largest, to be had from
        squares.
    """
    n, m = M.shape
    s, W = gram_spectrum(M) if spectrum is None else spectrum
    kept = keep(s)
    k = kept.shape[0]
    if k and s[k - 1] <= np.finfo(M.dtype).eps ** 0.25 * s[0]:
        return None
    if m <= n:
        V = np.ascontiguousarray(W[:, :k])
        return (M @ V) / s[:k], kept, V, W[:, : k + extra]
    U = np.ascontiguousarray(W[:, :k])
    V = (M.T @ U) / s[:k]
    return U, kept, V, V


def random_subspace(m, k, dtype, random_state):
    """Gaussian start of a subspace iteration, on the column side: it does not see n."""
    return random_state.standard_normal((m, k)).astype(dtype, copy=False)


def leading_triplets(operator, keep, basis, *, width, limit, extra, n_passes=1):
    """Singular triplets wanted by their values, from a basis that widens until none is left out.

    Parameters
    ----------
    operator : SparsePlusLowRank
        The matrix, n x m.
    keep : callable
        Maps singular values, largest first, to those wanted, some of the first.
    basis : ndarray, shape (m, k)
        Where subspace iteration starts; k = 0 means anywhere.
    width : int
        Triplets to compute at first.
    limit : int
        Triplets to compute at most.
    extra : int
        Vectors to keep from a whole decomposition, beyond those wanted.
    n_passes : int, default=1
        Passes of a subspace iteration if the basis has `width` vectors; one or two more if not.

    Returns
    -------
    P, kept, Q, basis : ndarrays, shapes (n, r), (r,), (m, r), (m, l)
        Singular vectors of the r wanted values, what `keep` returned, and where to start for a
        matrix near by.
    """
    n, m = operator.shape
    known, more = basis.shape[1] >= width, 0
    while True:
        # Wide against the matrix, or without much of a start: decompose it whole if it is dense.
        if (4 if known else 8 if basis.shape[1] else np.inf) * width > min(n, m):
            dense = operator.dense()
            found = None if dense is None else gram_svd(dense, keep, extra)
            if found is not None:
                return found
        if not known:
            more = 1 if basis.shape[1] else 2
            basis = _widened(basis, width, m, operator.dtype)
        P, s, Q = subspace_svd(operator, basis[:, :width], n_passes + more)
        kept = keep(s)
        if kept.shape[0] < s.shape[0] or width >= limit:
            r = kept.shape[0]
            # Spare vectors are not lost on a narrower step.
            return P[:, :r], kept, Q[:, :r], np.hstack([Q, basis[:, width:]])
        width, basis, known = min(2 * width, limit), Q, False


def _widened(basis, width, m, dtype):
    missing = width - basis.shape[1]
    extra = random_subspace(m, missing, dtype, np.random.RandomState(basis.shape[1]))
    return orthonormalize(np.hstack([basis, extra]))


def leading_svd(operator, k, *, n_passes=6):
    """Leading k singular triplets: exact for narrow dense data, else from a random start.

    The start is drawn with a fixed seed.
    """
    n, m = operator.shape
    dense = operator.dense(WHOLE_SIDE)
    if dense is not None:
        U, s, Vt = linalg.svd(dense, full_matrices=False, check_finite=False)
        return U[:, :k], s[:k], Vt[:k].T
    width = min(k + 10, n, m)
    start = random_subspace(m, width, operator.dtype, np.random.RandomState(0))
    U, s, V = subspace_svd(operator, start, n_passes=n_passes)
    return U[:, :k], s[:k], V[:, :k]


def spectral_norm(operator):
    """Largest singular value to machine precision, by Lanczos iteration or the Gram matrix."""
    n, m = operator.shape
    dense = operator.dense()
    if dense is None and min(n, m) <= 2:
        narrow = np.eye(min(n, m), dtype=operator.dtype)
        dense = operator.matmul(narrow) if m <= n else operator.rmatmul(narrow)
    if dense is not None:
        gram = dense.T @ dense if dense.shape[1] <= dense.shape[0] else dense @ dense.T
        return float(np.sqrt(max(np.linalg.eigvalsh(gram)[-1], 0.0)))
    double = LinearOperator(
        (n, m),
        matvec=lambda x: _column(operator.matmul, x, operator.dtype),
        rmatvec=lambda x: _column(operator.rmatmul, x, operator.dtype),
        dtype=np.float64,
    )
    start = np.random.RandomState(0).standard_normal(min(n, m))
    if not np.any(operator.entries):
        return 0.0
    return float(svds(double, k=1, v0=start, return_singular_vectors=False)[0])


def _column(product, x, dtype):
    return product(np.asarray(x, dtype=dtype).reshape(-1, 1))[:, 0].astype(np.float64)


def low_rank_norm(terms):
    """Frobenius norm of a sum of low-rank matrices sum_t c_t Q_t B_t' without cancellation.

    Parameters
    ----------
    terms : list of (float, ndarray, ndarray)
        Coefficient c, Q with orthonormal columns (n x k_t) and B (m x k_t). The first term is
        the reference: with P_t = Q_1' Q_t the sum splits into orthogonal parts,
        Q_1 (sum_t c_t B_t P_t')' + sum_t c_t (Q_t - Q_1 P_t) B_t', each of which is small when
        the sum is, so the result keeps its relative accuracy far below the root of the
        machine precision.
    """
    c0, Q0, B0 = terms[0]
    inside = c0 * B0
    outside_left, outside_right = [], []
    for c, Q, B in terms[1:]:
        P = Q0.T @ Q
        inside = inside + B @ (c * P.T)
        outside_left.append(Q - Q0 @ P)
        outside_right.append(c * B)
    total = float(np.vdot(inside, inside))
    if outside_left:
        left, right = np.hstack(outside_left), np.hstack(outside_right)
        total += max(0.0, float(np.vdot(left.T @ left, right.T @ right)))
    return np.sqrt(total)
