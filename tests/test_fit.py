"""What `fit` does: weights, starts, stopping, messages, columns without data, determinism."""

import logging
import pickle

import joblib
import numpy as np
import pytest
from registry import GENERAL, WEIGHTED, at, each, each_with, make, supports
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline

from skmc import (
    ALSCompleter,
    FactorizedGDCompleter,
    GaussNewtonCompleter,
    IRLSCompleter,
    ProjectedGDCompleter,
)
from skmc.datasets import hide_entries, make_low_rank
from skmc.solvers._polished import PolishedSearch

pd = pytest.importorskip("pandas")
each_weighted = pytest.mark.parametrize("E", WEIGHTED)
STARTS = np.random.default_rng(1).normal(size=(5, 30))
UNITS = [{}, {"center": "both"}, {"center": False, "scale": False}]


def data(n_rows=60, **params):
    params = {"observed": 0.6, "noise": 0.1, "offsets": 1.0, "random_state": 0, **params}
    return make_low_rank(n_rows, 30, 3, **params).X


@each_with(*UNITS)
def test_sample_weight_is_repetition(E, params):
    X = data()
    k = np.random.default_rng(0).integers(0, 4, 60)
    # A start that draws a number for each row is another one if rows are repeated.
    model = make(E, tol=1e-8, max_iter=5000, **params)
    weighted, repeated = model.fit(X, sample_weight=k), clone(model).fit(np.repeat(X, k, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-6)
    assert weighted.score(X, sample_weight=k) == pytest.approx(
        repeated.score(np.repeat(X, k, axis=0)), abs=1e-6
    )


@pytest.mark.parametrize("E", [ALSCompleter, ProjectedGDCompleter])
def test_sample_weight_of_a_fit_without_penalty(E):
    # Without a penalty a common factor changes nothing, and weights of rows are weights of their
    # entries.
    X = data()
    w = np.random.default_rng(0).uniform(0.5, 3.0, 60)
    params = {"center": False, "scale": False, "tol": 1e-10, "max_iter": 5000, "rank": 3}
    if E is ALSCompleter:
        params["alpha"] = 0
    by_row = E(**params).fit(X, sample_weight=w)
    for other in (
        E(**params).fit(X, sample_weight=7.0 * w),
        E(**params).fit(X, entry_weight=np.repeat(w[:, None], 30, axis=1)),
    ):
        spaces = [_row_space(model.components_) for model in (by_row, other)]
        np.testing.assert_allclose(*spaces, atol=1e-6)


def _row_space(components):
    Q = np.linalg.qr(components.T)[0]
    return Q @ Q.T


@each
def test_entry_weight_one_and_zero(E):
    X = data()
    model = make(E)
    expected = model.fit(X).transform(X)
    ones = model.fit(X, entry_weight=np.ones(X.shape)).transform(X)
    np.testing.assert_allclose(ones, expected, atol=1e-6)
    hidden = np.random.default_rng(0).random(X.shape) < 0.1
    zeros = make(E).fit(X, entry_weight=1.0 - hidden)
    fewer = make(E).fit(np.where(hidden, np.nan, X))
    np.testing.assert_allclose(zeros.transform(X), fewer.transform(X), atol=1e-6)


@each_weighted
def test_entry_weight_says_what_to_believe(E):
    truth = make_low_rank(60, 30, 2, observed=1.0, random_state=0).truth
    rng = np.random.default_rng(0)
    wrong = rng.random(truth.shape) < 0.2
    X = truth + 3.0 * wrong * rng.normal(size=truth.shape)
    model = at(E, rank=2)
    trusted = np.where(wrong, np.nan, X)
    error = [
        np.linalg.norm(model.fit(X, entry_weight=W).transform(trusted) - truth)
        for W in (np.where(wrong, 1e-3, 1.0), None)
    ]
    assert error[0] < 0.3 * error[1]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), "sample_weight.shape|inconsistent"),
        (np.ones((60, 2)), "1D|must be 1D"),
        (np.zeros(60), "at least one non-zero"),
        (-np.ones(60), "Negative values"),
        (np.full(60, np.nan), "NaN"),
        (np.full(60, np.inf), "infinity"),
    ],
)
def test_wrong_sample_weights(weights, message):
    with pytest.raises(ValueError, match=f"(?i){message}"):
        ALSCompleter().fit(data(), sample_weight=weights)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_wrong_entry_weights(value):
    X, W = data(), np.ones((60, 30))
    i, j = np.argwhere(~np.isnan(X))[5]
    W[i, j] = value
    with pytest.raises(ValueError, match=rf"entry_weight must be.*\(1 of.*row {i}, column {j}"):
        ALSCompleter().fit(X, entry_weight=W)
    W[:] = 1.0
    W[np.isnan(X)] = value
    ALSCompleter().fit(X, entry_weight=W)


@each_with(*({"center": center, "warm_start": True} for center in (True, False, "both")))
def test_warm_start_takes_fewer_iterations(E, params):
    X = data()
    if "positive_alpha" not in supports(E):
        # Without a penalty there is an exact fit to go on from.
        X = data(noise=0.0, offsets=float(bool(params["center"])))
    warm = at(E, alpha=2.0, tol=1e-6, max_iter=5000, **params)
    cold = clone(warm).set_params(warm_start=False).fit(X)
    warm.fit(X)
    first = warm.n_iter_
    warm.fit(X)
    assert first == cold.n_iter_
    assert warm.n_iter_ < 0.7 * first
    np.testing.assert_allclose(warm.transform(X), cold.transform(X), atol=1e-4)
    # Cold again if the shape has changed.
    warm.fit(X[:, :20])
    assert warm.n_features_in_ == 20


@each_with({"init": "random"}, {"init": STARTS})
def test_all_starts_end_in_the_same_place(E, params):
    X = data()
    # A penalty leaves fewer components than there is room for; without one the rank is that of X.
    rank = 5 if "alpha" in E().get_params() else 3
    model = at(E, rank=rank, alpha=2.0, tol=1e-9, max_iter=5000, random_state=0)
    expected = model.fit_transform(X)
    start = params["init"] if isinstance(params["init"], str) else params["init"][:rank]
    found = model.set_params(init=start).fit_transform(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@each_with({"init": "random", "max_iter": 3})
def test_random_state(E, params):
    X = data()
    model = make(E, **params)
    with pytest.warns(ConvergenceWarning):
        runs = [model.set_params(random_state=s).fit_transform(X) for s in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@each
def test_convergence_warning_says_what_to_do(E):
    pattern = (
        rf"{E.__name__} stopped after 2 iterations \(reached max_iter=2\) with a last relative "
        r"change of [\d.e+-]+\. .*aise max_iter(,| or) tol"
    )
    with pytest.warns(ConvergenceWarning, match=pattern):
        model = make(E, max_iter=2).fit(data())
    assert (model.converged_, model.n_iter_) == (False, 2)
    assert model.stop_reason_ == "reached max_iter=2"


@each
def test_trace(E):
    model = make(E).fit(data())
    assert model.converged_
    assert model.stop_reason_
    own = model.trace_.keys() - {"time", "objective", "change", "alpha", "rank", "stage"}
    assert len(model.trace_) - len(own) == 6
    for key, values in model.trace_.items():
        assert values.shape == (model.n_iter_,)
        # What a solver tells besides is NaN in stages that another one does.
        assert np.isfinite(values).all() or (key in own and not np.isinf(values).any())
    assert (np.diff(model.trace_["time"]) >= 0).all()
    assert model.trace_["alpha"][-1] == pytest.approx(model.alpha_)


@each_with({}, {"center": "both"})
def test_objective_never_rises(E, params):
    model = at(E, alpha=1.0, tol=1e-6, max_iter=2000, **params).fit(data())
    objective, same_units = model.trace_["objective"], np.diff(model.trace_["stage"]) == 0
    assert np.count_nonzero(~same_units) == (model.scale == "noise")
    assert (np.diff(objective) <= 1e-9 * objective[:-1])[same_units].all()


def test_verbose_logs_and_prints_nothing(capsys, caplog):
    with caplog.at_level(logging.INFO, logger="skmc"):
        for E in GENERAL:
            make(E).fit(data())
        assert caplog.records == []
        model = make(ALSCompleter, alpha=1.0, verbose=2).fit(data())
    assert len(caplog.records) == model.n_iter_ // 2
    assert {record.name for record in caplog.records} == {"skmc"}
    assert "iteration 2: objective" in caplog.records[0].getMessage()
    out = capsys.readouterr()
    assert out.out == ""


@pytest.mark.parametrize("momentum", ["nesterov", None])
def test_step_that_is_too_long_raises(momentum):
    X = np.random.default_rng(0).normal(size=(30, 10))
    with pytest.raises(ValueError, match=r"diverged at iteration \d+.*Lower step_size"):
        ProjectedGDCompleter(rank=3, step_size=5.0, momentum=momentum).fit(X)


@pytest.mark.parametrize("momentum", ["nesterov", None])
def test_safe_step_converges(momentum):
    X = data()
    auto = ProjectedGDCompleter(rank=3, scale=True, tol=1e-8).fit(X)
    safe = clone(auto).set_params(step_size=1.0, momentum=momentum).fit(X)
    assert safe.converged_
    np.testing.assert_allclose(safe.transform(X), auto.transform(X), atol=1e-5)


@each
def test_threads_give_the_same_bits(E):
    rng = np.random.default_rng(0)
    X = make_low_rank(600, 300, 3, observed=0.2, noise=0.1, random_state=0).X
    weights = {"entry_weight": rng.uniform(0.5, 2.0, X.shape)} if E in WEIGHTED else {}
    results = []
    for n_jobs in (1, 2, 3, -1, None):
        model = make(E, n_jobs=n_jobs, tol=0.1).fit(X, **weights)
        results.append((model.transform(X), model.leave_one_out(X), model.components_))
    for result in results[1:]:
        for found, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(found, expected)


@each
def test_pickle_clone_and_joblib(E, tmp_path):
    X = data()
    model = make(E, add_indicator=True).fit(X)
    joblib.dump(model, tmp_path / "model.joblib")
    read_only = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for other in (pickle.loads(pickle.dumps(model)), read_only):
        np.testing.assert_array_equal(other.transform(X), model.transform(X))
        np.testing.assert_array_equal(*(m.predict_entries([0], [1]) for m in (other, model)))
    fresh = clone(model)
    for method in ("transform", "score", "row_factors", "leave_one_out"):
        with pytest.raises(NotFittedError):
            getattr(fresh, method)(X)
    with pytest.raises(NotFittedError):
        fresh.predict_entries([0], [0])


@pytest.mark.parametrize("E", [E for E in GENERAL if "interpolates" not in supports(E)])
@pytest.mark.filterwarnings("ignore::skmc.exceptions.UndeterminedWarning")
def test_rank_is_clipped_in_the_attribute_alone(E):
    model = at(E, rank=99).fit(data()[:, :4])
    assert 99 in model.get_params().values()
    assert model.rank_ <= 4
    assert model.components_.shape == (model.rank_, 4)


@each
def test_hidden_entries_do_not_leak(E):
    X = data()
    other = np.ma.array(np.nan_to_num(X, nan=1e6), mask=np.isnan(X))
    np.testing.assert_array_equal(make(E).fit_transform(other), make(E).fit_transform(X))


def empty_columns():
    X = data()
    X[:, [4, 9]] = np.nan
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(30)])
    return X, frame


@each
def test_empty_columns_are_kept_with_the_grand_mean(E):
    X, frame = empty_columns()
    message = r"2 column\(s\).*no observed entry: 4, 9\. They are filled with the grand mean"
    with pytest.warns(UserWarning, match=rf"{message} of all entries, {np.nanmean(X):.4g}, "):
        model = make(E).fit(X)
    found = model.transform(X)
    np.testing.assert_allclose(found[:, [4, 9]], np.nanmean(X))
    with pytest.warns(UserWarning, match="c4, c9"):
        model.fit(frame)
    # Observed for the first time: kept as it is, and no reason to fail.
    frame.loc[3, "c4"] = 77.0
    model.set_params(keep_observed=True)
    assert model.transform(frame)[3, 4] == 77.0
    without = make(E).fit(np.delete(X, [4, 9], axis=1))
    rest = np.delete(found, [4, 9], axis=1)
    np.testing.assert_allclose(rest, without.transform(np.delete(X, [4, 9], axis=1)), atol=1e-1)


@each
def test_empty_columns_are_dropped(E):
    _, frame = empty_columns()
    model = make(E, keep_empty_features=False, add_indicator=True).set_output(transform="pandas")
    with pytest.warns(UserWarning, match="c4, c9.*dropped"):
        out = model.fit_transform(frame)
    kept = [c for c in frame if c not in ("c4", "c9")]
    assert list(out.columns[:28]) == kept
    holes = [f"missingindicator_{c}" for c in frame if frame[c].isna().any()]
    assert list(out.columns[28:]) == holes == list(model.get_feature_names_out()[28:])
    np.testing.assert_array_equal(
        out[holes].to_numpy(), frame.isna()[[c.split("_")[1] for c in holes]].to_numpy()
    )


@each
def test_indicator_is_of_the_columns_with_holes_in_fit(E):
    X = data()
    X[:, :2] = 1.0 + np.arange(120.0).reshape(60, 2)
    model = make(E, add_indicator=True).fit(X)
    X[0, 0] = np.nan
    out = model.transform(X)
    assert out.shape == (60, 30 + 28)
    np.testing.assert_array_equal(out[:, 30:], np.isnan(X[:, 2:]))


@each
def test_a_row_without_entries_gets_the_offsets(E):
    X = data()
    X[7] = np.nan
    model = make(E).fit(X)
    np.testing.assert_allclose(model.transform(X)[7], model.offsets_)
    np.testing.assert_allclose(model.row_factors(X)[7], 0.0)


@each
@pytest.mark.parametrize("load", [load_diabetes, load_wine, load_breast_cancer])
def test_defaults_converge_on_ordinary_tables(E, load):
    # Convergence warnings are errors here. Searches for exact fits are not for ordinary tables at
    # the rank of ten that they have by default.
    exact = issubclass(type(make(E)._make_solver()), PolishedSearch)
    table, _ = hide_entries(load().data, 0.2, random_state=0)
    assert (make(E) if exact else E()).fit(table).converged_


@pytest.mark.parametrize("E", [GaussNewtonCompleter, IRLSCompleter])
def test_fits_that_run_away_say_so_and_stop(E):
    # At twice the rank of the signal the noise determines next to nothing.
    for seed in (3, 4, 5):
        X = make_low_rank(60, 40, 2, observed=0.4, noise=0.1, offsets=1.0, random_state=seed).X
        with pytest.warns(ConvergenceWarning, match="ran away from the data.*lower the rank"):
            model = E(rank=5).fit(X)
        assert not model.converged_
        assert np.abs(model.transform(X)).max() < 4 * np.nanmax(np.abs(X))


@pytest.mark.parametrize("E", [ALSCompleter, FactorizedGDCompleter])
def test_a_warm_start_from_nothing_is_left(E):
    X = data()
    params = {"rank": 3, "scale": True, "tol": 1e-7, "max_iter": 2000}
    model = E(alpha=1e6, **params).fit(X)
    warm = model.set_params(warm_start=True, alpha=1.0).fit_transform(X)
    np.testing.assert_allclose(warm, E(alpha=1.0, **params).fit_transform(X), atol=1e-4)


def test_fit_after_a_failure_is_not_fitted():
    model = ALSCompleter()
    with pytest.raises(ValueError, match="missing"):
        model.fit(np.full((3, 2), np.nan))
    with pytest.raises(NotFittedError):
        model.transform(np.ones((3, 2)))


@each_weighted
@pytest.mark.parametrize("factor", [0.01, 100.0])
@pytest.mark.parametrize("penalty", ["auto", 2.0])
def test_a_common_factor_of_the_entry_weights_is_a_unit(E, factor, penalty):
    X = data()
    weights = np.random.default_rng(0).uniform(0.5, 2.0, X.shape)
    expected = at(E, alpha=penalty).fit(X, entry_weight=weights)
    alpha = penalty if penalty == "auto" else factor * penalty
    found = at(E, alpha=alpha).fit(X, entry_weight=factor * weights)
    np.testing.assert_allclose(found.transform(X), expected.transform(X), atol=1e-6)
    assert found.alpha_ == pytest.approx(factor * expected.alpha_)


@each
def test_warnings_name_the_line_of_the_user(E):
    X = data()
    X[:, 3] = np.nan
    for fit in (make(E).fit, make(E).fit_transform, make_pipeline(make(E)).fit):
        with pytest.warns(UserWarning, match="no observed entry") as record:
            fit(X)
        assert {warning.filename for warning in record} == {__file__}
