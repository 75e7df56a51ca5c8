"""Entries as samples: the same fit as on the matrix, and every splitter of scikit-learn."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.utils import estimator_checks

from skmc import (
    ALSCompleter,
    ConformalCompleter,
    EntryRegressor,
    ProjectedGDCompleter,
    SoftImputeCompleter,
)
from skmc.datasets import make_low_rank

pd = pytest.importorskip("pandas")
UNSEEN = "rows or columns that were not in the fit"


def table(**params):
    params = {"observed": 0.6, "noise": 0.1, "offsets": 1.0, "random_state": 0, **params}
    return make_low_rank(60, 30, 2, **params).X


def entries_of(X, seed=0):
    rows, columns = np.nonzero(~np.isnan(X))
    order = np.random.default_rng(seed).permutation(rows.size)
    rows, columns = rows[order], columns[order]
    return np.column_stack([rows, columns]), X[rows, columns]


@pytest.fixture(scope="module")
def entries():
    return entries_of(table())


def run(check, estimator):
    """Run a check of scikit-learn; a skip is a failure, as nothing that it needs may be absent."""
    try:
        check(estimator)
    except estimator_checks.SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


@estimator_checks.parametrize_with_checks(
    [
        EntryRegressor(SoftImputeCompleter(), duplicates="mean"),
        EntryRegressor(duplicates="mean"),
        EntryRegressor(duplicates="last"),
        EntryRegressor(row=1, column=0, duplicates="mean"),
        EntryRegressor(ConformalCompleter(propensity="uniform", random_state=0), duplicates="mean"),
    ]
)
@pytest.mark.filterwarnings("ignore:X has 8 columns:UserWarning")
@pytest.mark.filterwarnings("ignore:.*unbounded intervals:UserWarning")
@pytest.mark.filterwarnings(f"ignore:.*{UNSEEN}:UserWarning")
def test_sklearn(estimator, check):
    run(check, estimator)


# These two feed X whose first two columns repeat (whole numbers up to 2, and measurements of irises
# to the millimetre) while y differs, with no regard to tags: what duplicates="raise" is there for.
CONTRADICTING = {"check_estimators_dtypes", "check_positive_only_tag_during_fit"}
CHECKS = {
    f"{check.func.__name__}-{number}": check
    for number, (_, check) in enumerate(
        estimator_checks.estimator_checks_generator(EntryRegressor(), mark=None)
    )
    if check.func.__name__ not in CONTRADICTING
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.filterwarnings("ignore:X has 8 columns:UserWarning")
@pytest.mark.filterwarnings(f"ignore:.*{UNSEEN}:UserWarning")
def test_sklearn_with_consistent_entries(check):
    run(CHECKS[check], EntryRegressor())


@pytest.mark.parametrize("check", sorted(CONTRADICTING))
def test_contradicting_entries_of_checks_are_refused_for_that_alone(check):
    with pytest.raises((ValueError, AssertionError)) as info:
        getattr(estimator_checks, check)("EntryRegressor", EntryRegressor())
    assert "with another value" in str(info.value.__cause__ or info.value)


@pytest.mark.parametrize(
    "completer",
    [ALSCompleter(rank=2, alpha=1.0), SoftImputeCompleter(alpha=2.0), ProjectedGDCompleter(rank=2)],
    ids=str,
)
def test_the_fit_is_that_of_the_matrix(completer, entries):
    coordinates, values = entries
    completer.set_params(tol=1e-10, max_iter=5000)
    expected = completer.fit(table()).predict_entries(*coordinates.T)
    found = EntryRegressor(completer).fit(coordinates, values).predict(coordinates)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_labels_of_any_kind_give_the_same_fit(entries):
    coordinates, values = entries
    expected = EntryRegressor().fit(coordinates, values).predict(coordinates)
    text = np.array([[f"u{i:03}", f"i{j:03}"] for i, j in coordinates])
    frame = pd.DataFrame({"when": np.arange(values.size), "item": text[:, 1], "user": text[:, 0]})
    by_name = EntryRegressor(row="user", column="item")
    for model, X in (
        (EntryRegressor(), text),
        (EntryRegressor(), text.astype(object)),
        (EntryRegressor(), 10 * coordinates + 0.5),
        (EntryRegressor(row=2, column=1), frame),
        (by_name, frame),
    ):
        np.testing.assert_array_equal(model.fit(X, values).predict(X), expected)
    assert list(by_name.feature_names_in_) == ["when", "item", "user"]
    assert by_name.row_labels_.tolist() == [f"u{i:03}" for i in range(60)]
    assert by_name.column_labels_.tolist() == [f"i{j:03}" for j in range(30)]


@pytest.mark.parametrize("kind", ["text", "enum", "category", "number"])
def test_polars(kind, entries):
    pl = pytest.importorskip("polars")
    coordinates, values = entries
    expected = EntryRegressor().fit(coordinates, values).predict(coordinates)
    names = [[f"{k:03}" for k in line] for line in coordinates.T]
    # The order of the categories is not that of the labels.
    types = {
        "text": [pl.String, pl.String],
        "enum": [pl.Enum(sorted(set(line), reverse=True)) for line in names],
        "category": [pl.Categorical, pl.Categorical],
        "number": [pl.Int32, pl.UInt64],
    }
    user, item = (pl.Series(line).cast(kind) for line, kind in zip(names, types[kind], strict=True))
    frame = pl.DataFrame({"when": range(values.size), "item": item, "": None, "user": user})
    model = EntryRegressor(row="user", column="item").fit(frame, pl.Series(values))
    np.testing.assert_array_equal(model.predict(frame), expected)
    assert list(model.feature_names_in_) == ["when", "item", "", "user"]
    new = frame[:1].with_columns(item=pl.lit("999").cast(pl.String))
    with pytest.warns(UserWarning, match=UNSEEN):
        assert model.predict(new).shape == (1,)
    with pytest.raises(ValueError, match="1 row label"):
        model.predict(frame[:1].with_columns(user=None))


def test_only_labels_have_to_be_there(entries):
    coordinates, values = entries
    expected = EntryRegressor().fit(coordinates, values).predict(coordinates)
    X = np.column_stack([coordinates, np.full(values.size, np.nan), np.full(values.size, np.inf)])
    model = EntryRegressor().fit(X, values)
    np.testing.assert_array_equal(model.predict(X), expected)
    X[3, 1] = np.nan
    for call in (model.predict, lambda X: EntryRegressor().fit(X, values)):
        with pytest.raises(ValueError, match=r"1 column label.* position 3\. EntryRegressor needs"):
            call(X)


def test_labels_without_a_common_order():
    X = np.empty((6, 2), dtype=object)
    X[:, 0] = ["ann", "ann", 7, 7, (1, 2), (1, 2)]
    X[:, 1] = ["tea", 3] * 3
    y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    expected = EntryRegressor().fit([[i // 2, i % 2] for i in range(6)], y).completer_
    model = EntryRegressor().fit(X, y)
    assert model.row_labels_.tolist() == ["ann", 7, (1, 2)]
    np.testing.assert_array_equal(model.completer_.components_, expected.components_)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_with_other_columns_ask_which_are_the_labels(library, entries):
    frames = pytest.importorskip(library)
    coordinates, values = entries
    columns = {"when": np.arange(values.size), "user": coordinates[:, 0], "item": coordinates[:, 1]}
    frame = frames.DataFrame(columns)
    message = r"3 columns, \['when', 'user', 'item'\]: EntryRegressor takes 'when' .* row='when', "
    with pytest.warns(UserWarning, match=message):
        EntryRegressor().fit(frame, values)
    labels = frame[["user", "item"]]
    expected = EntryRegressor().fit(labels, values).predict(labels)
    for keys in ({"row": "user", "column": "item"}, {"row": 1, "column": 2}):
        model = EntryRegressor(**keys).fit(frame, values)
        np.testing.assert_array_equal(model.predict(frame), expected)


@pytest.mark.parametrize("params", [{"row": 5}, {"column": "film"}])
def test_a_column_that_is_not_there(params, entries):
    with pytest.raises(ValueError, match=f"{next(iter(params))}=.* is no column of X"):
        EntryRegressor(**params).fit(*entries)


def test_duplicates(entries):
    coordinates, values = entries
    twice, other = np.vstack([coordinates, coordinates[:3]]), np.append(values, values[:3] + 1.0)
    with pytest.raises(ValueError, match="3 entries repeat an earlier one with another value"):
        EntryRegressor().fit(twice, other)
    weights = np.ones(values.size)
    weights[:3] = 2
    for mode, shift, weight in (("mean", 0.5, weights), ("last", 1.0, None)):
        expected = values.copy()
        expected[:3] += shift
        model = EntryRegressor().fit(coordinates, expected, sample_weight=weight)
        found = EntryRegressor(duplicates=mode).fit(twice, other)
        np.testing.assert_allclose(found.predict(twice), model.predict(twice), atol=1e-12)


def test_equal_duplicates_count_as_weight(entries):
    coordinates, values = entries
    weights = np.random.default_rng(0).integers(0, 3, values.size)
    one = EntryRegressor().fit(coordinates, values, sample_weight=weights)
    two = EntryRegressor().fit(np.repeat(coordinates, weights, axis=0), np.repeat(values, weights))
    np.testing.assert_allclose(one.predict(coordinates), two.predict(coordinates), atol=1e-10)


def test_unknown_labels_are_predicted_from_offsets(entries):
    model = EntryRegressor().fit(*entries)
    with pytest.warns(UserWarning, match=UNSEEN):
        new_row, new_column, neither = model.predict([[999, 3], [7, 999], [999, 999]])
    assert new_row == pytest.approx(model.completer_.offsets_[3])
    assert neither == pytest.approx(model.mean_)
    assert new_column - neither == pytest.approx(model.completer_.row_offsets([7])[0])


@pytest.mark.parametrize("center", [False, True, "both"])
def test_without_offsets_unknown_labels_get_the_mean(center, entries):
    coordinates, values = entries
    model = EntryRegressor(ALSCompleter(center=center)).fit(coordinates, values + 5.0)
    with pytest.warns(UserWarning, match=UNSEEN):
        found = model.predict([[999, 3], [7, 999], [999, 999]])
    means = np.isclose(found, model.mean_, rtol=1e-12)
    assert means.tolist() == [center is False, center != "both", True]
    assert model.mean_ == pytest.approx(np.mean(values) + 5.0)


@pytest.mark.parametrize(
    ("convert", "counts", "reason"),
    [
        (
            lambda i, j: (i + 100, j),
            "60 new rows, 0 new columns",
            r"by completer_\.transform\. In cross-validation, .*GroupKFold.*shuffle",
        ),
        (lambda i, j: (i + 0.5, j + 100), "60 new rows, 30 new columns", r"GroupKFold.*shuffle"),
        (
            lambda i, j: (i.astype(str), j),
            "60 new rows, 0 new columns",
            r"No row label .* differ: str here, number in the fit\. Convert them to the same\.$",
        ),
        (
            lambda i, j: (i, j.astype(str)),
            "0 new rows, 30 new columns",
            r"No column label .* differ: str here, number in the fit\. Convert them to the same\.$",
        ),
    ],
)
def test_the_warning_tells_what_is_unknown_and_why(convert, counts, reason, entries):
    coordinates, values = entries
    frame = pd.DataFrame({"row": coordinates[:, 0], "column": coordinates[:, 1]})
    model = EntryRegressor().fit(frame, values)
    rows, columns = convert(frame["row"], frame["column"])
    message = rf"^{values.size} of {values.size} .* {UNSEEN} \({counts}\), .* alone\..*{reason}"
    with pytest.warns(UserWarning, match=message):
        model.predict(pd.DataFrame({"row": rows, "column": columns}))


def test_a_sparse_matrix_has_no_labels(entries):
    model = EntryRegressor().fit(*entries)
    S = sparse.csr_array(np.eye(4))
    for call in (model.predict, lambda S: EntryRegressor().fit(S, np.ones(4))):
        with pytest.raises(TypeError, match=r"Get them with skmc\.model_selection\.to_entries"):
            call(S)


def test_splitters_and_scorers(entries):
    coordinates, values = entries
    model = EntryRegressor(ALSCompleter(rank=2))
    shuffled = cross_val_score(model, coordinates, values, cv=KFold(5))
    assert shuffled.min() > 0.9
    with pytest.warns(UserWarning, match=UNSEEN):
        cold = cross_val_score(
            model, coordinates, values, cv=GroupKFold(5), groups=coordinates[:, 0]
        )
    assert cold.max() < 0.7
    cross_val_score(
        model, coordinates, values, cv=TimeSeriesSplit(3), scoring="neg_median_absolute_error"
    )
    predicted = cross_val_predict(model, coordinates, values, cv=5)
    assert np.corrcoef(predicted, values)[0, 1] > 0.95


def test_grid_search_finds_the_rank():
    coordinates, values = entries_of(table(noise=0.3))
    grid = {"completer__rank": [1, 2, 4]}
    search = GridSearchCV(
        EntryRegressor(ProjectedGDCompleter()), grid, scoring="neg_root_mean_squared_error", cv=5
    )
    assert search.fit(coordinates, values).best_params_ == {"completer__rank": 2}


def test_folds_equal_those_done_by_hand_on_the_matrix():
    X = table()
    coordinates, values = entries_of(X)
    completer = ALSCompleter(rank=2, alpha=1.0, tol=1e-11, max_iter=5000)
    for train, test in KFold(3).split(coordinates):
        by_hand = X.copy()
        by_hand[tuple(coordinates[test].T)] = np.nan
        expected = completer.fit(by_hand).predict_entries(*coordinates[test].T)
        model = EntryRegressor(completer).fit(coordinates[train], values[train])
        np.testing.assert_allclose(model.predict(coordinates[test]), expected, atol=1e-7)


@pytest.mark.parametrize("options", ["plain", "short", "weights", "repeated", "far apart"])
def test_entries_are_compressed_in_three_copies(options, monkeypatch):
    rng = np.random.default_rng(0)
    keys = rng.choice(4000 * 1000, 200_000, replace=False)
    X, y = np.column_stack(np.divmod(keys, 1000)), rng.normal(size=keys.size)
    weights = rng.uniform(1.0, 2.0, y.size) if options == "weights" else None
    if options == "short":
        X = X.astype(np.int32)
    if options == "repeated":
        X[: y.size // 4] = X[-(y.size // 4) :]
    if options == "far apart":
        X *= 10**6
    peaks = []

    def fit_nothing(self, *entries, names):
        peaks.append(tracemalloc.get_traced_memory()[1])
        return self

    monkeypatch.setattr(ALSCompleter, "_fit_entries", fit_nothing)
    model = EntryRegressor(duplicates="mean")
    # What the first call imports and keeps is not counted.
    model.fit(X[:100], y[:100])
    tracemalloc.start()
    model.fit(X, y, weights)
    tracemalloc.stop()
    assert peaks[-1] < 3 * (X.nbytes + y.nbytes)


def test_memory_stays_within_a_few_copies_of_the_entries():
    rng = np.random.default_rng(0)
    keys = rng.choice(5000 * 4000, 300_000, replace=False)
    coordinates = np.column_stack([keys // 4000, keys % 4000])
    values = rng.normal(size=keys.size)
    model = EntryRegressor(ALSCompleter(rank=2, alpha=5.0, max_iter=3, tol=10.0, n_jobs=1))
    tracemalloc.start()
    model.fit(coordinates, values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.4 * 8 * 5000 * 4000


def test_numbers_beside_strings_in_lists_stay_numbers():
    X = [[1, "x"], [1, "y"], [2, "x"], [2, "y"]]
    regressor = EntryRegressor().fit(X, [1.0, 2.0, 3.0, 4.0])
    assert regressor.row_labels_.tolist() == [1, 2]
    assert regressor.column_labels_.tolist() == ["x", "y"]
    frame = pd.DataFrame(X, columns=["user", "item"])
    other = EntryRegressor().fit(frame, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(regressor.predict(X), other.predict(frame))
    assert regressor.recommend([1], 1, exclude_observed=False)[0].tolist() == [["y"]]


def test_columns_that_are_not_labels_need_not_be_there_to_predict():
    coordinates, values = entries_of(table())
    frame = pd.DataFrame(coordinates, columns=["user", "item"])
    timed = frame.assign(when=np.arange(len(frame)))[["when", "user", "item"]]
    model = EntryRegressor(row="user", column="item").fit(timed, values)
    expected = model.predict(timed)
    for other in (frame, frame[["item", "user"]], timed.assign(more=1)):
        np.testing.assert_array_equal(model.predict(other), expected)
    with pytest.raises(ValueError, match="item"):
        model.predict(frame[["user"]])
