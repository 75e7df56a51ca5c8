"""Accuracy: exact recovery, noise, and solvers that answer for each other."""

import numpy as np
import pytest

from skmc import ALSCompleter, ProjectedGDCompleter, SoftImputeCompleter
from skmc.datasets import make_low_rank

UNITS = [{}, {"center": "both"}, {"center": False, "scale": False}]
HARD_RANK = [ALSCompleter(rank=5, alpha=0), ProjectedGDCompleter(rank=5)]


def relative_error(found, truth, hidden):
    return np.linalg.norm((found - truth)[hidden]) / np.linalg.norm(truth[hidden])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("completer", HARD_RANK, ids=str)
def test_exact_recovery_with_column_offsets(completer, seed):
    data = make_low_rank(300, 200, 5, observed=0.5, offsets=3.0, random_state=seed)
    assert relative_error(completer.fit_transform(data.X), data.truth, ~data.mask) < 1e-5
    assert completer.converged_


@pytest.mark.parametrize("completer", HARD_RANK, ids=str)
def test_exact_recovery_with_wildly_different_units(completer):
    data = make_low_rank(300, 200, 5, observed=0.5, offsets=3.0, random_state=0)
    units = np.random.default_rng(0).permutation(10.0 ** np.linspace(-6, 6, 200))
    found = completer.fit_transform(data.X * units) / units
    error = np.linalg.norm(np.where(data.mask, 0, found - data.truth), axis=0)
    assert (error < 1e-5 * np.linalg.norm(data.truth, axis=0)).all()


@pytest.mark.parametrize("E", [ALSCompleter, ProjectedGDCompleter])
def test_exact_recovery_with_row_and_column_offsets(E):
    # A matrix a_i + b_j has rank 2, and rank 0 with both kinds of offsets.
    rng = np.random.default_rng(0)
    truth = 3 * rng.normal(size=(80, 1)) + rng.normal(size=30)
    X = np.where(rng.random(truth.shape) < 0.5, truth, np.nan)
    params = {"alpha": 0} if E is ALSCompleter else {}
    found = E(rank=1, center="both", **params).fit_transform(X)
    assert relative_error(found, truth, np.isnan(X)) < 1e-5


@pytest.mark.parametrize("E", [ALSCompleter, SoftImputeCompleter])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_defaults_on_noisy_low_rank_data(E, seed):
    # The best possible is about 0.037, the best penalties give 0.052 and 0.060.
    data = make_low_rank(500, 100, 5, observed=0.5, noise=0.1, random_state=seed)
    found = E(keep_observed=False).fit_transform(data.X)
    assert np.sqrt(np.mean((found - data.truth) ** 2)) <= 0.065


@pytest.mark.parametrize("E", [ALSCompleter, SoftImputeCompleter])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("shape", "observed"), [((500, 100), 0.5), ((60, 20), 0.4)])
def test_defaults_on_pure_noise(E, seed, shape, observed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=shape) + rng.normal(size=shape[1])
    X = np.where(rng.random(shape) < observed, truth, np.nan)
    hidden = np.isnan(X)
    found = E().fit_transform(X)
    by_mean = np.linalg.norm((truth - np.nanmean(X, axis=0))[hidden])
    assert np.linalg.norm((truth - found)[hidden]) <= 1.05 * by_mean


@pytest.mark.parametrize("params", UNITS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_als_and_soft_impute_reach_the_same_objective(params, weighted):
    data = make_low_rank(60, 30, 4, observed=0.5, noise=0.2, offsets=1.0, random_state=3)
    W = np.random.default_rng(0).uniform(0.5, 2.0, data.X.shape) if weighted else None
    params = {"alpha": 3.0, "tol": 1e-10, "max_iter": 5000, "keep_observed": False, **params}
    als = ALSCompleter(rank=30, **params).fit(data.X, entry_weight=W)
    soft = SoftImputeCompleter(**params).fit(data.X, entry_weight=W)
    assert als.trace_["objective"][-1] == pytest.approx(soft.trace_["objective"][-1], rel=1e-8)
    assert als.alpha_ == soft.alpha_ == pytest.approx(3.0)
    np.testing.assert_allclose(als.transform(data.X), soft.transform(data.X), atol=1e-4)


def test_hard_rank_solvers_reach_the_same_objective():
    data = make_low_rank(80, 40, 3, observed=0.6, noise=0.1, offsets=1.0, random_state=0)
    params = {"rank": 3, "tol": 1e-10, "max_iter": 5000, "scale": True}
    als = ALSCompleter(alpha=0, **params).fit(data.X)
    for momentum in ("nesterov", None):
        pgd = ProjectedGDCompleter(momentum=momentum, **params).fit(data.X)
        expected = als.trace_["objective"][-1]
        assert pgd.trace_["objective"][-1] == pytest.approx(expected, rel=1e-8)


def test_alpha_max_is_where_nothing_but_offsets_is_left():
    X = make_low_rank(60, 30, 4, observed=0.5, noise=0.2, offsets=1.0, random_state=0).X
    for params in ({}, {"scale": False}, {"center": False, "scale": False}):
        alpha_max = SoftImputeCompleter(**params).fit(X).alpha_max_
        above = SoftImputeCompleter(alpha=1.001 * alpha_max, keep_observed=False, **params).fit(X)
        below = SoftImputeCompleter(alpha=0.98 * alpha_max, **params).fit(X)
        assert (above.rank_, below.rank_) == (0, 1)
        assert above.alpha_max_ == pytest.approx(alpha_max)
        means = np.nanmean(X, axis=0) * bool(params.get("center", True))
        np.testing.assert_allclose(above.transform(X), np.tile(means, (60, 1)), atol=1e-12)


@pytest.mark.parametrize(
    "completer",
    [
        ALSCompleter(rank=10, alpha=3.0),
        SoftImputeCompleter(alpha=3.0),
        SoftImputeCompleter(alpha=3.0, center="both"),
        SoftImputeCompleter(alpha=3.0, center=False, scale=False),
    ],
    ids=str,
)
def test_fold_in_of_the_training_rows_is_the_fit(completer):
    # The objective at the folded-in rows is that which the solver reports: alpha |Z|_* plus loss
    # has one minimum, so Z itself is the solver's. Row offsets are part of the fold-in.
    X = make_low_rank(60, 30, 4, observed=0.5, noise=0.2, offsets=1.0, random_state=0).X
    completer.set_params(tol=1e-12, max_iter=5000, keep_observed=False).fit(X)
    Z = completer.row_factors(X) @ completer.components_
    loss = 0.5 * np.nansum(((X - completer.transform(X)) / completer.scale_) ** 2)
    penalty = completer.fold_in_alpha_ * np.linalg.norm(Z, "nuc")
    if completer.center == "both":
        b = (completer.transform(X) - completer.offsets_) / completer.scale_ - Z
        penalty += 0.5 * completer.row_offset_alpha_ * np.sum(b[:, 0] ** 2)
    reached = completer.trace_["objective"][-1]
    assert loss + penalty == pytest.approx(reached, rel=1e-10)
    # Balanced factors: U'U = V'V in the units of the problem.
    U = completer.row_factors(X)
    V = completer.components_
    np.testing.assert_allclose(U.T @ U, V @ V.T, atol=1e-6 * np.linalg.norm(V @ V.T))


@pytest.mark.parametrize("completer", HARD_RANK, ids=str)
def test_fold_in_of_the_training_rows_without_noise(completer):
    data = make_low_rank(120, 60, 5, observed=0.6, offsets=1.0, random_state=0)
    completer.set_params(tol=1e-10).fit(data.X)
    i, j = np.indices(data.X.shape).reshape(2, -1)
    entries = completer.predict_entries(i, j).reshape(data.X.shape)
    np.testing.assert_allclose(entries, data.truth, atol=1e-6)


@pytest.mark.parametrize("observed", [3, 4, 5, 6, 8])
@pytest.mark.parametrize("completer", HARD_RANK, ids=str)
def test_new_rows_with_about_rank_entries_do_not_explode(completer, observed):
    data = make_low_rank(400, 40, 5, observed=0.6, noise=0.1, random_state=0)
    completer.fit(data.X[:200])
    rng = np.random.default_rng(0)
    new = np.full((200, 40), np.nan)
    for row, truth in zip(new, data.truth[200:], strict=True):
        seen = rng.permutation(40)[:observed]
        row[seen] = truth[seen] + 0.1 * rng.normal(size=observed)
    hidden = np.isnan(new)
    error = np.sqrt(np.mean((completer.transform(new) - data.truth[200:])[hidden] ** 2))
    assert error < 1.05 * np.sqrt(np.mean(data.truth[200:][hidden] ** 2))


def test_row_offsets_improve_ratings_with_user_effects():
    rng = np.random.default_rng(0)
    low_rank = make_low_rank(150, 60, 2, random_state=0).truth
    truth = 0.7 * rng.normal(size=(150, 1)) + rng.normal(size=60) + 0.3 * low_rank
    X = np.where(rng.random(truth.shape) < 0.15, truth + 0.7 * rng.normal(size=truth.shape), np.nan)
    hidden = np.isnan(X)
    for E in (ALSCompleter, SoftImputeCompleter):
        error = [
            relative_error(E(center=center).fit_transform(X), truth, hidden)
            for center in (True, "both")
        ]
        assert error[1] < 0.96 * error[0]
