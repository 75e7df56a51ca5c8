"""Random matrices of low rank with a known spectrum."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skmc._compat import Interval, StrOptions, validate_params


@validate_params(
    {
        "n_rows": [Interval(Integral, 1, None, closed="left")],
        "n_columns": [Interval(Integral, 1, None, closed="left")],
        "rank": [Interval(Integral, 1, None, closed="left")],
        "observed": [Interval(Real, 0, 1, closed="right")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "condition_number": [Interval(Real, 1, None, closed="left")],
        "spacing": [StrOptions({"log", "linear"})],
        "singular_values": ["array-like", None],
        "coherence": [Interval(Real, 0, None, closed="left")],
        "offsets": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_low_rank(
    n_rows=200,
    n_columns=100,
    rank=5,
    *,
    observed=0.5,
    noise=0.0,
    condition_number=1.0,
    spacing="log",
    singular_values=None,
    coherence=0.0,
    offsets=0.0,
    random_state=None,
):
    """Generate a low-rank matrix of which only some entries are observed.

    The matrix is ``U @ V.T + offsets``, where the product has singular vectors that are uniformly
    random (hence incoherent, unless `coherence` says otherwise), singular values of the given
    spread, and entries of mean square 1.
    The observed entries are a uniformly random subset of the given size, with Gaussian noise added.

    For one ``random_state``, neither `observed` nor `noise` changes the matrix underneath, and
    the entries observed at a small fraction are also observed at a larger one.

    Parameters
    ----------
    n_rows : int, default=200
        Number of rows.

    n_columns : int, default=100
        Number of columns.

    rank : int, default=5
        Rank of the product, at most ``min(n_rows, n_columns)``.

    observed : float, default=0.5
        Fraction of the entries that is observed, in (0, 1]. A small fraction of a small matrix
        may leave rows or columns without any observed entry.

    noise : float, default=0.0
        Standard deviation of the Gaussian noise on the observed entries. As the product has
        entries of mean square 1, it is also the ratio of noise to signal.

    condition_number : float, default=1.0
        Ratio of the largest to the smallest non-zero singular value of the product.

    spacing : {"log", "linear"}, default="log"
        Whether the singular values decay geometrically or linearly.

    singular_values : array-like of shape (rank,) or None, default=None
        Positive numbers to which the singular values are proportional, in any order; None leaves
        them to `condition_number` and `spacing`, which do not count otherwise.

    coherence : float, default=0.0
        How unlike rows and columns are in their weight: they are multiplied by log-normal numbers
        with this standard deviation of the logarithm before the singular vectors are made
        orthonormal. 0 is uniform; with 1 a few rows and columns carry most of the matrix, which
        makes it hard to complete from entries anywhere.

    offsets : float, default=0.0
        Standard deviation of the Gaussian offset of each column. By default the columns have
        none.

    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for the same matrix at every call.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        X : ndarray of shape (n_rows, n_columns)
            The noisy observed entries, NaN elsewhere.
        truth : ndarray of shape (n_rows, n_columns)
            The complete matrix without noise.
        mask : ndarray of shape (n_rows, n_columns), dtype=bool
            True where `X` is observed.
        U : ndarray of shape (n_rows, rank)
            Row factors, balanced: ``U.T @ U`` equals ``V.T @ V``.
        V : ndarray of shape (n_columns, rank)
            Column factors.
        offsets : ndarray of shape (n_columns,)
            Offset of each column.
        singular_values : ndarray of shape (rank,)
            Singular values of ``U @ V.T``, in decreasing order.

    See Also
    --------
    make_ratings : Generate sparse ratings with popular items and active users.
    hide_entries : Hide some of the observed entries of a table.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.datasets import make_low_rank
    >>> data = make_low_rank(30, 20, rank=3, observed=0.4, random_state=0)
    >>> data.X.shape, int(np.isnan(data.X).sum())
    ((30, 20), 360)
    >>> int(np.linalg.matrix_rank(data.truth))
    3
    """
    if rank > min(n_rows, n_columns):
        raise ValueError(
            f"rank={rank} must not exceed the smaller dimension of a "
            f"{n_rows} x {n_columns} matrix, {min(n_rows, n_columns)}."
        )
    rng = check_random_state(random_state)
    if singular_values is None:
        space = np.geomspace if spacing == "log" else np.linspace
        singular_values = space(condition_number, 1.0, rank)
    else:
        singular_values = _checked_spectrum(singular_values, rank)
    # Entries of mean square 1.
    singular_values = singular_values * np.sqrt(n_rows * n_columns / np.sum(singular_values**2))
    U = _random_orthonormal(n_rows, rank, coherence, rng) * np.sqrt(singular_values)
    V = _random_orthonormal(n_columns, rank, coherence, rng) * np.sqrt(singular_values)
    column_offsets = offsets * rng.standard_normal(n_columns)
    truth = U @ V.T + column_offsets

    # One permutation, cut off at the requested size, makes the observed sets nested.
    n_observed = max(1, round(observed * truth.size))
    mask = np.zeros(truth.size, dtype=bool)
    mask[rng.permutation(truth.size)[:n_observed]] = True
    mask = mask.reshape(truth.shape)
    X = np.where(mask, truth + noise * rng.standard_normal(truth.shape), np.nan)
    return Bunch(
        X=X,
        truth=truth,
        mask=mask,
        U=U,
        V=V,
        offsets=column_offsets,
        singular_values=singular_values,
    )


def _checked_spectrum(values, rank):
    """Singular values that the user gave, decreasing."""
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (rank,) or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"singular_values must be {rank} positive, finite numbers, one for each of rank={rank} "
            f"components; got an array of shape {values.shape}."
        )
    return np.sort(values)[::-1]


def _random_orthonormal(n, rank, coherence, rng):
    """Draw `rank` orthonormal vectors of length n, uniformly but for the weights of their rows."""
    G = rng.standard_normal((n, rank))
    if coherence > 0:
        G *= np.exp(coherence * rng.standard_normal((n, 1)))
    Q, R = np.linalg.qr(G)
    # Without the signs the result would depend on the sign convention of LAPACK.
    return Q * np.where(np.diag(R) < 0, -1.0, 1.0)
