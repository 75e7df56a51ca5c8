"""Searches on input of every kind: weights, empty columns, small and constant tables, outliers."""

import pickle

import joblib
import numpy as np
import pytest
from searching import (
    AUTO,
    SEARCHING,
    assert_same_bits,
    each,
    each_cv,
    noise_table,
    reference,
    rms,
    searching,
    stored,
    table,
    uneven_noise,
)
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skmc import (
    ALSCompleterCV,
    ProjectedGDCompleter,
)


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
    infinite, empty, many = X.copy(), np.full_like(X, np.nan), np.arange(720)
    infinite[3, 4] = np.inf
    for bad, params in (
        (infinite, {}),
        (empty, {}),
        (X, {"alphas": [-1.0]}),
        (X, {"cv": [(many, many)]}),
        (X, {"cv": [(many[1:], [720])]}),
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
