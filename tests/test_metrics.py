"""The scorer that hides entries."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.metrics import max_error
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

import skmc.metrics._held_out_scorer as module
from skmc import ALSCompleter
from skmc.datasets import make_low_rank
from skmc.metrics import make_held_out_scorer

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
DATA = make_low_rank(120, 12, 3, observed=0.7, noise=0.1, offsets=2.0, random_state=0)
X = DATA.X
STRATEGIES = ["mcar", "pattern"]


class Recorder(BaseEstimator):
    """Fills holes with zeros, and keeps what it is asked to transform."""

    def fit(self, X, y=None):
        """Learn nothing."""
        self.seen_ = []
        return self

    def transform(self, X):
        """Fill with zeros."""
        self.seen_.append(X)
        return np.nan_to_num(X)


def _masks(X, **options):
    recorder = Recorder().fit(X)
    make_held_out_scorer("neg_mean_absolute_error", **options)(recorder, X)
    return [np.isnan(seen) & ~np.isnan(X) for seen in recorder.seen_[1:]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ranks_imputers_in_one_grid(strategy):
    pipeline = Pipeline([("scale", StandardScaler()), ("impute", None)])
    grid = {"impute": [SimpleImputer(), KNNImputer(), ALSCompleter(rank=3)]}
    scorer = make_held_out_scorer(strategy=strategy)
    serial, parallel = (
        GridSearchCV(pipeline, grid, scoring=scorer, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2)
    )
    assert isinstance(serial.best_params_["impute"], ALSCompleter)
    scores = serial.cv_results_["mean_test_score"]
    assert scores[0] == 0.0
    assert 0.1 < scores[1] < scores[2]
    assert scores[2] > 0.85
    np.testing.assert_array_equal(parallel.cv_results_["mean_test_score"], scores)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_mask_depends_on_pattern_and_seed_only(strategy):
    (mask,) = _masks(X, strategy=strategy)
    assert mask.any()
    (other,) = _masks(np.where(mask, X + 1e6, X), strategy=strategy)
    np.testing.assert_array_equal(mask, other)
    (other,) = _masks(X, strategy=strategy, random_state=1)
    assert (mask != other).any()
    first, second = _masks(X, strategy=strategy, n_repeats=2)
    np.testing.assert_array_equal(first, mask)
    assert (second != mask).any()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("holdout", [0.01, 0.3, 0.9])
def test_number_of_hidden_entries(strategy, holdout):
    (mask,) = _masks(X, strategy=strategy, holdout=holdout)
    observed = ~np.isnan(X)
    wanted = np.ceil(holdout * observed.sum())
    assert mask.sum() <= wanted
    if holdout < 0.9:
        assert mask.sum() == wanted
    assert (observed & ~mask).any(axis=1).all()


def test_hides_what_it_can():
    thin = np.full((6, 4), np.nan)
    thin[:, 0] = 1.0
    thin[0, 1] = 2.0
    (mask,) = _masks(thin, holdout=0.9)
    assert mask.sum() == 1
    with pytest.raises(ValueError, match="No entry of the 6 rows can be hidden"):
        _masks(thin[:, :1])
    with pytest.raises(ValueError, match="'pattern' hides only what another row lacks"):
        _masks(np.ones((5, 4)), strategy="pattern")


def test_scores_by_definition():
    (mask,) = _masks(X)
    model = ALSCompleter(rank=3).fit(X)
    error = (model.transform(np.where(mask, np.nan, X)) - X)[mask]
    baseline = (model.transform(np.full((1, X.shape[1]), np.nan)) - X)[mask]
    expected = {
        "r2": 1 - np.sum(error**2) / np.sum(baseline**2),
        "neg_root_mean_squared_error": -np.sqrt(np.mean(error**2)),
        "neg_mean_absolute_error": -np.mean(np.abs(error)),
        max_error: np.max(np.abs(error)),
    }
    for metric, value in expected.items():
        score = make_held_out_scorer(metric)(model, X)
        assert type(score) is float
        assert score == pytest.approx(value, rel=1e-12)


def test_repeats_are_averaged():
    model = ALSCompleter(rank=3).fit(X)
    one, two = (make_held_out_scorer(n_repeats=k)(model, X) for k in (1, 2))
    assert one != two
    assert one == pytest.approx(two, abs=0.05)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_simple_imputer_scores_exactly_zero(strategy):
    pipeline = make_pipeline(StandardScaler(), SimpleImputer(strategy=strategy))
    scores = cross_val_score(pipeline, X, scoring=make_held_out_scorer(n_repeats=3))
    np.testing.assert_array_equal(scores, 0.0)


def test_perfect_prediction_of_a_constant():
    constant = np.where(np.isnan(X), np.nan, 3.0)
    assert make_held_out_scorer()(SimpleImputer().fit(constant), constant) == 1.0


def test_units_of_a_pipeline():
    scales = np.logspace(-3, 3, X.shape[1])
    pipeline = make_pipeline(StandardScaler(), ALSCompleter(rank=3))
    scorer = make_held_out_scorer()
    scores = [cross_val_score(pipeline, data, scoring=scorer) for data in (X, X * scales + 5)]
    np.testing.assert_allclose(*scores, rtol=1e-6)


@pytest.mark.parametrize("imputer", [
    KNNImputer(),
    IterativeImputer(BayesianRidge(), max_iter=20, tol=1e-2),
    ALSCompleter(rank=3),
], ids=lambda imputer: type(imputer).__name__)  # fmt: skip
def test_data_frames_give_the_scores_of_arrays(imputer):
    names = [f"c{j}" for j in range(X.shape[1])]
    scorer = make_held_out_scorer()
    expected = scorer(imputer.fit(X), X)
    frame = pd.DataFrame(X, columns=names, index=np.arange(len(X)) * 2)
    for data in (frame, frame.astype("Float64"), pl.DataFrame(X, schema=names)):
        assert scorer(imputer.fit(data), data) == pytest.approx(expected, rel=1e-9)
    with sklearn.config_context(transform_output="pandas"):
        assert scorer(imputer.fit(frame), frame) == pytest.approx(expected, rel=1e-9)


def test_sparse_data_give_the_scores_of_arrays(monkeypatch):
    rows, columns = np.nonzero(~np.isnan(X))
    S = sparse.csr_array((X[rows, columns], (rows, columns)), shape=X.shape)
    scorer, model = make_held_out_scorer(), ALSCompleter(rank=3).fit(S)
    expected = scorer(model, X)
    assert scorer(model, S) == pytest.approx(expected, rel=1e-9)
    # In slices of seven rows, so that no dense table of all rows is formed.
    monkeypatch.setattr(module, "_SLICE_CELLS", 7 * X.shape[1])
    assert scorer(model, S) == pytest.approx(expected, rel=1e-9)
    scores = cross_val_score(ALSCompleter(rank=3), S, scoring=scorer)
    np.testing.assert_allclose(scores, cross_val_score(ALSCompleter(rank=3), X, scoring=scorer))


def test_nothing_is_modified():
    data = X.copy()
    data.flags.writeable = False
    make_held_out_scorer(n_repeats=2)(ALSCompleter(rank=2).fit(data), data)
    np.testing.assert_array_equal(data, X)


def test_masked_arrays_keep_their_mask():
    masked = np.ma.MaskedArray(np.nan_to_num(X, nan=9e9), mask=np.isnan(X))
    model = SimpleImputer().fit(X)
    scorer = make_held_out_scorer("neg_mean_absolute_error")
    assert scorer(model, masked) == scorer(model, X)


def test_pickles_and_shows_its_parameters():
    scorer = make_held_out_scorer("neg_mean_absolute_error", holdout=0.3, n_repeats=2)
    same = pickle.loads(pickle.dumps(scorer))
    model = SimpleImputer().fit(X)
    assert same(model, X) == scorer(model, X)
    assert repr(same) == (
        "make_held_out_scorer(metric='neg_mean_absolute_error', holdout=0.3, strategy='mcar', "
        "n_repeats=2, random_state=0)"
    )


def test_several_scorers_and_a_target():
    y = (DATA.U[:, 0] > 0).astype(int)
    scoring = {
        "r2": make_held_out_scorer(),
        "rmse": make_held_out_scorer("neg_root_mean_squared_error"),
    }
    result = cross_validate(ALSCompleter(rank=3), X, y, scoring=scoring)
    assert result["test_r2"].min() > 0.8
    assert result["test_rmse"].max() < 0
    with sklearn.config_context(enable_metadata_routing=True):
        again = cross_validate(ALSCompleter(rank=3), X, y, scoring=scoring)
    np.testing.assert_array_equal(again["test_r2"], result["test_r2"])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SimpleImputer(add_indicator=True), r"add_indicator=False"),
        (ALSCompleter(rank=2, add_indicator=True), r"row\(s\) and 12 columns .* 24\)"),
        (ALSCompleter(rank=2, keep_observed=False), "keep_observed=False replaces"),
        (
            make_pipeline(StandardScaler(), ALSCompleter(rank=2, keep_observed=False)),
            "alscompleter__keep_observed=False",
        ),
    ],
)
def test_estimators_whose_output_cannot_be_compared(model, message):
    for metric in ("r2", "neg_mean_absolute_error"):
        with pytest.raises(ValueError, match=message):
            make_held_out_scorer(metric)(model.fit(X), X)


MIXING = {
    "moved in front": lambda: make_pipeline(
        ColumnTransformer([("odd", "passthrough", [1, 3])], remainder="passthrough"),
        ALSCompleter(rank=3),
    ),
    "moved behind": lambda: make_pipeline(
        SimpleImputer(), ColumnTransformer([("two", "passthrough", [2])], remainder="passthrough")
    ),
    "PCA": lambda: make_pipeline(KNNImputer(), PCA()),
    "Normalizer": lambda: make_pipeline(StandardScaler(), ALSCompleter(rank=3), Normalizer()),
    "mean of the row taken off": lambda: make_pipeline(
        ALSCompleter(rank=3), FunctionTransformer(lambda X: X - X.mean(axis=1, keepdims=True))
    ),
}


@pytest.mark.parametrize("steps", MIXING)
@pytest.mark.parametrize("metric", ["r2", "neg_mean_absolute_error"])
def test_columns_that_are_moved_or_mixed(steps, metric):
    model = MIXING[steps]().fit(X)
    with pytest.raises(ValueError, match=r"by up to [\d.]+ in column \d+, whose .*Leave out steps"):
        make_held_out_scorer(metric)(model, X)


class Spoiler(BaseEstimator):
    """Fills holes with zeros, and adds to the second column what depends on what is hidden."""

    def __init__(self, size):
        self.size = size

    def transform(self, X):
        """Fill with zeros."""
        X = np.asarray(X)
        filled = np.nan_to_num(X)
        filled[:, 1] += self.size * np.isnan(X).mean()
        return filled


@pytest.mark.parametrize(("dtype", "rounding"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_change_is_one_beyond_rounding_in_units_of_the_column(dtype, rounding):
    for scale in (1e-9, 1e9):
        data = (X * scale).astype(dtype)
        data[:, 2] = scale
        make_held_out_scorer()(Spoiler(rounding * scale), data)
        names = [f"c{j}" for j in range(X.shape[1])]
        for frame in (pd.DataFrame(data, columns=names), pl.DataFrame(data, schema=names)):
            with pytest.raises(ValueError, match=r"in column 1 \('c1'\), whose"):
                make_held_out_scorer()(Spoiler(scale), frame)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (SimpleImputer(missing_values=-1), "missing_values=-1"),
        (SimpleImputer(missing_values=None), "missing_values=None"),
        (ALSCompleter(missing_values=-1.0), "missing_values=-1.0"),
        (
            make_pipeline(StandardScaler(), KNNImputer(missing_values=0)),
            "knnimputer__missing_values=0",
        ),
    ],
)
def test_holes_have_to_be_nan(model, name):
    with pytest.raises(ValueError, match=f"hides entries by NaN, .*{name}.*Mark the holes"):
        make_held_out_scorer()(model, np.ones((4, 2)))


@pytest.mark.parametrize("value", [np.nan, pd.NA, "nan", np.float32("nan")])
def test_names_of_nan(value):
    kind = ALSCompleter if isinstance(value, str) else SimpleImputer
    model = make_pipeline(kind(missing_values=value)).fit(X)
    assert np.isfinite(make_held_out_scorer()(model, X))


def test_a_metric_that_cannot_be_hashed():
    class Metric:
        __hash__ = None

        def __call__(self, truth, predicted):
            return 7.0

    assert make_held_out_scorer(Metric())(SimpleImputer().fit(X), X) == 7.0


def test_dropped_columns_are_named_as_the_reason():
    empty = X.copy()
    empty[:, 3] = np.nan
    model = SimpleImputer().fit(empty)
    with (
        pytest.warns(UserWarning, match="Skipping features"),
        pytest.raises(ValueError, match="keep_empty_features=True"),
    ):
        make_held_out_scorer()(model, empty)


def test_estimators_that_fill_no_holes():
    model = LogisticRegression().fit(np.ones((4, 2)), [0, 1, 0, 1])
    with pytest.raises(TypeError, match="got LogisticRegression"):
        make_held_out_scorer()(model, np.ones((4, 2)))
    S = sparse.csr_array(np.arange(1.0, 13.0).reshape(4, 3))
    model = StandardScaler(with_mean=False).fit(S)
    with pytest.raises(TypeError, match="StandardScaler returned a sparse matrix"):
        make_held_out_scorer()(model, S)


@pytest.mark.parametrize(
    "options",
    [
        {"metric": "rmse"},
        {"holdout": 0},
        {"holdout": 1.0},
        {"strategy": "block"},
        {"n_repeats": 0},
        {"random_state": None},
        {"random_state": np.random.RandomState(0)},
    ],
)
def test_bad_parameters(options):
    with pytest.raises(ValueError, match=f"'{next(iter(options))}' parameter"):
        make_held_out_scorer(**options)
