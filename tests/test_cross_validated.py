"""Completers that choose rank and penalty on held-out entries: what they choose, fit and refuse."""

import pickle
from functools import cache

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    EntryRegressor,
    ProjectedGDCompleter,
    SoftImputeCompleter,
    SoftImputeCompleterCV,
)
from skmc.completers import CROSS_VALIDATED
from skmc.datasets import hide_entries, make_low_rank
from skmc.model_selection import EntryKFold, EntryShuffleSplit, to_entries

pd = pytest.importorskip("pandas")

QUICK = {"n_alphas": 4, "eps": 0.01, "cv": 2}
AUTO = (ALSCompleter, ProjectedGDCompleter)
SEARCHING = CROSS_VALIDATED + AUTO
each = pytest.mark.parametrize("E", SEARCHING)
each_cv = pytest.mark.parametrize("E", CROSS_VALIDATED)
each_auto = pytest.mark.parametrize("E", AUTO)
each_plain = pytest.mark.parametrize("E", [*AUTO, SoftImputeCompleter])


def searching(E, **params):
    """An instance that searches, quickly, and returns what its model says of observed entries."""
    quick = QUICK if E in CROSS_VALIDATED else {"rank": "auto"}
    return E(**{**quick, "keep_observed": False, **params})


def table(n_rows=60, n_columns=20, rank=2, **params):
    params = {"observed": 0.6, "noise": 0.1, "offsets": 1.0, "random_state": 0, **params}
    return make_low_rank(n_rows, n_columns, rank, **params)


@cache
def reference(E):
    """A fit of that table, not to be changed."""
    return searching(E).fit(table().X)


def noise_table(shape, seed=0, observed=0.6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) + 3.0 * rng.normal(size=shape[1])
    return np.where(rng.random(shape) < observed, X, np.nan)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


def fitted(model):
    """Fitted attributes, but for the times of the iterations."""
    found = {k: v for k, v in vars(model).items() if k.endswith("_") and not k.startswith("_")}
    found["trace_"] = {k: v for k, v in found["trace_"].items() if k != "time"}
    return found


def assert_same_bits(one, other):
    one, other = fitted(one), fitted(other)
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_equal(other[name], value, err_msg=name)


@pytest.fixture(autouse=True)
def few_folds(monkeypatch):
    """Search for the rank on four folds, in less than half of the time that ten take."""
    monkeypatch.setattr("skmc._search._splits.TENTH", 4)


# What they choose


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]
)
@each
def test_error_against_the_truth(E, seed, monkeypatch):
    monkeypatch.undo()  # as many folds as there are
    data = make_low_rank(500, 100, 5, observed=0.5, noise=0.1, random_state=seed)
    model = E(keep_observed=False)
    if E in AUTO:
        model.set_params(rank="auto")
    completed = model.fit_transform(data.X)
    assert model.rank_ == 5
    assert model.converged_
    # What an oracle that knows the column space would reach is about 0.035.
    assert rms(completed - data.truth) <= 0.042


@each
def test_noise_is_completed_by_column_means(E):
    X = noise_table((150, 40))
    model = searching(E)
    completed = model.fit_transform(X)
    assert rms(completed - np.nanmean(X, axis=0)) <= 0.01
    if E in AUTO:
        assert model.rank_ == 0
        assert model.search_["score"].max() <= 1e-2


@each
def test_exact_matrices_are_recovered(E):
    data = table(80, 30, 3, noise=0.0, observed=0.7, random_state=1)
    model = searching(E)
    if E in CROSS_VALIDATED:
        # The smallest penalty bounds what they can reach.
        smallest = 1e-6 if E is ALSCompleterCV else 1e-4
        model.set_params(alphas=np.geomspace(10.0, smallest, 6), cv=5, max_iter=2000)
    completed = model.fit_transform(data.X)
    assert model.rank_ == 3
    # A gain in R^2 that is no more than rounding does not count.
    accuracy = 1e-5 if E in CROSS_VALIDATED else 1e-6
    assert rms(completed - data.truth) <= accuracy * rms(data.truth)


@each
def test_choice_does_not_depend_on_units_nor_on_the_order_of_the_rows(E):
    X = table().X
    order = np.random.default_rng(0).permutation(60)
    scale, shift = np.geomspace(1e-3, 1e3, 20), np.linspace(-100, 100, 20)
    expected = reference(E)
    for other, units in (
        (searching(E).fit(X[order]), (1.0, 0.0)),
        (searching(E).fit(scale * X + shift), (scale, shift)),
    ):
        assert other.rank_ == expected.rank_
        assert other.alpha_ == pytest.approx(expected.alpha_, rel=1e-6)
        found = (other.transform(units[0] * X + units[1]) - units[1]) / units[0]
        np.testing.assert_allclose(found, expected.transform(X), atol=1e-6)


@each_cv
def test_one_standard_error_is_simpler_and_scores_nearly_as_well(E):
    simpler = []
    for seed in (0, 1):
        X = table(40, 15, 4, observed=0.8, noise=0.4, condition_number=10.0, random_state=seed).X
        best, simple = (
            searching(E, cv=4, n_alphas=8, one_standard_error=one).fit(X) for one in (False, True)
        )
        np.testing.assert_array_equal(simple.score_path_, best.score_path_)
        mean = best.score_path_.mean(axis=2)
        scores = best.score_path_[np.unravel_index(np.nanargmax(mean), mean.shape)]
        error = scores.std(ddof=1) / np.sqrt(scores.size)
        assert mean[best_of(simple)] >= scores.mean() - error
        assert best_of(simple)[0] <= best_of(best)[0]
        simpler.append(best_of(simple)[0] < best_of(best)[0])
    assert any(simpler)


def best_of(model):
    """Position in `score_path_` of what was fitted."""
    alpha = model.alpha_ / getattr(model, "relaxation_", 1.0)
    a = int(np.argmin(np.abs(np.log(model.alphas_ / alpha))))
    assert model.alphas_[a] == pytest.approx(alpha, rel=1e-12)
    if isinstance(model, ALSCompleterCV):
        return int(np.flatnonzero(model.ranks_ == model.rank_)[0]), a
    return a, int(np.flatnonzero(np.sort(model.relaxations)[::-1] == model.relaxation_)[0])


@each_cv
def test_score_path(E):
    model = searching(E, cv=3).fit(table().X)
    scores = model.score_path_
    inner = model.alphas_.size if E is ALSCompleterCV else len(model.relaxations)
    outer = model.ranks_.size if E is ALSCompleterCV else model.alphas_.size
    assert scores.shape == (outer, inner, 3)
    assert (scores[~np.isnan(scores)] <= 1.0).all()
    mean = scores.mean(axis=2)
    assert mean[best_of(model)] >= np.nanmax(mean) - 2e-3 * (1 - np.nanmax(mean))
    assert model.n_path_iter_ > 0


@pytest.mark.parametrize("center", [True, False, "both"])
def test_score_path_is_what_hiding_the_fold_and_fitting_anew_gives(center):
    # The nuclear norm has one solution, whatever it is started from.
    data = table(rank=3)
    X, mask = data.X, data.mask
    entries = np.argwhere(mask)
    folds = list(EntryKFold(2, random_state=0).split(entries))
    precise = {"center": center, "scale": True, "tol": 1e-9, "max_iter": 5000}
    model = SoftImputeCompleterCV(
        alphas=[6.0, 3.0, 1.5], cv=folds, relaxations=[1.0], keep_observed=False, **precise
    ).fit(X)
    spread = np.nanstd(X, axis=0)
    if not center:
        spread = np.sqrt(np.nanmean(X**2, axis=0))
    for a, alpha in enumerate(model.alphas_):
        for f, (_, test) in enumerate(folds):
            i, j = entries[test].T
            hidden = X.copy()
            hidden[i, j] = np.nan
            plain = SoftImputeCompleter(alpha=alpha, keep_observed=False, **precise)
            error, total = (
                np.sum(((X - other)[i, j] / spread[j]) ** 2)
                for other in (plain.fit_transform(hidden), np.nanmean(hidden, axis=0))
            )
            assert model.score_path_[a, 0, f] == pytest.approx(1.0 - error / total, abs=1e-5)


# What they fit


@pytest.mark.parametrize("scale", ["noise", True, False])
@pytest.mark.parametrize("center", [True, "both"])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_als_fits_what_the_plain_completer_fits(scale, center, form):
    X = table().X if form == "dense" else stored(table().X)
    units = {"scale": scale, "center": center}
    model = ALSCompleterCV(**QUICK, **units).fit(X)
    assert model.rank_ == 2
    assert model.alpha_ in model.alphas_ * (1 + 1e-15 * np.arange(-3, 4)[:, None])
    plain = ALSCompleter(rank=model.rank_, alpha=model.alpha_, **units).fit(X)
    assert_same_fit(model, plain)


@pytest.mark.parametrize("seed", [3, 4])
def test_a_path_by_warm_starts_ends_where_a_cold_start_does(seed):
    # Components that a large penalty has made negligible have to come back at a small one.
    X = make_low_rank(60, 30, 5, observed=0.6, noise=0.1, condition_number=5.0, random_state=seed).X
    params = {"scale": True, "tol": 1e-6, "max_iter": 5000}
    warm, cold = (SoftImputeCompleter(alpha=3.0, warm_start=w, **params) for w in (True, False))
    for alpha in (20.0, 12.0, 8.0, 5.0, 3.0):
        warm.set_params(alpha=alpha).fit(X)
    objectives = [model.trace_["objective"][-1] for model in (warm, cold.fit(X))]
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-4)


@pytest.mark.parametrize("scale", ["noise", True, False])
@pytest.mark.parametrize("max_rank", [None, 1, 3])
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_soft_impute_fits_what_the_plain_completer_fits(scale, max_rank, form):
    X = table().X if form == "dense" else stored(table().X)
    units = {"scale": scale, "max_rank": max_rank}
    model = SoftImputeCompleterCV(**QUICK, relaxations=[1.0], **units).fit(X)
    plain = SoftImputeCompleter(alpha=model.alpha_, **units).fit(X)
    assert model.relaxation_ == 1.0
    assert model.rank_ <= (max_rank or 20)
    assert_same_fit(model, plain)


def assert_same_fit(model, plain):
    """The same arithmetic on the same problem, up to the rounding of the penalty."""
    assert model.n_iter_ == plain.n_iter_
    for name in ("components_", "offsets_", "scale_", "spread_", "fold_in_alpha_"):
        one, other = getattr(model, name), getattr(plain, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)
    if model.alpha_ == plain.alpha_ and model.scale is not False:
        np.testing.assert_array_equal(model.components_, plain.components_)


def test_refit_relaxes_the_solution_of_the_path():
    X = table().X
    units = {"scale": True, "tol": 1e-8, "max_iter": 5000}
    model = SoftImputeCompleterCV(alphas=[4.0], relaxations=[0.25], cv=2, **units).fit(X)
    assert (model.relaxation_, model.alpha_) == (0.25, 1.0)
    solution = SoftImputeCompleter(alpha=4.0, **units).fit(X)
    assert model.rank_ == solution.rank_
    # As alternating least squares from anywhere at that rank and penalty.
    other = ALSCompleter(rank=model.rank_, alpha=1.0, **units).fit(X)
    np.testing.assert_allclose(model.transform(X), other.transform(X), atol=1e-5)
    assert model.trace_["stage"][-1] == solution.trace_["stage"][-1] + 1
    np.testing.assert_array_equal(np.unique(model.trace_["alpha"]), [1.0, 4.0])
    assert all(values.shape == (model.n_iter_,) for values in model.trace_.values())


@pytest.mark.parametrize(
    ("E", "alpha"), [(ProjectedGDCompleter, {}), *((ALSCompleter, {"alpha": a}) for a in (0, 1.0))]
)
@pytest.mark.parametrize("units", [{}, {"center": "both"}, {"scale": False}], ids=str)
def test_automatic_rank_fits_what_that_rank_fits(E, alpha, units):
    X = table().X
    model = E(rank="auto", **alpha, **units).fit(X)
    assert model.rank_ == 2
    assert model.alpha_ == pytest.approx(alpha.get("alpha", 0.0))
    plain = E(rank=2, **alpha, **units).fit(X)
    for attribute in ("components_", "offsets_", "n_iter_", "alpha_"):
        np.testing.assert_array_equal(getattr(model, attribute), getattr(plain, attribute))


def test_automatic_rank_and_penalty_fit_what_these_fit():
    X = table().X
    precise = {"scale": True, "tol": 1e-4, "keep_observed": False}
    model = ALSCompleter(rank="auto", **precise).fit(X)
    assert model.rank_ == 2
    plain = ALSCompleter(rank=2, alpha=model.alpha_, **precise).fit(X)
    np.testing.assert_allclose(model.transform(X), plain.transform(X), atol=2e-3)


@each_auto
def test_automatic_rank_of_noise_leaves_the_offsets(E):
    X = noise_table((60, 10))
    model = searching(E).fit(X)
    assert model.rank_ == 0
    assert model.components_.shape == (0, 10)
    assert model.row_factors(X).shape == (60, 0)
    np.testing.assert_allclose(model.transform(X), np.tile(np.nanmean(X, axis=0), (60, 1)))
    assert model.predict_entries([3], [4])[0] == pytest.approx(np.nanmean(X[:, 4]))
    assert model.score(X) == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(model.trace_["objective"]).all()


@each_auto
def test_search_tells_what_was_tried(E):
    model = searching(E).fit(table().X)
    search = model.search_
    assert list(search) == ["rank", "relaxation", "score", "n_iter"]
    assert len({values.shape for values in search.values()}) == 1
    assert (search["rank"][0], search["score"][0]) == (0, pytest.approx(0.0, abs=1e-12))
    assert model.rank_ in search["rank"]
    # A rank that is given leaves nothing to tell, not even after one that was not.
    model.set_params(rank=2).fit(table().X)
    assert not hasattr(model, "search_")
    assert not hasattr(E(rank=2).fit(table().X), "search_")


@each
def test_two_fits_are_the_same_to_the_last_bit(E):
    X, model = table().X, searching(E, random_state=0)
    assert_same_bits(model.fit(X), reference(E))
    # What a fit of other data has left does not matter.
    model.fit(noise_table((30, 20)))
    assert_same_bits(model.fit(X), reference(E))


@each
def test_random_state_draws_the_folds(E):
    X = table().X
    drawn, other = (searching(E, random_state=s).fit(X) for s in (np.random.RandomState(0), 1))
    assert_same_bits(drawn, reference(E))
    scores = [m.search_["score"] if E in AUTO else m.score_path_ for m in (drawn, other)]
    assert not np.array_equal(*scores)


@each
def test_threads_give_the_same_bits(E):
    X = make_low_rank(300, 80, 2, observed=0.3, noise=0.1, random_state=0).X
    quick = {"tol": 0.1} | ({"alphas": [3.0, 1.0]} if E in CROSS_VALIDATED else {})
    one, *others = (searching(E, n_jobs=n, **quick).fit(X) for n in (1, 3, None))
    for other in others:
        assert_same_bits(other, one)


# Folds


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
        yield np.arange(100, len(X)), np.arange(100)

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
    model = searching(E, cv=cold).fit(data.X)
    np.testing.assert_array_equal(model.score_path_[~np.isnan(model.score_path_)], 1.0)
    assert model.alpha_ == model.alphas_[0]
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


# Input


def stored(X):
    rows, columns = np.nonzero(~np.isnan(X))
    return sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).tocsr()


@each
def test_sparse_input_gives_the_same_choice(E):
    X = table().X
    dense, other = reference(E), searching(E).fit(stored(X))
    assert other.rank_ == dense.rank_
    assert other.alpha_ == pytest.approx(dense.alpha_, rel=1e-9)
    np.testing.assert_allclose(other.transform(stored(X)), dense.transform(X), atol=1e-6)


@each
def test_single_precision(E):
    X = table().X
    double, single = reference(E), searching(E).fit(X.astype(np.float32))
    assert single.rank_ == double.rank_
    completed = single.transform(X.astype(np.float32))
    assert completed.dtype == single.components_.dtype == np.float32
    np.testing.assert_allclose(completed, double.transform(X), atol=1e-2)


@each
def test_sample_weight_is_repetition(E):
    X = table().X
    k = np.random.default_rng(0).integers(0, 4, 60)
    weighted = searching(E).fit(X, sample_weight=k)
    repeated = searching(E).fit(np.repeat(X, k, axis=0))
    assert weighted.rank_ == repeated.rank_
    assert weighted.alpha_ == pytest.approx(repeated.alpha_, rel=1e-6)
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-6)
    one, other = (m.search_["score"] if E in AUTO else m.score_path_ for m in (weighted, repeated))
    np.testing.assert_allclose(one, other, atol=1e-6)


@each
def test_entry_weights(E):
    X = table().X
    rng = np.random.default_rng(0)
    plain = reference(E)
    ones = searching(E).fit(X, entry_weight=np.ones(X.shape))
    np.testing.assert_allclose(ones.transform(X), plain.transform(X), atol=1e-6)
    # Weight 0 is missing.
    hidden = rng.random(X.shape) < 0.1
    zeros = searching(E).fit(X, entry_weight=1.0 - hidden)
    fewer = searching(E).fit(np.where(hidden, np.nan, X))
    np.testing.assert_allclose(zeros.transform(X), fewer.transform(X), atol=1e-6)
    # A common factor is a unit of the penalty.
    W = rng.uniform(0.5, 2.0, X.shape)
    one, hundred = (searching(E).fit(X, entry_weight=c * W) for c in (1.0, 100.0))
    assert hundred.alpha_ == pytest.approx(100.0 * one.alpha_)
    np.testing.assert_allclose(hundred.transform(X), one.transform(X), atol=1e-6)


@each
def test_weights_say_what_to_believe(E):
    # Half of the entries are wrong and held out as well; their weight keeps them from mattering.
    data = table(observed=1.0)
    rng = np.random.default_rng(0)
    wrong = rng.random(data.X.shape) < 0.3
    X = data.X + 5.0 * wrong * rng.normal(size=data.X.shape)
    model = searching(E).fit(X, entry_weight=np.where(wrong, 1e-3, 1.0))
    assert model.rank_ == 2
    assert rms(model.transform(np.where(wrong, np.nan, X)) - data.truth) < 0.15


@pytest.mark.parametrize("E", [ALSCompleterCV, *AUTO])
def test_weights_that_tell_the_noise_help(E):
    data, X = uneven_noise()
    W = np.broadcast_to(np.repeat([0.2, 0.6], 20) ** -2.0, X.shape)
    weighted, plain = (
        rms(searching(E, scale=True).fit(X, entry_weight=w).transform(X) - data.truth)
        for w in (W, None)
    )
    assert weighted < plain


@each
def test_copies_of_rows_give_nothing_away(E):
    # Were a copy of a row in the training part, what it lacks could be read off.
    X = noise_table((60, 12))
    many = searching(E).fit(np.repeat(X, 3, axis=0))
    assert rms(many.transform(X) - np.nanmean(X, axis=0)) <= 0.05


@each
def test_a_column_without_entries(E):
    X = table().X
    X[:, 7] = np.nan
    with pytest.warns(UserWarning, match=r"1 column\(s\).*no observed entry: 7") as record:
        model = searching(E).fit(X)
    assert len(record) == 1
    np.testing.assert_allclose(model.transform(X)[:, 7], np.nanmean(X))
    assert model.rank_ == 2


@each
@pytest.mark.parametrize("value", [0.0, 7.0])
@pytest.mark.parametrize("missing", [False, True])
def test_constant_table(E, value, missing):
    X = np.full((20, 6), value)
    if missing:
        X[np.isnan(table(20, 6).X)] = np.nan
    np.testing.assert_allclose(searching(E).fit_transform(X), value, atol=1e-12)


@each
def test_a_constant_column_is_continued(E):
    X = table().X
    X[:, 5] = np.where(np.isnan(X[:, 5]), np.nan, 2.5)
    model = searching(E).fit(X)
    np.testing.assert_allclose(model.transform(X)[:, 5], 2.5, atol=0.02)
    assert model.rank_ == 2


@each
@pytest.mark.parametrize("shape", [(2, 20), (60, 2), (2, 2), (3, 3)])
@pytest.mark.filterwarnings("ignore:.*no observed entry")
def test_small_tables(E, shape):
    X = table().X[: shape[0], : shape[1]]
    assert np.isfinite(searching(E).fit_transform(X)).all()


@each
@pytest.mark.parametrize("factor", [1e-300, 1e150])
def test_values_of_any_size(E, factor):
    X = table().X
    found = searching(E).fit_transform(factor * X) / factor
    np.testing.assert_allclose(found, reference(E).transform(X), atol=1e-6)


@each
def test_an_outlier_spoils_its_column_alone(E):
    data = table()
    X, others = data.X.copy(), np.arange(20) != 3
    before = rms((reference(E).transform(X) - data.truth)[:, others])
    X[np.flatnonzero(data.mask[:, 3])[0], 3] = 1e9
    after = rms((searching(E).fit_transform(X) - data.truth)[:, others])
    # It is one entry of 720, and counts as 64 at most.
    assert after < 2.5 * before


@each
def test_input_is_left_alone(E):
    X = table().X
    W = np.random.default_rng(0).uniform(0.5, 2.0, X.shape)
    for data in (X, stored(X)):
        arrays = [data] if data is X else [data.data, data.indices, data.indptr]
        copies = [a.copy() for a in arrays]
        for a in arrays:
            a.flags.writeable = False
        weight = W if data is X else stored(np.where(np.isnan(X), np.nan, W))
        searching(E).fit(data, sample_weight=np.ones(60), entry_weight=weight)
        for array, copy in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(array, copy)


@each
def test_pickle_and_clone(E, tmp_path):
    X, model = table().X, reference(E)
    joblib.dump(model, tmp_path / "model.joblib")
    for other in (
        pickle.loads(pickle.dumps(model)),
        joblib.load(tmp_path / "model.joblib", mmap_mode="r"),
    ):
        np.testing.assert_array_equal(other.transform(X), model.transform(X))
        assert_same_bits(other, model)
    with pytest.raises(NotFittedError):
        clone(model).transform(X)
    assert clone(model).get_params() == model.get_params()


@each_cv
def test_a_fit_that_fails_leaves_the_last_one(E):
    X = table().X
    model = searching(E).fit(X)
    before, expected = dict(vars(model)), model.transform(X)
    infinite, empty = X.copy(), np.full_like(X, np.nan)
    infinite[3, 4] = np.inf
    for bad, params in (
        (infinite, {}),
        (empty, {}),
        (X, {"alphas": [-1.0]}),
        (X, {"cv": [(MANY, MANY)]}),
        (X, {"cv": [(MANY[1:], [720])]}),
    ):
        kept = {name: model.get_params()[name] for name in params}
        with pytest.raises(ValueError):
            model.set_params(**params).fit(bad)
        model.set_params(**kept)
        assert set(vars(model)) == set(before)
        for name, value in before.items():
            assert vars(model)[name] is value or vars(model)[name] == value, name
        np.testing.assert_array_equal(model.transform(X), expected)


def test_a_search_that_diverges_leaves_the_last_fit():
    X = table().X
    model = searching(ProjectedGDCompleter).fit(X)
    before, expected = dict(vars(model)), model.transform(X)
    with pytest.raises(ValueError, match=r"diverged.*Lower step_size"):
        model.set_params(step_size=50.0).fit(X)
    model.set_params(step_size="auto")
    assert all(vars(model)[name] is value for name, value in before.items() if name != "step_size")
    np.testing.assert_array_equal(model.transform(X), expected)


def test_every_iteration_of_the_last_fit_is_logged(caplog):
    for E in SEARCHING:
        caplog.clear()
        with caplog.at_level("INFO", logger="skmc"):
            model = searching(E, verbose=1).fit(table().X)
        assert len(caplog.records) == model.n_iter_, E


@each
def test_too_few_iterations_are_told_once(E):
    with pytest.warns(ConvergenceWarning, match=rf"{E.__name__} stopped after \d+ iter") as record:
        model = searching(E, max_iter=1).fit(table().X)
    assert [w.category for w in record] == [ConvergenceWarning]
    assert not model.converged_
    assert np.isfinite(model.transform(table().X)).all()


@each
def test_folds_are_not_warned_of(E):
    # Searches try what converges slowly, at high ranks and low penalties; only the last fit counts.
    assert searching(E, tol=1e-4, max_iter=300).fit(table().X).converged_


# Company


@each
def test_entries_as_triplets(E):
    X = table().X
    coordinates, y = to_entries(X, random_state=0)
    completer = searching(E, center="both")
    regressor = EntryRegressor(completer).fit(coordinates, y)
    model = regressor.completer_
    # The same fit as that of the matrix, whose entries come in another order.
    matrix = searching(E, center="both").fit(stored(X))
    assert (model.rank_, model.alpha_) == (matrix.rank_, pytest.approx(matrix.alpha_))
    found = regressor.predict(coordinates)
    expected = matrix.predict_entries(*coordinates.T)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_search_on_triplets():
    X = table().X
    coordinates, y = to_entries(X, random_state=0)
    search = GridSearchCV(
        EntryRegressor(searching(ALSCompleterCV, center="both")),
        {"completer__one_standard_error": [False, True]},
        cv=KFold(3, shuffle=True, random_state=0),
        scoring="neg_root_mean_squared_error",
    )
    search.fit(coordinates, y)
    assert -search.best_score_ < 0.2
    assert search.best_estimator_.completer_.rank_ == 2


@each_cv
def test_grid_search_over_one_standard_error(E):
    X = table().X
    search = GridSearchCV(searching(E), {"one_standard_error": [False, True]}, cv=2).fit(X)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.rank_ == 2


@each
def test_pipeline(E):
    data = table(120, 12)
    y = data.truth[:, 0] - data.truth[:, 1]
    pipe = make_pipeline(StandardScaler(), searching(E, keep_observed=True), LinearRegression())
    assert pipe.fit(data.X, y).score(data.X, y) > 0.95


@each
def test_names_and_output(E):
    X = table().X
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(20)], index=np.arange(60) + 100)
    model = searching(E, add_indicator=True).set_output(transform="pandas").fit(frame)
    out = model.transform(frame)
    names = [*frame.columns, *(f"missingindicator_{c}" for c in frame)]
    assert list(out.columns) == names == list(model.get_feature_names_out())
    assert (out.index == frame.index).all()


@each
def test_real_tables(E):
    # Convergence warnings are errors here.
    from sklearn.datasets import load_diabetes, load_wine

    for load in (load_diabetes, load_wine):
        whole = load().data
        X, _ = hide_entries(whole, 0.2, random_state=0)
        holes = np.isnan(X)
        found = searching(E).fit_transform(X)
        error, baseline = (
            rms(((other - whole) / whole.std(axis=0))[holes])
            for other in (found, np.nanmean(X, axis=0))
        )
        assert error < 0.9 * baseline


# Columns in the units of their noise


@each_plain
def test_noise_units_follow_the_units_of_the_columns(E):
    X = table().X
    params = {"scale": "noise", "keep_observed": False}
    params |= {"max_rank" if E is SoftImputeCompleter else "rank": 3}
    expected = E(**params).fit(X)
    scale, shift = np.geomspace(1e-3, 1e3, 20), np.linspace(-100, 100, 20)
    other = E(**params).fit(scale * X + shift)
    np.testing.assert_allclose(other.scale_ / scale, expected.scale_, rtol=1e-8)
    np.testing.assert_allclose(
        (other.transform(scale * X + shift) - shift) / scale, expected.transform(X), atol=1e-7
    )


@each_plain
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_noise_units_and_the_order_of_rows_and_columns(E, form):
    X = table().X
    params = {"scale": "noise", "keep_observed": False, "tol": 1e-10, "max_iter": 5000}
    params |= {"rank": 2} if E is ProjectedGDCompleter else {"alpha": 1.0}
    as_given = stored if form == "sparse" else np.array
    expected = E(**params).fit(as_given(X))
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(60), rng.permutation(20)
    other = E(**params).fit(as_given(X[rows]))
    np.testing.assert_allclose(other.scale_, expected.scale_, rtol=1e-8)
    np.testing.assert_allclose(other.transform(X), expected.transform(X), atol=1e-8)
    other = E(**params).fit(as_given(X[:, columns]))
    np.testing.assert_allclose(other.scale_, expected.scale_[columns], rtol=1e-8)
    np.testing.assert_allclose(
        other.transform(X[:, columns]), expected.transform(X)[:, columns], atol=1e-8
    )


@each_plain
def test_noise_units_lower_the_error(E):
    data, X = uneven_noise()
    params = {"rank": 2} if E is not SoftImputeCompleter else {"max_rank": 2}
    noise, plain = (E(scale=s, keep_observed=False, **params).fit(X) for s in ("noise", True))
    ratio = noise.scale_ / noise.spread_
    assert np.median(ratio[20:]) > 1.3 * np.median(ratio[:20])
    np.testing.assert_array_equal(plain.scale_, plain.spread_)
    errors = [rms(model.transform(X) - data.truth) for model in (noise, plain)]
    assert errors[0] < 0.9 * errors[1]


def uneven_noise():
    """A table whose second half of columns has three times the noise of the first."""
    data = make_low_rank(300, 40, 2, observed=0.6, random_state=0)
    rng = np.random.default_rng(0)
    return data, data.X + np.repeat([0.2, 0.6], 20) * rng.normal(size=data.X.shape)


@each_plain
@pytest.mark.parametrize("size", [1e3, 1e9])
def test_noise_units_keep_an_outlier_in_its_column(E, size):
    data = table()
    X, others = data.X.copy(), np.arange(20) != 3
    params = {"rank": 2} if E is not SoftImputeCompleter else {"max_rank": 2}
    errors = []
    for outlier in (X[data.mask[:, 3], 3][0], size):
        X[np.flatnonzero(data.mask[:, 3])[0], 3] = outlier
        completed = E(keep_observed=False, scale="noise", **params).fit_transform(X)
        errors.append(rms((completed - data.truth)[:, others]))
    assert errors[1] < 1.3 * errors[0]
