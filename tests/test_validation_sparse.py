"""Sparse input: what is stored is observed; damaged matrices are in `reliability`."""

import numpy as np
import pytest
from registry import GENERAL
from scipy import sparse

from skmc import ALSCompleter

FORMATS = ["csr", "csc", "coo", "lil", "dok"]


def holes(seed=0):
    """A 14 x 6 array with NaN for a third of its entries and some zeros that are data."""
    rng = np.random.default_rng(seed)
    X = np.outer(rng.normal(size=14), rng.normal(size=6)) + rng.normal(size=6)
    X[rng.random(X.shape) < 0.1] = 0.0
    X[rng.random(X.shape) < 0.35] = np.nan
    return X


def stored(X, dtype=np.float64, matrix=sparse.coo_array):
    """Sparse matrix of what is not NaN, zeros included."""
    rows, columns = np.nonzero(~np.isnan(X))
    return matrix((X[rows, columns].astype(dtype), (rows, columns)), shape=X.shape)


def completer(**params):
    return ALSCompleter(rank=1, alpha=0.5, keep_observed=False, **params)


def state(X):
    """Everything that a sparse matrix holds, to compare before and after."""
    if X.format == "dok":
        return dict(X.items())
    names = {"csr": "indptr indices data", "csc": "indptr indices data", "coo": "row col data"}
    names = names.get(X.format, "rows data").split()
    return [
        (np.array(a).tolist(), getattr(a, "dtype", None)) for a in (getattr(X, n) for n in names)
    ]


def assert_same_as_dense(X, dense, **fit_params):
    before = state(X)
    expected = completer().fit(dense, **fit_params)
    model = completer().fit(X, **fit_params)
    np.testing.assert_allclose(model.transform(X), expected.transform(dense), atol=1e-9)
    assert model.score(X) == pytest.approx(expected.score(dense), abs=1e-9)
    assert state(X) == before


@pytest.mark.parametrize("matrix", [sparse.coo_array, sparse.coo_matrix], ids=["array", "matrix"])
@pytest.mark.parametrize("format", FORMATS)
def test_formats(format, matrix):
    dense = holes()
    assert_same_as_dense(stored(dense, matrix=matrix).asformat(format), dense)


@pytest.mark.parametrize("E", GENERAL)
def test_stored_zero_is_observed(E):
    dense = holes()
    X = stored(dense).tocsr()
    assert (X.data == 0).any()
    out = E(rank=1).fit_transform(X) if "rank" in E().get_params() else E().fit_transform(X)
    seen = ~np.isnan(dense)
    np.testing.assert_array_equal(out[seen], dense[seen])
    assert np.isfinite(out).all()


def test_unsorted_indices():
    dense = holes()
    X = stored(dense).tocsr()
    for i in range(X.shape[0]):
        row = slice(X.indptr[i], X.indptr[i + 1])
        X.indices[row], X.data[row] = X.indices[row][::-1].copy(), X.data[row][::-1].copy()
    X.has_sorted_indices = False
    assert_same_as_dense(X, dense)


def test_unsorted_triplets():
    dense = holes()
    X = stored(dense)
    order = np.random.default_rng(0).permutation(X.nnz)
    X = sparse.coo_array((X.data[order], (X.row[order], X.col[order])), shape=X.shape)
    assert_same_as_dense(X, dense)


def test_room_behind_the_last_entry():
    # CSR arrays may be longer than what they store.
    dense = holes()
    X = stored(dense).tocsr()
    X.data = np.append(X.data, np.nan)
    X.indices = np.append(X.indices, 10**6).astype(X.indices.dtype)
    found = completer().fit(X).transform(X)
    np.testing.assert_allclose(found, completer().fit_transform(dense), atol=1e-9)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.longdouble, bool])
def test_value_dtypes(dtype):
    dense = np.where(np.isnan(holes()), np.nan, np.arange(84.0).reshape(14, 6) % 2)
    assert_same_as_dense(stored(dense, dtype), dense)


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_float32(format):
    X = stored(holes(), np.float32).asformat(format)
    model = completer().fit(X)
    assert model.transform(X).dtype == np.float32
    assert model.leave_one_out(X).dtype == np.float32


@pytest.mark.parametrize("format", ["dia", "bsr"])
def test_padded_formats_are_refused(format):
    X = stored(np.nan_to_num(holes())).asformat(format)
    with pytest.raises(TypeError, match=f"format '{format}'.*Convert it to 'csr'"):
        ALSCompleter().fit(X)


def test_one_dimension():
    with pytest.raises(ValueError, match=r"(?i)expected 2D array.*1D"):
        ALSCompleter().fit(sparse.coo_array(([1.0], ([2],)), shape=(5,)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("method", ["fit", "transform", "score"])
def test_stored_nan_and_infinity(format, value, method):
    dense = holes()
    model = ALSCompleter().fit(dense)
    X = stored(dense).tolil()
    X[2, 3] = X[5, 1] = value
    with pytest.raises(ValueError, match=r"stores 2 entries.*(row 2, column 3|row 5, column 1)"):
        getattr(model, method)(X.asformat(format))


def test_complex_and_objects():
    X = stored(holes())
    with pytest.raises(ValueError, match="Complex data not supported"):
        ALSCompleter().fit(X.astype(complex))
    odd = X.copy()
    odd.data = odd.data.astype(object)
    with pytest.raises(TypeError, match="dtype object; numbers are needed"):
        ALSCompleter().fit(odd)


def test_missing_values_mark_stored_entries_too():
    dense = holes()
    marked = sparse.csr_array(np.nan_to_num(dense + 10.0, nan=-1.0))
    found = completer(missing_values=-1).fit_transform(marked)
    np.testing.assert_allclose(found, completer().fit_transform(dense + 10.0), atol=1e-9)


def test_number_of_columns():
    model = ALSCompleter().fit(stored(holes()))
    with pytest.raises(ValueError, match=r"X has 14 features.*expecting 6 features"):
        model.transform(stored(holes().T))


def test_sparse_and_dense_may_be_mixed():
    dense = holes()
    model = completer().fit(stored(dense))
    np.testing.assert_allclose(model.transform(dense), model.transform(stored(dense)), atol=1e-12)


def test_entry_weight_in_the_form_of_x():
    dense = holes()
    rng = np.random.default_rng(1)
    W = rng.uniform(0.5, 2.0, dense.shape)
    X = stored(dense).tocsr()
    V = stored(np.where(np.isnan(dense), np.nan, W)).tocsr()
    expected = completer().fit(dense, entry_weight=W).transform(dense)
    for weights in (V, V.tocoo(), W):
        found = completer().fit(X, entry_weight=weights).transform(dense)
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_entry_weight_zero_is_missing():
    dense = holes()
    seen = np.argwhere(~np.isnan(dense))[::7]
    X = stored(dense).tocsr()
    weights = np.ones(dense.shape)
    weights[tuple(seen.T)] = 0.0
    dense[tuple(seen.T)] = np.nan
    found = completer().fit(X, entry_weight=weights).transform(dense)
    np.testing.assert_allclose(found, completer().fit_transform(dense), atol=1e-9)


def test_entry_weight_that_does_not_belong_to_x():
    X = stored(holes()).tocsr()
    fewer = X.copy().tolil()
    fewer[0, np.flatnonzero(~np.isnan(holes()[0]))[0]] = 0
    ones = stored(np.where(np.isnan(holes()), np.nan, 1.0)).tocsr()
    for weights, message in (
        (sparse.csr_array(fewer), "must store exactly the entries that X stores"),
        (ones[:, :5], "must store exactly"),
        (np.ones((3, 3)), r"entry_weight has shape \(3, 3\), X has \(14, 6\)"),
        (-ones, "finite, not negative.*the first at row 0, column"),
    ):
        with pytest.raises(ValueError, match=message):
            ALSCompleter().fit(X, entry_weight=weights)
    with pytest.raises(TypeError, match="entry_weight is sparse but X is not"):
        ALSCompleter().fit(holes(), entry_weight=ones)
