"""Checks of sparse input: stored entries are observed, all others are missing."""

import numpy as np
from scipy import sparse

from skmc.utils._check_tools import (
    SAME_FIT,
    assert_close,
    assert_identical,
    expect_error,
    fresh,
    need_nan,
    noisy_low_rank,
    pairwise,
    patient,
)

_HUGE = 20_000_000


def check_completer_sparse_is_dense_with_nan(name, estimator, *, rtol=SAME_FIT):
    """A sparse matrix gives what the array with NaN gives, in all formats, as a dense array."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    expected = patient(estimator).fit(X).transform(X)
    for container in (
        sparse.csr_array,
        sparse.csc_array,
        sparse.coo_array,
        sparse.csr_matrix,
        sparse.csc_matrix,
        sparse.coo_matrix,
    ):
        data = container(_stored(X))
        result = patient(estimator).fit(data).transform(data)
        if not isinstance(result, np.ndarray):
            raise AssertionError(f"{name}.transform of sparse data gives {type(result).__name__}")
        assert_close(result, expected, rtol, f"{name}: {container.__name__} and array differ")


def check_completer_sparse_stored_zero(name, estimator, *, rtol=SAME_FIT):
    """A stored zero is the observed number zero."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    X[np.abs(X) < np.nanquantile(np.abs(X), 0.1)] = 0.0
    data = _stored(X)
    if not np.any(data.data == 0):
        raise AssertionError("the data of this check must have stored zeros")
    assert_close(
        patient(estimator).fit(data).transform(data),
        patient(estimator).fit(X).transform(X),
        rtol,
        f"{name} takes stored zeros for missing",
    )


def check_completer_sparse_input_is_left_alone(name, estimator):
    """Sparse input is neither changed nor sorted in place."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    data = _stored(X)
    # Reverse the entries of each row.
    for i in range(len(X)):
        row = slice(data.indptr[i], data.indptr[i + 1])
        data.indices[row] = data.indices[row][::-1].copy()
        data.data[row] = data.data[row][::-1].copy()
    data.has_sorted_indices = False
    data.has_canonical_format = False
    before = [part.copy() for part in (data.data, data.indices, data.indptr)]
    for part in data.data, data.indices, data.indptr:
        part.setflags(write=False)
    result = patient(estimator).fit(data).transform(data)
    for part, old in zip((data.data, data.indices, data.indptr), before, strict=True):
        assert_identical(part, old, f"{name} changes its sparse input")
    expected = patient(estimator).fit(X).transform(X)
    assert_close(result, expected, SAME_FIT, f"{name}: unsorted indices change the result")


def check_completer_sparse_duplicates(name, estimator):
    """Two values for one entry are an error, never summed in silence."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    triplets = _stored(X).tocoo()
    values, rows, columns = (
        np.append(a, a[:1]) for a in (triplets.data, triplets.row, triplets.col)
    )
    data = sparse.coo_array((values, (rows, columns)), shape=X.shape)
    with expect_error(
        ValueError,
        f"{name}.fit must reject duplicates",
        match=["duplicate", "twice", "more than once", "repeated"],
    ):
        fresh(estimator).fit(data)


def check_completer_sparse_stored_nan(name, estimator):
    """A stored NaN or infinity is an error: what is missing is not stored."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(X)
    for bad in np.nan, np.inf:
        data = _stored(X)
        data.data[3] = bad
        with expect_error(ValueError, f"{name}.fit must reject a stored {bad}"):
            fresh(estimator).fit(data)
        with expect_error(ValueError, f"{name}.transform must reject a stored {bad}"):
            completer.transform(data)


def check_completer_sparse_nothing_stored(name, estimator):
    """A sparse matrix with nothing stored is an error in `fit`, not in `transform`."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    nothing = sparse.csr_array((4, X.shape[1]))
    with expect_error(ValueError, f"{name}.fit must raise ValueError if nothing is stored"):
        fresh(estimator).fit(nothing)
    if not np.all(np.isfinite(fresh(estimator).fit(X).transform(nothing))):
        raise AssertionError(f"{name}.transform of empty sparse rows is not finite")


def check_completer_sparse_row_factors_and_score(name, estimator, *, rtol=1e-6):
    """`row_factors` and `score` read sparse data like arrays with NaN."""
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(X)
    data = _stored(X)
    assert_close(
        completer.row_factors(data), completer.row_factors(X), rtol, f"{name}.row_factors: sparse"
    )
    assert_close(completer.score(data), completer.score(X), rtol, f"{name}.score: sparse")


def check_completer_sparse_too_large_to_complete(name, estimator):
    """A result that cannot fit in memory is refused before anything is allocated."""
    need_nan(estimator)
    n_columns = 20_000
    columns = np.arange(n_columns)
    n_rows = n_columns if pairwise(estimator) else 50
    train = sparse.csr_array(
        (1.0 + columns % 3, (columns % n_rows, columns)), shape=(n_rows, n_columns)
    )
    completer = fresh(estimator, rank=1, max_rank=1, max_iter=1).fit(train)
    # 3 TB in double precision, of which only the row pointers exist.
    test = sparse.csr_array((_HUGE, n_columns))
    with expect_error(
        MemoryError,
        f"{name}.transform must refuse {_HUGE} x {n_columns} entries, naming predict_entries",
        match=["predict_entries"],
    ):
        completer.transform(test)


def _stored(X):
    """Return the sparse matrix that stores what is not NaN in X, zeros included."""
    rows, columns = np.nonzero(~np.isnan(X))
    return sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).tocsr()


CHECKS = (
    check_completer_sparse_is_dense_with_nan,
    check_completer_sparse_stored_zero,
    check_completer_sparse_input_is_left_alone,
    check_completer_sparse_duplicates,
    check_completer_sparse_stored_nan,
    check_completer_sparse_nothing_stored,
    check_completer_sparse_row_factors_and_score,
    check_completer_sparse_too_large_to_complete,
)
