"""Files of factors: the same bits back, and nothing but an error from any other file."""

import json
import os
import pickle
import shutil
import stat
import sys

import joblib
import numpy as np
import pytest
from factor_files import assert_same, written
from registry import EVERY
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold
from suited import small, table_for

import skmc
from skmc import (
    ALSCompleter,
    ALSCompleterCV,
    BayesianCompleter,
    ConformalCompleter,
    EntryRegressor,
    SoftImputeCompleter,
    load_factors,
    save_factors,
)
from skmc.model_selection import to_entries

each = pytest.mark.parametrize("E", EVERY)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file of a small fit."""
    completer = ALSCompleter(rank=2).fit(table_for(ALSCompleter))
    return written(tmp_path_factory.mktemp("model"), completer)


@each
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_completer_comes_back(E, dtype, tmp_path):
    X = table_for(E, dtype=dtype)
    fitted = small(E, add_indicator=True, random_state=0).fit(X)
    fitted.set_output(transform="default")
    again = load_factors(written(tmp_path, fitted))
    assert_same(again, fitted)
    new = X if fitted.__sklearn_tags__().input_tags.pairwise else X[:7]
    rows, columns = np.nonzero(np.isnan(X))
    for name, given in (
        ("transform", (new,)),
        ("row_factors", (new,)),
        ("leave_one_out", (new,)),
        ("score", (X,)),
        ("predict_entries", (rows, columns)),
        ("recommend", (new, 3)),
        ("get_feature_names_out", ()),
    ):
        assert_same(getattr(again, name)(*given), getattr(fitted, name)(*given), name)
    assert_same(clone(again).fit(X).components_, fitted.components_)


@each
def test_pickle_and_joblib(E, tmp_path):
    X = table_for(E)
    fitted = small(E).fit(X)
    path = tmp_path / "model.joblib"
    joblib.dump(fitted, path)
    for again in (pickle.loads(pickle.dumps(fitted)), joblib.load(path)):
        assert_same(again, fitted)
        np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


@each
def test_skops_trusts_all_but_our_classes(E):
    skops = pytest.importorskip("skops.io")
    fitted = small(E).fit(table_for(E))
    data = skops.dumps(fitted)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("skmc.") for name in untrusted)
    assert_same(skops.loads(data, trusted=untrusted), fitted)


def test_empty_columns_rows_and_names_come_back(tmp_path):
    pd = pytest.importorskip("pandas")
    X = table_for(ALSCompleter)
    X[:, 3] = X[5] = np.nan
    frame = pd.DataFrame(X).add_prefix("é")
    with pytest.warns(UserWarning, match="no observed entry"):
        fitted = ALSCompleter(rank=2, center="both", keep_empty_features=False).fit(frame)
    fitted.set_output(transform="pandas")
    again = load_factors(written(tmp_path, fitted))
    assert_same(again, fitted)
    pd.testing.assert_frame_equal(again.transform(frame), fitted.transform(frame))


def test_a_warm_start_goes_on_from_a_file(tmp_path):
    X = table_for(SoftImputeCompleter)
    fitted = SoftImputeCompleter(alpha=2.0, debias=True, warm_start=True).fit(X)
    again = load_factors(written(tmp_path, fitted))
    np.testing.assert_array_equal(again.fit(X).components_, fitted.fit(X).components_)


LABELS = {
    "int": np.arange(40) * 7 - 3,
    "float": np.linspace(-1, 1, 40),
    "str": np.array([f"row {i} é" for i in range(40)]),
    "object": np.array([f"{i:02}\0" for i in range(40)], dtype=object),
    "mixed": np.array([i if i % 2 else f"{i}" for i in range(40)], dtype=object),
    "datetime": np.arange(40).astype("datetime64[D]"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_a_regressor_comes_back(kind, tmp_path):
    pd = pytest.importorskip("pandas")
    entries, y = to_entries(table_for(ALSCompleter), random_state=0)
    labels = pd.DataFrame({"row": LABELS[kind][entries[:, 0]], "column": entries[:, 1]})
    fitted = EntryRegressor(ALSCompleter(rank=2, center="both"), row="row", column="column")
    fitted.fit(labels, y)
    again = load_factors(written(tmp_path, fitted))
    assert_same(again, fitted)
    assert_same(again.predict(labels), fitted.predict(labels))
    assert again.score(labels, y) == fitted.score(labels, y)
    who = fitted.row_labels_[:5]
    assert_same(again.recommend(who, 4), fitted.recommend(who, 4))


def test_a_regressor_of_defaults_comes_back(tmp_path):
    entries, y = to_entries(table_for(ALSCompleter), random_state=0)
    fitted = EntryRegressor().fit(entries, y)
    assert_same(load_factors(written(tmp_path, fitted)), fitted)


@pytest.mark.parametrize("propensity", ["row_column", "uniform"])
@pytest.mark.parametrize("completer", [None, BayesianCompleter(**BayesianCompleter._test_settings)])
def test_intervals_come_back(completer, propensity, tmp_path):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(table_for(ALSCompleter)).add_prefix("c")
    entries, y = to_entries(X.to_numpy(), random_state=0)
    conformal = ConformalCompleter(completer, propensity=propensity, alpha=0.3, random_state=0)
    rows, columns = np.nonzero(X.isna())
    fitted = clone(conformal).set_output(transform="pandas").fit(X)
    again = load_factors(written(tmp_path, fitted))
    assert_same(again.predict_entries_interval(rows, columns, alpha=0.2),
                fitted.predict_entries_interval(rows, columns, alpha=0.2))  # fmt: skip
    for found, end in zip(again.predict_interval(X), fitted.predict_interval(X), strict=True):
        pd.testing.assert_frame_equal(found, end)
    regressor = EntryRegressor(conformal).fit(entries, y)
    again = load_factors(written(tmp_path, regressor))
    assert_same(again.predict_interval(entries), regressor.predict_interval(entries))
    assert_same(again.recommend(range(5), 4), regressor.recommend(range(5), 4))


def test_parameters_of_any_kind_come_back(tmp_path):
    X = table_for(ALSCompleter)
    start = np.random.default_rng(0).normal(size=(2, 25))
    for params in (
        {"init": start, "alpha": np.float32(0.5), "rank": np.int64(2)},
        {"missing_values": -1.0},
        {"random_state": 3, "init": "random"},
    ):
        Y = np.nan_to_num(X, nan=-1.0) if "missing_values" in params else X
        fitted = ALSCompleter(**{"rank": 2, **params}).fit(Y)
        again = load_factors(written(tmp_path, fitted))
        np.testing.assert_array_equal(again.transform(Y), fitted.transform(Y))
        for name, value in params.items():
            np.testing.assert_array_equal(again.get_params()[name], value)
    drawn = ALSCompleter(rank=2, random_state=np.random.RandomState(0)).fit(X)
    assert load_factors(written(tmp_path, drawn)).random_state is None


class Own(ALSCompleter):
    pass


def test_what_cannot_be_saved_is_named(tmp_path):
    X, path = table_for(ALSCompleter), tmp_path / "model.npz"
    with pytest.raises(NotFittedError):
        save_factors(ALSCompleter(), path)
    with pytest.raises(TypeError, match="A Own cannot be saved"):
        save_factors(Own(rank=2).fit(X), path)
    with pytest.raises(TypeError, match=r"params\.cv is of type KFold"):
        save_factors(small(ALSCompleterCV, cv=KFold(2, shuffle=True)).fit(X), path)
    entries, y = to_entries(X, random_state=0)
    tuples = np.empty(entries.shape, dtype=object)
    tuples[:] = [[(i,), j] for i, j in entries.tolist()]
    with pytest.raises(TypeError, match="row_labels_ holds a tuple"):
        save_factors(EntryRegressor(ALSCompleter(rank=2)).fit(tuples, y), path)
    assert os.listdir(tmp_path) == []


def test_the_file_is_plain(model, tmp_path):
    fitted = load_factors(model)
    with np.load(model, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["components_"], fitted.components_)
        header = json.loads(str(file["header"]))
    assert header["class"] == "ALSCompleter"
    assert header["skmc"] == skmc.__version__
    assert written(tmp_path, fitted).read_bytes() == model.read_bytes()
    if sys.platform != "win32":
        umask = os.umask(0)
        os.umask(umask)
        assert stat.S_IMODE(os.stat(tmp_path / "model.npz").st_mode) == 0o666 & ~umask


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_factors(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        save_factors(ALSCompleter(rank=2).fit(table_for(ALSCompleter)), tmp_path / "no" / "a.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    (tmp_path / "text.npz").write_text("text")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(ValueError, match=name):
            load_factors(tmp_path / name)


def test_a_failed_write_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    shutil.copy(model, path)
    fitted = load_factors(path)

    def fail(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        save_factors(fitted, path)
    assert os.listdir(tmp_path) == ["model.npz"]
    assert path.read_bytes() == model.read_bytes()
