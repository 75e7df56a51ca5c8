"""Files of factors that someone has spoilt: an error, and nothing else."""

import json
import os
import zipfile

import numpy as np
import pytest
from factor_files import as_npy, assert_same, claiming, edited, written
from processes import run_python
from sklearn.base import clone
from suited import table_for

from skmc import (
    ALSCompleter,
    BayesianCompleter,
    ConformalCompleter,
    EntryRegressor,
    load_factors,
    save_factors,
)
from skmc._storage import write_archive
from skmc.model_selection import to_entries


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file of a small fit."""
    completer = ALSCompleter(rank=2).fit(table_for(ALSCompleter))
    return written(tmp_path_factory.mktemp("model"), completer)


BROKEN = np.full((2, 25), np.nan)
BAD_PARTS = {
    "no header": {"header.npy": None},
    "header is no text": {"header.npy": as_npy(np.zeros(3))},
    "header is no JSON": {"header.npy": as_npy(np.array("{"))},
    "header is deep": {"header.npy": as_npy(np.array("[" * 100_000))},
    "header has NaN": {"header.npy": as_npy(np.array('{"a": NaN}'))},
    "no components": {"components_.npy": None},
    "objects": {"components_.npy": as_npy(np.array([[print] * 25] * 2), allow_pickle=True)},
    "structured": {"components_.npy": as_npy(np.zeros((2, 25), "f8,f8"))},
    "complex": {"components_.npy": as_npy(np.zeros((2, 25), complex))},
    "integers": {"components_.npy": as_npy(np.ones((2, 25), int))},
    "half precision": {"components_.npy": as_npy(np.ones((2, 25), np.float16))},
    "NaN": {"components_.npy": as_npy(BROKEN)},
    "inf in the rows": {"_row_factors.npy": as_npy(np.full((40, 2), np.inf))},
    "other width": {"components_.npy": as_npy(np.ones((2, 24)))},
    "other rank": {"components_.npy": as_npy(np.ones((3, 25)))},
    "fewer rows": {"_row_factors.npy": as_npy(np.ones((39, 2)))},
    "scale of zero": {"scale_.npy": as_npy(np.zeros(25))},
    "huge": {"components_.npy": claiming("<f8", (10**6, 10**6))},
    "overflowing": {"components_.npy": claiming("<f8", (2**62, 4))},
    "negative shape": {"components_.npy": claiming("<f8", (-1, 25))},
    "shape is no number": {"components_.npy": claiming("<f8", (2.5, 25))},
    "text of no length": {"components_.npy": claiming("<U0", (300_000_000,))},
    "wide text": {"components_.npy": claiming("<U1000000000", (1,))},
    "a number for rows": {"_row_factors.npy": as_npy(np.array(1.0))},
    "shorter": {"components_.npy": as_npy(np.ones((2, 25)))[:-8]},
    "longer": {"components_.npy": as_npy(np.ones((2, 25))) + b"more"},
    "no array": {"components_.npy": b"no array"},
    "empty": {"components_.npy": b""},
    "more arrays": {"other.npy": as_npy(np.ones(3))},
    "upwards": {"../evil.npy": as_npy(np.ones(3))},
    "absolute": {"/tmp/evil.npy": as_npy(np.ones(3))},
    "backslash": {"..\\evil.npy": as_npy(np.ones(3))},
    "program": {"evil.py": b"print()"},
    "many": {f"a{k}.npy": b"" for k in range(2000)},
}


@pytest.mark.parametrize("case", BAD_PARTS)
def test_files_with_bad_parts_are_refused(case, model, tmp_path):
    path = edited(model, tmp_path / "bad.npz", change=BAD_PARTS[case])
    with pytest.raises(ValueError, match=r"bad\.npz"):
        load_factors(path)
    assert os.listdir(tmp_path) == ["bad.npz"]


def set_to(*keys, value):
    def change(header):
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value

    return change


BAD_HEADERS = {
    "other format": set_to("format", value="other"),
    "newer version": set_to("version", value=99),
    "version is no number": set_to("version", value=[1]),
    "class of elsewhere": set_to("class", value="os.system"),
    "class is no name": set_to("class", value=["ALSCompleter"]),
    "other class": set_to("class", value="EntryRegressor"),
    "unknown parameter": set_to("params", "evil", value=1),
    "parameter of no such value": set_to("params", "rank", value=-1),
    "method": set_to("state", "transform", value="evil"),
    "private attribute": set_to("state", "_fold_in_type", value="evil"),
    "dunder": set_to("state", "__class__", value="evil"),
    "nested estimator": set_to("state", "completer_", value={"estimator": {"class": "x"}}),
    "no attribute": lambda header: header["state"].pop("offsets_"),
    "no state": lambda header: header.pop("state"),
    "empty state": set_to("state", value={}),
    "state is a list": set_to("state", value=[]),
    "rank is a bool": set_to("state", "rank_", value=True),
    "negative rows": set_to("state", "_n_rows", value=-1),
    "huge integer": set_to("state", "_n_rows", value=10**4000),
    "penalty below zero": set_to("state", "fold_in_alpha_", value=-1.0),
    "penalty not finite": set_to("state", "fold_in_alpha_", value={"float": "nan"}),
    "no such float": set_to("state", "fold_in_alpha_", value={"float": "1e400"}),
    "no such kind": set_to("state", "fold_in_alpha_", value={"call": "os.system"}),
    "array used twice": set_to("state", "offsets_", value={"array": "scale_"}),
    "growth": set_to("state", "_penalty_growth", value={"tuple": [1.0, 0.0]}),
    "names are numbers": set_to("state", "feature_names_in_", value=3),
    "trace": set_to("state", "trace_", value=3),
    "rows out of range": set_to("state", "_row_number", value=3),
    "columns to keep": set_to("state", "_kept", value="all"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_files_with_bad_headers_are_refused(case, model, tmp_path):
    path = edited(model, tmp_path / "bad.npz", header=BAD_HEADERS[case])
    with pytest.raises(ValueError, match=r"bad\.npz"):
        load_factors(path)


JUNK = (None, -1, 1e308, "x", {}, {"array": "scale_"})


def leaves(node, path=()):
    for key, value in node.items():
        yield (*path, key)
        if type(value) is dict:
            yield from leaves(value, (*path, key))


def test_no_value_of_a_header_does_harm(model, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # takes long, hundreds of times
    with np.load(model) as file:
        header = json.loads(str(file["header"]))
        arrays = {name: file[name] for name in file.files if name != "header"}
    X, path, messages = table_for(ALSCompleter), tmp_path / "bad.npz", []
    expected = load_factors(model).transform(X)
    for place in leaves(header):
        for junk in JUNK:
            changed = json.loads(json.dumps(header))
            set_to(*place, value=junk)(changed)
            write_archive(path, changed, arrays)
            try:
                completer = load_factors(path)
            except ValueError as error:
                messages.append(str(error))
            else:
                # It makes no difference, or is another parameter that may be set.
                if place[0] == "state":
                    assert completer.transform(X).shape == expected.shape
    assert len(messages) > 200
    assert all("bad.npz" in message for message in messages)


def test_a_newer_format_is_named(model, tmp_path):
    def newer(header):
        header.update(version=2, skmc="9.9")

    with pytest.raises(ValueError, match=r"by skmc 9\.9 in version 2 .* reads \(1,\)"):
        load_factors(edited(model, tmp_path / "new.npz", header=newer))


def test_a_bomb_is_refused_before_it_grows(model, tmp_path):
    zeros = claiming("<f8", (2, 10**7)) + bytes(16 * 10**7)
    bomb = edited(
        model, tmp_path / "bomb.npz", change={"components_.npy": zeros},
        compression=zipfile.ZIP_DEFLATED,
    )  # fmt: skip
    assert os.path.getsize(bomb) < 10**6
    done = run_python(f"""
        import resource
        from skmc import load_factors
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            load_factors({str(bomb)!r})
        except ValueError as error:
            print(error)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)
    """)
    assert done.returncode == 0, done.stderr
    message, grown = done.stdout.splitlines()
    assert "compressed" in message
    assert int(grown) < 50_000


def test_max_bytes(model):
    size = os.path.getsize(model)
    assert load_factors(model, max_bytes=size).rank_ == 2
    with pytest.raises(ValueError, match="more than the 1000 that max_bytes"):
        load_factors(model, max_bytes=1000)


def test_no_part_of_a_file_is_a_file(model, tmp_path):
    whole, path = model.read_bytes(), tmp_path / "cut.npz"
    for size in (*range(0, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.npz"):
            load_factors(path)


def test_a_changed_byte_is_noticed_or_means_nothing(model, tmp_path):
    whole, path = model.read_bytes(), tmp_path / "changed.npz"
    fitted, rng = load_factors(model), np.random.default_rng(0)
    refused = 0
    for at in rng.integers(0, len(whole), 400):
        changed = bytearray(whole)
        changed[at] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            again = load_factors(path)
        except ValueError:
            refused += 1
        else:
            assert_same(again, fitted)
    assert refused > 200


def test_a_regressor_whose_pattern_points_elsewhere_is_refused(tmp_path):
    entries, y = to_entries(table_for(ALSCompleter), random_state=0)
    fitted = EntryRegressor(ALSCompleter(rank=2)).fit(entries, y)
    model, path = written(tmp_path, fitted), tmp_path / "bad.npz"
    indptr, indices = fitted._pattern
    wild, falling, short = indices.copy(), indptr.copy(), indptr[:-1]
    wild[3], falling[3] = 10**9, 10**6
    for name, array in (
        ("_pattern.1", wild),
        ("_pattern.0", falling),
        ("_pattern.0", short),
        ("row_labels_", fitted.row_labels_[::-1].copy()),
        ("column_labels_", np.append(fitted.column_labels_, 99)),
    ):
        edited(model, path, change={f"{name}.npy": as_npy(array)})
        with pytest.raises(ValueError, match=r"bad\.npz"):
            load_factors(path)


def test_attributes_of_other_kinds_of_completers_do_not_switch_checks_off(tmp_path):
    X = table_for(ALSCompleter, n=25, m=25)
    good = ALSCompleter(rank=2).fit(X)
    spoilt = {
        "eigenvalues_": np.ones(2),
        "completer_": clone(good).fit(X),
        "_draws": {"F": np.ones((25, 1, 2)), "level": np.ones((1, 25))},
        "_sklearn_output_config": {"transform": "other"},
    }
    for name, value in spoilt.items():
        bad = clone(good).fit(X)
        setattr(bad, name, value)
        save_factors(bad, tmp_path / "bad.npz")
        with pytest.raises(ValueError, match=name):
            load_factors(tmp_path / "bad.npz")


def test_a_regressor_of_a_completer_that_holds_another_is_refused(tmp_path):
    entries, y = to_entries(table_for(ALSCompleter), random_state=0)
    bad = EntryRegressor(ALSCompleter(rank=2)).fit(entries, y)
    expected = bad.predict(entries)
    bad.completer_.completer_ = ALSCompleter(rank=1).fit(table_for(ALSCompleter) + 100)
    np.testing.assert_array_equal(bad.predict(entries), expected)
    save_factors(bad, tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="completer_ is none of its attributes"):
        load_factors(tmp_path / "bad.npz")


def test_numbers_of_rows_are_those_that_are_there(tmp_path):
    X = table_for(ALSCompleter)
    X[3] = np.nan
    bad = ALSCompleter(rank=2).fit(X)
    bad._row_number = np.full(40, 10**12)
    save_factors(bad, tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="_row_number"):
        load_factors(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [("F", np.ones((25, 0, 3))), ("level", np.ones((2, 2))), ("precision", np.zeros((10, 25)))],
)
def test_draws_are_checked(name, value, tmp_path):
    bad = BayesianCompleter(2, n_draws=10, random_state=0).fit(table_for(BayesianCompleter))
    bad._draws[name] = value
    save_factors(bad, tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="_draws"):
        load_factors(tmp_path / "bad.npz")


def test_intervals_of_no_calibration_are_refused(tmp_path):
    X = table_for(ALSCompleter)
    fitted = ConformalCompleter(ALSCompleter(rank=2), alpha=0.3, random_state=0).fit(X)
    model, path = written(tmp_path, fitted), tmp_path / "bad.npz"
    scores, rows = fitted._calibration.scores, fitted._pattern.rows
    for name, array in (
        ("_calibration.scores", scores[::-1].copy()),
        ("_calibration.scores", scores[1:]),
        ("_calibration.cumulative", np.full_like(scores, np.nan)),
        ("_calibration.cumulative", -scores[::-1].copy()),
        ("_pattern.rows", rows[1:]),
        ("_pattern.columns", rows),
    ):
        edited(model, path, change={f"{name}.npy": as_npy(array)})
        with pytest.raises(ValueError, match=r"bad\.npz"):
            load_factors(path)
    state = json.loads(str(np.load(model)["header"]))["state"]
    for change in (
        set_to("state", "_calibration", "object", 1, "alpha", value=2.0),
        set_to("state", "_pattern", "object", 1, "intercept", value="x"),
        set_to("state", "_pattern", value=None),
        set_to("state", "_pattern", value=state["_calibration"]),
        set_to("state", "_calibration", "object", 0, value="Threshold"),
        set_to("state", "n_calibration_", value=10**9),
        set_to("state", "n_features_in_", value=3),
        set_to("state", "completer_", value=None),
        set_to("state", "completer_", "estimator", "state", value={}),
        set_to("state", "completer_", value={"estimator": {
            "class": "ConformalCompleter", "params": {}, "state": {}}}),
    ):  # fmt: skip
        edited(model, path, header=change)
        with pytest.raises(ValueError, match=r"bad\.npz"):
            load_factors(path)
