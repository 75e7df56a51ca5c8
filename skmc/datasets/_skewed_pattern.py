"""Random sparsity patterns in which some rows and columns are far fuller than others."""

import numpy as np

_MIN_PER_USER = 20
# Spread of the logarithms of activity and popularity at skew=1, close to MovieLens 1M.
_ACTIVITY_SPREAD = 1.0
_POPULARITY_SPREAD = 1.25
# Users with more than this share of all items would mostly draw what they already have.
_DENSE_SHARE = 1 / 8
_MAX_ROUNDS = 30
_MAX_CELLS = 1 << 22


def skewed_pattern(n_users, n_ratings, appeal, skew, rng):
    """Draw distinct (user, item) pairs.

    Each user draws items one after the other, without repetition, with probabilities
    proportional to the popularity ``exp(1.25 * skew * appeal)``.

    Parameters
    ----------
    n_users : int
        Number of users.
    n_ratings : int
        Number of pairs, at most ``n_users * appeal.size``.
    appeal : ndarray of shape (n_items,)
        Standard normal appeal of each item.
    skew : float
        How uneven activity and popularity are; 0 is uniform.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    indptr, indices : ndarrays
        The pattern in CSR format, with sorted indices.
    """
    n_items = appeal.size
    counts = _activity(n_users, n_items, n_ratings, skew, rng)
    # Appeals enter as differences to the largest: no overflow, whatever the skew.
    popularity = np.exp(_POPULARITY_SPREAD * skew * (appeal - appeal.max()))
    popularity = np.maximum(popularity, np.finfo(float).tiny)
    keys = _one_user_per_item(counts, n_items, rng)
    keys, pending = _draw_by_rejection(keys, counts, popularity, rng)
    keys = _draw_by_race(keys, pending, counts, popularity, rng)

    index_dtype = np.int32 if max(n_ratings, n_items) < 2**31 else np.int64
    indptr = np.zeros(n_users + 1, dtype=index_dtype)
    np.cumsum(counts, out=indptr[1:])
    return indptr, (keys % n_items).astype(index_dtype)


def _activity(n_users, n_items, n_ratings, skew, rng):
    """Draw the number of ratings of each user: a floor plus a lognormal share, at most n_items."""
    weights = rng.lognormal(sigma=_ACTIVITY_SPREAD * skew, size=n_users)
    floor = min(_MIN_PER_USER, n_ratings / (2 * n_users))
    low, high = 0.0, n_items / weights.min()
    for _ in range(200):
        # Bisection for the multiple of the weights at which the capped shares have the right sum.
        middle = (low + high) / 2
        shares = np.minimum(n_items, floor + middle * weights)
        low, high = (middle, high) if shares.sum() < n_ratings else (low, middle)
    shares = np.minimum(n_items, floor + low * weights)

    counts = np.floor(shares).astype(np.int64)
    surplus = n_ratings - int(counts.sum())
    by_remainder = np.argsort(np.where(counts < n_items, counts - shares, 1.0), kind="stable")
    counts[by_remainder[:surplus]] += 1
    return counts


def _one_user_per_item(counts, n_items, rng):
    """Give every item one of the ratings, as far as they go, so that no column is empty."""
    n_ratings = int(counts.sum())
    slots = rng.choice(n_ratings, size=min(n_items, n_ratings), replace=False)
    users = np.searchsorted(np.cumsum(counts), slots, side="right")
    items = rng.permutation(n_items)[: slots.size]
    return np.sort(users * n_items + items)


def _draw_by_rejection(keys, counts, popularity, rng):
    """Let users draw what they lack, drop repetitions, repeat; return the users not finished."""
    n_items = popularity.size
    cumulative = np.cumsum(popularity)
    missing = counts - np.bincount(keys // n_items, minlength=counts.size)
    sparse_user = counts <= _DENSE_SHARE * n_items
    for _ in range(_MAX_ROUNDS):
        lacking = np.where(sparse_user, missing, 0)
        n_draws = int(lacking.sum())
        if n_draws == 0:
            break
        users = np.repeat(np.arange(counts.size), lacking)
        items = np.searchsorted(cumulative, rng.random(n_draws) * cumulative[-1], side="right")
        # Rounding can put a draw beyond the last item.
        drawn = np.sort(users * n_items + np.minimum(items, n_items - 1))
        # Both parts are sorted, so that the stable sort is a linear merge.
        keys = np.sort(np.concatenate([keys, drawn]), kind="stable")
        keys = keys[np.diff(keys, prepend=-1) > 0]
        missing = counts - np.bincount(keys // n_items, minlength=counts.size)
    return keys, np.flatnonzero(missing)


def _draw_by_race(keys, users, counts, popularity, rng):
    """Complete the given users by exponential races, exact for any number of items per user.

    The items of a user arrive after exponential times with rates equal to their popularity; the
    first ones to arrive are a draw without replacement. The work is one row of all items per
    user, but only users with many items get here, in blocks of bounded size.
    """
    n_items = popularity.size
    owners = keys // n_items
    finished = np.ones(counts.size, dtype=bool)
    finished[users] = False
    parts = [keys[finished[owners]]]
    block_size = max(1, _MAX_CELLS // n_items)
    starts = np.searchsorted(owners, users)
    stops = np.searchsorted(owners, users, side="right")
    for begin in range(0, users.size, block_size):
        block = users[begin : begin + block_size]
        times = rng.standard_exponential((block.size, n_items)) / popularity
        for i in range(block.size):
            already = keys[starts[begin + i] : stops[begin + i]]
            times[i, already % n_items] = -1.0  # those that the user has stay
        order = np.argsort(times, axis=1)
        first = np.arange(n_items) < counts[block, None]
        parts.append((block[:, None] * n_items + order)[first])
    return np.sort(np.concatenate(parts))
