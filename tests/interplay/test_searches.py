"""Halving and random searches, curves over a parameter or the size of the data, divergence."""

import numpy as np
import pytest
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmc import ALSCompleter, EntryRegressor, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank
from skmc.model_selection import to_entries

RANK, NOISE = 3, 0.2
DATA = make_low_rank(120, 30, RANK, observed=0.6, noise=NOISE, offsets=1.0, random_state=0)
X = DATA.X
COORDINATES, VALUES = to_entries(X)
FOLDS = KFold(3, shuffle=True, random_state=0)


def hidden_error(model):
    """Root mean square error on the cells that are missing, in units of the signal."""
    found = model.fit_transform(X)
    return np.sqrt(np.mean((found - DATA.truth)[~DATA.mask] ** 2))


def stopped_at(caught):
    """The limits of iterations that the warnings name, and nothing else is warned of."""
    assert all(issubclass(w.category, ConvergenceWarning) for w in caught)
    messages = [str(w.message) for w in caught]
    return {int(message.split("max_iter=")[1].split(")")[0]) for message in messages}


def test_halving_over_the_iterations_of_entries():
    search = HalvingGridSearchCV(
        EntryRegressor(ProjectedGDCompleter()),
        {"completer__rank": [1, 2, 3, 4, 5, 6, 7, 8], "completer__step_size": ["auto", 1.0]},
        resource="completer__max_iter",
        min_resources=5,
        max_resources=400,
        factor=4,
        cv=FOLDS,
    )
    with pytest.warns(ConvergenceWarning) as caught:
        search.fit(COORDINATES, VALUES)
    # Short runs are unfinished, and say so; the last one has time enough.
    # Those that go on converge, at the latest within the iterations of the next round.
    assert 5 in stopped_at(caught)
    assert stopped_at(caught) <= {5, 20}
    assert search.n_resources_ == [5, 20, 80]
    assert search.n_candidates_ == [16, 4, 1]
    assert search.best_params_["completer__rank"] == RANK
    assert search.best_params_["completer__max_iter"] == 80
    assert search.best_estimator_.completer_.converged_
    assert 0.95 < search.best_score_ < 0.98


def test_halving_with_random_candidates_over_the_iterations_of_a_pipeline():
    pipeline = Pipeline([("scaler", StandardScaler()), ("completer", ALSCompleter())])
    space = {"completer__rank": randint(1, 11), "completer__alpha": loguniform(0.1, 1e3)}
    search = HalvingRandomSearchCV(
        pipeline,
        space,
        n_candidates=16,
        resource="completer__max_iter",
        min_resources=5,
        max_resources=400,
        factor=4,
        cv=FOLDS,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning) as caught:
        search.fit(X)
    # Those that go on converge, at the latest within the iterations of the next round.
    assert 5 in stopped_at(caught)
    assert stopped_at(caught) <= {5, 20}
    assert search.n_resources_ == [5, 20, 80]
    # Of penalties that leave nothing but the means no one gets through the first round.
    alphas = np.array([params["completer__alpha"] for params in search.cv_results_["params"]])
    first = search.cv_results_["iter"] == 0
    assert (alphas[first] > 20).sum() > 8
    assert alphas[~first].max() < 10
    assert search.best_params_["completer__rank"] >= RANK
    assert search.best_params_["completer__alpha"] < 10
    assert search.best_score_ > 0.8
    assert search.best_estimator_["completer"].converged_


def test_halving_over_rows():
    search = HalvingGridSearchCV(
        ProjectedGDCompleter(),
        {"rank": [1, 2, 3, 5]},
        min_resources=30,
        factor=2,
        cv=FOLDS,
        random_state=0,
    ).fit(X)
    assert search.n_resources_ == [30, 60, 120]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_params_ == {"rank": RANK}
    assert search.best_score_ > 0.85
    # The final fit has all rows.
    direct = ProjectedGDCompleter(rank=RANK).fit(X)
    np.testing.assert_array_equal(search.transform(X), direct.transform(X))


def test_halving_drops_candidates_that_diverge():
    search = HalvingGridSearchCV(
        EntryRegressor(ProjectedGDCompleter(rank=RANK)),
        {"completer__step_size": [50.0, 1.0, 20.0, "auto"]},
        resource="completer__max_iter",
        min_resources=40,
        max_resources=160,
        factor=2,
        cv=FOLDS,
    )
    with (
        pytest.warns(FitFailedWarning, match="6 fits failed out of a total of 12"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(COORDINATES, VALUES)
    later = search.cv_results_["param_completer__step_size"][search.cv_results_["iter"] > 0]
    assert set(later) == {1.0, "auto"}


@pytest.mark.parametrize(
    ("completer", "space"),
    [
        (ALSCompleter(), {"rank": randint(1, 11), "alpha": loguniform(1e-2, 1e3)}),
        (SoftImputeCompleter(), {"alpha": loguniform(1e-1, 1e3)}),
        (ProjectedGDCompleter(), {"rank": randint(1, 5), "step_size": uniform(0.5, 1.0)}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_random_search_finds_what_fills_the_holes_best(completer, space):
    search = RandomizedSearchCV(completer, space, n_iter=15, cv=FOLDS, random_state=3).fit(X)
    errors = np.array(
        [
            hidden_error(clone(completer).set_params(**params))
            for params in search.cv_results_["params"]
        ]
    )
    chosen = errors[search.best_index_]
    # The score never sees those cells, and there is much to lose.
    assert chosen < 1.05 * errors.min()
    assert chosen < 0.2 < 0.6 < errors.max()
    if "rank" in space:
        assert search.best_params_["rank"] == RANK


def test_random_search_over_entries_in_standard_units():
    space = {"completer__rank": randint(1, 6), "completer__alpha": loguniform(1e-1, 1e2)}
    search = RandomizedSearchCV(
        EntryRegressor(ALSCompleter()),
        space,
        n_iter=15,
        scoring="neg_root_mean_squared_error",
        cv=FOLDS,
        random_state=3,
    ).fit(COORDINATES, VALUES)
    assert search.best_params_["completer__rank"] == RANK
    # Predictions of noisy entries: hardly worse than the noise.
    assert NOISE < -search.best_score_ < 1.6 * NOISE
    assert search.cv_results_["mean_test_score"].min() < -1.0


@pytest.mark.parametrize("kind", ["rows", "entries"])
def test_validation_curve_over_the_rank(kind):
    ranks = np.array([1, 2, 3, 4, 6])
    completer = ProjectedGDCompleter()
    if kind == "rows":
        args, name = (completer, X, None), "rank"
    else:
        args, name = (EntryRegressor(completer), COORDINATES, VALUES), "completer__rank"
    train, test = validation_curve(*args, param_name=name, param_range=ranks, cv=FOLDS)
    train, test = train.mean(axis=1), test.mean(axis=1)
    # Under the true rank both rise; above it what is learned is noise.
    assert ranks[test.argmax()] == RANK
    assert (np.diff(test[ranks <= RANK]) > 0.05).all()
    assert (np.diff(test[ranks >= RANK]) < 0).all()
    assert (train > test).all()
    gap = train - test
    assert gap[-1] > 1.8 * gap[ranks == RANK][0]


def test_validation_curve_over_the_penalty():
    alphas = np.logspace(-1, 2, 7)
    train, test = validation_curve(
        SoftImputeCompleter(), X, None, param_name="alpha", param_range=alphas, cv=FOLDS
    )
    train, test = train.mean(axis=1), test.mean(axis=1)
    assert (np.diff(train) <= 1e-12).all()
    assert 0 < test.argmax() < 4
    # Nothing but the column means is left at the end, to which the score is relative.
    np.testing.assert_allclose(test[-2:], 0.0, atol=1e-9)
    assert test.max() > 0.85


@pytest.mark.parametrize(
    "completer",
    [SoftImputeCompleter(), ALSCompleter(rank=RANK), ProjectedGDCompleter(rank=RANK)],
    ids=str,
)
def test_learning_curve_over_rows(completer):
    sizes, train, test = learning_curve(completer, X, None, cv=FOLDS, train_sizes=[10, 20, 40, 80])
    assert sizes.tolist() == [10, 20, 40, 80]
    mean = test.mean(axis=1)
    assert (np.diff(mean) > 0).all()
    assert mean[0] < 0.75
    assert mean[-1] > 0.85
    assert train.mean(axis=1)[-1] - mean[-1] < 0.05


def test_learning_curve_over_entries():
    model = EntryRegressor(ALSCompleter(rank=RANK, alpha=1.0))
    fractions = [0.3, 0.5, 0.7, 1.0]
    sizes, train, test = learning_curve(model, COORDINATES, VALUES, cv=FOLDS, train_sizes=fractions)
    np.testing.assert_allclose(sizes, np.multiply(fractions, 2 / 3 * VALUES.size), atol=1)
    train, test = train.mean(axis=1), test.mean(axis=1)
    assert (np.diff(test) > 0.02).all()
    assert test[0] < 0.8
    assert test[-1] > 0.95
    assert (np.diff(train - test) < 0).all()


STEPS = ["auto", 1.0, 5.0, 1e6]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("kind", ["rows", "entries", "pipeline"])
def test_steps_that_are_too_long_come_last(kind, n_jobs):
    completer, prefix, args = ProjectedGDCompleter(), "completer__", (COORDINATES, VALUES)
    if kind == "rows":
        model, prefix, args = completer, "", (X,)
    elif kind == "entries":
        model = EntryRegressor(completer)
    else:
        steps = [("completer", completer), ("classifier", LogisticRegression())]
        model, args = Pipeline(steps), (X, (DATA.U[:, 0] > 0).astype(int))
    grid = {prefix + "rank": [2, RANK], prefix + "step_size": STEPS}
    search = GridSearchCV(model, grid, cv=FOLDS, n_jobs=n_jobs)
    with (
        pytest.warns(FitFailedWarning, match="12 fits failed out of a total of 24") as caught,
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*args)
    assert "Lower step_size; 1.0 always converges" in str(caught[0].message)
    results = search.cv_results_
    long = np.array([p[prefix + "step_size"] in STEPS[2:] for p in results["params"]])
    np.testing.assert_array_equal(np.isnan(results["mean_test_score"]), long)
    assert results["rank_test_score"][long].min() > results["rank_test_score"][~long].max()
    assert search.best_params_[prefix + "step_size"] in ("auto", 1.0)
    if kind != "pipeline":
        assert search.best_params_[prefix + "rank"] == RANK
    assert search.best_score_ > 0.85


def test_divergence_is_an_error_when_errors_are_asked_for():
    search = GridSearchCV(
        ProjectedGDCompleter(rank=RANK), {"step_size": [1.0, 50.0]}, error_score="raise"
    )
    with pytest.raises(ValueError, match="diverged at iteration"):
        search.fit(X)
    with pytest.raises(ValueError, match=r"(?s)All the 5 fits failed.*diverged at iteration"):
        search.set_params(error_score=np.nan, param_grid={"step_size": [50.0]}).fit(X)
