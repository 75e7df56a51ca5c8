"""Observed sets that hold a symmetric matrix, in which (i, j) and (j, i) are one observation."""

import numpy as np
from scipy import sparse

from skmc._observed._build import observed_from_csr
from skmc._observed._dense import DenseObserved
from skmc._observed._view import row_major


def mirror_images(observed):
    """Position of (j, i) for each entry (i, j), in the order of the row view; -1 if unobserved."""
    view, n = observed.rows, observed.shape[0]
    positions = np.arange(view.indices.size, dtype=np.int64)
    columns = sparse.csr_array((positions, view.indices, view.indptr), shape=(n, n)).tocsc()
    same = np.array_equal(columns.indptr, view.indptr)
    if same and np.array_equal(columns.indices, view.indices):
        return columns.data
    rows = np.repeat(np.arange(n, dtype=np.int64), view.counts)
    # The row view is sorted, so these are too.
    keys = rows * n + view.indices
    wanted = view.indices.astype(np.int64) * n + rows
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[at] == wanted, at, -1)


def asymmetric_pairs(values, images):
    """Positions of entries whose mirror image has another value, by more than rounding.

    Each pair is counted once, at its first entry.
    """
    eps, size = np.finfo(values.dtype).eps, np.abs(values)
    first = np.flatnonzero(images > np.arange(images.size))
    second = images[first]
    # Sums that make up an entry may cancel to what is small against the largest.
    tolerance = eps**0.75 * np.maximum(size[first], size[second])
    tolerance += 16 * eps * size.max(initial=0.0)
    return first[np.abs(values[first] - values[second]) > tolerance]


def refuse_asymmetric(observed, images):
    """Raise ValueError if an entry or weight differs from its mirror image."""
    view = observed.rows
    for name, values in (("X", view.values), ("entry_weight", view.weights)):
        wrong = () if values is None else asymmetric_pairs(values, images)
        if len(wrong):
            rows, columns = observed.rows_and_columns()
            i, j = rows[wrong[0]], columns[wrong[0]]
            a, b = values[wrong[0]], values[images[wrong[0]]]
            raise ValueError(
                f"{name} is not symmetric: {len(wrong)} pair(s) of observed entries differ, "
                f"the first {name}[{i}, {j}] = {a:g} and {name}[{j}, {i}] = {b:g}. If both are "
                f"observations of one number, average them: ({name} + {name}.T) / 2."
            )


def is_symmetric(observed):
    """Whether the matrix is square, and its entries and weights equal their mirror images."""
    n, m = observed.shape
    if n != m:
        return False
    images, view = mirror_images(observed), observed.rows
    if images.min(initial=0) < 0 or asymmetric_pairs(view.values, images).size:
        return False
    return view.weights is None or not asymmetric_pairs(view.weights, images).size


def with_mirror_images(observed, images):
    """The matrix with (j, i) added wherever only (i, j) is observed."""
    alone = images < 0
    if not alone.any():
        return observed
    if isinstance(observed, DenseObserved):
        new = observed.mask.T & ~observed.mask
        values, weights = (
            None if E is None else np.where(new, E.T, E)
            for E in (observed.values, observed.weights)
        )
        return DenseObserved(values, observed.mask | new, weights, observed.n_threads)
    view, (rows, columns) = observed.rows, observed.rows_and_columns()
    both = [np.concatenate(pair) for pair in ((rows, columns[alone]), (columns, rows[alone]))]
    indptr, indices, order = row_major(*both, observed.shape)
    values, weights = (
        None if E is None else np.concatenate([E, E[alone]])[order]
        for E in (view.values, view.weights)
    )
    return observed_from_csr(indptr, indices, values, observed.shape, weights, observed.n_threads)
