"""Hidden values have no influence on any fit, to the last bit."""

from functools import partial

import numpy as np
import pytest
from registry import GENERAL, at, make
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, EntryRegressor
from skmc.datasets import make_low_rank
from skmc.metrics import make_held_out_scorer
from skmc.model_selection import (
    EntryKFold,
    EntryShuffleSplit,
    LeaveLastPerRow,
    to_entries,
    train_test_entries,
)

pd = pytest.importorskip("pandas")
pytestmark = [
    # New rows and columns are part of some splits, ranks that the data do not determine of all.
    pytest.mark.filterwarnings("ignore:.*rows or columns that were not in the fit:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*stopped after:sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*have no observed entry:UserWarning"),
]

SHIFT = 1e6
kept = partial(make, keep_observed=True)
X = make_low_rank(36, 14, 2, observed=0.7, noise=0.1, offsets=1.0, random_state=0).X
COORDINATES, VALUES = to_entries(X)
every = pytest.mark.parametrize("E", GENERAL)


def differences(one, other):
    """Names of the attributes in which two fits differ in any bit, but for the time they took."""
    first, second = (leaves(model) for model in (one, other))
    assert first.keys() == second.keys()
    return {name for name in first if not same(first[name], second[name])}


def leaves(value, name=""):
    """Flatten estimators, dictionaries and lists into arrays and scalars."""
    if isinstance(value, BaseEstimator):
        value = vars(value)
    elif isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {name: value}
    items = ((f"{name}.{key}" if name else str(key), inner) for key, inner in value.items())
    found = {}
    for key, inner in items:
        if key.rpartition("trace_.")[2] != "time":
            found |= leaves(inner, key)
    return found


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def shifted(A, hidden):
    return np.where(hidden, A + SHIFT, A)


@every
@pytest.mark.parametrize("strategy", ["mcar", "pattern", "block"])
def test_entries_split_off_before_the_fit(E, strategy):
    how = {"strategy": strategy, "random_state": 0}
    _, test = train_test_entries(X, **how)
    hidden = ~np.isnan(test)
    assert hidden.sum() >= 50
    for model in (kept(E), make_pipeline(StandardScaler(), kept(E))):
        fits, scores = [], []
        for data in (X, shifted(X, hidden)):
            train, test = train_test_entries(data, **how)
            fits.append(clone(model).fit(train))
            scores.append(np.nansum((fits[-1].transform(train) - test) ** 2))
        assert not differences(*fits)
        # The values have changed indeed.
        assert scores[1] > 0.9 * hidden.sum() * SHIFT**2 > 1e6 * scores[0]


@every
def test_stored_entries_split_off_before_the_fit(E):
    where = np.nonzero(~np.isnan(X))
    S = sparse.csr_array((X[where], where), shape=X.shape)
    _, test = train_test_entries(S, random_state=0)
    other = S.copy()
    other[test.nonzero()] += SHIFT
    assert np.count_nonzero(other.data > SHIFT / 2) == test.nnz > 50
    fits = [kept(E).fit(train_test_entries(data, random_state=0)[0]) for data in (S, other)]
    assert not differences(*fits)


@every
def test_the_comparison_sees_what_scaling_before_hiding_lets_through(E):
    _, test = train_test_entries(X, random_state=0)
    hidden = ~np.isnan(test)
    fits = []
    for data in (X, np.where(hidden, X + 1e-9, X)):
        scaled = StandardScaler().fit_transform(data)
        fits.append(kept(E).fit(train_test_entries(scaled, random_state=0)[0]))
    assert {"components_", "offsets_"} <= differences(*fits)


@pytest.mark.parametrize(
    ("model", "args", "changed", "name"),
    [
        (
            make_pipeline(StandardScaler(), ALSCompleter()),
            (X,),
            (X * (1 + 1e-12),),
            "steps.1.1.components_",
        ),
        (
            EntryRegressor(ALSCompleter()),
            (COORDINATES, VALUES),
            (COORDINATES, VALUES * (1 + 1e-12)),
            "completer_.components_",
        ),
    ],
    ids=["pipeline", "regressor"],
)
def test_the_comparison_sees_inside(model, args, changed, name):
    one, two, three = (clone(model).fit(*data) for data in (args, args, changed))
    assert not differences(one, two)
    assert name in differences(one, three)


ROWS = COORDINATES[:, 0]
SPLITTERS = [
    KFold(3, shuffle=True, random_state=0),
    ShuffleSplit(2, random_state=0),
    GroupKFold(3),
    GroupShuffleSplit(2, random_state=0),
    LeaveOneGroupOut(),
    PredefinedSplit(np.arange(VALUES.size) % 4 - 1),
    TimeSeriesSplit(3),
    EntryKFold(3, random_state=0),
    EntryShuffleSplit(2, random_state=0),
    LeaveLastPerRow(2, n_splits=2, time="when"),
    "StratifiedKFold(row)",
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: str(cv).split("(")[0])
@pytest.mark.parametrize(
    "E", [GENERAL[0], *(pytest.param(E, marks=pytest.mark.slow) for E in GENERAL[1:])]
)
def test_entries_of_the_test_part_of_each_splitter(E, cv):
    # Higher ranks are far from what such small parts determine.
    completer = at(E, rank=2)
    entries = pd.DataFrame(COORDINATES, columns=["row", "column"])
    entries["when"] = np.random.default_rng(0).permutation(VALUES.size)
    groups = None
    if "Group" in str(cv):
        groups = ROWS % 3
    if isinstance(cv, str):
        cv = list(StratifiedKFold(3, shuffle=True, random_state=0).split(COORDINATES, ROWS))
    how = {"groups": groups, "cv": cv, "return_estimator": True, "return_indices": True}
    scoring = "neg_median_absolute_error"
    model = EntryRegressor(completer, row="row", column="column")
    result = cross_validate(model, entries, VALUES, scoring=scoring, **how)
    for k in (0, -1):
        test = result["indices"]["test"][k]
        values = VALUES.copy()
        values[test] += SHIFT
        other = cross_validate(model, entries, values, scoring=scoring, **how)
        np.testing.assert_array_equal(other["indices"]["test"][k], test)
        one, two = result["estimator"][k], other["estimator"][k]
        assert not differences(one, two)
        np.testing.assert_array_equal(one.predict(entries), two.predict(entries))
        assert -other["test_score"][k] == pytest.approx(SHIFT, rel=1e-3)


class Recorder:
    """A metric that keeps what it is given."""

    def __init__(self):
        self.calls = []

    def __call__(self, truth, predicted):
        self.calls.append((truth, predicted))
        return -np.median(np.abs(truth - predicted))


def held_out(model, data, **options):
    """What the scorer hides and what it gets in its place; the score."""
    recorder = Recorder()
    score = make_held_out_scorer(recorder, **options)(model, data)
    (truth, predicted) = recorder.calls[0]
    return truth, predicted, score


@every
@pytest.mark.parametrize("strategy", ["mcar", "pattern"])
@pytest.mark.parametrize("scale", [False, True])
def test_what_the_held_out_scorer_hides(E, strategy, scale):
    model = make_pipeline(StandardScaler(), kept(E)) if scale else kept(E)
    model.fit(X[:24])
    new = X[24:]
    truth, predicted, score = held_out(model, new, strategy=strategy)
    transformed = model[0].transform(new) if scale else new
    hidden = np.isin(transformed, truth)
    assert hidden.sum() == truth.size >= 20
    changed, again, low = held_out(model, shifted(new, hidden), strategy=strategy)
    np.testing.assert_array_equal(again, predicted)
    assert np.abs(changed - truth).min() > 1e4
    assert low < 1e4 * score


@every
def test_rows_of_the_test_part_under_the_held_out_scorer(E):
    cv, scoring = KFold(3), make_held_out_scorer("neg_mean_absolute_error")
    how = {"cv": cv, "scoring": scoring, "return_estimator": True}
    result = cross_validate(kept(E), X, **how)
    for k, (_, test) in enumerate(cv.split(X)):
        rows = np.isin(np.arange(len(X)), test)[:, None]
        # The scorer needs entries by which to place a row; half of each are shifted.
        other = cross_validate(kept(E), shifted(X, rows & (np.arange(14) % 2 == 0)), **how)
        assert not differences(result["estimator"][k], other["estimator"][k])
        assert other["test_score"][k] < -1e4 < 1e2 * result["test_score"][k]
