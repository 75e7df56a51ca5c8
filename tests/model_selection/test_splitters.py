"""Splitters of entries: which entries are tested, and what is left for training."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_predict,
    cross_val_score,
)

from skmc import ALSCompleter, EntryRegressor
from skmc.datasets import make_low_rank
from skmc.model_selection import (
    EntryKFold,
    EntryShuffleSplit,
    LeaveLastPerRow,
    from_entries,
    to_entries,
)

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


def _coordinates(n_entries, n, m, seed, distinct=True):
    """Random coordinates, many of them alone in their row or column."""
    rng = np.random.default_rng(seed)
    where = np.column_stack([rng.integers(n, size=n_entries), rng.integers(m, size=n_entries)])
    return rng.permutation(np.unique(where, axis=0)) if distinct else where


def _only_ones(where):
    """Entries in the only cell of their row or of their column."""
    cells = np.unique(where, axis=0)
    return np.any([np.bincount(cells[:, axis])[where[:, axis]] == 1 for axis in (0, 1)], axis=0)


def _check_split(train, test, where):
    assert np.intersect1d(train, test).size == 0
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    assert test.size > 0
    for axis in (0, 1):
        assert set(where[test, axis]) <= set(where[train, axis])
    one, other = ({tuple(cell) for cell in where[part]} for part in (train, test))
    assert not one & other


@settings(deadline=None, max_examples=200)
@given(
    n_entries=st.integers(1, 60),
    n=st.integers(1, 15),
    m=st.integers(1, 15),
    n_splits=st.integers(2, 7),
    shuffle=st.booleans(),
    distinct=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_k_fold_tests_every_entry_once_that_can_be(
    n_entries, n, m, n_splits, shuffle, distinct, seed
):
    where = _coordinates(n_entries, n, m, seed, distinct)
    only = _only_ones(where)
    cv = EntryKFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    if np.unique(where[~only], axis=0).shape[0] < n_splits:
        with pytest.raises(ValueError, match="Cannot make n_splits="):
            list(cv.split(where))
        return
    splits = list(cv.split(where))
    assert len(splits) == cv.get_n_splits() == n_splits
    for train, test in splits:
        assert train.size + test.size == len(where)
        _check_split(train, test, where)
    tested = np.sort(np.concatenate([test for _, test in splits]))
    np.testing.assert_array_equal(tested, np.flatnonzero(~only))
    sizes = [np.unique(where[test], axis=0).shape[0] for _, test in splits]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("n_splits", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7])
def test_k_fold_on_a_cycle(n_splits, length):
    # Row i has its entries in columns i and i + 1: one cycle of 2 * length entries.
    rows = np.repeat(np.arange(length), 2)
    where = np.column_stack([rows, (rows + np.tile([0, 1], length)) % length])
    if n_splits <= 2 * length:
        for seed in range(20):
            where = np.random.default_rng(seed).permutation(where)
            for train, test in EntryKFold(n_splits, random_state=seed).split(where):
                _check_split(train, test, where)


def test_k_fold_is_uniform():
    where = np.argwhere(np.ones((8, 9), dtype=bool))
    folds = sum(
        np.isin(np.arange(72), next(EntryKFold(4, random_state=seed).split(where))[1])
        for seed in range(400)
    )
    # 400 draws with probability 1 / 4: mean 100, standard deviation 9.
    assert folds.mean() == 100
    assert np.abs(folds - 100).max() < 5 * 9


@settings(deadline=None, max_examples=100)
@given(
    n_entries=st.integers(1, 60),
    n=st.integers(1, 15),
    m=st.integers(1, 15),
    test_size=st.floats(0.01, 0.99) | st.integers(1, 20),
    distinct=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_shuffle_split(n_entries, n, m, test_size, distinct, seed):
    where = _coordinates(n_entries, n, m, seed, distinct)
    cv = EntryShuffleSplit(3, test_size=test_size, random_state=seed)
    try:
        splits = list(cv.split(where))
    except ValueError as exc:
        assert "Cannot hold out" in str(exc)  # noqa: PT017 - both outcomes are right
        return
    n_cells = np.unique(where, axis=0).shape[0]
    assert len(splits) == cv.get_n_splits() == 3
    for train, test in splits:
        assert train.size + test.size == len(where)
        _check_split(train, test, where)
        n_tested = np.unique(where[test], axis=0).shape[0]
        assert n_tested == (test_size if test_size >= 1 else np.ceil(test_size * n_cells))


def _objects(where):
    """Rows labelled by tuples, columns by numbers and text."""
    labels = np.empty(where.shape, dtype=object)
    for k, (i, j) in enumerate(where.tolist()):
        labels[k] = (i, "row"), (j if j % 2 else f"{j}")
    return labels


def _users_and_items(where):
    return {"user": [f"u{i}" for i in where[:, 0]], "item": where[:, 1]}


LABELS = {
    "float": lambda where: where.astype(float),
    "text": lambda where: where.astype(str),
    "list": lambda where: where.tolist(),
    "three columns": lambda where: np.column_stack([where, np.arange(len(where))]),
    "objects": _objects,
    "pandas": lambda where: pd.DataFrame(_users_and_items(where), index=where[:, 0]),
    "category": lambda where: pd.DataFrame(where).astype("category"),
    "nullable": lambda where: pd.DataFrame(where).astype("Int64"),
    "polars": lambda where: pl.DataFrame(_users_and_items(where)),
}


@pytest.mark.parametrize("splitter", [EntryKFold, EntryShuffleSplit])
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_type(splitter, kind):
    where = _coordinates(200, 20, 10, 0)
    cv = splitter(3, random_state=0)
    for one, other in zip(cv.split(where), cv.split(LABELS[kind](where)), strict=True):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)


@pytest.mark.parametrize("splitter", [EntryKFold, EntryShuffleSplit])
def test_seed(splitter):
    where = _coordinates(200, 20, 10, 0)
    first, again, other = (
        [test.tolist() for _, test in splitter(4, random_state=seed).split(where)]
        for seed in (0, 0, 1)
    )
    assert first == again != other
    # The global state is used without a seed, and a RandomState goes on.
    rng = np.random.RandomState(0)
    cv = splitter(4, random_state=rng)
    one, two = ([test.tolist() for _, test in cv.split(where)] for _ in range(2))
    assert one == first != two


@pytest.mark.parametrize(
    "cv", [EntryKFold(), EntryShuffleSplit(test_size=3), LeaveLastPerRow(n_splits=2, time="when")]
)
def test_public_face_of_a_splitter(cv):
    assert repr(pickle.loads(pickle.dumps(cv))) == repr(cv)
    assert repr(cv).startswith(f"{type(cv).__name__}(column=1, n_")
    assert cv.get_n_splits(None, None, None) == cv.n_splits
    assert not cv.get_metadata_routing().split.requests


def test_representation():
    expected = "EntryKFold(column=1, n_splits=5, random_state=None, row=0, shuffle=True)"
    assert repr(EntryKFold()) == expected


def test_groups_are_ignored_with_a_warning():
    where = np.argwhere(np.ones((4, 4)))
    for cv in (EntryKFold(), EntryShuffleSplit(), LeaveLastPerRow()):
        with pytest.warns(UserWarning, match=f"ignored by {type(cv).__name__}"):
            next(cv.split(where, groups=where[:, 0]))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (sparse.csr_array(np.ones((3, 3))), TypeError, "got a sparse matrix. Get them with"),
        (np.ones(5), ValueError, r"needs an array of shape \(n_entries, 2\).* got shape \(5,\)"),
        (np.ones((5, 1)), ValueError, r"got shape \(5, 1\)"),
        (np.ones((0, 2)), ValueError, r"got shape \(0, 2\)"),
        ([[1, np.nan], [2, 3]], ValueError, r"1 column label\(s\) are missing.* at position 0"),
        (np.array([["a", 1], [None, 2]], dtype=object), ValueError, "1 row label"),
        (np.array([["a", 1], [pd.NA, 2]], dtype=object), ValueError, "1 row label"),
        (pd.DataFrame({"a": ["x", None], "b": [1, 2]}), ValueError, "1 row label"),
        (pl.DataFrame({"a": ["x", None], "b": [1, 2]}), ValueError, "1 row label"),
        (np.array([[0, "NaT"]], dtype="M8[D]"), ValueError, "1 column label"),
    ],
)
@pytest.mark.parametrize("cv", [EntryKFold(), EntryShuffleSplit(), LeaveLastPerRow()])
def test_bad_coordinates(cv, X, error, message):
    with pytest.raises(error, match=message) as info:
        list(cv.split(X))
    assert type(cv).__name__ in str(info.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EntryKFold(1), "'n_splits' parameter of EntryKFold"),
        (lambda: EntryKFold(shuffle=False, random_state=0), "random_state=0 has no effect"),
        (lambda: EntryShuffleSplit(test_size=1.0), "'test_size' parameter"),
        (lambda: LeaveLastPerRow(0), "'n_last' parameter"),
        (lambda: LeaveLastPerRow(row=-1), "'row' parameter of LeaveLastPerRow"),
        (lambda: LeaveLastPerRow(time=-1), "'time' parameter of LeaveLastPerRow"),
        (lambda: EntryKFold(column=None), "'column' parameter of EntryKFold"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def _named(where, kind):
    """A data frame with the row labels in the third column, the column labels in the fifth."""
    n = np.arange(len(where))
    users, items = [f"u{k:02}" for k in where[:, 0]], [f"i{k:02}" for k in where[:, 1]]
    data = {"when": n, "price": n / 7, "user": users, "shop": ["a"] * n.size, "item": items}
    return {"pandas": pd.DataFrame, "polars": pl.DataFrame}[kind](data)


SPLITTERS = [
    lambda **keys: EntryKFold(3, random_state=0, **keys),
    lambda **keys: EntryShuffleSplit(3, random_state=0, **keys),
    lambda **keys: LeaveLastPerRow(2, n_splits=2, **keys),
    lambda **keys: LeaveLastPerRow(time="when", **keys),
]


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("make", SPLITTERS)
def test_columns_of_labels(make, kind):
    where = _coordinates(200, 20, 10, 0)
    frame = _named(where, kind)
    plain = pd.DataFrame(where).assign(when=np.arange(len(where)))
    expected = list(make().split(plain))
    for keys in ({"row": "user", "column": "item"}, {"row": 2, "column": "item"}):
        for one, other in zip(expected, make(**keys).split(frame), strict=True):
            for part, same in zip(one, other, strict=True):
                np.testing.assert_array_equal(part, same)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"row": "film"}, "row='film' is no column of X, whose columns are"),
        ({"column": 7}, "column=7 is no column of X, which has 5 columns"),
        ({"row": 1}, "row=1 and column=1 are the same column"),
    ],
)
@pytest.mark.parametrize("make", SPLITTERS)
def test_splitters_and_the_regressor_agree_about_wrong_columns(make, keys, message):
    frame = _named(_coordinates(50, 9, 9, 0), "pandas")
    with pytest.raises(ValueError, match=message):
        next(make(**keys).split(frame))
    with pytest.raises(ValueError, match=message):
        EntryRegressor(**keys).fit(frame, np.arange(len(frame)))


DATA = make_low_rank(40, 15, 2, observed=0.6, noise=0.1, offsets=1.0, random_state=0)
REGRESSOR = EntryRegressor(ALSCompleter(rank=2))


@pytest.mark.parametrize(
    "cv", [EntryKFold(3, random_state=0), EntryShuffleSplit(2, random_state=0), LeaveLastPerRow()]
)
def test_search(cv):
    grid = {"completer__rank": [1, 2]}
    frame = pd.DataFrame(DATA.X, columns=[f"c{j}" for j in range(15)])
    for data in (DATA.X, frame):
        search = GridSearchCV(REGRESSOR, grid, cv=cv).fit(*to_entries(data))
        assert search.best_params_ == {"completer__rank": 2}
        assert search.best_score_ > 0.8


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_search_with_named_columns(kind):
    coordinates, values = to_entries(DATA.X)
    keys = {"row": "user", "column": "item"}
    grid = {"completer__rank": [1, 2]}
    expected = GridSearchCV(REGRESSOR, grid, cv=EntryKFold(3, random_state=0))
    expected.fit(coordinates, values)
    search = GridSearchCV(
        clone(REGRESSOR).set_params(**keys), grid, cv=EntryKFold(3, random_state=0, **keys)
    )
    frame = _named(coordinates, kind)
    search.fit(frame, values)
    np.testing.assert_array_equal(search.predict(frame), expected.predict(coordinates))
    assert search.best_score_ == expected.best_score_


def test_halving_search_takes_the_folds_for_constant():
    search = HalvingGridSearchCV(
        REGRESSOR,
        {"completer__rank": [1, 2]},
        cv=EntryKFold(3, random_state=0),
        resource="completer__max_iter",
        min_resources=50,
        max_resources=100,
    )
    assert search.fit(*to_entries(DATA.X)).best_params_["completer__rank"] == 2


def test_folds_of_entries_are_those_done_by_hand_on_the_matrix():
    coordinates, values = to_entries(DATA.X)
    cv = EntryKFold(4, random_state=0)
    predicted = cross_val_predict(REGRESSOR, coordinates, values, cv=cv)
    for train, test in cv.split(coordinates):
        X_train = from_entries(coordinates[train], values[train], shape=DATA.X.shape, sparse=True)
        completer = ALSCompleter(rank=2).fit(X_train)
        by_hand = completer.predict_entries(*coordinates[test].T)
        np.testing.assert_array_equal(predicted[test], by_hand)


def test_latest_ratings_are_scored_with_their_times_in_the_table():
    coordinates, values = to_entries(DATA.X)
    X = pd.DataFrame(coordinates, columns=["user", "item"])
    X["when"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(X)), "D")
    model = clone(REGRESSOR).set_params(row="user", column="item")
    scores = cross_val_score(model, X, values, cv=LeaveLastPerRow(n_splits=2, time="when"))
    assert scores.min() > 0.7
