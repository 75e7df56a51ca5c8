"""Synthetic ratings with the shape of the public recommendation data sets."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils import Bunch, check_random_state

from skmc._compat import Interval, Options, validate_params
from skmc.datasets._skewed_pattern import skewed_pattern

# Chosen to resemble MovieLens 1M: after popular items have lifted it, the mean is 3.6 stars and the
# standard deviation 1.1, of which a good model explains all but an error of about 0.85.
_MEAN = 3.4
_TOP = 5.0
_USER_BIAS = 0.4
_ITEM_BIAS = 0.5
_INTERACTION = 0.45
_POPULARITY_CORRELATION = 0.4
_CHUNK = 1 << 17


@validate_params(
    {
        "n_users": [Interval(Integral, 1, None, closed="left")],
        "n_items": [Interval(Integral, 1, None, closed="left")],
        "n_ratings": [Interval(Integral, 1, None, closed="left")],
        "rank": [Interval(Integral, 1, None, closed="left")],
        "n_levels": [Interval(Integral, 2, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "skew": [Interval(Real, 0, None, closed="left")],
        "dtype": [Options(type, {np.float32, np.float64})],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_ratings(
    n_users=6040,
    n_items=3706,
    n_ratings=1_000_209,
    *,
    rank=10,
    n_levels=5,
    noise=0.8,
    skew=1.0,
    dtype=np.float32,
    random_state=None,
):
    """Generate ratings of items by users, few of them observed.

    The defaults have the size and the look of MovieLens 1M: active users and popular items have a
    heavy tail, nearly all users have at least 20 ratings, every item has at least one, popular
    items are liked better, and a rating is the sum of a global mean, a user bias, an item bias, an
    interaction of low rank and noise, rounded to stars.

    Parameters
    ----------
    n_users : int, default=6040
        Number of users, the rows.

    n_items : int, default=3706
        Number of items, the columns.

    n_ratings : int, default=1_000_209
        Number of ratings, all of different (user, item) pairs.

    rank : int, default=10
        Rank of the interaction between users and items.

    n_levels : int, default=5
        Number of possible ratings, evenly spaced, the highest of which is 5: with 5 levels they
        are whole stars, with 10 half stars.

    noise : float, default=0.8
        Standard deviation of the Gaussian noise, in stars, before rounding.

    skew : float, default=1.0
        How uneven the activity of the users and the popularity of the items are: 0 is uniform, 1
        about as in MovieLens.

    dtype : {np.float32, np.float64}, default=np.float32
        Type of the ratings.

    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for the same ratings at every call.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the following attributes.

        X : sparse array of shape (n_users, n_items), in CSR format
            The ratings. Stored entries are observed; those not stored are missing, not zero.
        truth : ndarray of shape (n_ratings,)
            For each stored entry, in the order of ``X.data``, the rating without noise and
            rounding.
        U : ndarray of shape (n_users, rank)
            Row factors of the interaction.
        V : ndarray of shape (n_items, rank)
            Column factors of the interaction.
        user_biases : ndarray of shape (n_users,)
            Bias of each user.
        item_biases : ndarray of shape (n_items,)
            Bias of each item, the global mean included.

    See Also
    --------
    make_low_rank : Generate a low-rank matrix of which only some entries are observed.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.datasets import make_ratings
    >>> data = make_ratings(200, 100, 4_000, random_state=0)
    >>> data.X.shape, data.X.nnz
    ((200, 100), 4000)
    >>> np.unique(data.X.data)
    array([1., 2., 3., 4., 5.], dtype=float32)
    """
    if n_ratings > n_users * n_items:
        raise ValueError(
            f"n_ratings={n_ratings} exceeds the {n_users * n_items} different pairs of "
            f"{n_users} users and {n_items} items."
        )
    # A Generator draws float32 natively and several times as fast as a RandomState.
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    appeal = rng.standard_normal(n_items)
    indptr, indices = skewed_pattern(n_users, n_ratings, appeal, skew, rng)

    model = _draw_model(n_users, appeal, rank, rng)
    truth = _evaluate(model, indptr, indices)
    step = _TOP / n_levels
    ratings = truth + noise * rng.standard_normal(n_ratings, dtype=np.float32)
    np.clip(np.rint(ratings / step) * step, step, _TOP, out=ratings)
    X = sparse.csr_array((ratings.astype(dtype), indices, indptr), shape=(n_users, n_items))
    return Bunch(X=X, truth=truth.astype(dtype), **{k: v.astype(dtype) for k, v in model.items()})


def _draw_model(n_users, appeal, rank, rng):
    """Draw biases and factors; items with more appeal are better rated, not only more often."""
    rho = _POPULARITY_CORRELATION
    quality = rho * appeal + np.sqrt(1 - rho**2) * rng.standard_normal(appeal.size)
    factor_scale = _INTERACTION**0.5 / rank**0.25
    return {
        "U": factor_scale * rng.standard_normal((n_users, rank), dtype=np.float32),
        "V": factor_scale * rng.standard_normal((appeal.size, rank), dtype=np.float32),
        "user_biases": _USER_BIAS * rng.standard_normal(n_users, dtype=np.float32),
        "item_biases": (_MEAN + _ITEM_BIAS * quality).astype(np.float32),
    }


def _evaluate(model, indptr, indices):
    """Noiseless ratings of the stored entries, in chunks to keep the gathered factors small."""
    users = np.repeat(np.arange(indptr.size - 1, dtype=indices.dtype), np.diff(indptr))
    values = np.empty(indices.size, dtype=np.float32)
    for start in range(0, indices.size, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        u, v = users[chunk], indices[chunk]
        np.einsum("ij,ij->i", model["U"][u], model["V"][v], out=values[chunk])
        values[chunk] += model["user_biases"][u] + model["item_biases"][v]
    return values
