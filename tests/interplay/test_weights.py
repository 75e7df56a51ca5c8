"""Weights of rows and of entries through scikit-learn's searches, pipelines and routing."""

import numpy as np
import pytest
import sklearn
from registry import GENERAL, WEIGHTED, at
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, EntryRegressor
from skmc.datasets import make_low_rank
from skmc.metrics import make_held_out_scorer
from skmc.model_selection import to_entries

DATA = make_low_rank(90, 15, 2, observed=0.7, noise=0.1, offsets=2.0, random_state=0)
X = DATA.X
RNG = np.random.default_rng(0)
LABELS = (DATA.U[:, 0] + 0.3 * DATA.U[:, 0].std() * RNG.normal(size=90) > 0).astype(int)
ROW_WEIGHT = RNG.uniform(0.1, 3.0, 90)
ENTRY_WEIGHT = RNG.uniform(0.1, 3.0, X.shape)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def completer_of(E=ALSCompleter, **params):
    return at(E, rank=2, **params)


def weighted_pipeline(completer):
    pipeline = Pipeline(
        [
            ("scaler", StandardScaler().set_fit_request(sample_weight=True)),
            ("completer", completer.set_fit_request(sample_weight=True, entry_weight=True)),
            (
                "classifier",
                LogisticRegression(C=10.0)
                .set_fit_request(sample_weight=True)
                .set_score_request(sample_weight=True),
            ),
        ]
    )
    # Up to scikit-learn 1.7 the pipeline has to ask as well.
    return pipeline.set_score_request(sample_weight=True)


class ByHand:
    """The same three steps without a pipeline, each weight where it belongs."""

    def __init__(self, completer):
        self.scaler, self.completer = StandardScaler(), clone(completer)
        self.classifier = LogisticRegression(C=10.0)

    def fit(self, rows):
        row_weight = ROW_WEIGHT[rows]
        scaled = self.scaler.fit(X[rows], sample_weight=row_weight).transform(X[rows])
        self.completer.fit(scaled, sample_weight=row_weight, entry_weight=ENTRY_WEIGHT[rows])
        filled = self.completer.transform(scaled)
        self.classifier.fit(filled, LABELS[rows], sample_weight=row_weight)
        return self

    def filled(self, rows):
        return self.completer.transform(self.scaler.transform(X[rows]))

    def predict_proba(self, rows):
        return self.classifier.predict_proba(self.filled(rows))

    def score(self, rows):
        return self.classifier.score(self.filled(rows), LABELS[rows], ROW_WEIGHT[rows])


ALL = np.arange(90)
BOTH = {"sample_weight": ROW_WEIGHT, "entry_weight": ENTRY_WEIGHT}


@pytest.mark.parametrize("E", WEIGHTED)
def test_each_step_of_a_pipeline_gets_its_weights(E, routing):
    pipeline = weighted_pipeline(completer_of(E)).fit(X, LABELS, **BOTH)
    by_hand = ByHand(completer_of(E)).fit(ALL)
    probabilities = pipeline.predict_proba(X)
    np.testing.assert_array_equal(probabilities, by_hand.predict_proba(ALL))
    score = pipeline.score(X, LABELS, sample_weight=ROW_WEIGHT)
    assert score == by_hand.score(ALL)
    assert score != pipeline.score(X, LABELS)
    # None of the weights is idle.
    scaled = pipeline["scaler"].transform(X)
    for name in BOTH:
        other = completer_of(E).fit(scaled, **{k: v for k, v in BOTH.items() if k != name})
        changes = other.transform(scaled) - pipeline["completer"].transform(scaled)
        assert np.abs(changes).max() > 1e-3
        ones = BOTH | {name: np.ones_like(BOTH[name])}
        other = clone(pipeline).fit(X, LABELS, **ones).predict_proba(X)
        assert np.abs(other - probabilities).max() > 1e-3


def test_folds_of_a_pipeline_get_the_weights_of_their_rows(routing):
    cv = KFold(3, shuffle=True, random_state=0)
    pipeline = weighted_pipeline(completer_of())
    result = cross_validate(
        pipeline, X, LABELS, cv=cv, params=BOTH, return_train_score=True, return_estimator=True
    )
    for k, (train, test) in enumerate(cv.split(X)):
        by_hand = ByHand(completer_of()).fit(train)
        assert result["test_score"][k] == by_hand.score(test)
        assert result["train_score"][k] == by_hand.score(train)
        np.testing.assert_array_equal(
            result["estimator"][k].predict_proba(X), by_hand.predict_proba(ALL)
        )


def test_search_of_a_pipeline_with_both_weights(routing):
    cv = KFold(3, shuffle=True, random_state=0)
    grid = {"completer__rank": [1, 2, 4], "completer__alpha": ["auto", 20.0]}
    search = GridSearchCV(weighted_pipeline(completer_of()), grid, cv=cv)
    search.fit(X, LABELS, **BOTH)
    for params, mean in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        own = {name.removeprefix("completer__"): value for name, value in params.items()}
        completer = completer_of().set_params(**own)
        scores = [ByHand(completer).fit(train).score(test) for train, test in cv.split(X)]
        assert mean == pytest.approx(np.mean(scores), rel=1e-12)
    best = {k.removeprefix("completer__"): v for k, v in search.best_params_.items()}
    by_hand = ByHand(completer_of().set_params(**best)).fit(ALL)
    np.testing.assert_array_equal(search.predict_proba(X), by_hand.predict_proba(ALL))
    assert search.score(X, LABELS, sample_weight=ROW_WEIGHT) == by_hand.score(ALL)
    assert search.best_score_ > 0.7


def test_a_pipeline_that_ends_in_a_completer_has_a_score_under_routing(routing):
    # scikit-learn passes sample_weight on to the last step, whether there is one or not.
    scaled = StandardScaler().fit_transform(X)
    for E in GENERAL:
        pipeline = Pipeline([("scaler", StandardScaler()), ("completer", completer_of(E))])
        score = pipeline.fit(X).score(X)
        assert score == completer_of(E).fit(scaled).score(scaled)
        assert 0.9 < score < 1.0
        requested = Pipeline(
            [
                ("scaler", StandardScaler()),
                ("completer", completer_of(E).set_score_request(sample_weight=True)),
            ]
        ).fit(X)
        assert requested.score(X) == score
        weighted = requested.score(X, sample_weight=ROW_WEIGHT)
        assert weighted == completer_of(E).fit(scaled).score(scaled, sample_weight=ROW_WEIGHT)
        assert weighted != score


def test_a_weight_that_is_passed_but_not_requested_is_refused(routing):
    search = GridSearchCV(ALSCompleter(), {"rank": [1, 2]})
    with pytest.raises(ValueError, match=r"\[entry_weight\] are passed but are not explicitly set"):
        search.fit(X, entry_weight=ENTRY_WEIGHT)
    search.set_params(estimator=ALSCompleter().set_fit_request(entry_weight=False))
    with pytest.raises(TypeError, match="entry_weight"):
        search.fit(X, entry_weight=ENTRY_WEIGHT)


def test_a_weight_under_another_name(routing):
    completer = completer_of().set_fit_request(entry_weight="precision", sample_weight=True)
    completer.set_score_request(sample_weight=False)
    result = cross_validate(
        completer,
        X,
        cv=3,
        params={"precision": ENTRY_WEIGHT, "sample_weight": ROW_WEIGHT},
        return_estimator=True,
    )
    for model, (train, _) in zip(result["estimator"], KFold(3).split(X), strict=True):
        direct = completer_of().fit(X[train], None, ROW_WEIGHT[train], ENTRY_WEIGHT[train])
        np.testing.assert_array_equal(model.components_, direct.components_)


def test_held_out_scorer_with_weighted_fits_under_routing(routing):
    completer = ALSCompleter(rank=2).set_fit_request(sample_weight=True, entry_weight=True)
    scorer = make_held_out_scorer()
    scores = cross_val_score(completer, X, cv=3, params=BOTH, scoring=scorer)
    direct = []
    for train, test in KFold(3).split(X):
        model = ALSCompleter(rank=2)
        model.fit(X[train], None, ROW_WEIGHT[train], ENTRY_WEIGHT[train])
        direct.append(scorer(model, X[test]))
    np.testing.assert_array_equal(scores, direct)
    assert scores.min() > 0.8


@pytest.mark.parametrize("E", WEIGHTED)
@pytest.mark.parametrize("container", ["array", "sparse"])
def test_entry_weights_are_sliced_by_rows_without_routing(E, container):
    data, weight = X, ENTRY_WEIGHT
    if container == "sparse":
        where = np.nonzero(DATA.mask)
        data, weight = (
            sparse.csr_array((A[where], where), shape=X.shape) for A in (X, ENTRY_WEIGHT)
        )
    completer = completer_of(E)
    cv = ShuffleSplit(3, random_state=0)
    search = GridSearchCV(completer, {"center": [True, False]}, cv=cv)
    search.fit(data, entry_weight=weight)
    for k, center in enumerate(search.cv_results_["param_center"]):
        for split, (train, test) in enumerate(cv.split(X)):
            model = clone(completer).set_params(center=center)
            model.fit(data[train], entry_weight=weight[train])
            found = search.cv_results_[f"split{split}_test_score"][k]
            assert found == model.score(data[test])
    assert search.best_params_ == {"center": True}
    whole = clone(search.best_estimator_).fit(data, entry_weight=weight)
    np.testing.assert_array_equal(search.best_estimator_.components_, whole.components_)
    unweighted = clone(search.best_estimator_).fit(data)
    assert np.abs(unweighted.components_ - whole.components_).max() > 1e-3


def test_search_with_the_precision_of_each_entry():
    # A third of the entries are ten times noisier than the signal; their weights say so.
    rng = np.random.default_rng(1)
    sd = np.where(rng.random(X.shape) < 1 / 3, 10.0, 0.1)
    noisy = np.where(DATA.mask, DATA.truth + sd * rng.normal(size=X.shape), np.nan)
    grid, hidden = {"alpha": [0.1, 1.0, 10.0]}, ~DATA.mask
    errors = {}
    for name, weight in (("weighted", {"entry_weight": 1 / sd**2}), ("unweighted", {})):
        search = GridSearchCV(completer_of(), grid, scoring=median_error).fit(noisy, **weight)
        found = search.transform(np.where(sd > 1, np.nan, noisy))
        errors[name] = np.sqrt(np.mean((found - DATA.truth)[hidden] ** 2))
    # Weighted, the holes are filled within the precision of the good entries.
    assert errors["weighted"] < 0.15
    assert errors["unweighted"] > 0.5


def median_error(model, rows):
    """Score that noisy entries, being few, do not rule."""
    return -np.nanmedian(np.abs(model.leave_one_out(rows) - rows))


def test_weight_zero_is_a_hole_in_every_fold():
    dropped = RNG.random(X.shape) < 0.2
    weight = np.where(dropped, 0.0, 1.0)
    weighted = cross_validate(
        completer_of(), X, cv=3, params={"entry_weight": weight}, return_estimator=True
    )
    holes = np.where(dropped, np.nan, X)
    for model, (train, test) in zip(weighted["estimator"], KFold(3).split(X), strict=True):
        direct = completer_of().fit(holes[train])
        np.testing.assert_allclose(model.components_, direct.components_, atol=1e-10)
        assert model.score(X[test]) == pytest.approx(direct.score(X[test]), abs=1e-10)


COORDINATES, VALUES = to_entries(X)
WEIGHT = ENTRY_WEIGHT[tuple(COORDINATES.T)]


def weighted_folds(completer, cv):
    """R^2 of folds of entries by hand, weighted in the fit and, as a second value, in the score."""
    plain, weighted = [], []
    for train, test in cv.split(COORDINATES):
        shown, cells = tuple(COORDINATES[train].T), tuple(COORDINATES[test].T)
        seen = sparse.csr_array((VALUES[train], shown), shape=X.shape)
        weight = sparse.csr_array((WEIGHT[train], shown), shape=X.shape)
        predicted = completer.fit(seen, entry_weight=weight).predict_entries(*cells)
        plain.append(r2_score(VALUES[test], predicted))
        weighted.append(r2_score(VALUES[test], predicted, sample_weight=WEIGHT[test]))
    return plain, weighted


@pytest.mark.parametrize("E", WEIGHTED)
def test_weights_of_entries_as_samples(E):
    cv = KFold(3, shuffle=True, random_state=0)
    plain, weighted = weighted_folds(completer_of(E), cv)
    assert min(plain) > 0.9
    model, params = EntryRegressor(completer_of(E)), {"sample_weight": WEIGHT}
    scores = cross_val_score(model, COORDINATES, VALUES, cv=cv, params=params)
    np.testing.assert_array_equal(scores, plain)
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_val_score(model, COORDINATES, VALUES, cv=cv, params=params)
    np.testing.assert_array_equal(scores, weighted)
    assert plain != weighted


@pytest.mark.parametrize("enable", [False, True])
def test_search_with_weights_of_entries_as_samples(enable):
    cv = KFold(3, shuffle=True, random_state=0)
    model = EntryRegressor(completer_of())
    with sklearn.config_context(enable_metadata_routing=enable):
        if enable:
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"completer__rank": [1, 2]}, cv=cv)
        search.fit(COORDINATES, VALUES, sample_weight=WEIGHT)
    assert search.best_params_ == {"completer__rank": 2}
    for k, rank in enumerate([1, 2]):
        plain, weighted = weighted_folds(completer_of().set_params(rank=rank), cv)
        found = [search.cv_results_[f"split{split}_test_score"][k] for split in range(3)]
        # Without routing it depends on the version of scikit-learn whether scores are weighted.
        assert found == plain or (not enable and found == weighted)
