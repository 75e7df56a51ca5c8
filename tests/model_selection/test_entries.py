"""From matrices to lists of entries and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import skmc.model_selection._from_entries as module
from skmc.model_selection import from_entries, to_entries

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
X = np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, np.nan], [4.0, 5.0, np.nan]])
ENTRIES = [(0, 0, 1.0), (0, 2, 0.0), (2, 0, 4.0), (2, 1, 5.0)]


def _triplets(coordinates, values):
    return sorted(zip(*np.asarray(coordinates).T, values, strict=True))


@pytest.mark.parametrize("random_state", [None, 0, 1, np.random.RandomState(0)])
def test_entries_of_an_array(random_state):
    before = X.copy()
    coordinates, values = to_entries(X, random_state=random_state)
    np.testing.assert_array_equal(X, before)
    assert coordinates.dtype == np.int64
    assert _triplets(coordinates, values) == ENTRIES
    if random_state is None:
        assert coordinates.tolist() == [[i, j] for i, j, _ in ENTRIES]


def test_order_depends_on_the_seed_alone():
    full = np.arange(600.0).reshape(30, 20)
    coordinates, values = to_entries(full)
    np.testing.assert_array_equal(values, full[tuple(coordinates.T)])
    np.testing.assert_array_equal(to_entries(-full, random_state=0)[0], coordinates)
    assert (to_entries(full, random_state=1)[0] != coordinates).any()
    assert np.unique(coordinates[:60, 0]).size > 20


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok"])
def test_stored_entries_of_a_sparse_matrix_are_observed(kind):
    triplets = np.array(ENTRIES).T
    S = sparse.coo_array((triplets[2], triplets[:2].astype(int)), shape=(3, 3)).asformat(kind)
    coordinates, values = to_entries(S)
    assert _triplets(coordinates, values) == ENTRIES
    back = from_entries(coordinates, values, shape=S.shape, sparse=True)
    assert isinstance(back, sparse.csr_array)
    assert back.nnz == 4
    assert back.has_canonical_format
    assert (abs(back - sparse.csr_array(S))).max() == 0


def test_values_are_not_shared_with_a_sparse_matrix():
    S = sparse.csr_array(np.arange(1.0, 7.0).reshape(2, 3))
    to_entries(S, random_state=None)[1][:] = -1
    assert S.data.min() == 1


def test_other_containers_count_as_arrays():
    masked = np.ma.MaskedArray(np.nan_to_num(X, nan=9e9), mask=np.isnan(X))
    for data in (X.tolist(), masked, pl.DataFrame(X, schema=["a", "b", "c"])):
        assert _triplets(*to_entries(data)) == ENTRIES
    assert to_entries(X.astype(np.float32))[1].dtype == np.float32
    assert to_entries([[1, 2]])[1].dtype == np.float64


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 8),
    m=st.integers(1, 8),
    missing=st.floats(0, 0.9),
    seed=st.integers(0, 2**16),
    random_state=st.none() | st.integers(0, 100),
)
def test_round_trip(n, m, missing, seed, random_state):
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((n, m))
    data[rng.random((n, m)) < missing] = np.nan
    data[0, 0] = 1.0
    coordinates, values = to_entries(data, random_state=random_state)
    np.testing.assert_array_equal(from_entries(coordinates, values, shape=(n, m)), data)
    frame = pd.DataFrame(
        data, index=[f"r{i}" for i in rng.permutation(n)], columns=rng.permutation(m)
    )
    pd.testing.assert_frame_equal(
        from_entries(*to_entries(frame, random_state=random_state)), frame, check_names=True
    )


@pytest.mark.parametrize(
    "index",
    [
        ["b", "a", "c"],
        ["b", 7, 2.5],
        [30, 10, 20],
        pd.date_range("2020-01-01", periods=3, name="day"),
        pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)]),
        [(2, "x"), (1, "y"), (1, "x")],
    ],
)
def test_labels_of_a_data_frame(index):
    frame = pd.DataFrame(X, index=index, columns=["u", "v", "w"])
    coordinates, values = to_entries(frame)
    assert list(coordinates.columns) == ["row", "column"]
    positions = {label: i for i, label in enumerate(frame.index.to_flat_index())}
    rows = [positions[label] for label in coordinates["row"]]
    columns = ["uvw".index(label) for label in coordinates["column"]]
    assert _triplets(np.column_stack([rows, columns]), values) == ENTRIES
    back = from_entries(coordinates, values)
    np.testing.assert_array_equal(back, X)
    assert list(back.index) == list(frame.index)
    assert list(back.columns) == list(frame.columns)


def test_labels_have_to_identify_rows_and_columns():
    with pytest.raises(ValueError, match=r"columns of X have 1 repeated label\(s\), the first 'a'"):
        to_entries(pd.DataFrame(X, columns=["a", "b", "a"]))
    with pytest.raises(ValueError, match="index of X have missing labels"):
        to_entries(pd.DataFrame(X, index=["a", None, "b"]))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"user": ["b", "a", "b"], "item": [7, 7, 5], "time": [1, 2, 3]}),
        pl.DataFrame({"user": ["b", "a", "b"], "item": [7, 7, 5]}),
        np.array([["b", 7], ["a", 7], ["b", 5]], dtype=object),
    ],
    ids=["pandas", "polars", "objects"],
)
def test_labels_that_are_not_categories_are_sorted(frame):
    result = from_entries(frame, [1.0, 2.0, 3.0])
    assert list(result.index) == ["a", "b"]
    assert list(result.columns) == [5, 7]
    np.testing.assert_array_equal(result, [[np.nan, 2.0], [3.0, 1.0]])


def test_labels_of_several_types():
    labels = np.array([["b", 7], [3, "x"], [(1, 2), 7]], dtype=object)
    result = from_entries(labels, [1.0, 2.0, 3.0])
    for (row, column), value in zip(labels, [1.0, 2.0, 3.0], strict=True):
        assert result.loc[[row], [column]].to_numpy() == value


@pytest.mark.parametrize("sparse_output", [False, True])
def test_duplicates(sparse_output):
    where = [[0, 1], [1, 0], [0, 1], [0, 1]]
    values = [1.0, 2.0, 3.0, 8.0]
    for how, expected in (("mean", 4.0), ("last", 8.0)):
        result = from_entries(where, values, duplicates=how, sparse=sparse_output)
        assert result[0, 1] == expected
        assert result[1, 0] == 2.0
    with pytest.raises(ValueError, match=r"2 entries repeat an earlier .* row 0, column 1\. Keep"):
        from_entries(where, values, sparse=sparse_output)
    with pytest.raises(ValueError, match="row b, column x"):
        from_entries(np.array([["b", "x"], ["b", "x"]]), [1.0, 1.0])


@pytest.mark.parametrize(
    ("coordinates", "options", "message"),
    [
        ([[0, 0], [-1, 0]], {}, "must not be negative; the lowest is -1"),
        ([[0, 0], [4, 0]], {"shape": (3, 3)}, r"shape=\(3, 3\) is too small .* \(5, 1\)"),
        ([[0, 0], [1, 0]], {"shape": (3,)}, "tuple of two ints"),
        ([[0], [1]], {}, r"needs an array of shape \(n_entries, 2\).* got shape \(2, 1\)"),
        ([["a", "b"], ["b", "b"]], {"sparse": True}, "The coordinates are labels"),
        ([["a", "b"], ["b", "b"]], {"shape": (3, 3)}, "The coordinates are labels"),
        (pd.DataFrame({"r": ["a", None], "c": [1, 2]}), {}, r"1 row label\(s\) are missing"),
        ([[0, 0], [1, 0], [2, 0]], {}, "inconsistent numbers of samples"),
    ],
)
def test_bad_coordinates(coordinates, options, message):
    with pytest.raises(ValueError, match=message):
        from_entries(coordinates, [1.0, 2.0], **options)


def test_bad_values():
    with pytest.raises(ValueError, match="values contains NaN"):
        from_entries([[0, 0]], [np.nan])
    with pytest.raises(ValueError, match="values must be 1-D"):
        from_entries([[0, 0]], [[1.0]])


def test_refuses_a_matrix_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(module, "available_bytes", lambda: 1000)
    where = [[0, 0], [99, 99]]
    with pytest.raises(MemoryError, match="Pass positions and sparse=True"):
        from_entries(where, [1.0, 2.0])
    assert from_entries(where, [1.0, 2.0], sparse=True).nnz == 2
    with pytest.raises(MemoryError, match="The 1000000000000001 x 1 matrix takes"):
        from_entries([[10**15, 0]], [1.0])


@pytest.mark.parametrize("dtype", [np.uint64, np.int8])
def test_positions_of_any_type_of_whole_numbers(dtype):
    where = np.array([[3, 100], [0, 7]], dtype=dtype)
    for result in (
        from_entries(where, [1.0, 2.0]),
        from_entries(where, [1.0, 2.0], sparse=True).toarray(),
    ):
        assert result.shape == (4, 101)
        assert result[3, 100] == 1.0
        assert result[0, 7] == 2.0


@pytest.mark.parametrize("place", [[0, 2**31], [2**32 + 1, 0], [2**62, 2**62]])
def test_positions_beyond_the_limit_are_refused_before_memory_is_taken(place):
    with pytest.raises(ValueError, match="limit is 2147483647 rows"):
        from_entries([place, [0, 0]], [1.0, 2.0], sparse=True)


def test_shapes_that_are_no_numbers_are_refused():
    for shape in (("a", 2), (2, None), (1.5, 2), (2, 2, 2)):
        with pytest.raises(ValueError, match="tuple of two ints"):
            from_entries([[0, 0]], [1.0], shape=shape)
