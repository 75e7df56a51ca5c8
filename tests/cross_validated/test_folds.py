"""Folds of a search in whatever form, and parameters that are refused."""

import numpy as np
import pytest
from searching import AUTO, assert_same_bits, each, each_cv, rms, searching, stored, table
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

from skmc import (
    ALSCompleterCV,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.completers import CROSS_VALIDATED
from skmc.model_selection import EntryKFold, EntryShuffleSplit


@each_cv
def test_folds_in_whatever_form(E):
    data = table(40, 12)
    entries = np.argwhere(data.mask)
    splitter = KFold(3, shuffle=True, random_state=0)
    folds = list(splitter.split(entries))
    expected = searching(E, cv=folds).fit(data.X)
    assert expected.score_path_.shape[2] == 3
    for cv in (
        splitter,
        (fold for fold in folds),
        [(train.tolist(), test.tolist()) for train, test in folds],
        tuple(folds),
    ):
        assert_same_bits(searching(E, cv=cv).fit(data.X), expected)
    assert_same_bits(
        searching(E, cv=splitter).fit(stored(data.X)), searching(E, cv=folds).fit(stored(data.X))
    )


@each_cv
@pytest.mark.parametrize(
    ("cv", "n_folds"),
    [
        (2, 2),
        (3, 3),
        (None, 5),
        (ShuffleSplit(2, test_size=0.1, random_state=0), 2),
        (EntryKFold(4, random_state=0), 4),
        (EntryShuffleSplit(1, random_state=0), 1),
    ],
    ids=str,
)
def test_number_of_folds(E, cv, n_folds):
    model = searching(E, cv=cv).fit(table().X)
    assert model.score_path_.shape[2] == n_folds
    assert model.rank_ == 2


class Recorder:
    """A splitter that keeps what it is given."""

    def split(self, X, y=None, groups=None):
        self.X, self.y = X, y
        order = np.random.default_rng(0).permutation(len(X))
        yield order[100:], order[:100]

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


@each_cv
def test_splitters_see_coordinates_row_by_row_and_no_values(E):
    data, cv = table(), Recorder()
    searching(E, cv=cv).fit(data.X)
    np.testing.assert_array_equal(cv.X, np.argwhere(data.mask))
    assert cv.y is None
    weight = (np.arange(60) % 2)[:, None] * np.ones((1, 20))
    searching(E, cv=cv).fit(data.X, entry_weight=weight)
    np.testing.assert_array_equal(cv.X, np.argwhere(data.mask & (weight > 0)))


@each_cv
def test_columns_that_are_new_in_a_fold_do_not_count(E):
    # Cold start: all entries of a column are held out, and nothing but offsets can be known.
    data = table()
    entries = np.argwhere(data.mask)
    cold = list(GroupKFold(5).split(entries, groups=entries[:, 1]))
    with pytest.raises(ValueError, match="cv holds out nothing to judge by"):
        searching(E, cv=cold).fit(data.X)
    # Mixed with entries that can be predicted, those alone decide.
    warm = list(EntryKFold(3, random_state=0).split(entries))
    mixed, rest = [], []
    for train, test in warm:
        new = entries[:, 1] == 4
        mixed.append((train[~new[train]], np.union1d(test, np.flatnonzero(new))))
        rest.append((train[~new[train]], test[~new[test]]))
    one, other = (searching(E, cv=cv).fit(data.X) for cv in (mixed, rest))
    np.testing.assert_allclose(one.score_path_, other.score_path_, atol=1e-12)
    assert (one.rank_, one.alpha_) == (other.rank_, other.alpha_)


MANY = np.arange(720)
ERRORS = [
    ({"cv": [(MANY[1:], [])]}, "test part of a fold is empty"),
    ({"cv": [([], [0])]}, "training part of a fold is empty"),
    ({"cv": [(MANY[1:], [720])]}, "positions among the 720 observed entries.*test part"),
    ({"cv": [(MANY - 1, [0])]}, "positions among the 720 observed entries.*training part"),
    ({"cv": [(MANY[1:], [0.5])]}, "cv must give positions"),
    ({"cv": [(MANY > 9, MANY <= 9)]}, "cv must give positions"),
    ({"cv": [(MANY, [3, 5])]}, "2 entries are in both parts"),
    ({"cv": [(MANY[1:, None], MANY[:1, None])]}, "cv"),
    ({"cv": [(MANY[1:], [0], [0])]}, "cv"),
    ({"cv": [MANY]}, "cv"),
    ({"cv": []}, "cv"),
    ({"cv": iter([])}, "cv"),
    ({"cv": 1}, "'cv' parameter"),
    ({"cv": "five"}, "'cv' parameter"),
    *(({"alphas": a}, "alphas") for a in ([], [0.0], [-1.0], [np.nan], [np.inf], [[1.0]], ["a"])),
    *(({"alphas": a}, "alphas") for a in (1.0, "auto")),
    *(({"eps": e}, "'eps' parameter") for e in (0.0, 1.0, -1.0, np.nan)),
    ({"n_alphas": 0}, "'n_alphas' parameter"),
    ({"one_standard_error": "yes"}, "'one_standard_error' parameter"),
]
ERRORS_ALS = [{"ranks": r} for r in ([], [0], [1.5], [True], [[1]], ["a"], 3, "auto")]
ERRORS_SOFT_IMPUTE = [
    *({"relaxations": r} for r in ([], [0.0], [1.5], [-0.1], [np.nan], [[1.0]], ["a"], 0.5)),
    *({"max_rank": r} for r in (0, True, 1.5)),
]


def name(case):
    """Short, and the same in every process."""
    if isinstance(case, dict):
        ((key, value),) = case.items()
        return f"{key}={value!r}" if key != "cv" or isinstance(value, int | str) else key
    return case.__name__ if isinstance(case, type) else ""


@pytest.mark.parametrize(
    ("E", "params", "message"),
    [
        *((E, *case) for E in CROSS_VALIDATED for case in ERRORS),
        *((ALSCompleterCV, params, next(iter(params))) for params in ERRORS_ALS),
        *((SoftImputeCompleterCV, params, next(iter(params))) for params in ERRORS_SOFT_IMPUTE),
        *((E, {"rank": r}, "rank") for E in AUTO for r in ("all", 0, True, 1.5)),
    ],
    ids=name,
)
def test_wrong_parameters_are_named(E, params, message):
    X = table().X
    assert np.count_nonzero(~np.isnan(X)) == 720
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        searching(E, **params).fit(X)


def test_grids_are_sorted_and_distinct_and_clipped():
    X = table().X
    model = searching(ALSCompleterCV, ranks=[99, 2, 1, 2, 50], alphas=[0.1, 3.0, 1.0]).fit(X)
    np.testing.assert_array_equal(model.ranks_, [1, 2, 20])
    np.testing.assert_array_equal(model.alphas_, [3.0, 1.0, 0.1])
    assert (model.rank_, model.alpha_) == (2, 0.1)
    other = searching(ALSCompleterCV, ranks=np.array([1, 2, 99]), alphas=(3, 1, 0.1)).fit(X)
    assert_same_bits(other, model)
    model = searching(SoftImputeCompleterCV, relaxations=[0.1, 1], alphas=[0.1, 3.0, 1.0]).fit(X)
    other = searching(SoftImputeCompleterCV, relaxations=(1.0, 0.1), alphas=[3, 1, 0.1]).fit(X)
    assert_same_bits(other, model)


@each_cv
def test_grid_starts_where_nothing_is_left(E):
    X = table().X
    model = searching(E, scale=True, eps=1e-2, n_alphas=5).fit(X)
    np.testing.assert_allclose(np.diff(np.log(model.alphas_)), np.log(1e-2) / 4)
    nothing, something = (
        SoftImputeCompleter(alpha=c * model.alphas_[0], scale=True).fit(X) for c in (1.001, 0.99)
    )
    assert (nothing.rank_, something.rank_) == (0, 1)


@each
@pytest.mark.parametrize(
    "X",
    [
        np.array([[1.0, np.nan, 3.0]]),
        np.array([[1.0], [np.nan], [3.0]]),
        np.array([[4.0]]),
        np.array([[1.0, np.nan], [np.nan, 2.0]]),
    ],
    ids=["row", "column", "entry", "diagonal"],
)
@pytest.mark.filterwarnings("ignore:.*no observed entry")
def test_where_nothing_can_be_held_out(E, X):
    # Nothing tells anything about anything: column means, as a search for the rank finds.
    means = np.where(np.isnan(X).all(axis=0), np.nanmean(X), 0) + np.nan_to_num(
        np.nansum(X, axis=0) / np.maximum((~np.isnan(X)).sum(axis=0), 1)
    )
    model = searching(E).fit(X)
    assert model.rank_ == 0
    np.testing.assert_allclose(model.transform(X), np.tile(means, (len(X), 1)))


@each_cv
def test_folds_of_whole_rows_are_warned_of(E):
    X = table().X
    with pytest.warns(UserWarning, match="rows or columns without training.*KFold.shuffle=True"):
        searching(E, cv=KFold(5)).fit(X)


@each_cv
@pytest.mark.parametrize("n_alphas", [13, 60, 200])
def test_a_finer_grid_is_followed_as_far(E, n_alphas):
    data = table(n_rows=100, n_columns=30, rank=3, noise=0.5)
    ranks = {"ranks": [3]} if E is ALSCompleterCV else {}
    usual, finer = (searching(E, eps=1e-3, n_alphas=n, **ranks) for n in (20, n_alphas))
    scores = [np.nanmax(model.fit(data.X).score_path_.mean(axis=-1)) for model in (usual, finer)]
    assert scores[1] > scores[0] - 0.01
    assert scores[0] > 0.5


@each_cv
@pytest.mark.parametrize("size", [13, 25])
def test_penalties_that_leave_nothing_are_tried_once(E, size):
    data = table(n_rows=100, n_columns=30, rank=3, noise=0.5)
    model = searching(E, alphas=np.logspace(-3, 4, size)).fit(data.X)
    assert model.alphas_.size < size
    # The first leaves the offsets: it predicts nothing.
    first = model.score_path_[0] if E is SoftImputeCompleterCV else model.score_path_[:, 0]
    assert np.nanmax(np.abs(first)) < 1e-3
    assert np.nanmax(model.score_path_.mean(axis=-1)) > 0.35
    assert rms(model.transform(data.X) - data.truth) < 0.5 * rms(data.truth - data.truth.mean(0))
