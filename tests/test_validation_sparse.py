"""Sparse input: what is stored is observed, and a damaged matrix never reaches a kernel."""

import numpy as np
import pytest
from processes import run_python
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


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_index_dtypes(format, dtype):
    dense = holes()
    X = stored(dense).asformat(format)
    if format == "coo":
        X.coords = tuple(c.astype(dtype) for c in X.coords)
    else:
        X.indptr, X.indices = X.indptr.astype(dtype), X.indices.astype(dtype)
    assert_same_as_dense(X, dense)


def test_mixed_index_dtypes():
    dense = holes()
    X = stored(dense).tocsr()
    X.indptr = X.indptr.astype(np.int64)
    X.indices = X.indices.astype(np.int32)
    assert_same_as_dense(X, dense)


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


def test_read_only():
    dense = holes()
    X = stored(dense).tocsr()
    for array in (X.data, X.indices, X.indptr):
        array.flags.writeable = False
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


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_empty_shape(shape):
    with pytest.raises(ValueError, match=r"0 (sample|feature).*minimum of 1"):
        ALSCompleter().fit(sparse.csr_array(shape))


@pytest.mark.parametrize("E", GENERAL)
def test_nothing_stored(E):
    with pytest.raises(ValueError, match="All 7 x 4 entries of X are missing"):
        E().fit(sparse.csr_array((7, 4)))


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


def test_duplicates_in_triplets():
    X = sparse.coo_array(([1.0, 2.0, 3.0, 4.0], ([0, 1, 1, 2], [1, 0, 0, 2])), shape=(3, 3))
    with pytest.raises(ValueError, match=r"1 entries twice, the first at row 1, column 0"):
        ALSCompleter().fit(X)
    # Equal values are no excuse: the matrix is not what its owner takes it for.
    X.data[:] = 1.0
    with pytest.raises(ValueError, match="entries twice"):
        ALSCompleter().fit(X)
    assert X.nnz == 4


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array])
def test_duplicates_in_compressed_form(kind):
    X = kind(([1.0, 2.0, 3.0], [0, 2, 0], [0, 3, 3, 3]), shape=(3, 3))
    with pytest.raises(ValueError, match="1 entries twice, the first at row 0, column 0"):
        ALSCompleter().fit(X)


CORRUPT = {
    "negative index": "X.indices[3] = -1",
    "most negative index": "X.indices[3] = np.iinfo(X.indices.dtype).min",
    "index too large": "X.indices[3] = 6",
    "index far too large": "X.indices[-1] = 2**30",
    "indptr decreases": "X.indptr[4] = 0",
    "indptr too large in the middle": "X.indptr[4] = 2**30",
    "indptr negative": "X.indptr[4] = -5",
    "indptr does not start at 0": "X.indptr[0] = 2",
    "indptr ends behind the data": "X.indptr[-1] = 2**30",
    "indptr too short": "X.indptr = X.indptr[:-1]",
    "indptr too long": "X.indptr = np.append(X.indptr, X.indptr[-1])",
    "indices too short": "X.indices = X.indices[:-4]",
    "data too short": "X.data = X.data[:-4]",
    "triplet row negative": "X = X.tocoo(); X.row[2] = -1",
    "triplet row too large": "X = X.tocoo(); X.row[2] = 14",
    "triplet column too large": "X = X.tocoo(); X.col[2] = 2**30",
    "triplet rows too few": "X = X.tocoo(); X.data = X.data[:-2]",
    "csc row too large": "X = X.tocsc(); X.indices[2] = 14",
    "csc row negative": "X = X.tocsc(); X.indices[2] = -7",
}


def test_corrupt_matrices_raise_and_do_not_crash():
    # In a process of its own: what this guards against would end the tests.
    found = run_python(
        f"""
        import numpy as np
        from scipy import sparse
        from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter

        rng = np.random.default_rng(0)
        mask = rng.random((14, 6)) < 0.6
        good = sparse.csr_array(np.where(mask, rng.normal(size=mask.shape), 0.0))
        fitted = ALSCompleter(rank=1).fit(good)
        for name, damage in {CORRUPT!r}.items():
            scope = {{"X": good.copy(), "np": np}}
            exec(damage, scope)
            for E in (ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter):
                calls = (E().fit, fitted.transform, fitted.score, fitted.leave_one_out)
                for call in calls if E is ALSCompleter else calls[:1]:
                    try:
                        call(scope["X"])
                    except ValueError as error:
                        if "Sparse input X" not in str(error):
                            print(name, call.__name__, "unclear:", error)
                    except Exception as error:
                        print(name, call.__name__, type(error).__name__, error)
                    else:
                        print(name, call.__name__, "accepted")
        print("done")
        """
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "done\n", "")


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
        (-ones, "finite and not negative"),
    ):
        with pytest.raises(ValueError, match=message):
            ALSCompleter().fit(X, entry_weight=weights)
    with pytest.raises(TypeError, match="entry_weight is sparse but X is not"):
        ALSCompleter().fit(holes(), entry_weight=ones)
