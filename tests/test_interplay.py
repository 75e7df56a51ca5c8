"""Completers among scikit-learn's tools: searches, pipelines, routing, containers."""

import numpy as np
import pytest
import sklearn
from registry import GENERAL, make
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
DATA = make_low_rank(120, 20, 3, observed=0.7, noise=0.1, offsets=2.0, random_state=0)
X = DATA.X
Y = (DATA.U[:, 0] > 0).astype(int)


def test_grid_search_over_rank_and_step_size():
    grid = {"rank": [1, 2, 3], "step_size": ["auto", 1.0]}
    search = GridSearchCV(ProjectedGDCompleter(), grid).fit(X)
    assert search.best_params_["rank"] == 3
    assert search.best_score_ > 0.9
    found = search.transform(X)
    hidden = ~DATA.mask
    assert np.std((found - DATA.truth)[hidden]) < 0.3 * np.std(DATA.truth[hidden])


def test_grid_search_ranks_a_divergent_step_last():
    complete = np.random.default_rng(0).normal(size=(40, 8)) + 1.0
    search = GridSearchCV(ProjectedGDCompleter(rank=2), {"step_size": [1.0, 50.0, "auto"]})
    with (
        pytest.warns(sklearn.exceptions.FitFailedWarning, match="Lower step_size"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(complete)
    assert search.cv_results_["rank_test_score"].argmax() == 1
    assert np.isnan(search.cv_results_["mean_test_score"][1])


def test_grid_search_over_rank_and_alpha():
    search = GridSearchCV(ALSCompleter(), {"rank": [1, 3, 6], "alpha": [0.1, 1, 10, 1000]}).fit(X)
    assert search.best_params_["rank"] >= 3
    assert search.best_params_["alpha"] < 1000


def test_parallel_grid_search_is_the_serial_one():
    grid = {"rank": [2, 3], "step_size": ["auto", 1.0]}
    serial, parallel = (
        GridSearchCV(ProjectedGDCompleter(), grid, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2)
    )
    for key in ("mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(serial.cv_results_[key], parallel.cv_results_[key])
    np.testing.assert_array_equal(serial.transform(X), parallel.transform(X))


def test_grid_search_of_a_pipeline_in_parallel():
    pipeline = make_pipeline(StandardScaler(), ProjectedGDCompleter(), LogisticRegression())
    grid = {
        "projectedgdcompleter__rank": [2, 3],
        "projectedgdcompleter__step_size": ["auto", 1.0],
    }
    search = GridSearchCV(pipeline, grid, n_jobs=2).fit(X, Y)
    assert search.best_score_ > 0.9
    assert search.predict(X[:5]).shape == (5,)


@pytest.mark.parametrize("E", GENERAL)
def test_pipeline_that_ends_in_a_completer_has_a_score(E):
    pipeline = make_pipeline(StandardScaler(), make(E))
    result = cross_validate(pipeline, X, Y, cv=KFold(3), return_train_score=True)
    assert (result["test_score"] > 0.8).all()
    assert (result["train_score"] > 0.8).all()


def test_rows_of_a_large_memory_map_in_parallel():
    # Above 1 MB joblib hands read-only memory maps to its workers.
    large = make_low_rank(2000, 80, 3, observed=0.7, noise=0.1, random_state=0).X
    assert large.nbytes > 2**20
    before = large.copy()
    result = cross_validate(ALSCompleter(rank=3), large, n_jobs=2, cv=2)
    assert (result["test_score"] > 0.9).all()
    np.testing.assert_array_equal(large, before)


def test_sparse_rows_in_cross_validation():
    from scipy import sparse

    rows, columns = np.nonzero(DATA.mask)
    stored = sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).tocsr()
    for completer in (ALSCompleter(), SoftImputeCompleter(), ProjectedGDCompleter(rank=3)):
        dense = cross_validate(completer, X, cv=3)["test_score"]
        found = cross_validate(completer, stored, cv=3)["test_score"]
        np.testing.assert_allclose(found, dense, atol=5e-3)


NUMBERS = list("abcdefgh")


def frame():
    table = pd.DataFrame(X[:, :8], columns=NUMBERS)
    table["colour"] = np.array(["red", "green", "blue"])[np.arange(120) % 3]
    table["h"] = (10 * table["h"]).round().astype("Int64")
    return table


def test_column_transformer_on_a_frame():
    transformer = ColumnTransformer(
        [
            ("numbers", ALSCompleter(rank=2, add_indicator=True), NUMBERS),
            ("colour", OneHotEncoder(sparse_output=False), ["colour"]),
        ]
    ).set_output(transform="pandas")
    out = transformer.fit_transform(frame())
    assert list(out.columns) == (
        [f"numbers__{name}" for name in NUMBERS]
        + [f"numbers__missingindicator_{name}" for name in NUMBERS]
        + ["colour__colour_blue", "colour__colour_green", "colour__colour_red"]
    )
    assert np.isfinite(out.to_numpy()).all()
    seen = frame()["a"].notna()
    np.testing.assert_array_equal(out.loc[seen, "numbers__a"], frame().loc[seen, "a"])


def test_search_over_a_column_transformer_in_a_pipeline():
    pipeline = make_pipeline(
        ColumnTransformer(
            [("numbers", ProjectedGDCompleter(), NUMBERS), ("colour", OneHotEncoder(), ["colour"])]
        ),
        LogisticRegression(max_iter=2000),
    )
    grid = {
        "columntransformer__numbers__rank": [2, 3],
        "columntransformer__numbers__step_size": ["auto", 1.0],
    }
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(frame(), Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert cross_val_predict(search.best_estimator_, frame(), Y, cv=3).shape == (120,)


@pytest.mark.parametrize("E", GENERAL)
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output(E, container):
    names = [f"f{j}" for j in range(20)]
    table = pd.DataFrame(X, columns=names) if container == "pandas" else pl.DataFrame(X, names)
    completer = make(E, keep_observed=True)
    out = completer.set_output(transform=container).fit_transform(table)
    assert type(out) is type(table)
    assert list(out.columns) == names
    np.testing.assert_array_equal(
        out.to_numpy(), completer.set_output(transform="default").transform(table)
    )
    # Names are checked from then on.
    wrong = table[names[::-1]]
    with pytest.raises(ValueError, match=r"(?i)feature names"):
        completer.transform(wrong)


def test_feature_union_in_pandas():
    union = FeatureUnion([("low", ALSCompleter(rank=1)), ("high", ALSCompleter(rank=5))])
    out = union.set_output(transform="pandas").fit_transform(pd.DataFrame(X).add_prefix("f"))
    assert list(out.columns[[0, 20]]) == ["low__f0", "high__f0"]


def test_routing_of_sample_weight():
    weight = np.random.default_rng(0).uniform(0.1, 3.0, 120)
    with sklearn.config_context(enable_metadata_routing=True):
        completer = (
            ALSCompleter(rank=3, alpha=1.0, keep_observed=False)
            .set_fit_request(sample_weight=True, entry_weight=False)
            .set_score_request(sample_weight=True)
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, completer).fit(X, sample_weight=weight)
        scaled = StandardScaler().fit_transform(X)
        direct = ALSCompleter(rank=3, alpha=1.0, keep_observed=False)
        direct.fit(scaled, sample_weight=weight)
        np.testing.assert_array_equal(pipeline.transform(X), direct.transform(scaled))
        assert pipeline.score(X, sample_weight=weight) == direct.score(scaled, sample_weight=weight)
        assert pipeline.score(X, sample_weight=weight) != direct.score(scaled)
        routed = cross_validate(completer, X, cv=3, params={"sample_weight": weight})["test_score"]
    folds = []
    for train, test in KFold(3).split(X):
        direct.fit(X[train], sample_weight=weight[train])
        folds.append(direct.score(X[test], sample_weight=weight[test]))
    np.testing.assert_array_equal(routed, folds)


def test_weights_that_nobody_asked_for_are_refused():
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), ALSCompleter())
        with pytest.raises((ValueError, TypeError), match="sample_weight"):
            pipeline.fit(X, sample_weight=np.ones(120))
